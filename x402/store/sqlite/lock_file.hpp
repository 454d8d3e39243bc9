// SPDX-License-Identifier: Apache-2.0
// Who may open a file: an flock(2) on PATH.lock, which dies with the process that holds it, and a
// line in it that says who that is. The lock file stays; removing it would let two processes lock
// two files of one name. Any thread.
#pragma once

#include <string>

#include "x402/base/clock.hpp"
#include "x402/base/result.hpp"

namespace x402::store::sqlite {

class LockFile {
public:
    // Errc::conflict with the holder's role, process id and since when.
    static Result<LockFile> take(const std::string& path, const std::string& role, Instant now);
    // Waits a few seconds for others who hold it while they open the same file.
    static Result<LockFile> wait(const std::string& path);

    LockFile(LockFile&& other) noexcept;
    LockFile& operator=(LockFile&& other) noexcept;
    ~LockFile();

private:
    explicit LockFile(int descriptor) : descriptor_(descriptor) {}
    int descriptor_ = -1;
};

}  // namespace x402::store::sqlite
