// SPDX-License-Identifier: Apache-2.0
// What an operator watches: pending settlements and the oldest of them, lanes, signers' funds,
// endpoints. Names as the dashboards of the field expect them. Home core.
#pragma once

#include "x402/facilitator/desk.hpp"

namespace x402::facilitator {

// From the desk alone; asks nobody.
void set_gauges(Desk& desk);
// Reads the signers' funds now and then, until the desk's gate is closed.
Task<void> watch_funds(DeskPtr desk, Line* line);

// One finished request, for the counters of requests.
struct Served {
    std::string_view what;    // "verify", "settle"
    std::string_view status;  // "success", "invalid", "failed", "pending", "duplicate", "error"
    const PaymentRequirements& asked;
    Duration took{};
};
void count_served(Desk& desk, const Served& served);

}  // namespace x402::facilitator
