// SPDX-License-Identifier: Apache-2.0
// The two threads and their queues. A job's answer is given only after the transaction that carried
// it has ended.
#include "x402/store/sqlite/sqlite_engine.hpp"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <condition_variable>
#include <deque>
#include <exception>
#include <filesystem>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "x402/base/crash_point.hpp"
#include "x402/base/limits.hpp"
#include "x402/base/log.hpp"
#include "x402/store/sqlite/rows.hpp"

namespace x402::store::sqlite {

namespace {

constexpr ::mode_t kOwnerOnly = 0600;
// The log is moved into the file from the first length on; from the second on readers are waited
// for, because a store that is never idle would let the log grow for ever.
constexpr int kLogPages = 4'000;
constexpr int kLongLogPages = 40'000;

class SqliteSession final : public Session {
public:
    explicit SqliteSession(Connection& connection)
        : settlements_(connection), grants_(connection), journal_(connection) {}
    SettlementRows& settlements() override { return settlements_; }
    GrantRows& grants() override { return grants_; }
    JournalRows& journal() override { return journal_; }

private:
    SqliteSettlements settlements_;
    SqliteGrants grants_;
    SqliteJournal journal_;
};

class JobQueue {
public:
    // Gives the job back when there is no room.
    std::optional<Job> push(Job job) {
        {
            const std::lock_guard lock(mutex_);
            if (closed_ || jobs_.size() >= limits::kStoreQueue) return job;
            jobs_.push_back(std::move(job));
        }
        ready_.notify_one();
        return std::nullopt;
    }

    void close() {
        {
            const std::lock_guard lock(mutex_);
            closed_ = true;
        }
        ready_.notify_all();
    }

    // Waits; empty once the queue was closed and all is done.
    std::vector<Job> next_group() {
        std::unique_lock lock(mutex_);
        ready_.wait(lock, [this] { return closed_ || !jobs_.empty(); });
        std::vector<Job> group;
        while (!jobs_.empty() && group.size() < limits::kGroupCommit) {
            group.push_back(std::move(jobs_.front()));
            jobs_.pop_front();
        }
        return group;
    }

private:
    std::mutex mutex_;
    std::condition_variable ready_;
    std::deque<Job> jobs_;
    bool closed_ = false;
};

using Results = std::vector<Result<void>>;

void answer(std::vector<Job>& group, Results results) {
    for (std::size_t i = 0; i < group.size(); ++i) group[i].done(std::move(results[i]));
}

Results all_failed(std::size_t count, const Error& error) {
    Results results;
    for (std::size_t i = 0; i < count; ++i) results.emplace_back(fail(error));
    return results;
}

Result<void> work(Job& job, Session& session) {
    try {
        return job.work(session);
    } catch (const std::exception& error) {
        return fail(Errc::internal,
                    "the operation " + std::string(job.name) + " threw: " + error.what());
    }
}

// The first trouble is what is told; a transaction that was not committed is gone in any case.
void roll_back(Connection& connection) {
    if (!connection.in_transaction()) return;
    const auto undone = connection.execute("ROLLBACK");
    if (!undone) log::error("store_rollback_failed", {{"detail", undone.error().detail}});
}

// In a savepoint of its own: what it wrote is undone when it fails. The outer error is the
// transaction's.
Result<Result<void>> work_saved(Job& job, Session& session, Connection& connection) {
    X402_TRY_VOID(connection.prepare("SAVEPOINT one").run());
    Result<void> result = work(job, session);
    if (!result) {
        // SQLite gives up the whole transaction by itself after some troubles of the disk.
        if (!connection.in_transaction()) return fail(result.error());
        X402_TRY_VOID(connection.prepare("ROLLBACK TO one").run());
    }
    X402_TRY_VOID(connection.prepare("RELEASE one").run());
    return result;
}

// The name of a new file is durable only with its folder.
void sync_folder_of(const std::string& path) {
    const auto folder = std::filesystem::path(path).parent_path();
    const int held = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (held < 0) return;
    ::fsync(held);
    ::close(held);
}

// A file that exists is not opened here: to close a descriptor of it would drop the locks that
// SQLite holds on it elsewhere in this process (fcntl(2), record locks).
Result<void> create_file(const std::string& path) {
    const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, kOwnerOnly);
    if (descriptor >= 0) {
        ::close(descriptor);
        sync_folder_of(path);
        return {};
    }
    // Payments and requests are nobody else's to read; a file that came with wider rights is
    // narrowed.
    if (errno == EEXIST && (::chmod(path.c_str(), kOwnerOnly) == 0 || errno == EPERM)) return {};
    return fail_field(Errc::unavailable, "store",
                      path + ": " + std::generic_category().message(errno),
                      "see that the folder exists and may be written");
}

Result<std::uint64_t> raise_fence(Connection& connection) {
    X402_TRY_VOID(connection.execute("BEGIN IMMEDIATE"));
    auto raised = connection.execute("UPDATE meta SET value = value + 1 WHERE name = 'fence'");
    if (raised) raised = connection.execute("COMMIT");
    if (!raised) {
        roll_back(connection);
        return fail(std::move(raised).error());
    }
    X402_TRY(const auto fence,
             connection.query_number("SELECT value FROM meta WHERE name = 'fence'"));
    return static_cast<std::uint64_t>(fence);
}

// One file has one name here, however it was reached, for the lock is on the name.
Result<std::string> real_path(const std::string& path) {
    std::error_code error;
    auto full = std::filesystem::absolute(path, error);
    if (!error) full = std::filesystem::weakly_canonical(full, error);
    if (error) return fail_field(Errc::unavailable, "store", path + ": " + error.message());
    return full.string();
}

}  // namespace

