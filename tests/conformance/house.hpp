// SPDX-License-Identifier: Apache-2.0
// What the suites stand on: a world, a folder that goes when the test ends, the roles started by
// their public doors in this process, and a seller's API that counts how often it worked. Main
// thread; a role has a runtime of its own.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <latch>
#include <memory>
#include <optional>
#include <string>

#include "tests/conformance/world.hpp"
#include "x402/facilitator/service.hpp"
#include "x402/net/http_server.hpp"
#include "x402/net/runtime.hpp"
#include "x402/server/gateway.hpp"
#include "x402/store/open.hpp"

namespace x402::conformance {

template <class T>
Task<void> keep(Task<T> task, std::optional<T>& into) {
    into.emplace(co_await std::move(task));
}

// Runs what `start` starts to its end, on this thread, and hands over what came of it.
template <class Start>
auto wait_for(Start start) {
    using T = typename decltype(start())::value_type;
    std::optional<T> value;
    net::run_blocking([&] { return keep<T>(start(), value); });
    return std::move(*value);
}

// Many at once, as clients of a server are: coroutines on a runtime of their own.
template <class T>
class Crowd {
public:
    explicit Crowd(std::size_t size) : shared_(std::make_shared<Shared>(size)) {}
    template <class Start>
    void ask(net::Runtime& runtime, Start start) {
        for (std::size_t i = 0; i < shared_->answers.size(); ++i) {
            runtime.spawn(i % runtime.cores(),
                          [shared = shared_, start, i] { return put(shared, start(i), i); });
        }
    }
    std::vector<T> wait() {
        shared_->left.wait();
        std::vector<T> out;
        for (auto& answer : shared_->answers) out.push_back(std::move(*answer));
        return out;
    }

private:
    struct Shared {
        explicit Shared(std::size_t size)
            : answers(size), left(static_cast<std::ptrdiff_t>(size)) {}
        std::vector<std::optional<T>> answers;
        std::latch left;
    };
    static Task<void> put(std::shared_ptr<Shared> shared, Task<T> task, std::size_t at) {
        shared->answers[at].emplace(co_await std::move(task));
        shared->left.count_down();
    }
    std::shared_ptr<Shared>
        shared_;  // shared with the coroutines, which leave a moment after they answered
};

// A signed payment beside the terms it was signed for.
struct SignedPayment {
    PaymentPayload payload;
    PaymentRequirements terms;
    PaymentKey key;
    FacilitatorRequest request() const;
};

// A fixture: a world, and a place for files.
class House : public ::testing::Test {
protected:
    House();
    ~House() override;

    // So many cents in the world's asset.
    U256 cents(std::uint64_t count) const;
    std::unique_ptr<Wallet> rich() { return world_->open_account(cents(100'000)); }
    PaymentRequirements offer(const U256& amount) const;
    SignedPayment sign(const PaymentRequirements& terms, const Wallet& wallet);
    // Waits until `done` says so; fails the test when it never does.
    bool eventually(const std::function<bool()>& done);
    store::RoleStore open_store(const std::string& role) const;  // on the same file each time
    std::string folder() const { return folder_.string(); }

    // Asks for everything at once; `wait` on what it returns. `start` must stay good until then.
    template <class Start>
    auto at_once(std::size_t count, Start start) {
        Crowd<typename decltype(start(std::size_t{}))::value_type> crowd(count);
        crowd.ask(callers_, start);
        return crowd;
    }

    std::unique_ptr<World> world_;

private:
    std::filesystem::path folder_;
    net::Runtime callers_{2};
};

// [networks] as a configuration has it, for reading only.
Tree network_tree(const World& world);

struct FacilitatorOptions {
    std::string settle_wait = "2s";
    bool may_fail = false;  // its start, when its store does
};

// A listener on a port of the kernel's choice. The port is looked for before it is taken, so
// another process of this machine may be faster: then the next one is tried.
std::unique_ptr<net::HttpServer> serve_anywhere(net::Runtime& runtime, const net::Handler& handler);

// A running facilitator. Dies as a killed process does: at once, whatever it was doing.
class FacilitatorRole {
public:
    FacilitatorRole(World& world, store::RoleStore stores, const FacilitatorOptions& options = {});
    ~FacilitatorRole();

    bool started() const { return service_ != nullptr; }
    Result<VerifyResponse> verify(const SignedPayment& payment);
    Result<SettleResponse> settle(const SignedPayment& payment, const std::string& key = {});
    Result<SettleResponse> settle(const FacilitatorRequest& request, const std::string& key = {});
    // The same request until it is judged.
    SettleResponse settle_to_the_end(const SignedPayment& payment, const std::string& key = {});
    Supported supported();
    std::optional<SettlementStatus> settlement(const PaymentKey& key, Duration wait = Duration{0});
    facilitator::Service& service() { return *service_; }

private:
    World& world_;
    store::RoleStore stores_;
    ops::Metrics metrics_;
    std::unique_ptr<net::Runtime> runtime_;
    std::unique_ptr<facilitator::Service> service_;
};

// A seller's API. `/weather` costs what the gateway says; it counts its runs and can be told to
// fail.
class Upstream {
public:
    Upstream();
    ~Upstream();
    std::string url() const;
    std::size_t runs() const;
    void fail(bool on);

private:
    struct State;
    std::shared_ptr<State> state_;  // shared with requests that are still being answered
    net::Runtime runtime_;
    std::unique_ptr<net::HttpServer> server_;
};

struct GatewayOptions {
    std::string settle = "after";
    std::string pending_wait = "5s";
    std::uint64_t cents = 1;
    bool may_fail = false;  // its start, when its store does
};

// A running gateway before an upstream. It stops without waiting for settlements: they stay in its
// store.
class GatewayRole {
public:
    GatewayRole(World& world, store::RoleStore stores, FacilitatorRole& facilitator,
                const Upstream& upstream, const GatewayOptions& options = {});
    ~GatewayRole();
    bool started() const { return gateway_ != nullptr; }
    std::string url() const;

private:
    World& world_;
    store::RoleStore stores_;
    ops::Metrics metrics_;
    std::unique_ptr<net::Runtime> runtime_;
    std::unique_ptr<Chain> chain_;
    std::unique_ptr<server::Gateway> gateway_;
    std::unique_ptr<net::HttpServer> server_;
};

struct Reply {
    int status = 0;
    std::string body;
    net::Headers headers;
    std::optional<PaymentRequired> required;
    std::optional<SettleResponse> settlement;
};

// One request, with or without a payment.
net::ClientRequest request_for(const World& world, const std::string& url,
                               const PaymentPayload* payment);
Reply read_reply(Result<net::ClientResponse> answer);
Reply get(World& world, const std::string& url, const PaymentPayload* payment = nullptr);

}  // namespace x402::conformance
