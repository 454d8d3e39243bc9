// SPDX-License-Identifier: Apache-2.0
// Bodies out of their framing (RFC 9112 6, 7.1). Chunk extensions and trailers are read and
// dropped, within caps; a size line or trailer that ends in anything but CR LF is refused.
#include <algorithm>
#include <cstring>
#include <limits>

#include "x402/net/http1.hpp"

namespace x402::net::http1 {
namespace {

constexpr std::size_t kSizeLineBytes = 256;
constexpr std::size_t kTrailerBytes = 8 * 1024;
constexpr int kSizeDigits = 15;  // no overflow of 64 bits

int hex_digit(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool is_space(char c) noexcept {
    return c == ' ' || c == '\t';
}

bool is_text_char(char c) noexcept {
    const auto u = static_cast<unsigned char>(c);
    return u == '\t' || (u >= 0x20 && u != 0x7f);
}

}  // namespace

BodyDecoder::BodyDecoder(Framing framing, std::uint64_t length) noexcept : framing_(framing) {
    if (framing == Framing::chunked) state_ = State::size;
    if (framing == Framing::until_close) {
        state_ = State::raw;
        left_ = std::numeric_limits<std::uint64_t>::max();
    }
    if (framing == Framing::length && length > 0) {
        state_ = State::raw;
        left_ = length;
    }
}

std::optional<std::uint64_t> BodyDecoder::remaining() const noexcept {
    if (state_ == State::done) return 0;
    if (framing_ == Framing::length) return left_;
    return std::nullopt;
}

std::uint64_t BodyDecoder::direct() const noexcept {
    return state_ == State::raw || state_ == State::data ? left_ : 0;
}

void BodyDecoder::took_direct(std::uint64_t bytes) noexcept {
    if (framing_ == Framing::until_close) return;
    left_ -= bytes;
    if (left_ > 0) return;
    state_ = state_ == State::data ? State::data_cr : State::done;
}

bool BodyDecoder::end_of_input() noexcept {
    if (framing_ == Framing::until_close) state_ = State::done;
    return state_ == State::done;
}

Read<BodyDecoder::Step> BodyDecoder::decode(std::string_view in, std::span<char> out) {
    Step step;
    while (step.consumed < in.size() && !done()) {
        if (const std::uint64_t available = direct(); available > 0) {
            const std::size_t room =
                std::min(out.size() - step.produced, in.size() - step.consumed);
            const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(available, room));
            if (count == 0) break;
            std::memcpy(out.data() + step.produced, in.data() + step.consumed, count);
            step.consumed += count;
            step.produced += count;
            took_direct(count);
            continue;
        }
        const auto read = framing_char(in[step.consumed]);
        if (!read) return std::unexpected(read.error());
        ++step.consumed;
    }
    return step;
}

// "1f;name=value\r\n" data "\r\n" ... "0\r\n" trailers "\r\n"
Read<void> BodyDecoder::framing_char(char c) {
    const auto bad = std::unexpected(Fault::bad_chunk);
    const auto expect = [&](char wanted, State next) -> Read<void> {
        if (c != wanted) return bad;
        state_ = next;
        return {};
    };
    switch (state_) {
        case State::size: {
            const int digit = hex_digit(c);
            if (digit >= 0) {
                if (++digits_ > kSizeDigits) return std::unexpected(Fault::chunk_too_long);
                left_ = left_ * 16 + static_cast<std::uint64_t>(digit);
                return {};
            }
            if (digits_ == 0) return bad;
            if (c == '\r') {
                state_ = State::size_lf;
                return {};
            }
            return expect(';', State::extension_start);
        }
        case State::extension_start:
            // Something has to be named, with or without white space before it (RFC 9112 7.1.1).
            if (!tolerant_ && !is_space(c) && !is_token({&c, 1})) return bad;
            if (tolerant_ || !is_space(c)) state_ = State::extension;
            [[fallthrough]];
        case State::extension:
            if (++line_ > kSizeLineBytes) return std::unexpected(Fault::chunk_too_long);
            if (c == '\r') {
                state_ = State::size_lf;
                return {};
            }
            if (!is_text_char(c)) return bad;
            return {};
        case State::size_lf:
            if (c != '\n') return bad;
            end_size_line();
            return {};
        case State::data_cr:
            return expect('\r', State::data_lf);
        case State::data_lf:
            return expect('\n', State::size);
        case State::trailer_start:
        case State::trailer_name:
        case State::trailer:
            return trailer_char(c);
        case State::trailer_lf:
            return expect('\n', State::trailer_start);
        case State::last_lf:
            return expect('\n', State::done);
        case State::data:
        case State::raw:
        case State::done:
            break;
    }
    return bad;
}

// A line that is no field might be the next request in the eyes of another reader.
Read<void> BodyDecoder::trailer_char(char c) {
    if (state_ == State::trailer_start && c == '\r') {
        state_ = State::last_lf;
        return {};
    }
    if (++line_ > kTrailerBytes) return std::unexpected(Fault::chunk_too_long);
    if (state_ == State::trailer) {
        if (c == '\r') {
            state_ = State::trailer_lf;
            return {};
        }
        if (!is_text_char(c)) return std::unexpected(Fault::bad_chunk);
        return {};
    }
    if (state_ == State::trailer_name && c == ':') {
        state_ = State::trailer;
        return {};
    }
    const bool named = is_token({&c, 1});
    if (!named && (!tolerant_ || is_space(c) || c == ':' || !is_text_char(c)))
        return std::unexpected(Fault::bad_chunk);
    state_ = tolerant_ ? State::trailer : State::trailer_name;
    return {};
}

void BodyDecoder::end_size_line() noexcept {
    state_ = left_ > 0 ? State::data : State::trailer_start;
    digits_ = 0;
    line_ = 0;
}

}  // namespace x402::net::http1
