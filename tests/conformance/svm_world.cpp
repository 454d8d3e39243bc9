// SPDX-License-Identifier: Apache-2.0
// A local Solana node as a world: a surfnet, started by svm.test.mjs, with a dollar token at USDC's
// address. A payment lives there for 150 blocks, so time passes in blocks, which the node makes on
// command; what it can do beside that comes from a relay between the facilitator and the node.
#include <atomic>
#include <cstdlib>
#include <mutex>
#include <utility>

#include "tests/conformance/house.hpp"
#include "tests/conformance/world.hpp"
#include "x402/base/base58.hpp"
#include "x402/base/base64.hpp"
#include "x402/base/check.hpp"
#include "x402/base/hex.hpp"
#include "x402/chains/svm/accounts.hpp"
#include "x402/chains/svm/programs.hpp"
#include "x402/chains/svm/transaction.hpp"
#include "x402/net/http_server.hpp"
#include "x402/net/jsonrpc.hpp"
#include "x402/plugin/builtin.hpp"

namespace x402::conformance {
namespace {

// Longer than a gateway keeps an answer, and no longer than a node is trusted to keep its records.
constexpr auto kLongAfter = std::chrono::minutes(20);
constexpr int kFinalBlocks = 190;  // a blockhash's 150, and what the node keeps unfinalized
constexpr std::uint64_t kRent = 10'000'000;

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    if (value == nullptr) std::fprintf(stderr, "%s is not set; svm.test.mjs sets it\n", name);
    X402_CHECK(value != nullptr);
    return value;
}

// Between the facilitator and the node. It can keep transactions to itself, which looks like a
// leader that nobody hears of, take one in and hide that it did, and say no to a simulation.
struct Relay {
    Relay(net::HttpClient& client, std::string url) : http(client), node(std::move(url)) {}
    net::HttpClient& http;
    std::string node;
    std::atomic<int> lose{0};
    std::atomic<int> refuse{0};
    std::mutex mutex;
    bool hold = false;
    std::vector<std::string> kept;  // bodies that send a transaction, in the order they came

