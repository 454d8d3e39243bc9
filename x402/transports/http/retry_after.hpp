// SPDX-License-Identifier: Apache-2.0
// Retry-After (RFC 9110 10.2.3): a count of seconds or a date. Any thread.
#pragma once

#include <optional>
#include <string_view>

#include "x402/base/clock.hpp"

namespace x402::transports {

// How long to wait from `now`: never negative, at most a day. Nothing for what is neither digits
// nor a date in the preferred format ("Sun, 06 Nov 1994 08:49:37 GMT", RFC 9110 5.6.7).
std::optional<Duration> parse_retry_after(std::string_view value, Instant now);

}  // namespace x402::transports
