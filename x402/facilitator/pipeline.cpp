// SPDX-License-Identifier: Apache-2.0
// The checks that are the facilitator's own.
#include "x402/facilitator/pipeline.hpp"

#include <algorithm>
#include <array>

namespace x402::facilitator {
namespace {

const NetworkConfig* find_network(const Config& config, const ChainId& id) {
    for (const NetworkConfig& network : config.networks) {
        if (network.id == id) return &network;
    }
    return nullptr;
}

// Members of the requirements, as schemes name them.
constexpr std::array<std::string_view, 7> kTerms = {
    "scheme", "network", "amount", "asset", "payTo", "maxTimeoutSeconds", "extra"};

// Where both sides name it, the payment's is the wrong one: what is asked for is served here.
bool is_of_payment(std::string_view field, const Payment& payment) {
    const PaymentRequirements& asked = payment.requirements;
    const PaymentRequirements& accepted = payment.payload.accepted;
    if (field == "scheme") return accepted.scheme != asked.scheme;
    return field == "network" && accepted.network != asked.network;
}

std::optional<Refusal> check_pay_to(const Doors& doors, const Admitted& admitted) {
    if (doors.config.pay_to_allow.empty()) return std::nullopt;
    const PaymentRequirements& asked = admitted.payment.requirements;
    const ChainModule* module = doors.modules.of(asked.network);
    if (module == nullptr) return refuse(Reason::invalid_network);
    const auto address = module->read_address(asked.pay_to);
    const bool allowed =
        address && doors.config.pay_to_allow.contains({std::string(module->family()), *address});
    if (allowed) return std::nullopt;
    return refuse(Reason::pay_to_not_allowed, {"paymentRequirements.payTo", {}, asked.pay_to});
}

// The least in this asset's units; nothing where the rule says nothing about this asset.
std::optional<U256> least_in(const MinAmount& rule, const std::optional<AssetInfo>& asset) {
    if (rule.atomic) return rule.atomic;
    if (!rule.price || !asset) return std::nullopt;
    const auto least = price_in(*rule.price, *asset, Rounding::up);
    if (!least) return std::nullopt;
    return *least;
}

std::optional<Refusal> check_amount(const Admitted& admitted,
                                    const std::optional<AssetInfo>& asset) {
    const auto least = least_in(admitted.network->min_amount, asset);
    const U256& amount = admitted.payment.requirements.amount;
    if (!least || amount >= *least) return std::nullopt;
    return refuse(
        Reason::amount_below_minimum,
        {"paymentRequirements.amount", "at least " + least->to_decimal(), amount.to_decimal()});
}

}  // namespace

std::expected<Admitted, Refusal> admit(const Doors& doors, const FacilitatorRequest& request) {
    const PaymentRequirements& asked = request.requirements;
    Admitted admitted;
    admitted.network = find_network(doors.config, asked.network);
    if (admitted.network == nullptr) {
        return std::unexpected(refuse(Reason::invalid_network,
                                      {"paymentRequirements.network", {}, asked.network.text()}));
    }
    admitted.scheme = doors.schemes.find(asked.scheme, asked.network);
    if (admitted.scheme == nullptr) {
        return std::unexpected(
            refuse(Reason::unsupported_scheme, {"paymentRequirements.scheme", {}, asked.scheme}));
    }
    admitted.payment = Payment{request.payload, asked};
    auto facts = admitted.scheme->facts(admitted.payment);
    if (!facts) return std::unexpected(placed(std::move(facts).error(), admitted.payment));
    admitted.facts = std::move(*facts);
    return admitted;
}

Refusal placed(Refusal refusal, const Payment& payment) {
    const std::string_view whole = refusal.field;
    const std::string_view first = whole.substr(0, whole.find('.'));
    if (std::find(kTerms.begin(), kTerms.end(), first) == kTerms.end()) return refusal;
    const bool version1 = payment.payload.version == kVersion1;
    std::string at = "paymentRequirements.";
    if (is_of_payment(whole, payment))
        at = version1 ? "paymentPayload." : "paymentPayload.accepted.";
    const bool amount_of_v1 = version1 && whole == "amount";
    refusal.field = at + (amount_of_v1 ? "maxAmountRequired" : std::string(whole));
    return refusal;
}

std::optional<Refusal> check_policy(const Doors& doors, const Admitted& admitted) {
    if (auto refusal = check_pay_to(doors, admitted)) return refusal;
    const PaymentRequirements& asked = admitted.payment.requirements;
    std::optional<AssetInfo> asset;
    if (auto known = doors.assets.find(asked.network, asked.asset)) asset = std::move(*known);
    if (!asset && !admitted.network->any_token) {
        return refuse(Reason::unsupported_asset, {"paymentRequirements.asset", {}, asked.asset});
    }
    return check_amount(admitted, asset);
}

Task<Result<Verdict>> judge(const Doors& doors, const Admitted& admitted) {
    if (auto refusal = check_policy(doors, admitted)) {
        Verdict verdict;
        verdict.refusal = std::move(refusal);
        verdict.payer = admitted.facts.payer;
        co_return verdict;
    }
    X402_CO_TRY(Verdict verdict, co_await admitted.scheme->verify(admitted.payment));
    if (verdict.refusal) verdict.refusal = placed(std::move(*verdict.refusal), admitted.payment);
    co_return verdict;
}

}  // namespace x402::facilitator
