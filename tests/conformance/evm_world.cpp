// SPDX-License-Identifier: Apache-2.0
// A local EVM node as a world: anvil, started by evm.test.mjs, with a dollar token at USDC's
// address. What it can do on command comes from the node's own test methods and from a relay
// between the facilitator and the node.
#include <atomic>
#include <cstdlib>
#include <mutex>
#include <utility>

#include "tests/conformance/house.hpp"
#include "tests/conformance/world.hpp"
#include "x402/base/check.hpp"
#include "x402/base/hex.hpp"
#include "x402/crypto/hash.hpp"
#include "x402/net/http_server.hpp"
#include "x402/net/jsonrpc.hpp"
#include "x402/plugin/builtin.hpp"

namespace x402::conformance {
namespace {

constexpr auto kAnHour = std::chrono::hours(1);
constexpr std::uint64_t kFinalBlocks = 80;  // more than the node keeps unfinalized
constexpr const char* kTransferTopic =
    "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef";
constexpr const char* kMintSelector = "0x40c10f19";

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    if (value == nullptr) std::fprintf(stderr, "%s is not set; evm.test.mjs sets it\n", name);
    X402_CHECK(value != nullptr);
    return value;
}

std::string quantity(std::uint64_t value) {
    return U256{value}.to_quantity();
}

// 32 bytes of calldata or of a topic, without 0x.
std::string word(const std::string& address) {
    return std::string(24, '0') + address.substr(2);
}
std::string word(const U256& value) {
    return to_hex(value.to_be().view());
}

// Between the facilitator and the node. It can keep transactions to itself, which looks like a pool
// that nobody mines (the node's own switch for that leaves transactions behind now and then), and
// take one in and hide that it did.
struct Relay {
    Relay(net::HttpClient& client, std::string url) : http(client), node(std::move(url)) {}
    net::HttpClient& http;
    std::string node;
    std::atomic<int> lose{0};
    std::mutex mutex;
    bool hold = false;
    std::vector<std::string> kept;  // bodies that send a transaction, in the order they came

    // The answer for a transaction that is kept; nothing where it goes on to the node.
    std::optional<std::string> keep(const std::string& body) {
        const std::lock_guard lock(mutex);
        if (!hold) return std::nullopt;
        kept.push_back(body);
        const auto call = json::parse_object(body);
        X402_CHECK(call.has_value());
        const auto raw = from_hex(std::string(call->at("params").as_array().at(0).as_string()));
        X402_CHECK(raw.has_value());
        json::Object answer;
        answer["jsonrpc"] = "2.0";
        answer["id"] = call->at("id");
        answer["result"] = to_hex0x(crypto::keccak256(*raw).view());
        return json::dump(answer);
    }
    std::vector<std::string> let_go() {
        const std::lock_guard lock(mutex);
        hold = false;
        return std::exchange(kept, {});
    }
};

net::ClientRequest to_node(const Relay& relay, std::string body) {
    net::ClientRequest request;
    request.method = "POST";
    request.url = relay.node;
    request.headers.add("Content-Type", "application/json");
    request.body = std::move(body);
    return request;
}

// The node mines what it is sent by itself, but now and then leaves a transaction for the next
// block, and makes no further ones: so there are a few, and what was sent becomes final.
Task<Result<net::ClientResponse>> forward(Relay& to, std::string body, bool sends) {
    auto answer = co_await to.http.fetch(to_node(to, std::move(body)));
    if (!sends || !answer) co_return answer;
    const std::string mine = R"({"jsonrpc":"2.0","id":1,"method":"anvil_mine","params":["0x3"]})";
    const auto mined = co_await to.http.fetch(to_node(to, mine));
    if (!mined) co_return fail(mined.error());
    co_return answer;
}

Task<void> relay(std::shared_ptr<Relay> to, net::Exchange& exchange) {
    auto body = co_await exchange.read_all(limits::kRpcAnswerBytes);
    if (!body) co_return exchange.abort();
    const bool sends = body->find("eth_sendRawTransaction") != std::string::npos;
    net::Response response;
    response.head.headers.add("Content-Type", "application/json");
    std::optional<std::string> kept;
    if (sends) kept = to->keep(*body);
    if (kept) {
        response.body = std::move(*kept);
    } else {
        auto answer = co_await forward(*to, std::move(*body), sends);
        if (!answer) co_return exchange.abort();
        response.head.status = answer->status;
        response.body = std::move(answer->body);
    }
    if (sends && to->lose > 0 && to->lose-- > 0) co_return exchange.abort();
    const auto sent = co_await exchange.respond(response);
    static_cast<void>(sent);
}

class EvmWorld final : public World {
public:
    EvmWorld()
        : random_(make_system_random()),
          http_(net::make_http_client()),
          relay_(std::make_shared<Relay>(*http_, environment("X402_CONFORMANCE_RPC"))),
          runtime_(1) {
        const auto added = add_builtin(modules_, net::Services{*http_, env()});
        X402_CHECK(added.has_value());
        auto rpc = net::make_rpc_client({.urls = {relay_->node}}, *http_, env());
        X402_CHECK(rpc.has_value());
        rpc_ = std::move(*rpc);
        open_relay();
        catch_up();
        merchant_ = open_account(U256{})->address();
    }
    ~EvmWorld() override {
        hold(false);
        server_.reset();
        runtime_.end();
    }

