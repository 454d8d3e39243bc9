// SPDX-License-Identifier: Apache-2.0
// One suite for every backend of a SettlementStore.
#include "x402/store/settlement_store.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "x402/store/rules.hpp"
#include "x402/store/testing/support.hpp"

namespace x402::store {

namespace {

using namespace test;
using How = PaymentEnd::How;

class Settlements : public testing::TestWithParam<const char*> {
protected:
    void SetUp() override { reopen(); }

    // As after a restart: the former owner is gone.
    void reopen() {
        store_ = RoleStore{};
        store_ = disk_->open();
    }
    SettlementStore& store() { return *store_.settlements; }

    PaymentRecord find(const std::string& key) {
        const auto found = X402_MUST(store().find_payment(PaymentKey(key)));
        EXPECT_TRUE(found.has_value()) << key;
        return found.value_or(PaymentRecord{});
    }
    void claim(const std::string& key) {
        EXPECT_TRUE(X402_MUST(store().claim_payment(sample_payment(key))).fresh);
    }
    void must(Task<Result<void>> task) {
        const auto result = await(std::move(task));
        EXPECT_TRUE(result.has_value()) << to_string(result.error());
    }
    void take(const std::string& slot, std::vector<std::string> payments) {
        must(store().take_slot(sample_slot(slot, std::move(payments))));
    }
    void attempt(const std::string& slot, const std::string& id) {
        must(store().record_attempt(slot_name(slot), sample_attempt(id)));
    }
    Result<void> end(const std::string& slot, SlotState state, const std::string& attempt_id,
                     std::vector<PaymentEnd> payments) {
        SlotEnd ended = sample_end(slot, state, attempt_id);
        ended.payments = std::move(payments);
        return await(store().end_slot(std::move(ended)));
    }
    // Brings a payment of this name into a state; its slot, where it is in one, has the same name.
    void bring(const std::string& key, PaymentState state) {
        claim(key);
        if (state == PaymentState::claimed) return;
        if (state == PaymentState::failed) {
            must(store().end_payment(payment_end(key, How::failed), at_second(4)));
            return;
        }
        take(key, {key});
        if (state == PaymentState::slotted) return;
        attempt(key, "0x" + key);
        if (state == PaymentState::attempted) return;
        must(store().end_payment(payment_end(key, How::settled), at_second(4)));
    }
    bool apply(PaymentOp op, const std::string& key);

