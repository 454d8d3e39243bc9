// SPDX-License-Identifier: Apache-2.0
#include "x402/client/fingerprint.hpp"

#include "x402/base/hex.hpp"
#include "x402/crypto/hash.hpp"

namespace x402::client {

Hash32 fingerprint(std::string_view method, const net::UrlParts& url, std::string_view body) {
    // Neither a method nor a URL can hold a newline, so no two requests have the same text.
    std::string text = "x402-request-1\n";
    text += method;
    text += '\n' + url.origin() + '\n' + url.target + '\n';
    text += to_hex(crypto::sha256(as_bytes(body)).view());
    return crypto::sha256(as_bytes(text));
}

std::string url_without_query(const net::UrlParts& url) {
    return url.origin() + url.target.substr(0, url.target.find('?'));
}

}  // namespace x402::client
