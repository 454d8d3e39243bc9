// SPDX-License-Identifier: Apache-2.0
// Sign-in messages of a chain's wallets: proof that whoever repeats a request is who paid. Any
// thread.
#pragma once

#include <string_view>

#include "x402/base/result.hpp"
#include "x402/base/task.hpp"
#include "x402/protocol/caip.hpp"
#include "x402/schemes/payment.hpp"

namespace x402 {

struct SignedMessage {
    AccountId account;
    std::string message;
    std::string signature;
};

class IdentityVerifier {
public:
    virtual ~IdentityVerifier() = default;
    virtual std::string_view family() const noexcept = 0;
    // Whether the account signed exactly this text. An Error is infrastructure.
    virtual Task<Result<Verdict>> verify(const SignedMessage& message) const = 0;
};

}  // namespace x402
