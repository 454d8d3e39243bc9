// SPDX-License-Identifier: Apache-2.0
// Stores that keep nothing beyond the process: for tests, and for roles that say "memory:". A
// MemoryDisk is what a file is to the others: it outlives the store that opened it, so a test can
// let a role die and start it again on the same disk; the fence then shuts the dead one out. Any
// thread.
#pragma once

#include <memory>

#include "x402/base/env.hpp"
#include "x402/store/open.hpp"

namespace x402::store {

class MemoryDisk;  // shared by the test and by every store that was opened on it
std::shared_ptr<MemoryDisk> make_memory_disk();

RoleStore open_memory_store(std::shared_ptr<MemoryDisk> disk, Env env);
std::unique_ptr<PaymentJournal> open_memory_journal(std::shared_ptr<MemoryDisk> disk);

// Each on a disk of its own.
RoleStore make_memory_store(Env env);
std::unique_ptr<PaymentJournal> make_memory_journal();

}  // namespace x402::store
