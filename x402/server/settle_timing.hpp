// SPDX-License-Identifier: Apache-2.0
// When money moves relative to the seller's answer, as data: before the upstream works, or after it
// has answered with a status that is worth paying for. Pure; any thread.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "x402/base/result.hpp"

namespace x402::server {

enum class SettleMoment { before, after };

struct StatusTest {
    enum class How { less, at_most, greater, at_least, equal, other };
    How how = How::less;
    int status = 400;
    bool holds(int actual) const noexcept;
};

struct SettleTiming {
    SettleMoment moment = SettleMoment::after;
    std::vector<StatusTest> when;  // after: all must hold; none: 2xx and 3xx are paid for

    // After: whether an answer of this status is paid for.
    bool pays(int status) const noexcept;
    // Before: whether an answer of this status delivers what was paid.
    bool delivers(int status) const noexcept { return status < 500; }
    // How often the upstream may be run for one payment, when its answers do not arrive.
    std::uint32_t most_runs() const noexcept { return moment == SettleMoment::before ? 3 : 2; }
};

// "status < 300", "status >= 200 and status != 204".
Result<std::vector<StatusTest>> read_status_tests(std::string_view text);

}  // namespace x402::server
