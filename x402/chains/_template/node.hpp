// SPDX-License-Identifier: Apache-2.0
// The questions that a node of this chain answers, each as a typed call. An Error is
// infrastructure; what the ledger refuses is an answer. Any thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "x402/base/clock.hpp"
#include "x402/base/u256.hpp"
#include "x402/net/jsonrpc.hpp"
#include "x402/schemes/network.hpp"

namespace x402::mychain {

struct Receipt {
    bool executed =
        false;  // false: the payer's money did not suffice; the message is used up all the same
    std::string sender;  // whose envelope it came in
    std::uint64_t block = 0;
    Instant at{};
};

class Node {
public:
    explicit Node(std::unique_ptr<net::RpcClient> client) : client_(std::move(client)) {}

    Task<Result<std::string>> network();
    Task<Result<Instant>> time();
    Task<Result<U256>> balance(std::string address, std::string asset);
    Task<Result<std::optional<Receipt>>> receipt(std::string id);
    // `envelope` is the JSON text of a signed transfer and who sends it.
    Task<SentAnswer> submit(std::string envelope);
    std::vector<net::RpcStats> stats() const { return client_->stats(); }

private:
    Task<Result<json::Value>> ask(std::string method, json::Array params);
    std::unique_ptr<net::RpcClient> client_;
};

}  // namespace x402::mychain
