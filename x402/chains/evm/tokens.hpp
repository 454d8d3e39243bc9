// SPDX-License-Identifier: Apache-2.0
// The tokens of one network: which may be used here, and what the chain proves of each, remembered
// for a while. Any thread.
#pragma once

#include <mutex>
#include <unordered_map>
#include <vector>

#include "x402/base/clock.hpp"
#include "x402/chains/evm/shared_reader.hpp"
#include "x402/chains/evm/token.hpp"
#include "x402/protocol/money.hpp"

namespace x402::evm {

struct TokenOptions {
    std::uint64_t chain_id = 0;
    ChainId network;
    std::vector<AssetInfo> known;       // of the tables
    std::vector<AssetInfo> configured;  // of the configuration; they win over the tables
    bool any_token = false;
};

class Tokens {
public:
    // The references outlive the object.
    Tokens(TokenOptions options, SharedReader& reader, Clock& clock);

    const AssetInfo* listed(const Address& token) const noexcept;
    // Of our own tables, and not only the operator's word.
    bool in_tables(const Address& token) const noexcept;
    bool allowed(const Address& token) const noexcept {
        return options_.any_token || listed(token) != nullptr;
    }
    // Remembered for 15 minutes.
    Task<Result<TokenProof>> proof(Address token);
    // Whether the token reverts on a nonce that is used, seen by asking for this transfer twice in
    // one call; remembered as long as its proof. False where it could not be seen.
    Task<bool> refuses_reuse(Address token, Bytes transfer);
    // A row of the lists, completed from the chain; an unlisted token is read from the chain.
    Task<Result<AssetInfo>> info(Address token);
    // Every configured token is what it claims; a table's row that is not is only reported.
    Task<Result<void>> prove_listed();

private:
    struct Entry {
        TokenProof proof;
        Duration at{};
        bool refuses_reuse = false;
    };
    std::optional<TokenProof> remembered(const Address& token);
    void remember(const Address& token, const TokenProof& proof);
    Result<void> judge_configured(const AssetInfo& asset, const TokenProof& proof) const;

    TokenOptions options_;
    SharedReader& reader_;
    Clock& clock_;
    std::mutex mutex_;
    std::unordered_map<Address, Entry> cache_;
};

}  // namespace x402::evm
