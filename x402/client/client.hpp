// SPDX-License-Identifier: Apache-2.0
// A client that pays. One `fetch` is one logical request: at most one payment is made for it,
// whatever the server, the network or this process do; the journal lets a later run finish what
// this one could not.
//
//     client::ClientOptions options{.modules = modules, .journal = *journal, .transport =
//     *transport, .env = env}; options.wallets.push_back(std::move(wallet));
//     X402_TRY_VOID(client::set_limit(options.policy, "$0.05"));
//     client::Client client(std::move(options));
//     const client::PayResult result = client::fetch_blocking(client, {.url =
//     "https://api.example.com/weather"}); if (result.outcome == client::PayOutcome::settled)
//     use(result.body);
//
// All fetches of a client run on one executor, as many at a time as one likes; the references
// outlive it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "x402/base/env.hpp"
#include "x402/client/pay_fsm.hpp"
#include "x402/client/policy.hpp"
#include "x402/client/result.hpp"
#include "x402/client/select.hpp"
#include "x402/client/transport.hpp"
#include "x402/schemes/registry.hpp"
#include "x402/store/payment_journal.hpp"

namespace x402::client {

// Takes the answer that was paid for to where it is safe: a file, a database, stdout. Called at
// most once, and only for such an answer, on the executor of the fetch, which waits for it; it does
// not throw and makes no call into the client. Until it has returned well the journal keeps the
// payment open, so that a run that dies on the way, or cannot write, has lost nothing: the next one
// for the same request sends the same payment again for its answer. Hence an answer may be taken
// twice.
using HandOver = std::function<Result<void>(const PayResult&)>;

struct Request {
    std::string method = "GET";
    std::string url = {};
    net::Headers headers = {};
    std::string body = {};
    Duration timeout =
        std::chrono::minutes(2);  // of each exchange; a gateway may wait for its network
    bool new_payment = false;  // do not finish an earlier payment of this request; make a new one
    HandOver hand_over = {};   // empty: the answer counts as handed over when fetch returns it
};

struct OpenedChain {
    Chain* chain = nullptr;
    std::string endpoint;  // shown to a person; empty: nothing to show
};
// Connects a network for looking, when one is needed first.
using OpenChain = std::function<Result<OpenedChain>(const ChainId&)>;
// The last word before a signature; false refuses.
using Approve = std::function<bool(const Choice&, const std::string& url)>;

struct ClientOptions {
    const Modules& modules;
    std::vector<std::unique_ptr<Wallet>> wallets = {};
    Policy policy = {};
    store::PaymentJournal& journal;
    Transport& transport;
    Env env;
    OpenChain open_chain = {};  // empty: what only a chain can tell stays unknown
    Approve approve = {};       // empty: the policy alone decides
    PayLimits limits = {};
    Duration lease = std::chrono::seconds(10);  // on a record, renewed while it is worked on
    Duration lease_wait =
        std::chrono::seconds(60);  // for another process that pays for the same request
};

// What a request would cost; nothing was signed.
struct Quote {
    int status = 0;
    std::string body;
    bool payment_required = false;
    bool refused = false;  // by policy
    Selection selection;
    std::optional<PayError> error;
};

class Client {
public:
    explicit Client(ClientOptions options);
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    Task<PayResult> fetch(Request request);
    Task<Quote> quote(Request request);

    struct Core;

private:
    std::unique_ptr<Core> core_;
};

}  // namespace x402::client
