// SPDX-License-Identifier: Apache-2.0
// Whether what a client says it accepted is one of our offers. Every member must be equal; our
// `extra` must stand in theirs, but for the members a scheme calls dynamic, and but for the quote,
// which is judged apart. Pure; any thread. (core spec, section 5.2)
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "x402/protocol/types.hpp"

namespace x402::server {

struct MatchOffer {
    PaymentRequirements requirements;  // as advertised, without the quote
    std::vector<std::string> dynamic_extra;
};

inline constexpr std::string_view kQuoteMember = "quote";

bool is_echo_of(const MatchOffer& offer, const PaymentRequirements& accepted);
// The first offer that was accepted.
std::optional<std::size_t> match_offer(const std::vector<MatchOffer>& offers,
                                       const PaymentRequirements& accepted);
// The quote that was echoed; empty when there is none.
std::string quote_of(const PaymentRequirements& accepted);

}  // namespace x402::server