struct SqliteEngine::State {
    std::optional<LockFile> lock;
    std::unique_ptr<Connection> writer;
    std::unique_ptr<Connection> reader;
    std::uint64_t fence = 0;
    JobQueue writes;
    JobQueue reads;
    std::atomic<bool> broken{false};
    std::atomic<std::uint64_t> operations{0};
    std::atomic<std::uint64_t> commits{0};
    std::thread write_thread;
    std::thread read_thread;

    void write_loop();
    void tend_log();
    void read_loop();
    Result<void> begin();
    Result<Results> work_all(std::vector<Job>& group, Session& session);
    Results write_group(std::vector<Job>& group, Session& session);
    Results read_group(std::vector<Job>& group, Session& session);
    Result<void> open_connections(const EngineOptions& options);
};

Result<void> SqliteEngine::State::begin() {
    X402_TRY_VOID(writer->prepare("BEGIN IMMEDIATE").run());
    if (fence == 0) return {};
    Statement row = writer->prepare("SELECT value FROM meta WHERE name = 'fence'");
    X402_TRY(const bool there, row.step());
    if (there && static_cast<std::uint64_t>(row.take_number()) == fence) return {};
    return fail(Errc::conflict, "the store was opened again by another owner");
}

Result<Results> SqliteEngine::State::work_all(std::vector<Job>& group, Session& session) {
    X402_TRY_VOID(begin());
    Results results;
    for (Job& job : group) {
        X402_TRY(auto result, work_saved(job, session, *writer));
        results.push_back(std::move(result));
    }
    auto committed = writer->prepare("COMMIT").run();
    if (!committed) {
        // The frames may be on the disk or not: only a restart reads them anew.
        if (is_io_trouble(writer->last_code())) broken = true;
        log::error("store_commit_failed", {{"detail", committed.error().detail}});
        return fail(std::move(committed).error());
    }
    commits += 1;
    return results;
}

