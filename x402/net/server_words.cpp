// SPDX-License-Identifier: Apache-2.0
#include "x402/net/server_words.hpp"

#include "x402/base/json.hpp"

namespace x402::net {
namespace {

using http1::Fault;

constexpr std::string_view kMalformed = "malformed_request";
constexpr std::string_view kWellFormed = "Send a well-formed HTTP/1.1 request.";

// The part of the head that the fault is about.
std::string_view field_of(Fault fault) noexcept {
    switch (fault) {
        case Fault::bad_request_line:
            return "request line";
        case Fault::absolute_target:
        case Fault::bad_target:
        case Fault::target_too_long:
            return "path";
        case Fault::bad_version:
            return "version";
        case Fault::bare_newline:
        case Fault::folded_header:
        case Fault::space_before_colon:
        case Fault::bad_header_name:
        case Fault::bad_header_value:
        case Fault::too_many_headers:
        case Fault::head_too_large:
            return "headers";
        case Fault::missing_host:
        case Fault::duplicate_host:
        case Fault::bad_host:
            return "Host";
        case Fault::both_lengths:
        case Fault::duplicate_length:
        case Fault::bad_length:
            return "Content-Length";
        case Fault::bad_transfer_encoding:
        case Fault::old_chunked:
            return "Transfer-Encoding";
        case Fault::bad_expectation:
            return "Expect";
        case Fault::bad_chunk:
        case Fault::chunk_too_long:
            return "body";
        case Fault::bad_status_line:
        case Fault::two_readings:
            break;
    }
    return {};
}

std::string_view next_of(Fault fault) noexcept {
    switch (fault) {
        case Fault::absolute_target:
            return "Send the path alone, and the host in the Host header.";
        case Fault::target_too_long:
            return "Send a shorter path and query.";
        case Fault::bad_version:
            return "Send the request in HTTP/1.1.";
        case Fault::too_many_headers:
        case Fault::head_too_large:
            return "Send fewer or shorter headers.";
        case Fault::bad_expectation:
            return "Leave the Expect header out, or say 100-continue.";
        default:
            return kWellFormed;
    }
}

}  // namespace

Words words_of(Fault fault) noexcept {
    return {http1::status_of(fault), kMalformed,     http1::sentence_of(fault),
            field_of(fault),         next_of(fault), false};
}

Words words_of_slowness() noexcept {
    return {408,
            kMalformed,
            "The request did not arrive in time.",
            {},
            "Send the whole request at once.",
            true};
}

Words words_of_mistake() noexcept {
    return {500,
            "temporarily_unavailable",
            "The request could not be served.",
            {},
            "Send the same request again later.",
            true};
}

Response answer_of(const Words& words) {
    json::Object error;
    error["code"] = words.code;
    error["message"] = words.sentence;
    if (!words.field.empty()) error["field"] = words.field;
    error["retryable"] = words.retryable;
    error["next"] = words.next;
    json::Object body;
    body["error"] = std::move(error);
    Response response;
    response.head.status = words.status;
    response.head.headers.add("Content-Type", "application/json");
    response.head.headers.add("Cache-Control", "no-store");
    response.body = json::dump(body);
    return response;
}

}  // namespace x402::net
