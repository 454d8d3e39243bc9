// SPDX-License-Identifier: Apache-2.0
#include "x402/chains/svm/chain.hpp"

#include "x402/base/base58.hpp"
#include "x402/base/decimal.hpp"
#include "x402/base/log.hpp"
#include "x402/chains/svm/exact/facilitator.hpp"
#include "x402/chains/svm/exact/recipient.hpp"
#include "x402/chains/svm/network.hpp"
#include "x402/chains/svm/networks.hpp"
#include "x402/chains/svm/programs.hpp"
#include "x402/net/ssrf_guard.hpp"

namespace x402::svm {
namespace {

// CAIP-2, namespace solana: that many characters of the genesis block's hash.
constexpr std::size_t kReferenceChars = 32;

bool is_loopback_endpoint(const std::string& url) {
    const auto parts = net::split_url(url);
    return parts && net::is_loopback_host(parts->host);
}

// A node on this machine is a local chain more often than not, and none of these can have the
// genesis of a public network; that it is another public one is a mistake all the same.
Result<void> judge_genesis(const ChainId& network, const std::string& endpoint,
                           const std::string& genesis) {
    const std::string reference = genesis.substr(0, kReferenceChars);
    if (reference == network.reference()) return {};
    bool tolerated = is_loopback_endpoint(endpoint);
    for (const KnownNetwork& each : known_networks()) {
        tolerated = tolerated && each.id.reference() != reference;
    }
    if (!tolerated) {
        return fail_field(
            Errc::invalid, "rpc",
            "the endpoint " + endpoint + " for " + network.text() + " serves solana:" + reference,
            "correct rpc, or the network's id");
    }
    log::info("genesis_not_checked",
              {{"network", network.text()}, {"endpoint", endpoint}, {"genesis", genesis}});
    return {};
}

Error error_of(const Refusal& refusal) {
    return Error{Errc::refused, to_sentence(refusal), refusal.field, refusal.next, false};
}

Error no_funds(std::string what, const std::string& payer) {
    return Error{Errc::refused, std::move(what), "payer",
                 "send the token to the wallet " + payer + ", or choose another offer", false};
}

// What to write instead of an address that is no wallet's; nothing: it may be one.
std::optional<Refusal> check_wallet_address(const Address& pay_to,
                                            const std::optional<Account>& account) {
    if (!account || !is_token_program(account->owner)) return std::nullopt;
    const auto holding = read_token_account(account->owner, account->data);
    Refusal refusal = refuse(Reason::svm_recipient_unusable,
                             {"payTo", "a wallet's address",
                              to_text(pay_to) + (holding ? ", which is itself a token account"
                                                         : ", which belongs to a token program")});
    refusal.next = holding ? "Write the address of its owner instead, " + to_text(holding->owner) +
                                 ": the token account follows from it."
                           : "Write the address of the wallet that is to be paid.";
    return refusal;
}

// Payers cannot make the account, and for an address without a key it takes more than a wallet.
std::optional<Refusal> check_receiver(const Recipient& recipient,
                                      const std::optional<Account>& wallet,
                                      const std::optional<Account>& holding) {
    if (auto refusal = check_wallet_address(recipient.pay_to, wallet)) return refusal;
    auto refusal = check_recipient(recipient, holding);
    const bool keyless = refusal && !crypto::is_on_ed25519(recipient.pay_to);
    if (keyless) {
        refusal->message +=
            " payTo is an address of a program: nobody has a key for it, and only that program can "
            "move what arrives there.";
    }
    return refusal;
}

// A blockhash that the seller told, so that the payer need not ask.
std::optional<std::string> told_blockhash(const json::Object& extra) {
    std::string text = json::text_or_empty(extra, "recentBlockhash");
    const auto bytes = from_base58(text);
    if (!bytes || bytes->size() != Hash32::size()) return std::nullopt;
    return text;
}

class SvmChain final : public Chain {
public:
    SvmChain(ChainOptions options, std::unique_ptr<net::RpcClient> client, Env env)
        : network_(options.network),
          commitment_(options.settings.commitment),
          rpc_(std::move(client)),
          mints_(mint_options(options), rpc_, env.clock),
          tracer_(network_, rpc_, env.clock) {
        if (!options.with_signers || options.settings.signers.empty()) return;
        exact_ =
            std::make_unique<ExactFacilitator>(network_, exact_settings(options.settings),
                                               ExactServices{rpc_, mints_, tracer_, env.clock});
        settles_ = std::make_unique<SvmNetwork>(network_, std::move(options.settings), rpc_,
                                                tracer_, env.clock);
    }

