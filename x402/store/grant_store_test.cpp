// SPDX-License-Identifier: Apache-2.0
// One suite for every backend of a GrantStore.
#include "x402/store/grant_store.hpp"

#include <gtest/gtest.h>

#include <set>

#include "x402/store/rules.hpp"
#include "x402/store/testing/support.hpp"

namespace x402::store {

namespace {

using namespace test;
using G = GrantState;

constexpr G kStates[] = {G::claimed, G::settling, G::settled, G::delivered, G::released};

class Grants : public testing::TestWithParam<const char*> {
protected:
    void SetUp() override { reopen(); }
    void reopen() {
        store_ = RoleStore{};
        store_ = disk_->open();
    }
    GrantStore& store() { return *store_.grants; }

    GrantRecord find(const std::string& key) {
        const auto found = X402_MUST(store().find(PaymentKey(key)));
        EXPECT_TRUE(found.has_value()) << key;
        return found.value_or(GrantRecord{});
    }
    Result<bool> move(const std::string& key, G from, G to) {
        GrantChange change;
        change.to = to;
        return await(store().move(PaymentKey(key), from, std::move(change), at_second(9)));
    }
    void bring(const std::string& key, G state) {
        EXPECT_TRUE(X402_MUST(store().claim(sample_grant(key))).fresh);
        if (state == G::claimed) return;
        if (state == G::released) {
            EXPECT_TRUE(move(key, G::claimed, G::released).value());
            return;
        }
        G now = G::claimed;
        for (const G next : {G::settling, G::settled, G::delivered}) {
            EXPECT_TRUE(move(key, now, next).value());
            now = next;
            if (now == state) return;
        }
    }