    // The answer for a transaction that is kept; nothing where it goes on to the node.
    std::optional<json::Value> keep(const std::string& body, const json::Object& call) {
        const std::lock_guard lock(mutex);
        if (!hold) return std::nullopt;
        kept.push_back(body);
        const std::string text(call.at("params").as_array().at(0).as_string());
        const auto transaction = svm::read_transaction_text(text);
        X402_CHECK(transaction.has_value());
        return json::Value(to_base58(transaction->signatures.front().view()));
    }
    std::vector<std::string> let_go() {
        const std::lock_guard lock(mutex);
        hold = false;
        return std::exchange(kept, {});
    }
};

std::string answer_text(const json::Object& call, json::Value result) {
    json::Object answer;
    answer["jsonrpc"] = "2.0";
    answer["id"] = call.at("id");
    answer["result"] = std::move(result);
    return json::dump(answer);
}

// What a node says of a transfer that its token program refuses.
json::Value refused_simulation() {
    constexpr std::string_view kRefused =
        R"({"context":{"slot":1},"value":{"err":{"InstructionError":[2,{"Custom":17}]},)"
        R"("logs":[],"accounts":null,"innerInstructions":null,"unitsConsumed":0}})";
    const auto value = json::parse(kRefused);
    X402_CHECK(value.has_value());
    return *value;
}

Task<Result<net::ClientResponse>> forward(Relay& to, std::string body) {
    net::ClientRequest request;
    request.method = "POST";
    request.url = to.node;
    request.headers.add("Content-Type", "application/json");
    request.body = std::move(body);
    co_return co_await to.http.fetch(std::move(request));
}

Task<void> relay(std::shared_ptr<Relay> to, net::Exchange& exchange) {
    auto body = co_await exchange.read_all(limits::kRpcAnswerBytes);
    if (!body) co_return exchange.abort();
    const auto call = json::parse_object(*body);
    if (!call) co_return exchange.abort();
    const std::string method = json::text_or_empty(*call, "method");
    const bool sends = method == "sendTransaction";
    std::optional<json::Value> own;
    if (sends) own = to->keep(*body, *call);
    if (method == "simulateTransaction" && to->refuse > 0 && to->refuse-- > 0)
        own = refused_simulation();
    net::Response response;
    response.head.headers.add("Content-Type", "application/json");
    if (own) {
        response.body = answer_text(*call, std::move(*own));
    } else {
        auto answer = co_await forward(*to, std::move(*body));
        if (!answer) co_return exchange.abort();
        response.head.status = answer->status;
        response.body = std::move(answer->body);
    }
    if (sends && to->lose > 0 && to->lose-- > 0) co_return exchange.abort();
    const auto sent = co_await exchange.respond(response);
    static_cast<void>(sent);
}

// A payer's software that has the network at hand, where the suites give it none.
class PayerAtHand final : public ClientScheme {
public:
    PayerAtHand(const ClientScheme& inner, Chain& chain) : inner_(inner), chain_(chain) {}
    const SchemeId& id() const noexcept override { return inner_.id(); }
    std::expected<PaymentFacts, Refusal> facts(const Payment& payment) const override {
        return inner_.facts(payment);
    }
    std::optional<Refusal> cannot_pay(const PaymentRequirements& terms) const override {
        return inner_.cannot_pay(terms);
    }
    // A test may let a payer sign for more than he has: what the chain would warn of is left out.
    Task<Result<json::Object>> sign(const PaymentRequirements& terms, const Wallet& wallet,
                                    const json::Object&, Env& env) const override {
        PaymentRequirements least = terms;
        least.amount = U256{};
        const std::string payer = wallet.address();
        X402_CO_TRY(const json::Object told, co_await chain_.prepare(least, payer));
        co_return co_await inner_.sign(terms, wallet, told, env);
    }

private:
    const ClientScheme& inner_;
    Chain& chain_;
};

// Offers that the suites make without a facilitator name its fee payer all the same.
class SellerAtHand final : public ServerScheme {
public:
    SellerAtHand(const ServerScheme& inner, std::string fee_payer)
        : inner_(inner), fee_payer_(std::move(fee_payer)) {}
    const SchemeId& id() const noexcept override { return inner_.id(); }
    std::expected<PaymentFacts, Refusal> facts(const Payment& payment) const override {
        return inner_.facts(payment);
    }
    Result<void> enrich(PaymentRequirements& terms, const AssetInfo& asset,
                        const json::Object& supported_extra) const override {
        json::Object extra = supported_extra;
        if (json::find(extra, "feePayer") == nullptr) extra["feePayer"] = fee_payer_;
        return inner_.enrich(terms, asset, extra);
    }
    std::vector<std::string> dynamic_extra() const override { return inner_.dynamic_extra(); }
    ServerCheck check(const Payment& payment,
                      const std::optional<SchemeState>& state) const override {
        return inner_.check(payment, state);
    }
    PaymentFlow flow(const PaymentRequirements& terms) const override { return inner_.flow(terms); }
    Result<FacilitatorRequest> settle_request(const Payment& payment, Phase phase,
                                              const U256& charged) const override {
        return inner_.settle_request(payment, phase, charged);
    }

private:
    const ServerScheme& inner_;
    std::string fee_payer_;
};

class ModuleAtHand final : public ChainModule {
public:
    ModuleAtHand(const ChainModule& inner, Chain& chain, const std::string& fee_payer)
        : inner_(inner) {
        for (const ClientScheme* each : inner.client_schemes()) payers_.emplace_back(*each, chain);
        for (const ServerScheme* each : inner.server_schemes())
            sellers_.emplace_back(*each, fee_payer);
    }
    std::string_view family() const noexcept override { return inner_.family(); }
    std::span<const KnownNetwork> networks() const noexcept override { return inner_.networks(); }
    std::span<const AssetInfo> assets() const noexcept override { return inner_.assets(); }
    Result<AssetInfo> read_asset(const ChainId& network, const Tree& section) const override {
        return inner_.read_asset(network, section);
    }
    Result<std::string> read_address(std::string_view text) const override {
        return inner_.read_address(text);
    }
    Result<std::unique_ptr<Chain>> connect(NetworkSetup setup) const override {
        return inner_.connect(std::move(setup));
    }
    std::vector<const ClientScheme*> client_schemes() const override {
        std::vector<const ClientScheme*> out;
        for (const PayerAtHand& each : payers_) out.push_back(&each);
        return out;
    }
    std::vector<const ServerScheme*> server_schemes() const override {
        std::vector<const ServerScheme*> out;
        for (const SellerAtHand& each : sellers_) out.push_back(&each);
        return out;
    }
    const WalletProvider& wallets() const noexcept override { return inner_.wallets(); }
    const IdentityVerifier* identity() const noexcept override { return inner_.identity(); }
    std::optional<Duration> lifetime() const override { return inner_.lifetime(); }

private:
    const ChainModule& inner_;
    std::deque<PayerAtHand> payers_;
    std::deque<SellerAtHand> sellers_;
};

class SvmWorld final : public World {
public:
    SvmWorld()
        : random_(make_system_random()),
          http_(net::make_http_client()),
          relay_(std::make_shared<Relay>(*http_, environment("X402_CONFORMANCE_RPC"))),
          runtime_(1) {
        const auto added = add_builtin(builtin_, net::Services{*http_, env()});
        X402_CHECK(added.has_value());
        auto rpc = net::make_rpc_client({.urls = {relay_->node}}, *http_, env());
        X402_CHECK(rpc.has_value());
        rpc_ = std::move(*rpc);
        add_module();
        open_relay();
        catch_up();
        merchant_ = open_account(U256{})->address();
    }
    ~SvmWorld() override {
        hold(false);
        server_.reset();
        runtime_.end();
    }

