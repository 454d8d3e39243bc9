// SPDX-License-Identifier: Apache-2.0
// The fake network of this room's tests, as a chain module, and a few proofs that it is a fair one:
// an authorization moves at most once, a slot is used at most once.
#include <gtest/gtest.h>

#include "x402/facilitator/test_ledger.hpp"

namespace x402::facilitator::test {
namespace {

ChainId fake_network() {
    return *ChainId::parse("fake:one");
}

json::Object body_of(const Transfer& transfer) {
    json::Object body;
    body["payer"] = transfer.payer;
    body["nonce"] = transfer.nonce;
    body["to"] = transfer.to;
    body["amount"] = transfer.amount.to_decimal();
    return body;
}

Transfer transfer_of(const json::Object& body) {
    Transfer transfer;
    transfer.payer = json::text_or_empty(body, "payer");
    transfer.nonce = json::text_or_empty(body, "nonce");
    transfer.to = json::text_or_empty(body, "to");
    transfer.amount = *U256::from_decimal(json::text_or_empty(body, "amount"));
    return transfer;
}

std::string raw_of(const PooledTx& tx) {
    json::Object raw;
    raw["id"] = tx.id;
    raw["signer"] = tx.signer;
    raw["number"] = tx.number;
    raw["level"] = tx.level;
    json::Array transfers;
    for (const Transfer& transfer : tx.transfers) transfers.emplace_back(body_of(transfer));
    raw["transfers"] = std::move(transfers);
    return json::dump(raw);
}

PooledTx tx_of(const std::string& raw) {
    const json::Object object = *json::parse_object(raw);
    PooledTx tx;
    tx.id = *json::get_string(object, "id");
    tx.signer = *json::get_string(object, "signer");
    tx.number = static_cast<std::uint64_t>(*json::get_int(object, "number"));
    tx.level = static_cast<std::uint32_t>(*json::get_int(object, "level"));
    const json::Array transfers = *json::get_array(object, "transfers");
    for (const json::Value& each : transfers) tx.transfers.push_back(transfer_of(each.as_object()));
    return tx;
}

class FakeNetwork final : public Network {
public:
    FakeNetwork(Ledger& ledger, ChainId id) : ledger_(ledger), id_(std::move(id)) {}
    const ChainId& id() const noexcept override { return id_; }
    std::vector<SignerId> signers() const override { return ledger_.signers; }
    Budget budget() const override { return ledger_.limits; }
    Duration patience() const override { return std::chrono::seconds(10); }
    Duration poll_interval() const override { return ledger_.poll; }
    bool can_share(const Action& one, const Action& other) const override {
        // As real networks do: one and the same cannot go twice.
        return ledger_.shareable && one.payment != other.payment;
    }
    bool can_replace() const noexcept override { return ledger_.replaceable; }

    Task<Result<Simulation>> simulate(std::span<const Action> actions, const SignerId&) override {
        const std::lock_guard lock(ledger_.mutex);
        if (ledger_.down || ledger_.dead.contains(id_.text()))
            co_return fail(Errc::unreachable, "down");
        if (ledger_.simulate_errors > 0) {
            --ledger_.simulate_errors;
            co_return fail(Errc::timeout, "ordered");
        }
        Simulation simulation;
        std::map<std::string, U256> left = ledger_.balances;
        for (const Action& action : actions) {
            const Transfer transfer = transfer_of(action.body);
            simulation.refusals.push_back(refusal_of(transfer, left));
            simulation.most.amount = simulation.most.amount.saturating_add(ledger_.cost_each);
        }
        simulation.most.unit = "grain";
        simulation.body["seen"] = ledger_.block;
        co_return simulation;
    }

    Task<Result<Slot>> next_slot(const SignerId& signer, std::span<const Slot> recorded,
                                 const Plan&) override {
        const std::lock_guard lock(ledger_.mutex);
        if (ledger_.down) co_return fail(Errc::unreachable, "down");
        if (ledger_.slot_errors > 0) {
            --ledger_.slot_errors;
            co_return fail(Errc::timeout, "ordered");
        }
        std::uint64_t number = ledger_.next[signer];
        const auto taken = [&](std::uint64_t at) {
            return std::any_of(recorded.begin(), recorded.end(),
                               [&](const Slot& slot) { return slot.key == std::to_string(at); });
        };
        while (taken(number)) ++number;
        co_return Slot{id_, signer, std::to_string(number), json::Object{}};
    }

