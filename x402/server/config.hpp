// SPDX-License-Identifier: Apache-2.0
// gateway.toml as data. Every fault is an error with file, line, field and remedy; nothing is
// guessed about money. Unknown keys are found by ops::refuse_unread after every reader has had its
// turn. One thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "x402/base/clock.hpp"
#include "x402/base/json.hpp"
#include "x402/base/limits.hpp"
#include "x402/base/tree.hpp"
#include "x402/crypto/secret.hpp"
#include "x402/schemes/asset_config.hpp"
#include "x402/server/held_bytes.hpp"
#include "x402/server/proof_by.hpp"
#include "x402/server/routes.hpp"
#include "x402/server/settle_timing.hpp"

namespace x402::server {

struct FacilitatorConfig {
    std::string url;
    crypto::Secret token;
    std::vector<ChainPattern> networks;  // empty: every network
    bool insecure = false;
    ProofBy proof = ProofBy::facilitator;
};

// One way to pay a route, before the facilitator has added what its chain's clients need.
struct OfferConfig {
    std::string scheme = "exact";
    std::string transfer;     // extra.assetTransferMethod; empty: the scheme's own
    json::Object extra = {};  // as it was written, beside what the scheme and the gateway add
    AssetInfo asset;
    U256 amount;
    std::string pay_to;
};

struct RouteConfig {
    RoutePattern pattern;
    bool free = false;
    std::string description;
    std::string mime_type;
    std::vector<OfferConfig> offers;
    SettleTiming timing;
    std::int64_t max_timeout_seconds = 300;
    Duration upstream_timeout = std::chrono::seconds(30);
    Duration pending_wait{};  // the gateway's, or less where its payments live for less
    Duration replay = std::chrono::minutes(10);
    std::size_t max_held = limits::kHeldAnswerBytes;
    std::size_t max_body = limits::kRequestBodyBytes;
    std::string upstream;
    bool body_mirror = true;
    std::string where;  // "gateway.toml:12: routes[0]"
};

struct Config {
    std::string listen = "127.0.0.1:4021";
    std::string admin = "127.0.0.1:4029";  // "off": none
    std::string origin;                    // without a last slash
    std::string upstream;
    std::string store = "sqlite:gateway.db";
    std::size_t threads = 0;                      // 0: the cores
    std::vector<FacilitatorConfig> facilitators;  // none: the one inside
    Duration pending_wait = std::chrono::seconds(60);
    std::size_t max_held_total = HeldBytes::kMost;  // of all answers held at once
    std::vector<RouteConfig> routes;
    bool open_by_default = false;
    std::vector<std::string> cors_origins;
    std::vector<NamedAsset> assets;
    std::vector<ChainId> networks;  // [networks]: for proof, or for the facilitator inside
    std::vector<std::string> warnings;
};

// `modules` is not kept. `base_dir` is where file: secrets start from.
Result<Config> read_config(const Tree& root, const Modules& modules, std::string base_dir);

// What a payment must stay usable for: the upstream's time, the wait for a pending settlement, and
// a margin.
Duration needed_time(const RouteConfig& route);

}  // namespace x402::server
