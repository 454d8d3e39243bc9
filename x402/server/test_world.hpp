// SPDX-License-Identifier: Apache-2.0
// For tests: a whole gateway over loopback, with a real upstream, a toy network whose payments are
// plain JSON, and a facilitator that says what the test tells it to. Made and used on the test's
// thread; the servers run on theirs.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "x402/base/sync.hpp"
#include "x402/net/http_client.hpp"
#include "x402/ops/metrics.hpp"
#include "x402/server/gateway.hpp"
#include "x402/store/memory/memory.hpp"

namespace x402::server::testing {

// One network "toy:one" with a dollar token; payload {payer, nonce, amount, validUntil},
// or with livesFor, in seconds, where no time is signed.
// `lifetime`: of its payments.
std::unique_ptr<Modules> make_toy_modules(std::optional<Duration> lifetime = std::nullopt);

// Opens once; whoever waits goes on. At most ten seconds.
class Latch {
public:
    void open();
    Task<void> wait();

private:
    std::atomic<bool> open_{false};
    Bell bell_;
};

using Settle = std::function<Result<SettleResponse>(int call)>;

// Says yes to everything until it is told otherwise.
class ScriptedFacilitator final : public FacilitatorApi {
public:
    struct Script {
        std::mutex mutex;
        Settle settle;  // what call number n is answered; none: success
        std::function<Result<VerifyResponse>()> verify;
        std::optional<SettlementStatus> status;  // of /settlements
        Result<Supported> supported;
        std::shared_ptr<Latch> hold_settle;
        std::string name = "http://facilitator.test";
        std::vector<std::string> keys;      // Idempotency-Keys of the settle calls
        std::vector<std::string> requests;  // their texts
        int verifies = 0;
        Script();
    };

    explicit ScriptedFacilitator(std::shared_ptr<Script> script)
        : name_(script->name), script_(std::move(script)) {}
    const std::string& name() const noexcept override { return name_; }
    Task<Result<VerifyResponse>> verify(const FacilitatorRequest& request) override;
    Task<Result<SettleResponse>> settle(const FacilitatorRequest& request,
                                        const SettleContext& context) override;
    Task<Result<Supported>> supported() override;
    Task<Result<std::optional<SettlementStatus>>> settlement(const PaymentKey& key,
                                                             Duration wait) override;

private:
    std::string name_;
    std::shared_ptr<Script> script_;
};

SettleResponse settled_with(const std::string& transaction);
SettleResponse not_settled(const std::string& reason, const std::string& transaction = {});

struct WorldOptions {
    std::string routes;  // TOML of the routes; UPSTREAM stands for the upstream's URL
    std::string top;     // TOML above them
    std::shared_ptr<store::MemoryDisk> disk;
    std::shared_ptr<ScriptedFacilitator::Script> script;
    std::vector<Chain*> chains;
    std::optional<crypto::Secret> secret;
    std::function<std::unique_ptr<store::GrantStore>(std::unique_ptr<store::GrantStore>)> wrap;
    std::size_t most_settlements = limits::kQueuedSettlements;
    std::size_t most_per_payer = kMostPerPayer;
    Duration housekeeping = std::chrono::minutes(1);
    std::string facilitators = "[\"http://127.0.0.1:1\"]";  // one, whatever is said of it
    std::optional<Duration> lifetime = std::nullopt;        // of the network's payments
};

struct Pay {
    std::string path = "/weather";
    std::string method = "GET";
    std::string body;
    std::string payment;  // the header's value; empty: none
    net::Headers headers;
};

class World {
public:
    explicit World(WorldOptions options);
    ~World();

    const std::string& address() const { return address_; }
    net::ClientResponse send(const Pay& pay);
    // Again and again while an earlier request with this payment is still leaving.
    net::ClientResponse send_settled(const Pay& pay);
    // All at once.
    std::vector<net::ClientResponse> send_all(const std::vector<Pay>& pays);
    // The header of a payment for the first offer of this path, of a payer and a nonce.
    std::string pay_for(const std::string& path, const std::string& nonce,
                        const std::string& payer = "toy1alice");
    json::Object offers_of(const std::string& path, const std::string& method = "GET");
    static std::string payment(const json::Object& required, json::Object payload);

    Gateway& gateway() { return *gateway_; }
    Result<Config> config(const std::string& routes, const std::string& top = {});
    store::GrantStore& store() { return *store_.grants; }
    std::optional<store::GrantRecord> grant(const std::string& nonce,
                                            const std::string& payer = "toy1alice");
    // Whether the grant comes to this state within two seconds: its last write follows the answer.
    bool reaches(const std::string& nonce, store::GrantState state,
                 const std::string& payer = "toy1alice");
    std::string metrics();
    void run(std::function<Task<void>()> work);

    // What the upstream does and what it saw.
    struct Upstream {
        std::mutex mutex;
        int status = 200;
        std::string body = "sunny";
        net::Headers headers;
        std::shared_ptr<Latch> hold;       // before it answers
        std::shared_ptr<Latch> hold_rest;  // between the two halves of the body
        Duration drip{};                   // between any two bytes of it
        bool cut = false;                  // breaks off in the middle
        std::atomic<int> calls{0};
        net::RequestHead last;
        std::string last_body;
    };
    std::shared_ptr<Upstream> upstream = std::make_shared<Upstream>();
    std::shared_ptr<ScriptedFacilitator::Script> script;

private:
    std::string facilitators_;
    std::unique_ptr<Modules> modules_;
    std::unique_ptr<Clock> clock_;
    std::unique_ptr<Random> random_;
    std::unique_ptr<ops::Metrics> metrics_;
    store::RoleStore store_;
    std::unique_ptr<net::HttpClient> http_;
    std::unique_ptr<net::Runtime> runtime_;
    std::unique_ptr<net::HttpServer> upstream_server_;
    std::unique_ptr<Gateway> gateway_;
    std::unique_ptr<net::HttpServer> server_;
    std::string address_;
};

int settles(const std::shared_ptr<ScriptedFacilitator::Script>& script);
std::string code_of(const net::ClientResponse& response);

}  // namespace x402::server::testing
