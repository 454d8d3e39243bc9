// SPDX-License-Identifier: Apache-2.0
// The contract ABI, as far as our few calls need it (Solidity ABI specification, "Formal
// Specification of the Encoding"). Reading is strict: a word that is not what its type demands is
// an error, because the answer of a contract is outside input. Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "x402/base/bytes.hpp"
#include "x402/base/u256.hpp"
#include "x402/chains/evm/address.hpp"

namespace x402::evm {

using Selector = std::uint32_t;
// The first four bytes of the hash of "name(types)".
Selector selector_of(std::string_view signature) noexcept;
Hash32 word_of(const U256& value) noexcept;
Hash32 word_of(const Address& address) noexcept;

// Arguments in their order; dynamic ones go to the tail.
class AbiWriter {
public:
    AbiWriter() = default;
    explicit AbiWriter(Selector selector) : selector_(selector), has_selector_(true) {}
    AbiWriter& word(const Hash32& value);
    AbiWriter& uint(const U256& value) { return word(word_of(value)); }
    AbiWriter& address(const Address& value) { return word(word_of(value)); }
    AbiWriter& boolean(bool value) { return uint(value ? 1 : 0); }
    AbiWriter& bytes(ByteView value);
    AbiWriter& text(std::string_view value) { return bytes(as_bytes(value)); }
    // Something dynamic that is encoded already (a tuple, an array).
    AbiWriter& dynamic(Bytes encoded);
    Bytes finish() const;

private:
    struct Slot {
        Hash32 word;
        bool is_dynamic = false;
        Bytes tail;
    };
    Selector selector_ = 0;
    bool has_selector_ = false;
    std::vector<Slot> slots_;
};

// A view of an encoded tuple: slot i is its i-th word. The bytes outlive the reader.
class AbiReader {
public:
    explicit AbiReader(ByteView data) noexcept : data_(data) {}
    Result<Hash32> word(std::size_t slot) const;
    Result<U256> uint(std::size_t slot) const;
    Result<bool> boolean(std::size_t slot) const;
    Result<Address> address(std::size_t slot) const;
    Result<Bytes> bytes(std::size_t slot) const;
    Result<std::string> text(std::size_t slot) const;
    // The tuple or array content that the offset in this slot points to.
    Result<AbiReader> at(std::size_t slot) const;
    // The words of an array: its length is in slot 0 of `at(slot)`, its content follows.
    Result<std::size_t> count(std::size_t slot, std::size_t most) const;
    Result<AbiReader> from(std::size_t slot) const;  // the same bytes from this word on

private:
    ByteView data_;
};

// The text of a revert: Error(string), Panic(uint256) as "panic 0x11", otherwise the selector in
// hex, or "".
std::string revert_text(ByteView data);

}  // namespace x402::evm
