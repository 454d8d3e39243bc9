// SPDX-License-Identifier: Apache-2.0
// Counts the points and dies where it was told to. The lines go out with one write(2) each, so that
// the log of a process that was killed is whole. Any thread.
#include "x402/base/crash_point.hpp"

#ifdef X402_TESTING

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <map>
#include <mutex>
#include <string>

namespace x402 {

namespace {

std::string variable(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? std::string{} : std::string(value);
}

class CrashPlan {
public:
    CrashPlan() : at_(variable("X402_CRASH_AT")) {
        const std::string path = variable("X402_CRASH_LOG");
        if (path.empty()) return;
        log_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (log_ < 0) std::abort();
    }

    void pass(std::string_view name, CrashSide side) {
        const char* const where = side == CrashSide::before ? ":before" : ":after";
        const std::lock_guard lock(mutex_);
        const unsigned number = ++passed_[std::string(name) + where];
        const std::string point = std::string(name) + "#" + std::to_string(number) + where;
        note(point + "\n");
        // Under the lock: no other point is passed, and so noted, after this one.
        if (point == at_) ::kill(::getpid(), SIGKILL);
    }

private:
    void note(const std::string& line) {
        if (log_ < 0) return;
        const auto written = ::write(log_, line.data(), line.size());
        if (written != static_cast<::ssize_t>(line.size())) std::abort();
    }

    std::string at_;
    int log_ = -1;
    std::mutex mutex_;
    std::map<std::string, unsigned> passed_;
};

}  // namespace

void crash_point(std::string_view name, CrashSide side) noexcept {
    if (name.empty()) return;
    // The one thing in the tree that belongs to the process and to nobody in it: it ends with it.
    static CrashPlan plan;
    plan.pass(name, side);
}

}  // namespace x402

#endif
