// SPDX-License-Identifier: Apache-2.0
// Payers whose payments came to nothing after the upstream had worked for them: after three losses
// in ten minutes a payer settles before the work on that route, for an hour. Never a ban. Bounded;
// any thread.
#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "x402/base/clock.hpp"

namespace x402::server {

class Losses {
public:
    void note(const std::string& payer, const std::string& route, Instant now);
    bool must_pay_first(const std::string& payer, const std::string& route, Instant now) const;

private:
    struct Row {
        std::deque<Instant> losses;  // the latest few
        Instant until{};
    };
    mutable std::mutex mutex_;
    std::map<std::pair<std::string, std::string>, Row> rows_;
};

}  // namespace x402::server
