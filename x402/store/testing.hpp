// SPDX-License-Identifier: Apache-2.0
// For tests of the roles: stores that fail, or let the test look, at any write. A FaultPlan counts
// the writes of both stores of a role together; a simulated crash at write N is "everything from
// there on fails", before or after N became durable. Wrap a memory store on a disk of its own, and
// open that disk again to restart. A plan is set up before the stores are used; its counters may be
// read at any time.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "x402/store/memory/memory.hpp"
#include "x402/store/open.hpp"

namespace x402::store::testing {

class FaultPlan {
public:
    // Write number n, from 1: refused without a trace.
    void fail_before(std::size_t n) { fail_before_ = n; }
    // Durable, but its answer is lost: the caller sees an error.
    void fail_after(std::size_t n) { fail_after_ = n; }
    // The process dies there: nothing after it reaches the disk, reads fail too.
    void crash_before(std::size_t n) { crash_before_ = n; }
    void crash_after(std::size_t n) { crash_after_ = n; }
    // Called with the name of the operation ("take_slot") and its number, on the thread of the
    // caller.
    std::function<void(std::string_view operation, std::size_t n)> on_before;
    std::function<void(std::string_view operation, std::size_t n)> on_after;

    std::size_t writes() const noexcept { return writes_; }
    bool crashed() const noexcept { return crashed_; }

    // For the wrappers. The number of the write, or the error that it meets.
    Result<std::size_t> enter(std::string_view operation);
    Result<void> leave(std::string_view operation, std::size_t n);
    Result<void> check_alive() const;

private:
    std::size_t fail_before_ = 0;
    std::size_t fail_after_ = 0;
    std::size_t crash_before_ = 0;
    std::size_t crash_after_ = 0;
    std::atomic<std::size_t> writes_{0};
    std::atomic<bool> crashed_{false};
};

// The plan and the wrapped stores are kept by the wrapper; the test holds the plan too.
std::unique_ptr<SettlementStore> with_faults(std::unique_ptr<SettlementStore> store,
                                             std::shared_ptr<FaultPlan> plan);
std::unique_ptr<GrantStore> with_faults(std::unique_ptr<GrantStore> store,
                                        std::shared_ptr<FaultPlan> plan);
RoleStore with_faults(RoleStore store, std::shared_ptr<FaultPlan> plan);

}  // namespace x402::store::testing
