// SPDX-License-Identifier: Apache-2.0
// The tokens of one network: which may be used here, and what their mints say, remembered for a
// while. Any thread.
#pragma once

#include <mutex>
#include <unordered_map>

#include "x402/chains/svm/accounts.hpp"
#include "x402/chains/svm/rpc.hpp"

namespace x402::svm {

struct MintOptions {
    ChainId network;
    std::vector<AssetInfo> known;       // of the tables
    std::vector<AssetInfo> configured;  // of the configuration; they win over the tables
    bool any_token = false;
};

// What is to be known of a mint before a payment in it is believed.
struct MintFacts {
    bool exists = false;
    Address program;  // the token program
    std::uint8_t decimals = 0;
    std::string harmful;  // an extension that may keep a transfer from arriving whole; or empty
};

class Mints {
public:
    // The references outlive the object.
    Mints(MintOptions options, Rpc& rpc, Clock& clock);

    const AssetInfo* listed(const Address& mint) const noexcept;
    bool allowed(const Address& mint) const noexcept {
        return options_.any_token || listed(mint) != nullptr;
    }
    // Remembered for 15 minutes, a mint with a harmful or a fee extension for one: a fee may be
    // changed by its authority.
    Task<Result<MintFacts>> facts(Address mint);
    // A row of the lists, completed from the chain; an unlisted mint is read from the chain.
    Task<Result<AssetInfo>> info(Address mint);
    // Every configured token is what it claims; a table's row that is not there is only reported.
    Task<Result<void>> prove_listed();

private:
    struct Entry {
        MintFacts facts;
        Duration until{};
    };
    MintOptions options_;
    Rpc& rpc_;
    Clock& clock_;
    std::mutex mutex_;
    std::unordered_map<Address, Entry> cache_;
};

}  // namespace x402::svm
