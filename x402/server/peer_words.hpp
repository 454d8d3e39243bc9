// SPDX-License-Identifier: Apache-2.0
// A facilitator's refusal in our words: the sentence and the next step are ours, its code is told
// where it looks like one, and what it says to have missed (facilitators of ours say that in
// `extra.error`) cut and cleaned. Pure; any thread.
#pragma once

#include "x402/base/json.hpp"
#include "x402/protocol/reasons.hpp"

namespace x402::server {

// `otherwise`: for a code that we do not know. Of `extra` counts only what belongs to this code.
Refusal refusal_of_peer(std::string_view code, Reason otherwise, const json::Object& extra);

}  // namespace x402::server
