// SPDX-License-Identifier: Apache-2.0
#include "x402/transports/http/retry_after.hpp"

#include <algorithm>
#include <array>
#include <chrono>

namespace x402::transports {
namespace {

using namespace std::chrono_literals;

constexpr Duration kLongest = 24h;
constexpr std::size_t kDateLength = 29;
constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

std::optional<int> digits(std::string_view text) {
    int value = 0;
    for (const char c : text) {
        if (c < '0' || c > '9') return std::nullopt;
        value = value * 10 + (c - '0');
    }
    return value;
}

// "Sun, 06 Nov 1994 08:49:37 GMT": every piece at its place. The name of the day is not looked at.
std::optional<Instant> parse_date(std::string_view text) {
    if (text.size() != kDateLength || text.substr(3, 2) != ", " || text.substr(25) != " GMT")
        return std::nullopt;
    if (text[7] != ' ' || text[11] != ' ' || text[16] != ' ' || text[19] != ':' || text[22] != ':')
        return std::nullopt;
    const auto month = std::find(kMonths.begin(), kMonths.end(), text.substr(8, 3));
    const auto day = digits(text.substr(5, 2));
    const auto year = digits(text.substr(12, 4));
    const auto hour = digits(text.substr(17, 2));
    const auto minute = digits(text.substr(20, 2));
    const auto second = digits(text.substr(23, 2));
    if (month == kMonths.end() || !day || !year || !hour || !minute || !second) return std::nullopt;
    if (*hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
    const std::chrono::year_month_day date{
        std::chrono::year{*year},
        std::chrono::month{static_cast<unsigned>(month - kMonths.begin()) + 1},
        std::chrono::day{static_cast<unsigned>(*day)}};
    if (!date.ok()) return std::nullopt;
    return std::chrono::sys_days{date} + std::chrono::hours{*hour} + std::chrono::minutes{*minute} +
           std::chrono::seconds{*second};
}

}  // namespace

std::optional<Duration> parse_retry_after(std::string_view value, Instant now) {
    constexpr std::size_t kMaxDigits = 9;  // fits an int; thirty years is a day here
    if (value.empty()) return std::nullopt;
    if (value.find_first_not_of("0123456789") == std::string_view::npos) {
        if (value.size() > kMaxDigits) return kLongest;
        return std::min<Duration>(std::chrono::seconds(*digits(value)), kLongest);
    }
    const auto at = parse_date(value);
    if (!at) return std::nullopt;
    return std::clamp<Duration>(*at - now, Duration::zero(), kLongest);
}

}  // namespace x402::transports
