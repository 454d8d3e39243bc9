// SPDX-License-Identifier: Apache-2.0
#include "x402/chains/_template/exact.hpp"

#include "x402/base/check.hpp"
#include "x402/base/hex.hpp"
#include "x402/chains/_template/keys.hpp"
#include "x402/chains/_template/networks.hpp"
#include "x402/chains/_template/transfer.hpp"
#include "x402/schemes/exact.hpp"

namespace x402::mychain {

SchemeId exact_id() {
    const auto networks = ChainPattern::parse(std::string(kFamily) + ":*");
    X402_CHECK(networks.has_value());
    return SchemeId{std::string(exact::kScheme), *networks};
}

std::expected<PaymentFacts, Refusal> exact_facts(const Payment& payment) {
    const auto transfer = read_payment(payment);
    if (!transfer) return std::unexpected(transfer.error());
    return PaymentFacts{transfer->key(), transfer->from, transfer->amount, Instant{},
                        transfer->expires};
}

// The client

std::expected<PaymentFacts, Refusal> ExactClient::facts(const Payment& payment) const {
    return exact_facts(payment);
}

std::optional<Refusal> ExactClient::cannot_pay(const PaymentRequirements& requirements) const {
    const auto pay_to = read_address(requirements.pay_to);
    if (!pay_to) {
        return refuse(Reason::invalid_payment_requirements,
                      {"payTo", "an address of this chain", requirements.pay_to});
    }
    if (requirements.max_timeout_seconds > 0) return std::nullopt;
    return refuse(Reason::invalid_payment_requirements,
                  {"maxTimeoutSeconds", "a positive number",
                   std::to_string(requirements.max_timeout_seconds)});
}

Task<Result<json::Object>> ExactClient::sign(const PaymentRequirements& requirements,
                                             const Wallet& wallet, const json::Object&,
                                             Env& env) const {
    if (const auto refusal = cannot_pay(requirements)) {
        co_return fail_field(Errc::unsupported, refusal->field, to_sentence(*refusal));
    }
    Transfer transfer;
    transfer.network = requirements.network.text();
    transfer.asset = requirements.asset;
    transfer.from = wallet.address();
    transfer.to = requirements.pay_to;
    transfer.amount = requirements.amount;
    transfer.expires = env.clock.now() + std::chrono::seconds(requirements.max_timeout_seconds);
    transfer.nonce = to_hex(env.random.bytes<16>().view());
    const Hash32 digest = transfer.digest();
    X402_CO_TRY(const Bytes signature, wallet.sign(digest.view()));
    transfer.signature = std::string(as_text(signature));
    co_return write(transfer);
}

// The server

std::expected<PaymentFacts, Refusal> ExactServer::facts(const Payment& payment) const {
    return exact_facts(payment);
}

Result<void> ExactServer::enrich(PaymentRequirements& requirements, const AssetInfo& asset,
                                 const json::Object&) const {
    requirements.asset = asset.address;
    X402_TRY_VOID(exact::flow(requirements));
    return {};
}

ServerCheck ExactServer::check(const Payment& payment, const std::optional<SchemeState>&) const {
    ServerCheck check;
    const auto transfer = read_payment(payment);
    if (!transfer) {
        check.verdict.refusal = transfer.error();
        return check;
    }
    check.verdict.payer = transfer->from;
    check.verdict.refusal = check_terms(*transfer, payment.requirements);
    return check;
}

PaymentFlow ExactServer::flow(const PaymentRequirements& requirements) const {
    return exact::flow(requirements).value_or(PaymentFlow::authorization);
}

Result<FacilitatorRequest> ExactServer::settle_request(const Payment& payment, Phase phase,
                                                       const U256& charged) const {
    if (phase != Phase::only || charged != payment.requirements.amount) {
        return fail_field(Errc::invalid, "amount", "exact settles the amount of the offer, once");
    }
    FacilitatorRequest request;
    request.version = payment.payload.version;
    request.payload = payment.payload;
    request.requirements = payment.requirements;
    return request;
}

}  // namespace x402::mychain
