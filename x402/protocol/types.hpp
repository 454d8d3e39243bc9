// SPDX-License-Identifier: Apache-2.0
// The messages of x402 V2 (core spec, section 5) as plain data. Members that we do not know are
// kept in `unknown` and written back, so an echo loses nothing. Absent and null optionals are the
// same. Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "x402/base/json.hpp"
#include "x402/base/strong.hpp"
#include "x402/base/u256.hpp"
#include "x402/protocol/caip.hpp"

namespace x402 {

inline constexpr int kVersion2 = 2;
inline constexpr int kVersion1 = 1;

// Names one authorization, however it is encoded: lower case and URL-safe, parts joined by '~'.
using PaymentKey = Strong<struct PaymentKeyTag, std::string>;

struct ResourceInfo {
    std::string url;
    std::string description;
    std::string mime_type;
    std::string service_name;
    std::vector<std::string> tags;
    std::string icon_url;
    json::Object unknown;
};

struct PaymentRequirements {
    std::string scheme;  // "exact"
    ChainId network;
    U256 amount;        // smallest unit of the asset
    std::string asset;  // contract address, mint, or ISO 4217 code
    std::string pay_to;
    std::int64_t max_timeout_seconds = 0;
    json::Object extra;
    bool has_extra = true;  // false: it came without `extra`, and an echo leaves an empty one out
    json::Object unknown;
};

struct PaymentRequired {
    int version = kVersion2;
    std::string error;
    ResourceInfo resource;
    std::vector<PaymentRequirements> accepts;
    std::vector<Error>
        unreadable;  // offers of a peer that were left out of `accepts`, and why; never written
    json::Object extensions;
    json::Object unknown;
};

struct PaymentPayload {
    int version = kVersion2;
    std::optional<ResourceInfo> resource;
    PaymentRequirements accepted;  // V1: filled from the requirements it came with
    json::Object payload;          // what the scheme signed
    json::Object extensions;
    json::Object unknown;
    std::string text;           // the whole JSON as it came; empty for one we made ourselves
    std::string accepted_text;  // the text of `accepted` as it came
};

struct VerifyResponse {
    bool is_valid = false;
    std::string invalid_reason;
    std::string invalid_message;
    std::string payer;
    json::Object extra;
    json::Object extensions;
    json::Object unknown;
};

struct SettleResponse {
    bool success = false;
    std::string error_reason;
    std::string error_message;
    std::string payer;
    std::string transaction;  // "" where nothing was moved
    ChainId network;
    std::optional<U256> amount;  // what was charged
    json::Object extra;
    json::Object extensions;
    json::Object unknown;
};

struct SupportedKind {
    int version = kVersion2;
    std::string scheme;
    ChainId network;  // V1 kinds: mapped from the short name, which `network_text` keeps
    std::string network_text;
    json::Object extra;
};

struct Supported {
    std::vector<SupportedKind> kinds;
    std::vector<std::string> extensions;
    json::Object signers;  // {"eip155:*": ["0x..."]}
    json::Object unknown;
};

// What /verify and /settle are asked.
struct FacilitatorRequest {
    int version = kVersion2;
    PaymentPayload payload;
    PaymentRequirements requirements;
    std::string
        requirements_text;  // as it came, or as it shall be sent byte for byte; may be empty
};

// Money has three outcomes. Unknown is reconciled, never folded into failed.
enum class Outcome { settled, failed, unknown };
std::string_view to_string(Outcome outcome) noexcept;
std::optional<Outcome> find_outcome(std::string_view text) noexcept;

}  // namespace x402
