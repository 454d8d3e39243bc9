// SPDX-License-Identifier: Apache-2.0
// What a signature proves depends on the payer: with code it is the wallet's to say (ERC-1271) and
// an ECDSA match means nothing; without code only the payer's own low-s signature counts. So the
// code is read in the same moment as the simulation, and the token decides by the same rule when it
// settles.
#include "x402/chains/evm/exact/facilitator.hpp"

#include "x402/base/hex.hpp"
#include "x402/base/limits.hpp"
#include "x402/chains/evm/abi.hpp"
#include "x402/chains/evm/exact/action.hpp"
#include "x402/chains/evm/exact/client.hpp"
#include "x402/chains/evm/signature.hpp"

namespace x402::evm {
namespace {

Verdict refused(Refusal refusal, std::string payer) {
    Verdict verdict;
    verdict.refusal = std::move(refusal);
    verdict.payer = std::move(payer);
    return verdict;
}

bool recovers_payer(const ReadPayment& read) {
    const auto signer = recover_signer(read.digest(), read.payload.signature);
    const Address& payer = read.payload.authorization.from;
    return signer && *signer == payer && !payer.is_zero();
}

ReadRequest reads_of(const ReadPayment& read) {
    const Authorization& authorization = read.payload.authorization;
    ReadRequest request;
    request.reads.push_back(
        {read.asset, call_authorization_state(authorization.from, authorization.nonce)});
    request.reads.push_back({read.asset, call_balance_of(authorization.from)});
    request.simulation =
        ContractCall{read.asset, call_transfer(authorization, read.payload.signature)};
    request.code_of = authorization.from;
    return request;
}

TransferReads transfer_reads(const ReadAnswer& answer, std::optional<U256> received,
                             DomainFit domain) {
    TransferReads reads;
    reads.state = answer.reads[0];
    reads.balance = answer.reads[1];
    reads.simulation = answer.simulation.value_or(CallAnswer{});
    reads.domain = domain;
    reads.received = received;
    return reads;
}

// What the two looks and their frame take beside the transfer.
constexpr std::uint64_t kWatchGas = 200'000;

// The transfer between two looks at the payee's balance. A token that nobody vouches for may take a
// fee on the way, and only what arrives is a payment.
ContractCall watched_transfer(const ReadPayment& read) {
    const Authorization& authorization = read.payload.authorization;
    const ContractCall look{read.asset, call_balance_of(authorization.to)};
    const ContractCall calls[] = {
        look, {read.asset, call_transfer(authorization, read.payload.signature)}, look};
    return {multicall_address(), encode_aggregate(calls)};
}

struct Watched {
    CallAnswer transfer;
    std::optional<U256> received;
};

Result<Watched> read_watched(const CallAnswer& answer) {
    if (!answer.ok) return fail(Errc::bad_peer, "Multicall3 reverted");
    X402_TRY(const auto answers, decode_aggregate(answer.data, 3));
    Watched out;
    out.transfer = answers[1];
    const auto before = AbiReader(answers[0].data).uint(0);
    const auto after = AbiReader(answers[2].data).uint(0);
    const bool told = answers[0].ok && answers[2].ok && before && after;
    out.received = told ? after->saturating_sub(*before) : U256{};
    return out;
}

TokenClaim claim_of(const ReadPayment& read) {
    return TokenClaim{read.chain_id, read.asset, read.name, read.version};
}

Refusal signature_refusal(const ReadPayment& read) {
    const std::string domain =
        read.name + " / " + read.version + " on chain " + std::to_string(read.chain_id);
    return refuse(Reason::evm_signature, {"payload.signature", "by the payer, for " + domain, {}});
}

}  // namespace

ExactFacilitator::ExactFacilitator(ChainId network, ExactServices services)
    : id_(exact_scheme_id()), network_(std::move(network)), services_(services) {}

std::expected<PaymentFacts, Refusal> ExactFacilitator::facts(const Payment& payment) const {
    const auto read = read_payment(payment);
    if (!read) return std::unexpected(read.error());
    if (payment.requirements.network != network_) {
        const std::string actual = payment.requirements.network.text();
        return std::unexpected(
            refuse(Reason::evm_network_mismatch, {"network", network_.text(), actual}));
    }
    return facts_of(*read);
}

// In the group where nothing of it can touch a neighbour, else alone. A payer that turns out to
// have code is asked alone, by its own rules. A signature that is not the payer's own can only be a
// wallet's: whether there is one is asked in company first, so that garbage costs a stranger's
// victims no call of its own.
Task<Result<ExactFacilitator::Evidence>> ExactFacilitator::gather(const ReadPayment& read,
                                                                  bool shareable) const {
    const bool recovers = recovers_payer(read);
    Evidence evidence;
    if (!recovers) {
        ReadRequest who;
        who.code_of = read.payload.authorization.from;
        X402_CO_TRY(evidence.answer, co_await services_.reader.read(std::move(who)));
        if (!evidence.answer.has_code) co_return evidence;
    }
    if (!recovers || !shareable) co_return co_await gather_alone(read, recovers);
    co_return co_await gather_shared(read, false);
}

// Of a payer who signed himself.
Task<Result<ExactFacilitator::Evidence>> ExactFacilitator::gather_shared(const ReadPayment& read,
                                                                         bool apart) const {
    ReadRequest request = reads_of(read);
    request.apart = apart;
    Evidence evidence;
    X402_CO_TRY(evidence.answer, co_await services_.reader.read(std::move(request)));
    if (evidence.answer.has_code) co_return co_await gather_alone(read, true);
    evidence.signature_valid = true;
    co_return evidence;
}

Task<Result<ExactFacilitator::Evidence>> ExactFacilitator::gather_alone(const ReadPayment& read,
                                                                        bool recovers) const {
    ReadRequest request = reads_of(read);
    const Address payer = read.payload.authorization.from;
    request.reads.push_back(
        {payer, call_is_valid_signature(read.digest(), read.payload.signature)});
    const bool watched =
        services_.tokens.listed(read.asset) == nullptr && services_.reader.has_multicall();
    if (watched) {
        request.simulation = watched_transfer(read);
        request.simulation_gas += kWatchGas;
    }
    Evidence evidence;
    X402_CO_TRY(evidence.answer, co_await services_.reader.read_alone(std::move(request)));
    if (watched) {
        X402_CO_TRY(Watched seen, read_watched(*evidence.answer.simulation));
        evidence.answer.simulation = std::move(seen.transfer);
        evidence.received = seen.received;
    }
    const bool by_wallet = is_accepted_by_wallet(evidence.answer.reads[2]);
    evidence.signature_valid = evidence.answer.has_code ? by_wallet : recovers;
    co_return evidence;
}

Task<Result<Verdict>> ExactFacilitator::verify(const Payment& payment) const {
    const auto known = facts(payment);
    if (!known) co_return refused(known.error(), {});
    const std::string payer = known->payer;
    const auto parsed = read_payment(payment);
    if (!parsed) co_return refused(parsed.error(), payer);
    const ReadPayment& read = *parsed;
    if (auto refusal = check_signed(read, payment, services_.clock.now()))
        co_return refused(*refusal, payer);
    if (!services_.tokens.allowed(read.asset)) {
        const Difference which{"asset", {}, to_checksum(read.asset)};
        co_return refused(refuse(Reason::unsupported_asset, which), payer);
    }
    X402_CO_TRY(const TokenProof proof, co_await services_.tokens.proof(read.asset));
    const bool shareable = proof.proven && services_.tokens.listed(read.asset) != nullptr;
    X402_CO_TRY(Evidence evidence, co_await gather(read, shareable));
    if (!evidence.signature_valid) co_return refused(signature_refusal(read), payer);
    if (!proof.has_code) {
        const Difference which{"asset", {}, to_checksum(read.asset)};
        co_return refused(refuse(Reason::evm_asset_no_code, which), payer);
    }
    const DomainFit domain = compare_domain(proof, claim_of(read));
    auto refusal =
        diagnose(read, transfer_reads(evidence.answer, evidence.received, domain), proof);
    if (refusal && evidence.answer.shared) {
        // Perhaps only because of a neighbour in the group: nobody is told before it was asked
        // apart.
        X402_CO_TRY(evidence, co_await gather_shared(read, true));
        if (!evidence.signature_valid) co_return refused(signature_refusal(read), payer);
        refusal = diagnose(read, transfer_reads(evidence.answer, evidence.received, domain), proof);
    }
    Verdict verdict;
    verdict.refusal = std::move(refusal);
    verdict.payer = payer;
    co_return verdict;
}

Task<Result<Plan>> ExactFacilitator::plan(const Payment& payment) const {
    const auto read = read_payment(payment);
    if (!read) co_return fail_field(Errc::invalid, read.error().field, read.error().message);
    if (const auto refusal = check_terms(*read, payment)) {
        co_return fail_field(Errc::invalid, refusal->field, refusal->message);
    }
    const Authorization& authorization = read->payload.authorization;
    X402_CO_TRY(const TokenProof proof, co_await services_.tokens.proof(read->asset));
    ReadRequest request;
    request.code_of = authorization.from;
    X402_CO_TRY(const ReadAnswer answer, co_await services_.reader.read(std::move(request)));
    const bool plain = !answer.has_code;
    TransferAction action;
    action.token = read->asset;
    action.data = call_transfer(authorization, read->payload.signature);
    action.payer = authorization.from;
    action.pay_to = authorization.to;
    action.value = authorization.value;
    action.nonce = authorization.nonce;
    action.gas_cap = plain ? kPlainGasCap : kWalletGasCap;
    action.share =
        plain && proof.proven && proof.eip3009 && services_.tokens.listed(read->asset) != nullptr;
    if (action.share) {
        action.share = co_await services_.tokens.refuses_reuse(action.token, action.data);
    }
    Plan plan;
    plan.actions.push_back(Action{key_of(*read), write(action)});
    plan.charged = authorization.value;
    co_return plan;
}

Judgement ExactFacilitator::judge(const Action& action, const Part& part) const {
    Judgement judgement;
    const auto settled = read_action(action.body);
    const auto proof = read_proof(part.body);
    // Our own journal that cannot be read proves nothing in either direction.
    if (!settled || !proof) return judgement;
    judgement.outcome = Outcome::failed;
    if (!part.executed) {
        judgement.refusal = refuse(Reason::evm_transaction_failed);
        return judgement;
    }
    const bool used = proof->used && is_use_of(*proof->used, *settled);
    const bool moved = proof->transfer && is_transfer_of(*proof->transfer, *settled);
    if (used && moved) {
        judgement.outcome = Outcome::settled;
    } else {
        judgement.refusal =
            refuse(Reason::evm_transfer_event,
                   {used ? "Transfer" : "AuthorizationUsed", settled->value.to_decimal(), {}});
    }
    return judgement;
}

Task<Result<Trace>> ExactFacilitator::trace(const Payment& payment) const {
    co_return co_await services_.tracer.trace(payment);
}

}  // namespace x402::evm
