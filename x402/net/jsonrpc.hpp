// SPDX-License-Identifier: Apache-2.0
// JSON-RPC 2.0 over HTTP with several endpoints: time-outs, health, fail-over. An endpoint that
// fails by infrastructure (no connection, time-out, 429, 5xx, nonsense) rests for a while that
// doubles up to a minute; a node's own negative answer never fails over. Any thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "x402/base/env.hpp"
#include "x402/base/json.hpp"
#include "x402/net/http_client.hpp"

namespace x402::net {

struct RpcError {
    std::int64_t code = 0;
    std::string message;
    json::Value data;
};

// What the node said: exactly one of both. Infrastructure trouble is an Error instead.
struct RpcReply {
    std::optional<json::Value> result;
    std::optional<RpcError> error;
};

struct RpcCall {
    std::string method;
    json::Array params;
    // Of call_all alone: how long the others are waited for once one node has answered. Zero: each
    // may take its own time-out. For sending; where all must be heard, an early end would be a
    // loosened check.
    Duration fan_out_wait{0};
};

struct RpcStats {
    std::string endpoint;  // scheme, host and port only: paths often hold keys
    std::uint64_t ok = 0;
    std::uint64_t failed = 0;
    bool resting = false;
};

struct RpcOptions {
    std::vector<std::string> urls;
    Duration timeout = std::chrono::seconds(10);  // one try
    Duration total = std::chrono::seconds(20);    // with fail-over
};

class RpcClient {
public:
    virtual ~RpcClient() = default;
    // Tries the healthy endpoints in the order of the configuration, then the resting ones.
    virtual Task<Result<RpcReply>> call(RpcCall request) = 0;
    // One HTTP request for all; the replies in the order of the calls. Never empty, never above
    // 256.
    virtual Task<Result<std::vector<RpcReply>>> batch(std::vector<RpcCall> calls) = 0;
    // The same call to every endpoint, each answer or error on its own: for sending, and where they
    // must agree. Errc::timeout for one that was not waited for; its call goes on and still counts
    // in its health.
    virtual Task<std::vector<Result<RpcReply>>> call_all(RpcCall request) = 0;
    virtual std::size_t endpoints() const noexcept = 0;
    virtual std::vector<RpcStats> stats() const = 0;
};

// `http` and `env` outlive the client.
Result<std::unique_ptr<RpcClient>> make_rpc_client(RpcOptions options, HttpClient& http, Env env);

}  // namespace x402::net
