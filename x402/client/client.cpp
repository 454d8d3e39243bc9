// SPDX-License-Identifier: Apache-2.0
// The courier between the pure parts: it asks the machine what to do, does it, and tells what came
// of it.
#include "x402/client/client.hpp"

#include "x402/client/core.hpp"
#include "x402/client/fingerprint.hpp"
#include "x402/transports/http/payment_http.hpp"

namespace x402::client {
namespace {

void count_down(Run& run) {
    const auto found = run.core.under_way.find(run.fingerprint);
    if (found != run.core.under_way.end() && --found->second == 0) run.core.under_way.erase(found);
}

// An unfinished record is free for the next run at once; a finished one does not care.
Task<void> let_go(Run& run) {
    if (run.keeper) co_await run.keeper->stop();
    run.keeper.reset();
    if (run.held) run.parked.push_back(*run.held);
    run.held.reset();
    for (std::size_t i = 0; i < run.parked.size(); ++i) {
        const Held held = run.parked[i];
        // A record that cannot be released is free when its lease runs out.
        (void)co_await run.core.options.journal.release(held.id, held.owner);
        count_down(run);
    }
    end_finishing(run);
}

Result<net::UrlParts> check_request(const Request& request) {
    X402_TRY(net::UrlParts url, net::split_url(request.url));
    for (const net::Header& header : request.headers.list()) {
        if (!transports::is_payment_layer_header(header.name)) continue;
        if (net::equal_ignoring_case(header.name, "SIGN-IN-WITH-X")) continue;
        return fail_field(Errc::invalid, "headers", "payment headers are this client's to set",
                          "leave out " + header.name);
    }
    return url;
}

PayResult unusable(const Error& error) {
    PayResult result;
    result.error = pay_error(error);
    return result;
}

// Where nothing has told it better yet.
void explain_owed(PayResult& result) {
    if (result.error && (result.error->code == kNotHandedOver || result.error->code == kAnswerOwed))
        return;
    std::string message = "the payment was taken, and its answer has not come yet";
    if (result.error) message += ": " + result.error->message;
    result.error =
        pay_error(std::string(kAnswerOwed), std::move(message),
                  "run the same command again: the same payment is sent again for its answer");
}

}  // namespace

void complete(Run& run) {
    PayResult& result = run.result;
    if (run.answer) {
        result.status = run.answer->status;
        result.headers = std::move(run.answer->headers);
        result.body = std::move(run.answer->body);
        run.answer.reset();
    }
    result.outcome = run.state.outcome;
    result.delivered = run.state.delivered;
    result.told = run.state.told;
    result.proven = run.state.proven;
    if (result.outcome == PayOutcome::settled && result.delivered) result.error.reset();
    if (run.state.owed) explain_owed(result);
    if (result.outcome == PayOutcome::settled && !result.delivered && !result.error) {
        result.error =
            pay_error("settled_undelivered", "the payment was taken and nothing was delivered",
                      "show the seller the transaction");
    }
    if (result.outcome == PayOutcome::unknown && result.error &&
        result.error->code != "earlier_unknown") {
        result.error->next =
            "run the same command again: the same payment is sent again, never a second one";
    }
    if (result.outcome == PayOutcome::none || result.outcome == PayOutcome::refused) {
        result.accepted.reset();
        result.asset.reset();
        result.payment.reset();
        result.transaction.clear();
    }
    result.ms = run.core.options.env.clock.steady() - run.started;
}

Client::Client(ClientOptions options) {
    NetworkNames names = options.modules.names();
    core_ = std::make_unique<Core>(std::move(options), std::move(names));
}

Client::~Client() = default;

Task<PayResult> Client::fetch(Request request) {
    const Duration started = core_->options.env.clock.steady();
    const auto url = check_request(request);
    if (!url) co_return unusable(url.error());
    Run run(*core_, request, *url);
    run.started = started;
    run.fingerprint = fingerprint(request.method, *url, request.body);
    const EarlierEnd earlier = co_await finish_earlier(run);
    if (earlier == EarlierEnd::pay) co_await drive(run);
    co_await let_go(run);
    complete(run);
    co_return std::move(run.result);
}

Task<Quote> Client::quote(Request request) {
    Quote quote;
    const auto url = check_request(request);
    if (!url) {
        quote.error = pay_error(url.error());
        co_return quote;
    }
    Run run(*core_, request, *url);
    const Event asked = co_await ask(run);
    quote.refused = asked == Event::forbidden;
    if (asked == Event::offers) {
        quote.payment_required = true;
        const Event chosen = co_await choose(run, false, quote.selection);
        quote.refused = chosen == Event::not_chosen;
    }
    if (run.answer) {
        quote.status = run.answer->status;
        quote.body = std::move(run.answer->body);
    }
    quote.error = std::move(run.result.error);
    co_return quote;
}

}  // namespace x402::client
