// SPDX-License-Identifier: Apache-2.0
#include "x402/chains/evm/testing/fake_node.hpp"

#include "x402/base/check.hpp"
#include "x402/base/hex.hpp"
#include "x402/chains/evm/multicall.hpp"
#include "x402/chains/evm/testing/fake_token.hpp"
#include "x402/chains/evm/token.hpp"
#include "x402/crypto/hash.hpp"

namespace x402::evm::testing {
namespace {

using net::RpcReply;

RpcReply said(json::Value value) {
    RpcReply reply;
    reply.result = std::move(value);
    return reply;
}

RpcReply failed(std::int64_t code, std::string message, json::Value data = nullptr) {
    RpcReply reply;
    reply.error = net::RpcError{code, std::move(message), std::move(data)};
    return reply;
}

json::Value quantity(const U256& value) {
    return json::Value(value.to_quantity());
}
json::Value quantity(std::uint64_t value) {
    return quantity(U256(value));
}

std::string text(const json::Value& value) {
    return std::string(value.as_string());
}
Address address(const json::Value& value) {
    return *parse_wire_address(text(value));
}

json::Value write_log(const Log& log) {
    json::Array topics;
    for (const Hash32& topic : log.topics) topics.emplace_back(to_hex0x(topic.view()));
    json::Object out;
    out["address"] = to_lower(log.address);
    out["topics"] = std::move(topics);
    out["data"] = to_hex0x(log.data);
    out["logIndex"] = quantity(log.index);
    out["transactionHash"] = to_hex0x(log.transaction.view());
    out["blockNumber"] = quantity(log.block);
    return out;
}

json::Value write_receipt(const Receipt& receipt) {
    json::Array logs;
    for (const Log& log : receipt.logs) logs.push_back(write_log(log));
    json::Object out;
    out["transactionHash"] = to_hex0x(receipt.transaction.view());
    out["status"] = receipt.ok ? "0x1" : "0x0";
    out["blockNumber"] = quantity(receipt.block);
    out["blockHash"] = to_hex0x(receipt.block_hash.view());
    out["from"] = to_lower(receipt.from);
    out["gasUsed"] = quantity(receipt.cost);
    out["effectiveGasPrice"] = "0x1";
    out["logs"] = std::move(logs);
    return out;
}

json::Value write_block(const Block& block, const U256& base_fee) {
    json::Object out;
    out["number"] = quantity(block.number);
    out["hash"] = to_hex0x(block.hash.view());
    out["timestamp"] = quantity(static_cast<std::uint64_t>(block.time_s));
    out["baseFeePerGas"] = quantity(base_fee);
    return out;
}

bool matches(const Log& log, const json::Array& topics) {
    for (std::size_t i = 0; i < topics.size(); ++i) {
        if (i >= log.topics.size()) return false;
        bool any = false;
        for (const json::Value& word : topics[i].as_array()) {
            any = any || text(word) == to_hex0x(log.topics[i].view());
        }
        if (!any) return false;
    }
    return true;
}

class Borrowed final : public net::RpcClient {
public:
    explicit Borrowed(FakeNode& node) : node_(node) {}
    Task<Result<RpcReply>> call(net::RpcCall request) override {
        return node_.call(std::move(request));
    }
    Task<Result<std::vector<RpcReply>>> batch(std::vector<net::RpcCall> calls) override {
        return node_.batch(std::move(calls));
    }
    Task<std::vector<Result<RpcReply>>> call_all(net::RpcCall request) override {
        return node_.call_all(std::move(request));
    }
    std::size_t endpoints() const noexcept override { return node_.endpoints(); }
    std::vector<net::RpcStats> stats() const override { return node_.stats(); }

private:
    FakeNode& node_;
};

}  // namespace

FakeNode::FakeNode() {
    Block genesis;
    genesis.time_s = 1'799'999'000;
    genesis.hash = crypto::keccak256(as_bytes("genesis"));
    blocks_.push_back(MinedBlock{genesis, {}, {}});
    mine(3);
}

void FakeNode::fund(std::string_view token_address, const std::string& account,
                    std::uint64_t amount) {
    token(token_address).balances[*parse_wire_address(account)] = U256(amount);
    blocks_.back().after = world_;
}

void FakeNode::add_multicall() {
    world_.code.insert(multicall_address());
}

std::size_t FakeNode::count(const std::string& method) const {
    const auto it = counts_.find(method);
    return it == counts_.end() ? 0 : it->second;
}

void FakeNode::push_block(std::int64_t seconds, std::vector<Receipt> receipts) {
    MinedBlock block;
    block.head.number = blocks_.size();
    block.head.time_s = blocks_.back().head.time_s + seconds;
    const std::string name = std::to_string(block.head.number) + "/" + std::to_string(forks_);
    block.head.hash = crypto::keccak256(as_bytes(name));
    for (Receipt& receipt : receipts) {
        receipt.block = block.head.number;
        receipt.block_hash = block.head.hash;
        for (Log& log : receipt.logs) {
            log.block = block.head.number;
            log.transaction = receipt.transaction;
        }
    }
    block.after = world_;
    block.receipts = std::move(receipts);
    blocks_.push_back(std::move(block));
}

Receipt FakeNode::execute(const ReadTransaction& tx, std::uint64_t block) {
    Receipt receipt;
    receipt.transaction = tx.hash;
    receipt.from = tx.sender;
    receipt.block = block;
    const FakeWorld before = world_;
    const Execution run{world_, chain_id, time_s() + 2, &receipt.logs, true};
    const Executed out = execute_call(run, tx.tx.to, tx.tx.data);
    receipt.ok = out.ok && out.gas <= tx.tx.gas;
    receipt.cost = U256(out.gas);
    if (!receipt.ok) {
        world_ = before;
        receipt.logs.clear();
    }
    world_.nonces[tx.sender] = tx.tx.nonce + 1;
    return receipt;
}

void FakeNode::mine(std::size_t blocks, std::int64_t seconds) {
    for (std::size_t i = 0; i < blocks; ++i) {
        std::vector<Receipt> receipts;
        for (auto it = pool_.begin(); it != pool_.end();) {
            const auto& [sender, nonce] = it->first;
            if (world_.nonces[sender] != nonce) {
                ++it;
                continue;
            }
            receipts.push_back(execute(it->second, blocks_.size()));
            it = pool_.erase(it);
        }
        push_block(seconds, std::move(receipts));
    }
}

void FakeNode::reorganise() {
    X402_CHECK(blocks_.size() > 1);
    blocks_.pop_back();
    world_ = blocks_.back().after;
    ++forks_;
}

std::string FakeNode::run(Address to, Bytes data) {
    ReadTransaction tx;
    tx.tx.to = to;
    tx.tx.data = std::move(data);
    tx.tx.gas = 5'000'000;
    tx.sender = *parse_wire_address("0x5555555555555555555555555555555555555555");
    tx.tx.nonce = strangers_++;
    tx.hash = crypto::keccak256(as_bytes("stranger " + std::to_string(strangers_)));
    std::vector<Receipt> receipts;
    receipts.push_back(execute(tx, blocks_.size()));
    push_block(2, std::move(receipts));
    return to_hex0x(tx.hash.view());
}

void FakeNode::put_in_pool(const std::string& raw) {
    json::Array params;
    params.emplace_back(raw);
    X402_CHECK(answer_send(params).result.has_value());
}

std::string FakeNode::cancel(Address token_address, Address payer, Hash32 nonce) {
    world_.tokens[token_address].used.insert({payer, nonce});
    Receipt receipt;
    receipt.ok = true;
    receipt.transaction = crypto::keccak256(as_bytes("cancel"));
    Log log;
    log.address = token_address;
    log.topics = {authorization_canceled_topic(), {}, nonce};
    std::copy(payer.data.begin(), payer.data.end(), log.topics[1].data.begin() + 12);
    receipt.logs.push_back(std::move(log));
    push_block(2, {receipt});
    return to_hex0x(receipt.transaction.view());
}

std::optional<std::uint64_t> FakeNode::block_of(const json::Value& tag) const {
    const std::string name = text(tag);
    if (name == "latest" || name == "pending") return height();
    if (name == "finalized") {
        if (!knows_final_tag) return std::nullopt;
        return height() > final_depth ? height() - final_depth : 0;
    }
    const auto number = U256::from_hex(name);
    if (!number || *number > U256(height())) return std::nullopt;
    return number->to_u64();
}

net::RpcReply FakeNode::answer_call(const json::Array& params, bool estimate) {
    const json::Object& request = params[0].as_object();
    const auto block = estimate ? height() : block_of(params[1]);
    if (!block) return failed(-32602, "invalid argument 1: hex string without 0x prefix");
    FakeWorld copy = *block == height() ? world_ : blocks_[*block].after;
    const bool priced = request.contains("maxFeePerGas");
    const Execution run{copy, chain_id, time_s() + 2, nullptr, priced};
    const Bytes data = *from_hex(text(request.at("data")));
    const Executed out = execute_call(run, address(request.at("to")), data);
    if (!out.ok) return failed(3, "execution reverted", json::Value(to_hex0x(out.data)));
    const auto named = request.find("gas");
    U256 limit =
        named == request.end() ? U256(call_gas_cap) : *U256::from_hex(text(named->value()));
    if (priced) {
        const U256 price = *U256::from_hex(text(request.at("maxFeePerGas")));
        const U256 funds = world_.wei[address(request.at("from"))];
        limit = std::min(limit, funds.divide(price).quotient);
    }
    if (U256(out.gas) > limit) {
        const std::string most = limit.to_decimal();
        return failed(-32000, estimate ? "gas required exceeds allowance (" + most + ")"
                                       : std::string("out of gas"));
    }
    return estimate ? said(quantity(out.gas)) : said(json::Value(to_hex0x(out.data)));
}

net::RpcReply FakeNode::answer_logs(const json::Array& params) const {
    const json::Object& filter = params[0].as_object();
    const auto from = U256::from_hex(text(filter.at("fromBlock")))->to_u64();
    const auto to = U256::from_hex(text(filter.at("toBlock")))->to_u64();
    json::Array out;
    for (std::uint64_t i = *from; i <= *to && i < blocks_.size(); ++i) {
        for (const Receipt& receipt : blocks_[i].receipts) {
            for (const Log& log : receipt.logs) {
                const bool wanted = log.address == address(filter.at("address"));
                if (wanted && matches(log, filter.at("topics").as_array()))
                    out.push_back(write_log(log));
            }
        }
    }
    return said(std::move(out));
}

net::RpcReply FakeNode::answer_send(const json::Array& params) {
    const auto tx = read_transaction(*from_hex(text(params[0])));
    if (!tx) return failed(-32000, "rlp: cannot decode");
    if (tx->tx.nonce < world_.nonces[tx->sender]) return failed(-32000, "nonce too low");
    const auto slot = std::pair(tx->sender, tx->tx.nonce);
    const auto it = pool_.find(slot);
    if (it != pool_.end()) {
        if (it->second.hash == tx->hash) return failed(-32000, "already known");
        const U256 least =
            it->second.tx.max_fee.saturating_add(it->second.tx.max_fee.divide(U256(10)).quotient);
        const U256 least_tip =
            it->second.tx.tip.saturating_add(it->second.tx.tip.divide(U256(10)).quotient);
        if (tx->tx.max_fee < least || tx->tx.tip < least_tip) {
            return failed(-32000, "replacement transaction underpriced");
        }
    }
    pool_[slot] = *tx;
    return said(json::Value(to_hex0x(tx->hash.view())));
}

net::RpcReply FakeNode::answer_receipt(const json::Array& params) const {
    for (const MinedBlock& block : blocks_) {
        for (const Receipt& receipt : block.receipts) {
            if (to_hex0x(receipt.transaction.view()) == text(params[0]))
                return said(write_receipt(receipt));
        }
    }
    return said(nullptr);
}

Result<net::RpcReply> FakeNode::answer(const net::RpcCall& request) {
    auto reply = answer_plainly(request);
    const auto edit = edits.find(request.method);
    if (edit != edits.end()) edit->second(request, reply);
    return reply;
}

Result<net::RpcReply> FakeNode::answer_plainly(const net::RpcCall& request) {
    ++counts_[request.method];
    if (down) return fail(Errc::unreachable, "the fake node is down");
    const auto scripted = errors.find(request.method);
    if (scripted != errors.end()) return failed(scripted->second.code, scripted->second.message);
    const std::string& method = request.method;
    const json::Array& params = request.params;
    if (method == "eth_chainId") return said(quantity(chain_id));
    if (method == "eth_blockNumber") return said(quantity(height()));
    if (method == "eth_maxPriorityFeePerGas") return said(quantity(tip));
    if (method == "eth_sendRawTransaction") return answer_send(params);
    if (method == "eth_getTransactionReceipt") return answer_receipt(params);
    if (method == "eth_getLogs") return answer_logs(params);
    if (method == "eth_call") return answer_call(params, false);
    if (method == "eth_estimateGas") return answer_call(params, true);
    if (method == "eth_getBalance") return said(quantity(world_.wei[address(params[0])]));
    if (method == "eth_getCode") {
        const Address at = address(params[0]);
        const bool code =
            world_.tokens.contains(at) || world_.wallets.contains(at) || world_.code.contains(at);
        return said(json::Value(code ? "0x6001" : "0x"));
    }
    const auto block = block_of(params[method == "eth_getTransactionCount" ? 1 : 0]);
    if (!block) {
        if (text(params[0]) == "finalized" || method == "eth_getTransactionCount") {
            return failed(-32602, "invalid block tag");
        }
        return said(nullptr);
    }
    if (method == "eth_getBlockByNumber") return said(write_block(blocks_[*block].head, base_fee));
    FakeWorld& state = *block == height() ? world_ : blocks_[*block].after;
    return said(quantity(state.nonces[address(params[0])]));
}

Result<std::vector<net::RpcReply>> FakeNode::answer_batch(const std::vector<net::RpcCall>& calls) {
    std::vector<net::RpcReply> out;
    for (const net::RpcCall& each : calls) {
        X402_TRY(net::RpcReply reply, answer(each));
        out.push_back(std::move(reply));
    }
    return out;
}

Task<Result<net::RpcReply>> FakeNode::call(net::RpcCall request) {
    auto reply = answer(request);
    for (std::size_t i = 0; !reply && i < peers.size(); ++i) reply = peers[i]->answer(request);
    co_return reply;
}

Task<Result<std::vector<net::RpcReply>>> FakeNode::batch(std::vector<net::RpcCall> calls) {
    ++batches;
    X402_CHECK(!calls.empty() && calls.size() <= 256);
    if (hold != nullptr) co_await hold->wait(hold->count(), std::chrono::seconds(60));
    auto replies = answer_batch(calls);
    for (std::size_t i = 0; !replies && i < peers.size(); ++i) {
        replies = peers[i]->answer_batch(calls);
    }
    co_return replies;
}

Task<std::vector<Result<net::RpcReply>>> FakeNode::call_all(net::RpcCall request) {
    std::vector<Result<net::RpcReply>> out;
    out.push_back(answer(request));
    for (FakeNode* peer : peers) out.push_back(peer->answer(request));
    co_return out;
}

std::unique_ptr<net::RpcClient> borrow(FakeNode& node) {
    return std::make_unique<Borrowed>(node);
}

}  // namespace x402::evm::testing
