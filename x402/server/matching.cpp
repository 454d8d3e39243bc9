// SPDX-License-Identifier: Apache-2.0
// Matching. See matching.hpp; pure.
#include "x402/server/matching.hpp"

#include <algorithm>

#include "x402/protocol/codec.hpp"

namespace x402::server {

bool is_echo_of(const MatchOffer& offer, const PaymentRequirements& accepted) {
    const PaymentRequirements& ours = offer.requirements;
    if (!same_terms(ours, accepted) || ours.max_timeout_seconds != accepted.max_timeout_seconds)
        return false;
    if (!accepted.unknown.empty()) return false;
    json::Object fixed;
    for (const auto& member : ours.extra) {
        const std::string_view key = member.key();
        const bool dynamic = key == kQuoteMember ||
                             std::any_of(offer.dynamic_extra.begin(), offer.dynamic_extra.end(),
                                         [key](const std::string& d) { return d == key; });
        if (!dynamic) fixed.emplace(member.key(), member.value());
    }
    const json::Value part(std::move(fixed));
    const json::Value whole(accepted.extra);
    return json::is_subset(part, whole);
}

std::optional<std::size_t> match_offer(const std::vector<MatchOffer>& offers,
                                       const PaymentRequirements& accepted) {
    for (std::size_t i = 0; i < offers.size(); ++i) {
        if (is_echo_of(offers[i], accepted)) return i;
    }
    return std::nullopt;
}

std::string quote_of(const PaymentRequirements& accepted) {
    return json::text_or_empty(accepted.extra, kQuoteMember);
}

}  // namespace x402::server