    std::unique_ptr<Disk> disk_ = make_disk(GetParam());
    RoleStore store_;
};

bool done(const Result<void>& result) {
    if (!result) {
        EXPECT_EQ(result.error().code, Errc::conflict) << to_string(result.error());
    }
    return result.has_value();
}

// Whether the operation was accepted.
bool Settlements::apply(PaymentOp op, const std::string& key) {
    switch (op) {
        case PaymentOp::claim:
            return X402_MUST(store().claim_payment(sample_payment(key))).fresh;
        case PaymentOp::take_slot:
            return done(await(store().take_slot(sample_slot("other " + key, {key}))));
        case PaymentOp::record_attempt:
            return done(await(store().record_attempt(slot_name(key), sample_attempt("0xnext"))));
        case PaymentOp::slot_settled:
            return done(end(key, SlotState::dead, "", {payment_end(key, How::settled)}));
        case PaymentOp::slot_failed:
            return done(end(key, SlotState::dead, "", {payment_end(key, How::failed)}));
        case PaymentOp::slot_again:
            return done(end(key, SlotState::dead, "", {payment_end(key, How::again)}));
        case PaymentOp::end_settled:
            return done(await(store().end_payment(payment_end(key, How::settled), at_second(5))));
        case PaymentOp::end_failed:
            return done(await(store().end_payment(payment_end(key, How::failed), at_second(5))));
        case PaymentOp::end_again:
            return done(await(store().end_payment(payment_end(key, How::again), at_second(5))));
        case PaymentOp::tell: {
            const auto told = await(store().tell(PaymentKey(key), at_second(5)));
            if (!told) {
                EXPECT_EQ(told.error().code, Errc::conflict);
            }
            return told.has_value();
        }
    }
    return false;
}

TEST_P(Settlements, EveryStateWithEveryOperation) {
    int number = 0;
    for (const PaymentState from :
         {PaymentState::claimed, PaymentState::slotted, PaymentState::attempted,
          PaymentState::settled, PaymentState::failed}) {
        for (const PaymentOp op :
             {PaymentOp::claim, PaymentOp::take_slot, PaymentOp::record_attempt,
              PaymentOp::slot_settled, PaymentOp::slot_failed, PaymentOp::slot_again,
              PaymentOp::end_settled, PaymentOp::end_failed, PaymentOp::end_again,
              PaymentOp::tell}) {
            SCOPED_TRACE(std::string(to_string(from)) + " " + std::string(to_string(op)));
            const std::string key = "k" + std::to_string(++number);
            bring(key, from);
            const PaymentRecord before = find(key);
            ASSERT_EQ(before.state, from);
            const auto want = next_state(from, op);
            EXPECT_EQ(apply(op, key), want.has_value());
            const PaymentRecord after = find(key);
            EXPECT_EQ(after.state, want.value_or(from));
            // What was refused changed nothing at all.
            if (!want) {
                EXPECT_EQ(after.updated, before.updated);
            }
        }
    }
}

TEST_P(Settlements, ARecordComesBackAsItWasGiven) {
    PaymentRecord given = sample_payment("k");
    given.message = "left over";
    given.told = true;
    given.state = PaymentState::settled;
    given.payer = std::string("nul\0inside", 10);
    const ClaimAnswer answer = X402_MUST(store().claim_payment(given));
    EXPECT_TRUE(answer.fresh);
    const PaymentRecord got = find("k");
    EXPECT_EQ(got.key, given.key);
    EXPECT_EQ(got.run, 1U);
    EXPECT_EQ(got.network, given.network);
    EXPECT_EQ(got.scheme, given.scheme);
    EXPECT_EQ(got.payer, given.payer);
    EXPECT_EQ(got.pay_to, given.pay_to);
    EXPECT_EQ(got.asset, given.asset);
    EXPECT_EQ(got.amount, U256::max());
    EXPECT_EQ(got.terms, given.terms);
    EXPECT_EQ(got.request, given.request);
    EXPECT_EQ(got.idempotency, given.idempotency);
    EXPECT_EQ(got.caller, given.caller);
    EXPECT_EQ(got.usable_until, given.usable_until);
    EXPECT_EQ(got.created, given.created);
    EXPECT_EQ(got.updated, given.created);
    EXPECT_EQ(got.owner, store().owner());
    // An intent starts clean.
    EXPECT_EQ(got.state, PaymentState::claimed);
    EXPECT_EQ(got.message, "");
    EXPECT_FALSE(got.told);
}

TEST_P(Settlements, OneClaimWinsAndTheOthersSeeItsRecord) {
    claim("k");
    PaymentRecord other = sample_payment("k");
    other.payer = "0xother";
    const ClaimAnswer second = X402_MUST(store().claim_payment(other));
    EXPECT_FALSE(second.fresh);
    EXPECT_EQ(second.record.payer, "0xpayer");
    EXPECT_FALSE(X402_MUST(store().find_payment(PaymentKey("unknown"))).has_value());
    EXPECT_EQ(code_of(await(store().claim_payment(sample_payment("")))), Errc::invalid);
}

TEST_P(Settlements, AFailedKeyIsClaimedAgainAndItsHistoryStays) {
    claim("k");
    take("s1", {"k"});
    attempt("s1", "0xa");
    attempt("s1", "0xb");
    must(store().end_slot([] {
        SlotEnd ended = sample_end("s1", SlotState::mined, "0xb");
        ended.payments = {payment_end("k", How::failed)};
        return ended;
    }()));
    EXPECT_EQ(find("k").reason, "invalid_transaction_state");
    EXPECT_EQ(find("k").transaction, "0xb");
    const ClaimAnswer again = X402_MUST(store().claim_payment(sample_payment("k")));
    EXPECT_TRUE(again.fresh);
    EXPECT_EQ(again.record.run, 2U);
    const PaymentRecord record = find("k");
    EXPECT_EQ(record.run, 2U);
    EXPECT_EQ(record.state, PaymentState::claimed);
    EXPECT_EQ(record.reason, "");
    EXPECT_EQ(record.request, sample_payment("k").request);
    take("s2", {"k"});
    attempt("s2", "0xc");
    EXPECT_EQ(X402_MUST(store().transactions_of(PaymentKey("k"))),
              (std::vector<std::string>{"0xa", "0xb", "0xc"}));
    EXPECT_TRUE(X402_MUST(store().transactions_of(PaymentKey("none"))).empty());
}

TEST_P(Settlements, ASlotTakesAllItsPaymentsOrNone) {
    claim("a");
    bring("b", PaymentState::attempted);
    EXPECT_EQ(code_of(await(store().take_slot(sample_slot("s", {"a", "b"})))), Errc::conflict);
    EXPECT_EQ(find("a").state, PaymentState::claimed);
    EXPECT_EQ(code_of(await(store().take_slot(sample_slot("s", {"a", "a"})))), Errc::conflict);
    EXPECT_EQ(code_of(await(store().take_slot(sample_slot("s", {"a", "nobody"})))), Errc::conflict);
    EXPECT_EQ(code_of(await(store().take_slot(sample_slot("", {"a"})))), Errc::invalid);
    take("s", {"a"});
    EXPECT_EQ(find("a").state, PaymentState::slotted);
}

TEST_P(Settlements, ASlotIsTakenOnce) {
    claim("a");
    claim("b");
    take("s", {"a"});
    EXPECT_EQ(code_of(await(store().take_slot(sample_slot("s", {"b"})))), Errc::conflict);
    EXPECT_EQ(find("b").state, PaymentState::claimed);
    // The same key of another signer is another slot.
    SlotRecord other = sample_slot("s", {"b"});
    other.name.signer = "0xother";
    must(store().take_slot(other));
}

TEST_P(Settlements, ADeadSlotIsFreeOnlyWhenNothingWasEverRecordedForIt) {
    claim("a");
    take("s", {"a"});
    EXPECT_TRUE(end("s", SlotState::dead, "", {payment_end("a", How::again)}));
    EXPECT_EQ(find("a").state, PaymentState::claimed);
    // Its filler: a slot without payments.
    take("s", {});
    attempt("s", "0xfiller");
    EXPECT_TRUE(end("s", SlotState::dead, "", {}));
    EXPECT_EQ(code_of(await(store().take_slot(sample_slot("s", {"a"})))), Errc::conflict);
    // The filler was never an attempt for the payment.
    EXPECT_TRUE(X402_MUST(store().transactions_of(PaymentKey("a"))).empty());
    // A mined one is never free.
    take("m", {"a"});
    attempt("m", "0xm");
    EXPECT_TRUE(end("m", SlotState::mined, "0xm", {payment_end("a", How::settled)}));
    EXPECT_EQ(code_of(await(store().take_slot(sample_slot("m", {})))), Errc::conflict);
}

TEST_P(Settlements, AnAttemptMovesEveryPaymentOfItsSlot) {
    claim("a");
    claim("b");
    take("s", {"b", "a"});
    attempt("s", "0x1");
    EXPECT_EQ(find("a").state, PaymentState::attempted);
    EXPECT_EQ(find("b").transaction, "0x1");
    attempt("s", "0x2");
    EXPECT_EQ(find("a").transaction, "0x2");
    EXPECT_EQ(code_of(await(store().record_attempt(slot_name("s"), sample_attempt("0x2")))),
              Errc::conflict);
    EXPECT_EQ(code_of(await(store().record_attempt(slot_name("t"), sample_attempt("0x3")))),
              Errc::conflict);
    EXPECT_EQ(code_of(await(store().record_attempt(slot_name("s"), sample_attempt("")))),
              Errc::invalid);
    const auto slots = X402_MUST(store().open_slots(chain("eip155:84532")));
    ASSERT_EQ(slots.size(), 1U);
    const SlotRecord& slot = slots[0];
    EXPECT_EQ(slot.name, slot_name("s"));
    EXPECT_EQ(slot.payments, (std::vector<PaymentKey>{PaymentKey("b"), PaymentKey("a")}));
    EXPECT_EQ(slot.body, R"({"nonce":5})");
    EXPECT_EQ(slot.actions, "[1,2]");
    EXPECT_EQ(slot.simulation, R"({"gas":1})");
    EXPECT_EQ(slot.created, at_second(2));
    EXPECT_EQ(slot.owner, store().owner());
    ASSERT_EQ(slot.attempts.size(), 2U);
    EXPECT_EQ(slot.attempts[1].id, "0x2");
    EXPECT_EQ(slot.attempts[1].raw, "0x02f80x2");
    EXPECT_EQ(slot.attempts[1].level, 3U);
    EXPECT_EQ(slot.attempts[1].body, R"({"fee":"7"})");
    EXPECT_EQ(slot.attempts[1].sent, "");
    EXPECT_EQ(slot.attempts[1].created, at_second(3));
}

TEST_P(Settlements, TheAnswerToABroadcastIsNoted) {
    claim("a");
    take("s", {"a"});
    attempt("s", "0x1");
    attempt("s", "0x2");
    must(store().note_sent(slot_name("s"), "0x2", "unknown"));
    const auto slots = X402_MUST(store().open_slots(chain("eip155:84532")));
    ASSERT_EQ(slots.size(), 1U);
    EXPECT_EQ(slots[0].attempts[0].sent, "");
    EXPECT_EQ(slots[0].attempts[1].sent, "unknown");
    EXPECT_EQ(code_of(await(store().note_sent(slot_name("s"), "0x3", "unknown"))), Errc::conflict);
    EXPECT_EQ(code_of(await(store().note_sent(slot_name("s"), "0x2", "lost"))), Errc::invalid);
    EXPECT_TRUE(end("s", SlotState::mined, "0x2", {payment_end("a", How::settled)}));
    // The node's answer may come after the receipt.
    must(store().note_sent(slot_name("s"), "0x2", "accepted"));
}

TEST_P(Settlements, ASlotEndsWithAllItsPaymentsAtOnce) {
    for (const char* key : {"a", "b", "c"}) claim(key);
    take("s", {"a", "b", "c"});
    attempt("s", "0x1");
    const auto settled = payment_end("a", How::settled);
    const auto failed = payment_end("b", How::failed);
    const auto again = payment_end("c", How::again);
    const auto stranger = payment_end("d", How::failed);
    const struct {
        const char* name;
        SlotState state;
        const char* attempt;
        std::vector<PaymentEnd> payments;
        Errc want;
    } rows[] = {
        {"one is missing", SlotState::mined, "0x1", {settled, failed}, Errc::conflict},
        {"one twice", SlotState::mined, "0x1", {settled, settled, failed, again}, Errc::conflict},
        {"a stranger", SlotState::mined, "0x1", {settled, failed, again, stranger}, Errc::conflict},
        {"an unknown attempt", SlotState::mined, "0x9", {settled, failed, again}, Errc::conflict},
        {"still open", SlotState::open, "0x1", {settled, failed, again}, Errc::invalid},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.name);
        EXPECT_EQ(code_of(end("s", row.state, row.attempt, row.payments)), row.want);
        EXPECT_EQ(find("a").state, PaymentState::attempted);
    }
    EXPECT_TRUE(end("s", SlotState::mined, "0x1", {again, settled, failed}));
    EXPECT_EQ(find("a").state, PaymentState::settled);
    EXPECT_EQ(find("a").transaction, "0xmined");
    EXPECT_EQ(find("a").response, R"({"success":true})");
    EXPECT_EQ(find("a").block, 18'000'000'000'000'000'000ULL);
    EXPECT_EQ(find("a").updated, at_second(4));
    EXPECT_EQ(find("b").state, PaymentState::failed);
    EXPECT_EQ(find("c").state, PaymentState::claimed);
    EXPECT_EQ(find("c").transaction, "");
    EXPECT_EQ(code_of(end("s", SlotState::dead, "", {})), Errc::conflict);
    EXPECT_TRUE(X402_MUST(store().open_slots(chain("eip155:84532"))).empty());
    // The one that goes again gets a slot of its own.
    take("t", {"c"});
}

TEST_P(Settlements, APaymentSettledByAStrangerDoesNotHoldItsSlot) {
    claim("a");
    claim("b");
    take("s", {"a", "b"});
    attempt("s", "0x1");
    must(store().end_payment(payment_end("a", How::settled), at_second(5)));
    // A higher fee, and the end, do not touch it.
    attempt("s", "0x2");
    EXPECT_EQ(find("a").transaction, "0xmined");
    EXPECT_EQ(find("b").transaction, "0x2");
    EXPECT_EQ(code_of(end("s", SlotState::mined, "0x2",
                          {payment_end("a", How::failed), payment_end("b", How::settled)})),
              Errc::conflict);
    EXPECT_TRUE(end("s", SlotState::mined, "0x2", {payment_end("b", How::settled)}));
    EXPECT_EQ(find("a").state, PaymentState::settled);
}

TEST_P(Settlements, SuccessIsToldToExactlyOne) {
    bring("k", PaymentState::settled);
    EXPECT_FALSE(find("k").told);
    EXPECT_TRUE(X402_MUST(store().tell(PaymentKey("k"), at_second(6))));
    EXPECT_FALSE(X402_MUST(store().tell(PaymentKey("k"), at_second(7))));
    EXPECT_TRUE(find("k").told);
    EXPECT_EQ(find("k").updated, at_second(6));
    EXPECT_EQ(code_of(await(store().tell(PaymentKey("unknown"), at_second(7)))), Errc::conflict);
    bring("later", PaymentState::settled);
    reopen();
    EXPECT_FALSE(X402_MUST(store().tell(PaymentKey("k"), at_second(8))));
    EXPECT_TRUE(X402_MUST(store().tell(PaymentKey("later"), at_second(8))));
}

TEST_P(Settlements, ARestartTakesOverWhatIsUnfinished) {
    const Owner before = store().owner();
    bring("claimed", PaymentState::claimed);
    bring("slotted", PaymentState::slotted);
    bring("attempted", PaymentState::attempted);
    bring("settled", PaymentState::settled);
    bring("failed", PaymentState::failed);
    reopen();
    EXPECT_GT(store().owner().fence, before.fence);
    EXPECT_NE(store().owner().id, before.id);
    // Not ours until it is taken over.
    EXPECT_EQ(code_of(await(store().take_slot(sample_slot("x", {"claimed"})))), Errc::conflict);
    EXPECT_EQ(code_of(await(store().record_attempt(slot_name("slotted"), sample_attempt("0x5")))),
              Errc::conflict);
    EXPECT_FALSE(X402_MUST(store().claim_payment(sample_payment("claimed"))).fresh);
    const auto payments = X402_MUST(store().open_payments(100));
    std::set<std::string> keys;
    for (const PaymentRecord& record : payments) {
        keys.insert(record.key.value());
        EXPECT_EQ(record.owner, store().owner());
        EXPECT_EQ(find(record.key.value()).owner, store().owner());
    }
    EXPECT_EQ(keys, (std::set<std::string>{"claimed", "slotted", "attempted"}));
    const auto slots = X402_MUST(store().open_slots(chain("eip155:84532")));
    ASSERT_EQ(slots.size(), 3U);
    for (const SlotRecord& slot : slots) EXPECT_EQ(slot.owner, store().owner());
    EXPECT_TRUE(X402_MUST(store().open_slots(chain("eip155:1"))).empty());
    take("x", {"claimed"});
    attempt("slotted", "0x5");
    EXPECT_TRUE(end("attempted", SlotState::mined, "0xattempted",
                    {payment_end("attempted", How::settled)}));
}

TEST_P(Settlements, ASlotBringsItsPaymentsAlong) {
    bring("k", PaymentState::attempted);
    reopen();
    ASSERT_EQ(X402_MUST(store().open_slots(chain("eip155:84532"))).size(), 1U);
    EXPECT_TRUE(end("k", SlotState::mined, "0xk", {payment_end("k", How::settled)}));
}

TEST_P(Settlements, TakingOverGoesOldestFirstAndOthersBeforeOurs) {
    for (int i = 0; i < 5; ++i) {
        PaymentRecord record = sample_payment("old" + std::to_string(i));
        record.created = at_second(100 - i);
        EXPECT_TRUE(X402_MUST(store().claim_payment(record)).fresh);
    }
    reopen();
    claim("ours");
    const auto keys = [](const std::vector<PaymentRecord>& records) {
        std::vector<std::string> names;
        for (const PaymentRecord& record : records) names.push_back(record.key.value());
        return names;
    };
    EXPECT_EQ(keys(X402_MUST(store().open_payments(3))),
              (std::vector<std::string>{"old4", "old3", "old2"}));
    const auto rest = keys(X402_MUST(store().open_payments(3)));
    ASSERT_EQ(rest.size(), 3U);
    EXPECT_EQ(rest[0], "old1");
    EXPECT_EQ(rest[1], "old0");
    EXPECT_EQ(rest[2], "ours");
}

TEST_P(Settlements, RecordedSlotsAreTheOpenAndTheNewestMined) {
    take("open", {});
    take("dead", {});
    EXPECT_TRUE(end("dead", SlotState::dead, "", {}));
    for (int i = 0; i < 1030; ++i) {
        const std::string key = "m" + std::to_string(i);
        take(key, {});
        attempt(key, "0x1");
        EXPECT_TRUE(end(key, SlotState::mined, "0x1", {}));
    }
    SlotRecord other = sample_slot("other", {});
    other.name.signer = "0xother";
    must(store().take_slot(other));
    const auto names = X402_MUST(store().recorded_slots(chain("eip155:84532"), "0xsigner"));
    std::set<std::string> keys;
    for (const SlotName& name : names) keys.insert(name.key);
    EXPECT_EQ(names.size(), 1025U);
    EXPECT_TRUE(keys.contains("open"));
    EXPECT_TRUE(keys.contains("m1029"));
    EXPECT_TRUE(keys.contains("m6"));
    EXPECT_FALSE(keys.contains("m5"));
    EXPECT_FALSE(keys.contains("dead"));
    EXPECT_FALSE(keys.contains("other"));
    EXPECT_TRUE(X402_MUST(store().recorded_slots(chain("eip155:1"), "0xsigner")).empty());
}

TEST_P(Settlements, CostIsSummedExactlySinceAnInstant) {
    const std::int64_t seconds[] = {-7200, -3601, -1, 0, 1, 1800, 3599, 3600, 86'400};
    int number = 0;
    for (const std::int64_t second : seconds) {
        const std::string key = "s" + std::to_string(number++);
        take(key, {});
        attempt(key, "0x1");
        SlotEnd ended = sample_end(key, SlotState::mined, "0x1");
        ended.at = at_second(second);
        ended.cost = *U256::from_decimal("1000000000000000000000000000000");
        must(store().end_slot(ended));
    }
    const auto since = [this](std::int64_t second) {
        return X402_MUST(store().cost_since(chain("eip155:84532"), at_second(second))).to_decimal();
    };
    const std::string one = "000000000000000000000000000000";
    EXPECT_EQ(since(-90'000), "9" + one);
    EXPECT_EQ(since(0), "6" + one);
    EXPECT_EQ(since(1), "5" + one);
    EXPECT_EQ(since(2), "4" + one);
    EXPECT_EQ(since(3600), "2" + one);
    EXPECT_EQ(since(86'400), "1" + one);
    EXPECT_EQ(since(86'401), "0");
    EXPECT_EQ(X402_MUST(store().cost_since(chain("eip155:1"), at_second(-9000))).to_decimal(), "0");
}

TEST_P(Settlements, EachPayerHasItsShareOfWhatItsSlotsCost) {
    const auto take_with = [this](const std::string& slot, std::vector<std::string> payers,
                                  std::int64_t second, std::uint64_t cost, bool by_payer) {
        std::vector<std::string> keys;
        SlotEnd ended = sample_end(slot, SlotState::mined, "0x1");
        for (const std::string& payer : payers) {
            keys.push_back(slot + std::to_string(keys.size()));
            PaymentRecord record = sample_payment(keys.back());
            record.payer = payer;
            EXPECT_TRUE(X402_MUST(store().claim_payment(record)).fresh);
            ended.payments.push_back(payment_end(keys.back(), How::settled));
            ended.payments.back().transaction = "0x1";
        }
        take(slot, keys);
        attempt(slot, "0x1");
        ended.at = at_second(second);
        ended.cost = U256(cost);
        ended.by_payer = by_payer;
        must(store().end_slot(ended));
    };
    take_with("s1", {"ann"}, 0, 100, true);
    take_with("s2", {"ann", "bob", "ann"}, 3600, 100, true);
    take_with("s3", {"ann"}, 3600, 1000, false);
    take_with("s4", {"bob"}, 7200, 10, true);
    const auto cost = [this](const std::string& payer, std::int64_t second) {
        return X402_MUST(
                   store().cost_of_payer_since(chain("eip155:84532"), payer, at_second(second)))
            .to_decimal();
    };
    EXPECT_EQ(cost("ann", 0), "167");
    EXPECT_EQ(cost("ann", 2799), "167") << "to the end of its hour";
    EXPECT_EQ(cost("ann", 2800), "67");
    EXPECT_EQ(cost("ann", 7200), "0");
    EXPECT_EQ(cost("bob", 0), "44") << "34 and 10";
    EXPECT_EQ(cost("bob", 7200), "10");
    EXPECT_EQ(cost("eve", 0), "0");
    EXPECT_EQ(
        X402_MUST(store().cost_of_payer_since(chain("eip155:1"), "ann", at_second(0))).to_decimal(),
        "0");
    reopen();
    EXPECT_EQ(cost("ann", 0), "167") << "a restart knows it";
    EXPECT_EQ(X402_MUST(store().cost_since(chain("eip155:84532"), at_second(0))).to_decimal(),
              "1210");
}

INSTANTIATE_TEST_SUITE_P(Backends, Settlements, testing::Values("memory", "sqlite"),
                         [](const auto& row) { return std::string(row.param); });

}  // namespace

}  // namespace x402::store