    Powers powers() const override {
        return {.charges_less = false,
                .revives_failed = false,
                .loses_answers = true,
                .refuses_simulations = true,
                .crowd = 64};
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
        const AssetInfo* usdc = builtin_.asset(network(), "USDC");
        X402_CHECK(usdc != nullptr);
        return *usdc;
    }
    std::string network_keys(bool with_signers) const override {
        const std::string keys = "rpc = [\"http://" + server_->address() + "\"]\npoll = \"20ms\"\n";
        return with_signers ? keys + "signers = [\"env:X402_SIGNER\"]\nrebroadcast = \"200ms\"\n"
                            : keys;
    }

    std::unique_ptr<Wallet> open_account(const U256& amount) override {
        const crypto::Secret key(to_bytes(random_->bytes<32>().view()));
        auto wallet = builtin_.of(network())->wallets().from_bytes(key);
        X402_CHECK(wallet.has_value());
        set_tokens((*wallet)->address(), amount);
        return std::move(*wallet);
    }
    void credit(const std::string& address, const U256& amount) override {
        set_tokens(address, balance(address).saturating_add(amount));
    }
    const std::string& merchant() const override { return merchant_; }
    U256 balance(const std::string& address) override {
        const json::Value account = account_of(holding_of(address));
        if (account.is_null()) return U256{};
        const std::string data(account.as_object().at("data").as_array().at(0).as_string());
        const auto bytes = base64_decode(data, 1024);
        X402_CHECK(bytes.has_value());
        const auto holding = svm::read_token_account(svm::token_program(), *bytes);
        X402_CHECK(holding.has_value());
        return U256(holding->amount);
    }
    std::size_t transfers() override {
        json::Object options;
        options["limit"] = 1000;
        const json::Value rows =
            ask("getSignaturesForAddress", {svm::to_text(holding_of(merchant_)), options});
        std::size_t count = 0;
        for (const json::Value& row : rows.as_array()) {
            if (row.as_object().at("err").is_null()) ++count;
        }
        return count;
    }

    void hold(bool on) override {
        if (on) {
            const std::lock_guard lock(relay_->mutex);
            relay_->hold = true;
            return;
        }
        for (const std::string& body : relay_->let_go()) {
            // One that was sent twice is refused the second time.
            static_cast<void>(wait_for([&] { return forward(*relay_, body); }));
        }
    }
    // A far step of slots moves the time and is one block; blockhashes expire by blocks.
    void let_expire() override {
        const std::int64_t before = chain_time();
        const auto ms = std::chrono::duration_cast<Duration>(kLongAfter).count();
        const auto slot_ms =
            std::strtoll(environment("X402_CONFORMANCE_SLOT_MS").c_str(), nullptr, 10);
        travel(slot("processed") + static_cast<std::uint64_t>(ms / slot_ms));
        for (int i = 0; i < kFinalBlocks; ++i) travel(slot("processed") + 1);
        clock_.move(std::chrono::seconds(chain_time() - before));
    }
    json::Object tamper(json::Object payload) const override {
        const std::string text(payload["transaction"].as_string());
        auto transaction = svm::read_transaction_text(text);
        X402_CHECK(transaction.has_value());
        transaction->message.blockhash.data[7] ^= 1U;
        transaction->message_bytes = svm::write(transaction->message);
        payload["transaction"] = svm::to_base64_text(*transaction);
        return payload;
    }
    void lose_next_answer() override { relay_->lose = 1; }
    void refuse_next_simulation() override { relay_->refuse = 1; }

private:
    json::Value ask(const std::string& method, json::Array params) {
        auto answer = try_to_ask(method, std::move(params));
        if (!answer)
            std::fprintf(stderr, "%s: %s\n", method.c_str(), to_string(answer.error()).c_str());
        X402_CHECK(answer.has_value());
        return std::move(*answer);
    }
    Result<json::Value> try_to_ask(const std::string& method, json::Array params) {
        const net::RpcCall call{method, std::move(params)};
        auto reply = wait_for([&] { return rpc_->call(call); });
        if (!reply) return fail(reply.error());
        if (reply->error) return fail(Errc::refused, reply->error->message);
        return std::move(*reply->result);
    }
    static std::uint64_t number(const json::Value& value) {
        return value.to_number<std::uint64_t>();
    }
    std::uint64_t slot(const char* commitment) {
        json::Object options;
        options["commitment"] = commitment;
        return number(ask("getSlot", {options}));
    }
    // The node's own clock goes on beside us and may have been there already.
    void travel(std::uint64_t to) {
        json::Object target;
        target["absoluteSlot"] = to;
        const auto there = try_to_ask("surfnet_timeTravel", {target});
        X402_CHECK(there || slot("processed") >= to);
    }
    std::int64_t chain_time() {
        return ask("getBlockTime", {slot("confirmed")}).to_number<std::int64_t>();
    }

