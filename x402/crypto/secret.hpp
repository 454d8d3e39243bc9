// SPDX-License-Identifier: Apache-2.0
// Bytes that must not be copied, printed or left behind: keys, tokens, passwords. Zeroed when they
// die. There is no conversion to text; whoever needs the bytes says `reveal()`, which is easy to
// search for. Any thread.
#pragma once

#include "x402/base/bytes.hpp"
#include "x402/base/result.hpp"

namespace x402::crypto {

class Secret {
public:
    Secret() = default;
    explicit Secret(Bytes bytes) noexcept : bytes_(std::move(bytes)) {}
    static Secret from_text(std::string_view text);
    Secret(Secret&& other) noexcept;
    Secret& operator=(Secret&& other) noexcept;
    Secret(const Secret&) = delete;
    Secret& operator=(const Secret&) = delete;
    ~Secret();

    ByteView reveal() const noexcept { return bytes_; }
    std::string_view reveal_text() const noexcept { return as_text(bytes_); }
    bool empty() const noexcept { return bytes_.empty(); }
    Secret clone() const;  // on purpose, and visible

private:
    void wipe() noexcept;
    Bytes bytes_;
};

// Reads "env:NAME" or "file:PATH" (relative to `base_dir`; one trailing newline is removed).
// Anything else, a missing variable, an empty value or a file over 64 KiB is an error whose `next`
// says the remedy.
Result<Secret> load_secret(std::string_view reference, const std::string& base_dir);

}  // namespace x402::crypto
