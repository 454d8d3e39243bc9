// SPDX-License-Identifier: Apache-2.0
// Whether the money that the routes ask for would arrive, as far as the networks can be asked: some
// need the recipient to be ready for it. An account may appear later, so a start only tells; a
// --check fails. Any thread.
#pragma once

#include <string>
#include <vector>

#include "x402/net/runtime.hpp"
#include "x402/server/config.hpp"

namespace x402::server {

// Who has not answered by then says nothing.
inline constexpr Duration kAskRecipients = std::chrono::seconds(5);

struct RecipientFindings {
    std::vector<Error> faults;         // where, why, and what repairs it; in the routes' order
    std::vector<std::string> unasked;  // networks that could not say, or not within the limit
};

// Each network, recipient and asset of the routes once. `chains`: the networks that can be asked;
// they outlive what runs on `executor`, where an answer may still arrive after the limit.
Task<RecipientFindings> check_recipients(const Config& config, std::vector<Chain*> chains,
                                         net::Executor executor, Duration limit);

}  // namespace x402::server
