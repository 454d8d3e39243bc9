// SPDX-License-Identifier: Apache-2.0
#include "tests/conformance/house.hpp"

#include <chrono>
#include <thread>

#include "x402/base/check.hpp"
#include "x402/base/hex.hpp"
#include "x402/base/log.hpp"
#include "x402/ops/config.hpp"
#include "x402/protocol/headers.hpp"
#include "x402/transports/http/payment_http.hpp"

namespace x402::conformance {
namespace {

constexpr auto kPatience = std::chrono::seconds(20);
constexpr Duration kStop = std::chrono::seconds(10);
constexpr std::int64_t kTimeoutSeconds = 300;

Tree read_toml(const std::string& text, const char* name) {
    auto tree = ops::parse_toml(text, name);
    if (!tree) ADD_FAILURE() << to_string(tree.error()) << "\n" << text;
    X402_CHECK(tree.has_value());
    return std::move(*tree);
}

std::string network_section(const World& world, bool with_signers) {
    return "[networks.\"" + world.network().text() + "\"]\n" + world.network_keys(with_signers);
}

// The facilitator in this process, as the gateway is handed one.
class Inside final : public FacilitatorApi {
public:
    explicit Inside(facilitator::Service& service) : service_(service) {}
    const std::string& name() const noexcept override { return service_.name(); }
    Task<Result<VerifyResponse>> verify(const FacilitatorRequest& request) override {
        return service_.verify(request);
    }
    Task<Result<SettleResponse>> settle(const FacilitatorRequest& request,
                                        const SettleContext& context) override {
        return service_.settle(request, context);
    }
    Task<Result<Supported>> supported() override { return service_.supported(); }
    Task<Result<std::optional<SettlementStatus>>> settlement(const PaymentKey& key,
                                                             Duration wait) override {
        return service_.settlement(key, wait);
    }

private:
    facilitator::Service& service_;
};

}  // namespace

FacilitatorRequest SignedPayment::request() const {
    FacilitatorRequest request;
    request.payload = payload;
    request.requirements = terms;
    return request;
}

House::House() {
    log::set_level(log::Level::off);
    world_ = make_world();
    const std::string name = "x402-conformance-" + to_hex(world_->env().random.bytes<8>().view());
    folder_ = std::filesystem::temp_directory_path() / name;
    std::filesystem::create_directories(folder_);
    callers_.start();
}

House::~House() {
    callers_.end();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
}

U256 House::cents(std::uint64_t count) const {
    U256 amount{count};
    for (int i = 2; i < world_->asset().decimals; ++i) amount = *amount.checked_mul(U256{10});
    if (world_->asset().decimals < 2) ADD_FAILURE() << "the asset has no cents";
    return amount;
}

PaymentRequirements House::offer(const U256& amount) const {
    PaymentRequirements terms;
    terms.scheme = world_->scheme();
    terms.network = world_->network();
    terms.amount = amount;
    terms.asset = world_->asset().address;
    terms.pay_to = world_->merchant();
    terms.max_timeout_seconds = kTimeoutSeconds;
    const ServerScheme* scheme = world_->modules().server(terms.scheme, terms.network);
    X402_CHECK(scheme != nullptr);
    const auto enriched = scheme->enrich(terms, world_->asset(), {});
    if (!enriched) ADD_FAILURE() << to_string(enriched.error());
    return terms;
}

SignedPayment House::sign(const PaymentRequirements& terms, const Wallet& wallet) {
    const ClientScheme* scheme = world_->modules().client(terms.scheme, terms.network);
    X402_CHECK(scheme != nullptr);
    Env env = world_->env();
    const json::Object told;
    auto part = wait_for([&] { return scheme->sign(terms, wallet, told, env); });
    if (!part) ADD_FAILURE() << to_string(part.error());
    SignedPayment payment;
    payment.terms = terms;
    payment.payload.accepted = terms;
    payment.payload.payload = part.value_or(json::Object{});
    const auto facts = scheme->facts(Payment{payment.payload, terms});
    if (!facts) ADD_FAILURE() << to_sentence(facts.error());
    if (facts) payment.key = facts->key;
    return payment;
}

bool House::eventually(const std::function<bool()>& done) {
    const auto until = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < until) {
        if (done()) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
}

store::RoleStore House::open_store(const std::string& role) const {
    store::OpenOptions options;
    options.where = "sqlite:" + role + ".db";
    options.base_dir = folder_.string();
    options.role = role;
    auto stores = store::open_role_store(options, world_->env());
    if (!stores) ADD_FAILURE() << to_string(stores.error());
    X402_CHECK(stores.has_value());
    return std::move(*stores);
}

Tree network_tree(const World& world) {
    return read_toml(network_section(world, false), "network.toml");
}

std::unique_ptr<net::HttpServer> serve_anywhere(net::Runtime& runtime,
                                                const net::Handler& handler) {
    constexpr int kTries = 10;
    for (int i = 0; i < kTries; ++i) {
        net::ServerOptions options;
        options.listen = "127.0.0.1:0";
        auto server = net::serve(runtime, options, handler);
        if (server) return std::move(*server);
        X402_CHECK(server.error().code == Errc::conflict);
    }
    X402_CHECK(false);
    return nullptr;
}

// The facilitator

FacilitatorRole::FacilitatorRole(World& world, store::RoleStore stores,
                                 const FacilitatorOptions& options)
    : world_(world), stores_(std::move(stores)), runtime_(std::make_unique<net::Runtime>(1)) {
    const std::string text = "listen = \"127.0.0.1:0\"\nstore = \"memory:\"\n" +
                             network_section(world, true) + "settle_wait = \"" +
                             options.settle_wait + "\"\n";
    const Tree tree = read_toml(text, "facilitator.toml");
    auto config = facilitator::read_config(tree, world.modules(), {});
    if (!config) ADD_FAILURE() << to_string(config.error());
    X402_CHECK(config.has_value());
    runtime_->start();
    auto assets = read_assets(tree, world.modules());
    X402_CHECK(assets.has_value());
    auto started = wait_for([&] {
        facilitator::ServiceOptions service{
            std::move(*config),   world.modules(), AssetShelf(std::move(*assets), world.modules()),
            *stores_.settlements, *runtime_,       metrics_,
            world.env()};
        return facilitator::Service::start(std::move(service));
    });
    if (!started && options.may_fail) return;
    if (!started) ADD_FAILURE() << to_string(started.error());
    X402_CHECK(started.has_value());
    service_ = std::move(*started);
}

FacilitatorRole::~FacilitatorRole() {
    service_.reset();
    world_.retire(std::move(runtime_));
}

Result<VerifyResponse> FacilitatorRole::verify(const SignedPayment& payment) {
    const FacilitatorRequest request = payment.request();
    return wait_for([&] { return service_->verify(request); });
}

Result<SettleResponse> FacilitatorRole::settle(const SignedPayment& payment,
                                               const std::string& key) {
    return settle(payment.request(), key);
}

Result<SettleResponse> FacilitatorRole::settle(const FacilitatorRequest& request,
                                               const std::string& key) {
    const SettleContext context{key, {}};
    return wait_for([&] { return service_->settle(request, context); });
}

SettleResponse FacilitatorRole::settle_to_the_end(const SignedPayment& payment,
                                                  const std::string& key) {
    const auto until = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < until) {
        auto answer = settle(payment, key);
        if (answer && outcome_of(*answer) != Outcome::unknown) return std::move(*answer);
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    ADD_FAILURE() << "never judged";
    return {};
}

Supported FacilitatorRole::supported() {
    auto answer = wait_for([&] { return service_->supported(); });
    X402_CHECK(answer.has_value());
    return std::move(*answer);
}

std::optional<SettlementStatus> FacilitatorRole::settlement(const PaymentKey& key, Duration wait) {
    auto answer = wait_for([&] { return service_->settlement(key, wait); });
    if (!answer) ADD_FAILURE() << to_string(answer.error());
    return answer ? std::move(*answer) : std::nullopt;
}

// The seller's API

struct Upstream::State {
    std::atomic<std::size_t> runs{0};
    std::atomic<bool> failing{false};
};

namespace {

template <class State>
Task<void> answer_weather(std::shared_ptr<State> state, net::Exchange& exchange) {
    const std::size_t run = ++state->runs;
    net::Response response;
    response.head.headers.add("Content-Type", "application/json");
    response.head.status = state->failing ? 500 : 200;
    response.body = "{\"weather\":\"sunny\",\"run\":" + std::to_string(run) + "}";
    const auto sent = co_await exchange.respond(response);
    static_cast<void>(sent);
}

}  // namespace

Upstream::Upstream() : state_(std::make_shared<State>()), runtime_(1) {
    runtime_.start();
    server_ = serve_anywhere(runtime_, [state = state_](net::Exchange& exchange) {
        return answer_weather(state, exchange);
    });
}

Upstream::~Upstream() {
    server_.reset();
    runtime_.end();
}

std::string Upstream::url() const {
    return "http://" + server_->address();
}
std::size_t Upstream::runs() const {
    return state_->runs;
}
void Upstream::fail(bool on) {
    state_->failing = on;
}

// The gateway

namespace {

std::string gateway_toml(const World& world, const Upstream& upstream,
                         const GatewayOptions& options) {
    std::string price = std::to_string(options.cents % 100);
    if (price.size() == 1) price = "0" + price;
    price = "$" + std::to_string(options.cents / 100) + "." + price;
    return "listen = \"127.0.0.1:0\"\nadmin = \"off\"\norigin = \"http://gateway.test\"\nstore = "
           "\"memory:\"\n"
           "upstream = \"" +
           upstream.url() +
           "\"\nfacilitators = [\"http://127.0.0.1:1\"]\n"
           "pending_wait = \"" +
           options.pending_wait +
           "\"\n"
           "pay_to = { " +
           std::string(world.network().family()) + " = \"" + world.merchant() + "\" }\n" +
           network_section(world, false) + "[[routes]]\nmatch = \"GET /weather\"\nprice = \"" +
           price +
           "\"\n"
           "accepts = [{ asset = \"" +
           world.asset().address + "\", network = \"" + world.network().text() + "\", scheme = \"" +
           world.scheme() +
           "\" }]\n"
           "settle = \"" +
           options.settle + "\"\nmax_timeout_seconds = 300\n";
}

}  // namespace

GatewayRole::GatewayRole(World& world, store::RoleStore stores, FacilitatorRole& facilitator,
                         const Upstream& upstream, const GatewayOptions& options)
    : world_(world), stores_(std::move(stores)), runtime_(std::make_unique<net::Runtime>(2)) {
    const Tree tree = read_toml(gateway_toml(world, upstream, options), "gateway.toml");
    auto config = server::read_config(tree, world.modules(), {});
    if (!config) ADD_FAILURE() << to_string(config.error());
    X402_CHECK(config.has_value());
    NetworkSetup setup;
    setup.network = world.network();
    setup.section = tree.find("networks")->find(world.network().text());
    setup.with_signers = false;
    auto chain = world.modules().of(world.network())->connect(std::move(setup));
    X402_CHECK(chain.has_value());
    chain_ = std::move(*chain);
    runtime_->start();
    std::vector<server::FacilitatorEntry> facilitators;
    facilitators.push_back({std::make_unique<Inside>(facilitator.service()), {}});
    auto started = wait_for([&] {
        server::GatewayOptions gateway{
            std::move(*config),
            world.modules(),
            std::move(facilitators),
            *stores_.grants,
            *runtime_,
            metrics_,
            world.env(),
            {chain_.get()},
            crypto::Secret::from_text("thirty-two bytes of a test secret"),
            {}};
        gateway.pauses.settle_first = std::chrono::milliseconds(50);
        return server::Gateway::start(std::move(gateway));
    });
    if (!started && options.may_fail) return;
    if (!started) ADD_FAILURE() << to_string(started.error());
    X402_CHECK(started.has_value());
    gateway_ = std::move(*started);
    server_ = serve_anywhere(*runtime_, gateway_->handler());
}

GatewayRole::~GatewayRole() {
    // The facilitator's core may still work for a settlement of ours: nothing of it may outlive our
    // runtime.
    if (gateway_) {
        const bool quiet = wait_for([&] { return gateway_->drain(kStop); });
        EXPECT_TRUE(quiet) << "a settlement did not let go";
    }
    server_.reset();
    gateway_.reset();
    world_.retire(std::move(runtime_));
}

std::string GatewayRole::url() const {
    return "http://" + server_->address() + "/weather";
}

net::ClientRequest request_for(const World& world, const std::string& url,
                               const PaymentPayload* payment) {
    net::ClientRequest request;
    request.url = url;
    if (payment != nullptr) {
        const auto set =
            transports::set_payment(request.headers, *payment, world.modules().names());
        X402_CHECK(set.has_value());
    }
    return request;
}

Reply read_reply(Result<net::ClientResponse> answer) {
    if (!answer) ADD_FAILURE() << to_string(answer.error());
    if (!answer) return {};
    Reply reply;
    reply.status = answer->status;
    reply.body = std::move(answer->body);
    reply.headers = std::move(answer->headers);
    if (reply.headers.has(headers::kPaymentRequired)) {
        auto required = headers::decode_required(reply.headers.get(headers::kPaymentRequired));
        if (!required) ADD_FAILURE() << to_string(required.error());
        if (required) reply.required = std::move(*required);
    }
    if (reply.headers.has(headers::kPaymentResponse)) {
        auto settlement = headers::decode_settlement(reply.headers.get(headers::kPaymentResponse));
        if (!settlement) ADD_FAILURE() << to_string(settlement.error());
        if (settlement) reply.settlement = std::move(*settlement);
    }
    return reply;
}

Reply get(World& world, const std::string& url, const PaymentPayload* payment) {
    const net::ClientRequest request = request_for(world, url, payment);
    return read_reply(wait_for([&] { return world.http().fetch(request); }));
}

}  // namespace x402::conformance
