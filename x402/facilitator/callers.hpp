// SPDX-License-Identifier: Apache-2.0
// Who asks, and how often. Tokens are compared in constant time, all of them, so that neither the
// text nor the place of a right one shows in the time; a bucket per caller bounds the rate. Any
// thread.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "x402/base/clock.hpp"
#include "x402/crypto/secret.hpp"

namespace x402::facilitator {

// A known caller: the name is a hash of the token, so that it stays the same whatever the order of
// the file.
struct Caller {
    std::string name;
    crypto::Secret token;
};
Caller make_caller(crypto::Secret token);

// The name of the caller whose token the `Authorization` header carries; nothing when it is
// nobody's.
std::optional<std::string> find_caller(const std::vector<Caller>& callers,
                                       std::string_view authorization);

// A token bucket: `rate` a second, `burst` at once. Pure.
struct Bucket {
    std::int64_t level = 0;  // thousandths of a request
    Duration at{};
};
struct BucketRule {
    std::int64_t rate = 0;  // requests a second; 0: no limit
    std::int64_t burst = 0;
};
// True when the request may pass, and then it is taken from the bucket.
bool take(Bucket& bucket, const BucketRule& rule, Duration now) noexcept;
// Whole seconds until the next may pass, at least 1.
std::int64_t retry_after_s(const Bucket& bucket, const BucketRule& rule) noexcept;

// The buckets of everybody who asks. Bounded: when it is full, those that are full again are
// forgotten first.
class RateLimit {
public:
    explicit RateLimit(BucketRule rule) : rule_(rule) {}
    // Nothing when it may pass; otherwise after how many seconds to come back.
    std::optional<std::int64_t> ask(const std::string& who, Duration now);
    std::size_t size() const;

private:
    void forget_full(Duration now);
    BucketRule rule_;
    mutable std::mutex mutex_;
    std::map<std::string, Bucket, std::less<>> buckets_;
    Duration forgot_{-1};  // when it last looked for full ones: looking at all is dear
};

// The address without its port: "127.0.0.1:5012" is "127.0.0.1".
std::string_view host_of_peer(std::string_view peer) noexcept;

}  // namespace x402::facilitator