    Task<Result<Attempt>> sign(const Slot& slot, std::span<const Action> actions, const Simulation&,
                               std::span<const Attempt> earlier) override {
        const std::lock_guard lock(ledger_.mutex);
        if (ledger_.sign_errors > 0) {
            --ledger_.sign_errors;
            co_return fail(Errc::timeout, "ordered");
        }
        if (refuses(actions)) co_return fail(Errc::refused, "ordered");
        PooledTx tx;
        tx.signer = slot.signer;
        tx.number = std::stoull(slot.key);
        tx.level = static_cast<std::uint32_t>(earlier.size());
        tx.id = "tx-" + slot.signer + "-" + slot.key + "-" + std::to_string(tx.level) +
                (actions.empty() ? "f" : "");
        for (const Action& action : actions) {
            tx.transfers.push_back(transfer_of(action.body));
            ledger_.signed_numbers[tx.transfers.back().nonce].insert(tx.number);
        }
        Attempt attempt;
        attempt.id = tx.id;
        attempt.raw = raw_of(tx);
        attempt.level = tx.level;
        if (!ledger_.cost_step.is_zero() || !ledger_.cost_more.is_zero()) {
            const U256 more =
                ledger_.cost_step.saturating_mul(U256(tx.level)).saturating_add(ledger_.cost_more);
            attempt.most.amount =
                ledger_.cost_each.saturating_mul(U256(actions.size())).saturating_add(more);
        }
        co_return attempt;
    }

    Task<Result<SentAnswer>> broadcast(const Attempt& attempt) override {
        const std::lock_guard lock(ledger_.mutex);
        if (ledger_.down) co_return fail(Errc::unreachable, "down");
        co_return ledger_.send(tx_of(attempt.raw));
    }

    Task<Result<Seen>> observe(const Slot& slot, std::span<const Action>,
                               std::span<const Attempt> attempts) override {
        const std::lock_guard lock(ledger_.mutex);
        ++ledger_.observes;
        if (ledger_.down) co_return fail(Errc::unreachable, "down");
        Seen seen;
        seen.state = SeenState::waiting;
        for (const Attempt& attempt : attempts) {
            const auto found = ledger_.mined.find(attempt.id);
            if (found == ledger_.mined.end()) continue;
            seen.state = SeenState::mined;
            seen.attempt = attempt.id;
            seen.block = found->second.block;
            seen.final = ledger_.finalized;
            seen.cost = {ledger_.cost_each, "grain"};
            for (const bool executed : found->second.executed)
                seen.parts.push_back(Part{executed, {}});
            co_return seen;
        }
        if (ledger_.next[slot.signer] > std::stoull(slot.key)) seen.state = SeenState::dead;
        co_return seen;
    }

