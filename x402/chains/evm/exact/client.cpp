// SPDX-License-Identifier: Apache-2.0
// The digest is handed to the wallet; what the chain will check is put together here. Any thread.
#include "x402/chains/evm/exact/client.hpp"

#include "x402/base/check.hpp"
#include "x402/chains/evm/assets.hpp"
#include "x402/chains/evm/exact/rules.hpp"
#include "x402/chains/evm/networks.hpp"

namespace x402::evm {
namespace {

constexpr std::int64_t kLongestTimeout = 1'000'000'000;

std::optional<Refusal> check_offer(const PaymentRequirements& requirements) {
    if (requirements.scheme != kExactScheme) return refuse(Reason::unsupported_scheme);
    if (!chain_number(requirements.network)) {
        return refuse(Reason::invalid_network,
                      {"network", "eip155:*", requirements.network.text()});
    }
    const std::string method = transfer_method(requirements.extra);
    if (method != kEip3009) {
        return refuse(Reason::unsupported_scheme,
                      {"extra.assetTransferMethod", std::string(kEip3009), method});
    }
    for (const char* key : {"name", "version"}) {
        if (!json::text_or_empty(requirements.extra, key).empty()) continue;
        return refuse(Reason::evm_missing_domain, {std::string("extra.") + key, {}, {}});
    }
    if (!parse_wire_address(requirements.asset)) {
        return refuse(Reason::invalid_payment_requirements,
                      {"asset", "an address", requirements.asset});
    }
    if (!parse_wire_address(requirements.pay_to)) {
        return refuse(Reason::invalid_payment_requirements,
                      {"payTo", "an address", requirements.pay_to});
    }
    const std::int64_t timeout = requirements.max_timeout_seconds;
    if (timeout <= 0 || timeout > kLongestTimeout) {
        return refuse(Reason::invalid_payment_requirements,
                      {"maxTimeoutSeconds", "a positive number", std::to_string(timeout)});
    }
    return std::nullopt;
}

Result<ReadPayment> prepare(const PaymentRequirements& requirements, const Wallet& wallet,
                            Env& env) {
    ReadPayment read;
    X402_TRY(read.asset, parse_wire_address(requirements.asset));
    X402_TRY(read.pay_to, parse_wire_address(requirements.pay_to));
    read.name = json::text_or_empty(requirements.extra, "name");
    read.version = json::text_or_empty(requirements.extra, "version");
    read.chain_id = *chain_number(requirements.network);
    Authorization& authorization = read.payload.authorization;
    X402_TRY(authorization.from, parse_wire_address(wallet.address()));
    authorization.to = read.pay_to;
    authorization.value = requirements.amount;
    // Zero, as the reference client of version 2 signs: no clock of ours can then be ahead of the
    // chain's.
    authorization.valid_after = U256(0);
    const std::int64_t until = to_unix_s(env.clock.now()) + requirements.max_timeout_seconds;
    authorization.valid_before = U256(static_cast<std::uint64_t>(until));
    authorization.nonce = env.random.bytes<32>();
    return read;
}

}  // namespace

SchemeId exact_scheme_id() {
    const auto networks = ChainPattern::parse(std::string(kFamily) + ":*");
    X402_CHECK(networks.has_value());
    return SchemeId{std::string(kExactScheme), *networks};
}

ExactClient::ExactClient() : id_(exact_scheme_id()) {}

std::expected<PaymentFacts, Refusal> ExactClient::facts(const Payment& payment) const {
    const auto read = read_payment(payment);
    if (!read) return std::unexpected(read.error());
    return facts_of(*read);
}

std::optional<Refusal> ExactClient::cannot_pay(const PaymentRequirements& requirements) const {
    return check_offer(requirements);
}

Task<Result<json::Object>> ExactClient::sign(const PaymentRequirements& requirements,
                                             const Wallet& wallet, const json::Object&,
                                             Env& env) const {
    if (const auto refusal = check_offer(requirements)) {
        co_return fail_field(Errc::unsupported, refusal->field, to_sentence(*refusal),
                             refusal->next);
    }
    X402_CO_TRY(ReadPayment read, prepare(requirements, wallet, env));
    X402_CO_TRY(read.payload.signature, wallet.sign(read.digest().view()));
    co_return write(read.payload);
}

}  // namespace x402::evm
