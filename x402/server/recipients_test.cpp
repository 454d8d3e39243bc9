// SPDX-License-Identifier: Apache-2.0
// What the networks say of the recipients, each asked once, and those that never answer.
#include "x402/server/recipients.hpp"

#include <gtest/gtest.h>

#include <mutex>

#include "x402/base/sync.hpp"

namespace x402::server {
namespace {

class AskedChain final : public Chain {
public:
    explicit AskedChain(const char* id) : id_(*ChainId::parse(id)) {}
    const ChainId& id() const noexcept override { return id_; }
    Task<Result<void>> prove() override { co_return Result<void>{}; }
    Network* network() noexcept override { return nullptr; }
    std::vector<const FacilitatorScheme*> facilitator_schemes() const override { return {}; }
    Task<Result<Trace>> trace(const Payment&) override { co_return Trace{}; }
    Task<Result<U256>> balance(const std::string&, const AssetInfo&) override { co_return U256(0); }
    Task<Result<AssetInfo>> asset(const std::string&) override {
        co_return fail(Errc::unsupported);
    }
    std::vector<EndpointHealth> health() const override { return {}; }
    Task<Result<std::optional<Refusal>>> cannot_receive(const std::string& pay_to,
                                                        const AssetInfo& asset) override {
        {
            const std::scoped_lock lock(mutex);
            asked.push_back(pay_to + " " + asset.address);
        }
        if (pay_to == "silent") co_await never.wait(never.count(), std::chrono::hours(1));
        if (pay_to == "down") co_return fail(Errc::unreachable, "no endpoint answers");
        if (pay_to != "bad") co_return std::optional<Refusal>();
        Refusal refusal = refuse(Reason::invalid_payment_requirements);
        refusal.message = "it has no account.";
        refusal.next = "make one";
        co_return std::optional(refusal);
    }
    std::mutex mutex;
    std::vector<std::string> asked;
    Bell never;

private:
    ChainId id_;
};

OfferConfig offer_to(const std::string& pay_to, const char* network = "toy:one",
                     const char* asset = "coin") {
    OfferConfig offer;
    offer.asset.id.network = *ChainId::parse(network);
    offer.asset.address = asset;
    offer.pay_to = pay_to;
    return offer;
}

RouteConfig route_with(std::vector<OfferConfig> offers, const char* where) {
    RouteConfig route;
    route.offers = std::move(offers);
    route.where = where;
    return route;
}

Task<void> check_into(const Config& config, AskedChain& chain, net::Executor executor,
                      RecipientFindings& found) {
    std::vector<Chain*> chains{&chain};
    found = co_await check_recipients(config, std::move(chains), executor,
                                      std::chrono::milliseconds(200));
}

RecipientFindings check(const Config& config, AskedChain& chain) {
    net::Runtime runtime(1);
    runtime.start();
    RecipientFindings found;
    net::run_blocking([&] { return check_into(config, chain, runtime.core(0), found); });
    runtime.end();
    return found;
}

TEST(Recipients, EachIsAskedOnceAndToldWhereItStands) {
    Config config;
    config.routes.push_back(route_with({offer_to("good"), offer_to("bad")}, "g.toml:4: routes[0]"));
    config.routes.push_back(route_with(
        {offer_to("bad"), offer_to("bad", "toy:one", "gold"), offer_to("bad", "toy:two")},
        "g.toml:9: routes[1]"));
    AskedChain chain("toy:one");
    const RecipientFindings found = check(config, chain);
    EXPECT_EQ(chain.asked, (std::vector<std::string>{"good coin", "bad coin", "bad gold"}))
        << "nobody can be asked about the other network";
    ASSERT_EQ(found.faults.size(), 2U);
    EXPECT_EQ(found.faults[0].detail,
              "g.toml:4: routes[0]: money for bad on toy:one would not arrive: it has no account.");
    EXPECT_EQ(found.faults[0].field, "pay_to");
    EXPECT_EQ(found.faults[0].next, "make one");
    EXPECT_TRUE(found.faults[1].detail.starts_with("g.toml:9: routes[1]: "));
    EXPECT_TRUE(found.unasked.empty());
}

TEST(Recipients, SilenceIsNoFault) {
    Config config;
    config.routes.push_back(route_with({offer_to("silent"), offer_to("down"), offer_to("good")},
                                       "g.toml:4: routes[0]"));
    AskedChain chain("toy:one");
    const RecipientFindings found = check(config, chain);
    EXPECT_TRUE(found.faults.empty());
    ASSERT_EQ(found.unasked.size(), 2U);
    EXPECT_NE(found.unasked[0].find("money for silent on toy:one"), std::string::npos);
    EXPECT_NE(found.unasked[1].find("no endpoint answers"), std::string::npos);
}

TEST(Recipients, NothingToAsk) {
    const Config config;
    AskedChain chain("toy:one");
    EXPECT_TRUE(check(config, chain).unasked.empty());
}

}  // namespace
}  // namespace x402::server
