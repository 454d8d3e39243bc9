// SPDX-License-Identifier: Apache-2.0
// The 402 of a route, prepared once: its JSON is cut around the few places that differ from request
// to request (the quote, the URL), each cut on a multiple of three bytes, so that base64 of the
// whole is the base64 of the pieces one after another. Answering an unpaid request is then copying,
// with one MAC. Const: any thread.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "x402/base/result.hpp"
#include "x402/net/http.hpp"
#include "x402/protocol/types.hpp"

namespace x402::server {

struct ChallengeText {
    std::string header;  // PAYMENT-REQUIRED
    std::string body;    // the same object
};

// What one answer adds to the prepared text. Not moved once it was filled: the values look into it.
class ChallengeValues {
public:
    ChallengeValues() = default;
    ChallengeValues(const ChallengeValues&) = delete;
    ChallengeValues& operator=(const ChallengeValues&) = delete;
    std::span<const std::string_view> in_head() const noexcept { return in_head_; }
    std::span<const std::string_view> in_body() const noexcept { return in_body_; }

private:
    friend class Challenge;
    std::array<char, 63> quote_{};  // with its quotation marks, on a multiple of three
    std::string encoded_quote_;
    std::string url_;
    std::string encoded_url_;
    std::array<std::string_view, 2> in_head_;
    std::array<std::string_view, 2> in_body_;
};

class Challenge {
public:
    Challenge() = default;
    // `required` without quotes and, where `url_varies`, without a URL. too_large when the header
    // cannot stay under the cap.
    static Result<Challenge> make(PaymentRequired required, bool url_varies);

    // `quote` has kQuoteChars characters; `url` is plain ASCII without quotes or backslashes and is
    // not looked at where it does not vary.
    ChallengeText fill(std::string_view quote, std::string_view url) const;
    // The same as an answer: a prepared head (PAYMENT-REQUIRED, what the body is, and what caches
    // may do) and body, and what stands in their holes. Without `mirrored` the body is an empty
    // object.
    const net::PreparedHead& head() const noexcept { return *head_; }
    const net::Stencil& body(bool mirrored) const noexcept { return mirrored ? body_ : no_body_; }
    void fill(ChallengeValues& into, std::string_view quote, std::string_view url) const;
    // The header's length for a URL of this length.
    std::size_t header_size(std::size_t url_chars) const noexcept;

private:
    std::optional<net::PreparedHead> head_;  // once it is made
    net::Stencil body_;
    net::Stencil no_body_;
    std::size_t encoded_chars_ = 0;  // of the header, without the holes
    std::size_t quotes_ = 0;         // holes
    bool url_varies_ = false;
};

}  // namespace x402::server
