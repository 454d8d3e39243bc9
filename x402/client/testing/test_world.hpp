// SPDX-License-Identifier: Apache-2.0
// One payer's world for the client's tests: a clock that only sleeps move, a transport that a test
// scripts, and a journal that outlives its clients. Tests only; one thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "x402/client/blocking.hpp"
#include "x402/client/testing/messages.hpp"
#include "x402/net/runtime.hpp"
#include "x402/store/memory/memory.hpp"

namespace x402::client::testing {

inline constexpr std::string_view kUrl = "https://api.example.com/weather?token=s3cret";

class TestClock final : public Clock {
public:
    Instant now() const override { return now_; }
    Duration steady() const override { return now_.time_since_epoch(); }
    Task<bool> sleep(Duration pause) override {
        now_ += pause;
        slept_ += pause;
        co_return true;
    }
    void advance(Duration by) { now_ += by; }
    Duration slept() const { return slept_; }

private:
    Instant now_ = from_unix_s(1'800'000'000);
    Duration slept_{0};
};

class ScriptTransport final : public Transport {
public:
    Task<Answer> send(net::ClientRequest request) override {
        requests.push_back(request);
        if (carries_payment(request)) {
            payments.push_back(std::string(request.headers.get(headers::kPaymentSignature)) +
                               std::string(request.headers.get(headers::kPaymentV1)));
        }
        co_return handler(request);
    }
    std::function<Answer(const net::ClientRequest&)> handler;
    std::vector<net::ClientRequest> requests;
    std::vector<std::string> payments;
};

struct TestWorld {
    TestWorld() {
        auto module = std::make_unique<ToyModule>();
        toy = module.get();
        auto added = modules.add(std::move(module));
        (void)added;
        policy.group = "test";
    }

    // A new client on the same journal: another process, or the next run.
    std::unique_ptr<Client> client() { return client(*journal); }
    std::unique_ptr<Client> client(store::PaymentJournal& on) {
        ClientOptions options{.modules = modules,
                              .policy = policy,
                              .journal = on,
                              .transport = transport,
                              .env = Env{clock, *random}};
        options.wallets.push_back(std::make_unique<ToyWallet>());
        options.limits = limits;
        if (with_chain)
            options.open_chain = [this](const ChainId&) -> Result<OpenedChain> {
                return OpenedChain{&toy_chain, "https://rpc.example"};
            };
        return std::make_unique<Client>(std::move(options));
    }
    PayResult fetch(std::string url = std::string(kUrl)) {
        return fetch(Request{.url = std::move(url)});
    }
    PayResult fetch(Request request) { return fetch_blocking(*client(), std::move(request)); }

    // 402 to who does not pay; `paid` answers who does, by the number of payments it has seen.
    void serve(std::function<Answer(std::size_t)> paid, net::ClientResponse unpaid = answer402()) {
        transport.handler = [this, paid = std::move(paid),
                             unpaid = std::move(unpaid)](const auto& request) -> Answer {
            if (!carries_payment(request)) return unpaid;
            return paid(transport.payments.size());
        };
    }
    int signatures() const { return toy->scheme.signatures; }
    std::vector<store::JournalEntry> history() {
        Result<std::vector<store::JournalEntry>> entries = fail(Errc::internal);
        read_into(entries);
        return entries ? *entries : std::vector<store::JournalEntry>{};
    }
    void read_into(Result<std::vector<store::JournalEntry>>& entries) {
        net::run_blocking([&] { return read_history(*journal, entries); });
    }
    static Task<void> read_history(store::PaymentJournal& from,
                                   Result<std::vector<store::JournalEntry>>& into) {
        into = co_await from.history(100);
    }

    TestClock clock;
    std::unique_ptr<Random> random = make_test_random(7);
    Modules modules;
    ToyModule* toy = nullptr;
    ToyChain toy_chain;
    std::shared_ptr<store::MemoryDisk> disk = store::make_memory_disk();
    std::unique_ptr<store::PaymentJournal> journal = store::open_memory_journal(disk);
    ScriptTransport transport;
    Policy policy;
    PayLimits limits;
    bool with_chain = false;
};

}  // namespace x402::client::testing
