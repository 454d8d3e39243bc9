// SPDX-License-Identifier: Apache-2.0
// The pieces that answers of a Solana node are read from, for rpc_codec's own files. What does not
// have the promised form is Errc::bad_peer. The views live as long as the reply. Any thread.
#pragma once

#include <span>
#include <string>

#include "x402/chains/svm/rpc_codec.hpp"

namespace x402::svm {

// What is not about money is cut or refused at these; each is far above what a cluster sends.
inline constexpr std::size_t kMostAccounts = 256;
inline constexpr std::size_t kMostInner = 256;
inline constexpr std::size_t kMostLogs = 32;
inline constexpr std::size_t kLongestLog = 256;
inline constexpr std::size_t kLongestError = 512;
inline constexpr std::size_t kMostSignatures = 1'000;
// An account with more bytes than this is read as one without any: a part of it could look like an
// account that lacks what stands further back.
inline constexpr std::size_t kMostAccountBytes = 64 * 1024;

std::unexpected<Error> nonsense(std::string what);

Result<const json::Value*> result_of(const net::RpcReply& reply);
Result<const json::Object*> object_of(const json::Value& value, std::string_view what);
Result<const json::Array*> array_of(const json::Value& value, std::string_view what,
                                    std::size_t most);

Result<std::uint64_t> number_of(const json::Value& value, std::string_view what);
Result<std::uint64_t> member_number(const json::Object& object, std::string_view key);
Result<std::int64_t> time_of(const json::Value& value);  // seconds
// Nothing where it is absent or null.
Result<std::optional<std::int64_t>> member_time(const json::Object& object, std::string_view key);
Result<std::string_view> text_of(const json::Value& value, std::string_view what);
Result<std::string_view> member_text(const json::Object& object, std::string_view key);
Result<Address> address_of_text(std::string_view text);
Result<Address> member_address(const json::Object& object, std::string_view key);
Result<Signature> signature_of_text(std::string_view text);
// A decimal text without leading zeros, as amounts of tokens are told.
Result<std::uint64_t> amount_of_text(std::string_view text);
// ["...", "base64"], decoded.
Result<Bytes> encoded_of(const json::Value& value, std::size_t most);

// Whether `err` names one; the member itself must be there.
Result<bool> has_error(const json::Object& object);

// {"context": {"slot": ...}, "value": ...}
struct Context {
    std::uint64_t slot = 0;
    const json::Value* value = nullptr;
};
Result<Context> context_of(const net::RpcReply& reply);

// An account as getMultipleAccounts and simulateTransaction tell it; nothing for null.
Result<std::optional<Account>> account_of(const json::Value& value);

}  // namespace x402::svm
