// SPDX-License-Identifier: Apache-2.0
// Pre-encoded challenges. See challenge.hpp; const after make().
#include "x402/server/challenge.hpp"

#include "x402/base/base64.hpp"
#include "x402/base/check.hpp"
#include "x402/protocol/codec.hpp"
#include "x402/server/matching.hpp"
#include "x402/server/quote.hpp"

namespace x402::server {
namespace {

// Stand-ins that no operator writes into a description: bytes below 0x20 are escaped in JSON, so
// that these escapes can only be ours as long as the texts hold no control bytes, which make()
// checks.
constexpr std::string_view kQuoteMark = "\x01quote";
constexpr std::string_view kUrlMark = "\x01url";
constexpr std::string_view kQuoteJson = "\"\\u0001quote\"";
constexpr std::string_view kUrlJson = "\"\\u0001url\"";

std::size_t padded(std::size_t size) noexcept {
    return (size + 2) / 3 * 3;
}

// The hole's JSON text, spaces up to a multiple of three behind it: JSON does not mind them (RFC
// 8259 2).
std::string hole_text(std::string_view value) {
    std::string text;
    text.reserve(value.size() + 4);
    text.append("\"").append(value).append("\"");
    text.resize(padded(text.size()), ' ');
    return text;
}

}  // namespace

Result<Challenge> Challenge::make(PaymentRequired required, bool url_varies) {
    const json::Object as_given = write(required);
    if (json::dump(as_given).find("\\u0001") != std::string::npos) {
        return fail_field(Errc::invalid, "description", "a text of the offer holds a control byte",
                          "remove it");
    }
    if (url_varies) required.resource.url = kUrlMark;
    for (PaymentRequirements& offer : required.accepts) offer.extra[kQuoteMember] = kQuoteMark;
    const std::string text = json::dump(write(required));

    Challenge challenge;
    std::string_view rest = text;
    for (;;) {
        const std::size_t quote = rest.find(kQuoteJson);
        const std::size_t url = rest.find(kUrlJson);
        const bool url_first = url < quote;
        const std::size_t at = url_first ? url : quote;
        Piece piece;
        piece.plain = rest.substr(0, at);
        const bool last = at == std::string_view::npos;
        if (!last) {
            piece.plain.resize(padded(piece.plain.size()), ' ');
            piece.after = url_first ? Hole::url : Hole::quote;
        }
        piece.encoded = base64_encode(x402::as_bytes(piece.plain));
        challenge.pieces_.push_back(std::move(piece));
        if (last) return challenge;
        rest.remove_prefix(at + (url_first ? kUrlJson.size() : kQuoteJson.size()));
    }
}

ChallengeText Challenge::fill(std::string_view quote, std::string_view url) const {
    X402_DCHECK(quote.size() == kQuoteChars);
    const std::string quote_plain = hole_text(quote);
    const std::string quote_encoded = base64_encode(x402::as_bytes(quote_plain));
    std::string url_plain;
    std::string url_encoded;
    ChallengeText text;
    text.header.reserve(header_size(url.size()));
    text.body.reserve(header_size(url.size()) / 4 * 3);
    for (const Piece& piece : pieces_) {
        text.body += piece.plain;
        text.header += piece.encoded;
        if (piece.after == Hole::quote) {
            text.body += quote_plain;
            text.header += quote_encoded;
        } else if (piece.after == Hole::url) {
            url_plain = hole_text(url);
            url_encoded = base64_encode(x402::as_bytes(url_plain));
            text.body += url_plain;
            text.header += url_encoded;
        }
    }
    return text;
}

std::size_t Challenge::header_size(std::size_t url_chars) const noexcept {
    std::size_t size = 0;
    for (const Piece& piece : pieces_) {
        size += piece.encoded.size();
        if (piece.after == Hole::quote) size += padded(kQuoteChars + 2) / 3 * 4;
        if (piece.after == Hole::url) size += padded(url_chars + 2) / 3 * 4;
    }
    return size;
}

}  // namespace x402::server
