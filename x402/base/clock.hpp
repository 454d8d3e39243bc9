// SPDX-License-Identifier: Apache-2.0
// Time, behind an interface that tests replace. Nothing else reads the time or sleeps. Any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include "x402/base/task.hpp"

namespace x402 {

using Duration = std::chrono::milliseconds;
// Wall-clock time, UTC, milliseconds since 1970.
using Instant = std::chrono::sys_time<Duration>;

inline std::int64_t to_unix_s(Instant at) {
    return std::chrono::floor<std::chrono::seconds>(at).time_since_epoch().count();
}
inline std::int64_t to_unix_ms(Instant at) {
    return at.time_since_epoch().count();
}
inline Instant from_unix_s(std::int64_t seconds) {
    return Instant{std::chrono::seconds{seconds}};
}
inline Instant from_unix_ms(std::int64_t ms) {
    return Instant{Duration{ms}};
}

class Clock {
public:
    virtual ~Clock() = default;
    virtual Instant now() const = 0;
    // Milliseconds that never jump: for deadlines and measurements inside one process.
    virtual Duration steady() const = 0;
    // False when the wait was cancelled.
    virtual Task<bool> sleep(Duration pause) = 0;
};

// The machine's clock; sleeps on the executor of the calling coroutine.
std::unique_ptr<Clock> make_system_clock();

}  // namespace x402
