// SPDX-License-Identifier: Apache-2.0
// The words of the facilitator: judgements as protocol responses, and trouble that is no judgement
// as an Error that carries its public code. Pure; any thread.
#pragma once

#include "x402/base/result.hpp"
#include "x402/protocol/reasons.hpp"
#include "x402/schemes/scheme.hpp"
#include "x402/store/settlement_store.hpp"

namespace x402::facilitator {

// Whom and what an answer is about.
struct Subject {
    PaymentKey key;  // empty where the payload could not be read
    std::string payer;
    ChainId network;
};
Subject subject_of(const store::PaymentRecord& record);

// "This token is not supported here (asset: got 0xa)." for peers that look for one text only: less
// than the whole refusal beside it, but nothing else.
std::string sentence_of(const Refusal& refusal);
// "The sentence (about)."
std::string sentence_about(std::string sentence, std::string_view about);

VerifyResponse valid_answer(const Subject& subject, const Verdict& verdict);
VerifyResponse invalid_answer(const Subject& subject, const Refusal& refusal);

SettleResponse settled_answer(const Subject& subject, const std::string& transaction,
                              const U256& amount);
SettleResponse failed_answer(const Subject& subject, const Refusal& refusal);
// Says nothing about success: the transaction is what a reader may look at.
SettleResponse pending_answer(const Subject& subject, const std::string& transaction);
SettleResponse duplicate_answer(const Subject& subject, const std::string& transaction);
// What a final record says: the stored response, or its failure.
SettleResponse recorded_answer(const store::PaymentRecord& record);

// No judgement was had. Errc::unreachable says that nothing was begun; any other that something may
// have been.
std::unexpected<Error> not_judged(Errc code, Reason reason, std::string detail);
Reason reason_of(const Error& error);
// The detail of a budget_exhausted that is this payer's alone: others are still served.
inline constexpr std::string_view kPayersShare = "the payer has cost its share of the day";

}  // namespace x402::facilitator
