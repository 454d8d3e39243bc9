// SPDX-License-Identifier: Apache-2.0
// A reader takes bytes from the front and never past the end; every count is held against what is
// left before room is made for it. The demands are those of the runtime's own sanitizing, and one
// text for one meaning on top of them.
#include "x402/chains/svm/transaction.hpp"

#include <algorithm>

#include "x402/base/base64.hpp"
#include "x402/base/check.hpp"
#include "x402/crypto/hash.hpp"

namespace x402::svm {
namespace {

constexpr std::uint8_t kVersionBit = 0x80;
constexpr std::size_t kSmallestInstruction = 3;  // program, no accounts, no data
constexpr std::size_t kSmallestLookup = 34;      // table, nothing of it
constexpr std::size_t kLargestLength = 0xffff;

std::unexpected<Error> broken(std::string what) {
    return fail(Errc::invalid, "Solana transaction: " + std::move(what));
}

class Reader {
public:
    explicit Reader(ByteView bytes) noexcept : left_(bytes) {}

    std::size_t left() const noexcept { return left_.size(); }
    ByteView rest() const noexcept { return left_; }

    Result<ByteView> take(std::size_t count) {
        if (count > left_.size()) return broken("it ends too soon");
        const ByteView taken = left_.first(count);
        left_ = left_.subspan(count);
        return taken;
    }
    Result<std::uint8_t> byte() {
        X402_TRY(const ByteView taken, take(1));
        return taken[0];
    }
    // Seven bits a byte, the lowest first; the top bit says that another byte follows.
    Result<std::size_t> length() {
        std::size_t value = 0;
        for (unsigned shift = 0; shift <= 14; shift += 7) {
            X402_TRY(const std::uint8_t next, byte());
            if (shift != 0 && next == 0) return broken("a length is not in its shortest form");
            value |= static_cast<std::size_t>(next & 0x7f) << shift;
            if ((next & 0x80) != 0) continue;
            if (value > kLargestLength) break;
            return value;
        }
        return broken("a length is beyond 65535");
    }
    // How many things follow, of at least `smallest` bytes each.
    Result<std::size_t> count(std::size_t smallest) {
        X402_TRY(const std::size_t value, length());
        if (value > left_.size() / smallest) return broken("it ends before what it announces");
        return value;
    }
    Result<Bytes> bytes() {
        X402_TRY(const std::size_t size, count(1));
        X402_TRY(const ByteView taken, take(size));
        return to_bytes(taken);
    }
    template <std::size_t N>
    Result<FixedBytes<N>> fixed() {
        X402_TRY(const ByteView taken, take(N));
        return FixedBytes<N>::from(taken);
    }

private:
    ByteView left_;
};

Result<void> read_header(Reader& reader, Message& message) {
    X402_TRY(std::uint8_t first, reader.byte());
    message.versioned = (first & kVersionBit) != 0;
    if (message.versioned) {
        if (first != kVersionBit) {
            return fail(Errc::unsupported, "Solana transaction: it is of version " +
                                               std::to_string(first & 0x7f) +
                                               ", only legacy and 0 are read");
        }
        X402_TRY(first, reader.byte());
    }
    message.signers = first;
    X402_TRY(message.readonly_signers, reader.byte());
    X402_TRY(message.readonly_others, reader.byte());
    return {};
}

Result<void> read_keys(Reader& reader, Message& message) {
    X402_TRY(const std::size_t count, reader.count(Address::size()));
    message.keys.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        X402_TRY(const Address key, reader.fixed<Address::size()>());
        message.keys.push_back(key);
    }
    X402_TRY(message.blockhash, reader.fixed<Hash32::size()>());
    return {};
}

Result<void> read_instructions(Reader& reader, Message& message) {
    X402_TRY(const std::size_t count, reader.count(kSmallestInstruction));
    message.instructions.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        CompiledInstruction instruction;
        X402_TRY(instruction.program, reader.byte());
        X402_TRY(instruction.accounts, reader.bytes());
        X402_TRY(instruction.data, reader.bytes());
        message.instructions.push_back(std::move(instruction));
    }
    return {};
}

Result<void> read_lookups(Reader& reader, Message& message) {
    X402_TRY(const std::size_t count, reader.count(kSmallestLookup));
    message.lookups.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        TableLookup lookup;
        X402_TRY(lookup.table, reader.fixed<Address::size()>());
        X402_TRY(lookup.writable, reader.bytes());
        X402_TRY(lookup.readonly, reader.bytes());
        message.lookups.push_back(std::move(lookup));
    }
    return {};
}

Result<void> check_keys(const Message& message) {
    const std::size_t signers = message.signers;
    const std::size_t keys = message.keys.size();
    if (signers == 0) return broken("nobody signs it");
    if (signers > keys) return broken("more signers than keys");
    if (message.readonly_signers >= signers) return broken("its fee payer is not writable");
    if (message.readonly_others > keys - signers) return broken("more readonly keys than keys");
    auto sorted = message.keys;
    std::sort(sorted.begin(), sorted.end());
    if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) {
        return broken("a key stands in it twice");
    }
    return {};
}

