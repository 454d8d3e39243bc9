// SPDX-License-Identifier: Apache-2.0
#include "x402/chains/svm/exact/server.hpp"

#include "x402/chains/svm/exact/facilitator.hpp"
#include "x402/schemes/exact.hpp"

namespace x402::svm {
namespace {

Result<void> copy_fee_payer(PaymentRequirements& requirements, const json::Object& supported) {
    const std::string fee_payer = json::text_or_empty(supported, "feePayer");
    if (fee_payer.empty()) {
        return fail_field(Errc::invalid, "extra.feePayer",
                          "the facilitator names no fee payer for " + requirements.network.text(),
                          "give the facilitator a signer on this network, or use another one");
    }
    if (!parse_address(fee_payer)) {
        return fail_field(Errc::bad_peer, "extra.feePayer",
                          "the facilitator's fee payer is no Solana address",
                          "use another facilitator");
    }
    if (fee_payer == requirements.pay_to) {
        return fail_field(Errc::invalid, "payTo",
                          "payTo is the facilitator's fee payer, which may not take part in a "
                          "transfer",
                          "take payments at another address");
    }
    requirements.extra["feePayer"] = fee_payer;
    return {};
}

Result<void> check_terms(const PaymentRequirements& requirements) {
    PaymentRequirements offer = requirements;
    // A price may be set later; what it may be is known now.
    if (offer.amount.is_zero()) offer.amount = U256(1);
    const auto refusal = check_offer(offer);
    if (!refusal) return {};
    return fail_field(Errc::invalid, refusal->field, to_sentence(*refusal));
}

}  // namespace

ExactServer::ExactServer() : id_(exact_scheme_id()) {}

std::expected<PaymentFacts, Refusal> ExactServer::facts(const Payment& payment) const {
    const auto read = read_payment(payment);
    if (!read) return std::unexpected(read.error());
    return facts_of(*read, payment.requirements.network);
}

Result<void> ExactServer::enrich(PaymentRequirements& requirements, const AssetInfo& asset,
                                 const json::Object& supported_extra) const {
    requirements.asset = asset.address;
    X402_TRY_VOID(copy_fee_payer(requirements, supported_extra));
    if (takes_wallets(supported_extra)) {
        json::Object features;
        features["smartWalletSupported"] = true;
        requirements.extra["features"] = std::move(features);
    }
    X402_TRY_VOID(check_terms(requirements));
    X402_TRY_VOID(x402::exact::flow(requirements));
    return {};
}

std::vector<std::string> ExactServer::dynamic_extra() const {
    return {"recentBlockhash", "lastValidBlockHeight"};
}

ServerCheck ExactServer::check(const Payment& payment,
                               const std::optional<SchemeState>& state) const {
    static_cast<void>(state);  // exact keeps none
    ServerCheck out;
    const auto read = read_payment(payment);
    if (!read) {
        out.verdict.refusal = read.error();
        return out;
    }
    out.verdict.payer = to_text(payer_of(*read));
    out.verdict.refusal = check_without_tables(*read, takes_wallets(payment.requirements.extra));
    return out;
}

PaymentFlow ExactServer::flow(const PaymentRequirements& requirements) const {
    const auto flow = x402::exact::flow(requirements);
    return flow ? *flow : PaymentFlow::authorization;
}

Result<FacilitatorRequest> ExactServer::settle_request(const Payment& payment, Phase phase,
                                                       const U256& charged) const {
    if (phase != Phase::only) return fail(Errc::invalid, "exact settles once");
    if (charged != payment.requirements.amount) {
        return fail_field(Errc::invalid, "amount",
                          "exact moves the amount of the offer, " +
                              payment.requirements.amount.to_decimal() + ", and not " +
                              charged.to_decimal());
    }
    FacilitatorRequest request;
    request.version = payment.payload.version;
    request.payload = payment.payload;
    request.requirements = payment.requirements;
    return request;
}

}  // namespace x402::svm
