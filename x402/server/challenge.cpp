// SPDX-License-Identifier: Apache-2.0
// Pre-encoded challenges. See challenge.hpp; const after make().
#include "x402/server/challenge.hpp"

#include "x402/base/base64.hpp"
#include "x402/base/check.hpp"
#include "x402/protocol/codec.hpp"
#include "x402/protocol/headers.hpp"
#include "x402/server/answers.hpp"
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
    challenge.url_varies_ = url_varies;
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
        piece.line = base64_encode(x402::as_bytes(piece.plain));
        piece.count = piece.line.size();
        challenge.pieces_.push_back(std::move(piece));
        if (last) break;
        rest.remove_prefix(at + (url_first ? kUrlJson.size() : kQuoteJson.size()));
    }
    challenge.wrap();
    return challenge;
}

// Around the value stands what is the same in every 402 of ours.
void Challenge::wrap() {
    std::string name(headers::kPaymentRequired);
    name += ": ";
    pieces_.front().from = name.size();
    pieces_.front().line.insert(0, name);
    pieces_.back()
        .line.append("\r\nContent-Type: application/json\r\nCache-Control: no-store\r\nVary: ")
        .append(kVary)
        .append("\r\n");
}

ChallengeText Challenge::fill(std::string_view quote, std::string_view url) const {
    ChallengeAnswer answer;
    render(answer, quote, url);
    ChallengeText text;
    text.header.reserve(header_size(url.size()));
    for (const std::string_view piece : answer.body()) text.body += piece;
    for (const Piece& piece : pieces_) {
        text.header += piece.encoded();
        if (piece.after == Hole::quote) text.header += answer.quote_.encoded;
        if (piece.after == Hole::url) text.header += answer.url_.encoded;
    }
    return text;
}

void Challenge::render(ChallengeAnswer& into, std::string_view quote, std::string_view url) const {
    X402_DCHECK(quote.size() == kQuoteChars);
    X402_CHECK(into.pieces_.empty());
    into.quote_.plain = hole_text(quote);
    into.quote_.encoded = base64_encode(x402::as_bytes(into.quote_.plain));
    if (url_varies_) {
        into.url_.plain = hole_text(url);
        into.url_.encoded = base64_encode(x402::as_bytes(into.url_.plain));
    }
    // Each piece but the last has a hole behind it; lines and body have the same number.
    into.lines_ = 2 * pieces_.size() - 1;
    into.pieces_.resize(2 * into.lines_);
    std::size_t at = 0;
    for (const Piece& piece : pieces_) {
        into.pieces_[at] = piece.line;
        into.pieces_[into.lines_ + at] = piece.plain;
        if (piece.after == Hole::none) break;
        const ChallengeAnswer::Text& hole = piece.after == Hole::quote ? into.quote_ : into.url_;
        into.pieces_[at + 1] = hole.encoded;
        into.pieces_[into.lines_ + at + 1] = hole.plain;
        at += 2;
    }
}

std::size_t Challenge::header_size(std::size_t url_chars) const noexcept {
    std::size_t size = 0;
    for (const Piece& piece : pieces_) {
        size += piece.count;
        if (piece.after == Hole::quote) size += padded(kQuoteChars + 2) / 3 * 4;
        if (piece.after == Hole::url) size += padded(url_chars + 2) / 3 * 4;
    }
    return size;
}

}  // namespace x402::server
