// SPDX-License-Identifier: Apache-2.0
// Address ranges after the IANA special-purpose registries (RFC 6890 and its updates). Whatever is
// not known to be global is refused. Pure; any thread.
#include "x402/net/ssrf_guard.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <span>

#include "x402/base/limits.hpp"
#include "x402/net/http.hpp"

namespace x402::net {
namespace {

using Ipv4 = std::uint32_t;
using Ipv6 = std::array<std::uint8_t, 16>;

struct Range4 {
    Ipv4 base;
    int bits;
};

constexpr Ipv4 v4(unsigned a, unsigned b, unsigned c, unsigned d) noexcept {
    return (a << 24U) | (b << 16U) | (c << 8U) | d;
}

constexpr Range4 kNotGlobal4[] = {
    {v4(0, 0, 0, 0), 8},         // this network, "0.0.0.0" reaches loopback on Linux
    {v4(10, 0, 0, 0), 8},        // private
    {v4(100, 64, 0, 0), 10},     // carrier-grade NAT, some clouds' metadata
    {v4(127, 0, 0, 0), 8},       // loopback
    {v4(168, 63, 129, 16), 32},  // a cloud's host agent behind a public number
    {v4(169, 254, 0, 0), 16},    // link-local, cloud metadata
    {v4(172, 16, 0, 0), 12},     // private
    {v4(192, 0, 0, 0), 24},      // protocol assignments
    {v4(192, 0, 2, 0), 24},      // documentation
    {v4(192, 88, 99, 0), 24},    // 6to4 relays
    {v4(192, 168, 0, 0), 16},    // private
    {v4(198, 18, 0, 0), 15},     // benchmarks
    {v4(198, 51, 100, 0), 24},   // documentation
    {v4(203, 0, 113, 0), 24},    // documentation
    {v4(224, 0, 0, 0), 4},       // multicast
    {v4(240, 0, 0, 0), 4},       // reserved and broadcast
};

bool is_global(Ipv4 address) noexcept {
    return std::none_of(std::begin(kNotGlobal4), std::end(kNotGlobal4),
                        [address](const Range4& range) {
                            const auto shift = static_cast<unsigned>(32 - range.bits);
                            return (address >> shift) == (range.base >> shift);
                        });
}

struct Range6 {
    std::array<std::uint8_t, 16> base;
    int bits;
};

// Only 2000::/3 is global unicast; these parts of it are not.
constexpr Range6 kNotGlobal6[] = {
    {{0x20, 0x01}, 23},              // protocol assignments, Teredo among them
    {{0x20, 0x01, 0x0d, 0xb8}, 32},  // documentation
    {{0x3f, 0xff}, 20},              // documentation
};
constexpr Range6 kGlobal6 = {{0x20}, 3};
constexpr Range6 kMapped = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96};  // ::ffff:0:0/96
constexpr Range6 kTranslated = {{0, 0x64, 0xff, 0x9b}, 96};  // 64:ff9b::/96, RFC 6052
constexpr Range6 kSixToFour = {{0x20, 0x02}, 16};            // RFC 3056

bool inside(const Ipv6& address, const Range6& range) noexcept {
    const auto whole = static_cast<std::size_t>(range.bits / 8);
    if (std::memcmp(address.data(), range.base.data(), whole) != 0) return false;
    const int rest = range.bits % 8;
    if (rest == 0) return true;
    const auto mask = static_cast<std::uint8_t>(0xff << (8 - rest));
    return (address[whole] & mask) == (range.base[whole] & mask);
}

Ipv4 embedded(const Ipv6& address, std::size_t at) noexcept {
    return v4(address[at], address[at + 1], address[at + 2], address[at + 3]);
}

bool is_global(const Ipv6& address) noexcept {
    if (inside(address, kMapped) || inside(address, kTranslated))
        return is_global(embedded(address, 12));
    if (!inside(address, kGlobal6)) return false;
    if (inside(address, kSixToFour)) return is_global(embedded(address, 2));
    return std::none_of(std::begin(kNotGlobal6), std::end(kNotGlobal6),
                        [&address](const Range6& range) { return inside(address, range); });
}

// inet_pton reads exactly the canonical forms: no octal, hexadecimal or shortened IPv4.
std::optional<Ipv4> parse4(std::string_view text) noexcept {
    std::array<char, INET_ADDRSTRLEN + 1> copy{};
    if (text.size() >= copy.size()) return std::nullopt;
    std::copy(text.begin(), text.end(), copy.begin());
    std::array<std::uint8_t, 4> bytes{};
    if (inet_pton(AF_INET, copy.data(), bytes.data()) != 1) return std::nullopt;
    return v4(bytes[0], bytes[1], bytes[2], bytes[3]);
}

std::optional<Ipv6> parse6(std::string_view text) noexcept {
    std::array<char, INET6_ADDRSTRLEN + 1> copy{};
    if (text.size() >= copy.size()) return std::nullopt;
    std::copy(text.begin(), text.end(), copy.begin());
    Ipv6 bytes{};
    if (inet_pton(AF_INET6, copy.data(), bytes.data()) != 1) return std::nullopt;
    return bytes;
}

std::unexpected<Error> bad_url(std::string detail, std::string next = {}) {
    return fail_field(Errc::invalid, "url", std::move(detail), std::move(next));
}

std::string lower_case(std::string_view text) {
    std::string out{text};
    for (char& c : out) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    }
    return out;
}

