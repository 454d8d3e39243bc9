// SPDX-License-Identifier: Apache-2.0
// What the tests of this room share: running a coroutine to its end, a clock that stands still, a
// folder of its own, sample records, and the two backends behind one face. Tests only; one thread.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "x402/base/env.hpp"
#include "x402/store/memory/memory.hpp"
#include "x402/store/open.hpp"

namespace x402::store::test {

void run_to_end(Task<void> task);

template <class T>
Task<void> keep(Task<T> task, std::optional<T>* out) {
    out->emplace(co_await std::move(task));
}

template <class T>
T await(Task<T> task) {
    std::optional<T> out;
    run_to_end(keep(std::move(task), &out));
    return std::move(*out);
}

class StillClock final : public Clock {
public:
    Instant now() const override { return at; }
    Duration steady() const override { return at.time_since_epoch(); }
    Task<bool> sleep(Duration) override { co_return true; }
    Instant at = from_unix_s(1'790'000'000);
};

// Clock and chance of a test.
struct World {
    StillClock clock;
    std::unique_ptr<Random> random = make_test_random(7);
    Env env() { return Env{clock, *random}; }
};

class TempFolder {
public:
    TempFolder();
    ~TempFolder();
    TempFolder(const TempFolder&) = delete;
    TempFolder& operator=(const TempFolder&) = delete;
    std::string operator/(const std::string& name) const { return (path_ / name).string(); }

private:
    std::filesystem::path path_;
};

// A file or a memory disk: a role store can be opened on it again and again.
class Disk {
public:
    virtual ~Disk() = default;
    virtual RoleStore open() = 0;
    virtual std::unique_ptr<PaymentJournal> open_journal() = 0;
    World world;
};
std::unique_ptr<Disk> make_disk(const std::string& kind);  // "memory" or "sqlite"

inline ChainId chain(const char* text) {
    return *ChainId::parse(text);
}
inline Instant at_second(std::int64_t n) {
    return from_unix_s(1'790'000'000 + n);
}
Hash32 hash_of(std::uint8_t byte);

PaymentRecord sample_payment(const std::string& key);
SlotRecord sample_slot(const std::string& key, std::vector<std::string> payments);
AttemptRecord sample_attempt(const std::string& id);
SlotName slot_name(const std::string& key);
SlotEnd sample_end(const std::string& slot, SlotState state, const std::string& attempt);
PaymentEnd payment_end(const std::string& key, PaymentEnd::How how);
GrantRecord sample_grant(const std::string& key);
NewEntry sample_entry(const std::string& key);

// The running test fails, at this place.
void report_failure(const char* file, int line, const std::string& words);

// The code of an operation that must fail.
template <class T>
Errc code_of(const Result<T>& result) {
    if (result) report_failure(__FILE__, __LINE__, "an operation succeeded that must fail");
    return result ? Errc::internal : result.error().code;
}

template <class T>
T value_of(Result<T> result, const char* file, int line) {
    if (!result) report_failure(file, line, to_string(result.error()));
    return std::move(result).value();
}

}  // namespace x402::store::test

// The value of an operation that must succeed.
#define X402_MUST(...) \
    ::x402::store::test::value_of(::x402::store::test::await(__VA_ARGS__), __FILE__, __LINE__)
