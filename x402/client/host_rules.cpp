// SPDX-License-Identifier: Apache-2.0
#include "x402/client/host_rules.hpp"

#include <algorithm>

namespace x402::client {

bool must_guard(const Policy& policy, const net::UrlParts& url, std::string_view typed) noexcept {
    if (host_allowed(policy, url.host)) return false;
    return !(policy.allow_loopback && url.host == typed && net::is_loopback_host(url.host));
}

std::optional<PayError> cannot_pay_host(const Policy& policy, const net::UrlParts& url,
                                        std::span<const std::string> paid_hosts) {
    if (host_allowed(policy, url.host)) return std::nullopt;
    const std::string allow = "pass --allow-host " + url.host + " if you trust it";
    const std::string mine = skeleton(url.host);
    const bool known =
        std::find(paid_hosts.begin(), paid_hosts.end(), url.host) != paid_hosts.end();
    for (const std::string& paid : paid_hosts) {
        if (known || skeleton(paid) != mine) continue;
        return pay_error("lookalike_host",
                         "this host only looks like " + paid + ", which was paid before", allow);
    }
    if (url.scheme != "https" && !net::is_loopback_host(url.host)) {
        return pay_error("insecure_transport",
                         "over plain http anybody on the way can change the recipient",
                         "use https, or " + allow);
    }
    return std::nullopt;
}

std::string skeleton(std::string_view host) {
    // Numbers are compared as they are.
    if (host.find_first_not_of("0123456789.:abcdef") == std::string_view::npos)
        return std::string(host);
    std::string out;
    for (std::size_t i = 0; i < host.size(); ++i) {
        const char c = host[i];
        const char next = i + 1 < host.size() ? host[i + 1] : '\0';
        if ((c == 'r' && next == 'n') || (c == 'v' && next == 'v')) {
            out += c == 'r' ? 'm' : 'w';
            ++i;
        } else if (c == '0') {
            out += 'o';
        } else if (c == '1' || c == 'i') {
            out += 'l';
        } else if (c == '5') {
            out += 's';
        } else if (c != '-' && c != '_' && c != '.') {
            out += c;
        }
    }
    return out;
}

}  // namespace x402::client
