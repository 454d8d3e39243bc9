// SPDX-License-Identifier: Apache-2.0
// Always-on checks for what cannot happen: a broken promise between two pieces of our own code.
// Prints where and aborts; the journal is durable, so a restart reconciles. Any thread.
#pragma once

namespace x402 {
[[noreturn]] void check_failed(const char* condition, const char* file, int line) noexcept;
}

#define X402_CHECK(condition) \
    ((condition) ? static_cast<void>(0) : ::x402::check_failed(#condition, __FILE__, __LINE__))

// For hot loops: compiled out of release builds.
#ifdef NDEBUG
#define X402_DCHECK(condition) static_cast<void>(0)
#else
#define X402_DCHECK(condition) X402_CHECK(condition)
#endif