    Task<Result<std::vector<Funds>>> funds() override {
        const std::lock_guard lock(ledger_.mutex);
        std::vector<Funds> funds;
        for (const std::string& signer : ledger_.signers)
            funds.push_back({signer, {U256(1'000), "grain"}});
        co_return funds;
    }

private:
    bool refuses(std::span<const Action> actions) const {
        if (actions.empty()) return ledger_.no_fillers;
        return ledger_.sign_refuses ||
               std::any_of(actions.begin(), actions.end(), [&](const Action& action) {
                   return ledger_.unsignable.contains(transfer_of(action.body).nonce);
               });
    }

    std::optional<Refusal> refusal_of(const Transfer& transfer, std::map<std::string, U256>& left) {
        if (ledger_.blind.contains(transfer.nonce)) return std::nullopt;
        if (ledger_.used.contains(used_key(transfer.payer, transfer.nonce)))
            return refuse(Reason::evm_nonce_used);
        U256& balance = left[transfer.payer];
        const auto rest = balance.checked_sub(transfer.amount);
        if (!rest) return refuse(Reason::evm_balance);
        balance = *rest;
        return std::nullopt;
    }

    Ledger& ledger_;
    ChainId id_;
};

class FakeScheme final : public FacilitatorScheme {
public:
    explicit FakeScheme(Ledger& ledger)
        : ledger_(ledger), id_{"exact", *ChainPattern::parse("fake:*")} {}
    const SchemeId& id() const noexcept override { return id_; }

    std::expected<PaymentFacts, Refusal> facts(const Payment& payment) const override {
        const json::Object& signed_data = payment.payload.payload;
        PaymentFacts facts;
        facts.payer = json::text_or_empty(signed_data, "payer");
        const std::string nonce = json::text_or_empty(signed_data, "nonce");
        const auto amount = U256::from_decimal(json::text_or_empty(signed_data, "amount"));
        if (facts.payer.empty() || nonce.empty() || !amount)
            return std::unexpected(refuse(Reason::invalid_payload));
        facts.key = PaymentKey("fake~" + facts.payer + "~" + nonce);
        facts.amount = *amount;
        facts.usable_until = from_unix_s(json::get_int(signed_data, "until").value_or(0));
        facts.usable_for = ledger_.lives_for;
        return facts;
    }

    Task<Result<Verdict>> verify(const Payment& payment) const override {
        if (ledger_.hold_verifies > 0) {
            --ledger_.hold_verifies;
            while (!ledger_.let_verify) {
                const bool slept = co_await ledger_.clock.sleep(std::chrono::milliseconds(50));
                static_cast<void>(slept);
            }
        }
        const std::lock_guard lock(ledger_.mutex);
        ++ledger_.verifies;
        if (ledger_.down) co_return fail(Errc::unreachable, "down");
        const Transfer transfer = read(payment);
        Verdict verdict;
        verdict.payer = transfer.payer;
        if (json::text_or_empty(payment.payload.payload, "sig") != "good") {
            verdict.refusal = refuse(Reason::evm_signature);
        } else if (!fits(payment)) {
            verdict.refusal = refuse(Reason::evm_value);
        } else if (ledger_.used.contains(used_key(transfer.payer, transfer.nonce))) {
            verdict.refusal = refuse(Reason::evm_nonce_used);
        } else if (ledger_.balances[transfer.payer] < transfer.amount) {
            verdict.refusal = refuse(Reason::evm_balance);
        }
        co_return verdict;
    }

    Task<Result<Plan>> plan(const Payment& payment) const override {
        const std::lock_guard lock(ledger_.mutex);
        ledger_.seen.push_back(payment.seen);
        if (ledger_.down) co_return fail(Errc::unreachable, "down");
        if (!fits(payment)) co_return fail(Errc::invalid, "another amount");
        const Transfer transfer = read(payment);
        const auto facts_of = facts(payment);
        Plan plan;
        plan.charged = transfer.amount;
        if (!ledger_.only_signer.empty()) plan.signers = {ledger_.only_signer};
        if (transfer.amount.is_zero()) co_return plan;
        Action action;
        action.payment = facts_of->key;
        action.body = body_of(transfer);
        plan.actions.push_back(std::move(action));
        co_return plan;
    }

    Judgement judge(const Action&, const Part& part) const override {
        if (part.executed) return {Outcome::settled, {}};
        return {Outcome::failed, refuse(Reason::evm_transaction_failed)};
    }

    Task<Result<Trace>> trace(const Payment& payment) const override {
        const std::lock_guard lock(ledger_.mutex);
        ledger_.seen.push_back(payment.seen);
        if (ledger_.down || ledger_.trace_down) co_return fail(Errc::unreachable, "down");
        if (!fits(payment)) co_return fail(Errc::invalid, "another amount");
        const Transfer transfer = read(payment);
        Trace trace;
        trace.state = TraceState::none;
        const auto found = ledger_.used.find(used_key(transfer.payer, transfer.nonce));
        if (found == ledger_.used.end()) {
            const std::int64_t until = json::get_int(payment.payload.payload, "until").value_or(0);
            if (ledger_.clock.now() >= from_unix_s(until)) trace.state = TraceState::impossible;
            co_return trace;
        }
        if (!ledger_.uses_final) co_return Trace{};
        trace.state = found->second.moved ? TraceState::done : TraceState::impossible;
        trace.transaction = found->second.transaction;
        trace.sender = found->second.sender;
        trace.at = found->second.at;
        trace.block = found->second.block;
        co_return trace;
    }

private:
    // In version 1 more may be signed than was asked.
    static bool fits(const Payment& payment) {
        const U256 signed_for = transfer_of(payment.payload.payload).amount;
        const U256& asked = payment.requirements.amount;
        return payment.payload.version == kVersion1 ? signed_for >= asked : signed_for == asked;
    }
    static Transfer read(const Payment& payment) {
        Transfer transfer = transfer_of(payment.payload.payload);
        transfer.to = payment.requirements.pay_to;
        return transfer;
    }
    Ledger& ledger_;
    SchemeId id_;
};

class FakeChain final : public Chain {
public:
    FakeChain(Ledger& ledger, ChainId id)
        : ledger_(ledger), id_(id), network_(ledger, std::move(id)), scheme_(ledger) {}
    const ChainId& id() const noexcept override { return id_; }
    Task<Result<void>> prove() override { co_return Result<void>{}; }
    Network* network() noexcept override { return ledger_.signers.empty() ? nullptr : &network_; }
    std::vector<const FacilitatorScheme*> facilitator_schemes() const override {
        return {&scheme_};
    }
    Task<Result<Trace>> trace(const Payment& payment) override { return scheme_.trace(payment); }
    Task<Result<U256>> balance(const std::string& address, const AssetInfo&) override {
        co_return ledger_.balances[address];
    }
    Task<Result<AssetInfo>> asset(const std::string&) override { co_return fail(Errc::not_found); }
    std::vector<EndpointHealth> health() const override { return {{"fake", 1, 0, ledger_.down}}; }

private:
    Ledger& ledger_;
    ChainId id_;
    FakeNetwork network_;
    FakeScheme scheme_;
};

class FakeWallets final : public WalletProvider {
public:
    std::string_view family() const noexcept override { return "fake"; }
    std::string_view default_key_variable() const noexcept override { return "X402_FAKE_KEY"; }
    bool recognizes(std::string_view) const noexcept override { return false; }
    Result<std::unique_ptr<Wallet>> parse(const crypto::Secret&) const override {
        return fail(Errc::unsupported);
    }
    Result<std::unique_ptr<Wallet>> from_bytes(const crypto::Secret&) const override {
        return fail(Errc::unsupported);
    }
};

class FakeModule final : public ChainModule {
public:
    explicit FakeModule(Ledger& ledger) : ledger_(ledger) {
        networks_.push_back({fake_network(), "fake-one", "Fake One", true, {}});
        networks_.push_back({*ChainId::parse("fake:two"), "fake-two", "Fake Two", true, {}});
        for (const KnownNetwork& network : networks_) {
            AssetInfo coin;
            coin.id = AssetId{network.id, "token", "coin"};
            coin.address = "coin";
            coin.symbol = "COIN";
            coin.decimals = 2;
            coin.usd = true;
            assets_.push_back(std::move(coin));
        }
    }
    std::string_view family() const noexcept override { return "fake"; }
    std::span<const KnownNetwork> networks() const noexcept override { return networks_; }
    std::span<const AssetInfo> assets() const noexcept override { return assets_; }
    Result<AssetInfo> read_asset(const ChainId&, const Tree&) const override {
        return fail(Errc::unsupported);
    }
    Result<std::string> read_address(std::string_view text) const override {
        if (text.empty() || text.find(':') != std::string_view::npos)
            return fail(Errc::invalid, "no address");
        std::string lower(text);
        for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        return lower;
    }
    Result<std::unique_ptr<Chain>> connect(NetworkSetup setup) const override {
        return std::unique_ptr<Chain>(
            std::make_unique<FakeChain>(ledger_, std::move(setup.network)));
    }
    std::vector<const ClientScheme*> client_schemes() const override { return {}; }
    std::vector<const ServerScheme*> server_schemes() const override { return {}; }
    const WalletProvider& wallets() const noexcept override { return wallets_; }

private:
    Ledger& ledger_;
    std::vector<KnownNetwork> networks_;
    std::vector<AssetInfo> assets_;
    FakeWallets wallets_;
};

}  // namespace

SentAnswer Ledger::send(const PooledTx& tx) {
    ++broadcasts;
    SendRule rule = SendRule::accept;
    if (!sends.empty()) {
        rule = sends.front();
        sends.pop_front();
    }
    if (mined.contains(tx.id) || next[tx.signer] > tx.number) return {Sent::refused, "slot used"};
    if (rule != SendRule::refuse && rule != SendRule::drop) pool.insert_or_assign(tx.id, tx);
    if (auto_mine) mine();
    switch (rule) {
        case SendRule::accept:
        case SendRule::drop:
            return {Sent::accepted, {}};
        case SendRule::lose_answer:
            return {Sent::unknown, "lost"};
        case SendRule::refuse_but_keep:
        case SendRule::refuse:
            break;
    }
    return {Sent::refused, "ordered"};
}

bool Ledger::execute(const PooledTx& tx, const Transfer& transfer) {
    const std::string key = used_key(transfer.payer, transfer.nonce);
    if (used.contains(key)) return false;
    if (tx.transfers.size() > 1 && group_poison.contains(transfer.nonce)) return false;
    const auto rest = balances[transfer.payer].checked_sub(transfer.amount);
    if (!rest) return false;
    balances[transfer.payer] = *rest;
    balances[transfer.to] = balances[transfer.to].saturating_add(transfer.amount);
    used[key] = Used{tx.id, tx.signer, clock.now(), block, true};
    moves[key].push_back(tx.id);
    return true;
}

bool Ledger::mine_one(const std::string& signer) {
    const PooledTx* best = nullptr;
    for (const auto& [id, tx] : pool) {
        if (tx.signer != signer || tx.number != next[signer] || tx.level < least_level) continue;
        if (best == nullptr || tx.level > best->level) best = &tx;
    }
    if (best == nullptr) return false;
    const PooledTx tx = *best;
    MinedTx done{block, {}, tx};
    for (const Transfer& transfer : tx.transfers) done.executed.push_back(execute(tx, transfer));
    mined[tx.id] = done;
    group_sizes.push_back(tx.transfers.size());
    ++next[signer];
    std::erase_if(pool, [&](const auto& entry) {
        return entry.second.signer == signer && entry.second.number == tx.number;
    });
    return true;
}

void Ledger::mine() {
    ++block;
    std::set<std::string> senders;
    for (const auto& [id, tx] : pool) senders.insert(tx.signer);
    for (const std::string& signer : senders) {
        while (mine_one(signer)) {
        }
    }
}

void Ledger::reorganise(const std::string& id) {
    const MinedTx undone = mined.at(id);
    for (std::size_t i = 0; i < undone.tx.transfers.size(); ++i) {
        if (!undone.executed[i]) continue;
        const Transfer& transfer = undone.tx.transfers[i];
        const std::string key = used_key(transfer.payer, transfer.nonce);
        used.erase(key);
        moves[key].pop_back();
        balances[transfer.payer] = balances[transfer.payer].saturating_add(transfer.amount);
        balances[transfer.to] = balances[transfer.to].saturating_sub(transfer.amount);
    }
    mined.erase(id);
    next[undone.tx.signer] = undone.tx.number;
    pool.insert_or_assign(id, undone.tx);
}

void Ledger::front_run(const std::string& payer, const std::string& nonce, const U256& amount,
                       const std::string& to) {
    ++block;
    PooledTx tx;
    tx.id = "stranger-" + nonce;
    tx.signer = "stranger";
    execute(tx, Transfer{payer, nonce, to, amount});
}

void Ledger::cancel(const std::string& payer, const std::string& nonce) {
    used[used_key(payer, nonce)] = Used{"cancel-" + nonce, payer, clock.now(), block, false};
}

Result<void> add_fake(Modules& modules, Ledger& ledger) {
    return modules.add(std::make_unique<FakeModule>(ledger));
}

namespace {

TEST(Ledger, MovesAnAuthorizationOnce) {
    const auto clock = make_system_clock();
    Ledger ledger(*clock);
    ledger.balances["ann"] = U256(10);
    const PooledTx first{"t0", "signer-a", 0, 0, {{"ann", "n1", "shop", U256(4)}}};
    const PooledTx again{"t1", "signer-a", 1, 0, {{"ann", "n1", "shop", U256(4)}}};
    EXPECT_EQ(ledger.send(first).sent, Sent::accepted);
    EXPECT_EQ(ledger.send(again).sent, Sent::accepted);
    EXPECT_EQ(ledger.balances["shop"], U256(4));
    EXPECT_EQ(ledger.moves["ann/n1"].size(), 1U);
    EXPECT_TRUE(ledger.mined.at("t0").executed[0]);
    EXPECT_FALSE(ledger.mined.at("t1").executed[0]);
}

TEST(Ledger, MinesInOrderAndTheHighestFee) {
    const auto clock = make_system_clock();
    Ledger ledger(*clock);
    ledger.auto_mine = false;
    ledger.send({"late", "signer-a", 1, 0, {}});
    ledger.send({"low", "signer-a", 0, 0, {}});
    ledger.send({"high", "signer-a", 0, 1, {}});
    ledger.mine();
    EXPECT_TRUE(ledger.mined.contains("high"));
    EXPECT_FALSE(ledger.mined.contains("low"));
    EXPECT_TRUE(ledger.mined.contains("late"));
    EXPECT_EQ(ledger.send({"low", "signer-a", 0, 0, {}}).sent, Sent::refused);
}

}  // namespace
}  // namespace x402::facilitator::test
