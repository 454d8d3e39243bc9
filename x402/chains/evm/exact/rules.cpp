// SPDX-License-Identifier: Apache-2.0
#include "x402/chains/evm/exact/rules.hpp"

#include <algorithm>

#include "x402/base/hex.hpp"
#include "x402/chains/evm/assets.hpp"
#include "x402/chains/evm/networks.hpp"
#include "x402/chains/evm/signature.hpp"
#include "x402/schemes/exact.hpp"

namespace x402::evm {
namespace {

constexpr std::int64_t kLastSecond = 253'402'300'799;  // the end of the year 9999
constexpr std::int64_t kLongestTimeout = 1'000'000'000;

Instant instant_of(const U256& seconds) {
    const auto fits = seconds.to_u64();
    const auto last = static_cast<std::uint64_t>(kLastSecond);
    return from_unix_s(static_cast<std::int64_t>(std::min(fits.value_or(last), last)));
}

Difference differs(std::string field, std::string expected, std::string actual) {
    return Difference{std::move(field), std::move(expected), std::move(actual)};
}

std::optional<Refusal> check_scheme(const Payment& payment) {
    const std::string& signed_for = payment.payload.accepted.scheme;
    const std::string& asked = payment.requirements.scheme;
    if (asked == kExactScheme && signed_for == kExactScheme) return std::nullopt;
    const bool asked_is_right = asked == kExactScheme;
    return refuse(Reason::evm_scheme, differs("scheme", std::string(kExactScheme),
                                              asked_is_right ? signed_for : asked));
}

std::optional<Refusal> check_network(const Payment& payment) {
    const ChainId& signed_for = payment.payload.accepted.network;
    const ChainId& asked = payment.requirements.network;
    if (signed_for == asked && chain_number(asked)) return std::nullopt;
    return refuse(Reason::evm_network_mismatch,
                  differs("network", asked.text(), signed_for.text()));
}

std::optional<Refusal> check_method(const Payment& payment) {
    const std::string method = transfer_method(payment.requirements.extra);
    if (method == kEip3009) return std::nullopt;
    return refuse(Reason::evm_payload,
                  differs("extra.assetTransferMethod", std::string(kEip3009), method));
}

}  // namespace

Hash32 ReadPayment::digest() const {
    const Domain domain{name, version, chain_id, asset};
    return transfer_digest(domain_separator(domain), payload.authorization);
}

std::expected<ReadPayment, Refusal> read_payment(const Payment& payment) {
    if (auto refusal = check_scheme(payment)) return std::unexpected(*refusal);
    ReadPayment out;
    const PaymentRequirements& requirements = payment.requirements;
    out.name = json::text_or_empty(requirements.extra, "name");
    out.version = json::text_or_empty(requirements.extra, "version");
    if (out.name.empty() || out.version.empty()) {
        const std::string missing = out.name.empty() ? "extra.name" : "extra.version";
        return std::unexpected(refuse(Reason::evm_missing_domain, differs(missing, {}, {})));
    }
    if (auto refusal = check_network(payment)) return std::unexpected(*refusal);
    if (auto refusal = check_method(payment)) return std::unexpected(*refusal);
    out.chain_id = *chain_number(requirements.network);
    const auto asset = parse_wire_address(requirements.asset);
    if (!asset) {
        return std::unexpected(refuse(Reason::invalid_payment_requirements,
                                      differs("asset", "an address", requirements.asset)));
    }
    out.asset = *asset;
    const auto pay_to = parse_wire_address(requirements.pay_to);
    if (!pay_to) {
        return std::unexpected(refuse(Reason::invalid_payment_requirements,
                                      differs("payTo", "an address", requirements.pay_to)));
    }
    out.pay_to = *pay_to;
    if (requirements.amount.is_zero()) {
        return std::unexpected(
            refuse(Reason::invalid_payment_requirements, differs("amount", "more than 0", "0")));
    }
    auto payload = read_transfer_payload(payment.payload.payload);
    if (!payload) {
        return std::unexpected(refuse(Reason::evm_payload, differs(payload.error().field, {}, {})));
    }
    out.payload = std::move(*payload);
    if (is_counterfactual(out.payload.signature)) {
        return std::unexpected(refuse(Reason::evm_factory, differs("payload.signature", {}, {})));
    }
    return out;
}

std::optional<Refusal> check_terms(const ReadPayment& read, const Payment& payment) {
    const Authorization& authorization = read.payload.authorization;
    if (authorization.to != read.pay_to) {
        return refuse(Reason::evm_recipient,
                      differs("payload.authorization.to", to_checksum(read.pay_to),
                              to_checksum(authorization.to)));
    }
    const bool first_version = payment.payload.version == kVersion1;
    const auto rule =
        first_version ? x402::exact::AmountRule::at_least : x402::exact::AmountRule::equal;
    const U256& asked = payment.requirements.amount;
    if (!x402::exact::amount_fits(authorization.value, asked, rule)) {
        return refuse(first_version ? Reason::evm_value_v1 : Reason::evm_value,
                      differs("payload.authorization.value", asked.to_decimal(),
                              authorization.value.to_decimal()));
    }
    return std::nullopt;
}

std::optional<Refusal> check_times(const ReadPayment& read, const Payment& payment, Instant now) {
    using x402::exact::TimeVerdict;
    const PaymentFacts facts = facts_of(read);
    const std::int64_t timeout =
        std::clamp<std::int64_t>(payment.requirements.max_timeout_seconds, 0, kLongestTimeout);
    // Row 7 comes before row 8: the end is judged as if the payment had always been usable.
    const TimeVerdict end = x402::exact::judge_time(Instant{}, facts.usable_until, now, timeout);
    const std::string now_text = std::to_string(to_unix_s(now));
    const Authorization& authorization = read.payload.authorization;
    if (end == TimeVerdict::expired) {
        return refuse(Reason::evm_valid_before, differs("payload.authorization.validBefore",
                                                        "at least 6 seconds after " + now_text,
                                                        authorization.valid_before.to_decimal()));
    }
    if (end == TimeVerdict::too_long) {
        return refuse(Reason::evm_valid_before_late,
                      differs("payload.authorization.validBefore",
                              "at most " + std::to_string(timeout) + " seconds after " + now_text,
                              authorization.valid_before.to_decimal()));
    }
    const auto begin = x402::exact::judge_time(facts.usable_from, facts.usable_until, now, timeout);
    if (begin == TimeVerdict::not_yet) {
        return refuse(Reason::evm_valid_after,
                      differs("payload.authorization.validAfter", "before " + now_text,
                              authorization.valid_after.to_decimal()));
    }
    return std::nullopt;
}

std::optional<Refusal> check_signed(const ReadPayment& read, const Payment& payment, Instant now) {
    const auto terms = check_terms(read, payment);
    const auto times = check_times(read, payment, now);
    const bool recipient_differs = read.payload.authorization.to != read.pay_to;
    if (recipient_differs || !times) return terms;
    return times;
}

PaymentFacts facts_of(const ReadPayment& read) {
    PaymentFacts facts;
    const Authorization& authorization = read.payload.authorization;
    facts.key = key_of(read);
    facts.payer = to_checksum(authorization.from);
    facts.amount = authorization.value;
    facts.usable_from = instant_of(authorization.valid_after.saturating_add(1));
    facts.usable_until = instant_of(authorization.valid_before);
    return facts;
}

PaymentKey key_of(const ReadPayment& read) {
    const Authorization& authorization = read.payload.authorization;
    return PaymentKey("eip3009~" + std::string(kFamily) + "~" + std::to_string(read.chain_id) +
                      "~" + to_lower(read.asset) + "~" + to_lower(authorization.from) + "~" +
                      to_hex0x(authorization.nonce.view()));
}

}  // namespace x402::evm
