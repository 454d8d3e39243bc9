// SPDX-License-Identifier: Apache-2.0
#include "x402/client/answer.hpp"

#include <algorithm>
#include <array>

#include "x402/protocol/facilitator_api.hpp"
#include "x402/protocol/reasons.hpp"
#include "x402/transports/http/payment_http.hpp"
#include "x402/transports/http/retry_after.hpp"

namespace x402::client {
namespace {

constexpr std::size_t kCodeMax = 80;
constexpr std::size_t kBodyWithCode = 64 * 1024;

// A code that may be shown and compared: lower case, digits and underscores.
bool is_code(std::string_view text) {
    return !text.empty() && text.size() <= kCodeMax &&
           std::all_of(text.begin(), text.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
                      c == '.';
           });
}

// {"error": "code"} and {"error": {"code": ...}} are what servers in the field send.
std::string code_in_body(std::string_view body) {
    if (body.size() > kBodyWithCode) return {};
    const auto object = json::parse_object(body, {kBodyWithCode});
    if (!object) return {};
    std::string code = json::text_or_empty(*object, "error");
    if (const auto inner = json::opt_object(*object, "error"); inner && *inner) {
        code = json::text_or_empty(**inner, "code");
    }
    return is_code(code) ? code : std::string{};
}

std::string code_of(const net::ClientResponse& response, const NetworkNames& names) {
    if (response.status == 402) {
        const auto required = transports::read_required(response.headers, response.body, names);
        if (required && is_code(required->error)) return required->error;
    }
    return code_in_body(response.body);
}

// Our own words where the code is known; a stranger's sentence is not repeated.
PayError explained(const std::string& code, std::string otherwise) {
    if (const auto reason = find_reason(code)) {
        return {code, std::string(info(*reason).sentence), {}, std::string(info(*reason).next)};
    }
    return pay_error(code.empty() ? "payment_refused" : code, std::move(otherwise));
}

Reading read_failure(const Error& error) {
    Reading reading;
    // Nothing left where the connection, the URL or the address was refused.
    const bool kept = error.code == Errc::unreachable || error.code == Errc::invalid ||
                      error.code == Errc::refused;
    reading.event = kept ? Event::not_sent : Event::no_word;
    reading.error = pay_error(error);
    return reading;
}

Event event_of_success(const SettleResponse& settlement, int status, const ChainId& network) {
    if (outcome_of(settlement) != Outcome::settled || contradiction_in(settlement, network)) {
        // A success that makes no sense proves nothing, whatever came with it.
        return status < 400 ? Event::unproven : Event::no_word;
    }
    // Who was paid and asks for money again has delivered nothing.
    return status >= 500 || status == 402 ? Event::settled_cut : Event::settled;
}

Event event_of_refusal(const SettleResponse& settlement) {
    if (is_duplicate(settlement)) return Event::used;
    if (outcome_of(settlement) != Outcome::unknown) return Event::denied;
    // Only a code that speaks of work going on is waited for: a transaction beside any other no, a
    // sentence, or a failure that names no transaction makes that no doubtful, and a few repeats
    // are enough for doubt.
    const std::string& code = settlement.error_reason;
    if (!is_code(code) || code.ends_with("transaction_failed")) return Event::no_word;
    SettleResponse without_transaction = settlement;
    without_transaction.transaction.clear();
    return outcome_of(without_transaction) == Outcome::unknown ? Event::pending : Event::no_word;
}

Event event_without_settlement(int status, const std::string& code) {
    if (code == to_string(Reason::payment_in_progress) ||
        code == to_string(Reason::settlement_pending)) {
        return Event::pending;
    }
    if (code == to_string(Reason::payment_already_used) ||
        code == to_string(Reason::duplicate_settlement)) {
        return Event::used;
    }
    if (status >= 200 && status < 300) return Event::unproven;
    if (status == 409 || status == 425 || status == 429) return Event::pending;
    // A 408 and every 5xx may come from something in front of the server, which saw the payment
    // leave.
    if (status == 408 || status >= 500) return Event::no_word;
    return Event::denied;
}

}  // namespace

Reading read_answer(const Result<net::ClientResponse>& answer, const ChainId& network,
                    const NetworkNames& names, Instant now) {
    if (!answer) return read_failure(answer.error());
    const net::ClientResponse& response = *answer;
    Reading reading;
    reading.retry_after = transports::parse_retry_after(response.headers.get("Retry-After"), now);
    auto settlement = transports::read_settlement(response.headers, names);
    if (settlement && *settlement) {
        reading.settlement = std::move(**settlement);
        const SettleResponse& read = *reading.settlement;
        reading.event = read.success ? event_of_success(read, response.status, network)
                                     : event_of_refusal(read);
        if (!read.success)
            reading.error = explained(read.error_reason, "the server did not settle the payment");
        // Without a reason a success:false beside a good answer is no judgement of the payment we
        // can rely on.
        if (reading.event == Event::settled || reading.event == Event::unproven) return reading;
        if (!reading.error) {
            reading.error =
                pay_error("http_" + std::to_string(response.status), "the answer is an error");
        }
        return reading;
    }
    const std::string code = response.status < 400 ? std::string{} : code_of(response, names);
    reading.event = event_without_settlement(response.status, code);
    if (reading.event != Event::unproven) {
        reading.error = explained(code, "the server answered " + std::to_string(response.status));
    }
    return reading;
}

}  // namespace x402::client
