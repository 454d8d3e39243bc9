// SPDX-License-Identifier: Apache-2.0
// A payment is examined the same way before it is verified and before it is planned, so a plan does
// not lean on a verify that may never have been asked for.
#include "x402/chains/svm/exact/facilitator.hpp"

#include <algorithm>

#include "x402/base/check.hpp"
#include "x402/chains/svm/networks.hpp"

namespace x402::svm {
namespace {

Verdict refused(Refusal refusal, std::string payer) {
    Verdict verdict;
    verdict.refusal = std::move(refusal);
    verdict.payer = std::move(payer);
    return verdict;
}

// The settlement tells the code that the field names.
std::unexpected<Error> refusal_as_error(const Refusal& refusal) {
    return fail_field(Errc::invalid, refusal.code, to_sentence(refusal), refusal.next);
}

// Without the fee payer's signature: whatever came in its place is nobody's, and ours is made last.
TransferAction action_of(const Sound& sound) {
    Transaction transaction = sound.read.transaction;
    transaction.signatures.front() = Signature{};
    TransferAction action;
    action.transaction = to_base64_text(transaction);
    action.hash = sound.read.hash;
    action.payer = payer_of(sound.read);
    action.fee_payer = sound.read.fee_payer;
    action.mint = sound.read.mint;
    action.destination = sound.recipient().account();
    action.amount = sound.read.amount;
    action.path = sound.path;
    action.fee = sound.layout.fee;
    return action;
}

}  // namespace

SchemeId exact_scheme_id() {
    const auto networks = ChainPattern::parse(std::string(kFamily) + ":*");
    X402_CHECK(networks.has_value());
    return SchemeId{std::string(kExactScheme), *networks};
}

ExactFacilitator::ExactFacilitator(ChainId network, ExactSettings settings, ExactServices services)
    : id_(exact_scheme_id()),
      network_(std::move(network)),
      settings_(std::move(settings)),
      services_(services) {
    X402_CHECK(!settings_.fee_payers.empty());
    for (const std::string& text : settings_.fee_payers) {
        const auto address = parse_address(text);
        X402_CHECK(address.has_value());
        ours_.push_back(*address);
    }
}

json::Object ExactFacilitator::supported_extra() const {
    json::Object extra;
    extra["feePayer"] = settings_.fee_payers.front();
    if (settings_.smart_wallets) {
        json::Object features;
        features["smartWalletSupported"] = true;
        extra["features"] = std::move(features);
    }
    return extra;
}

std::expected<ReadPayment, Refusal> ExactFacilitator::read(const Payment& payment) const {
    const auto fee_payer = read_fee_payer(payment);
    if (!fee_payer) return std::unexpected(fee_payer.error());
    if (payment.requirements.network != network_) {
        return std::unexpected(refuse(Reason::svm_network, {"network", network_.text(),
                                                            payment.requirements.network.text()}));
    }
    if (std::find(ours_.begin(), ours_.end(), *fee_payer) == ours_.end()) {
        return std::unexpected(
            refuse(Reason::svm_fee_payer_unmanaged,
                   {"extra.feePayer", settings_.fee_payers.front(), to_text(*fee_payer)}));
    }
    return read_payment(payment);
}

std::expected<PaymentFacts, Refusal> ExactFacilitator::facts(const Payment& payment) const {
    const auto known = read(payment);
    if (!known) return std::unexpected(known.error());
    return facts_of(*known, network_);
}

Task<Result<Verdict>> ExactFacilitator::verify(const Payment& payment) const {
    auto known = read(payment);
    if (!known) co_return refused(known.error(), {});
    const std::string payer = to_text(payer_of(*known));
    X402_CO_TRY(const Examined sound, co_await examine(std::move(*known)));
    if (!sound) co_return refused(sound.error(), payer);
    X402_CO_TRY(MaybeRefusal refusal, co_await try_out(*sound));
    Verdict verdict;
    verdict.refusal = std::move(refusal);
    verdict.payer = payer;
    co_return verdict;
}

Task<Result<Plan>> ExactFacilitator::plan(const Payment& payment) const {
    auto known = read(payment);
    if (!known) co_return refusal_as_error(known.error());
    X402_CO_TRY(const Examined sound, co_await examine(std::move(*known)));
    if (!sound) co_return refusal_as_error(sound.error());
    TransferAction action = action_of(*sound);
    const Hash32 blockhash = sound->read.transaction.message.blockhash;
    action.last_height = co_await last_height(blockhash);
    Plan plan;
    plan.actions.push_back(Action{key_of(network_, action.hash), write(action)});
    plan.signers.push_back(to_text(action.fee_payer));
    plan.charged = U256(action.amount);
    co_return plan;
}

Judgement ExactFacilitator::judge(const Action& action, const Part& part) const {
    Judgement judgement;
    const auto settled = read_action(action.body);
    // Our own journal that cannot be read proves nothing in either direction.
    if (!settled) return judgement;
    if (!part.executed) {
        judgement.outcome = Outcome::failed;
        judgement.refusal = refuse(Reason::svm_transaction_failed);
        return judgement;
    }
    const auto credited = read_part(part.body);
    if (!credited) return judgement;
    // A wallet's program may do other things by now than in its simulation; what counts is that the
    // amount has arrived. More is no less.
    if (*credited >= U256(settled->amount)) {
        judgement.outcome = Outcome::settled;
        return judgement;
    }
    judgement.outcome = Outcome::failed;
    judgement.refusal = refuse(Reason::svm_not_credited,
                               {"payTo", std::to_string(settled->amount), credited->to_decimal()});
    return judgement;
}

Task<Result<Trace>> ExactFacilitator::trace(const Payment& payment) const {
    co_return co_await services_.tracer.trace(payment);
}

}  // namespace x402::svm
