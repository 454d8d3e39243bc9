// SPDX-License-Identifier: Apache-2.0
// Which hosts may be asked, and which may be paid: nothing private that the payer did not name, no
// payment over plain http through a network, no payment to a host that only looks like one that was
// paid before. Pure; any thread.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "x402/client/policy.hpp"
#include "x402/client/result.hpp"
#include "x402/net/ssrf_guard.hpp"

namespace x402::client {

// True when the connection must not reach a private address. `typed` is the host of the URL the
// caller gave.
bool must_guard(const Policy& policy, const net::UrlParts& url, std::string_view typed) noexcept;
// Why a payment may not be sent there; nothing where it may. `paid_hosts` are those of the journal.
std::optional<PayError> cannot_pay_host(const Policy& policy, const net::UrlParts& url,
                                        std::span<const std::string> paid_hosts);
// The text that hosts share which an eye may confuse: 0 and o, 1, i and l, rn and m, vv and w, and
// separators.
std::string skeleton(std::string_view host);

}  // namespace x402::client
