// SPDX-License-Identifier: Apache-2.0
#include "x402/chains/svm/settings.hpp"

#include <algorithm>

#include "x402/base/decimal.hpp"
#include "x402/chains/svm/wallet.hpp"

namespace x402::svm {
namespace {

constexpr std::uint8_t kSolDecimals = 9;
constexpr std::int64_t kLeastUnits = 20'000;    // what clients ask for
constexpr std::int64_t kMostUnits = 1'400'000;  // what the network grants
constexpr std::int64_t kMostPrice = 1'000'000'000;
constexpr std::uint64_t kLeastFee = 10'001;  // two signatures, and the least priority
constexpr std::uint64_t kMostFee = 1'000'000'000;
constexpr std::int64_t kShortestPoll = 5;
constexpr std::int64_t kShortestRebroadcast = 200;
constexpr std::int64_t kLongestRebroadcast = 20'000;

// A number may be written as an integer or as text.
Result<std::optional<U256>> lamports_at(const Tree& section, std::string_view key) {
    const Tree* value = section.find(key);
    if (value == nullptr) return std::optional<U256>{};
    std::string text;
    if (value->is_integer()) {
        X402_TRY(const std::int64_t number, value->as_integer());
        text = std::to_string(number);
    } else {
        X402_TRY(text, value->as_text());
    }
    const auto parsed = parse_lamports(text);
    if (!parsed) return value->wrong(parsed.error().detail, parsed.error().next);
    return std::optional<U256>(*parsed);
}

struct Range {
    std::int64_t least;
    std::int64_t most;
    std::string_view unit;
};

Result<std::optional<std::uint64_t>> bounded_at(const Tree& section, std::string_view key,
                                                const Range& range) {
    X402_TRY(const auto value, section.opt_integer(key));
    if (!value) return std::optional<std::uint64_t>{};
    if (*value < range.least || *value > range.most) {
        const std::string least = std::to_string(range.least);
        const std::string most = std::to_string(range.most);
        return section.find(key)->wrong(
            std::string(key) + " must be from " + least + " to " + most,
            "write a whole number of " + std::string(range.unit) + ", or leave it out");
    }
    return std::optional<std::uint64_t>(static_cast<std::uint64_t>(*value));
}

Result<void> read_bounds(const Tree& section, Settings& out) {
    X402_TRY(const auto units, bounded_at(section, "max_compute_units",
                                          Range{kLeastUnits, kMostUnits, "compute units"}));
    if (units) out.max_compute_units = *units;
    X402_TRY(const auto price,
             bounded_at(section, "max_compute_price",
                        Range{1, kMostPrice, "microlamports for one compute unit"}));
    if (price) out.max_compute_price = *price;
    X402_TRY(const auto fee, lamports_at(section, "max_fee"));
    if (fee && (*fee < U256(kLeastFee) || *fee > U256(kMostFee))) {
        return section.find("max_fee")->wrong("max_fee must be from 10001 to 1000000000 lamports",
                                              "max_fee = 100000: two signatures alone cost 10000");
    }
    if (fee) out.max_fee = *fee->to_u64();
    return {};
}

Result<void> read_budgets(const Tree& section, Settings& out) {
    X402_TRY(out.daily_fee_budget, lamports_at(section, "daily_fee_budget"));
    X402_TRY(out.payer_fee_budget, lamports_at(section, "payer_fee_budget"));
    const bool both = out.daily_fee_budget && out.payer_fee_budget;
    if (both && *out.payer_fee_budget > *out.daily_fee_budget) {
        return section.find("payer_fee_budget")
            ->wrong("payer_fee_budget is above daily_fee_budget",
                    "let one payer cost a part of the day's budget, such as a tenth");
    }
    const bool small = out.daily_fee_budget && *out.daily_fee_budget < U256(out.max_fee);
    if (small) {
        return section.find("daily_fee_budget")
            ->wrong("daily_fee_budget does not pay for one payment of max_fee",
                    "raise daily_fee_budget, or lower max_fee");
    }
    const bool smaller = out.payer_fee_budget && *out.payer_fee_budget < U256(out.max_fee);
    if (smaller) {
        return section.find("payer_fee_budget")
            ->wrong("payer_fee_budget does not pay for one payment of max_fee",
                    "raise payer_fee_budget, or lower max_fee");
    }
    return {};
}

Result<void> read_times(const Tree& section, Settings& out) {
    X402_TRY(const auto again, section.opt_duration_ms("rebroadcast"));
    if (again && (*again < kShortestRebroadcast || *again > kLongestRebroadcast)) {
        return section.find("rebroadcast")
            ->wrong("rebroadcast must be from 200ms to 20s", "rebroadcast = \"2s\"");
    }
    if (again) out.rebroadcast = Duration(*again);
    X402_TRY(const auto poll, section.opt_duration_ms("poll"));
    if (poll && *poll < kShortestPoll) {
        return section.find("poll")->wrong("poll must be at least 5ms", "poll = \"500ms\"");
    }
    if (poll) out.poll = Duration(*poll);
    return {};
}

Result<void> read_commitment(const Tree& section, Settings& out) {
    X402_TRY(const auto text, section.opt_text("commitment"));
    if (!text) return {};
    for (const Commitment each : {Commitment::confirmed, Commitment::finalized}) {
        if (*text != to_string(each)) continue;
        out.commitment = each;
        return {};
    }
    return section.find("commitment")
        ->wrong("commitment cannot be \"" + *text + "\"",
                "use confirmed, or finalized to wait until nothing can undo a payment");
}

Result<Signer> read_signer(const std::string& reference, const std::string& base_dir) {
    X402_TRY(const crypto::Secret text, crypto::load_secret(reference, base_dir));
    X402_TRY(crypto::Secret seed, parse_key(text));
    X402_TRY(const Address address, address_of_seed(seed));
    return Signer{to_text(address), std::move(seed)};
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

Result<void> read_section(const Tree& section, const NetworkSetup& setup, Settings& out) {
    X402_TRY(const auto rpc, section.opt_texts("rpc"));
    if (out.rpc.empty()) out.rpc = rpc;
    X402_TRY(const auto any_token, section.opt_boolean("any_token"));
    out.any_token = out.any_token || any_token.value_or(false);
    X402_TRY(const auto wallets, section.opt_boolean("smart_wallets"));
    out.smart_wallets = wallets.value_or(false);
    X402_TRY_VOID(read_commitment(section, out));
    X402_TRY_VOID(read_bounds(section, out));
    X402_TRY_VOID(read_budgets(section, out));
    X402_TRY_VOID(read_times(section, out));
    return read_signers(section, setup, out);
}

}  // namespace

std::string_view to_string(Commitment commitment) noexcept {
    switch (commitment) {
        case Commitment::processed:
            return "processed";
        case Commitment::confirmed:
            return "confirmed";
        case Commitment::finalized:
            return "finalized";
    }
    return "finalized";
}

Result<U256> parse_lamports(std::string_view text) {
    Result<U256> amount = fail(Errc::invalid);
    if (text.find('.') == std::string_view::npos) {
        amount = U256::from_decimal(text);
    } else {
        const auto number = parse_decimal(text);
        if (number) amount = to_atomic(*number, kSolDecimals, Rounding::exact);
    }
    if (!amount || amount->is_zero() || !amount->to_u64()) {
        return fail_field(Errc::invalid, {},
                          "this is no amount of lamports: \"" + std::string(text) + "\"",
                          "write \"0.05\" (SOL) or an integer of lamports");
    }
    return amount;
}

Result<Settings> read_settings(const NetworkSetup& setup, std::string_view public_rpc) {
    Settings out;
    out.rpc = setup.rpc;
    out.any_token = setup.any_token;
    if (setup.section != nullptr) {
        X402_TRY_VOID(read_section(*setup.section, setup, out));
    }
    if (out.rpc.empty() && !public_rpc.empty()) out.rpc.emplace_back(public_rpc);
    if (out.rpc.empty()) {
        return fail_field(Errc::invalid, "rpc",
                          "no RPC endpoint is known for " + setup.network.text(),
                          "set rpc = [\"https://...\"]");
    }
    return out;
}

}  // namespace x402::svm
