// SPDX-License-Identifier: Apache-2.0
// Head and tail: every argument has one word in the head; a dynamic one's word is the offset of its
// tail, counted from the start of the tuple. Any thread.
#include "x402/chains/evm/abi.hpp"

#include <algorithm>

#include "x402/base/hex.hpp"
#include "x402/crypto/hash.hpp"

namespace x402::evm {
namespace {

constexpr std::size_t kWord = 32;
constexpr Selector kErrorString = 0x08c379a0;  // Error(string)
constexpr Selector kPanic = 0x4e487b71;        // Panic(uint256)

std::size_t padded(std::size_t size) noexcept {
    return (size + kWord - 1) / kWord * kWord;
}

bool all_zero(ByteView bytes) noexcept {
    return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t b) { return b == 0; });
}

// Contract texts go to logs only; even there, only printable ASCII.
std::string printable(std::string text) {
    constexpr std::size_t kMost = 200;
    if (text.size() > kMost) text.resize(kMost);
    for (char& c : text) {
        if (c < ' ' || c > '~') c = '?';
    }
    return text;
}

}  // namespace

Selector selector_of(std::string_view signature) noexcept {
    const Hash32 hash = crypto::keccak256(as_bytes(signature));
    Selector out = 0;
    for (std::size_t i = 0; i < 4; ++i) out = out << 8 | hash.data[i];
    return out;
}

Hash32 word_of(const U256& value) noexcept {
    return value.to_be();
}

Hash32 word_of(const Address& address) noexcept {
    Hash32 out;
    std::copy(address.data.begin(), address.data.end(), out.data.begin() + 12);
    return out;
}

AbiWriter& AbiWriter::word(const Hash32& value) {
    slots_.push_back(Slot{value, false, {}});
    return *this;
}

AbiWriter& AbiWriter::bytes(ByteView value) {
    Bytes tail = to_bytes(word_of(U256(value.size())).view());
    append(tail, value);
    tail.resize(kWord + padded(value.size()));
    return dynamic(std::move(tail));
}

AbiWriter& AbiWriter::dynamic(Bytes encoded) {
    slots_.push_back(Slot{{}, true, std::move(encoded)});
    return *this;
}

Bytes AbiWriter::finish() const {
    Bytes out;
    if (has_selector_) {
        for (int shift = 24; shift >= 0; shift -= 8) {
            out.push_back(static_cast<std::uint8_t>(selector_ >> shift));
        }
    }
    std::size_t offset = slots_.size() * kWord;
    for (const Slot& slot : slots_) {
        append(out, slot.is_dynamic ? word_of(U256(offset)).view() : slot.word.view());
        if (slot.is_dynamic) offset += slot.tail.size();
    }
    for (const Slot& slot : slots_) append(out, slot.tail);
    return out;
}

Result<Hash32> AbiReader::word(std::size_t slot) const {
    if (slot >= data_.size() / kWord) return fail(Errc::invalid, "the ABI data is too short");
    return Hash32::from(data_.subspan(slot * kWord, kWord));
}

Result<U256> AbiReader::uint(std::size_t slot) const {
    X402_TRY(const Hash32 value, word(slot));
    return U256::from_be(value.view());
}

Result<bool> AbiReader::boolean(std::size_t slot) const {
    X402_TRY(const U256 value, uint(slot));
    if (value > U256(1)) return fail(Errc::invalid, "an ABI bool is neither 0 nor 1");
    return !value.is_zero();
}

Result<Address> AbiReader::address(std::size_t slot) const {
    X402_TRY(const Hash32 value, word(slot));
    if (!all_zero(value.view().first(12)))
        return fail(Errc::invalid, "an ABI address has 32 bytes");
    return Address::from(value.view().subspan(12));
}

Result<AbiReader> AbiReader::at(std::size_t slot) const {
    X402_TRY(const U256 value, uint(slot));
    const auto offset = value.to_u64();
    if (!offset || *offset > data_.size() || *offset % kWord != 0) {
        return fail(Errc::invalid, "an ABI offset points outside");
    }
    return AbiReader(data_.subspan(static_cast<std::size_t>(*offset)));
}

Result<std::size_t> AbiReader::count(std::size_t slot, std::size_t most) const {
    X402_TRY(const U256 value, uint(slot));
    const auto size = value.to_u64();
    if (!size || *size > most) return fail(Errc::invalid, "an ABI length is too large");
    return static_cast<std::size_t>(*size);
}

Result<AbiReader> AbiReader::from(std::size_t slot) const {
    if (slot > data_.size() / kWord) return fail(Errc::invalid, "the ABI data is too short");
    return AbiReader(data_.subspan(slot * kWord));
}

Result<Bytes> AbiReader::bytes(std::size_t slot) const {
    X402_TRY(const AbiReader tail, at(slot));
    X402_TRY(const std::size_t size, tail.count(0, tail.data_.size()));
    const ByteView content = tail.data_.subspan(kWord);
    if (padded(size) > content.size()) return fail(Errc::invalid, "ABI bytes end too early");
    if (!all_zero(content.subspan(size, padded(size) - size))) {
        return fail(Errc::invalid, "the padding of ABI bytes is not zero");
    }
    return to_bytes(content.first(size));
}

Result<std::string> AbiReader::text(std::size_t slot) const {
    X402_TRY(const Bytes content, bytes(slot));
    return std::string(as_text(content));
}

std::string revert_text(ByteView data) {
    if (data.size() < 4) return {};
    Selector selector = 0;
    for (std::size_t i = 0; i < 4; ++i) selector = selector << 8 | data[i];
    const AbiReader reader(data.subspan(4));
    if (selector == kErrorString) {
        const auto text = reader.text(0);
        if (text) return printable(*text);
    }
    if (selector == kPanic) {
        const auto code = reader.uint(0);
        if (code) return "panic " + code->to_quantity();
    }
    return to_hex0x(data.first(4));
}

}  // namespace x402::evm
