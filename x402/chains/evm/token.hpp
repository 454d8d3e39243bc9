// SPDX-License-Identifier: Apache-2.0
// The calls and events of a token with EIP-3009, and the proof of what domain its payers must sign
// with. Peers' tables of names and versions contradict each other; the chain does not. Any thread.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "x402/chains/evm/eip712.hpp"
#include "x402/chains/evm/multicall.hpp"

namespace x402::evm {

// Calls.
Bytes call_balance_of(const Address& account);
Bytes call_authorization_state(const Address& payer, const Hash32& nonce);
// 65-byte signatures go as v, r, s; any other as bytes.
Bytes call_transfer(const Authorization& authorization, ByteView signature);
Bytes call_is_valid_signature(const Hash32& digest, ByteView signature);
// True where a wallet answered the magic value (ERC-1271).
bool is_accepted_by_wallet(const CallAnswer& answer) noexcept;

// Events: the first topic of each.
Hash32 transfer_topic();
Hash32 authorization_used_topic();
Hash32 authorization_canceled_topic();

// What the chain says of a token.
struct TokenProof {
    bool has_code = false;
    bool eip3009 = false;  // it answers authorizationState
    bool proven = false;   // name and version give its own domain separator
    std::string name;      // as the chain says; "" where it says nothing
    std::string version;
    std::string symbol;
    std::optional<std::uint64_t> decimals;
    std::optional<Hash32> separator;  // its own DOMAIN_SEPARATOR
};

struct TokenClaim {
    std::uint64_t chain_id = 0;
    Address token;
    std::string name;  // what a table, a config or nobody says
    std::string version;
};

std::vector<ContractCall> proof_calls(const Address& token);
TokenProof judge_proof(const TokenClaim& claim, std::span<const CallAnswer> answers, bool has_code);

enum class DomainFit { fits, name_differs, version_differs };
// The token's own separator decides where it tells one; else its name and version, as far as it
// tells them. A token that tells nothing fits every claim: the simulation then decides.
DomainFit compare_domain(const TokenProof& proof, const TokenClaim& claim);

}  // namespace x402::evm
