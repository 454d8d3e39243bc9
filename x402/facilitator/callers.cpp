// SPDX-License-Identifier: Apache-2.0
// Tokens and buckets. Lengths are compared through hashes, because a comparison that ends early on
// another length tells the length.
#include "x402/facilitator/callers.hpp"

#include <algorithm>

#include "x402/base/hex.hpp"
#include "x402/crypto/hash.hpp"
#include "x402/net/http.hpp"

namespace x402::facilitator {
namespace {

constexpr std::size_t kMaxBuckets = 65'536;
constexpr std::int64_t kOne = 1'000;
constexpr Duration kForgetEvery = std::chrono::seconds(1);
constexpr std::string_view kScheme = "Bearer ";

// RFC 9110 11.1: the scheme's name has no case.
std::string_view bearer_of(std::string_view authorization) noexcept {
    if (authorization.size() <= kScheme.size()) return {};
    if (!net::equal_ignoring_case(authorization.substr(0, kScheme.size()), kScheme)) return {};
    authorization.remove_prefix(kScheme.size());
    while (!authorization.empty() && authorization.front() == ' ') authorization.remove_prefix(1);
    while (!authorization.empty() && authorization.back() == ' ') authorization.remove_suffix(1);
    return authorization;
}

std::int64_t filled(const Bucket& bucket, const BucketRule& rule, Duration now) noexcept {
    const std::int64_t full = rule.burst * kOne;
    const std::int64_t elapsed_ms = std::max<std::int64_t>(0, (now - bucket.at).count());
    // A bucket that rested long is full; the product below must not grow without bound.
    if (elapsed_ms > full / std::max<std::int64_t>(1, rule.rate) + 1) return full;
    return std::min(full, bucket.level + elapsed_ms * rule.rate);
}

}  // namespace

Caller make_caller(crypto::Secret token) {
    const Hash32 print = crypto::hmac_sha256(as_bytes("x402 caller name"), token.reveal());
    return {"caller-" + to_hex(print.view().first(6)), std::move(token)};
}

std::optional<std::string> find_caller(const std::vector<Caller>& callers,
                                       std::string_view authorization) {
    const std::string_view token = bearer_of(authorization);
    const Hash32 given = crypto::sha256(as_bytes(token));
    const Caller* found = nullptr;
    for (const Caller& caller : callers) {
        const Hash32 known = crypto::sha256(caller.token.reveal());
        if (equal_constant_time(given.view(), known.view())) found = &caller;
    }
    if (found == nullptr || token.empty()) return std::nullopt;
    return found->name;
}

bool take(Bucket& bucket, const BucketRule& rule, Duration now) noexcept {
    if (rule.rate <= 0) return true;
    bucket.level = filled(bucket, rule, now);
    bucket.at = now;
    if (bucket.level < kOne) return false;
    bucket.level -= kOne;
    return true;
}

std::int64_t retry_after_s(const Bucket& bucket, const BucketRule& rule) noexcept {
    const std::int64_t missing = std::max<std::int64_t>(0, kOne - bucket.level);
    const std::int64_t rate = std::max<std::int64_t>(1, rule.rate);
    return std::max<std::int64_t>(1, (missing + rate * kOne - 1) / (rate * kOne));
}

std::optional<std::int64_t> RateLimit::ask(const std::string& who, Duration now) {
    if (rule_.rate <= 0) return std::nullopt;
    const std::lock_guard lock(mutex_);
    auto found = buckets_.find(who);
    if (found == buckets_.end()) {
        if (buckets_.size() >= kMaxBuckets) forget_full(now);
        // Full of callers that all ask too much: a new one waits with them.
        if (buckets_.size() >= kMaxBuckets) return 1;
        found = buckets_.emplace(who, Bucket{rule_.burst * kOne, now}).first;
    }
    if (take(found->second, rule_, now)) return std::nullopt;
    return retry_after_s(found->second, rule_);
}

std::size_t RateLimit::size() const {
    const std::lock_guard lock(mutex_);
    return buckets_.size();
}

void RateLimit::forget_full(Duration now) {
    if (forgot_.count() >= 0 && now - forgot_ < kForgetEvery) return;
    forgot_ = now;
    std::erase_if(buckets_, [&](const auto& entry) {
        return filled(entry.second, rule_, now) >= rule_.burst * kOne;
    });
}

std::string_view host_of_peer(std::string_view peer) noexcept {
    const std::size_t colon = peer.rfind(':');
    if (colon == std::string_view::npos) return peer;
    // An IPv6 address without brackets has no port.
    if (peer.find(':') != colon && peer.front() != '[') return peer;
    return peer.substr(0, colon);
}

}  // namespace x402::facilitator
