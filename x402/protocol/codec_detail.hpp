// SPDX-License-Identifier: Apache-2.0
// Pieces that the readers of version 2 (codec.cpp) and version 1 (version.cpp) share. Not for other
// rooms. Any thread.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "x402/protocol/types.hpp"

namespace x402::detail {

// "accepted" and "amount" make "accepted.amount".
std::string join_path(std::string_view path, std::string_view key);
// Everything of `object` that is not named, in its order.
json::Object members_beside(const json::Object& object, std::span<const std::string_view> named);
// Adds the members that are not there yet.
void append_unknown(json::Object& to, const json::Object& unknown);

Result<std::string> read_filled(const json::Object& object, std::string_view key,
                                std::string_view path);
Result<std::string> read_optional(const json::Object& object, std::string_view key,
                                  std::string_view path);
Result<json::Object> read_optional_object(const json::Object& object, std::string_view key,
                                          std::string_view path);
Result<U256> read_amount(const json::Object& object, std::string_view key, std::string_view path);
// The terms both versions spell alike: scheme, asset, payTo, maxTimeoutSeconds, extra.
Result<PaymentRequirements> read_common_terms(const json::Object& object, std::string_view path);
// At most kAcceptsCount offers; those that `read` cannot understand go to `unreadable`. An error
// when offers were made and none can be understood: a client pays what it understands, and says why
// it cannot pay the rest.
using OfferReader =
    std::function<Result<PaymentRequirements>(const json::Object&, std::string_view path)>;
Result<void> read_offers(const json::Object& object, PaymentRequired& into,
                         const OfferReader& read);

// Which member holds the network and how its text is understood differs between the versions.
using NetworkReader = std::function<Result<ChainId>(std::string_view)>;
Result<SettleResponse> read_settle(const json::Object& object, const NetworkReader& network_of);

// Errors below `prefix` say so: "amount" becomes "paymentRequirements.amount".
std::unexpected<Error> fail_under(std::string_view prefix, Error error);
std::unexpected<Error> wrong_version(std::string_view path, std::int64_t version, int wanted);

}  // namespace x402::detail
