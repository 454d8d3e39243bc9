// SPDX-License-Identifier: Apache-2.0
#include "x402/chains/evm/tokens.hpp"

#include <algorithm>

#include "x402/base/log.hpp"
#include "x402/chains/evm/assets.hpp"
#include "x402/chains/evm/revert.hpp"

namespace x402::evm {
namespace {

constexpr auto kRemember = std::chrono::minutes(15);
constexpr std::size_t kMostRemembered = 4'096;

std::string quoted(std::string_view text) {
    return "\"" + std::string(text) + "\"";
}

}  // namespace

Tokens::Tokens(TokenOptions options, SharedReader& reader, Clock& clock)
    : options_(std::move(options)), reader_(reader), clock_(clock) {}

const AssetInfo* Tokens::listed(const Address& token) const noexcept {
    const std::string text = to_checksum(token);
    for (const auto* list : {&options_.configured, &options_.known}) {
        for (const AssetInfo& asset : *list) {
            if (asset.address == text) return &asset;
        }
    }
    return nullptr;
}

bool Tokens::in_tables(const Address& token) const noexcept {
    const std::string text = to_checksum(token);
    return std::any_of(options_.known.begin(), options_.known.end(),
                       [&](const AssetInfo& asset) { return asset.address == text; });
}

std::optional<TokenProof> Tokens::remembered(const Address& token) {
    const std::lock_guard lock(mutex_);
    const auto it = cache_.find(token);
    if (it == cache_.end() || clock_.steady() - it->second.at > kRemember) return std::nullopt;
    return it->second.proof;
}

void Tokens::remember(const Address& token, const TokenProof& proof) {
    const std::lock_guard lock(mutex_);
    // Only any_token can fill it; forgetting all costs one read for each token in use.
    if (cache_.size() >= kMostRemembered) cache_.clear();
    cache_[token] = Entry{proof, clock_.steady()};
}

Task<Result<TokenProof>> Tokens::proof(Address token) {
    if (auto found = remembered(token)) co_return *found;
    TokenClaim claim;
    claim.chain_id = options_.chain_id;
    claim.token = token;
    if (const AssetInfo* asset = listed(token)) {
        claim.name = json::text_or_empty(asset->extra, "name");
        claim.version = json::text_or_empty(asset->extra, "version");
    }
    ReadRequest request;
    request.reads = proof_calls(token);
    request.code_of = token;
    X402_CO_TRY(const ReadAnswer answer, co_await reader_.read_alone(std::move(request)));
    const TokenProof proof = judge_proof(claim, answer.reads, answer.has_code);
    remember(token, proof);
    co_return proof;
}

// A token that takes a used nonce in silence, or echoes its event, would let one payment of a group
// claim the transfer of another. The words count, because a payer who can pay only once makes any
// token revert the second time.
Task<bool> Tokens::refuses_reuse(Address token, Bytes transfer) {
    {
        const std::lock_guard lock(mutex_);
        const auto it = cache_.find(token);
        if (it != cache_.end() && it->second.refuses_reuse) co_return true;
    }
    if (!reader_.has_multicall()) co_return false;
    const ContractCall twice[] = {{token, transfer}, {token, transfer}};
    ReadRequest request;
    request.simulation = ContractCall{multicall_address(), encode_aggregate(twice)};
    const auto answer = co_await reader_.read_alone(std::move(request));
    if (!answer || !answer->simulation->ok) co_return false;
    const auto answers = decode_aggregate(answer->simulation->data, 2);
    if (!answers || !(*answers)[0].ok || (*answers)[1].ok) co_return false;
    if (reason_of_revert((*answers)[1].data) != Reason::evm_nonce_used) co_return false;
    const std::lock_guard lock(mutex_);
    const auto it = cache_.find(token);
    if (it != cache_.end()) it->second.refuses_reuse = true;
    co_return true;
}

Task<Result<AssetInfo>> Tokens::info(Address token) {
    AssetInfo asset;
    const AssetInfo* row = listed(token);
    if (row != nullptr) asset = *row;
    const auto read = co_await proof(token);
    // What a list says is good enough while the chain cannot be asked.
    if (!read && row != nullptr) co_return asset;
    if (!read) co_return fail(read.error());
    if (!read->has_code) {
        co_return fail(Errc::not_found, "there is no contract at " + to_checksum(token));
    }
    if (row == nullptr) {
        if (!read->decimals || *read->decimals > 36) {
            co_return fail(Errc::unsupported, to_checksum(token) + " tells no usable decimals");
        }
        asset.address = to_checksum(token);
        asset.id = AssetId{options_.network, "erc20", asset.address};
        asset.decimals = static_cast<std::uint8_t>(*read->decimals);
    }
    if (asset.symbol.empty()) asset.symbol = read->symbol;
    if (!read->name.empty()) asset.extra["name"] = read->name;
    if (!read->version.empty()) asset.extra["version"] = read->version;
    co_return asset;
}

Result<void> Tokens::judge_configured(const AssetInfo& asset, const TokenProof& proof) const {
    const std::string where = "the token " + asset.address + " on " + options_.network.text();
    if (!proof.has_code) {
        return fail_field(Errc::invalid, "address", where + " has no contract",
                          "correct the address");
    }
    if (proof.decimals && *proof.decimals != asset.decimals) {
        return fail_field(Errc::invalid, "decimals",
                          where + " has " + std::to_string(*proof.decimals) + " decimals, not " +
                              std::to_string(asset.decimals),
                          "correct decimals");
    }
    if (transfer_method(asset.extra) != kEip3009) return {};
    if (!proof.eip3009) {
        return fail_field(Errc::invalid, "transfer", where + " does not support EIP-3009",
                          "choose a token with EIP-3009");
    }
    TokenClaim claim;
    claim.chain_id = options_.chain_id;
    X402_TRY(claim.token, parse_wire_address(asset.address));
    claim.name = json::text_or_empty(asset.extra, "name");
    claim.version = json::text_or_empty(asset.extra, "version");
    if (claim.name.empty() || claim.version.empty()) return {};
    switch (compare_domain(proof, claim)) {
        case DomainFit::fits:
            return {};
        case DomainFit::name_differs:
            return fail_field(Errc::invalid, "eip712.name",
                              where + " signs with the name " + quoted(proof.name) + ", not " +
                                  quoted(claim.name),
                              "correct eip712 or leave it out");
        case DomainFit::version_differs:
            return fail_field(Errc::invalid, "eip712.version",
                              where + " signs with the version " + quoted(proof.version) +
                                  ", not " + quoted(claim.version),
                              "correct eip712 or leave it out");
    }
    return {};
}

Task<Result<void>> Tokens::prove_listed() {
    for (const AssetInfo& asset : options_.configured) {
        X402_CO_TRY(const Address token, parse_wire_address(asset.address));
        X402_CO_TRY(const TokenProof read, co_await proof(token));
        X402_CO_TRY_VOID(judge_configured(asset, read));
    }
    for (const AssetInfo& asset : options_.known) {
        X402_CO_TRY(const Address token, parse_wire_address(asset.address));
        X402_CO_TRY(const TokenProof read, co_await proof(token));
        const auto fits = judge_configured(asset, read);
        if (fits) continue;
        log::warn("token_differs",
                  {{"network", options_.network.text()}, {"detail", fits.error().detail}});
    }
    co_return Result<void>{};
}

}  // namespace x402::evm
