// SPDX-License-Identifier: Apache-2.0
// The 402 of a route, prepared once: its JSON is cut around the few places that differ from request
// to request (the quote, the URL), each cut on a multiple of three bytes, so that base64 of the
// whole is the base64 of the pieces one after another. Answering an unpaid request is then copying,
// with one MAC. Const: any thread.
#pragma once

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

class Challenge {
public:
    Challenge() = default;
    // `required` without quotes and, where `url_varies`, without a URL. too_large when the header
    // cannot stay under the cap.
    static Result<Challenge> make(PaymentRequired required, bool url_varies);

    // `quote` has kQuoteChars characters; `url` is plain ASCII without quotes or backslashes and is
    // not looked at where it does not vary.
    ChallengeText fill(std::string_view quote, std::string_view url) const;
    // The header's length for a URL of this length.
    std::size_t header_size(std::size_t url_chars) const noexcept;

private:
    enum class Hole { none, quote, url };
    struct Piece {
        std::string plain;
        std::string encoded;
        Hole after = Hole::none;
    };
    std::vector<Piece> pieces_;
};

}  // namespace x402::server
