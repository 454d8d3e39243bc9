// SPDX-License-Identifier: Apache-2.0
// Everything before a transaction is on its way; observe.cpp has what comes after.
#include "x402/chains/svm/network.hpp"

#include <algorithm>

#include "x402/base/base58.hpp"
#include "x402/base/log.hpp"
#include "x402/chains/svm/exact/diagnose.hpp"

namespace x402::svm {
namespace {

constexpr std::string_view kUnit = "lamports";
constexpr std::uint64_t kBudgetShare = 20;  // one twentieth of the funds a day
constexpr std::uint64_t kPayerShare = 10;   // one tenth of that for one payer
constexpr Duration kDefaultPoll{500};
// The state that is simulated on: young enough to know the payer's blockhash.
constexpr Commitment kState = Commitment::confirmed;

// More lamports than 64 bits hold there are not. Zero would mean "no limit".
std::uint64_t to_lamports(const U256& amount) noexcept {
    constexpr std::uint64_t kAll = ~std::uint64_t{0};
    return std::max<std::uint64_t>(amount.to_u64().value_or(kAll), 1);
}

Cost lamports(std::uint64_t amount) {
    return Cost{U256(amount), std::string(kUnit)};
}

Result<TransferAction> only_action(std::span<const Action> actions) {
    if (actions.size() != 1)
        return fail(Errc::unsupported, "one payment a transaction, and no fillers");
    return read_action(actions.front().body);
}

// Inner instructions are not asked for what they say here, so what a table holds is left blank.
std::vector<AccountUse> blank_accounts(const Message& message) {
    std::vector<AccountUse> accounts;
    for (const Address& key : message.keys) accounts.push_back({key, false, false});
    accounts.resize(accounts.size() + message.looked_up());
    return accounts;
}

Refusal unknown_blockhash(const TransferAction& action) {
    const auto transaction = read_transaction_text(action.transaction);
    const std::string blockhash =
        transaction ? to_base58(transaction->message.blockhash.view()) : std::string();
    return refuse(Reason::svm_blockhash, {"payload.transaction.recentBlockhash",
                                          "a blockhash that is still valid", blockhash});
}

Refusal would_fail(const TransferAction& action, std::string why) {
    const bool wallet = action.path == TransferPath::wallet;
    return refuse(wallet ? Reason::svm_wallet_simulation : Reason::svm_simulation,
                  {"payload.transaction", "a transaction that succeeds", std::move(why)});
}

// The first answer that knows the blockhash; else that nobody knows it, where everybody answered.
Result<At<SimulationAnswer>> fold_simulations(std::span<const Result<net::RpcReply>> replies,
                                              std::span<const AccountUse> accounts) {
    std::optional<At<SimulationAnswer>> unknown;
    bool silent = replies.empty();
    for (const auto& reply : replies) {
        auto answer = reply ? read_simulation(*reply, accounts, 1) : fail(reply.error());
        if (!answer) {
            silent = true;
        } else if (!answer->value.blockhash_unknown) {
            return answer;
        } else {
            unknown = std::move(*answer);
        }
    }
    if (unknown && !silent) return std::move(*unknown);
    return fail(Errc::unavailable, "not every endpoint says whether it knows the blockhash");
}

}  // namespace

SvmNetwork::SvmNetwork(ChainId id, Settings settings, Rpc& rpc, Tracer& tracer, Clock& clock)
    : id_(std::move(id)),
      settings_(std::move(settings)),
      rpc_(rpc),
      tracer_(tracer),
      clock_(clock),
      statuses_(rpc),
      // Before the funds are known nothing may be spent.
      daily_budget_(1) {
    if (settings_.daily_fee_budget) daily_budget_ = to_lamports(*settings_.daily_fee_budget);
}

Task<Result<void>> SvmNetwork::start() {
    if (settings_.daily_fee_budget) co_return Result<void>{};
    X402_CO_TRY(const auto owned, co_await funds());
    U256 sum;
    for (const Funds& each : owned) sum = sum.saturating_add(each.balance.amount);
    daily_budget_ = to_lamports(sum.divide(U256(kBudgetShare)).quotient);
    co_return Result<void>{};
}

std::vector<SignerId> SvmNetwork::signers() const {
    std::vector<SignerId> out;
    for (const Signer& signer : settings_.signers) out.push_back(signer.address);
    return out;
}

Budget SvmNetwork::budget() const {
    Budget budget;
    budget.per_day = lamports(daily_budget_);
    budget.per_payment = lamports(settings_.max_fee);
    budget.per_payer_per_day = lamports(payer_budget());
    return budget;
}

// Whoever has several keys has several shares: it slows one payer down and stops nobody with many.
std::uint64_t SvmNetwork::payer_budget() const noexcept {
    if (settings_.payer_fee_budget) return to_lamports(*settings_.payer_fee_budget);
    // One payment must fit, however small the day's budget is.
    return std::max<std::uint64_t>({daily_budget_ / kPayerShare, settings_.max_fee, 1});
}

Duration SvmNetwork::poll_interval() const {
    return settings_.poll.value_or(kDefaultPoll);
}

const Signer* SvmNetwork::find_signer(const SignerId& signer) const noexcept {
    for (const Signer& each : settings_.signers) {
        if (each.address == signer) return &each;
    }
    return nullptr;
}

Task<Result<std::uint64_t>> SvmNetwork::lamports_of(Address address) {
    std::vector<Address> addresses{address};
    X402_CO_TRY(const auto told, co_await rpc_.accounts(std::move(addresses), kState));
    co_return told.value.front() ? told.value.front()->lamports : 0;
}

// A node that is behind does not know a new blockhash. Before that is held against the payer every
// endpoint is asked, by the newest state that it has.
Task<Result<At<SimulationAnswer>>> SvmNetwork::try_out(TransferAction action) {
    X402_CO_TRY(const Transaction transaction, read_transaction_text(action.transaction));
    Rpc::SimulationRequest request;
    request.transaction = action.transaction;
    request.accounts = blank_accounts(transaction.message);
    request.watched = {action.fee_payer};
    request.commitment = kState;
    const std::vector<AccountUse> accounts = request.accounts;
    const std::vector<Address> watched = request.watched;
    X402_CO_TRY(auto answer, co_await rpc_.simulate(std::move(request)));
    if (!answer.value.blockhash_unknown) co_return std::move(answer);
    net::RpcCall question = ask_simulation(action.transaction, watched, Commitment::processed);
    const auto replies = co_await rpc_.client().call_all(std::move(question));
    co_return fold_simulations(replies, accounts);
}

// Neither the rules nor the simulation let the fee payer lose more than the fee. Other payments of
// the same fee payer may land between the two readings around the simulation: the lower one counts,
// so that their fees are not held against this payment.
Task<Result<std::optional<Refusal>>> SvmNetwork::check_success(TransferAction action,
                                                               At<SimulationAnswer> answer,
                                                               std::uint64_t before) {
    if (answer.value.lamports_after.size() != 1)
        co_return fail(Errc::bad_peer, "the simulation does not tell what the fee payer keeps");
    const std::uint64_t after = answer.value.lamports_after.front().value_or(0);
    std::uint64_t least = before;
    if (after < least && least - after > action.fee) {
        X402_CO_TRY(const std::uint64_t now, co_await lamports_of(action.fee_payer));
        least = std::min(least, now);
    }
    if (after >= least || least - after <= action.fee) co_return std::optional<Refusal>{};
    log::warn("fee_payer_would_pay", {{"network", id_.text()},
                                      {"payer", to_text(action.payer)},
                                      {"lamports", std::to_string(least - after)}});
    co_return std::optional<Refusal>(
        refuse(Reason::svm_fee_payer_transfers,
               {"payload.transaction", "at most " + std::to_string(action.fee) + " lamports",
                std::to_string(least - after)}));
}

Task<Result<Simulation>> SvmNetwork::simulate(std::span<const Action> actions,
                                              const SignerId& signer) {
    X402_CO_TRY(const TransferAction action, only_action(actions));
    if (signer != to_text(action.fee_payer))
        co_return fail(Errc::invalid, "the payment names another fee payer");
    Simulation simulation;
    simulation.most = lamports(action.fee);
    if (tracer_.is_over(action.hash)) {
        simulation.refusals.emplace_back(would_fail(action, "it was sent, and cannot land again"));
        co_return simulation;
    }
    X402_CO_TRY(const std::uint64_t before, co_await lamports_of(action.fee_payer));
    X402_CO_TRY(auto answer, co_await try_out(action));
    if (answer.value.blockhash_unknown) {
        simulation.refusals.emplace_back(unknown_blockhash(action));
        co_return simulation;
    }
    if (answer.value.error) {
        log::debug("simulation_failed", {{"cause", *answer.value.error}});
        std::string cause = cause_of(*answer.value.error);
        if (is_ours(cause))
            co_return fail(Errc::unavailable,
                           "the fee payer " + signer + " is not ready: " + cause);
        simulation.refusals.emplace_back(would_fail(action, std::move(cause)));
        co_return simulation;
    }
    simulation.body["units"] = answer.value.units;
    X402_CO_TRY(auto refusal, co_await check_success(action, std::move(answer), before));
    simulation.refusals.push_back(std::move(refusal));
    co_return simulation;
}

Task<Result<Slot>> SvmNetwork::next_slot(const SignerId& signer, std::span<const Slot> recorded,
                                         const Plan& plan) {
    X402_CO_TRY(const TransferAction action, only_action(plan.actions));
    if (find_signer(signer) == nullptr)
        co_return fail(Errc::not_found, "no signer " + signer + " on " + id_.text());
    if (signer != to_text(action.fee_payer))
        co_return fail(Errc::invalid, "the payment names another fee payer");
    Slot slot;
    slot.network = id_;
    slot.signer = signer;
    slot.key = slot_key_of(action.hash);
    const bool taken = std::any_of(recorded.begin(), recorded.end(),
                                   [&slot](const Slot& each) { return each.key == slot.key; });
    if (taken) co_return fail(Errc::conflict, "the message has its slot already");
    // Before it is signed: so it cannot have landed earlier, and its blockhash is older.
    slot.body["takenAt"] = to_unix_ms(clock_.now());
    co_return slot;
}

// The action's bytes with one signature put into its place; the same each time. Nothing else is
// signed here, and nothing that was not decided and recorded.
Task<Result<Attempt>> SvmNetwork::sign(const Slot& slot, std::span<const Action> actions,
                                       const Simulation& simulation,
                                       std::span<const Attempt> earlier) {
    static_cast<void>(simulation);  // it changes nothing of what the payer signed
    if (!earlier.empty()) co_return fail(Errc::unsupported, "nothing can be replaced here");
    X402_CO_TRY(const TransferAction action, only_action(actions));
    const Signer* signer = find_signer(slot.signer);
    if (signer == nullptr) co_return fail(Errc::not_found, "no signer " + slot.signer);
    if (slot.network != id_) co_return fail(Errc::invalid, "the slot is another network's");
    if (slot.signer != to_text(action.fee_payer))
        co_return fail(Errc::invalid, "the payment names another fee payer");
    if (slot.key != slot_key_of(action.hash))
        co_return fail(Errc::invalid, "the slot is another message's");
    if (action.fee > settings_.max_fee)
        co_return fail(Errc::refused, "the fee is higher than this network may cost a payment");
    X402_CO_TRY(Transaction transaction, read_transaction_text(action.transaction));
    X402_CO_TRY(transaction.signatures.front(),
                crypto::ed25519_sign(transaction.message_bytes, signer->seed));
    for (std::size_t i = 0; i < transaction.signatures.size(); ++i) {
        const bool good = crypto::ed25519_verify(
            transaction.message_bytes, transaction.signatures[i], transaction.message.keys[i]);
        if (!good) co_return fail(Errc::invalid, "a signature of the transaction is wrong");
    }
    Attempt attempt;
    attempt.id = to_base58(transaction.signatures.front().view());
    attempt.raw = to_base64_text(transaction);
    attempt.most = lamports(action.fee);
    tracer_.know(action.hash, attempt.id);
    co_return attempt;
}

Task<Result<SentAnswer>> SvmNetwork::broadcast(const Attempt& attempt) {
    co_return co_await rpc_.send(attempt.raw);
}

Task<Result<std::vector<Funds>>> SvmNetwork::funds() {
    std::vector<Address> addresses;
    for (const Signer& signer : settings_.signers) {
        X402_CO_TRY(const Address address, parse_address(signer.address));
        addresses.push_back(address);
    }
    std::vector<Funds> out;
    if (addresses.empty()) co_return out;
    X402_CO_TRY(const auto told, co_await rpc_.accounts(addresses, kState));
    for (std::size_t i = 0; i < addresses.size(); ++i) {
        const auto& account = told.value[i];
        out.push_back(
            Funds{settings_.signers[i].address, lamports(account ? account->lamports : 0)});
    }
    co_return out;
}

}  // namespace x402::svm