bool is_host_name(std::string_view host) noexcept {
    return !host.empty() && host.size() <= 253 && std::all_of(host.begin(), host.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
    });
}

Result<std::string> read_host(const boost::urls::url_view& url) {
    if (url.has_userinfo())
        return bad_url("the URL carries a user name", "send credentials in a header");
    std::string host =
        lower_case(std::string_view{url.encoded_host().data(), url.encoded_host().size()});
    if (url.host_type() == boost::urls::host_type::ipv6) {
        host = host.substr(1, host.size() - 2);
        if (!parse6(host)) return bad_url("the IPv6 address cannot be read");
        return host;
    }
    if (!is_host_name(host)) {
        return bad_url("the host is missing or has characters that no host name has",
                       "write an international name in its xn-- form");
    }
    return host;
}

// Boost 1.81 ends "a:8x/p" at the port and "1.2.3.4.5/p" at the fourth number, and takes the rest
// for the path. Another reader would go elsewhere, so the authority must be all that stands before
// the first of "/?#".
bool is_read_alike(std::string_view url, const boost::urls::url_view& view) noexcept {
    const std::size_t begin = url.find("://");
    if (begin == std::string_view::npos) return false;
    const std::string_view rest = url.substr(begin + 3);
    const std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
    return authority ==
           std::string_view{view.encoded_authority().data(), view.encoded_authority().size()};
}

Result<std::string> read_port(const boost::urls::url_view& url, std::string_view scheme) {
    const std::string_view text{url.port().data(), url.port().size()};
    if (!url.has_port() || text.empty()) return std::string(scheme == "https" ? "443" : "80");
    unsigned number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size() || number == 0 || number > 65535) {
        return bad_url("the port is not between 1 and 65535");
    }
    return std::to_string(number);
}

}  // namespace

std::string UrlParts::origin() const {
    std::string out = scheme + "://";
    out += host.find(':') == std::string::npos ? host : "[" + host + "]";
    const bool usual = port == (scheme == "https" ? "443" : "80");
    if (!usual) out += ":" + port;
    return out;
}

Result<UrlParts> split_url(std::string_view url) {
    if (url.size() > limits::kTargetBytes) return bad_url("the URL is too long");
    const auto parsed = boost::urls::parse_uri({url.data(), url.size()});
    if (parsed.has_error())
        return bad_url("this is no absolute URL", "write it as https://host/path");
    const boost::urls::url_view& view = parsed.value();
    UrlParts parts;
    parts.scheme = lower_case(std::string_view{view.scheme().data(), view.scheme().size()});
    if (parts.scheme != "http" && parts.scheme != "https")
        return bad_url("only http and https are spoken");
    if (!view.has_authority()) return bad_url("the host is missing");
    if (!is_read_alike(url, view)) return bad_url("the host and port can be read in two ways");
    X402_TRY(parts.host, read_host(view));
    X402_TRY(parts.port, read_port(view, parts.scheme));
    parts.target = std::string{view.encoded_path().data(), view.encoded_path().size()};
    if (parts.target.empty()) parts.target = "/";
    if (view.has_query()) {
        parts.target += "?";
        parts.target.append(view.encoded_query().data(), view.encoded_query().size());
    }
    return parts;
}

bool is_public_address(std::string_view address) noexcept {
    if (const auto four = parse4(address)) return is_global(*four);
    if (const auto six = parse6(address)) return is_global(*six);
    return false;
}

bool is_loopback_host(std::string_view host) noexcept {
    constexpr std::string_view kLocalhost = "localhost";
    if (host.size() > 2 && host.front() == '[' && host.back() == ']')
        host = host.substr(1, host.size() - 2);
    if (const auto four = parse4(host)) return (*four >> 24U) == 127;
    if (const auto six = parse6(host)) {
        constexpr Ipv6 kOne = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
        return *six == kOne || (inside(*six, kMapped) && (embedded(*six, 12) >> 24U) == 127);
    }
    if (!host.empty() && host.back() == '.') host.remove_suffix(1);
    if (equal_ignoring_case(host, kLocalhost)) return true;
    if (host.size() <= kLocalhost.size() + 1) return false;
    const std::size_t at = host.size() - kLocalhost.size();
    return host[at - 1] == '.' && equal_ignoring_case(host.substr(at), kLocalhost);
}

}  // namespace x402::net
