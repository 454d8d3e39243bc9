// SPDX-License-Identifier: Apache-2.0
// Base58: what is read is the one text of its bytes, writing is the inverse of reading, and the cap
// holds both ways.
#include "x402/base/base58.hpp"
#include "x402/base/check.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const x402::ByteView bytes(data, size);
    const std::string_view text = x402::as_text(bytes);
    if (const auto got = x402::from_base58(text)) {
        X402_CHECK(got->size() <= x402::kBase58Bytes);
        X402_CHECK(x402::to_base58(*got) == text);
    }
    const x402::ByteView some = bytes.first(std::min(size, x402::kBase58Bytes));
    X402_CHECK(*x402::from_base58(x402::to_base58(some)) == x402::to_bytes(some));
    return 0;
}
