// SPDX-License-Identifier: Apache-2.0
// The hooks that the roles' crash tests hang on, and the fence of a memory disk.
#include "x402/store/testing.hpp"

#include <gtest/gtest.h>

#include "x402/store/testing/support.hpp"

namespace x402::store {

namespace {

using namespace test;
using testing::FaultPlan;

class Faults : public ::testing::Test {
protected:
    Faults() { start(); }
    void start() {
        plan_ = std::make_shared<FaultPlan>();
        store_ = with_faults(open_memory_store(disk_, world_.env()), plan_);
    }
    Result<ClaimAnswer> claim(const std::string& key) {
        return await(store_.settlements->claim_payment(sample_payment(key)));
    }
    bool kept(const std::string& key) {
        RoleStore other = open_memory_store(disk_, world_.env());
        return X402_MUST(other.settlements->find_payment(PaymentKey(key))).has_value();
    }

    World world_;
    std::shared_ptr<MemoryDisk> disk_ = make_memory_disk();
    std::shared_ptr<FaultPlan> plan_;
    RoleStore store_;
};

TEST_F(Faults, WithoutAPlanNothingFails) {
    EXPECT_TRUE(claim("a"));
    EXPECT_TRUE(X402_MUST(store_.grants->claim(sample_grant("a"))).fresh);
    EXPECT_EQ(plan_->writes(), 2U);
    EXPECT_TRUE(X402_MUST(store_.settlements->find_payment(PaymentKey("a"))).has_value());
    EXPECT_EQ(plan_->writes(), 2U);
    EXPECT_FALSE(plan_->crashed());
}

TEST_F(Faults, BeforeMeansNotWrittenAfterMeansWritten) {
    plan_->fail_before(1);
    plan_->fail_after(2);
    EXPECT_EQ(code_of(claim("a")), Errc::unavailable);
    EXPECT_EQ(code_of(claim("b")), Errc::unavailable);
    EXPECT_TRUE(claim("c"));
    EXPECT_FALSE(kept("a"));
    EXPECT_TRUE(kept("b"));
}

TEST_F(Faults, ACrashEndsEverythingAtOneWrite) {
    for (const bool after : {false, true}) {
        SCOPED_TRACE(after);
        disk_ = make_memory_disk();
        start();
        if (after) {
            plan_->crash_after(2);
        } else {
            plan_->crash_before(2);
        }
        EXPECT_TRUE(claim("a"));
        EXPECT_EQ(code_of(claim("b")), Errc::unavailable);
        EXPECT_TRUE(plan_->crashed());
        EXPECT_EQ(code_of(claim("c")), Errc::unavailable);
        EXPECT_EQ(code_of(await(store_.settlements->find_payment(PaymentKey("a")))),
                  Errc::unavailable);
        EXPECT_EQ(code_of(await(store_.grants->claim(sample_grant("a")))), Errc::unavailable);
        EXPECT_TRUE(kept("a"));
        EXPECT_EQ(kept("b"), after);
        EXPECT_FALSE(kept("c"));
    }
}

TEST_F(Faults, TheCallbacksSeeEveryWriteByName) {
    std::vector<std::string> seen;
    plan_->on_before = [&](std::string_view operation, std::size_t n) {
        seen.push_back("before " + std::string(operation) + " " + std::to_string(n));
    };
    plan_->on_after = [&](std::string_view operation, std::size_t n) {
        seen.push_back("after " + std::string(operation) + " " + std::to_string(n));
    };
    EXPECT_TRUE(claim("a"));
    EXPECT_TRUE(await(store_.settlements->take_slot(sample_slot("s", {"a"}))));
    EXPECT_EQ(seen, (std::vector<std::string>{"before claim_payment 1", "after claim_payment 1",
                                              "before take_slot 2", "after take_slot 2"}));
}

TEST_F(Faults, WhoeverWasReplacedCannotWrite) {
    EXPECT_TRUE(claim("a"));
    RoleStore next = open_memory_store(disk_, world_.env());
    EXPECT_EQ(code_of(claim("b")), Errc::conflict);
    EXPECT_EQ(code_of(await(store_.settlements->end_payment(
                  payment_end("a", PaymentEnd::How::failed), at_second(1)))),
              Errc::conflict);
    EXPECT_EQ(code_of(await(store_.grants->claim(sample_grant("a")))), Errc::conflict);
    // Looking is still allowed.
    EXPECT_TRUE(X402_MUST(store_.settlements->find_payment(PaymentKey("a"))).has_value());
    EXPECT_TRUE(X402_MUST(next.settlements->claim_payment(sample_payment("b"))).fresh);
}

}  // namespace

}  // namespace x402::store