// A program is a static key, so that what is called is known without any table, and never the fee
// payer.
Result<void> check_indices(const Message& message) {
    const std::size_t total = message.keys.size() + message.looked_up();
    if (total > kAccounts) return broken("more than 256 accounts");
    for (const CompiledInstruction& instruction : message.instructions) {
        if (instruction.program == 0) return broken("its fee payer is called as a program");
        if (instruction.program >= message.keys.size()) {
            return broken("a program is not among its keys");
        }
        const bool known = std::all_of(instruction.accounts.begin(), instruction.accounts.end(),
                                       [total](std::uint8_t index) { return index < total; });
        if (!known) return broken("an instruction names an account that is not there");
    }
    const bool idle = std::any_of(
        message.lookups.begin(), message.lookups.end(),
        [](const TableLookup& each) { return each.writable.empty() && each.readonly.empty(); });
    if (idle) return broken("a table is named that nothing is looked up in");
    return {};
}

// Of a transaction around a message with that many signers, besides the message.
constexpr std::size_t bytes_around(std::size_t signers) noexcept {
    return (signers < 0x80 ? 1 : 2) + signers * Signature::size();
}

void put_length(Bytes& out, std::size_t value) {
    X402_CHECK(value <= kLargestLength);
    for (; value >= 0x80; value >>= 7) out.push_back(static_cast<std::uint8_t>(value | 0x80));
    out.push_back(static_cast<std::uint8_t>(value));
}

void put_bytes(Bytes& out, ByteView bytes) {
    put_length(out, bytes.size());
    append(out, bytes);
}

}  // namespace

std::size_t Message::looked_up() const noexcept {
    std::size_t count = 0;
    for (const TableLookup& each : lookups) count += each.writable.size() + each.readonly.size();
    return count;
}

bool Message::is_writable_static(std::size_t index) const noexcept {
    if (index >= keys.size()) return false;
    // In a sum, so that no header can take it below zero.
    if (index < signers) return index + readonly_signers < signers;
    return index + readonly_others < keys.size();
}

Result<Message> read_message(ByteView bytes) {
    if (bytes.size() > kTransactionBytes) {
        return fail(Errc::too_large, "Solana transaction: it has more than 1232 bytes");
    }
    Reader reader(bytes);
    Message message;
    X402_TRY_VOID(read_header(reader, message));
    X402_TRY_VOID(read_keys(reader, message));
    X402_TRY_VOID(read_instructions(reader, message));
    if (message.versioned) X402_TRY_VOID(read_lookups(reader, message));
    if (reader.left() != 0) return broken("bytes follow its end");
    X402_TRY_VOID(check_keys(message));
    X402_TRY_VOID(check_indices(message));
    if (bytes_around(message.signers) + bytes.size() > kTransactionBytes) {
        return fail(Errc::too_large, "Solana transaction: 1232 bytes do not hold its signatures");
    }
    return message;
}

Result<Transaction> read_transaction(ByteView wire) {
    if (wire.size() > kTransactionBytes) {
        return fail(Errc::too_large, "Solana transaction: it has more than 1232 bytes");
    }
    Reader reader(wire);
    Transaction transaction;
    X402_TRY(const std::size_t count, reader.count(Signature::size()));
    transaction.signatures.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        X402_TRY(const Signature signature, reader.fixed<Signature::size()>());
        transaction.signatures.push_back(signature);
    }
    transaction.message_bytes = to_bytes(reader.rest());
    X402_TRY(transaction.message, read_message(transaction.message_bytes));
    if (count != transaction.message.signers) {
        return broken("it has " + std::to_string(count) + " signatures for " +
                      std::to_string(transaction.message.signers) + " signers");
    }
    return transaction;
}

Result<Transaction> read_transaction_text(std::string_view base64) {
    X402_TRY(const Bytes wire, base64_decode(base64, kTransactionBytes));
    return read_transaction(wire);
}

Bytes write(const Message& message) {
    Bytes out;
    if (message.versioned) out.push_back(kVersionBit);
    out.push_back(message.signers);
    out.push_back(message.readonly_signers);
    out.push_back(message.readonly_others);
    put_length(out, message.keys.size());
    for (const Address& key : message.keys) append(out, key.view());
    append(out, message.blockhash.view());
    put_length(out, message.instructions.size());
    for (const CompiledInstruction& each : message.instructions) {
        out.push_back(each.program);
        put_bytes(out, each.accounts);
        put_bytes(out, each.data);
    }
    if (!message.versioned) return out;
    put_length(out, message.lookups.size());
    for (const TableLookup& each : message.lookups) {
        append(out, each.table.view());
        put_bytes(out, each.writable);
        put_bytes(out, each.readonly);
    }
    return out;
}

Bytes write(const Transaction& transaction) {
    Bytes out;
    put_length(out, transaction.signatures.size());
    for (const Signature& each : transaction.signatures) append(out, each.view());
    append(out, transaction.message_bytes);
    return out;
}

std::string to_base64_text(const Transaction& transaction) {
    return base64_encode(write(transaction));
}

Transaction unsigned_transaction(const Message& message) {
    Transaction transaction;
    transaction.signatures.resize(message.signers);
    transaction.message = message;
    transaction.message_bytes = write(message);
    return transaction;
}

Hash32 message_hash(const Transaction& transaction) {
    return crypto::sha256(transaction.message_bytes);
}

}  // namespace x402::svm
