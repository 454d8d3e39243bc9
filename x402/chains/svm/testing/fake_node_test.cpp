// SPDX-License-Identifier: Apache-2.0
#include "x402/chains/svm/testing/fake_node.hpp"

#include <algorithm>

#include "x402/base/base58.hpp"
#include "x402/base/base64.hpp"
#include "x402/base/check.hpp"
#include "x402/chains/svm/networks.hpp"
#include "x402/chains/svm/programs.hpp"
#include "x402/chains/svm/testing/fake_runtime.hpp"
#include "x402/crypto/hash.hpp"

namespace x402::svm::testing {
namespace {

using net::RpcReply;

constexpr std::uint64_t kFirstSlot = 10'000;
constexpr std::uint64_t kFirstHeight = 9'000;
constexpr std::int64_t kFirstTime_ms = 1'799'999'984'000;  // so that the first tip is at kNow
constexpr std::int64_t kBlockTime_ms = 400;
constexpr std::size_t kFirstBlocks = 41;
constexpr std::uint64_t kRent = 2'039'280;
constexpr std::uint64_t kRecentSlots = 150;  // that a node without history remembers

RpcReply said(json::Value value) {
    RpcReply reply;
    reply.result = std::move(value);
    return reply;
}

RpcReply failed(std::int64_t code, std::string message) {
    RpcReply reply;
    reply.error = net::RpcError{code, std::move(message), nullptr};
    return reply;
}

RpcReply said_at(std::uint64_t slot, json::Value value) {
    json::Object context;
    context["slot"] = slot;
    context["apiVersion"] = "4.1.2";
    json::Object out;
    out["context"] = std::move(context);
    out["value"] = std::move(value);
    return said(std::move(out));
}

std::string text(const json::Value& value) {
    return std::string(value.as_string());
}

const json::Object* options_of(const json::Array& params) {
    return params.empty() ? nullptr : params.back().if_object();
}

Commitment commitment_of(const json::Array& params) {
    const auto* options = options_of(params);
    const std::string name = options == nullptr ? "" : json::text_or_empty(*options, "commitment");
    if (name == "processed") return Commitment::processed;
    if (name == "confirmed") return Commitment::confirmed;
    return Commitment::finalized;
}

json::Value write_account(const std::optional<Account>& account) {
    if (!account) return nullptr;
    json::Array data;
    data.emplace_back(base64_encode(account->data));
    data.emplace_back("base64");
    json::Object out;
    out["data"] = std::move(data);
    out["executable"] = false;
    out["lamports"] = account->lamports;
    out["owner"] = to_text(account->owner);
    out["rentEpoch"] = std::uint64_t{18'446'744'073'709'551'615ULL};
    out["space"] = account->data.size();
    return out;
}

std::optional<Account> account_in(const FakeCluster::State& state, const Address& address) {
    const auto it = state.find(address);
    return it == state.end() ? std::nullopt : std::optional<Account>(it->second);
}

json::Array write_balances(const FakeCluster::Landed& landed, const FakeCluster::State& state) {
    json::Array out;
    for (std::size_t i = 0; i < landed.accounts.size(); ++i) {
        const auto account = account_in(state, landed.accounts[i]);
        if (!account || !is_token_program(account->owner)) continue;
        const auto holding = read_token_account(account->owner, account->data);
        if (!holding) continue;
        json::Object amount;
        amount["amount"] = std::to_string(holding->amount);
        amount["decimals"] = 6;
        json::Object row;
        row["accountIndex"] = i;
        row["mint"] = to_text(holding->mint);
        row["owner"] = to_text(holding->owner);
        row["programId"] = to_text(account->owner);
        row["uiTokenAmount"] = std::move(amount);
        out.emplace_back(std::move(row));
    }
    return out;
}

json::Object write_loaded(const FakeCluster::Landed& landed) {
    std::size_t at = landed.transaction.message.keys.size();
    json::Array writable;
    json::Array readonly;
    for (const TableLookup& each : landed.transaction.message.lookups) {
        for (std::size_t i = 0; i < each.writable.size(); ++i) {
            writable.emplace_back(to_text(landed.accounts[at++]));
        }
    }
    for (; at < landed.accounts.size(); ++at) readonly.emplace_back(to_text(landed.accounts[at]));
    json::Object out;
    out["writable"] = std::move(writable);
    out["readonly"] = std::move(readonly);
    return out;
}

json::Object write_landed(const FakeCluster::Landed& landed) {
    json::Object meta;
    meta["err"] = landed.error;
    meta["fee"] = landed.fee;
    meta["preTokenBalances"] = write_balances(landed, landed.before);
    meta["postTokenBalances"] = write_balances(landed, landed.after);
    meta["innerInstructions"] = json::Array{};
    if (landed.transaction.message.versioned) meta["loadedAddresses"] = write_loaded(landed);
    json::Array encoded;
    encoded.emplace_back(to_base64_text(landed.transaction));
    encoded.emplace_back("base64");
    json::Object out;
    out["slot"] = landed.slot;
    out["blockTime"] = landed.time_s;
    out["transaction"] = std::move(encoded);
    out["meta"] = std::move(meta);
    if (landed.transaction.message.versioned) {
        out["version"] = 0;
    } else {
        out["version"] = "legacy";
    }
    return out;
}

bool searches_history(const net::RpcCall& request) {
    if (request.method == "getTransaction" || request.method == "getSignaturesForAddress") {
        return true;
    }
    const auto* options = options_of(request.params);
    if (request.method != "getSignatureStatuses" || options == nullptr) return false;
    const json::Value* asked = json::find(*options, "searchTransactionHistory");
    return asked != nullptr && asked->is_bool() && asked->get_bool();
}

class Borrowed final : public net::RpcClient {
public:
    explicit Borrowed(FakeCluster& cluster) : cluster_(cluster) {}
    Task<Result<RpcReply>> call(net::RpcCall request) override {
        return cluster_.call(std::move(request));
    }
    Task<Result<std::vector<RpcReply>>> batch(std::vector<net::RpcCall> calls) override {
        return cluster_.batch(std::move(calls));
    }
    Task<std::vector<Result<RpcReply>>> call_all(net::RpcCall request) override {
        return cluster_.call_all(std::move(request));
    }
    std::size_t endpoints() const noexcept override { return cluster_.endpoints(); }
    std::vector<net::RpcStats> stats() const override { return cluster_.stats(); }

private:
    FakeCluster& cluster_;
};

}  // namespace

FakeCluster::FakeCluster(std::size_t endpoints) : endpoints_(endpoints) {
    for (std::size_t i = 0; i < endpoints; ++i) {
        endpoints_[i].url = "https://node-" + std::to_string(i + 1) + ".example";
    }
    next_slot_ = kFirstSlot;
    for (std::size_t i = 0; i < kFirstBlocks; ++i) push_block(false);
}

void FakeCluster::push_block(bool with_pool) {
    Block block;
    block.at = Height{next_slot_++, kFirstHeight};
    block.time_ms = kFirstTime_ms;
    if (!blocks_.empty()) {
        const Block& last = blocks_.back();
        block.at.height = last.at.height + 1;
        block.time_ms += static_cast<std::int64_t>(block.at.slot - kFirstSlot) * kBlockTime_ms;
        block.after = last.after;
    }
    block.blockhash = crypto::sha256(as_bytes("block " + std::to_string(block.at.slot)));
    blocks_.push_back(std::move(block));
    if (!with_pool) return;
    for (const Transaction& each : std::exchange(pool_, {})) take(each);
}

void FakeCluster::advance(std::size_t blocks) {
    for (std::size_t i = 0; i < blocks; ++i) push_block(true);
}

void FakeCluster::skip(std::size_t slots) {
    next_slot_ += slots;
}

const FakeCluster::Block& FakeCluster::block_at_or_before(std::uint64_t slot) const {
    const auto it = std::find_if(blocks_.rbegin(), blocks_.rend(),
                                 [slot](const Block& block) { return block.at.slot <= slot; });
    return it == blocks_.rend() ? blocks_.front() : *it;
}

FakeCluster::View FakeCluster::view(const FakeEndpoint& endpoint, Commitment commitment) const {
    std::uint64_t lag = endpoint.behind;
    if (commitment == Commitment::confirmed) lag += confirmed_lag;
    if (commitment == Commitment::finalized) lag += final_lag;
    const Block& block = block_at_or_before(blocks_.back().at.slot - lag);
    const auto claim = endpoint.claims.find(commitment);
    return {&block, claim == endpoint.claims.end() ? block.at : claim->second};
}

Height FakeCluster::at(Commitment commitment) const {
    return view(FakeEndpoint{}, commitment).block->at;
}

Hash32 FakeCluster::blockhash(Commitment commitment) const {
    return view(FakeEndpoint{}, commitment).block->blockhash;
}

std::optional<std::uint64_t> FakeCluster::last_height(const Hash32& blockhash) const {
    for (const Block& each : blocks_) {
        if (each.blockhash == blockhash) return each.at.height + kBlockhashBlocks;
    }
    return std::nullopt;
}

bool FakeCluster::fresh(const Hash32& blockhash, const Block& at) const {
    const auto last = last_height(blockhash);
    return last && *last - kBlockhashBlocks <= at.at.height && at.at.height <= *last;
}

void FakeCluster::put(const Address& address, Account account) {
    for (Block& each : blocks_) each.after[address] = account;
}

void FakeCluster::remove(const Address& address) {
    for (Block& each : blocks_) each.after.erase(address);
}

void FakeCluster::fund(const Address& address, std::uint64_t lamports) {
    put(address, Account{lamports, system_program(), {}});
}

void FakeCluster::put_mint(const Address& mint, const FakeMint& shape) {
    const Address& program = shape.program.is_zero() ? token_program() : shape.program;
    put(mint, Account{kRent, program, mint_data(shape)});
}

Address FakeCluster::put_holding(const FakeHolding& holding) {
    const auto mint = account(holding.mint);
    X402_CHECK(mint.has_value());
    const Address address = token_account_of(holding.owner, holding.mint, mint->owner);
    put_holding_at(address, holding);
    return address;
}

void FakeCluster::put_holding_at(const Address& address, const FakeHolding& holding) {
    const auto mint = account(holding.mint);
    X402_CHECK(mint.has_value());
    put(address, Account{kRent, mint->owner, holding_data(holding, mint->owner)});
}

std::optional<Account> FakeCluster::account(const Address& address) const {
    return account_in(blocks_.back().after, address);
}

std::uint64_t FakeCluster::tokens(const Address& token_account) const {
    const auto found = account(token_account);
    if (!found) return 0;
    const auto holding = read_token_account(found->owner, found->data);
    return holding ? holding->amount : 0;
}

std::uint64_t FakeCluster::lamports(const Address& address) const {
    const auto found = account(address);
    return found ? found->lamports : 0;
}

bool FakeCluster::landed(const std::string& signature) const {
    return std::any_of(landed_.begin(), landed_.end(),
                       [&signature](const Landed& each) { return each.signature == signature; });
}

std::size_t FakeCluster::count(const std::string& method, std::size_t endpoint) const {
    const auto& counts = endpoints_[endpoint].counts;
    const auto it = counts.find(method);
    return it == counts.end() ? 0 : it->second;
}

json::Value FakeCluster::gate(const Transaction& transaction, const Block& at, const State& state,
                              bool signatures) const {
    const Message& message = transaction.message;
    for (std::size_t i = 0; signatures && i < transaction.signatures.size(); ++i) {
        const bool good = crypto::ed25519_verify(transaction.message_bytes,
                                                 transaction.signatures[i], message.keys[i]);
        if (!good) return "SignatureFailure";
    }
    const Hash32 hash = message_hash(transaction);
    const bool twice = std::any_of(landed_.begin(), landed_.end(), [&](const Landed& each) {
        return each.slot <= at.at.slot && message_hash(each.transaction) == hash;
    });
    if (twice) return "AlreadyProcessed";
    if (!fresh(message.blockhash, at)) return "BlockhashNotFound";
    const auto payer = account_in(state, transaction.fee_payer());
    if (!payer) return "AccountNotFound";
    if (payer->lamports < fee_of(transaction)) return "InsufficientFundsForFee";
    return nullptr;
}

void FakeCluster::take(const Transaction& transaction) {
    Block& block = blocks_.back();
    if (!gate(transaction, block, block.after, true).is_null()) return;
    const auto accounts = accounts_of(transaction, block.after);
    if (!accounts) return;
    Landed landed;
    landed.signature = to_base58(transaction.signatures.front().view());
    landed.slot = block.at.slot;
    landed.time_s = block.time_ms / 1000;
    landed.transaction = transaction;
    landed.fee = fee_of(transaction);
    landed.before = block.after;
    bool trapped = false;
    for (const AccountUse& each : *accounts) {
        landed.accounts.push_back(each.address);
        trapped = trapped || traps.contains(each.address);
    }
    block.after[transaction.fee_payer()].lamports -= landed.fee;
    State changed = block.after;
    landed.error = execute(Execution{programs, units}, transaction, changed).error;
    if (trapped && landed.error.is_null()) {
        landed.error = json::parse(R"({"InstructionError":[2,{"Custom":1}]})").value();
    }
    if (landed.error.is_null()) block.after = std::move(changed);
    landed.after = block.after;
    landed_.push_back(std::move(landed));
}

Result<std::string> FakeCluster::land(const std::string& base64) {
    X402_TRY(const Transaction transaction, read_transaction_text(base64));
    const Block& tip = blocks_.back();
    const json::Value error = gate(transaction, tip, tip.after, true);
    if (!error.is_null()) return fail(Errc::refused, json::dump(error));
    const auto waiting = std::exchange(pool_, {transaction});
    push_block(true);
    pool_ = waiting;
    const std::string signature = to_base58(transaction.signatures.front().view());
    if (!this->landed(signature)) return fail(Errc::refused, "it is not taken");
    return signature;
}

const FakeCluster::Landed* FakeCluster::find(const FakeEndpoint& endpoint,
                                             const std::string& signature) const {
    const Height tip = view(endpoint, Commitment::processed).block->at;
    for (const Landed& each : landed_) {
        if (each.signature != signature || each.slot > tip.slot) continue;
        return endpoint.hidden.contains(signature) ? nullptr : &each;
    }
    return nullptr;
}

RpcReply FakeCluster::answer_accounts(const FakeEndpoint& endpoint,
                                      const json::Array& params) const {
    const View seen = view(endpoint, commitment_of(params));
    json::Array out;
    for (const json::Value& each : params[0].as_array()) {
        out.push_back(write_account(account_in(seen.block->after, address_of_literal(text(each)))));
    }
    return said_at(seen.said.slot, std::move(out));
}

RpcReply FakeCluster::answer_simulation(const FakeEndpoint& endpoint,
                                        const json::Array& params) const {
    const auto transaction = read_transaction_text(text(params[0]));
    if (!transaction) return failed(-32602, "failed to deserialize VersionedTransaction");
    const View seen = view(endpoint, commitment_of(params));
    State state = seen.block->after;
    Executed done{gate(*transaction, *seen.block, state, false), {}};
    const bool enters = done.error.is_null();
    if (enters) done = execute(Execution{programs, units}, *transaction, state);
    if (done.error.is_null()) state[transaction->fee_payer()].lamports -= fee_of(*transaction);
    json::Object out;
    json::Array accounts;
    const bool ok = done.error.is_null();
    if (const json::Value* asked = json::find(*options_of(params), "accounts")) {
        for (const json::Value& each : asked->as_object().at("addresses").as_array()) {
            const auto account = account_in(state, address_of_literal(text(each)));
            accounts.push_back(ok ? write_account(account) : json::Value(nullptr));
        }
        out["accounts"] = std::move(accounts);
    } else {
        out["accounts"] = nullptr;
    }
    out["err"] = std::move(done.error);
    out["innerInstructions"] = std::move(done.inner);
    out["logs"] = json::Array{};
    out["unitsConsumed"] = enters ? units : 0;
    return said_at(seen.said.slot, std::move(out));
}

RpcReply FakeCluster::answer_statuses(const FakeEndpoint& endpoint,
                                      const json::Array& params) const {
    const Height tip = view(endpoint, Commitment::processed).block->at;
    const Height confirmed = view(endpoint, Commitment::confirmed).block->at;
    const Height final = view(endpoint, Commitment::finalized).block->at;
    json::Array out;
    for (const json::Value& each : params[0].as_array()) {
        const Landed* landed = find(endpoint, text(each));
        const bool forgotten =
            landed != nullptr && !endpoint.history && landed->slot + kRecentSlots < tip.slot;
        if (landed == nullptr || forgotten) {
            out.emplace_back(nullptr);
            continue;
        }
        json::Object status;
        status["slot"] = landed->slot;
        status["err"] = landed->error;
        const bool is_final = landed->slot <= final.slot;
        status["confirmations"] =
            is_final ? json::Value(nullptr) : json::Value(tip.slot - landed->slot);
        const bool is_confirmed = landed->slot <= confirmed.slot;
        status["confirmationStatus"] =
            is_final ? "finalized" : (is_confirmed ? "confirmed" : "processed");
        out.emplace_back(std::move(status));
    }
    return said_at(view(endpoint, Commitment::processed).said.slot, std::move(out));
}

RpcReply FakeCluster::answer_transaction(const FakeEndpoint& endpoint,
                                         const json::Array& params) const {
    const Landed* landed = find(endpoint, text(params[0]));
    const Height seen = view(endpoint, commitment_of(params)).block->at;
    if (landed == nullptr || landed->slot > seen.slot) return said(nullptr);
    return said(write_landed(*landed));
}

RpcReply FakeCluster::answer_signatures(const FakeEndpoint& endpoint,
                                        const json::Array& params) const {
    const Address address = address_of_literal(text(params[0]));
    const json::Object& options = *options_of(params);
    const std::string before = json::text_or_empty(options, "before");
    const auto limit = static_cast<std::size_t>(json::get_int(options, "limit").value_or(1'000));
    const Height seen = view(endpoint, commitment_of(params)).block->at;
    json::Array out;
    bool begun = before.empty();
    for (auto it = landed_.rbegin(); it != landed_.rend() && out.size() < limit; ++it) {
        const bool begins = it->signature == before;
        const auto& accounts = it->accounts;
        const bool names = std::find(accounts.begin(), accounts.end(), address) != accounts.end();
        const bool known = it->slot <= seen.slot && !endpoint.hidden.contains(it->signature);
        if (begun && names && known) {
            json::Object row;
            row["signature"] = it->signature;
            row["slot"] = it->slot;
            row["blockTime"] = it->time_s;
            row["err"] = it->error;
            row["memo"] = nullptr;
            row["confirmationStatus"] = to_string(commitment_of(params));
            out.emplace_back(std::move(row));
        }
        begun = begun || begins;
    }
    return said(std::move(out));
}

RpcReply FakeCluster::answer_block_time(const FakeEndpoint& endpoint,
                                        const json::Array& params) const {
    const auto slot = params[0].to_number<std::uint64_t>();
    const Height tip = view(endpoint, Commitment::processed).block->at;
    if (slot > tip.slot) return failed(-32004, "Block not available for slot");
    const Block& block = block_at_or_before(slot);
    if (block.at.slot != slot) return failed(-32007, "Slot was skipped");
    return said(block.time_ms / 1000);
}

RpcReply FakeCluster::answer_send(const FakeEndpoint& endpoint, const json::Array& params) {
    const auto transaction = read_transaction_text(text(params[0]));
    if (!transaction) return failed(-32602, "failed to deserialize VersionedTransaction");
    const bool waits = std::any_of(pool_.begin(), pool_.end(), [&](const Transaction& each) {
        return each.message_bytes == transaction->message_bytes &&
               each.signatures == transaction->signatures;
    });
    if (endpoint.forwards && !waits) pool_.push_back(*transaction);
    return said(json::Value(to_base58(transaction->signatures.front().view())));
}

RpcReply FakeCluster::answer_history(FakeEndpoint& endpoint, const net::RpcCall& request) const {
    if (!endpoint.history && searches_history(request)) {
        return failed(-32011, "Transaction history is not available from this node");
    }
    if (request.method == "getSignatureStatuses") return answer_statuses(endpoint, request.params);
    if (request.method == "getTransaction") return answer_transaction(endpoint, request.params);
    if (request.method == "getSignaturesForAddress") {
        return answer_signatures(endpoint, request.params);
    }
    return failed(-32601, "Method not found");
}

RpcReply FakeCluster::answer_plainly(FakeEndpoint& endpoint, const net::RpcCall& request) {
    const std::string& method = request.method;
    const json::Array& params = request.params;
    const View seen = view(endpoint, commitment_of(params));
    if (method == "getGenesisHash") return said(json::Value(endpoint.genesis));
    if (method == "sendTransaction") return answer_send(endpoint, params);
    if (method == "getMultipleAccounts") return answer_accounts(endpoint, params);
    if (method == "simulateTransaction") return answer_simulation(endpoint, params);
    if (method == "getBlockTime") return answer_block_time(endpoint, params);
    if (method == "getLatestBlockhash") {
        json::Object out;
        out["blockhash"] = to_base58(seen.block->blockhash.view());
        out["lastValidBlockHeight"] = seen.block->at.height + kBlockhashBlocks;
        return said_at(seen.said.slot, std::move(out));
    }
    if (method == "isBlockhashValid") {
        const Hash32 blockhash = address_of_literal(text(params[0]));
        return said_at(seen.said.slot, fresh(blockhash, *seen.block));
    }
    if (method == "getSlot") return said(json::Value(seen.said.slot));
    if (method == "getEpochInfo") {
        const Height told =
            endpoint.heeds_commitment ? seen.said : view(endpoint, Commitment::processed).said;
        json::Object out;
        out["absoluteSlot"] = told.slot;
        out["blockHeight"] = told.height;
        out["epoch"] = told.slot / 432'000;
        out["slotIndex"] = told.slot % 432'000;
        out["slotsInEpoch"] = 432'000;
        out["transactionCount"] = landed_.size();
        return said(std::move(out));
    }
    return answer_history(endpoint, request);
}

Result<RpcReply> FakeCluster::answer(FakeEndpoint& endpoint, const net::RpcCall& request) {
    ++endpoint.counts[request.method];
    if (endpoint.down) return fail(Errc::unreachable, "the fake endpoint is down");
    Result<RpcReply> reply = answer_plainly(endpoint, request);
    const auto scripted = endpoint.errors.find(request.method);
    if (scripted != endpoint.errors.end()) {
        reply = failed(scripted->second.code, scripted->second.message);
        reply->error->data = scripted->second.data;
    }
    const auto edit = endpoint.edits.find(request.method);
    if (edit != endpoint.edits.end()) edit->second(request, reply);
    return reply;
}

Task<Result<RpcReply>> FakeCluster::call(net::RpcCall request) {
    Result<RpcReply> reply = fail(Errc::unreachable, "no endpoint");
    for (std::size_t i = 0; !reply && i < endpoints_.size(); ++i) {
        reply = answer(endpoints_[i], request);
    }
    co_return reply;
}

Task<Result<std::vector<RpcReply>>> FakeCluster::batch(std::vector<net::RpcCall> calls) {
    // Some nodes do not know batches, so nothing of ours may depend on them.
    X402_CHECK(calls.empty());
    co_return std::vector<RpcReply>{};
}

Task<std::vector<Result<RpcReply>>> FakeCluster::call_all(net::RpcCall request) {
    std::vector<Result<RpcReply>> out;
    for (FakeEndpoint& each : endpoints_) out.push_back(answer(each, request));
    co_return out;
}

std::vector<net::RpcStats> FakeCluster::stats() const {
    std::vector<net::RpcStats> out;
    for (const FakeEndpoint& each : endpoints_) {
        out.push_back(net::RpcStats{each.url, each.down ? 0U : 1U, each.down ? 1U : 0U, each.down});
    }
    return out;
}

std::unique_ptr<net::RpcClient> borrow(FakeCluster& cluster) {
    return std::make_unique<Borrowed>(cluster);
}

}  // namespace x402::svm::testing
