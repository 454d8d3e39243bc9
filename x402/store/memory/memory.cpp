// SPDX-License-Identifier: Apache-2.0
// A mutex is the writer here: a job runs on the thread that brings it, its waiter goes on through
// its executor as with every engine. Any thread.
#include "x402/store/memory/memory.hpp"

#include <mutex>

#include "x402/store/fronts.hpp"
#include "x402/store/memory/rows.hpp"

namespace x402::store {

class MemoryDisk {
public:
    std::uint64_t next_fence() {
        const std::lock_guard lock(mutex_);
        return ++fence_;
    }

    // Fence 0 is everybody's: the journal has leases instead.
    Result<void> work(Job& job, std::uint64_t fence);

private:
    class DiskSession final : public Session {
    public:
        SettlementRows& settlements() override { return settlements_; }
        GrantRows& grants() override { return grants_; }
        JournalRows& journal() override { return journal_; }

    private:
        memory::MemorySettlements settlements_;
        memory::MemoryGrants grants_;
        memory::MemoryJournal journal_;
    };

    std::mutex mutex_;
    DiskSession session_;
    std::uint64_t fence_ = 0;
};

Result<void> MemoryDisk::work(Job& job, std::uint64_t fence) {
    const std::lock_guard lock(mutex_);
    if (job.access == Access::write && fence != 0 && fence != fence_) {
        return fail(Errc::conflict, "the store was opened again by another owner");
    }
    return job.work(session_);
}

namespace {

class MemoryEngine final : public Engine {
public:
    // The disk is shared: it outlives this engine where a test opens it again.
    MemoryEngine(std::shared_ptr<MemoryDisk> disk, std::uint64_t fence)
        : disk_(std::move(disk)), fence_(fence) {}

    void submit(Job job) override {
        Result<void> result = disk_->work(job, fence_);
        job.done(std::move(result));
    }

private:
    std::shared_ptr<MemoryDisk> disk_;
    std::uint64_t fence_;
};

}  // namespace

std::shared_ptr<MemoryDisk> make_memory_disk() {
    return std::make_shared<MemoryDisk>();
}

RoleStore open_memory_store(std::shared_ptr<MemoryDisk> disk, Env env) {
    const Owner owner{make_owner_id(env.random), disk->next_fence()};
    return make_role_store(std::make_shared<MemoryEngine>(std::move(disk), owner.fence), owner);
}

std::unique_ptr<PaymentJournal> open_memory_journal(std::shared_ptr<MemoryDisk> disk) {
    return make_journal(std::make_shared<MemoryEngine>(std::move(disk), 0));
}

RoleStore make_memory_store(Env env) {
    return open_memory_store(make_memory_disk(), env);
}

std::unique_ptr<PaymentJournal> make_memory_journal() {
    return open_memory_journal(make_memory_disk());
}

}  // namespace x402::store
