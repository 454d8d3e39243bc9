// SPDX-License-Identifier: Apache-2.0
#include "x402/protocol/codec_detail.hpp"

#include <algorithm>
#include <array>

#include "x402/base/limits.hpp"

namespace x402::detail {
namespace {

constexpr std::array<std::string_view, 9> kSettleMembers = {
    "success", "errorReason", "errorMessage", "payer",     "transaction",
    "network", "amount",      "extra",        "extensions"};

// What was moved: demanded of a success, optional beside a failure (peers leave both out, or send
// "").
Result<void> read_settled_part(const json::Object& object, const NetworkReader& network_of,
                               SettleResponse& into) {
    if (into.success) {
        X402_TRY(into.transaction, json::get_string(object, "transaction"));
        X402_TRY(const std::string network, json::get_string(object, "network"));
        auto id = network_of(network);
        if (!id) return fail_under("network", std::move(id).error());
        into.network = std::move(*id);
        return {};
    }
    X402_TRY(into.transaction, read_optional(object, "transaction", {}));
    X402_TRY(const std::string network, read_optional(object, "network", {}));
    if (auto id = network_of(network)) into.network = std::move(*id);
    return {};
}

}  // namespace

std::string join_path(std::string_view path, std::string_view key) {
    std::string out(path);
    if (!out.empty()) out += '.';
    return out.append(key);
}

json::Object members_beside(const json::Object& object, std::span<const std::string_view> named) {
    json::Object rest;
    for (const auto& member : object) {
        const std::string_view key(member.key().data(), member.key().size());
        if (std::find(named.begin(), named.end(), key) == named.end()) rest.insert(member);
    }
    return rest;
}

void append_unknown(json::Object& to, const json::Object& unknown) {
    for (const auto& member : unknown) to.insert(member);
}

Result<std::string> read_filled(const json::Object& object, std::string_view key,
                                std::string_view path) {
    X402_TRY(std::string text, json::get_string(object, key, path));
    if (text.empty()) return fail_field(Errc::invalid, join_path(path, key), "must not be empty");
    return text;
}

Result<std::string> read_optional(const json::Object& object, std::string_view key,
                                  std::string_view path) {
    X402_TRY(auto text, json::opt_string(object, key, path));
    return std::move(text).value_or(std::string{});
}

Result<json::Object> read_optional_object(const json::Object& object, std::string_view key,
                                          std::string_view path) {
    X402_TRY(auto value, json::opt_object(object, key, path));
    return std::move(value).value_or(json::Object{});
}

Result<U256> read_amount(const json::Object& object, std::string_view key, std::string_view path) {
    X402_TRY(const std::string text, json::get_string(object, key, path));
    auto amount = U256::from_decimal(text);
    if (!amount) {
        return fail_field(Errc::invalid, join_path(path, key), std::move(amount).error().detail,
                          "send the count of the asset's smallest unit as a string of digits");
    }
    return amount;
}

Result<PaymentRequirements> read_common_terms(const json::Object& object, std::string_view path) {
    PaymentRequirements terms;
    X402_TRY(terms.scheme, read_filled(object, "scheme", path));
    X402_TRY(terms.asset, read_filled(object, "asset", path));
    X402_TRY(terms.pay_to, read_filled(object, "payTo", path));
    X402_TRY(terms.max_timeout_seconds, json::get_int(object, "maxTimeoutSeconds", path));
    if (terms.max_timeout_seconds <= 0) {
        return fail_field(Errc::invalid, join_path(path, "maxTimeoutSeconds"), "must be positive");
    }
    X402_TRY(auto extra, json::opt_object(object, "extra", path));
    terms.has_extra = extra.has_value();
    if (extra) terms.extra = std::move(*extra);
    return terms;
}

Result<void> read_offers(const json::Object& object, PaymentRequired& into,
                         const OfferReader& read) {
    X402_TRY(const json::Array accepts, json::get_array(object, "accepts"));
    if (accepts.size() > limits::kAcceptsCount) {
        return fail_field(Errc::too_large, "accepts",
                          "more than " + std::to_string(limits::kAcceptsCount) + " offers");
    }
    for (std::size_t i = 0; i < accepts.size(); ++i) {
        const std::string path = "accepts[" + std::to_string(i) + "]";
        const auto* offer = accepts[i].if_object();
        if (offer == nullptr) {
            into.unreadable.push_back(Error{Errc::invalid, "expected an object", path, {}, false});
        } else if (auto terms = read(*offer, path)) {
            into.accepts.push_back(std::move(*terms));
        } else {
            into.unreadable.push_back(std::move(terms).error());
        }
    }
    if (into.accepts.empty() && !into.unreadable.empty()) return fail(into.unreadable.front());
    return {};
}

Result<SettleResponse> read_settle(const json::Object& object, const NetworkReader& network_of) {
    SettleResponse response;
    X402_TRY(response.success, json::get_bool(object, "success"));
    X402_TRY(response.error_reason, read_optional(object, "errorReason", {}));
    X402_TRY(response.error_message, read_optional(object, "errorMessage", {}));
    X402_TRY(response.payer, read_optional(object, "payer", {}));
    X402_TRY_VOID(read_settled_part(object, network_of, response));
    if (json::find(object, "amount") != nullptr) {
        X402_TRY(response.amount, read_amount(object, "amount", {}));
    }
    X402_TRY(response.extra, read_optional_object(object, "extra", {}));
    X402_TRY(response.extensions, read_optional_object(object, "extensions", {}));
    response.unknown = members_beside(object, kSettleMembers);
    return response;
}

std::unexpected<Error> fail_under(std::string_view prefix, Error error) {
    if (error.field.empty()) {
        error.field = prefix;
    } else {
        error.field = join_path(prefix, error.field);
    }
    return fail(std::move(error));
}

std::unexpected<Error> wrong_version(std::string_view path, std::int64_t version, int wanted) {
    return fail_field(Errc::unsupported, join_path(path, "x402Version"),
                      "expected " + std::to_string(wanted) + ", got " + std::to_string(version),
                      "use x402Version " + std::to_string(wanted));
}

}  // namespace x402::detail
