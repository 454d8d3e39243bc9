// SPDX-License-Identifier: Apache-2.0
// Every cap in one place. A cap is checked before anything is decoded or allocated for it.
#pragma once

#include <chrono>
#include <cstddef>

namespace x402::limits {

using namespace std::chrono_literals;

// HTTP
inline constexpr std::size_t kHeaderBytes = 64 * 1024;  // one message's start line and headers
inline constexpr std::size_t kHeaderCount = 128;
inline constexpr std::size_t kTargetBytes = 8 * 1024;
inline constexpr std::size_t kConnections = 20'000;  // a listener's open connections
inline constexpr auto kHeaderWait = 10s;             // for the rest of a started head
inline constexpr auto kIdleConnection = 60s;
inline constexpr auto kBodyStall = 30s;  // between two pieces of a body

// Payments
inline constexpr std::size_t kPaymentHeaderBytes = 32 * 1024;  // base64 text of one payment header
inline constexpr std::size_t kRequiredHeaderBytes =
    8 * 1024;  // hard cap for our own PAYMENT-REQUIRED
inline constexpr std::size_t kRequiredHeaderWarnBytes = 3 * 1024;
inline constexpr std::size_t kAcceptsCount = 32;
inline constexpr std::size_t kJsonDepth = 32;
inline constexpr std::size_t kFacilitatorBodyBytes = 128 * 1024;
inline constexpr std::size_t kBatchedVerifies = 64;       // that share one chain read
inline constexpr std::size_t kSharedActions = 100;        // that leave in one transaction
inline constexpr std::size_t kQueuedSettlements = 4'096;  // waiting for a lane
inline constexpr std::size_t kInFlightPerSigner = 64;

// Bodies
inline constexpr std::size_t kRequestBodyBytes =
    1024 * 1024;  // read whole for a fingerprint: `max_body`
inline constexpr std::size_t kHeldAnswerBytes =
    8 * 1024 * 1024;  // held back until settled: `max_held`
inline constexpr std::size_t kClientAnswerBytes = 256 * 1024 * 1024;
inline constexpr std::size_t kRpcAnswerBytes = 16 * 1024 * 1024;

// Store
inline constexpr std::size_t kGroupCommit = 512;  // operations in one durable write
inline constexpr std::size_t kStoreQueue = 65'536;

}  // namespace x402::limits
