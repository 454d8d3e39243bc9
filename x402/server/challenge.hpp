// SPDX-License-Identifier: Apache-2.0
// The 402 of a route, prepared once: its JSON is cut around the few places that differ from request
// to request (the quote, the URL), each cut on a multiple of three bytes, so that base64 of the
// whole is the base64 of the pieces one after another. Answering an unpaid request is then copying,
// with one MAC. Const: any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "x402/base/result.hpp"
#include "x402/protocol/types.hpp"

namespace x402::server {

struct ChallengeText {
    std::string header;  // PAYMENT-REQUIRED
    std::string body;    // the same object
};

// What one answer adds to the prepared text. Not moved once it was rendered: the pieces look into
// it, and into the challenge.
class ChallengeAnswer {
public:
    ChallengeAnswer() = default;
    ChallengeAnswer(const ChallengeAnswer&) = delete;
    ChallengeAnswer& operator=(const ChallengeAnswer&) = delete;
    // Whole header lines: PAYMENT-REQUIRED, what the body is, and what caches may do.
    std::span<const std::string_view> lines() const noexcept { return {pieces_.data(), lines_}; }
    std::span<const std::string_view> body() const noexcept {
        return std::span(pieces_).subspan(lines_);
    }

private:
    friend class Challenge;
    struct Text {
        std::string plain;
        std::string encoded;
    };
    Text quote_;
    Text url_;
    std::vector<std::string_view> pieces_;
    std::size_t lines_ = 0;
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
    // The same as pieces of an answer, none of the prepared text copied. `into` is new.
    void render(ChallengeAnswer& into, std::string_view quote, std::string_view url) const;
    // The header's length for a URL of this length.
    std::size_t header_size(std::size_t url_chars) const noexcept;

private:
    enum class Hole { none, quote, url };
    struct Piece {
        std::string_view encoded() const noexcept {
            return std::string_view(line).substr(from, count);
        }

        std::string plain;
        std::string line;  // in base64; the header's name before the first, the rest behind all
        std::size_t from = 0;
        std::size_t count = 0;
        Hole after = Hole::none;
    };
    void wrap();
    std::vector<Piece> pieces_;
    bool url_varies_ = false;
};

}  // namespace x402::server
