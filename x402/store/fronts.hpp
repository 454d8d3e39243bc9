// SPDX-License-Identifier: Apache-2.0
// The stores as their callers see them, over any engine. Any thread.
#pragma once

#include <memory>

#include "x402/store/engine.hpp"
#include "x402/store/open.hpp"

namespace x402::store {

// One engine is shared by the two stores of a role's file and ends with the last of them.
RoleStore make_role_store(std::shared_ptr<Engine> engine, const Owner& owner);
std::unique_ptr<PaymentJournal> make_journal(std::shared_ptr<Engine> engine);

// The name under which a process owns records.
std::string make_owner_id(Random& random);

}  // namespace x402::store
