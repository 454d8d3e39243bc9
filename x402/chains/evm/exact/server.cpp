// SPDX-License-Identifier: Apache-2.0
#include "x402/chains/evm/exact/server.hpp"

#include "x402/chains/evm/assets.hpp"
#include "x402/chains/evm/exact/client.hpp"
#include "x402/chains/evm/exact/rules.hpp"
#include "x402/schemes/exact.hpp"

namespace x402::evm {
namespace {

Result<void> copy_domain(json::Object& extra, const AssetInfo& asset, std::string_view key) {
    const std::string known = json::text_or_empty(asset.extra, key);
    const std::string said = json::text_or_empty(extra, key);
    const std::string field = "extra." + std::string(key);
    if (known.empty() && said.empty()) {
        return fail_field(
            Errc::invalid, field,
            "the EIP-712 " + std::string(key) + " of the token " + asset.address + " is not known",
            "state eip712 = { name, version } at the asset");
    }
    if (!known.empty() && !said.empty() && known != said) {
        return fail_field(
            Errc::invalid, field,
            "the offer says \"" + said + "\", the token is known as \"" + known + "\"",
            "leave it out of the offer");
    }
    extra[key] = known.empty() ? said : known;
    return {};
}

}  // namespace

ExactServer::ExactServer() : id_(exact_scheme_id()) {}

std::expected<PaymentFacts, Refusal> ExactServer::facts(const Payment& payment) const {
    const auto read = read_payment(payment);
    if (!read) return std::unexpected(read.error());
    return facts_of(*read);
}

Result<void> ExactServer::enrich(PaymentRequirements& requirements, const AssetInfo& asset,
                                 const json::Object& supported_extra) const {
    static_cast<void>(supported_extra);  // exact needs nothing of the facilitator
    const std::string asked = transfer_method(requirements.extra);
    const std::string possible = transfer_method(asset.extra);
    if (asked != kEip3009 || possible != kEip3009) {
        return fail_field(Errc::unsupported, "extra.assetTransferMethod",
                          "the token " + asset.symbol + " (" + asset.address +
                              ") would need the transfer method " +
                              (asked != kEip3009 ? asked : possible) +
                              ", which this build does not offer",
                          "choose a token with EIP-3009");
    }
    X402_TRY_VOID(copy_domain(requirements.extra, asset, "name"));
    X402_TRY_VOID(copy_domain(requirements.extra, asset, "version"));
    X402_TRY_VOID(x402::exact::flow(requirements));
    return {};
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
    out.verdict.payer = to_checksum(read->payload.authorization.from);
    out.verdict.refusal = check_terms(*read, payment);
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

}  // namespace x402::evm