    Powers powers() const override {
        return {.charges_less = false,
                .revives_failed = true,
                .loses_answers = true,
                .refuses_simulations = false};
    }
    const Modules& modules() const override { return modules_; }
    Env env() override { return Env{clock_, *random_}; }
    ShiftedClock& clock() override { return clock_; }
    net::HttpClient& http() override { return *http_; }
    ChainId network() const override {
        return *ChainId::parse(environment("X402_CONFORMANCE_NETWORK"));
    }
    std::string scheme() const override { return "exact"; }
    AssetInfo asset() const override {
        const AssetInfo* usdc = modules_.asset(network(), "USDC");
        X402_CHECK(usdc != nullptr);
        return *usdc;
    }
    std::string network_keys(bool with_signers) const override {
        const std::string keys = "rpc = [\"http://" + server_->address() + "\"]\npoll = \"20ms\"\n";
        return with_signers ? keys + "signers = [\"env:X402_SIGNER\"]\nconfirmations = 1\n" : keys;
    }

    std::unique_ptr<Wallet> open_account(const U256& amount) override {
        const crypto::Secret key(to_bytes(random_->bytes<32>().view()));
        auto wallet = modules_.of(network())->wallets().from_bytes(key);
        X402_CHECK(wallet.has_value());
        if (!amount.is_zero()) credit((*wallet)->address(), amount);
        return std::move(*wallet);
    }
    void credit(const std::string& address, const U256& amount) override {
        json::Object transaction;
        transaction["from"] = ask("eth_accounts", {}).as_array().at(0);
        transaction["to"] = asset().address;
        transaction["data"] = kMintSelector + word(address) + word(amount);
        const U256 before = balance(address);
        ask("eth_sendTransaction", {transaction});
        ask("evm_mine", {});
        for (int i = 0; i < 500 && balance(address) == before; ++i) wait_for([&] { return nap(); });
        X402_CHECK(balance(address) != before);
    }
    const std::string& merchant() const override { return merchant_; }
    U256 balance(const std::string& address) override {
        json::Object call;
        call["to"] = asset().address;
        call["data"] = "0x70a08231" + word(address);
        const auto read =
            U256::from_hex(std::string(ask("eth_call", {call, "latest"}).as_string()));
        X402_CHECK(read.has_value());
        return *read;
    }
    std::size_t transfers() override {
        json::Object filter;
        filter["address"] = asset().address;
        filter["fromBlock"] = "0x0";
        filter["topics"] = json::Array{kTransferTopic, nullptr, "0x" + word(merchant_)};
        return ask("eth_getLogs", {filter}).as_array().size();
    }

    void hold(bool on) override {
        if (on) {
            const std::lock_guard lock(relay_->mutex);
            relay_->hold = true;
            return;
        }
        for (const std::string& body : relay_->let_go()) {
            // One that was sent twice is refused the second time.
            static_cast<void>(wait_for([&] { return forward(*relay_, body, true); }));
        }
    }
    void let_expire() override {
        clock_.move(kAnHour);
        const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(kAnHour).count();
        ask("evm_increaseTime", {quantity(static_cast<std::uint64_t>(seconds))});
        ask("anvil_mine", {quantity(kFinalBlocks)});
    }
    json::Object tamper(json::Object payload) const override {
        json::Object& authorization = payload["authorization"].as_object();
        authorization["nonce"] = "0x" + std::string(64, '7');
        return payload;
    }
    void lose_next_answer() override { relay_->lose = 1; }

private:
    Task<bool> nap() { return clock_.sleep(std::chrono::milliseconds(10)); }

    json::Value ask(const std::string& method, json::Array params) {
        const net::RpcCall call{method, std::move(params)};
        auto reply = wait_for([&] { return rpc_->call(call); });
        const bool good = reply && reply->result;
        if (!good) {
            const std::string why = !reply ? to_string(reply.error()) : reply->error->message;
            std::fprintf(stderr, "%s: %s\n", method.c_str(), why.c_str());
        }
        X402_CHECK(good);
        return std::move(*reply->result);
    }
    void open_relay() {
        runtime_.start();
        server_ = serve_anywhere(
            runtime_, [to = relay_](net::Exchange& exchange) { return relay(to, exchange); });
    }
    // An earlier test may have moved the node's clock, which cannot go back.
    void catch_up() {
        const json::Value block = ask("eth_getBlockByNumber", {"latest", false});
        const auto time =
            U256::from_hex(std::string(block.as_object().at("timestamp").as_string()));
        X402_CHECK(time.has_value());
        const Instant there = from_unix_s(static_cast<std::int64_t>(time->to_u64().value_or(0)));
        if (there > clock_.now()) clock_.move(there - clock_.now());
    }

    ShiftedClock clock_;
    std::unique_ptr<Random> random_;
    std::unique_ptr<net::HttpClient> http_;
    std::shared_ptr<Relay> relay_;  // shared with requests that are still being answered
    net::Runtime runtime_;
    std::unique_ptr<net::HttpServer> server_;
    std::unique_ptr<net::RpcClient> rpc_;
    Modules modules_;
    std::string merchant_;
};

}  // namespace

std::unique_ptr<World> make_world() {
    return std::make_unique<EvmWorld>();
}

}  // namespace x402::conformance
