// SPDX-License-Identifier: Apache-2.0
// The facilitator over HTTP (core spec, section 7): POST /verify and /settle, GET /supported,
// /settlements/{key}, /health, /ready, /metrics. 200 for every judged payment; what is no judgement
// is never dressed up as one. Whatever is no consent is told with code, sentence, field and next
// step, and its code once more in the header X402-Reason, in the log line "refused" and in the
// metric x402_refused_total. Any core.
#pragma once

#include <memory>
#include <mutex>

#include "x402/facilitator/config.hpp"
#include "x402/facilitator/service.hpp"
#include "x402/net/http_server.hpp"

namespace x402::facilitator {

// Service, configuration and metrics outlive the handler's last request.
net::Handler make_handler(Service& service, const Config& config, ops::Metrics& metrics);

// A handler that can be replaced between two requests; those that run end with the one they had.
// Any thread.
class Door {
public:
    explicit Door(net::Handler handler) { replace(std::move(handler)); }
    void replace(net::Handler handler);
    // Goes through to whatever handler there is; the door outlives its last request.
    net::Handler handler();

private:
    std::mutex mutex_;
    std::shared_ptr<const net::Handler> current_;
};

}  // namespace x402::facilitator
