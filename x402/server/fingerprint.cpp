// SPDX-License-Identifier: Apache-2.0
// Fingerprints. See fingerprint.hpp; pure.
#include "x402/server/fingerprint.hpp"

#include "x402/crypto/hash.hpp"

namespace x402::server {

Hash32 request_fingerprint(std::string_view method, const Path& path) {
    // No part can hold a newline, so the parts cannot run into each other.
    std::string text;
    text.append(method).append("\n").append(path.text).append("\n");
    if (path.has_query) text.append("?").append(canonical_query(path.query));
    return crypto::sha256(x402::as_bytes(text));
}

Hash32 body_fingerprint(std::string_view body) {
    return crypto::sha256(x402::as_bytes(body));
}

}  // namespace x402::server
