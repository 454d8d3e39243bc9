// SPDX-License-Identifier: Apache-2.0
#include "x402/chains/svm/mints.hpp"

#include <algorithm>
#include <array>

#include "x402/base/log.hpp"
#include "x402/chains/svm/networks.hpp"
#include "x402/chains/svm/programs.hpp"

namespace x402::svm {
namespace {

constexpr auto kRemember = std::chrono::minutes(15);
constexpr auto kRememberShortly = std::chrono::minutes(1);
constexpr std::size_t kMostRemembered = 4'096;

// Extensions whose content an authority may change after we looked: TransferFeeConfig,
// DefaultAccountState, TransferHook, Pausable.
bool may_change(const Mint& mint) noexcept {
    static constexpr std::array<std::uint16_t, 4> kTypes = {1, 6, 14, 26};
    return std::any_of(mint.extensions.begin(), mint.extensions.end(), [](const Extension& each) {
        return std::find(kTypes.begin(), kTypes.end(), each.type) != kTypes.end();
    });
}

std::string where_of(const AssetInfo& asset) {
    return "the token " + asset.address + " on " + asset.id.network.text();
}

// A mint has no symbol of its own, and what metadata call themselves anybody can choose. Limits and
// prices need a word to name the token by.
std::string short_name(const std::string& address) {
    constexpr std::size_t kEach = 6;
    return address.substr(0, kEach) + ".." + address.substr(address.size() - kEach);
}

// What a list says of a token, held against its mint.
Result<void> judge(const AssetInfo& asset, const MintFacts& facts) {
    const std::string where = where_of(asset);
    if (!facts.exists) {
        return fail_field(Errc::invalid, "address", where + " is no mint",
                          "correct the address, or the network");
    }
    if (facts.decimals != asset.decimals) {
        return fail_field(Errc::invalid, "decimals",
                          where + " has " + std::to_string(facts.decimals) + " decimals, not " +
                              std::to_string(asset.decimals),
                          "correct decimals");
    }
    const std::string program = json::text_or_empty(asset.extra, kTokenProgramKey);
    if (!program.empty() && program != to_text(facts.program)) {
        return fail_field(Errc::invalid, "token_program",
                          where + " belongs to the token program " + to_text(facts.program),
                          "correct token_program or leave it out");
    }
    if (!facts.harmful.empty()) {
        return fail_field(
            Errc::invalid, "address",
            where + " may keep a transfer from arriving whole (" + facts.harmful + ")",
            "choose another token");
    }
    return {};
}

}  // namespace

Mints::Mints(MintOptions options, Rpc& rpc, Clock& clock)
    : options_(std::move(options)), rpc_(rpc), clock_(clock) {}

const AssetInfo* Mints::listed(const Address& mint) const noexcept {
    const std::string text = to_text(mint);
    for (const auto* list : {&options_.configured, &options_.known}) {
        for (const AssetInfo& asset : *list) {
            if (asset.address == text) return &asset;
        }
    }
    return nullptr;
}

Task<Result<MintFacts>> Mints::facts(Address mint) {
    {
        const std::lock_guard lock(mutex_);
        const auto it = cache_.find(mint);
        if (it != cache_.end() && clock_.steady() < it->second.until) co_return it->second.facts;
    }
    const std::vector<Address> asked{mint};
    X402_CO_TRY(const auto answer, co_await rpc_.accounts(asked, Commitment::confirmed));
    MintFacts facts;
    const auto& account = answer.value.front();
    // Not remembered: it may be made in a moment.
    if (!account) co_return facts;
    const auto read = read_mint(account->owner, account->data);
    if (!read || !read->initialized) co_return facts;
    facts.exists = true;
    facts.program = read->program;
    facts.decimals = read->decimals;
    facts.harmful = harmful_extension(*read, listed(mint) != nullptr);
    const bool shortly = !facts.harmful.empty() || may_change(*read);
    const std::lock_guard lock(mutex_);
    // Only any_token can fill it; forgetting all costs one read for each token in use.
    if (cache_.size() >= kMostRemembered) cache_.clear();
    cache_[mint] = Entry{facts, clock_.steady() + (shortly ? kRememberShortly : kRemember)};
    co_return facts;
}

Task<Result<AssetInfo>> Mints::info(Address mint) {
    AssetInfo asset;
    const AssetInfo* row = listed(mint);
    if (row != nullptr) asset = *row;
    const auto read = co_await facts(mint);
    // What a list says is good enough while the chain cannot be asked.
    if (!read && row != nullptr) co_return asset;
    if (!read) co_return fail(read.error());
    if (!read->exists) {
        co_return fail(Errc::not_found, "there is no token mint at " + to_text(mint));
    }
    if (row == nullptr) {
        asset.address = to_text(mint);
        asset.id = AssetId{options_.network, "token", asset.address};
        asset.decimals = read->decimals;
        asset.symbol = short_name(asset.address);
    }
    if (asset.decimals != read->decimals) {
        co_return fail(Errc::unsupported, where_of(asset) + " has other decimals than are listed");
    }
    asset.extra[kTokenProgramKey] = to_text(read->program);
    co_return asset;
}

Task<Result<void>> Mints::prove_listed() {
    for (const AssetInfo& asset : options_.configured) {
        X402_CO_TRY(const Address mint, parse_address(asset.address));
        X402_CO_TRY(const MintFacts read, co_await facts(mint));
        X402_CO_TRY_VOID(judge(asset, read));
    }
    for (const AssetInfo& asset : options_.known) {
        X402_CO_TRY(const Address mint, parse_address(asset.address));
        X402_CO_TRY(const MintFacts read, co_await facts(mint));
        const auto fits = judge(asset, read);
        if (fits) continue;
        log::warn("token_differs",
                  {{"network", options_.network.text()}, {"detail", fits.error().detail}});
    }
    co_return Result<void>{};
}

}  // namespace x402::svm
