// SPDX-License-Identifier: Apache-2.0
// GET /health (the process lives), /ready (it can do its work; 503 with the reason otherwise) and
// /metrics. Any thread.
#pragma once

#include <functional>
#include <string>

#include "x402/base/result.hpp"
#include "x402/net/http_server.hpp"
#include "x402/ops/metrics.hpp"

namespace x402::ops {

struct AdminPages {
    const Metrics& metrics;
    std::function<Result<void>()> ready;   // an Error's detail is shown
    std::function<void()> before_metrics;  // refreshes gauges; may be empty
};

// The answer for one of the three paths; nothing for any other.
std::optional<net::Response> admin_answer(const net::RequestHead& request, const AdminPages& pages);
// What is told of any other, in the words of the public table (protocol/reasons.def).
net::Response admin_refusal(const net::RequestHead& request);
net::Handler admin_handler(AdminPages pages);  // these, and a refusal of everything else

}  // namespace x402::ops
