// SPDX-License-Identifier: Apache-2.0
// The second half: signing, the journal, sending, and what became of it. The order is the point:
// the payment is in the journal before it is sent, `sent` is in the journal before a byte leaves,
// and the outcome before it is told. One executor.
#include <exception>

#include "x402/base/check.hpp"
#include "x402/base/crash_point.hpp"
#include "x402/base/hex.hpp"
#include "x402/client/core.hpp"
#include "x402/client/exchange.hpp"
#include "x402/client/fingerprint.hpp"
#include "x402/protocol/codec.hpp"
#include "x402/protocol/headers.hpp"
#include "x402/transports/http/payment_http.hpp"

namespace x402::client {
namespace {

constexpr std::size_t kEchoedExtensions = 8 * 1024;

net::Header payment_header(const Run& run) {
    const bool first = run.payment.payload.version == kVersion1;
    return {std::string(first ? headers::kPaymentV1 : headers::kPaymentSignature), run.header};
}

// Echoed as they came (core spec 5.1.3); an identifier that is asked for is made here.
json::Object echo_extensions(const json::Object& declared, Random& random) {
    json::Object echo = declared;
    const auto identifier = json::opt_object(echo, "payment-identifier");
    if (identifier && *identifier) {
        json::Object extension = **identifier;
        auto info = json::opt_object(extension, "info");
        json::Object filled = info && *info ? std::move(**info) : json::Object{};
        filled["id"] = "pay_" + to_hex(random.bytes<16>().view());
        extension["info"] = std::move(filled);
        echo["payment-identifier"] = std::move(extension);
    }
    if (json::dump(echo).size() > kEchoedExtensions) return {};
    return echo;
}

PaymentPayload assemble(const Run& run, json::Object signed_part) {
    PaymentPayload payload;
    payload.version = run.required.version;
    payload.accepted = run.choice->requirements;
    payload.payload = std::move(signed_part);
    if (payload.version == kVersion2) {
        if (!run.required.resource.url.empty()) payload.resource = run.required.resource;
        payload.extensions = echo_extensions(run.required.extensions, run.core.options.env.random);
    }
    return payload;
}

// What was signed is what was chosen: the journal, the budget and the resends stand on these facts.
Result<void> check_facts(const Run& run) {
    const PaymentRequirements& terms = run.choice->requirements;
    if (run.facts.amount > terms.amount)
        return fail(Errc::internal, "more was signed than was asked for");
    if (run.facts.key.value().empty()) return fail(Errc::internal, "the payment has no key");
    if (run.state.usable_until <= run.core.now())
        return fail(Errc::invalid, "the offer expires at once");
    return {};
}

store::NewEntry entry_for(const Run& run) {
    const PaymentRequirements& terms = run.choice->requirements;
    store::NewEntry fresh;
    store::JournalEntry& entry = fresh.entry;
    entry.fingerprint = run.fingerprint;
    entry.method = run.request.method;
    entry.url = url_without_query(run.url);
    entry.key = run.facts.key;
    entry.header = run.header;
    entry.accepted = json::dump(write(terms));
    entry.version = run.payment.payload.version;
    entry.network = terms.network;
    entry.asset = terms.asset;
    entry.symbol = run.choice->asset.symbol;
    entry.decimals = run.choice->asset.decimals;
    entry.amount = terms.amount;
    entry.pay_to = terms.pay_to;
    entry.payer = run.facts.payer;
    entry.usable_until = run.state.usable_until;
    fresh.usd_micros = run.choice->usd_micros;
    fresh.group = run.core.options.policy.group;
    for (const Budget& budget : run.core.options.policy.budgets) {
        const Instant since = budget.window ? run.core.now() - *budget.window : Instant{};
        fresh.caps.push_back({budget.group, since, budget.most_usd_micros});
    }
    return fresh;
}

Task<Result<void>> mark_sent(Run& run) {
    if (run.held->state == store::JournalState::sent) co_return Result<void>{};
    store::JournalChange change;
    change.state = store::JournalState::sent;
    change.response = std::string{};
    auto changed = co_await run.core.options.journal.change(run.held->id, change, run.held->owner,
                                                            run.core.now());
    if (changed) run.held->state = store::JournalState::sent;
    co_return changed;
}

SettleResponse response_of_trace(const Run& run, const Trace& trace) {
    SettleResponse response;
    response.success = true;
    response.transaction = trace.transaction;
    response.network = run.payment.requirements.network;
    response.payer = run.facts.payer;
    return response;
}

// A no is kept beside the record, so that the next run knows that it was one.
std::string denial_text(const Run& run) {
    json::Object object;
    object["success"] = false;
    object["errorReason"] =
        run.result.error ? run.result.error->code : std::string("payment_refused");
    if (run.result.payment && !run.result.payment->success) object = write(*run.result.payment);
    return json::dump(object);
}

// The word that it was taken, and whose word that is: never the server's claim about that.
std::string owed_text(const Run& run) {
    json::Object object = write(*run.result.payment);
    object[kShownByChain] = run.state.proven;
    return json::dump(object);
}

store::JournalChange change_for(const Run& run) {
    store::JournalChange change;
    const PayState& state = run.state;
    if (state.owed) {
        // Kept open for the next run, with the word that it was taken.
        change.state = store::JournalState::sent;
        change.response = std::string{};
        if (run.result.payment && state.told) change.response = owed_text(run);
    } else if (state.outcome == PayOutcome::settled) {
        change.state = store::JournalState::settled;
        change.delivered = state.delivered;
        if (run.result.payment) change.response = json::dump(write(*run.result.payment));
    } else if (state.voided) {
        change.state = store::JournalState::failed;
    } else if (state.sends == 0) {
        // An earlier no that nothing new is known of stays as it was told.
        change.state = store::JournalState::unknown;
    } else {
        // A server's no takes nothing back: until it has expired, what we signed can still be
        // taken.
        change.state = store::JournalState::unknown;
        change.response = state.outcome == PayOutcome::failed ? denial_text(run) : std::string{};
    }
    if (!run.result.transaction.empty()) change.transaction = run.result.transaction;
    return change;
}

// What was once shown to be taken stays so whatever is said later, and the chain's transaction is
// the one.
bool is_news(const Run& run, const SettleResponse& told) {
    if (run.state.proven) return told.success && told.transaction == run.result.transaction;
    return told.success || !run.state.settled;
}

Result<void> call(const HandOver& hand_over, const PayResult& result) {
    try {
        return hand_over(result);
    } catch (const std::exception& error) {
        return fail(Errc::internal, error.what());
    } catch (...) {
        return fail(Errc::internal, "an exception");
    }
}

// Before the journal says `delivered`, since that is said once and for all: a process that dies
// between the two shows the answer twice, and in the other order it would never show it.
void hand_over(Run& run) {
    if (!run.request.hand_over) return;
    if (run.state.outcome != PayOutcome::settled || !run.state.delivered) return;
    complete(run);
    X402_CRASH_POINT("out.answer", before);
    const auto taken = call(run.request.hand_over, run.result);
    X402_CRASH_POINT("out.answer", after);
    if (taken) return;
    run.state.owed = true;
    run.state.delivered = false;
    run.result.error = pay_error(
        std::string(kNotHandedOver),
        "the payment was taken, and its answer could not be handed over: " + taken.error().detail,
        "run the same command again: the same payment is sent again for its answer");
}

// Opened for a question; a person is shown who is asked.
Result<OpenedChain> open_network(Run& run, const ChainId& network, const std::string& about) {
    if (!run.core.options.open_chain) return fail(Errc::unsupported, "no network can be asked");
    X402_TRY(OpenedChain opened, run.core.options.open_chain(network));
    if (!opened.endpoint.empty()) {
        run.result.notices.push_back("asked " + network.text() + " at " + opened.endpoint + about);
    }
    return opened;
}

PayError network_needed(const ChainId& network, const Error& why) {
    PayError error = pay_error("network_needed",
                               "a payment on " + network.text() +
                                   " cannot be signed without asking the network: " + why.detail,
                               why.next);
    error.field = "rpc";
    if (error.next.empty()) error.next = "pass --rpc " + network.text() + "=URL";
    return error;
}

// What only the network knows, where the scheme has to; nothing is signed without it.
Task<std::expected<json::Object, PayError>> ask_network(Run& run) {
    const Choice& choice = *run.choice;
    if (!choice.scheme->asks_network(choice.requirements)) co_return json::Object{};
    const ChainId& network = choice.requirements.network;
    const auto opened = open_network(run, network, " what a payment there needs");
    if (!opened) co_return std::unexpected(network_needed(network, opened.error()));
    auto told = co_await opened->chain->prepare(choice.requirements, choice.wallet->address());
    if (told) co_return std::move(*told);
    if (told.error().retryable) co_return std::unexpected(network_needed(network, told.error()));
    co_return std::unexpected(pay_error(told.error()));
}

Task<Event> step(Run& run, std::optional<Duration>& retry_after) {
    switch (run.state.stage) {
        case Stage::quote:
            co_return co_await ask(run);
        case Stage::choose: {
            Selection selection;
            const Event event = co_await choose(run, true, selection);
            run.choice = std::move(selection.choice);
            co_return event;
        }
        case Stage::sign:
            co_return co_await sign(run);
        case Stage::record:
            co_return co_await record(run);
        case Stage::send:
            co_return co_await send(run, retry_after);
        case Stage::pause: {
            co_await run.core.options.env.clock.sleep(run.state.pause);
            co_return Event::paused;
        }
        case Stage::trace:
            co_return co_await trace(run);
        case Stage::done:
            break;
    }
    X402_CHECK(false);
    co_return Event::no_answer;
}

}  // namespace

Task<Event> sign(Run& run) {
    const Choice& choice = *run.choice;
    run.result.accepted = choice.requirements;
    run.result.asset = choice.asset;
    const auto told = co_await ask_network(run);
    if (!told) {
        run.result.error = told.error();
        co_return Event::not_signed;
    }
    auto part = co_await choice.scheme->sign(choice.requirements, *choice.wallet, *told,
                                             run.core.options.env);
    if (!part) {
        run.result.error = pay_error(part.error());
        co_return Event::not_signed;
    }
    run.payment = Payment{assemble(run, std::move(*part)), choice.requirements};
    auto facts = choice.scheme->facts(run.payment);
    if (!facts) {
        run.result.error =
            PayError{facts.error().code, facts.error().message, facts.error().field, {}};
        co_return Event::not_signed;
    }
    run.facts = std::move(*facts);
    run.state.usable_until = run.facts.usable_until_from(run.core.now());
    net::Headers carried;
    auto set = check_facts(run);
    if (set) set = transports::set_payment(carried, run.payment.payload, run.core.names);
    if (!set) {
        run.result.error = pay_error(set.error());
        co_return Event::not_signed;
    }
    run.header = carried.list().front().value;
    co_return Event::signed_ok;
}

Task<Event> record(Run& run) {
    ClientOptions& options = run.core.options;
    const store::Lease lease{new_lease_owner(options.env.random), options.lease};
    // Counted before the write: a sibling that meets the record must know it as ours.
    ++run.core.under_way[run.fingerprint];
    store::NewEntry entry = entry_for(run);
    const Instant now = run.core.now();
    const auto id = co_await options.journal.begin(std::move(entry), lease, now);
    if (!id) {
        if (--run.core.under_way[run.fingerprint] == 0) run.core.under_way.erase(run.fingerprint);
        run.result.error = pay_error(id.error());
        const bool refused = id.error().code == Errc::refused;
        run.result.error->code = refused ? "over_budget" : "journal_unavailable";
        co_return refused ? Event::over_budget : Event::not_recorded;
    }
    run.payment.seen = now;
    run.held = Held{*id, lease.owner, store::JournalState::signed_};
    run.keeper = std::make_unique<LeaseKeeper>(options.journal, options.env, *id, lease);
    co_await run.keeper->start();
    co_return Event::recorded;
}

Task<Event> send(Run& run, std::optional<Duration>& retry_after) {
    const auto marked = co_await mark_sent(run);
    if (!marked) {
        run.result.error = pay_error(marked.error());
        run.result.error->code = "journal_unavailable";
        if (marked.error().code != Errc::conflict) co_return Event::not_sent;
        // Another process has taken the record over, and may be sending what is in it.
        run.result.error =
            pay_error("payment_in_progress", "another process has taken this payment over");
        co_return Event::no_word;
    }
    // The 402 is not the answer to what was paid for.
    if (run.result.attempts == 0) run.answer.reset();
    const net::Header header = payment_header(run);
    X402_CRASH_POINT("out.payment", before);
    Exchange got = co_await exchange(run.core, run.request, run.url, &header);
    X402_CRASH_POINT("out.payment", after);
    ++run.result.attempts;
    const ChainId& network = run.payment.requirements.network;
    Reading reading = read_answer(got.answer, network, run.core.names, run.core.now());
    if (got.answer) run.answer = std::move(*got.answer);
    if (reading.settlement && is_news(run, *reading.settlement))
        run.result.payment = std::move(reading.settlement);
    if (run.result.payment && !run.result.payment->transaction.empty()) {
        run.result.transaction = run.result.payment->transaction;
    }
    run.result.error = std::move(reading.error);
    retry_after = reading.retry_after;
    co_return reading.event;
}

Task<Event> trace(Run& run) {
    const ChainId& network = run.payment.requirements.network;
    if (!run.core.options.open_chain) co_return Event::not_told;
    const auto opened = open_network(run, network, " about the payment");
    if (!opened) {
        run.result.notices.push_back(opened.error().detail);
        co_return Event::not_told;
    }
    const auto traced = co_await opened->chain->trace(run.payment);
    if (!traced) {
        run.result.notices.push_back("the network could not be asked: " + traced.error().detail);
        co_return Event::not_told;
    }
    if (traced->state == TraceState::impossible) co_return Event::unused;
    if (traced->state != TraceState::done) co_return Event::not_told;
    run.result.payment = response_of_trace(run, *traced);
    run.result.transaction = traced->transaction;
    co_return Event::found;
}

Task<void> write_end(Run& run) {
    if (!run.held) co_return;
    if (run.keeper) co_await run.keeper->stop();
    run.keeper.reset();
    store::PaymentJournal& journal = run.core.options.journal;
    const Held held = *run.held;
    const store::JournalChange change = change_for(run);
    const auto changed = co_await journal.change(held.id, change, held.owner, run.core.now());
    if (!changed)
        run.result.notices.push_back("the journal could not be written: " + changed.error().detail);
}

Task<void> drive(Run& run) {
    while (run.state.stage != Stage::done) {
        std::optional<Duration> retry_after;
        const Event event = co_await step(run, retry_after);
        const Moment moment{run.core.now(), retry_after};
        const auto next = advance(run.state, event, moment, run.core.options.limits);
        X402_CHECK(next.has_value());
        run.state = *next;
    }
    hand_over(run);
    co_await write_end(run);
}

}  // namespace x402::client