    const ChainId& id() const noexcept override { return network_; }
    Task<Result<void>> prove() override;
    Network* network() noexcept override { return settles_.get(); }
    std::vector<const FacilitatorScheme*> facilitator_schemes() const override {
        if (!exact_) return {};
        return {exact_.get()};
    }
    Task<Result<Trace>> trace(const Payment& payment) override { return tracer_.trace(payment); }
    Task<Result<Trace>> confirm(const Payment& payment, const std::string& transaction) override {
        return tracer_.confirm(payment, Tracer::Named{transaction, commitment_});
    }
    Task<Result<U256>> balance(const std::string& address, const AssetInfo& asset) override;
    Task<Result<AssetInfo>> asset(const std::string& address) override;
    Task<Result<json::Object>> prepare(const PaymentRequirements& requirements,
                                       const std::string& payer) override;
    Task<Result<std::optional<Refusal>>> cannot_receive(const std::string& pay_to,
                                                        const AssetInfo& asset) override;
    std::vector<EndpointHealth> health() const override;

private:
    static MintOptions mint_options(const ChainOptions& options) {
        MintOptions out;
        out.network = options.network;
        out.known = options.known;
        out.configured = options.configured;
        out.any_token = options.settings.any_token;
        return out;
    }
    static ExactSettings exact_settings(const Settings& settings) {
        ExactSettings out;
        for (const Signer& each : settings.signers) out.fee_payers.push_back(each.address);
        out.bounds.max_compute_units = settings.max_compute_units;
        out.bounds.max_compute_price = settings.max_compute_price;
        out.bounds.max_fee = settings.max_fee;
        out.commitment = settings.commitment;
        out.smart_wallets = settings.smart_wallets;
        return out;
    }
    Task<Result<void>> prove_network();
    // Errc::refused: there is no such token, or one that may not arrive whole.
    Task<Result<MintFacts>> sound_mint(Address mint);
    struct Sides {
        Address payer;
        Recipient recipient;
        U256 amount;
    };
    Task<Result<void>> check_sides(Sides sides, std::uint8_t decimals);
    Task<Result<json::Object>> tell_blockhash(const json::Object& extra);

