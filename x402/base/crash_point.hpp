// SPDX-License-Identifier: Apache-2.0
// Where a process may be made to die: before and after each write of a store and each effect on the
// outside. Nothing at all unless the file that passes a point is compiled with X402_TESTING, which
// only x402_testing_hooks() of cmake/room.cmake gives. Then X402_CRASH_LOG=FILE gets a line for
// every point passed, "settlement.record_attempt#1:before" (the number counts this name on this
// side), and X402_CRASH_AT=THAT_LINE makes the process send itself SIGKILL there. Any thread.
#pragma once

#ifdef X402_TESTING

#include <string_view>

namespace x402 {

enum class CrashSide {
    before,  // nothing has happened yet
    after    // it has happened, and nobody was told
};

// A point without a name is none.
void crash_point(std::string_view name, CrashSide side) noexcept;

}  // namespace x402

#define X402_CRASH_POINT(name, side) ::x402::crash_point((name), ::x402::CrashSide::side)

#else

#define X402_CRASH_POINT(name, side) static_cast<void>(name)

#endif
