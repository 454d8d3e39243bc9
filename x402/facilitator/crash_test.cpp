// SPDX-License-Identifier: Apache-2.0
// Attack 12: the process dies, or the journal fails, at every single write of a settlement, before
// and after the write became durable. Whatever the write was: money moves at most once, the success
// is told at most once, and the payment is never lost.
#include <gtest/gtest.h>

#include <map>
#include <tuple>

#include "x402/facilitator/test_world.hpp"

namespace x402::facilitator::test {
namespace {

using namespace std::chrono_literals;

constexpr const char* kNonces[] = {"n1", "n2", "n3"};

Order order(const std::string& nonce) {
    Order made;
    made.nonce = nonce;
    return made;
}

// How the three share: together, each alone, or together where one reverts in a block that may yet
// be undone, so that the slot ends for its neighbour first.
enum class Company { together, alone, undecided };

enum class Fault { crash_before, crash_after, fail_before, fail_after };

const char* name_of(Fault fault) {
    switch (fault) {
        case Fault::crash_before:
            return "crash before";
        case Fault::crash_after:
            return "crash after";
        case Fault::fail_before:
            return "fail before";
        case Fault::fail_after:
            return "fail after";
    }
    return "";
}

void order_fault(store::testing::FaultPlan& plan, Fault fault, std::size_t n) {
    if (fault == Fault::crash_before) plan.crash_before(n);
    if (fault == Fault::crash_after) plan.crash_after(n);
    if (fault == Fault::fail_before) plan.fail_before(n);
    if (fault == Fault::fail_after) plan.fail_after(n);
}

void note(World& world, const std::string& nonce, const Result<SettleResponse>& answer) {
    if (answer && answer->success) ++world.told[nonce];
}

// One payment alone, then two that share a transaction.
Task<void> first_life(Life& life) {
    store::testing::FaultPlan& faults = *life.world.faults;
    std::map<std::string, Later> answers;
    for (const char* nonce : kNonces) answers[nonce] = settle_later(life, order(nonce));
    const auto over = [&] {
        if (faults.crashed()) return true;
        for (const auto& [nonce, answer] : answers) {
            if (!answer->has_value()) return false;
        }
        return true;
    };
    const bool ended = co_await until(life, over, 3min);
    EXPECT_TRUE(ended);
    for (const auto& [nonce, answer] : answers) {
        if (answer->has_value()) note(life.world, nonce, **answer);
    }
}

// Whoever was not answered asks again, until it is final.
Task<void> second_life(Life& life) {
    for (const char* nonce : kNonces) {
        for (int attempt = 0; attempt < 5; ++attempt) {
            const auto answer = co_await settle(life, order(nonce));
            note(life.world, nonce, answer);
            if (answer && outcome_of(*answer) != Outcome::unknown) break;
        }
        const auto status = co_await life.service.settlement(key_of(order(nonce)), 60s);
        EXPECT_TRUE(status && *status) << nonce << " was lost";
        if (status && *status && (*status)->outcome == Outcome::settled) {
            ++life.world.settled[nonce];
        }
    }
}

// The first life under the fault, the second without; true when the fault was met.
bool try_fault(Fault fault, std::size_t n, Company company) {
    World world;
    world.ledger.shareable = company != Company::alone;
    if (company == Company::undecided) {
        world.ledger.finalized = false;
        world.ledger.group_poison = {"n3"};
    }
    order_fault(*world.faults, fault, n);
    const bool started = live(world, first_life);
    const bool met = world.faults->writes() >= n;
    world.faults = std::make_shared<store::testing::FaultPlan>();
    world.ledger.finalized = true;
    EXPECT_TRUE(live(world, second_life));
    for (const char* nonce : kNonces) {
        const std::size_t moves = world.ledger.moves[used_key("ann", nonce)].size();
        EXPECT_EQ(moves, 1U) << nonce << " moved " << moves << " times";
        EXPECT_LE(world.told[nonce], 1) << nonce << " was told twice";
        EXPECT_EQ(world.settled[nonce], 1) << nonce << " is not settled in the end";
    }
    static_cast<void>(started);
    return met;
}

class EveryWrite : public ::testing::TestWithParam<std::tuple<Fault, Company>> {};

TEST_P(EveryWrite, MovesMoneyOnce) {
    const auto [fault, company] = GetParam();
    std::size_t tried = 0;
    for (std::size_t n = 1; n < 100; ++n) {
        SCOPED_TRACE(std::string(name_of(fault)) + " write " + std::to_string(n));
        if (!try_fault(fault, n, company)) break;
        ++tried;
        if (::testing::Test::HasFailure()) return;
    }
    EXPECT_GT(tried, 10U) << "the fault was met too rarely to prove anything";
}

INSTANTIATE_TEST_SUITE_P(
    Faults, EveryWrite,
    ::testing::Combine(::testing::Values(Fault::crash_before, Fault::crash_after,
                                         Fault::fail_before, Fault::fail_after),
                       ::testing::Values(Company::together, Company::alone, Company::undecided)));

}  // namespace
}  // namespace x402::facilitator::test
