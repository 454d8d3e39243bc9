// SPDX-License-Identifier: Apache-2.0
#include "x402/chains/evm/settings.hpp"

#include <algorithm>

#include "x402/base/decimal.hpp"
#include "x402/chains/evm/networks.hpp"
#include "x402/chains/evm/wallet.hpp"

namespace x402::evm {
namespace {

constexpr std::uint8_t kNativeDecimals = 18;
constexpr std::uint8_t kGweiDecimals = 9;
constexpr std::int64_t kMostConfirmations = 1'000;
constexpr std::int64_t kShortestPoll = 5;

std::unexpected<Error> wrong_at(const Tree& section, std::string_view key, const Error& error) {
    return section.find(key)->wrong(error.detail, error.next);
}

// A number may be written as an integer or as text.
Result<std::optional<std::string>> number_text(const Tree& section, std::string_view key) {
    const Tree* value = section.find(key);
    if (value == nullptr) return std::optional<std::string>{};
    if (value->is_integer()) {
        X402_TRY(const std::int64_t number, value->as_integer());
        return std::optional<std::string>(std::to_string(number));
    }
    X402_TRY(std::string text, value->as_text());
    return std::optional<std::string>(std::move(text));
}

Result<void> read_fees(const Tree& section, Settings& out) {
    X402_TRY(const auto price, number_text(section, "max_gas_price"));
    if (price) {
        const auto parsed = parse_gas_price(*price);
        if (!parsed) return wrong_at(section, "max_gas_price", parsed.error());
        out.max_gas_price = *parsed;
    }
    X402_TRY(const auto tip, number_text(section, "max_tip"));
    if (tip) {
        const auto parsed = parse_gas_price(*tip);
        if (!parsed) return wrong_at(section, "max_tip", parsed.error());
        out.max_tip = *parsed;
    }
    X402_TRY(const auto budget, number_text(section, "daily_gas_budget"));
    if (budget) {
        const auto parsed = parse_native(*budget);
        if (!parsed) return wrong_at(section, "daily_gas_budget", parsed.error());
        out.daily_gas_budget = *parsed;
    }
    return {};
}

Result<void> read_times(const Tree& section, Settings& out) {
    X402_TRY(const auto confirmations, section.opt_integer("confirmations"));
    if (confirmations && (*confirmations < 1 || *confirmations > kMostConfirmations)) {
        return section.find("confirmations")
            ->wrong("confirmations must be from 1 to 1000", "confirmations = 1");
    }
    out.confirmations = static_cast<std::uint64_t>(confirmations.value_or(1));
    X402_TRY(const auto stuck, section.opt_duration_ms("stuck_after"));
    if (stuck) out.stuck_after = Duration(std::max<std::int64_t>(*stuck, 1));
    X402_TRY(const auto poll, section.opt_duration_ms("poll"));
    if (poll && *poll < kShortestPoll) {
        return section.find("poll")->wrong("poll must be at least 5ms", "poll = \"500ms\"");
    }
    if (poll) out.poll = Duration(*poll);
    return {};
}

Result<Signer> read_signer(const std::string& reference, const std::string& base_dir) {
    X402_TRY(const crypto::Secret text, crypto::load_secret(reference, base_dir));
    X402_TRY(crypto::Secret key, parse_key(text));
    X402_TRY(const Address address, address_of_key(key));
    return Signer{to_checksum(address), std::move(key)};
}

Result<void> read_signers(const Tree& section, const NetworkSetup& setup, Settings& out) {
    X402_TRY(const auto references, section.opt_texts("signers"));
    if (!setup.with_signers) return {};
    for (const std::string& reference : references) {
        auto signer = read_signer(reference, setup.base_dir);
        if (!signer)
            return section.find("signers")->wrong(signer.error().detail, signer.error().next);
        const bool twice = std::any_of(
            out.signers.begin(), out.signers.end(),
            [&signer](const Signer& other) { return other.address == signer->address; });
        if (twice) {
            return section.find("signers")->wrong(
                "the signer " + signer->address + " is named twice",
                "give every lane a key of its own");
        }
        out.signers.push_back(std::move(*signer));
    }
    return {};
}

}  // namespace

Result<U256> parse_gas_price(std::string_view text) {
    constexpr std::string_view kUnit = "gwei";
    constexpr std::string_view kHint = "write \"50gwei\" or an integer of wei";
    Result<U256> price = fail(Errc::invalid);
    if (text.ends_with(kUnit)) {
        const auto number = parse_decimal(text.substr(0, text.size() - kUnit.size()));
        if (number) price = to_atomic(*number, kGweiDecimals, Rounding::exact);
    } else {
        price = U256::from_decimal(text);
    }
    if (!price || price->is_zero()) {
        return fail_field(Errc::invalid, {}, "this is no gas price: \"" + std::string(text) + "\"",
                          std::string(kHint));
    }
    return price;
}

Result<U256> parse_native(std::string_view text) {
    Result<U256> amount = fail(Errc::invalid);
    if (text.find('.') == std::string_view::npos) {
        amount = U256::from_decimal(text);
    } else {
        const auto number = parse_decimal(text);
        if (number) amount = to_atomic(*number, kNativeDecimals, Rounding::exact);
    }
    if (!amount || amount->is_zero()) {
        return fail_field(Errc::invalid, {}, "this is no amount: \"" + std::string(text) + "\"",
                          "write \"0.05\" (the network's own money) or an integer of wei");
    }
    return amount;
}

Result<Settings> read_settings(const NetworkSetup& setup, std::string_view public_rpc) {
    Settings out;
    const GasFacts gas = gas_facts(chain_number(setup.network).value_or(0));
    out.max_gas_price = U256(gas.max_price);
    out.max_tip = U256(gas.max_tip);
    out.rpc = setup.rpc;
    out.any_token = setup.any_token;
    if (setup.section != nullptr) {
        const Tree& section = *setup.section;
        X402_TRY(const auto rpc, section.opt_texts("rpc"));
        if (out.rpc.empty()) out.rpc = rpc;
        X402_TRY(const auto any_token, section.opt_boolean("any_token"));
        out.any_token = out.any_token || any_token.value_or(false);
        X402_TRY_VOID(read_fees(section, out));
        X402_TRY_VOID(read_times(section, out));
        X402_TRY_VOID(read_signers(section, setup, out));
    }
    if (out.rpc.empty() && !public_rpc.empty()) out.rpc.emplace_back(public_rpc);
    if (out.rpc.empty()) {
        return fail_field(Errc::invalid, "rpc",
                          "no RPC endpoint is known for " + setup.network.text(),
                          "set rpc = [\"https://...\"]");
    }
    return out;
}

}  // namespace x402::evm
