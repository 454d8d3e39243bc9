// SPDX-License-Identifier: Apache-2.0
// How an answer about money is judged: settled, failed, and what is neither.
#include "x402/protocol/facilitator_api.hpp"

#include <gtest/gtest.h>

#include "x402/protocol/codec.hpp"
#include "x402/protocol/reasons.hpp"

namespace x402 {
namespace {

TEST(OutcomeOf, Table) {
    struct Row {
        const char* name;
        bool success;
        const char* reason;
        const char* tx;
        const char* amount;
        Outcome want;
    };
    const Row rows[] = {
        {"settled", true, "", "0x1", nullptr, Outcome::settled},
        {"settled with an amount", true, "", "0x1", "5", Outcome::settled},
        {"nothing was charged", true, "", "", "0", Outcome::settled},
        {"success without evidence", true, "", "", nullptr, Outcome::unknown},
        {"success without a transaction", true, "", "", "5", Outcome::unknown},
        {"pending with a transaction", false, "settlement_pending", "0x1", nullptr,
         Outcome::unknown},
        {"pending without", false, "settlement_pending", "", nullptr, Outcome::unknown},
        {"the facilitator broke", false, "unexpected_settle_error", "", nullptr, Outcome::unknown},
        {"x402-rs broke", false, "unexpected_error", "0x1", nullptr, Outcome::unknown},
        {"sent, not seen", false, "post_settlement_transfer_not_confirmed", "0x1", nullptr,
         Outcome::unknown},
        {"duplicate", false, "duplicate_settlement", "0x1", nullptr, Outcome::failed},
        {"reverted", false, "invalid_transaction_state", "0x1", nullptr, Outcome::failed},
        {"expired unmined", false, "authorization_expired", "0x1", nullptr, Outcome::failed},
        {"reverted, as the reference says it", false, "invalid_exact_evm_transaction_failed", "0x1",
         nullptr, Outcome::failed},
        {"another amount arrived", false, "invalid_exact_evm_transfer_event_mismatch", "0x1",
         nullptr, Outcome::failed},
        {"sent, and the wait broke", false, "invalid_exact_evm_failed_to_get_receipt", "0x1",
         nullptr, Outcome::unknown},
        {"the wait broke, no hash", false, "invalid_exact_evm_failed_to_get_receipt", "", nullptr,
         Outcome::unknown},
        {"the send broke", false, "invalid_exact_evm_failed_to_execute_transfer", "", nullptr,
         Outcome::unknown},
        {"reverted, and no transaction named", false, "invalid_exact_evm_transaction_failed", "",
         nullptr, Outcome::unknown},
        {"the same elsewhere", false, "transaction_failed", "", nullptr, Outcome::unknown},
        {"what was thrown", false, "Timed out while waiting for a receipt", "", nullptr,
         Outcome::unknown},
        {"a simulation that failed", false, "invalid_exact_evm_transaction_simulation_failed", "",
         nullptr, Outcome::failed},
        {"a time-out", false, "transaction_confirmation_timed_out", "", nullptr, Outcome::unknown},
        {"a code we do not know beside a transaction", false, "oops", "0x1", nullptr,
         Outcome::unknown},
        {"no code beside a transaction", false, "", "0x1", nullptr, Outcome::unknown},
        {"no funds, and yet a transaction", false, "insufficient_funds", "0x1", nullptr,
         Outcome::unknown},
        {"no funds", false, "insufficient_funds", "", nullptr, Outcome::failed},
        {"no reason", false, "", "", nullptr, Outcome::failed},
        {"a code we do not know", false, "settlement_pending2", "", nullptr, Outcome::failed},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        SettleResponse response;
        response.success = row.success;
        response.error_reason = row.reason;
        response.transaction = row.tx;
        if (row.amount != nullptr) response.amount = *U256::from_decimal(row.amount);
        EXPECT_EQ(outcome_of(response), row.want);
        EXPECT_EQ(is_duplicate(response), std::string_view(row.reason) == "duplicate_settlement");
    }
}

TEST(OutcomeOf, APendingOneThatWasRenamedIsPending) {
    SettleResponse response;
    response.error_reason = "invalid_transaction_state";
    response.transaction = "0x1";
    response.error_message = "settlement_pending, but it could not be stored";
    EXPECT_EQ(outcome_of(response), Outcome::unknown);
    response.error_message = "reverted, not settlement_pending";
    EXPECT_EQ(outcome_of(response), Outcome::failed);
}

TEST(OutcomeOf, EveryCodeOfOurTableIsDecidedButAFew) {
#define X402_REASON(name, wire, status, retryable, sentence, next)                            \
    {                                                                                         \
        SettleResponse response;                                                              \
        response.error_reason = wire;                                                         \
        const bool open = Reason::name == Reason::settlement_pending ||                       \
                          Reason::name == Reason::unexpected_settle_error ||                  \
                          Reason::name == Reason::evm_transaction_failed ||                   \
                          Reason::name == Reason::svm_transaction_failed ||                   \
                          Reason::name == Reason::svm_not_credited;                           \
        EXPECT_EQ(outcome_of(response), open ? Outcome::unknown : Outcome::failed) << (wire); \
    }
#include "x402/protocol/reasons.def"
#undef X402_REASON
}

TEST(ContradictionIn, Table) {
    const ChainId asked = *ChainId::parse("eip155:1");
    SettleResponse good;
    good.success = true;
    good.transaction = "0x1";
    good.network = asked;
    EXPECT_FALSE(contradiction_in(good, asked));

    SettleResponse bad = good;
    bad.transaction.clear();
    EXPECT_TRUE(contradiction_in(bad, asked));
    bad.amount = U256{5};
    EXPECT_TRUE(contradiction_in(bad, asked));
    bad.amount = U256{0};
    EXPECT_FALSE(contradiction_in(bad, asked));
    bad = good;
    bad.error_reason = "settlement_pending";
    EXPECT_TRUE(contradiction_in(bad, asked));
    bad = good;
    bad.network = *ChainId::parse("eip155:10");
    EXPECT_TRUE(contradiction_in(bad, asked));
    bad.success = false;
    EXPECT_FALSE(contradiction_in(bad, asked)) << "a failure may say what it likes";
}

TEST(Outcome, TextsReadBack) {
    for (const Outcome outcome : {Outcome::settled, Outcome::failed, Outcome::unknown}) {
        EXPECT_EQ(find_outcome(to_string(outcome)), outcome);
    }
    EXPECT_FALSE(find_outcome("none"));
    EXPECT_FALSE(find_outcome(""));
}

TEST(SettlementStatus, RoundTrip) {
    SettlementStatus status;
    status.key = PaymentKey{"eip3009~eip155~84532~0xt~0xp~0xn"};
    status.outcome = Outcome::settled;
    status.state = "final";
    status.transactions = {"0x1", "0x2"};
    status.block = 77;
    status.payer = "0xp";
    status.amount = "1000";
    status.updated_at = from_unix_ms(1'700'000'000'123);
    const std::string text = json::dump(write(status));
    const auto got = read_settlement_status(text);
    ASSERT_TRUE(got) << to_string(got.error());
    EXPECT_EQ(json::dump(write(*got)), text);
    EXPECT_EQ(got->block, 77U);
    EXPECT_EQ(got->updated_at, status.updated_at);
    for (const char* bad :
         {"{}", R"({"key":"k"})", R"({"key":"","outcome":"settled"})",
          R"({"key":"k","outcome":"none"})", R"({"key":"k","outcome":"failed","block":-1})",
          R"({"key":"k","outcome":"failed","transactions":[1]})"}) {
        EXPECT_FALSE(read_settlement_status(bad)) << bad;
    }
}

}  // namespace
}  // namespace x402
