// SPDX-License-Identifier: Apache-2.0
// The world of test_world.hpp, and a test that it stands.
#include "x402/server/test_world.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "x402/base/base64.hpp"
#include "x402/ops/config.hpp"
#include "x402/protocol/codec.hpp"
#include "x402/protocol/headers.hpp"

namespace x402::server::testing {
namespace {

ChainId toy() {
    return *ChainId::parse("toy:one");
}

AssetInfo toy_asset(const char* symbol, std::uint8_t decimals, bool usd) {
    AssetInfo asset;
    asset.id = *AssetId::parse(std::string("toy:one/token:") + symbol);
    asset.address = std::string("coin-") + symbol;
    asset.symbol = symbol;
    asset.decimals = decimals;
    asset.usd = usd;
    return asset;
}

class ToyScheme final : public ServerScheme {
public:
    const SchemeId& id() const noexcept override { return id_; }
    std::expected<PaymentFacts, Refusal> facts(const Payment& payment) const override {
        const json::Object& payload = payment.payload.payload;
        const auto payer = json::get_string(payload, "payer");
        const auto nonce = json::get_string(payload, "nonce");
        const auto amount = json::get_string(payload, "amount");
        const auto until = json::get_int(payload, "validUntil");
        const auto lives = json::get_int(payload, "livesFor");
        if (!payer || !nonce || !amount || !(until || lives))
            return std::unexpected(refuse(Reason::invalid_payload));
        const auto value = U256::from_decimal(*amount);
        if (!value) return std::unexpected(refuse(Reason::invalid_payload));
        PaymentFacts facts;
        facts.key =
            PaymentKey("toy~" + payment.requirements.network.text() + "~" + *payer + "~" + *nonce);
        facts.payer = *payer;
        facts.amount = *value;
        if (until) facts.usable_until = from_unix_s(*until);
        if (!until) facts.usable_for = std::chrono::seconds(*lives);
        return facts;
    }
    Result<void> enrich(PaymentRequirements& requirements, const AssetInfo& asset,
                        const json::Object& supported_extra) const override {
        requirements.extra["name"] = asset.symbol;
        for (const auto& member : supported_extra)
            requirements.extra[member.key()] = member.value();
        return {};
    }
    std::vector<std::string> dynamic_extra() const override { return {"moment"}; }
    ServerCheck check(const Payment& payment, const std::optional<SchemeState>&) const override {
        ServerCheck out;
        if (facts(payment)->amount != payment.requirements.amount)
            out.verdict.refusal = refuse(Reason::evm_value);
        return out;
    }
    PaymentFlow flow(const PaymentRequirements& requirements) const override {
        return payment_flow_of(requirements).value_or(PaymentFlow::authorization);
    }
    Result<FacilitatorRequest> settle_request(const Payment& payment, Phase,
                                              const U256&) const override {
        return FacilitatorRequest{kVersion2, payment.payload, payment.requirements, {}};
    }

private:
    SchemeId id_{"exact", *ChainPattern::parse("toy:*")};
};

class NoWallets final : public WalletProvider {
public:
    std::string_view family() const noexcept override { return "toy"; }
    std::string_view default_key_variable() const noexcept override { return "TOY_KEY"; }
    bool recognizes(std::string_view) const noexcept override { return false; }
    Result<std::unique_ptr<Wallet>> parse(const crypto::Secret&) const override {
        return fail(Errc::unsupported);
    }
    Result<std::unique_ptr<Wallet>> from_bytes(const crypto::Secret&) const override {
        return fail(Errc::unsupported);
    }
};

class ToyModule final : public ChainModule {
public:
    explicit ToyModule(std::optional<Duration> lifetime) : lifetime_(lifetime) {}
    std::optional<Duration> lifetime() const override { return lifetime_; }
    std::string_view family() const noexcept override { return "toy"; }
    std::span<const KnownNetwork> networks() const noexcept override { return networks_; }
    std::span<const AssetInfo> assets() const noexcept override { return assets_; }
    Result<AssetInfo> read_asset(const ChainId& network, const Tree& section) const override {
        X402_TRY(const std::string address, section.get_text("address"));
        X402_TRY(const auto decimals, section.opt_integer("decimals"));
        X402_TRY(const auto usd, section.opt_boolean("usd"));
        AssetInfo asset = toy_asset("LOCAL", static_cast<std::uint8_t>(decimals.value_or(6)),
                                    usd.value_or(false));
        asset.id.network = network;
        asset.address = address;
        return asset;
    }
    Result<std::string> read_address(std::string_view text) const override {
        if (text.starts_with("toy1")) return std::string(text);
        return fail_field(Errc::invalid, "address",
                          "\"" + std::string(text) + "\" is no toy address",
                          "write toy1 and a name");
    }
    Result<std::unique_ptr<Chain>> connect(NetworkSetup) const override {
        return fail(Errc::unsupported);
    }
    std::vector<const ClientScheme*> client_schemes() const override { return {}; }
    std::vector<const ServerScheme*> server_schemes() const override { return {&scheme_}; }
    const WalletProvider& wallets() const noexcept override { return wallets_; }

private:
    std::vector<KnownNetwork> networks_{
        {toy(), "toy-one", "Toy One", true, ""},
        {*ChainId::parse("toy:two"), "toy-two", "Toy Two", true, ""}};
    std::vector<AssetInfo> assets_{toy_asset("USDC", 6, true), toy_asset("GOLD", 2, false)};
    ToyScheme scheme_;
    NoWallets wallets_;
    std::optional<Duration> lifetime_;
};

// The body in two halves, or byte by byte; it may be that nobody listens any more.
Task<void> answer_slowly(std::shared_ptr<World::Upstream> upstream, net::Exchange& exchange,
                         const net::Response& response) {
    const bool drips = upstream->drip > Duration::zero();
    const auto started = co_await exchange.start(response.head, response.body.size());
    const std::size_t piece = drips ? 1 : (response.body.size() + 1) / 2;
    Bell never;
    bool good = started.has_value();
    for (std::size_t at = 0; good && at < response.body.size(); at += piece) {
        const auto written = co_await exchange.write(response.body.substr(at, piece));
        good = written.has_value();
        if (drips) {
            const std::uint64_t seen = never.count();
            co_await never.wait(seen, upstream->drip);
        } else if (at == 0) {
            co_await upstream->hold_rest->wait();
        }
    }
    if (!good) co_return;
    const auto finished = co_await exchange.finish();
    static_cast<void>(finished);
}

Task<void> serve_upstream(std::shared_ptr<World::Upstream> upstream, net::Exchange& exchange) {
    ++upstream->calls;
    const auto body = co_await exchange.read_all(1 << 24);
    std::shared_ptr<Latch> hold;
    net::Response response;
    bool cut = false;
    {
        const std::scoped_lock lock(upstream->mutex);
        upstream->last = exchange.request();
        upstream->last_body = body.value_or("(unreadable)");
        hold = upstream->hold;
        cut = upstream->cut;
        response.head.status = upstream->status;
        response.head.headers = upstream->headers;
        response.body = upstream->body;
    }
    if (hold) co_await hold->wait();
    if (upstream->hold_rest || upstream->drip > Duration::zero())
        co_return co_await answer_slowly(upstream, exchange, response);
    if (!cut) {
        const auto sent = co_await exchange.respond(response);
        static_cast<void>(sent);
        co_return;
    }
    const auto started = co_await exchange.start(response.head, response.body.size() + 10);
    const auto written = co_await exchange.write(response.body);
    static_cast<void>(started && written);
    exchange.abort();
}

// Another socket of this machine may take a free port between its choice and its use.
std::unique_ptr<net::HttpServer> listen(net::Runtime& runtime, const net::Handler& handler) {
    std::string why;
    for (int turn = 0; turn < 20; ++turn) {
        net::ServerOptions options;
        options.listen = "127.0.0.1:0";
        auto server = net::serve(runtime, options, handler);
        if (server) return std::move(*server);
        why = to_string(server.error());
    }
    ADD_FAILURE() << why;
    return nullptr;
}

Task<void> start_gateway(GatewayOptions& options, std::unique_ptr<Gateway>& out, std::string& why) {
    auto started = co_await Gateway::start(std::move(options));
    if (started) {
        out = std::move(*started);
    } else {
        why = to_string(started.error());
    }
}

Task<void> fetch_into(net::HttpClient& http, net::ClientRequest request, net::ClientResponse& out,
                      Latch& done, std::atomic<int>& left) {
    auto response = co_await http.fetch(std::move(request));
    if (response) out = std::move(*response);
    if (--left == 0) done.open();
}

}  // namespace

std::unique_ptr<Modules> make_toy_modules(std::optional<Duration> lifetime) {
    auto modules = std::make_unique<Modules>();
    EXPECT_TRUE(modules->add(std::make_unique<ToyModule>(lifetime)).has_value());
    return modules;
}

void Latch::open() {
    open_ = true;
    bell_.ring();
}

Task<void> Latch::wait() {
    for (int turn = 0; turn < 100; ++turn) {
        const std::uint64_t seen = bell_.count();
        if (open_) co_return;
        co_await bell_.wait(seen, Duration{100});
    }
}

ScriptedFacilitator::Script::Script() {
    Supported all;
    SupportedKind kind;
    kind.scheme = "exact";
    kind.network = toy();
    kind.network_text = "toy:one";
    kind.extra["feePayer"] = "toy1fees";
    all.kinds.push_back(std::move(kind));
    all.signers["toy:*"] = json::Array{"toy1fees"};
    supported = std::move(all);
}

Task<Result<VerifyResponse>> ScriptedFacilitator::verify(const FacilitatorRequest&) {
    const std::scoped_lock lock(script_->mutex);
    ++script_->verifies;
    if (script_->verify) co_return script_->verify();
    VerifyResponse yes;
    yes.is_valid = true;
    co_return yes;
}

Task<Result<SettleResponse>> ScriptedFacilitator::settle(const FacilitatorRequest& request,
                                                         const SettleContext& context) {
    std::shared_ptr<Latch> hold;
    Settle answer;
    int call = 0;
    {
        const std::scoped_lock lock(script_->mutex);
        script_->keys.push_back(context.idempotency_key);
        script_->requests.push_back(write_facilitator_request(request));
        call = static_cast<int>(script_->keys.size());
        hold = script_->hold_settle;
        answer = script_->settle;
    }
    if (hold) co_await hold->wait();
    if (answer) co_return answer(call);
    co_return settled_with("0xtx" + std::to_string(call));
}

Task<Result<Supported>> ScriptedFacilitator::supported() {
    const std::scoped_lock lock(script_->mutex);
    co_return script_->supported;
}

Task<Result<std::optional<SettlementStatus>>> ScriptedFacilitator::settlement(const PaymentKey& key,
                                                                              Duration) {
    const std::scoped_lock lock(script_->mutex);
    if (!script_->status) co_return fail(Errc::unsupported);
    script_->status->key = key;
    co_return script_->status;
}

SettleResponse settled_with(const std::string& transaction) {
    SettleResponse out;
    out.success = true;
    out.transaction = transaction;
    out.network = toy();
    return out;
}

SettleResponse not_settled(const std::string& reason, const std::string& transaction) {
    SettleResponse out;
    out.error_reason = reason;
    out.transaction = transaction;
    out.network = toy();
    return out;
}

World::World(WorldOptions options) : facilitators_(options.facilitators) {
    script = options.script ? options.script : std::make_shared<ScriptedFacilitator::Script>();
    modules_ = make_toy_modules(options.lifetime);
    clock_ = make_system_clock();
    random_ = make_system_random();
    metrics_ = std::make_unique<ops::Metrics>();
    const Env env{*clock_, *random_};
    store_ = store::open_memory_store(options.disk ? options.disk : store::make_memory_disk(), env);
    if (options.wrap) store_.grants = options.wrap(std::move(store_.grants));
    http_ = net::make_http_client();
    runtime_ = std::make_unique<net::Runtime>(2);
    runtime_->start();
    upstream_server_ = listen(*runtime_, [upstream = upstream](net::Exchange& exchange) {
        return serve_upstream(upstream, exchange);
    });
    auto read = config(options.routes, options.top);
    EXPECT_TRUE(read.has_value()) << to_string(read.error());
    if (!read) return;
    std::vector<FacilitatorEntry> facilitators;
    const ProofBy proof = read->facilitators.front().proof;
    facilitators.push_back({std::make_unique<ScriptedFacilitator>(script), {}, proof});
    Pauses pauses;
    pauses.settle_first = Duration{5};
    pauses.settle_most = Duration{20};
    pauses.supported_retry = Duration{20};
    pauses.housekeeping = options.housekeeping;
    GatewayOptions made{std::move(*read),
                        *modules_,
                        std::move(facilitators),
                        *store_.grants,
                        *runtime_,
                        *metrics_,
                        env,
                        options.chains,
                        options.secret ? options.secret->clone() : crypto::Secret(Bytes(32, 7)),
                        pauses,
                        options.most_settlements,
                        options.most_per_payer};
    std::string why;
    run([&] { return start_gateway(made, gateway_, why); });
    EXPECT_TRUE(gateway_ != nullptr) << why;
    if (!gateway_) return;
    server_ = listen(*runtime_, gateway_->handler());
    address_ = server_->address();
}

World::~World() {
    gateway_.reset();
    runtime_->stop();
    server_.reset();
    upstream_server_.reset();
    runtime_.reset();
}

Result<Config> World::config(const std::string& routes, const std::string& top) {
    std::string text = "origin = \"https://api.example.com\"\nupstream = \"http://" +
                       upstream_server_->address() + "\"\nfacilitators = " + facilitators_ +
                       "\nstore = \"memory:\"\n" + "pay_to = { toy = \"toy1seller\" }\n" + top +
                       "\n" + routes;
    X402_TRY(const Tree tree, ops::parse_toml(text, "gateway.toml"));
    X402_TRY(Config config, read_config(tree, *modules_, "."));
    X402_TRY_VOID(ops::refuse_unread(tree));
    return config;
}

void World::run(std::function<Task<void>()> work) {
    net::run_blocking(std::move(work));
}

std::vector<net::ClientResponse> World::send_all(const std::vector<Pay>& pays) {
    std::vector<net::ClientResponse> out(pays.size());
    Latch done;
    std::atomic<int> left = static_cast<int>(pays.size());
    for (std::size_t i = 0; i < pays.size(); ++i) {
        net::ClientRequest request;
        request.method = pays[i].method;
        request.url = "http://" + address_ + pays[i].path;
        request.headers = pays[i].headers;
        request.body = pays[i].body;
        if (!pays[i].payment.empty())
            request.headers.add(std::string(headers::kPaymentSignature), pays[i].payment);
        runtime_->spawn(i % 2, [this, request, &out, i, &done, &left] {
            return fetch_into(*http_, request, out[i], done, left);
        });
    }
    run([&] { return done.wait(); });
    EXPECT_EQ(left, 0);
    return out;
}

net::ClientResponse World::send(const Pay& pay) {
    return send_all({pay}).front();
}

net::ClientResponse World::send_settled(const Pay& pay) {
    for (int turn = 0;; ++turn) {
        net::ClientResponse response = send(pay);
        if (turn > 500 || code_of(response) != "payment_in_progress") return response;
        std::this_thread::sleep_for(Duration{2});
    }
}

json::Object World::offers_of(const std::string& path, const std::string& method) {
    const auto response = send({path, method, {}, {}, {}});
    EXPECT_EQ(response.status, 402);
    const auto text = headers::decode_text(response.headers.get(headers::kPaymentRequired));
    EXPECT_TRUE(text.has_value());
    return text ? json::parse_object(*text).value_or(json::Object{}) : json::Object{};
}

std::string World::payment(const json::Object& required, json::Object payload) {
    json::Object object;
    object["x402Version"] = 2;
    object["resource"] = required.at("resource");
    object["accepted"] = required.at("accepts").as_array().at(0);
    object["payload"] = std::move(payload);
    return headers::encode(object);
}

std::string World::pay_for(const std::string& path, const std::string& nonce,
                           const std::string& payer) {
    const json::Object required = offers_of(path);
    json::Object payload;
    payload["payer"] = payer;
    payload["nonce"] = nonce;
    payload["amount"] = required.at("accepts").as_array().at(0).as_object().at("amount");
    payload["validUntil"] = to_unix_s(clock_->now()) + 300;
    return payment(required, std::move(payload));
}

Task<void> find_into(store::GrantStore& store, PaymentKey key,
                     std::optional<store::GrantRecord>& out) {
    auto found = co_await store.find(key);
    if (found) out = std::move(*found);
}

std::optional<store::GrantRecord> World::grant(const std::string& nonce, const std::string& payer) {
    std::optional<store::GrantRecord> out;
    run([&] {
        return find_into(*store_.grants, PaymentKey("toy~toy:one~" + payer + "~" + nonce), out);
    });
    return out;
}

bool World::reaches(const std::string& nonce, store::GrantState state, const std::string& payer) {
    for (int turn = 0; turn < 1000; ++turn) {
        const auto found = grant(nonce, payer);
        if (found && found->state == state) return true;
        std::this_thread::sleep_for(Duration{2});
    }
    return false;
}

std::string World::metrics() {
    gateway_->refresh_metrics();
    return metrics_->render();
}

int settles(const std::shared_ptr<ScriptedFacilitator::Script>& script) {
    const std::scoped_lock lock(script->mutex);
    return static_cast<int>(script->keys.size());
}

std::string code_of(const net::ClientResponse& response) {
    const auto object = json::parse_object(response.body);
    if (!object) return {};
    const auto* error = object->if_contains("error");
    if (error == nullptr) return {};
    if (error->is_string()) return std::string(error->get_string());
    return error->is_object() ? json::text_or_empty(error->get_object(), "code") : std::string{};
}

TEST(TestWorld, Stands) {
    World world({R"([[routes]]
match = "GET /weather"
price = "$0.001"
networks = ["toy:one"])",
                 {},
                 {},
                 {},
                 {},
                 {},
                 {}});
    EXPECT_TRUE(world.gateway().ready().has_value());
    const auto paid = world.send({"/weather", "GET", {}, world.pay_for("/weather", "1"), {}});
    EXPECT_EQ(paid.status, 200);
    EXPECT_EQ(paid.body, "sunny");
}

}  // namespace x402::server::testing
