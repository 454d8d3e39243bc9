// SPDX-License-Identifier: Apache-2.0
// The toy chain as a world: everything in this process, everything possible.
#include "tests/conformance/world.hpp"
#include "tests/toychain/module.hpp"
#include "tests/toychain/payload.hpp"
#include "x402/base/check.hpp"
#include "x402/base/hex.hpp"

namespace x402::conformance {
namespace {

class ToyWorld final : public World {
public:
    ToyWorld() : random_(make_system_random()), http_(net::make_http_client()), ledger_(clock_) {
        const auto added = toy::add_toy(modules_, ledger_, env());
        X402_CHECK(added.has_value());
        merchant_ = ledger_.open_account(new_secret(), U256{});
    }

    Powers powers() const override { return {true, false, true, true, 80}; }
    const Modules& modules() const override { return modules_; }
    Env env() override { return Env{clock_, *random_}; }
    ShiftedClock& clock() override { return clock_; }
    net::HttpClient& http() override { return *http_; }
    ChainId network() const override { return *ChainId::parse("toy:main"); }
    std::string scheme() const override { return std::string(toy::kScheme); }
    AssetInfo asset() const override { return *modules_.asset(network(), toy::kAsset); }
    std::string network_keys(bool with_signers) const override {
        return with_signers ? "signers = [\"toy-signer\"]\n" : "";
    }
    std::unique_ptr<Wallet> open_account(const U256& amount) override {
        const std::string secret = new_secret();
        ledger_.open_account(secret, amount);
        auto wallet =
            modules_.family(toy::kFamily)->wallets().parse(crypto::Secret::from_text(secret));
        X402_CHECK(wallet.has_value());
        return std::move(*wallet);
    }
    void credit(const std::string& address, const U256& amount) override {
        ledger_.credit(address, amount);
    }
    const std::string& merchant() const override { return merchant_; }
    U256 balance(const std::string& address) override { return ledger_.balance(address); }
    std::size_t transfers() override {
        std::size_t count = 0;
        for (const toy::Receipt& receipt : ledger_.executed()) {
            const bool pays =
                receipt.transfer.to == merchant_ && !receipt.transfer.amount.is_zero();
            if (pays) ++count;
        }
        return count;
    }
    void hold(bool on) override { ledger_.hold(on); }
    void let_expire() override { clock_.move(std::chrono::hours(1)); }
    json::Object tamper(json::Object payload) const override {
        payload["nonce"] = "another";
        return payload;
    }
    void lose_next_answer() override { ledger_.lose_answers(1); }
    void refuse_next_simulation() override { ledger_.refuse_simulations(1); }

private:
    std::string new_secret() { return "toy-secret-" + to_hex(random_->bytes<16>().view()); }

    ShiftedClock clock_;
    std::unique_ptr<Random> random_;
    std::unique_ptr<net::HttpClient> http_;
    toy::Ledger ledger_;
    Modules modules_;
    std::string merchant_;
};

}  // namespace

std::unique_ptr<World> make_world() {
    return std::make_unique<ToyWorld>();
}

}  // namespace x402::conformance