    svm::Address holding_of(const std::string& owner) const {
        const auto address = svm::parse_address(owner);
        const auto mint = svm::parse_address(asset().address);
        X402_CHECK(address && mint);
        return svm::token_account_of(*address, *mint, svm::token_program());
    }
    json::Value account_of(const svm::Address& address) {
        json::Object options;
        options["encoding"] = "base64";
        const json::Value answer = ask("getAccountInfo", {svm::to_text(address), options});
        return answer.as_object().at("value");
    }
    // The owner's token account with this much in it, made where it is missing.
    void set_tokens(const std::string& owner, const U256& amount) {
        const auto small = amount.to_u64();
        X402_CHECK(small.has_value());
        Bytes data;
        append(data, svm::parse_address(asset().address)->view());
        append(data, svm::parse_address(owner)->view());
        for (unsigned i = 0; i < 8; ++i) data.push_back(static_cast<std::uint8_t>(*small >> 8 * i));
        data.resize(165);
        data[108] = 1;  // initialized
        json::Object account;
        account["lamports"] = kRent;
        account["data"] = to_hex(data);
        account["owner"] = svm::to_text(svm::token_program());
        ask("surfnet_setAccount", {svm::to_text(holding_of(owner)), account});
        X402_CHECK(balance(owner) == amount);
    }

    void add_module() {
        const ChainModule* inner = builtin_.of(network());
        X402_CHECK(inner != nullptr);
        NetworkSetup setup;
        setup.network = network();
        setup.rpc = {relay_->node};
        setup.with_signers = false;
        auto chain = inner->connect(std::move(setup));
        X402_CHECK(chain.has_value());
        chain_ = std::move(*chain);
        const auto signer = crypto::Secret::from_text(environment("X402_SIGNER"));
        const auto fee_payer = inner->wallets().parse(signer);
        X402_CHECK(fee_payer.has_value());
        const auto added =
            modules_.add(std::make_unique<ModuleAtHand>(*inner, *chain_, (*fee_payer)->address()));
        X402_CHECK(added.has_value());
    }
    void open_relay() {
        runtime_.start();
        server_ = serve_anywhere(
            runtime_, [to = relay_](net::Exchange& exchange) { return relay(to, exchange); });
    }
    // An earlier test may have moved the node's clock, which cannot go back.
    void catch_up() {
        const Instant there = from_unix_s(chain_time());
        if (there > clock_.now()) clock_.move(there - clock_.now());
    }

    ShiftedClock clock_;
    std::unique_ptr<Random> random_;
    std::unique_ptr<net::HttpClient> http_;
    std::shared_ptr<Relay> relay_;  // shared with requests that are still being answered
    net::Runtime runtime_;
    std::unique_ptr<net::HttpServer> server_;
    std::unique_ptr<net::RpcClient> rpc_;
    Modules builtin_;
    std::unique_ptr<Chain> chain_;
    Modules modules_;
    std::string merchant_;
};

}  // namespace

std::unique_ptr<World> make_world() {
    return std::make_unique<SvmWorld>();
}

}  // namespace x402::conformance
