// SPDX-License-Identifier: Apache-2.0
#include "x402/transports/facilitator_answer.hpp"

#include <algorithm>

#include "x402/protocol/codec.hpp"
#include "x402/protocol/reasons.hpp"

namespace x402::transports {
namespace {

constexpr std::size_t kExcerpt = 160;

bool is_success(int status) noexcept {
    return status >= 200 && status < 300;
}

// Enough of a peer's words for an operator to recognise the trouble; nothing that could break a log
// line.
std::string excerpt(std::string_view body) {
    std::string text;
    for (const char c : body.substr(0, kExcerpt)) text += c >= ' ' && c < 0x7f ? c : ' ';
    return text.empty() ? "an empty body" : text;
}

std::string described(const net::ClientResponse& answer) {
    return "HTTP " + std::to_string(answer.status) + ": " + excerpt(answer.body);
}

std::unexpected<Error> senseless(const net::ClientResponse& answer, std::string_view why) {
    return fail(Errc::bad_peer, std::string(why) + " (" + described(answer) + ")");
}

// The meaning of a status whose body is no judgement. Only what a server says before it looks at a
// payment (malformed, unauthorized, not found, too large) proves that nothing was begun.
Errc meaning_of(int status) noexcept {
    switch (status) {
        case 400:
        case 404:
        case 405:
        case 415:
        case 422:
            return Errc::invalid;
        case 401:
        case 402:
        case 403:
            return Errc::unauthorized;
        case 413:
        case 414:
        case 431:
            return Errc::too_large;
        default:
            break;
    }
    return status == 429 || status >= 500 || status == 408 || status == 409 || status == 425
               ? Errc::unavailable
               : Errc::bad_peer;
}

// A body that speaks of a judgement and cannot be read as one is worse than none: it was looked at.
std::unexpected<Error> no_judgement(const net::ClientResponse& answer, std::string_view member,
                                    const Error& why, Errc otherwise) {
    const auto object = json::parse_object(answer.body);
    const bool tried = object && object->contains(member);
    if (is_success(answer.status) || tried) return senseless(answer, to_string(why));
    return fail(otherwise, described(answer));
}

// The code a bare refusal names: {"error": "code"} or {"error": {"code": "code"}}.
std::string named_code(std::string_view body) {
    const auto object = json::parse_object(body);
    if (!object) return {};
    const auto error = json::opt_object(*object, "error");
    if (error && *error) return json::text_or_empty(**error, "code");
    return json::text_or_empty(*object, "error");
}

// A catch-all around the whole handler answers 400 as readily after a broadcast as before it, so a
// bare "bad request" proves nothing unless it names a code of what cannot be read. Others
// (duplicate_settlement, a used nonce) may speak of what was done.
Errc meaning_of_unsettled(const net::ClientResponse& answer) {
    const Errc meaning = meaning_of(answer.status);
    if (answer.status != 400 && answer.status != 422) return meaning;
    const auto reason = find_reason(named_code(answer.body));
    return reason && info(*reason).http_status == 400 ? meaning : Errc::unavailable;
}

bool says_not_found(std::string_view body) {
    const auto object = json::parse_object(body);
    if (!object) return false;
    const auto error = json::opt_object(*object, "error");
    const json::Object& holder = error && *error ? **error : *object;
    return json::text_or_empty(holder, "code") == to_string(Reason::settlement_not_found);
}

}  // namespace

Result<VerifyResponse> judge_verify(const net::ClientResponse& answer) {
    auto response = read_verify_response(answer.body);
    if (!response)
        return no_judgement(answer, "isValid", response.error(), meaning_of(answer.status));
    if (response->is_valid && !is_success(answer.status))
        return senseless(answer, "valid, with an error status");
    if (response->is_valid && !response->invalid_reason.empty()) {
        return senseless(answer, "valid, with a reason why not");
    }
    return response;
}

Result<SettleResponse> judge_settle(const net::ClientResponse& answer, const ChainId& asked,
                                    const NetworkNames& names) {
    auto response = read_settle_response_v1(answer.body, names);
    if (!response) {
        return no_judgement(answer, "success", response.error(), meaning_of_unsettled(answer));
    }
    if (response->success && !is_success(answer.status))
        return senseless(answer, "success, with an error status");
    if (const auto why = contradiction_in(*response, asked)) return senseless(answer, *why);
    return response;
}

Result<Supported> judge_supported(const net::ClientResponse& answer, const NetworkNames& names) {
    if (!is_success(answer.status)) return fail(meaning_of(answer.status), described(answer));
    auto supported = read_supported(answer.body);
    if (!supported) return senseless(answer, to_string(supported.error()));
    for (SupportedKind& kind : supported->kinds) {
        if (!kind.network.empty() || !names.to_chain) continue;
        if (auto known = names.to_chain(kind.network_text)) kind.network = std::move(*known);
    }
    std::erase_if(supported->kinds, [](const SupportedKind& kind) { return kind.network.empty(); });
    return supported;
}

Result<std::optional<SettlementStatus>> judge_settlement(const net::ClientResponse& answer,
                                                         const PaymentKey& asked) {
    if (answer.status == 404 && says_not_found(answer.body))
        return std::optional<SettlementStatus>{};
    if (answer.status == 404 || answer.status == 405 || answer.status == 501) {
        return fail(Errc::unsupported, "the facilitator has no /settlements");
    }
    if (!is_success(answer.status)) return fail(meaning_of(answer.status), described(answer));
    auto status = read_settlement_status(answer.body);
    if (!status) return senseless(answer, to_string(status.error()));
    if (status->key != asked) return senseless(answer, "the status of another payment");
    return std::optional<SettlementStatus>(std::move(*status));
}

Error error_of_exchange(Error error) {
    switch (error.code) {
        case Errc::unreachable:
        case Errc::invalid:
        case Errc::timeout:
        case Errc::interrupted:
        case Errc::cancelled:
            break;
        case Errc::refused:  // by policy, before a connection was made
            error.code = Errc::invalid;
            break;
        case Errc::too_large:
            error.code = Errc::bad_peer;
            error.detail = "the facilitator's answer is too large";
            break;
        default:
            error.code = Errc::interrupted;
            break;
    }
    error.retryable = is_retryable(error.code);
    return error;
}

}  // namespace x402::transports
