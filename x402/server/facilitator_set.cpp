// SPDX-License-Identifier: Apache-2.0
// The set of facilitators. See facilitator_set.hpp; any thread.
#include "x402/server/facilitator_set.hpp"

#include <algorithm>

#include "x402/base/log.hpp"

namespace x402::server {

FacilitatorSet::FacilitatorSet(std::vector<FacilitatorEntry> entries) {
    for (FacilitatorEntry& entry : entries) rows_.push_back({std::move(entry), std::nullopt});
}

Task<bool> FacilitatorSet::refresh(bool all) {
    bool learned = false;
    for (Row& row : rows_) {
        {
            const std::scoped_lock lock(mutex_);
            if (row.supported && !all) continue;
        }
        auto supported = co_await row.entry.api->supported();
        if (!supported) {
            log::warn("facilitator_not_reached", {{"facilitator", row.entry.api->name()},
                                                  {"detail", to_string(supported.error())}});
            continue;
        }
        const std::scoped_lock lock(mutex_);
        row.supported = std::move(*supported);
        learned = true;
    }
    co_return learned;
}

bool FacilitatorSet::all_reached() const {
    return missing().empty();
}

std::string FacilitatorSet::missing() const {
    const std::scoped_lock lock(mutex_);
    std::string names;
    for (const Row& row : rows_) {
        if (row.supported) continue;
        if (!names.empty()) names += ", ";
        names += row.entry.api->name();
    }
    return names;
}

bool FacilitatorSet::serves(const Row& row, const ChainId& network) const noexcept {
    const auto& patterns = row.entry.networks;
    return patterns.empty() ||
           std::any_of(patterns.begin(), patterns.end(),
                       [&network](const ChainPattern& each) { return each.matches(network); });
}

std::optional<FacilitatorSet::Choice> FacilitatorSet::choose(std::string_view scheme,
                                                             const ChainId& network) const {
    const std::scoped_lock lock(mutex_);
    for (const Row& row : rows_) {
        if (!row.supported || !serves(row, network)) continue;
        for (const SupportedKind& kind : row.supported->kinds) {
            if (kind.version != kVersion2 || kind.scheme != scheme) continue;
            // A facilitator may announce a whole family ("eip155:*"), which no ChainId can hold.
            const auto pattern =
                ChainPattern::parse(kind.network.empty() ? kind.network_text : kind.network.text());
            if (pattern && pattern->matches(network))
                return Choice{row.entry.api.get(), kind.extra, row.entry.proof};
        }
    }
    return std::nullopt;
}

bool FacilitatorSet::may_yet_serve(const ChainId& network) const {
    const std::scoped_lock lock(mutex_);
    return std::any_of(rows_.begin(), rows_.end(),
                       [&](const Row& row) { return !row.supported && serves(row, network); });
}

const FacilitatorEntry* FacilitatorSet::entry(std::string_view name) const noexcept {
    for (const Row& row : rows_) {
        if (row.entry.api->name() == name) return &row.entry;
    }
    return nullptr;
}

FacilitatorApi* FacilitatorSet::named(std::string_view name) const noexcept {
    const FacilitatorEntry* found = entry(name);
    return found == nullptr ? nullptr : found->api.get();
}

std::vector<std::string> FacilitatorSet::signers(std::string_view name,
                                                 const ChainId& network) const {
    const std::scoped_lock lock(mutex_);
    std::vector<std::string> addresses;
    for (const Row& row : rows_) {
        if (!row.supported || row.entry.api->name() != name) continue;
        for (const auto& member : row.supported->signers) {
            const auto pattern = ChainPattern::parse(std::string_view(member.key()));
            if (!pattern || !pattern->matches(network) || !member.value().is_array()) continue;
            for (const json::Value& each : member.value().get_array()) {
                if (each.is_string()) addresses.emplace_back(each.get_string());
            }
        }
    }
    return addresses;
}

}  // namespace x402::server
