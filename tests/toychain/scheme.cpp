// SPDX-License-Identifier: Apache-2.0
#include "scheme.hpp"

#include "x402/base/hex.hpp"
#include "x402/crypto/hash.hpp"

namespace x402::toy {
namespace {

const SchemeId& metered_id() {
    static const SchemeId kId{std::string(kScheme), *ChainPattern::parse("toy:*")};
    return kId;
}

std::expected<PaymentFacts, Refusal> facts_of(const Payment& payment) {
    auto metered = read_metered(payment.payload);
    if (!metered) return std::unexpected(std::move(metered).error());
    return PaymentFacts{metered->key(), metered->from, metered->most, Instant{}, metered->expires};
}

std::optional<Refusal> refuse_terms(const Metered& metered, const PaymentRequirements& asked,
                                    Instant now) {
    if (metered.to != asked.pay_to)
        return refuse(Reason::resource_mismatch, {"payload.to", asked.pay_to, metered.to});
    if (asked.amount > metered.most) {
        return refuse(Reason::evm_value,
                      {"payload.most", asked.amount.to_decimal(), metered.most.to_decimal()});
    }
    if (metered.expires <= now)
        return refuse(Reason::authorization_expired, {"payload.expires", "", ""});
    return std::nullopt;
}

}  // namespace

std::string_view to_string(Kind kind) noexcept {
    switch (kind) {
        case Kind::direct:
            return "direct";
        case Kind::deposit:
            return "deposit";
        case Kind::claim:
            return "claim";
    }
    return "direct";
}

std::string Metered::message() const {
    return from + "|" + to + "|" + most.to_decimal() + "|" + std::to_string(to_unix_ms(expires)) +
           "|" + nonce;
}

std::string Metered::hash() const {
    return to_hex(crypto::sha256(as_bytes(message())).view());
}

PaymentKey Metered::key() const {
    return PaymentKey("toy~main~" + hash() + "~" + std::string(to_string(kind)));
}

std::expected<Metered, Refusal> read_metered(const PaymentPayload& payload) {
    const auto wrong = [](const Error& error) {
        return std::unexpected(refuse(Reason::invalid_payload, {error.field, "", error.detail}));
    };
    Metered metered;
    const json::Object& object = payload.payload;
    for (auto [key, into] : {std::pair{"from", &metered.from},
                             {"to", &metered.to},
                             {"nonce", &metered.nonce},
                             {"signature", &metered.signature}}) {
        auto text = json::get_string(object, key, "payload");
        if (!text) return wrong(text.error());
        *into = *text;
    }
    const auto most = json::get_string(object, "most", "payload");
    if (!most) return wrong(most.error());
    const auto amount = U256::from_decimal(*most);
    if (!amount) return wrong(amount.error());
    metered.most = *amount;
    const auto expires = json::get_int(object, "expires", "payload");
    if (!expires) return wrong(expires.error());
    metered.expires = from_unix_ms(*expires);
    const std::string kind = json::text_or_empty(object, "type");
    metered.kind = kind == "deposit" ? Kind::deposit : kind == "claim" ? Kind::claim : Kind::direct;
    return metered;
}

json::Object write_metered(const Metered& metered) {
    json::Object object;
    object["from"] = metered.from;
    object["to"] = metered.to;
    object["most"] = metered.most.to_decimal();
    object["expires"] = to_unix_ms(metered.expires);
    object["nonce"] = metered.nonce;
    object["signature"] = metered.signature;
    if (metered.kind != Kind::direct) object["type"] = std::string(to_string(metered.kind));
    return object;
}

Transfer transfer_of(const Metered& metered, const U256& charge) {
    const std::string hash = metered.hash();
    return Transfer{hash + "-" + std::string(to_string(metered.kind)),
                    hash,
                    metered.kind,
                    metered.from,
                    metered.to,
                    metered.kind == Kind::deposit ? U256{} : charge,
                    metered.most,
                    metered.expires,
                    {}};
}

json::Object write_transfer(const Transfer& transfer) {
    json::Object object;
    object["id"] = transfer.id;
    object["message"] = transfer.message;
    object["kind"] = std::string(to_string(transfer.kind));
    object["from"] = transfer.from;
    object["to"] = transfer.to;
    object["amount"] = transfer.amount.to_decimal();
    object["most"] = transfer.most.to_decimal();
    object["expires"] = to_unix_ms(transfer.expires);
    object["sender"] = transfer.sender;
    return object;
}

Result<Transfer> read_transfer(const json::Object& object) {
    Transfer transfer;
    X402_TRY(transfer.id, json::get_string(object, "id"));
    X402_TRY(transfer.message, json::get_string(object, "message"));
    X402_TRY(const std::string kind, json::get_string(object, "kind"));
    transfer.kind = kind == "deposit" ? Kind::deposit
                    : kind == "claim" ? Kind::claim
                                      : Kind::direct;
    X402_TRY(transfer.from, json::get_string(object, "from"));
    X402_TRY(transfer.to, json::get_string(object, "to"));
    X402_TRY(const std::string amount, json::get_string(object, "amount"));
    X402_TRY(transfer.amount, U256::from_decimal(amount));
    X402_TRY(const std::string most, json::get_string(object, "most"));
    X402_TRY(transfer.most, U256::from_decimal(most));
    X402_TRY(const std::int64_t expires, json::get_int(object, "expires"));
    transfer.expires = from_unix_ms(expires);
    transfer.sender = json::text_or_empty(object, "sender");
    return transfer;
}

// The client

const SchemeId& MeteredClient::id() const noexcept {
    return metered_id();
}

std::expected<PaymentFacts, Refusal> MeteredClient::facts(const Payment& payment) const {
    return facts_of(payment);
}

std::optional<Refusal> MeteredClient::cannot_pay(const PaymentRequirements& requirements) const {
    if (requirements.asset != kAsset) {
        return refuse(Reason::unsupported_asset,
                      {"asset", std::string(kAsset), requirements.asset});
    }
    return std::nullopt;
}

Task<Result<json::Object>> MeteredClient::sign(const PaymentRequirements& requirements,
                                               const Wallet& wallet, const json::Object&,
                                               Env& env) const {
    Metered metered;
    metered.from = wallet.address();
    metered.to = requirements.pay_to;
    metered.most = requirements.amount;
    metered.expires = env.clock.now() + std::chrono::seconds(requirements.max_timeout_seconds);
    metered.nonce = to_hex(env.random.bytes<16>().view());
    const std::string message = metered.message();
    X402_CO_TRY(const Bytes signature, wallet.sign(as_bytes(message)));
    metered.signature = std::string(as_text(signature));
    co_return write_metered(metered);
}

// The server

const SchemeId& MeteredServer::id() const noexcept {
    return metered_id();
}

std::expected<PaymentFacts, Refusal> MeteredServer::facts(const Payment& payment) const {
    return facts_of(payment);
}

Result<void> MeteredServer::enrich(PaymentRequirements& requirements, const AssetInfo& asset,
                                   const json::Object&) const {
    requirements.asset = asset.address;
    return {};
}

ServerCheck MeteredServer::check(const Payment& payment, const std::optional<SchemeState>&) const {
    ServerCheck check;
    auto metered = read_metered(payment.payload);
    if (!metered) {
        check.verdict.refusal = metered.error();
        return check;
    }
    check.verdict.payer = metered->from;
    if (metered->to != payment.requirements.pay_to) {
        check.verdict.refusal = refuse(Reason::resource_mismatch,
                                       {"payload.to", payment.requirements.pay_to, metered->to});
    }
    return check;
}

PaymentFlow MeteredServer::flow(const PaymentRequirements& requirements) const {
    return payment_flow_of(requirements).value_or(PaymentFlow::authorization);
}

Result<FacilitatorRequest> MeteredServer::settle_request(const Payment& payment, Phase phase,
                                                         const U256& charged) const {
    FacilitatorRequest request;
    request.payload = payment.payload;
    request.requirements = payment.requirements;
    request.requirements.amount = charged;
    if (phase != Phase::only) {
        request.payload.payload["type"] = phase == Phase::deposit ? "deposit" : "claim";
        request.payload.text.clear();
    }
    return request;
}

// The facilitator

const SchemeId& MeteredFacilitator::id() const noexcept {
    return metered_id();
}

std::expected<PaymentFacts, Refusal> MeteredFacilitator::facts(const Payment& payment) const {
    return facts_of(payment);
}

Task<Result<Verdict>> MeteredFacilitator::verify(const Payment& payment) const {
    Verdict verdict;
    auto metered = read_metered(payment.payload);
    if (!metered) {
        verdict.refusal = metered.error();
        co_return verdict;
    }
    verdict.payer = metered->from;
    if (!ledger_.signature_fits(metered->from, metered->message(), metered->signature)) {
        verdict.refusal = refuse(Reason::evm_signature, {"payload.signature", "", ""});
        co_return verdict;
    }
    verdict.refusal = refuse_terms(*metered, payment.requirements, ledger_.now());
    if (verdict.refusal) co_return verdict;
    const Transfer transfer = transfer_of(*metered, payment.requirements.amount);
    const bool used = ledger_.receipt(transfer.id).has_value();
    if (used) {
        verdict.refusal = refuse(Reason::evm_nonce_used, {"payload.nonce", "", ""});
    } else if (!ledger_.would_execute(transfer)) {
        verdict.refusal = refuse(Reason::evm_balance, {"payload.from", "", ""});
    }
    co_return verdict;
}

Task<Result<Plan>> MeteredFacilitator::plan(const Payment& payment) const {
    auto metered = read_metered(payment.payload);
    if (!metered) co_return fail(Errc::invalid, to_sentence(metered.error()));
    Plan plan;
    plan.charged = payment.requirements.amount;
    // A direct charge of nothing moves nothing; a claim of nothing still gives the deposit back.
    if (plan.charged.is_zero() && metered->kind == Kind::direct) co_return plan;
    const Transfer transfer = transfer_of(*metered, plan.charged);
    plan.actions.push_back(Action{metered->key(), write_transfer(transfer)});
    co_return plan;
}

Judgement MeteredFacilitator::judge(const Action& action, const Part& part) const {
    const bool same =
        json::text_or_empty(part.body, "id") == json::text_or_empty(action.body, "id");
    if (part.executed && same) return {Outcome::settled, std::nullopt};
    return {Outcome::failed, refuse(Reason::invalid_transaction_state)};
}

Task<Result<Trace>> MeteredFacilitator::trace(const Payment& payment) const {
    co_return trace_of(ledger_, payment);
}

Trace trace_of(const Ledger& ledger, const Payment& payment) {
    Trace trace;
    auto metered = read_metered(payment.payload);
    if (!metered) {
        trace.state = TraceState::impossible;
        return trace;
    }
    const Transfer transfer = transfer_of(*metered, payment.requirements.amount);
    if (const auto receipt = ledger.receipt(transfer.id)) {
        trace.state = receipt->executed ? TraceState::done : TraceState::impossible;
        trace.transaction = transfer.id;
        trace.sender = receipt->transfer.sender;
        trace.at = receipt->at;
        trace.block = receipt->block;
    } else {
        trace.state = ledger.now() > metered->expires ? TraceState::impossible : TraceState::none;
    }
    return trace;
}

}  // namespace x402::toy
