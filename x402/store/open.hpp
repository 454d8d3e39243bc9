// SPDX-License-Identifier: Apache-2.0
// Opening the stores. "sqlite:PATH" (relative to base_dir) or "memory:" (tests, and roles that say
// so). A file of a facilitator or gateway is locked by its role: a second opener gets
// Errc::conflict with who holds it (process id, role, since when). A file written by a newer
// version is refused.
#pragma once

#include <memory>
#include <string>

#include "x402/base/env.hpp"
#include "x402/store/grant_store.hpp"
#include "x402/store/payment_journal.hpp"
#include "x402/store/settlement_store.hpp"

namespace x402::store {

struct OpenOptions {
    std::string where;  // "sqlite:facilitator.db"
    std::string base_dir;
    std::string role;  // "facilitator", "gateway": written into the lock
};

// A role's file holds both kinds of records: a gateway with a facilitator inside uses one file.
struct RoleStore {
    std::unique_ptr<SettlementStore> settlements;
    std::unique_ptr<GrantStore> grants;
};

Result<RoleStore> open_role_store(const OpenOptions& options, Env env);
Result<std::unique_ptr<PaymentJournal>> open_journal(const std::string& path, Env env);

}  // namespace x402::store
