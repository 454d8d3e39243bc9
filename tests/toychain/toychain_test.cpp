// SPDX-License-Identifier: Apache-2.0
// The ledger itself: what lands, what cannot, and what a lost answer means.
#include <gtest/gtest.h>

#include "ledger.hpp"
#include "module.hpp"
#include "payload.hpp"

namespace x402::toy {
namespace {

class StillClock : public Clock {
public:
    Instant now() const override { return at; }
    Duration steady() const override { return at.time_since_epoch(); }
    Task<bool> sleep(Duration) override { co_return true; }
    Instant at = from_unix_s(1'700'000'000);
};

struct World {
    StillClock clock;
    Ledger ledger{clock};
    std::string payer = ledger.open_account("toy-secret-a", U256{1000});
    std::string shop = ledger.open_account("toy-secret-b", U256{0});

    Transfer transfer(Kind kind, std::uint64_t amount, std::uint64_t most) {
        Metered metered{payer, shop, U256{most}, clock.at + std::chrono::seconds(10),
                        "n",   "",   kind};
        return transfer_of(metered, U256{amount});
    }
};

TEST(Ledger, LandsOnce) {
    World world;
    const Transfer transfer = world.transfer(Kind::direct, 40, 100);
    EXPECT_EQ(world.ledger.submit(transfer), Submitted::accepted);
    EXPECT_EQ(world.ledger.submit(transfer), Submitted::refused);
    EXPECT_EQ(world.ledger.balance(world.payer), U256{960});
    EXPECT_EQ(world.ledger.balance(world.shop), U256{40});
}

TEST(Ledger, DepositThenClaimGivesTheRestBack) {
    World world;
    ASSERT_EQ(world.ledger.submit(world.transfer(Kind::deposit, 0, 100)), Submitted::accepted);
    EXPECT_EQ(world.ledger.balance(world.payer), U256{900});
    ASSERT_EQ(world.ledger.submit(world.transfer(Kind::claim, 30, 100)), Submitted::accepted);
    EXPECT_EQ(world.ledger.balance(world.payer), U256{970});
    EXPECT_EQ(world.ledger.balance(world.shop), U256{30});
}

TEST(Ledger, LostAnswerStillLands) {
    World world;
    world.ledger.lose_answers(1);
    const Transfer transfer = world.transfer(Kind::direct, 40, 100);
    EXPECT_EQ(world.ledger.submit(transfer), Submitted::lost);
    EXPECT_TRUE(world.ledger.receipt(transfer.id).has_value());
}

TEST(Ledger, HeldTransferExpires) {
    World world;
    world.ledger.hold(true);
    const Transfer transfer = world.transfer(Kind::direct, 40, 100);
    EXPECT_EQ(world.ledger.submit(transfer), Submitted::accepted);
    world.clock.at += std::chrono::seconds(11);
    world.ledger.hold(false);
    EXPECT_FALSE(world.ledger.receipt(transfer.id).has_value());
    EXPECT_EQ(world.ledger.balance(world.payer), U256{1000});
}

TEST(Ledger, MoreThanSignedOrOwnedDoesNotExecute) {
    World world;
    EXPECT_FALSE(world.ledger.would_execute(world.transfer(Kind::direct, 101, 100)));
    EXPECT_FALSE(world.ledger.would_execute(world.transfer(Kind::direct, 1001, 2000)));
    EXPECT_FALSE(world.ledger.would_execute(world.transfer(Kind::claim, 1, 100)));
    EXPECT_TRUE(world.ledger.would_execute(world.transfer(Kind::direct, 100, 100)));
}

TEST(Registry, RefusesASecondModuleOfTheFamily) {
    World world;
    Modules modules;
    const auto random = make_test_random(1);
    const Env env{world.clock, *random};
    ASSERT_TRUE(add_toy(modules, world.ledger, env));
    const auto again = add_toy(modules, world.ledger, env);
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, Errc::conflict);
    EXPECT_NE(again.error().detail.find("toy"), std::string::npos);
    EXPECT_NE(modules.client("metered", *ChainId::parse("toy:main")), nullptr);
    EXPECT_EQ(modules.client("exact", *ChainId::parse("toy:main")), nullptr);
}

}  // namespace
}  // namespace x402::toy
