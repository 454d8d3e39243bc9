// SPDX-License-Identifier: Apache-2.0
// First byte: 00-7f the byte itself; 80-b7 a short string; b8-bf a long one, whose length follows;
// c0-f7 a short list; f8-ff a long one. Any thread.
#include "x402/chains/evm/rlp.hpp"

namespace x402::evm {
namespace {

constexpr int kMaxDepth = 16;
constexpr std::size_t kShort = 55;

Bytes minimal_be(std::uint64_t value) {
    Bytes out;
    for (int shift = 56; shift >= 0; shift -= 8) {
        const auto byte = static_cast<std::uint8_t>(value >> shift);
        if (!out.empty() || byte != 0) out.push_back(byte);
    }
    return out;
}

void put_header(Bytes& out, std::size_t length, std::uint8_t base) {
    if (length <= kShort) {
        out.push_back(static_cast<std::uint8_t>(base + length));
        return;
    }
    const Bytes size = minimal_be(length);
    out.push_back(static_cast<std::uint8_t>(base + kShort + size.size()));
    append(out, size);
}

struct Header {
    bool is_list = false;
    std::size_t size = 0;    // of the header itself
    std::size_t length = 0;  // of the content
};

Result<std::size_t> long_length(ByteView input, std::size_t width) {
    if (input.size() < 1 + width) return fail(Errc::invalid, "RLP ends inside a length");
    if (input[1] == 0) return fail(Errc::invalid, "an RLP length has a leading zero");
    std::uint64_t length = 0;
    for (std::size_t i = 0; i < width; ++i) length = length << 8 | input[1 + i];
    if (length <= kShort) return fail(Errc::invalid, "an RLP length is not in its shortest form");
    if (length > input.size() - 1 - width) return fail(Errc::invalid, "RLP ends inside an item");
    return static_cast<std::size_t>(length);
}

Result<Header> read_header(ByteView input) {
    if (input.empty()) return fail(Errc::invalid, "RLP ends before an item");
    const std::uint8_t first = input[0];
    if (first < 0x80) return Header{false, 0, 1};
    const bool is_list = first >= 0xc0;
    const std::size_t code = static_cast<std::size_t>(first) - (is_list ? 0xc0 : 0x80);
    if (code <= kShort) {
        if (code > input.size() - 1) return fail(Errc::invalid, "RLP ends inside an item");
        if (!is_list && code == 1 && input[1] < 0x80) {
            return fail(Errc::invalid, "an RLP byte is not in its shortest form");
        }
        return Header{is_list, 1, code};
    }
    const std::size_t width = code - kShort;
    X402_TRY(const std::size_t length, long_length(input, width));
    return Header{is_list, 1 + width, length};
}

Result<RlpItem> decode_item(ByteView& input, int depth) {
    if (depth > kMaxDepth) return fail(Errc::too_large, "RLP lists nest too deep");
    X402_TRY(const Header header, read_header(input));
    ByteView content = input.subspan(header.size, header.length);
    input = input.subspan(header.size + header.length);
    RlpItem item;
    item.is_list = header.is_list;
    if (!header.is_list) {
        item.bytes = to_bytes(content);
        return item;
    }
    while (!content.empty()) {
        X402_TRY(RlpItem child, decode_item(content, depth + 1));
        item.items.push_back(std::move(child));
    }
    return item;
}

}  // namespace

Bytes rlp_string(ByteView bytes) {
    if (bytes.size() == 1 && bytes[0] < 0x80) return to_bytes(bytes);
    Bytes out;
    put_header(out, bytes.size(), 0x80);
    append(out, bytes);
    return out;
}

Bytes rlp_uint(const U256& value) {
    const auto word = value.to_be();
    const auto width = static_cast<std::size_t>((value.bit_width() + 7) / 8);
    return rlp_string(word.view().subspan(32 - width));
}

Bytes rlp_list(std::span<const Bytes> encoded) {
    std::size_t length = 0;
    for (const Bytes& item : encoded) length += item.size();
    Bytes out;
    put_header(out, length, 0xc0);
    for (const Bytes& item : encoded) append(out, item);
    return out;
}

Result<RlpItem> rlp_decode(ByteView input) {
    X402_TRY(RlpItem item, decode_item(input, 0));
    if (!input.empty()) return fail(Errc::invalid, "bytes follow the RLP item");
    return item;
}

Result<U256> rlp_to_uint(const RlpItem& item) {
    if (item.is_list) return fail(Errc::invalid, "an RLP number is a list");
    if (!item.bytes.empty() && item.bytes[0] == 0) {
        return fail(Errc::invalid, "an RLP number has a leading zero");
    }
    return U256::from_be(item.bytes);
}

}  // namespace x402::evm
