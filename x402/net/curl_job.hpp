// SPDX-License-Identifier: Apache-2.0
// One outbound request as libcurl sees it: its options, its callbacks and what its end means. No
// event loop here; used by the client's thread only.
#pragma once

#include <curl/curl.h>

#include <chrono>
#include <cstdint>

#include "x402/net/http_client.hpp"

namespace x402::net::curl {

// Stays where it is while `easy` runs: libcurl holds pointers into it.
struct Job {
    std::uint64_t id = 0;
    ClientRequest request;
    bool loopback = false;
    std::string ca_file;
    std::chrono::steady_clock::time_point deadline;
    ClientResponse response;
    CURL* easy = nullptr;
    curl_slist* headers = nullptr;
    std::size_t body_sent = 0;
    std::size_t head_bytes = 0;
    bool head_ended = false;
    bool decodes = false;
    bool too_large = false;
    bool refused = false;
    char error[CURL_ERROR_SIZE] = {};
};

// `easy` is fresh or was reset.
void set_up(Job& job, Duration left);
// What the request came to, once libcurl has ended it.
Result<ClientResponse> read_outcome(Job& job, CURLcode code);

}  // namespace x402::net::curl
