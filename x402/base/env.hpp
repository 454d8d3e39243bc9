// SPDX-License-Identifier: Apache-2.0
// The world a decision may ask: time and chance. Tests hand over their own. The references outlive
// every user.
#pragma once

#include "x402/base/clock.hpp"
#include "x402/base/random.hpp"

namespace x402 {

struct Env {
    Clock& clock;
    Random& random;
};

}  // namespace x402
