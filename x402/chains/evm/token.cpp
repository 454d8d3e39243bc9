// SPDX-License-Identifier: Apache-2.0
// Selectors and topics are literals; a test derives each from its signature. Any thread.
#include "x402/chains/evm/token.hpp"

#include <algorithm>

#include "x402/base/check.hpp"
#include "x402/base/hex.hpp"
#include "x402/chains/evm/abi.hpp"
#include "x402/chains/evm/signature.hpp"

namespace x402::evm {
namespace {

constexpr Selector kBalanceOf = 0x70a08231;
constexpr Selector kAuthorizationState = 0xe94a0102;
constexpr Selector kTransferParts = 0xe3ee160e;  // (..., uint8 v, bytes32 r, bytes32 s)
constexpr Selector kTransferBytes = 0xcf092995;  // (..., bytes signature)
constexpr Selector kIsValidSignature = 0x1626ba7e;
constexpr Selector kEip712Domain = 0x84b0196e;
constexpr Selector kDomainSeparator = 0x3644e515;
constexpr Selector kName = 0x06fdde03;
constexpr Selector kVersion = 0x54fd4d50;
constexpr Selector kDecimals = 0x313ce567;
constexpr Selector kSymbol = 0x95d89b41;
constexpr std::size_t kProofAnswers = 7;
constexpr std::size_t kMostText = 128;

Hash32 literal(std::string_view text) {
    const auto word = fixed_from_hex0x<32>(text);
    X402_CHECK(word.has_value());
    return *word;
}

std::string text_answer(const CallAnswer& answer) {
    if (!answer.ok) return {};
    const auto text = AbiReader(answer.data).text(0);
    return text && text->size() <= kMostText ? *text : std::string{};
}

struct NameVersion {
    std::string name;
    std::string version;
};

// EIP-5267: (bytes1 fields, string name, string version, uint256 chainId, address contract, ...).
// Only the usual four fields (0x0f), for this chain and this contract.
std::optional<NameVersion> read_domain(const TokenClaim& claim, const CallAnswer& answer) {
    if (!answer.ok) return std::nullopt;
    const AbiReader reader(answer.data);
    const auto fields = reader.word(0);
    const auto name = reader.text(1);
    const auto version = reader.text(2);
    const auto chain = reader.uint(3);
    const auto contract = reader.address(4);
    if (!fields || !name || !version || !chain || !contract) return std::nullopt;
    if (fields->data[0] != 0x0f || *chain != U256(claim.chain_id) || *contract != claim.token) {
        return std::nullopt;
    }
    return NameVersion{*name, *version};
}

Hash32 separator_of(const TokenClaim& claim, const NameVersion& said) {
    return domain_separator(Domain{said.name, said.version, claim.chain_id, claim.token});
}

}  // namespace

Bytes call_balance_of(const Address& account) {
    return AbiWriter(kBalanceOf).address(account).finish();
}

Bytes call_authorization_state(const Address& payer, const Hash32& nonce) {
    return AbiWriter(kAuthorizationState).address(payer).word(nonce).finish();
}

Bytes call_transfer(const Authorization& authorization, ByteView signature) {
    const bool plain = signature.size() == kPlainSignatureBytes;
    AbiWriter writer(plain ? kTransferParts : kTransferBytes);
    writer.address(authorization.from).address(authorization.to).uint(authorization.value);
    writer.uint(authorization.valid_after)
        .uint(authorization.valid_before)
        .word(authorization.nonce);
    if (!plain) return writer.bytes(signature).finish();
    writer.uint(signature[64]);
    writer.word(Hash32::from(signature.first(32))).word(Hash32::from(signature.subspan(32, 32)));
    return writer.finish();
}

Bytes call_is_valid_signature(const Hash32& digest, ByteView signature) {
    return AbiWriter(kIsValidSignature).word(digest).bytes(signature).finish();
}

bool is_accepted_by_wallet(const CallAnswer& answer) noexcept {
    if (!answer.ok || answer.data.size() != 32) return false;
    Hash32 magic;
    magic.data = {0x16, 0x26, 0xba, 0x7e};
    return Hash32::from(answer.data) == magic;
}

Hash32 transfer_topic() {
    return literal("0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef");
}
Hash32 authorization_used_topic() {
    return literal("0x98de503528ee59b575ef0c0a2576a82497bfc029a5685b209e9ec333479b10a5");
}
Hash32 authorization_canceled_topic() {
    return literal("0x1cdd46ff242716cdaa72d159d339a485b3438398348d68f09d7c8c0a59353d81");
}

std::vector<ContractCall> proof_calls(const Address& token) {
    Address nobody;
    nobody.data[19] = 1;
    std::vector<ContractCall> calls;
    for (const Selector selector :
         {kEip712Domain, kDomainSeparator, kName, kVersion, kSymbol, kDecimals}) {
        calls.push_back({token, AbiWriter(selector).finish()});
    }
    calls.push_back({token, call_authorization_state(nobody, Hash32{})});
    return calls;
}

TokenProof judge_proof(const TokenClaim& claim, std::span<const CallAnswer> answers,
                       bool has_code) {
    TokenProof proof;
    proof.has_code = has_code;
    if (!has_code || answers.size() != kProofAnswers) return proof;
    proof.symbol = text_answer(answers[4]);
    if (answers[5].ok) {
        const auto decimals = AbiReader(answers[5].data).uint(0);
        if (decimals) proof.decimals = decimals->to_u64();
    }
    proof.eip3009 = answers[6].ok && AbiReader(answers[6].data).boolean(0).has_value();
    proof.name = text_answer(answers[2]);
    proof.version = text_answer(answers[3]);
    const auto domain = read_domain(claim, answers[0]);
    if (domain) {
        proof.name = domain->name;
        proof.version = domain->version;
    }
    const bool has_separator = answers[1].ok && answers[1].data.size() == 32;
    if (!has_separator) {
        proof.proven = domain.has_value();
        return proof;
    }
    const Hash32 separator = Hash32::from(answers[1].data);
    proof.separator = separator;
    const NameVersion candidates[] = {{proof.name, proof.version}, {claim.name, claim.version},
                                      {proof.name, claim.version}, {claim.name, proof.version},
                                      {proof.name, "1"},           {proof.name, "2"}};
    for (const NameVersion& candidate : candidates) {
        if (separator_of(claim, candidate) != separator) continue;
        proof.name = candidate.name;
        proof.version = candidate.version;
        proof.proven = true;
        break;
    }
    return proof;
}

DomainFit compare_domain(const TokenProof& proof, const TokenClaim& claim) {
    if (proof.separator) {
        if (separator_of(claim, {claim.name, claim.version}) == *proof.separator)
            return DomainFit::fits;
        const bool same_name = proof.name == claim.name;
        return same_name ? DomainFit::version_differs : DomainFit::name_differs;
    }
    if (!proof.name.empty() && proof.name != claim.name) return DomainFit::name_differs;
    if (!proof.version.empty() && proof.version != claim.version) return DomainFit::version_differs;
    return DomainFit::fits;
}

}  // namespace x402::evm
