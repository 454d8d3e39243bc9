// SPDX-License-Identifier: Apache-2.0
// Pre-encoded challenges. See challenge.hpp; const after make().
#include "x402/server/challenge.hpp"

#include <algorithm>
#include <tuple>

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

// Which value a hole holds.
constexpr std::size_t kQuoteHole = 0;
constexpr std::size_t kUrlHole = 1;

std::size_t padded(std::size_t size) noexcept {
    return (size + 2) / 3 * 3;
}

std::size_t encoded(std::size_t plain) noexcept {
    return padded(plain) / 3 * 4;
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
    challenge.no_body_.pieces.push_back({"{}", net::Stencil::kNoHole});
    net::Stencil lines;
    std::string_view rest = text;
    for (bool last = false; !last;) {
        const std::size_t quote = rest.find(kQuoteJson);
        const std::size_t url = rest.find(kUrlJson);
        const bool url_first = url < quote;
        const std::size_t at = url_first ? url : quote;
        last = at == std::string_view::npos;
        net::Stencil::Piece plain{std::string(rest.substr(0, at)), net::Stencil::kNoHole};
        if (!last) {
            // Spaces up to a multiple of three: JSON does not mind them (RFC 8259 2).
            plain.text.resize(padded(plain.text.size()), ' ');
            plain.hole = url_first ? kUrlHole : kQuoteHole;
            if (!url_first) ++challenge.quotes_;
            rest.remove_prefix(at + (url_first ? kUrlJson.size() : kQuoteJson.size()));
        }
        lines.pieces.push_back({base64_encode(x402::as_bytes(plain.text)), plain.hole});
        challenge.encoded_chars_ += lines.pieces.back().text.size();
        challenge.body_.pieces.push_back(std::move(plain));
    }
    // Around the value stands what is the same in every 402 of ours.
    lines.pieces.front().text.insert(0, std::string(headers::kPaymentRequired) + ": ");
    lines.pieces.back()
        .text.append("\r\nContent-Type: application/json\r\nCache-Control: no-store\r\nVary: ")
        .append(kVary)
        .append("\r\n");
    challenge.head_ = net::PreparedHead::make(402, std::move(lines));
    X402_CHECK(challenge.head_.has_value());
    return challenge;
}

ChallengeText Challenge::fill(std::string_view quote, std::string_view url) const {
    ChallengeValues values;
    fill(values, quote, url);
    ChallengeText text;
    body_.append_to(text.body, values.in_body());
    text.header = base64_encode(x402::as_bytes(text.body));
    return text;
}

void Challenge::fill(ChallengeValues& into, std::string_view quote, std::string_view url) const {
    static_assert(std::tuple_size_v<decltype(into.quote_)> == kQuoteChars + 3);
    X402_CHECK(quote.size() == kQuoteChars);
    into.quote_.fill(' ');
    into.quote_.front() = '"';
    std::copy(quote.begin(), quote.end(), into.quote_.begin() + 1);
    into.quote_[kQuoteChars + 1] = '"';
    into.in_body_[kQuoteHole] = {into.quote_.data(), into.quote_.size()};
    into.encoded_quote_ = base64_encode(x402::as_bytes(into.in_body_[kQuoteHole]));
    into.in_head_[kQuoteHole] = into.encoded_quote_;
    if (!url_varies_) return;
    into.url_.append("\"").append(url).append("\"");
    into.url_.resize(padded(into.url_.size()), ' ');
    into.encoded_url_ = base64_encode(x402::as_bytes(into.url_));
    into.in_body_[kUrlHole] = into.url_;
    into.in_head_[kUrlHole] = into.encoded_url_;
}

std::size_t Challenge::header_size(std::size_t url_chars) const noexcept {
    const std::size_t urls = url_varies_ ? encoded(url_chars + 2) : 0;
    return encoded_chars_ + quotes_ * encoded(kQuoteChars + 2) + urls;
}

}  // namespace x402::server