    std::unique_ptr<Disk> disk_ = make_disk(GetParam());
    RoleStore store_;
};

TEST_P(Grants, EveryStateWithEveryMove) {
    int number = 0;
    for (const G state : kStates) {
        for (const G from : kStates) {
            for (const G to : kStates) {
                SCOPED_TRACE(std::string(to_string(state)) + ": " + std::string(to_string(from)) +
                             " to " + std::string(to_string(to)));
                const std::string key = "k" + std::to_string(++number);
                bring(key, state);
                const auto moved = move(key, from, to);
                if (!may_move(from, to)) {
                    EXPECT_EQ(code_of(moved), Errc::conflict);
                    EXPECT_EQ(find(key).state, state);
                } else {
                    ASSERT_TRUE(moved.has_value());
                    EXPECT_EQ(*moved, state == from);
                    EXPECT_EQ(find(key).state, state == from ? to : state);
                }
            }
        }
    }
}

TEST_P(Grants, ARecordComesBackAsItWasGiven) {
    GrantRecord given = sample_grant("k");
    given.runs = 2;
    given.body = hash_of(3);
    given.state = G::delivered;
    given.response = "left over";
    const GrantClaim claim = X402_MUST(store().claim(given));
    EXPECT_TRUE(claim.fresh);
    const GrantRecord got = find("k");
    EXPECT_EQ(got.route, given.route);
    EXPECT_EQ(got.quote, given.quote);
    EXPECT_EQ(got.request, given.request);
    EXPECT_EQ(got.body, given.body);
    EXPECT_EQ(got.payer, given.payer);
    EXPECT_EQ(got.network, given.network);
    EXPECT_EQ(got.asset, given.asset);
    EXPECT_EQ(got.amount, given.amount);
    EXPECT_EQ(got.facilitator, given.facilitator);
    EXPECT_EQ(got.settle_request, given.settle_request);
    EXPECT_EQ(got.idempotency_key, given.idempotency_key);
    EXPECT_EQ(got.runs, 2U);
    EXPECT_EQ(got.usable_until, given.usable_until);
    EXPECT_EQ(got.created, given.created);
    EXPECT_EQ(got.updated, given.created);
    EXPECT_EQ(got.owner, store().owner());
    EXPECT_EQ(got.state, G::claimed);
    EXPECT_EQ(got.response, "");
    EXPECT_FALSE(got.answer.has_value());
}

TEST_P(Grants, AMoveChangesWhatItNamesAndNothingElse) {
    bring("k", G::settling);
    GrantChange change;
    change.to = G::settled;
    change.body = hash_of(5);
    change.response = R"({"success":true})";
    change.transaction = "0xtx";
    change.runs = 1;
    change.usable_until = at_second(500);
    const std::string bytes("\0\xff body", 7);
    change.answer = StoredAnswer{R"({"status":200})", bytes, at_second(600)};
    EXPECT_TRUE(X402_MUST(store().move(PaymentKey("k"), G::settling, change, at_second(20))));
    EXPECT_TRUE(move("k", G::settled, G::delivered).value());
    const GrantRecord got = find("k");
    EXPECT_EQ(got.body, hash_of(5));
    EXPECT_EQ(got.response, R"({"success":true})");
    EXPECT_EQ(got.transaction, "0xtx");
    EXPECT_EQ(got.runs, 1U);
    EXPECT_EQ(got.usable_until, at_second(500));
    EXPECT_EQ(got.updated, at_second(9));
    ASSERT_TRUE(got.answer.has_value());
    EXPECT_EQ(got.answer->head, R"({"status":200})");
    EXPECT_EQ(got.answer->body, bytes);
    EXPECT_EQ(got.answer->until, at_second(600));
    EXPECT_EQ(got.settle_request, sample_grant("k").settle_request);
}

TEST_P(Grants, OnlyAReleasedPaymentWorksAgain) {
    for (const G state : kStates) {
        SCOPED_TRACE(to_string(state));
        const std::string key(to_string(state));
        bring(key, state);
        GrantRecord again = sample_grant(key);
        again.quote = hash_of(7);
        const GrantClaim claim = X402_MUST(store().claim(again));
        EXPECT_EQ(claim.fresh, state == G::released);
        EXPECT_EQ(claim.record.state, state == G::released ? G::claimed : state);
        EXPECT_EQ(find(key).quote, state == G::released ? hash_of(7) : hash_of(1));
    }
    EXPECT_EQ(code_of(await(store().claim(sample_grant("")))), Errc::invalid);
    EXPECT_FALSE(move("nobody", G::claimed, G::settling).value());
    EXPECT_FALSE(X402_MUST(store().find(PaymentKey("nobody"))).has_value());
}

TEST_P(Grants, AReleasedGrantLeavesNoAnswerToTheNextClaim) {
    bring("k", G::claimed);
    GrantChange change;
    change.to = G::released;
    change.answer = StoredAnswer{"h", "b", at_second(600)};
    EXPECT_TRUE(X402_MUST(store().move(PaymentKey("k"), G::claimed, change, at_second(2))));
    EXPECT_TRUE(X402_MUST(store().claim(sample_grant("k"))).fresh);
    EXPECT_FALSE(find("k").answer.has_value());
}

TEST_P(Grants, TheNewestOpenGrantOfAPayerForARequest) {
    const ChainId here = sample_grant("k").network;
    const ChainId there = chain("eip155:4217");
    const auto add = [this](const std::string& key, G state, std::int64_t second,
                            std::optional<ChainId> network = {}) {
        GrantRecord grant = sample_grant(key);
        if (network) grant.network = *network;
        grant.created = at_second(second);
        EXPECT_TRUE(X402_MUST(store().claim(grant)).fresh);
        if (state == G::claimed) return;
        EXPECT_TRUE(move(key, G::claimed, G::settling).value());
        if (state == G::settling) return;
        EXPECT_TRUE(move(key, G::settling, G::settled).value());
        if (state == G::delivered) {
            EXPECT_TRUE(move(key, G::settled, G::delivered).value());
        }
    };
    const auto open_on = [this](const ChainId& network, const std::string& payer,
                                std::uint8_t request) {
        const auto found = X402_MUST(store().find_open(network, payer, hash_of(request)));
        return found ? found->key.value() : std::string("none");
    };
    const auto open = [&](const std::string& payer, std::uint8_t request) {
        return open_on(here, payer, request);
    };
    add("c", G::claimed, 50);
    add("d", G::delivered, 60);
    EXPECT_EQ(open("0xpayer", 2), "none");
    add("s1", G::settled, 10);
    EXPECT_EQ(open("0xpayer", 2), "s1");
    add("s2", G::settling, 30);
    add("s3", G::settled, 20);
    EXPECT_EQ(open("0xpayer", 2), "s2");
    EXPECT_EQ(open("0xother", 2), "none");
    EXPECT_EQ(open("0xpayer", 3), "none");
    // The same address on another chain may be somebody else's: it neither is found nor hides one.
    EXPECT_EQ(open_on(there, "0xpayer", 2), "none");
    add("elsewhere", G::settled, 90, there);
    EXPECT_EQ(open("0xpayer", 2), "s2");
    EXPECT_EQ(open_on(there, "0xpayer", 2), "elsewhere");
}

TEST_P(Grants, AnOpenGrantIsFoundWithoutItsAnswer) {
    bring("k", G::settling);
    GrantChange change;
    change.to = G::settled;
    change.answer = StoredAnswer{"h", std::string(100'000, 'b'), at_second(600)};
    EXPECT_TRUE(X402_MUST(store().move(PaymentKey("k"), G::settling, change, at_second(20))));
    const GrantRecord sample = sample_grant("k");
    const auto open = X402_MUST(store().find_open(sample.network, sample.payer, sample.request));
    ASSERT_TRUE(open.has_value());
    EXPECT_FALSE(open->answer.has_value());
    EXPECT_EQ(open->settle_request, sample.settle_request);
    EXPECT_EQ(find("k").answer->body.size(), 100'000U);
}

TEST_P(Grants, TheEndOfAnAnswerMovesWithoutIt) {
    bring("k", G::claimed);
    GrantChange change;
    change.to = G::settling;
    change.answer = StoredAnswer{"h", "b", at_second(10)};
    EXPECT_TRUE(X402_MUST(store().move(PaymentKey("k"), G::claimed, change, at_second(1))));
    GrantChange later;
    later.to = G::settled;
    later.answer_until = at_second(20);
    EXPECT_FALSE(X402_MUST(store().move(PaymentKey("k"), G::settled, later, at_second(2))));
    EXPECT_EQ(find("k").answer->until, at_second(10)) << "it was not in that state";
    EXPECT_TRUE(X402_MUST(store().move(PaymentKey("k"), G::settling, later, at_second(3))));
    ASSERT_TRUE(find("k").answer.has_value());
    EXPECT_EQ(find("k").answer->until, at_second(20));
    EXPECT_EQ(find("k").answer->head, "h");
    EXPECT_EQ(find("k").answer->body, "b");
    EXPECT_EQ(X402_MUST(store().forget_answers(at_second(19))), 0U);
    reopen();
    EXPECT_EQ(find("k").answer->until, at_second(20));
    // A new answer brings its own.
    X402_MUST(store().take_over(10));
    later.answer = StoredAnswer{"h2", "b2", at_second(15)};
    EXPECT_TRUE(X402_MUST(store().move(PaymentKey("k"), G::settled, later, at_second(4))));
    EXPECT_EQ(find("k").answer->until, at_second(15));
    // Where there is none, none is made.
    bring("bare", G::settling);
    later.answer.reset();
    EXPECT_TRUE(X402_MUST(store().move(PaymentKey("bare"), G::settling, later, at_second(5))));
    EXPECT_FALSE(find("bare").answer.has_value());
    EXPECT_EQ(find("bare").state, G::settled);
}

TEST_P(Grants, ARestartTakesOverWhatIsNotFinished) {
    for (const G state : kStates) bring(std::string(to_string(state)), state);
    reopen();
    EXPECT_FALSE(move("claimed", G::claimed, G::settling).value());
    const auto taken = X402_MUST(store().take_over(100));
    std::vector<std::string> keys;
    for (const GrantRecord& grant : taken) {
        keys.push_back(grant.key.value());
        EXPECT_EQ(grant.owner, store().owner());
    }
    ASSERT_EQ(keys.size(), 3U);
    // What needs work comes first; the settled ones only wait for their payer.
    EXPECT_EQ(keys[2], "settled");
    EXPECT_EQ(std::set<std::string>(keys.begin(), keys.end()),
              (std::set<std::string>{"claimed", "settling", "settled"}));
    EXPECT_TRUE(move("claimed", G::claimed, G::settling).value());
    EXPECT_TRUE(move("settled", G::settled, G::delivered).value());
    EXPECT_EQ(X402_MUST(store().take_over(1)).size(), 1U);
}

TEST_P(Grants, AnswersAreForgottenWhenTheirTimeIsOver) {
    for (int i = 0; i < 4; ++i) {
        const std::string key = "k" + std::to_string(i);
        bring(key, G::settled);
        GrantChange change;
        change.to = G::settled;
        change.answer = StoredAnswer{"h", "b", at_second(10 * i)};
        EXPECT_TRUE(X402_MUST(store().move(PaymentKey(key), G::settled, change, at_second(1))));
    }
    EXPECT_EQ(X402_MUST(store().forget_answers(at_second(10))), 2U);
    EXPECT_EQ(X402_MUST(store().forget_answers(at_second(10))), 0U);
    EXPECT_FALSE(find("k1").answer.has_value());
    EXPECT_TRUE(find("k2").answer.has_value());
    EXPECT_EQ(find("k1").state, G::settled);
    // Taking over is for deciding, not for sending: it comes without the answers.
    for (const GrantRecord& grant : X402_MUST(store().take_over(10))) {
        EXPECT_FALSE(grant.answer.has_value());
    }
    EXPECT_TRUE(find("k2").answer.has_value());
}

// It may yet be paid for, however long that takes.
TEST_P(Grants, TheAnswerOfAnOpenSettlementIsNotForgotten) {
    for (const G state : {G::settling, G::settled, G::delivered, G::released}) {
        const std::string key(to_string(state));
        bring(key, G::claimed);
        GrantChange change;
        change.to = state == G::released ? G::released : G::settling;
        change.answer = StoredAnswer{"h", "b", at_second(10)};
        EXPECT_TRUE(X402_MUST(store().move(PaymentKey(key), G::claimed, change, at_second(1))));
        if (state == G::settling || state == G::released) continue;
        EXPECT_TRUE(move(key, G::settling, G::settled).value());
        if (state == G::settled) continue;
        EXPECT_TRUE(move(key, G::settled, G::delivered).value());
    }
    EXPECT_EQ(X402_MUST(store().forget_answers(at_second(1'000'000))), 3U);
    EXPECT_EQ(X402_MUST(store().forget_answers(at_second(1'000'000))), 0U);
    reopen();
    ASSERT_TRUE(find("settling").answer.has_value());
    EXPECT_EQ(find("settling").answer->body, "b");
    for (const G state : {G::settled, G::delivered, G::released})
        EXPECT_FALSE(find(std::string(to_string(state))).answer.has_value()) << to_string(state);
    // From its end on it is as any other.
    X402_MUST(store().take_over(10));
    EXPECT_TRUE(move("settling", G::settling, G::settled).value());
    EXPECT_EQ(X402_MUST(store().forget_answers(at_second(1'000'000))), 1U);
}

TEST_P(Grants, ReleasedOnesAreForgottenWhenTheirTimeIsOver) {
    for (const G state : kStates) bring(std::string(to_string(state)), state);
    for (int i = 0; i < 4; ++i) {
        const std::string key = "k" + std::to_string(i);
        bring(key, G::claimed);
        GrantChange change;
        change.to = G::released;
        change.usable_until = at_second(1'000'000 + 10 * i);
        change.answer = StoredAnswer{"h", "b", at_second(2'000'000)};
        EXPECT_TRUE(X402_MUST(store().move(PaymentKey(key), G::claimed, change, at_second(1))));
    }
    const std::size_t before = X402_MUST(store().forget_released(at_second(999'999), 100));
    EXPECT_EQ(before, 1U) << "of kStates";
    EXPECT_EQ(X402_MUST(store().forget_released(at_second(1'000'020), 1)), 1U);
    EXPECT_FALSE(X402_MUST(store().find(PaymentKey("k0"))).has_value()) << "the oldest first";
    EXPECT_TRUE(X402_MUST(store().find(PaymentKey("k1"))).has_value());
    EXPECT_EQ(X402_MUST(store().forget_released(at_second(1'000'020), 100)), 2U);
    EXPECT_EQ(X402_MUST(store().forget_released(at_second(1'000'020), 100)), 0U);
    EXPECT_EQ(find("k3").state, G::released) << "may still be used";
    for (const G state : kStates) {
        if (state == G::released) continue;
        EXPECT_EQ(find(std::string(to_string(state))).state, state);
    }
    reopen();
    EXPECT_FALSE(X402_MUST(store().find(PaymentKey("k1"))).has_value());
    // What is forgotten is as if it had never been: nothing of it stays behind.
    bring("k1", G::claimed);
    EXPECT_FALSE(find("k1").answer.has_value());
}

INSTANTIATE_TEST_SUITE_P(Backends, Grants, testing::Values("memory", "sqlite"),
                         [](const auto& row) { return std::string(row.param); });

}  // namespace

}  // namespace x402::store
