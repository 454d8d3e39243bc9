// SPDX-License-Identifier: Apache-2.0
// A facilitator over HTTP (core spec, section 7): a courier. Every answer is judged in
// facilitator_answer.hpp; a settle is sent once a call and never repeated here, because whether to
// repeat it is the caller's decision, written to its journal first. Any thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "x402/base/env.hpp"
#include "x402/crypto/secret.hpp"
#include "x402/net/http_client.hpp"
#include "x402/protocol/facilitator_api.hpp"
#include "x402/protocol/version.hpp"

namespace x402::transports {

struct FacilitatorClientOptions {
    std::string url{};       // "https://facilitator.example.com/x402"; trailing slashes are dropped
    crypto::Secret token{};  // sent as Authorization: Bearer; may be empty
    Duration timeout = std::chrono::seconds(90);  // longer than a facilitator waits for its network
    std::vector<ChainPattern> networks{};         // what it is asked about; empty: everything
};

// Payments travel in the clear otherwise: https, or http to this machine, or http where the
// operator insists.
Result<void> check_facilitator_url(std::string_view url, bool insecure);

// `http` and what `env` refers to outlive the client. A network outside `networks` is
// Errc::invalid: nothing sent.
std::unique_ptr<FacilitatorApi> make_facilitator_client(FacilitatorClientOptions options,
                                                        net::HttpClient& http, Env env,
                                                        NetworkNames names);

}  // namespace x402::transports
