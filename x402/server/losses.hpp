// SPDX-License-Identifier: Apache-2.0
// Payers whose payments came to nothing after the upstream had worked for them: after three losses
// in ten minutes a payer settles before the work on that route, for an hour. Never a ban. Bounded;
// any thread.
#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "x402/base/clock.hpp"

namespace x402::server {

// A payment that had so little time left that it could not be settled in it is nobody's trick.
inline constexpr auto kDying = std::chrono::seconds(10);
inline bool is_dying(Instant usable_until, Instant now) noexcept {
    return usable_until < now + kDying;
}

// Whether a payment that came to nothing counts. `code`: why, in the facilitator's words; trouble
// of its own is nobody's loss. Where the payment's time has run out by then, a slow facilitator may
// be to blame: but not for what the payer alone can do, which a public chain makes certain only
// long afterwards.
bool is_payers_loss(Instant usable_until, Instant now, std::string_view code) noexcept;

class Losses {
public:
    void note(const std::string& payer, const std::string& route, Instant now);
    bool must_pay_first(const std::string& payer, const std::string& route, Instant now) const;

private:
    struct Row {
        std::deque<Instant> losses;  // the latest few
        Instant until{};
    };
    bool make_room(Instant now);
    mutable std::mutex mutex_;
    std::map<std::pair<std::string, std::string>, Row> rows_;
};

}  // namespace x402::server
