// SPDX-License-Identifier: Apache-2.0
// What a network must let a test do, so that every network passes the same suites: open accounts,
// hold transactions back, let time pass, and say what moved. It knows no role; the suites know no
// chain. A program links one world and the suites, and each test makes a world of its own: accounts
// are new, so nothing of an earlier test is seen.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "x402/base/env.hpp"
#include "x402/net/http_client.hpp"
#include "x402/net/runtime.hpp"
#include "x402/schemes/registry.hpp"

namespace x402::conformance {

// The machine's clock, moved forward on command; waits take as long as they take.
class ShiftedClock : public Clock {
public:
    ShiftedClock() : inner_(make_system_clock()) {}
    Instant now() const override { return inner_->now() + shift_.load(); }
    Duration steady() const override { return inner_->steady(); }
    Task<bool> sleep(Duration pause) override { return inner_->sleep(pause); }
    void move(Duration by) { shift_.store(shift_.load() + by); }

private:
    std::unique_ptr<Clock> inner_;
    std::atomic<Duration> shift_{Duration{0}};
};

// What not every network can do. A suite asks before it relies on it.
struct Powers {
    bool charges_less =
        false;  // the scheme may take less than was signed, or nothing, or settle twice
    bool revives_failed = false;       // a transfer that failed on the network may be made again
    bool loses_answers = false;        // the answer to a broadcast can be lost on command
    bool refuses_simulations = false;  // a simulation can be made to say no on command
    std::size_t crowd = 8;             // so many payments settle side by side in a reasonable time
};

class World {
public:
    virtual ~World() = default;
    virtual Powers powers() const = 0;
    virtual const Modules& modules() const = 0;
    virtual Env env() = 0;
    virtual ShiftedClock& clock() = 0;
    virtual net::HttpClient& http() = 0;

    virtual ChainId network() const = 0;
    virtual std::string scheme() const = 0;
    virtual AssetInfo asset() const = 0;  // a dollar asset of the module's tables
    // The keys of this network's [networks.X] section, as TOML lines.
    virtual std::string network_keys(bool with_signers) const = 0;

    // A new account with this much of the asset.
    virtual std::unique_ptr<Wallet> open_account(const U256& amount) = 0;
    virtual void credit(const std::string& address, const U256& amount) = 0;
    virtual const std::string& merchant() const = 0;
    virtual U256 balance(const std::string& address) = 0;
    // How often money came to the merchant.
    virtual std::size_t transfers() = 0;

    // While on, transactions are accepted and not mined. Off: those that waited are mined.
    virtual void hold(bool on) = 0;
    // So much time passes, here and on the network, that everything signed before has expired, and
    // whatever was mined before is final.
    virtual void let_expire() = 0;
    // The signed part with one signed value changed, and the signature left as it was.
    virtual json::Object tamper(json::Object payload) const = 0;
    // The next broadcast is taken in, and its answer lost.
    virtual void lose_next_answer() {}
    virtual void refuse_next_simulation() {}

    // Ends a runtime at once and keeps it: whoever still answers something that was asked from
    // there posts into it.
    void retire(std::unique_ptr<net::Runtime> runtime) {
        runtime->end();
        retired_.push_back(std::move(runtime));
    }

private:
    std::vector<std::unique_ptr<net::Runtime>>
        retired_;  // outlives every member of the worlds below
};

// Each program brings its own.
std::unique_ptr<World> make_world();

}  // namespace x402::conformance
