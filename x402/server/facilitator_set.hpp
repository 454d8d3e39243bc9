// SPDX-License-Identifier: Apache-2.0
// The facilitators of a gateway in the order of the configuration, and what each told of itself.
// The first that serves a scheme on a network is the one for it; a payment stays with the one it
// was first shown to. Any thread.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "x402/protocol/facilitator_api.hpp"
#include "x402/server/proof_by.hpp"

namespace x402::server {

struct FacilitatorEntry {
    std::unique_ptr<FacilitatorApi> api;
    std::vector<ChainPattern> networks;  // empty: every network
    ProofBy proof = ProofBy::facilitator;
};

class FacilitatorSet {
public:
    explicit FacilitatorSet(std::vector<FacilitatorEntry> entries);

    // Asks those that were not reached yet, or all. True when something was learned.
    Task<bool> refresh(bool all);
    bool all_reached() const;
    // Who is missing, for the ready page; empty when nobody is.
    std::string missing() const;

    struct Choice {
        FacilitatorApi* api = nullptr;
        json::Object extra;  // of the supported kind
        ProofBy proof = ProofBy::facilitator;
    };
    std::optional<Choice> choose(std::string_view scheme, const ChainId& network) const;
    // Whether one that was not reached yet might serve this network.
    bool may_yet_serve(const ChainId& network) const;
    // Stays where it is as long as the set.
    const FacilitatorEntry* entry(std::string_view name) const noexcept;
    FacilitatorApi* named(std::string_view name) const noexcept;
    // The addresses it sends transactions of this network from.
    std::vector<std::string> signers(std::string_view name, const ChainId& network) const;

private:
    struct Row {
        FacilitatorEntry entry;
        std::optional<Supported> supported;
    };
    bool serves(const Row& row, const ChainId& network) const noexcept;

    mutable std::mutex mutex_;  // guards `supported` of the rows; the rows themselves stay
    std::vector<Row> rows_;
};

}  // namespace x402::server
