// SPDX-License-Identifier: Apache-2.0
// Write-ahead log with synchronous=FULL: a commit has reached the disk when it returns. One thread
// at a time.
#include "x402/store/sqlite/connection.hpp"

#include <sqlite3.h>

#include "x402/base/check.hpp"

namespace x402::store::sqlite {

namespace {

constexpr int kPrimaryCode = 0xff;  // SQLite's extended codes carry the primary one in the low byte

constexpr const char* kSettings =
    "PRAGMA synchronous = FULL;"
    "PRAGMA trusted_schema = OFF;"
    "PRAGMA cell_size_check = ON;"
    "PRAGMA temp_store = MEMORY;"
    "PRAGMA cache_size = -16384;"
    "PRAGMA journal_size_limit = 67108864;";

// The engine decides when to move the log, after its waiters were answered.
int note_log_pages(void* pages, sqlite3*, const char*, int count) {
    *static_cast<int*>(pages) = count;
    return SQLITE_OK;
}

}  // namespace

bool is_io_trouble(int code) noexcept {
    return code == SQLITE_IOERR;
}
bool is_damage(int code) noexcept {
    return code == SQLITE_NOTADB || code == SQLITE_CORRUPT;
}

Statement::Statement(Connection& connection, sqlite3_stmt* statement)
    : connection_(connection), statement_(statement) {}

Statement::Statement(Statement&& other) noexcept
    : connection_(other.connection_),
      statement_(std::exchange(other.statement_, nullptr)),
      bound_(other.bound_),
      bind_code_(other.bind_code_),
      column_(other.column_),
      damaged_(other.damaged_) {}

Statement::~Statement() {
    if (statement_ == nullptr) return;
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
}

Statement& Statement::put(std::string_view text) {
    // Never a null pointer, which would be NULL rather than empty text.
    const char* const data = text.empty() ? "" : text.data();
    const int code =
        sqlite3_bind_text64(statement_, ++bound_, data, text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
    if (code != SQLITE_OK) bind_code_ = code;
    return *this;
}

Statement& Statement::put(std::int64_t number) {
    const int code = sqlite3_bind_int64(statement_, ++bound_, number);
    if (code != SQLITE_OK) bind_code_ = code;
    return *this;
}

Statement& Statement::put(ByteView blob) {
    const void* const data = blob.empty() ? static_cast<const void*>("") : blob.data();
    const int code = sqlite3_bind_blob64(statement_, ++bound_, data, blob.size(), SQLITE_TRANSIENT);
    if (code != SQLITE_OK) bind_code_ = code;
    return *this;
}

Statement& Statement::put(const U256& amount) {
    return put(std::string_view(amount.to_decimal()));
}

Statement& Statement::put(Instant at) {
    return put(to_unix_ms(at));
}

Statement& Statement::put_null() {
    const int code = sqlite3_bind_null(statement_, ++bound_);
    if (code != SQLITE_OK) bind_code_ = code;
    return *this;
}

Result<bool> Statement::step() {
    if (statement_ == nullptr) return connection_.trouble(connection_.last_code_);
    if (bind_code_ != SQLITE_OK) return connection_.trouble(bind_code_);
    X402_TRY_VOID(check());
    column_ = 0;
    const int code = sqlite3_step(statement_);
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) return false;
    return connection_.trouble(code);
}

Result<void> Statement::run() {
    X402_TRY(const bool row, step());
    X402_CHECK(!row);
    return {};
}

std::string Statement::take_text() {
    const int column = column_++;
    const unsigned char* const data = sqlite3_column_text(statement_, column);
    const int size = sqlite3_column_bytes(statement_, column);
    if (data == nullptr) {
        damaged_ = true;
        return {};
    }
    return {reinterpret_cast<const char*>(data), static_cast<std::size_t>(size)};
}

std::string Statement::take_blob() {
    const int column = column_++;
    const void* const data = sqlite3_column_blob(statement_, column);
    const int size = sqlite3_column_bytes(statement_, column);
    if (data == nullptr) return {};
    return {static_cast<const char*>(data), static_cast<std::size_t>(size)};
}

std::int64_t Statement::take_number() {
    return sqlite3_column_int64(statement_, column_++);
}

Instant Statement::take_instant() {
    return from_unix_ms(take_number());
}

U256 Statement::take_u256() {
    const auto amount = U256::from_decimal(take_text());
    if (!amount) damaged_ = true;
    return amount ? *amount : U256{};
}

ChainId Statement::take_chain() {
    const std::string text = take_text();
    if (text.empty()) return {};
    auto chain = ChainId::parse(text);
    if (!chain) {
        damaged_ = true;
        return {};
    }
    return std::move(*chain);
}

Hash32 Statement::take_hash() {
    const int column = column_++;
    const void* const data = sqlite3_column_blob(statement_, column);
    const int size = sqlite3_column_bytes(statement_, column);
    if (data == nullptr || size != static_cast<int>(Hash32::size())) {
        damaged_ = true;
        return {};
    }
    return Hash32::from({static_cast<const std::uint8_t*>(data), Hash32::size()});
}

bool Statement::next_is_null() {
    return sqlite3_column_type(statement_, column_) == SQLITE_NULL;
}

std::optional<Hash32> Statement::take_optional_hash() {
    if (next_is_null()) {
        skip();
        return std::nullopt;
    }
    return take_hash();
}

Result<void> Statement::check() const {
    if (!damaged_) return {};
    return fail(Errc::unavailable, connection_.path_ + ": a record is damaged");
}

Result<std::unique_ptr<Connection>> Connection::open(const ConnectionOptions& options) {
    X402_CHECK(sqlite3_threadsafe() != 0);
    std::unique_ptr<Connection> connection(new Connection(options.path));
    const int flags = (options.read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE) |
                      SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    const int code = sqlite3_open_v2(options.path.c_str(), &connection->handle_, flags, nullptr);
    if (code != SQLITE_OK) return connection->trouble(code);
    sqlite3_busy_timeout(connection->handle_, static_cast<int>(options.busy_timeout.count()));
    sqlite3_db_config(connection->handle_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    auto ready = connection->configure(options.read_only);
    if (ready) return connection;
    if (!is_damage(connection->last_code_)) return fail(std::move(ready).error());
    return fail_field(Errc::invalid, "store",
                      "this is no database, or a damaged one: " + ready.error().detail,
                      "restore a backup, or name another file");
}

Result<void> Connection::configure(bool read_only) {
    X402_TRY_VOID(execute(kSettings));
    if (read_only) return {};
    sqlite3_wal_hook(handle_, &note_log_pages, &log_pages_);
    Statement mode = prepare("PRAGMA journal_mode = WAL");
    X402_TRY(const bool row, mode.step());
    if (row && mode.take_text() == "wal") return {};
    return fail(Errc::unavailable, path_ + ": this file system does not carry a write-ahead log");
}

Connection::~Connection() {
    for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
    sqlite3_close(handle_);
}

Statement Connection::prepare(std::string_view sql) {
    const auto it = statements_.find(sql);
    if (it != statements_.end()) return {*this, it->second};
    sqlite3_stmt* statement = nullptr;
    const int code = sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()),
                                        SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    if (code != SQLITE_OK) {
        last_code_ = code;
        return {*this, nullptr};
    }
    statements_.emplace(sql, statement);
    return {*this, statement};
}

Result<void> Connection::execute(const std::string& sql) {
    const int code = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) return trouble(code);
    return {};
}