    ChainId network_;
    Commitment commitment_;
    Rpc rpc_;
    Mints mints_;
    Tracer tracer_;
    std::unique_ptr<ExactFacilitator> exact_;
    std::unique_ptr<SvmNetwork> settles_;
};

Task<Result<void>> SvmChain::prove_network() {
    const auto hashes = co_await rpc_.genesis_hash_all();
    const auto endpoints = rpc_.client().stats();
    Error last{Errc::unreachable, "no endpoint answered", {}, {}, true};
    bool any = false;
    for (std::size_t i = 0; i < hashes.size() && i < endpoints.size(); ++i) {
        if (!hashes[i]) {
            last = hashes[i].error();
            continue;
        }
        any = true;
        X402_CO_TRY_VOID(judge_genesis(network_, endpoints[i].endpoint, *hashes[i]));
    }
    if (!any) co_return fail(std::move(last));
    co_return Result<void>{};
}

Task<Result<void>> SvmChain::prove() {
    X402_CO_TRY_VOID(co_await prove_network());
    X402_CO_TRY_VOID(co_await mints_.prove_listed());
    if (settles_) {
        X402_CO_TRY_VOID(co_await settles_->start());
    }
    co_return Result<void>{};
}

Task<Result<U256>> SvmChain::balance(const std::string& address, const AssetInfo& asset) {
    X402_CO_TRY(const Address owner, parse_address(address));
    X402_CO_TRY(const Address mint, parse_address(asset.address));
    X402_CO_TRY(const MintFacts facts, co_await mints_.facts(mint));
    if (!facts.exists) {
        co_return fail(Errc::not_found, "there is no token mint at " + asset.address);
    }
    const std::vector<Address> asked{token_account_of(owner, mint, facts.program)};
    X402_CO_TRY(const auto answer, co_await rpc_.accounts(asked, Commitment::confirmed));
    const auto& account = answer.value.front();
    if (!account) co_return U256(0);
    const auto holding = read_token_account(account->owner, account->data);
    // Somebody may have sent SOL to an address where no token account was made yet.
    co_return U256(holding ? holding->amount : 0);
}

Task<Result<AssetInfo>> SvmChain::asset(const std::string& address) {
    X402_CO_TRY(const Address mint, parse_address(address));
    co_return co_await mints_.info(mint);
}

Task<Result<MintFacts>> SvmChain::sound_mint(Address mint) {
    X402_CO_TRY(MintFacts facts, co_await mints_.facts(mint));
    if (!facts.exists) {
        co_return fail(
            error_of(refuse(Reason::svm_mint_missing, {"asset", "a token mint", to_text(mint)})));
    }
    if (!facts.harmful.empty()) {
        co_return fail(error_of(
            refuse(Reason::svm_mint_extension, {"asset", "no " + facts.harmful, to_text(mint)})));
    }
    co_return facts;
}

// Before anything is signed: a transfer that cannot arrive costs the payer a wait, and tells a
// stranger what the wallet wanted to buy.
Task<Result<void>> SvmChain::check_sides(Sides sides, std::uint8_t decimals) {
    const Recipient& to = sides.recipient;
    const std::vector<Address> asked{token_account_of(sides.payer, to.mint, to.program),
                                     to.account(), to.pay_to};
    X402_CO_TRY(const auto answer, co_await rpc_.accounts(asked, Commitment::confirmed));
    const auto& from = answer.value[0];
    const std::string payer = to_text(sides.payer);
    const auto holding = from ? read_token_account(from->owner, from->data)
                              : Result<TokenAccount>(fail(Errc::invalid));
    if (!holding) {
        co_return fail(no_funds(
            "the wallet has no token account for " + to_text(to.mint) + " on " + network_.text(),
            payer));
    }
    if (holding->state == TokenAccountState::frozen) {
        co_return fail(no_funds(
            "the wallet's account for the token " + to_text(to.mint) + " is frozen by its issuer",
            payer));
    }
    if (U256(holding->amount) < sides.amount) {
        co_return fail(no_funds("the wallet holds " + from_atomic(U256(holding->amount), decimals) +
                                    " of the token " + to_text(to.mint) + ", and the price is " +
                                    from_atomic(sides.amount, decimals),
                                payer));
    }
    const auto refusal = check_receiver(to, answer.value[2], answer.value[1]);
    if (refusal) co_return fail(error_of(*refusal));
    co_return Result<void>{};
}

Task<Result<json::Object>> SvmChain::tell_blockhash(const json::Object& extra) {
    json::Object out;
    if (const auto told = told_blockhash(extra)) {
        out["recentBlockhash"] = *told;
        const json::Value* height = json::find(extra, "lastValidBlockHeight");
        const bool plain =
            height != nullptr && (height->is_int64() || height->is_uint64() || height->is_string());
        if (plain) out["lastValidBlockHeight"] = *height;
        co_return out;
    }
    X402_CO_TRY(const auto latest, co_await rpc_.latest_blockhash(Commitment::confirmed));
    out["recentBlockhash"] = to_base58(latest.value.blockhash.view());
    out["lastValidBlockHeight"] = std::to_string(latest.value.last_valid_height);
    co_return out;
}

Task<Result<json::Object>> SvmChain::prepare(const PaymentRequirements& requirements,
                                             const std::string& payer) {
    Sides sides;
    sides.amount = requirements.amount;
    X402_CO_TRY(sides.payer, parse_address(payer));
    X402_CO_TRY(sides.recipient.mint, parse_address(requirements.asset));
    X402_CO_TRY(sides.recipient.pay_to, parse_address(requirements.pay_to));
    X402_CO_TRY(const MintFacts facts, co_await sound_mint(sides.recipient.mint));
    sides.recipient.program = facts.program;
    X402_CO_TRY_VOID(co_await check_sides(sides, facts.decimals));
    X402_CO_TRY(json::Object told, co_await tell_blockhash(requirements.extra));
    told["tokenProgram"] = to_text(facts.program);
    told["decimals"] = static_cast<std::int64_t>(facts.decimals);
    co_return told;
}

Task<Result<std::optional<Refusal>>> SvmChain::cannot_receive(const std::string& pay_to,
                                                              const AssetInfo& asset) {
    using Answer = std::optional<Refusal>;
    Recipient recipient;
    X402_CO_TRY(recipient.pay_to, parse_address(pay_to));
    X402_CO_TRY(recipient.mint, parse_address(asset.address));
    X402_CO_TRY(const MintFacts facts, co_await mints_.facts(recipient.mint));
    if (!facts.exists) {
        co_return Answer(
            refuse(Reason::svm_mint_missing, {"asset", "a token mint", asset.address}));
    }
    recipient.program = facts.program;
    const std::vector<Address> asked{recipient.pay_to, recipient.account()};
    X402_CO_TRY(const auto answer, co_await rpc_.accounts(asked, Commitment::confirmed));
    co_return check_receiver(recipient, answer.value[0], answer.value[1]);
}

std::vector<EndpointHealth> SvmChain::health() const {
    std::vector<EndpointHealth> out;
    for (const net::RpcStats& each : rpc_.client().stats()) {
        out.push_back(EndpointHealth{each.endpoint, each.ok, each.failed, each.resting});
    }
    return out;
}

}  // namespace

std::unique_ptr<Chain> make_chain(ChainOptions options, std::unique_ptr<net::RpcClient> client,
                                  Env env) {
    return std::make_unique<SvmChain>(std::move(options), std::move(client), env);
}

}  // namespace x402::svm
