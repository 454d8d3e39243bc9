// SPDX-License-Identifier: Apache-2.0
// The shape of our files and how an older one becomes the present one. The version is SQLite's
// `user_version`, the kind of file its `application_id`. All steps that a file needs are one
// transaction. One thread.
#pragma once

#include <span>
#include <string_view>

#include "x402/store/sqlite/connection.hpp"

namespace x402::store::sqlite {

struct Schema {
    std::string_view name;  // "facilitator or gateway store"
    std::int64_t application_id = 0;
    std::span<const char* const> steps;  // steps[n] leads from version n to n + 1
};

const Schema& role_schema();     // payments, slots, attempts, grants
const Schema& journal_schema();  // a payer's payments

// Brings the file to the last step. Errc::unsupported: written by a newer version; Errc::invalid:
// another kind of file, or a damaged one. Then nothing was changed.
Result<void> migrate(Connection& connection, const std::string& path, const Schema& schema);

}  // namespace x402::store::sqlite
