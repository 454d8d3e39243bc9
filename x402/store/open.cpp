// SPDX-License-Identifier: Apache-2.0
// From a configured word to a store. Any thread.
#include "x402/store/open.hpp"

#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "x402/store/fronts.hpp"
#include "x402/store/memory/memory.hpp"
#include "x402/store/sqlite/sqlite_engine.hpp"

namespace x402::store {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSqlite = "sqlite:";
constexpr std::string_view kMemory = "memory:";
constexpr std::string_view kPostgres = "postgres:";
constexpr ::mode_t kOwnerOnlyFolder = 0700;

Result<std::string> path_of(const OpenOptions& options) {
    const std::string_view where = options.where;
    if (where.starts_with(kSqlite) && where.size() > kSqlite.size()) {
        // An absolute path replaces the base.
        return (fs::path(options.base_dir) / where.substr(kSqlite.size())).string();
    }
    if (where.starts_with(kPostgres)) {
        return fail_field(Errc::unsupported, "store", "this build keeps its records in SQLite",
                          "write store = \"sqlite:FILE\"");
    }
    return fail_field(Errc::invalid, "store", "no such kind of store: " + options.where,
                      "write store = \"sqlite:FILE\" or \"memory:\"");
}

// Every missing folder on the way is its owner's alone: a payer's payments are private.
Result<void> make_folders(const fs::path& folder) {
    if (folder.empty()) return {};
    std::error_code error;
    if (fs::is_directory(folder, error)) return {};
    X402_TRY_VOID(make_folders(folder.parent_path()));
    if (::mkdir(folder.c_str(), kOwnerOnlyFolder) == 0 || errno == EEXIST) return {};
    return fail_field(Errc::unavailable, "home",
                      folder.string() + ": " + std::generic_category().message(errno),
                      "name a folder that may be written with --home");
}

}  // namespace

Result<RoleStore> open_role_store(const OpenOptions& options, Env env) {
    if (options.where == kMemory) return make_memory_store(env);
    X402_TRY(auto path, path_of(options));
    sqlite::EngineOptions known;
    known.path = std::move(path);
    known.schema = &sqlite::role_schema();
    known.role = options.role;
    known.now = env.clock.now();
    X402_TRY(auto engine, sqlite::SqliteEngine::open(known));
    const Owner owner{make_owner_id(env.random), engine->fence()};
    return make_role_store(std::move(engine), owner);
}

Result<std::unique_ptr<PaymentJournal>> open_journal(const std::string& path, Env env) {
    if (path == kMemory) return make_memory_journal();
    std::error_code error;
    const fs::path full = fs::absolute(path, error);
    if (error) return fail_field(Errc::unavailable, "home", path + ": " + error.message());
    X402_TRY_VOID(make_folders(full.parent_path()));
    sqlite::EngineOptions known;
    known.path = path;
    known.schema = &sqlite::journal_schema();
    known.shared = true;
    known.now = env.clock.now();
    X402_TRY(auto engine, sqlite::SqliteEngine::open(known));
    return make_journal(std::move(engine));
}

}  // namespace x402::store
