// SPDX-License-Identifier: Apache-2.0
// An answer that is kept back until it is paid for: read to its end, within a time for head and
// body together, a cap of its own and a share of what all held answers may take. One core.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>

#include "x402/server/held_bytes.hpp"
#include "x402/server/proxy.hpp"

namespace x402::server {

struct HeldAnswer {
    net::ResponseHead head;
    std::string body;
    std::optional<std::uint64_t> length;  // announced; for answers to HEAD
    HeldBytes::Share share;               // of the body
};

struct HoldLimits {
    std::size_t most = 0;  // bytes of body; beyond it the upstream is cut off
    Duration time{};       // from the end of the request to the end of the answer
    HeldBytes& all;
};
Task<std::expected<HeldAnswer, RunFault>> hold_answer(Run run, HoldLimits limits);

}  // namespace x402::server
