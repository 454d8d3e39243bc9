// SPDX-License-Identifier: Apache-2.0
// Any thread.
#include "x402/store/sqlite/lock_file.hpp"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <ctime>
#include <system_error>
#include <utility>

namespace x402::store::sqlite {

namespace {

constexpr int kOwnerOnly = 0600;
constexpr int kTries = 1'000;
constexpr unsigned kPauseUs = 10'000;

std::string utc_text(Instant at) {
    const std::time_t seconds = static_cast<std::time_t>(to_unix_s(at));
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    std::array<char, 32> text{};
    const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
    return {text.data(), size};
}

Result<int> open_lock(const std::string& path) {
    const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kOwnerOnly);
    if (descriptor < 0) {
        return fail_field(Errc::unavailable, "store",
                          path + ": " + std::generic_category().message(errno),
                          "see that the folder exists and may be written");
    }
    return descriptor;
}

std::string read_line(int descriptor) {
    std::array<char, 256> text{};
    const ssize_t size = ::pread(descriptor, text.data(), text.size(), 0);
    if (size <= 0) return {};
    const std::string line(text.data(), static_cast<std::size_t>(size));
    return line.substr(0, line.find('\n'));
}

// The line only helps a reader; the lock holds without it.
bool write_line(int descriptor, const std::string& line) {
    if (::ftruncate(descriptor, 0) != 0) return false;
    return ::pwrite(descriptor, line.data(), line.size(), 0) == static_cast<ssize_t>(line.size());
}

}  // namespace

Result<LockFile> LockFile::take(const std::string& path, const std::string& role, Instant now) {
    X402_TRY(const int descriptor, open_lock(path + ".lock"));
    LockFile lock(descriptor);
    if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) {
            return fail(Errc::unavailable,
                        path + ".lock: " + std::generic_category().message(errno));
        }
        return fail_field(Errc::conflict, "store", path + " is in use: " + read_line(descriptor),
                          "stop that process, or name another file");
    }
    const std::string line =
        "role=" + role + " pid=" + std::to_string(::getpid()) + " since=" + utc_text(now) + "\n";
    if (!write_line(descriptor, line)) {
        return fail(Errc::unavailable, path + ".lock: " + std::generic_category().message(errno));
    }
    return lock;
}

Result<LockFile> LockFile::wait(const std::string& path) {
    X402_TRY(const int descriptor, open_lock(path + ".lock"));
    LockFile lock(descriptor);
    for (int tries = 0; tries < kTries; ++tries) {
        if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0) return lock;
        if (errno != EWOULDBLOCK && errno != EINTR) break;
        ::usleep(kPauseUs);
    }
    return fail(Errc::unavailable, path + ".lock: another process does not finish opening");
}

LockFile::LockFile(LockFile&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

LockFile& LockFile::operator=(LockFile&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
}

LockFile::~LockFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace x402::store::sqlite
