// SPDX-License-Identifier: Apache-2.0
// What a server's answer to a paid request says about the payment. Only headers, the status and a
// stable code are looked at; a text never decides. Pure; any thread.
#pragma once

#include <optional>
#include <string>

#include "x402/base/result.hpp"
#include "x402/client/pay_fsm.hpp"
#include "x402/net/http_client.hpp"
#include "x402/protocol/version.hpp"

namespace x402::client {

struct Reading {
    Event event = Event::no_word;
    std::optional<SettleResponse> settlement;  // what PAYMENT-RESPONSE holds, where it can be read
    std::optional<Duration> retry_after;
    std::optional<PayError> error;  // why the answer is no plain success
};

// `network` is the one that was paid on.
Reading read_answer(const Result<net::ClientResponse>& answer, const ChainId& network,
                    const NetworkNames& names, Instant now);

}  // namespace x402::client
