// SPDX-License-Identifier: Apache-2.0
// A keystore file from a stranger: it ends in a key or an error, within the memory we grant. Costs
// that are allowed but slow are skipped here by looking for long numbers, else every run would take
// a second.
#include "x402/base/check.hpp"
#include "x402/crypto/keystore.hpp"

namespace {

// True when some run of digits outside of strings is longer than three: n, r, p and c stay below a
// thousand.
bool is_slow(std::string_view text) {
    std::size_t digits = 0;
    bool quoted = false;
    for (const char c : text) {
        if (c == '"') quoted = !quoted;
        digits = c >= '0' && c <= '9' && !quoted ? digits + 1 : 0;
        if (digits > 3) return true;
    }
    return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (is_slow(text)) return 0;
    const auto key = x402::crypto::keystore_decrypt(text, "p");
    if (key) {
        X402_CHECK(!key->empty() && key->reveal().size() <= 256);
    } else {
        X402_CHECK(!key.error().detail.empty());
    }
    return 0;
}
