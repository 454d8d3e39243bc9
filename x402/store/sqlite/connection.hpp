// SPDX-License-Identifier: Apache-2.0
// SQLite as values and Results: a connection with its prepared statements kept, and a statement
// that is bound and read in the order of its columns. Trouble of the disk or of the file is
// Errc::unavailable. A connection and its statements belong to one thread at a time.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "x402/base/bytes.hpp"
#include "x402/base/clock.hpp"
#include "x402/base/result.hpp"
#include "x402/base/u256.hpp"
#include "x402/protocol/caip.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace x402::store::sqlite {

class Connection;

// One use of a prepared statement; reset when it goes. Binding and reading trouble is kept and told
// by the next step or by `check`, so that a row is put and taken in one breath.
class Statement {
public:
    Statement(Connection& connection, sqlite3_stmt* statement);
    Statement(Statement&& other) noexcept;
    Statement& operator=(Statement&&) = delete;
    ~Statement();

    Statement& put(std::string_view text);
    Statement& put(std::int64_t number);
    Statement& put(ByteView blob);
    Statement& put(const U256& amount);  // as decimal text
    Statement& put(Instant at);          // as milliseconds
    Statement& put_null();

    // True: a row is there, read from its first column on.
    Result<bool> step();
    // For statements without rows.
    Result<void> run();

    std::string take_text();
    std::string take_blob();  // bytes as text
    std::int64_t take_number();
    Instant take_instant();
    U256 take_u256();
    ChainId take_chain();
    Hash32 take_hash();
    std::optional<Hash32> take_optional_hash();
    bool next_is_null();  // does not move on
    void skip() { ++column_; }
    // A word that `parse` knows.
    template <class State>
    State take_word(std::optional<State> (*parse)(std::string_view) noexcept) {
        const auto state = parse(take_text());
        if (!state) damaged_ = true;
        return state.value_or(State{});
    }
    // Whether all that was taken was what it should be.
    Result<void> check() const;

private:
    Connection& connection_;
    sqlite3_stmt* statement_;
    int bound_ = 0;
    int bind_code_ = 0;
    int column_ = 0;
    bool damaged_ = false;
};

struct ConnectionOptions {
    std::string path;  // exists already
    bool read_only = false;
    std::chrono::milliseconds busy_timeout{10'000};
};

class Connection {
public:
    static Result<std::unique_ptr<Connection>> open(const ConnectionOptions& options);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    // `sql` is a literal. A statement is not used twice at the same time. Compiling cannot fail for
    // reasons of the text in a file of our schema; if it does, the statement's first step tells.
    Statement prepare(std::string_view sql);
    // One or more statements without parameters or rows.
    Result<void> execute(const std::string& sql);
    Result<std::int64_t> query_number(const std::string& sql);

    // How long the write-ahead log was after the last commit. Nothing shortens it but `checkpoint`.
    int log_pages() const noexcept { return log_pages_; }
    // Moves the log into the file. `restart` waits for readers, so that the log starts anew.
    Result<void> checkpoint(bool restart);

    bool in_transaction() const noexcept;
    std::int64_t last_insert_id() const noexcept;
    std::size_t changed_rows() const noexcept;  // by the last statement
    // The latest trouble: SQLite's primary code, and its words with the path of the file.
    int last_code() const noexcept { return last_code_; }
    std::unexpected<Error> trouble(int code);

private:
    friend class Statement;
    explicit Connection(std::string path) : path_(std::move(path)) {}
    Result<void> configure(bool read_only);

    std::string path_;
    sqlite3* handle_ = nullptr;
    std::unordered_map<std::string_view, sqlite3_stmt*> statements_;
    int last_code_ = 0;
    int log_pages_ = 0;
};

bool is_io_trouble(int code) noexcept;  // the disk failed while it wrote
bool is_damage(int code) noexcept;      // the file is none of SQLite's, or broken

}  // namespace x402::store::sqlite
