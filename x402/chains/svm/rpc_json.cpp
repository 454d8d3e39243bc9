// SPDX-License-Identifier: Apache-2.0
#include "x402/chains/svm/rpc_json.hpp"

#include "x402/base/base58.hpp"
#include "x402/base/base64.hpp"

namespace x402::svm {
namespace {

// The year 9999, as elsewhere.
constexpr std::uint64_t kLatestTime = 253'402'300'799ULL;
// The largest account that the network allows.
constexpr std::size_t kLargestAccount = 10 * 1024 * 1024;

}  // namespace

std::unexpected<Error> nonsense(std::string what) {
    return fail(Errc::bad_peer, "the node's answer makes no sense: " + std::move(what));
}

Result<const json::Value*> result_of(const net::RpcReply& reply) {
    if (reply.error) {
        return fail(Errc::unavailable,
                    "the node answered error " + std::to_string(reply.error->code));
    }
    if (!reply.result) return nonsense("neither result nor error");
    return &*reply.result;
}

Result<const json::Object*> object_of(const json::Value& value, std::string_view what) {
    const auto* object = value.if_object();
    if (object == nullptr) return nonsense(std::string(what) + " is no object");
    return object;
}

Result<const json::Array*> array_of(const json::Value& value, std::string_view what,
                                    std::size_t most) {
    const auto* array = value.if_array();
    if (array == nullptr) return nonsense(std::string(what) + " is no list");
    if (array->size() > most) return nonsense(std::string(what) + " is too long");
    return array;
}

Result<std::uint64_t> number_of(const json::Value& value, std::string_view what) {
    if (value.is_uint64()) return value.get_uint64();
    if (value.is_int64() && value.get_int64() >= 0) {
        return static_cast<std::uint64_t>(value.get_int64());
    }
    return nonsense(std::string(what) + " is no whole number");
}

Result<std::uint64_t> member_number(const json::Object& object, std::string_view key) {
    const json::Value* value = json::find(object, key);
    if (value == nullptr) return nonsense("no " + std::string(key));
    return number_of(*value, key);
}

Result<std::int64_t> time_of(const json::Value& value) {
    X402_TRY(const std::uint64_t time, number_of(value, "a time"));
    if (time > kLatestTime) return nonsense("a time beyond the year 9999");
    return static_cast<std::int64_t>(time);
}

Result<std::optional<std::int64_t>> member_time(const json::Object& object, std::string_view key) {
    const json::Value* value = json::find(object, key);
    if (value == nullptr) return std::optional<std::int64_t>{};
    X402_TRY(const std::int64_t time, time_of(*value));
    return std::optional<std::int64_t>(time);
}

Result<std::string_view> text_of(const json::Value& value, std::string_view what) {
    const auto* text = value.if_string();
    if (text == nullptr) return nonsense(std::string(what) + " is no text");
    return std::string_view(text->data(), text->size());
}

Result<std::string_view> member_text(const json::Object& object, std::string_view key) {
    const json::Value* value = json::find(object, key);
    if (value == nullptr) return nonsense("no " + std::string(key));
    return text_of(*value, key);
}

Result<Address> address_of_text(std::string_view text) {
    auto address = parse_address(text);
    if (!address) return nonsense("an address is none");
    return address;
}

Result<Address> member_address(const json::Object& object, std::string_view key) {
    X402_TRY(const std::string_view text, member_text(object, key));
    return address_of_text(text);
}

Result<Signature> signature_of_text(std::string_view text) {
    const auto bytes = from_base58(text);
    if (!bytes || bytes->size() != Signature::size()) return nonsense("a signature is none");
    return Signature::from(*bytes);
}

Result<std::uint64_t> amount_of_text(std::string_view text) {
    const auto number = U256::from_decimal(text);
    const auto fits = number ? number->to_u64() : std::nullopt;
    if (!fits) return nonsense("an amount is none");
    return *fits;
}

Result<Bytes> encoded_of(const json::Value& value, std::size_t most) {
    X402_TRY(const json::Array* pair, array_of(value, "encoded data", 2));
    if (pair->size() != 2) return nonsense("encoded data is no pair");
    X402_TRY(const std::string_view text, text_of((*pair)[0], "encoded data"));
    X402_TRY(const std::string_view encoding, text_of((*pair)[1], "an encoding"));
    if (encoding != "base64") return nonsense("another encoding than base64");
    auto bytes = base64_decode(text, most);
    if (!bytes) return nonsense("encoded data is no base64, or too long");
    return bytes;
}

Result<bool> has_error(const json::Object& object) {
    const json::Value* error = object.if_contains("err");
    if (error == nullptr) return nonsense("no err");
    if (error->is_null()) return false;
    if (error->is_string() || error->is_object()) return true;
    return nonsense("err is no error");
}

Result<Context> context_of(const net::RpcReply& reply) {
    X402_TRY(const json::Value* result, result_of(reply));
    X402_TRY(const json::Object* object, object_of(*result, "the result"));
    const json::Value* context = json::find(*object, "context");
    if (context == nullptr) return nonsense("no context");
    X402_TRY(const json::Object* inner, object_of(*context, "the context"));
    Context out;
    X402_TRY(out.slot, member_number(*inner, "slot"));
    out.value = object->if_contains("value");
    if (out.value == nullptr) return nonsense("no value");
    return out;
}

Result<std::optional<Account>> account_of(const json::Value& value) {
    if (value.is_null()) return std::optional<Account>{};
    X402_TRY(const json::Object* object, object_of(value, "an account"));
    Account account;
    X402_TRY(account.lamports, member_number(*object, "lamports"));
    X402_TRY(account.owner, member_address(*object, "owner"));
    const json::Value* data = json::find(*object, "data");
    if (data == nullptr) return nonsense("an account has no data");
    X402_TRY(account.data, encoded_of(*data, kLargestAccount));
    if (account.data.size() > kMostAccountBytes) account.data.clear();
    return std::optional<Account>(std::move(account));
}

}  // namespace x402::svm