Result<std::int64_t> Connection::query_number(const std::string& sql) {
    sqlite3_stmt* raw = nullptr;
    const int code = sqlite3_prepare_v2(handle_, sql.c_str(), -1, &raw, nullptr);
    if (code != SQLITE_OK) return trouble(code);
    const std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> statement(raw, sqlite3_finalize);
    const int step = sqlite3_step(raw);
    if (step != SQLITE_ROW) return trouble(step);
    return sqlite3_column_int64(raw, 0);
}

Result<void> Connection::checkpoint(bool restart) {
    const int mode = restart ? SQLITE_CHECKPOINT_RESTART : SQLITE_CHECKPOINT_PASSIVE;
    const int code = sqlite3_wal_checkpoint_v2(handle_, nullptr, mode, nullptr, nullptr);
    if (code != SQLITE_OK) return trouble(code);
    return {};
}

bool Connection::in_transaction() const noexcept {
    return handle_ != nullptr && sqlite3_get_autocommit(handle_) == 0;
}

std::int64_t Connection::last_insert_id() const noexcept {
    return sqlite3_last_insert_rowid(handle_);
}

std::size_t Connection::changed_rows() const noexcept {
    return static_cast<std::size_t>(sqlite3_changes64(handle_));
}

std::unexpected<Error> Connection::trouble(int code) {
    last_code_ = code & kPrimaryCode;
    const char* const words = handle_ == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(handle_);
    return fail(Errc::unavailable,
                path_ + ": " + words + " (SQLite code " + std::to_string(code) + ")");
}

}  // namespace x402::store::sqlite