Results SqliteEngine::State::write_group(std::vector<Job>& group, Session& session) {
    if (broken) {
        return all_failed(group.size(),
                          Error{Errc::unavailable, "the disk failed; a restart is needed", "store",
                                "see to the disk, then start again", true});
    }
    for (const Job& job : group) X402_CRASH_POINT(job.name, before);
    auto results = work_all(group, session);
    if (!results) {
        roll_back(*writer);
        return all_failed(group.size(), results.error());
    }
    for (std::size_t i = 0; i < group.size(); ++i) {
        if (!(*results)[i]) continue;
        operations += 1;
        X402_CRASH_POINT(group[i].name, after);
    }
    return std::move(*results);
}

Results SqliteEngine::State::read_group(std::vector<Job>& group, Session& session) {
    const auto begun = reader->prepare("BEGIN").run();
    if (!begun) return all_failed(group.size(), begun.error());
    Results results;
    for (Job& job : group) results.push_back(work(job, session));
    roll_back(*reader);
    return results;
}

void SqliteEngine::State::write_loop() {
    SqliteSession session(*writer);
    for (auto group = writes.next_group(); !group.empty(); group = writes.next_group()) {
        answer(group, write_group(group, session));
        tend_log();
    }
}

void SqliteEngine::State::tend_log() {
    if (broken || writer->log_pages() < kLogPages) return;
    const auto moved = writer->checkpoint(writer->log_pages() >= kLongLogPages);
    // The commits stand in the log all the same.
    if (!moved) log::warn("store_checkpoint_failed", {{"detail", moved.error().detail}});
}

void SqliteEngine::State::read_loop() {
    SqliteSession session(*reader);
    for (auto group = reads.next_group(); !group.empty(); group = reads.next_group()) {
        answer(group, read_group(group, session));
    }
}

Result<void> SqliteEngine::State::open_connections(const EngineOptions& options) {
    X402_TRY_VOID(create_file(options.path));
    const ConnectionOptions writing{.path = options.path};
    X402_TRY(writer, Connection::open(writing));
    X402_CRASH_POINT("store.migrate", before);
    X402_TRY_VOID(migrate(*writer, options.path, *options.schema));
    X402_CRASH_POINT("store.migrate", after);
    if (!options.shared) {
        X402_CRASH_POINT("store.fence", before);
        X402_TRY(fence, raise_fence(*writer));
        X402_CRASH_POINT("store.fence", after);
    }
    const ConnectionOptions reading{.path = options.path, .read_only = true};
    X402_TRY(reader, Connection::open(reading));
    return {};
}

SqliteEngine::SqliteEngine(std::unique_ptr<State> state) : state_(std::move(state)) {
    State* const shared = state_.get();
    state_->write_thread = std::thread([shared] { shared->write_loop(); });
    state_->read_thread = std::thread([shared] { shared->read_loop(); });
}

Result<std::unique_ptr<SqliteEngine>> SqliteEngine::open(const EngineOptions& options) {
    EngineOptions known = options;
    X402_TRY(known.path, real_path(options.path));
    auto state = std::make_unique<State>();
    if (known.shared) {
        // Two processes that create or update the file at once would trip over each other.
        X402_TRY(const auto turn, LockFile::wait(known.path));
        X402_TRY_VOID(state->open_connections(known));
    } else {
        X402_TRY(state->lock, LockFile::take(known.path, known.role, known.now));
        X402_TRY_VOID(state->open_connections(known));
    }
    return std::unique_ptr<SqliteEngine>(new SqliteEngine(std::move(state)));
}

SqliteEngine::~SqliteEngine() {
    state_->writes.close();
    state_->reads.close();
    state_->write_thread.join();
    state_->read_thread.join();
}

void SqliteEngine::submit(Job job) {
    JobQueue& queue = job.access == Access::write ? state_->writes : state_->reads;
    std::optional<Job> refused = queue.push(std::move(job));
    if (refused) refused->done(fail(Errc::unavailable, "the store's queue is full"));
}

std::uint64_t SqliteEngine::fence() const noexcept {
    return state_->fence;
}

EngineCounts SqliteEngine::counts() const noexcept {
    return {state_->operations.load(), state_->commits.load()};
}

}  // namespace x402::store::sqlite
