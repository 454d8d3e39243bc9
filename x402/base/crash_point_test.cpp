// SPDX-License-Identifier: Apache-2.0
// A child passes points and says by a byte where it was. Children use no GoogleTest and end with
// _exit.
#include "x402/base/crash_point.hpp"

#ifdef X402_TESTING

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace x402 {
namespace {

void pass_all() {
    X402_CRASH_POINT("a", before);
    X402_CRASH_POINT("a", after);
    X402_CRASH_POINT("", before);
    X402_CRASH_POINT("b", before);
    X402_CRASH_POINT("a", before);
    X402_CRASH_POINT("a", after);
}

struct Death {
    int signal = 0;   // 0: it lived to its end
    std::string log;  // the points it passed
};

Death run_with(const char* at) {
    char path[] = "/tmp/x402-crash-point-XXXXXX";
    const int file = ::mkstemp(path);
    EXPECT_GE(file, 0);
    ::close(file);
    const pid_t pid = ::fork();
    if (pid == 0) {
        ::setenv("X402_CRASH_LOG", path, 1);
        ::setenv("X402_CRASH_AT", at, 1);
        pass_all();
        ::_exit(0);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(pid, &status, 0), pid);
    std::stringstream text;
    text << std::ifstream(path).rdbuf();
    ::unlink(path);
    return {WIFSIGNALED(status) ? WTERMSIG(status) : 0, text.str()};
}

TEST(CrashPoint, DiesAtTheNamedPointAndNowhereElse) {
    struct Row {
        const char* at;
        int signal;
        const char* log;
    };
    static constexpr const char* kAll =
        "a#1:before\na#1:after\nb#1:before\na#2:before\na#2:after\n";
    static constexpr Row rows[] = {
        {"", 0, kAll},
        {"a#1:before", SIGKILL, "a#1:before\n"},
        {"a#1:after", SIGKILL, "a#1:before\na#1:after\n"},
        {"b#1:before", SIGKILL, "a#1:before\na#1:after\nb#1:before\n"},
        {"a#2:after", SIGKILL, kAll},
        {"a#3:before", 0, kAll},
        {"a#1", 0, kAll},
        {"#1:before", 0, kAll},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.at);
        const Death death = run_with(row.at);
        EXPECT_EQ(death.signal, row.signal);
        EXPECT_EQ(death.log, row.log);
    }
}

}  // namespace
}  // namespace x402

#endif
