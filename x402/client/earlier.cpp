// SPDX-License-Identifier: Apache-2.0
// Finishing what an earlier run left: a payment for the same request whose outcome nobody knows
// comes before any new one. It is sent again unchanged while it is usable; afterwards the chain
// decides. One executor.
#include "x402/client/core.hpp"
#include "x402/protocol/codec.hpp"
#include "x402/protocol/headers.hpp"

namespace x402::client {
namespace {

constexpr int kEarlierAtOnce = 64;
constexpr auto kLookAgain = std::chrono::milliseconds(250);

Result<Payment> payment_of(const store::JournalEntry& entry, const NetworkNames& names) {
    Payment payment;
    X402_TRY(const json::Object terms, json::parse_object(entry.accepted));
    X402_TRY(payment.requirements, read_requirements(terms));
    X402_TRY(const std::string text, headers::decode_text(entry.header));
    if (entry.version == kVersion1) {
        X402_TRY(payment.payload, read_payment_payload_v1(text, payment.requirements, names));
    } else {
        X402_TRY(payment.payload, read_payment_payload(text));
    }
    return payment;
}

Left how_left(const store::JournalEntry& entry) {
    if (entry.state == store::JournalState::signed_) return Left::never_sent;
    // Only an answer that could not be handed over leaves a word beside `sent`.
    if (entry.state == store::JournalState::sent && !entry.response.empty()) return Left::taken;
    return entry.state == store::JournalState::unknown && !entry.response.empty() ? Left::denied
                                                                                  : Left::ambiguous;
}

AssetInfo asset_of(const store::JournalEntry& entry) {
    AssetInfo asset;
    asset.id.network = entry.network;
    asset.address = entry.asset;
    asset.symbol = entry.symbol;
    asset.decimals = entry.decimals;
    return asset;
}

// The next unfinished record under an owner of its own; waits while only another process holds one.
Task<Result<std::optional<store::JournalEntry>>> take_next(Run& run, std::string owner) {
    ClientOptions& options = run.core.options;
    const store::Lease lease{std::move(owner), options.lease};
    const Instant until = run.core.now() + options.lease_wait;
    while (true) {
        auto taken =
            co_await options.journal.take_unfinished(run.fingerprint, lease, run.core.now());
        if (taken || taken.error().code != Errc::conflict) co_return taken;
        if (!run.parked.empty()) co_return std::optional<store::JournalEntry>();
        if (run.core.finishing.contains(run.fingerprint)) {
            const std::uint64_t seen = run.core.finished.count();
            co_await run.core.finished.wait(seen, std::chrono::seconds(1));
            continue;
        }
        if (run.core.under_way.contains(run.fingerprint))
            co_return std::optional<store::JournalEntry>();
        if (run.core.now() >= until) co_return taken;
        const bool slept = co_await options.env.clock.sleep(kLookAgain);
        if (!slept) co_return taken;
    }
}

Task<Result<void>> adopt(Run& run, const store::JournalEntry& entry) {
    X402_CO_TRY(run.payment, payment_of(entry, run.core.names));
    run.payment.seen = entry.created;
    run.header = entry.header;
    run.facts = PaymentFacts{};
    run.facts.key = entry.key;
    run.facts.payer = entry.payer;
    run.facts.amount = entry.amount;
    run.facts.usable_until = entry.usable_until;
    run.result.accepted = run.payment.requirements;
    run.result.asset = asset_of(entry);
    run.result.transaction = entry.transaction;
    bool proven = false;
    if (how_left(entry) == Left::taken) {
        X402_CO_TRY(run.result.payment, read_settle_response(entry.response));
        X402_CO_TRY(const json::Object word, json::parse_object(entry.response));
        const json::Value* shown = word.if_contains(kShownByChain);
        proven = shown != nullptr && *shown == json::Value(true);
        run.result.payment->unknown.erase(kShownByChain);
    }
    run.held = Held{entry.id, entry.lease_owner, entry.state};
    run.state =
        resume(how_left(entry), entry.usable_until, run.core.now(), run.core.options.limits);
    run.state.proven = proven;
    const store::Lease lease{entry.lease_owner, run.core.options.lease};
    run.keeper = std::make_unique<LeaseKeeper>(run.core.options.journal, run.core.options.env,
                                               entry.id, lease);
    co_await run.keeper->start();
    co_return Result<void>{};
}

// Back to a request without a payment; the record stays ours until the end.
void park(Run& run) {
    run.parked.push_back(*run.held);
    run.held.reset();
    run.state = PayState{};
    end_finishing(run);
    PayResult fresh;
    fresh.notices = std::move(run.result.notices);
    run.result = std::move(fresh);
}

EarlierEnd refuse(Run& run, PayError error, PayOutcome outcome) {
    run.state.stage = Stage::done;
    run.state.outcome = outcome;
    run.result.error = std::move(error);
    return EarlierEnd::finished;
}

std::string what_was_left(const store::JournalEntry& entry) {
    return show(entry.amount, asset_of(entry)) + " to " + entry.pay_to + " on " +
           entry.network.text();
}

PayError too_early(const store::JournalEntry& entry, Instant now) {
    const auto left = std::chrono::ceil<std::chrono::seconds>(entry.usable_until - now);
    const std::string seconds = std::to_string(left.count()) + " s";
    const std::string which = "an earlier payment for this request (" + what_was_left(entry) + ")";
    if (how_left(entry) == Left::taken) {
        return pay_error(std::string(kAnswerOwed), which + " was taken, and its answer is owed",
                         "run without --new: the same payment is sent again for its answer; in " +
                             seconds + " --new pays anew");
    }
    return pay_error("earlier_usable", which + " can still be taken for " + seconds,
                     "run without --new: the same payment is sent again and never charged twice");
}

// --new: only once the earlier payment cannot be sent any more, and never without saying what it
// may mean.
Task<bool> may_start_anew(Run& run, const store::JournalEntry& entry) {
    if (run.core.now() < entry.usable_until) {
        refuse(run, too_early(entry, run.core.now()), PayOutcome::refused);
        if (run.keeper) co_await run.keeper->stop();
        run.keeper.reset();
        co_return false;
    }
    run.state = judge_only(how_left(entry), entry.usable_until);
    co_await drive(run);
    if (run.state.outcome == PayOutcome::unknown ||
        (run.state.outcome == PayOutcome::failed && !run.state.voided)) {
        run.result.notices.push_back("the earlier payment of " + what_was_left(entry) +
                                     " may have been taken");
    }
    if (run.state.outcome == PayOutcome::settled) {
        std::string notice = "the earlier payment of " + what_was_left(entry) + " was taken";
        if (!run.result.transaction.empty()) notice += " in transaction " + run.result.transaction;
        run.result.notices.push_back(std::move(notice));
    }
    co_return true;
}

void explain_end(Run& run, const store::JournalEntry& entry) {
    const bool undelivered = run.state.outcome == PayOutcome::settled && !run.state.delivered;
    const bool told = run.result.error && run.result.error->code == kNotHandedOver;
    if (run.state.owed && !told) {
        run.result.error =
            pay_error(std::string(kAnswerOwed),
                      "an earlier payment for this request (" + what_was_left(entry) +
                          ") was taken, and its answer could not be fetched again",
                      "run again later: the same payment is sent again; or pay anew with --new");
    } else if (undelivered && !run.state.owed) {
        run.result.error =
            pay_error("settled_undelivered",
                      "an earlier payment for this request (" + what_was_left(entry) +
                          ") was taken and nothing was delivered",
                      "show the seller the transaction, or run again to pay anew");
    }
    if (run.state.outcome == PayOutcome::unknown) {
        run.result.error =
            pay_error("earlier_unknown",
                      "it is not known whether an earlier payment for this request (" +
                          what_was_left(entry) + ") was taken",
                      "run again later, name an endpoint with --rpc, or pay anew with --new");
    }
}

}  // namespace

std::string new_lease_owner(Random& random) {
    static constexpr std::string_view kDigits = "0123456789abcdef";
    std::string owner;
    for (const std::uint8_t byte : random.bytes<16>().data) {
        owner += kDigits[byte >> 4U];
        owner += kDigits[byte & 15U];
    }
    return owner;
}

void end_finishing(Run& run) {
    if (!run.finishing) return;
    run.finishing = false;
    const auto found = run.core.finishing.find(run.fingerprint);
    if (--found->second == 0) run.core.finishing.erase(found);
    run.core.finished.ring();
}

Task<EarlierEnd> finish_earlier(Run& run) {
    for (int i = 0; i < kEarlierAtOnce; ++i) {
        auto taken = co_await take_next(run, new_lease_owner(run.core.options.env.random));
        if (!taken && taken.error().code == Errc::conflict) {
            co_return refuse(
                run,
                pay_error("payment_in_progress", "another process is paying for this request",
                          "wait for it, then run again"),
                PayOutcome::refused);
        }
        if (!taken) {
            PayError error = pay_error(taken.error());
            error.code = "journal_unavailable";
            co_return refuse(run, std::move(error), PayOutcome::failed);
        }
        if (!*taken) co_return EarlierEnd::pay;
        const store::JournalEntry entry = std::move(**taken);
        ++run.core.under_way[run.fingerprint];
        ++run.core.finishing[run.fingerprint];
        run.finishing = true;
        const auto adopted = co_await adopt(run, entry);
        if (!adopted) {
            run.parked.push_back({entry.id, entry.lease_owner, entry.state});
            co_return refuse(run, pay_error(adopted.error()), PayOutcome::unknown);
        }
        if (run.request.new_payment) {
            const bool may = co_await may_start_anew(run, entry);
            if (!may) co_return EarlierEnd::finished;
            park(run);
            continue;
        }
        co_await drive(run);
        // Only what can never be taken makes room for a new payment, and only where this run has
        // sent nothing yet.
        if (!run.state.voided || run.state.sends > 0) {
            explain_end(run, entry);
            co_return EarlierEnd::finished;
        }
        park(run);
    }
    co_return EarlierEnd::pay;
}

}  // namespace x402::client
