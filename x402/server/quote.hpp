// SPDX-License-Identifier: Apache-2.0
// extra.quote: 128 random bits, an expiry and a MAC in every offer. It never reaches a chain, so
// only who was given the offer can repeat it: that is how a grant tells its client from whoever saw
// the payment on a chain. It is bound to the route and its terms, which tells a payment that was
// made for another route.
//
//     version 1 | route tag 8 | expiry 4 (Unix seconds) | random 16 | MAC 16     = 45 bytes, 60
//     characters
//
// The length in characters divides by three, so that a pre-encoded header can be cut around it. Any
// thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "x402/base/env.hpp"
#include "x402/base/result.hpp"
#include "x402/crypto/hash.hpp"
#include "x402/crypto/secret.hpp"

namespace x402::server {

inline constexpr std::size_t kQuoteChars = 60;

using RouteTag = FixedBytes<8>;
RouteTag route_tag(std::string_view match);

// What a quote is bound to.
struct QuoteScope {
    RouteTag route;
    Hash32 terms;  // of all offers of the route
};

struct QuoteRead {
    RouteTag route;
    Instant expires{};
};

class Quotes {
public:
    // A key for quotes alone is derived from `secret`.
    explicit Quotes(const crypto::Secret& secret);

    std::string make(const QuoteScope& scope, Instant expires, Random& random) const;
    // What a text claims, before anybody trusts it; nothing when it is no quote of this version.
    static std::optional<QuoteRead> read(std::string_view text);
    // Whether we made it for this scope.
    bool genuine(std::string_view text, const QuoteScope& scope) const;

private:
    FixedBytes<16> mac(ByteView signed_part, const QuoteScope& scope) const;
    crypto::HmacSha256Key key_;
};

// What a grant records; all zero for an empty text, which matches nothing.
Hash32 quote_hash(std::string_view text);

// The secret beside a store: "sqlite:gateway.db" keeps it in "gateway.db.quotes", readable by its
// owner only, made at the first start. "memory:" has one that ends with the process.
Result<crypto::Secret> load_quote_secret(const std::string& store, const std::string& base_dir,
                                         Random& random);

}  // namespace x402::server
