// SPDX-License-Identifier: Apache-2.0
// A file's life: who may open it, what shape it has, what is refused and in which words.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "x402/store/sqlite/sqlite_engine.hpp"
#include "x402/store/testing/support.hpp"

namespace x402::store::sqlite {

namespace {

using namespace test;

class File : public ::testing::Test {
protected:
    Result<RoleStore> open(const std::string& role = "gateway") {
        return open_role_store(OpenOptions{"sqlite:" + path_, "", role}, world_.env());
    }
    std::unique_ptr<Connection> raw() {
        const ConnectionOptions options{.path = path_};
        auto connection = Connection::open(options);
        EXPECT_TRUE(connection.has_value());
        return std::move(connection).value();
    }
    void write_bytes(const std::string& text) { std::ofstream(path_, std::ios::binary) << text; }

    World world_;
    TempFolder folder_;
    std::string path_ = folder_ / "role.db";
};

ino_t inode(const std::string& path) {
    struct stat status{};
    return ::stat(path.c_str(), &status) == 0 ? status.st_ino : 0;
}

unsigned mode_of(const std::string& path) {
    struct stat status{};
    return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 07777U : 0;
}

TEST_F(File, ASecondOpenerIsToldWhoHoldsIt) {
    const auto first = open("facilitator");
    ASSERT_TRUE(first.has_value());
    const auto second = open("gateway");
    ASSERT_EQ(code_of(second), Errc::conflict);
    EXPECT_NE(second.error().detail.find("role=facilitator"), std::string::npos);
    EXPECT_NE(second.error().detail.find("pid=" + std::to_string(::getpid())), std::string::npos);
    EXPECT_NE(second.error().detail.find("since=2026-09-21T"), std::string::npos)
        << second.error().detail;
    EXPECT_FALSE(second.error().next.empty());
}

TEST_F(File, AnotherNameOfTheSameFileIsTheSameFile) {
    const auto first = open();
    ASSERT_TRUE(first.has_value());
    const std::string link = folder_ / "link.db";
    ASSERT_EQ(::symlink(path_.c_str(), link.c_str()), 0);
    EXPECT_EQ(code_of(open_role_store(OpenOptions{"sqlite:" + link, "", "gateway"}, world_.env())),
              Errc::conflict);
}

TEST_F(File, TheLockEndsWithItsHolder) {
    Owner first;
    {
        const auto store = open();
        ASSERT_TRUE(store.has_value());
        first = store->settlements->owner();
        EXPECT_EQ(store->grants->owner(), first);
        EXPECT_EQ(first.fence, 1U);
        EXPECT_EQ(first.id.size(), 32U);
    }
    const ino_t lock = inode(path_ + ".lock");
    const auto again = open();
    ASSERT_TRUE(again.has_value());
    EXPECT_EQ(again->settlements->owner().fence, 2U);
    EXPECT_NE(again->settlements->owner().id, first.id);
    EXPECT_EQ(inode(path_ + ".lock"), lock);
}

TEST_F(File, EitherStoreOfARoleKeepsTheFileOpen) {
    auto store = open();
    ASSERT_TRUE(store.has_value());
    store->settlements.reset();
    EXPECT_TRUE(X402_MUST(store->grants->claim(sample_grant("k"))).fresh);
    EXPECT_EQ(code_of(open()), Errc::conflict);
    store->grants.reset();
    EXPECT_TRUE(open().has_value());
}

TEST_F(File, IsItsOwnersAlone) {
    const auto store = open();
    ASSERT_TRUE(store.has_value());
    EXPECT_EQ(mode_of(path_), 0600U);
    EXPECT_EQ(mode_of(path_ + "-wal"), 0600U);
    const std::string journal = folder_ / "home" + std::string("/deep/journal.db");
    const auto opened = open_journal(journal, world_.env());
    ASSERT_TRUE(opened.has_value());
    EXPECT_EQ(mode_of(journal), 0600U);
    EXPECT_EQ(mode_of(folder_ / "home"), 0700U);
    EXPECT_EQ(mode_of(folder_ / "home/deep"), 0700U);
}

TEST_F(File, AWiderModeIsNarrowed) {
    {
        ASSERT_TRUE(open().has_value());
    }
    ASSERT_EQ(::chmod(path_.c_str(), 0644), 0);
    ASSERT_TRUE(open().has_value());
    EXPECT_EQ(mode_of(path_), 0600U);
}

TEST_F(File, CommitsReachTheDisk) {
    const auto connection = [this] {
        {
            EXPECT_TRUE(open().has_value());
        }
        return raw();
    }();
    EXPECT_EQ(connection->query_number("PRAGMA synchronous").value(), 2);  // FULL
    Statement mode = connection->prepare("PRAGMA journal_mode");
    EXPECT_TRUE(mode.step().value());
    EXPECT_EQ(mode.take_text(), "wal");
}

TEST_F(File, WhatIsNoStoreIsRefusedInClearWords) {
    const std::string page(8192, 'x');
    const struct {
        const char* name;
        std::string bytes;
    } rows[] = {{"noise", page}, {"text", "# a config file\nlisten = 1\n"}};
    for (const auto& row : rows) {
        SCOPED_TRACE(row.name);
        write_bytes(row.bytes);
        const auto opened = open();
        ASSERT_EQ(code_of(opened), Errc::invalid) << to_string(opened.error());
        EXPECT_NE(opened.error().detail.find(path_), std::string::npos);
        EXPECT_EQ(opened.error().field, "store");
        EXPECT_FALSE(opened.error().next.empty());
        // It is left as it was, for somebody may still want it.
        std::ifstream in(path_, std::ios::binary);
        EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), row.bytes);
    }
}

TEST_F(File, ADamagedStoreIsRefused) {
    {
        const auto store = open();
        ASSERT_TRUE(store.has_value());
        for (int i = 0; i < 200; ++i) {
            const PaymentRecord intent = sample_payment(std::to_string(i));
            EXPECT_TRUE(await(store->settlements->claim_payment(intent)));
        }
    }
    // The second half of the first page: the schema's own table.
    std::fstream file(path_, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(100);
    file << std::string(3000, 'x');
    file.close();
    EXPECT_EQ(code_of(open()), Errc::invalid);
}

TEST_F(File, AnotherKindOfFileIsRefused) {
    {
        ASSERT_TRUE(open_journal(path_, world_.env()).has_value());
    }
    EXPECT_EQ(code_of(open()), Errc::invalid);
    const std::string role = folder_ / "other.db";
    {
        ASSERT_TRUE(open_role_store(OpenOptions{"sqlite:" + role, "", "x"}, world_.env()));
    }
    EXPECT_EQ(code_of(open_journal(role, world_.env())), Errc::invalid);
}

TEST_F(File, ANewerFileIsRefusedAndNotTouched) {
    {
        ASSERT_TRUE(open().has_value());
    }
    EXPECT_TRUE(raw()->execute("PRAGMA user_version = 99"));
    const auto opened = open();
    ASSERT_EQ(code_of(opened), Errc::unsupported);
    EXPECT_NE(opened.error().detail.find("schema 99, this one knows "), std::string::npos);
    EXPECT_EQ(raw()->query_number("PRAGMA user_version").value(), 99);
    EXPECT_EQ(raw()->query_number("SELECT value FROM meta").value(), 1);
}

TEST_F(File, BadWordsAndPathsAreNamed) {
    const struct {
        const char* where;
        Errc want;
    } rows[] = {{"sqlite:", Errc::invalid},
                {"", Errc::invalid},
                {"memory", Errc::invalid},
                {"postgres://user@host/db", Errc::unsupported},
                {"sqlite:/nowhere-at-all/x.db", Errc::unavailable}};
    for (const auto& row : rows) {
        SCOPED_TRACE(row.where);
        const auto opened = open_role_store(OpenOptions{row.where, "", "gateway"}, world_.env());
        EXPECT_EQ(code_of(opened), row.want);
        EXPECT_EQ(opened.error().field, "store");
    }
    EXPECT_TRUE(open_role_store(OpenOptions{"memory:", "", "gateway"}, world_.env()));
}

TEST_F(File, ARelativePathIsRelativeToTheConfig) {
    const std::string base = folder_ / "";
    ASSERT_TRUE(open_role_store(OpenOptions{"sqlite:rel.db", base, "gateway"}, world_.env()));
    EXPECT_NE(inode(folder_ / "rel.db"), 0U);
}

// Two versions of a small schema of our own.
constexpr const char* kSteps[] = {
    "CREATE TABLE one (a INTEGER); INSERT INTO one VALUES (41);",
    "ALTER TABLE one ADD COLUMN b INTEGER NOT NULL DEFAULT 7; UPDATE one SET a = a + 1;",
    "CREATE TABLE three (a INTEGER); SELECT no_such_function();"};
constexpr std::int64_t kKind = 0x1234;

Schema schema_until(std::size_t version) {
    return Schema{"test file", kKind, std::span<const char* const>(kSteps, version)};
}

class Migration : public File {
protected:
    Migration() { write_bytes(""); }
    Result<void> to(std::size_t version) {
        const auto connection = raw();
        return migrate(*connection, path_, schema_until(version));
    }
};

TEST_F(Migration, AnOldFileIsBroughtForwardOnce) {
    ASSERT_TRUE(to(1));
    EXPECT_EQ(raw()->query_number("PRAGMA user_version").value(), 1);
    ASSERT_TRUE(to(2));
    ASSERT_TRUE(to(2));
    EXPECT_EQ(raw()->query_number("PRAGMA user_version").value(), 2);
    EXPECT_EQ(raw()->query_number("SELECT a FROM one").value(), 42);
    EXPECT_EQ(raw()->query_number("SELECT b FROM one").value(), 7);
    EXPECT_EQ(code_of(to(1)), Errc::unsupported);
}

TEST_F(Migration, ANewFileTakesEveryStep) {
    ASSERT_TRUE(to(2));
    EXPECT_EQ(raw()->query_number("SELECT a FROM one").value(), 42);
    EXPECT_EQ(raw()->query_number("PRAGMA application_id").value(), kKind);
}

TEST_F(Migration, AFailingStepLeavesTheFileAsItWas) {
    ASSERT_TRUE(to(1));
    EXPECT_FALSE(to(3));
    EXPECT_EQ(raw()->query_number("PRAGMA user_version").value(), 1);
    EXPECT_EQ(raw()->query_number("SELECT a FROM one").value(), 41);
    EXPECT_EQ(raw()->query_number("SELECT count(*) FROM sqlite_schema").value(), 1);
}

TEST_F(Migration, SomebodyElsesDatabaseIsLeftAlone) {
    EXPECT_TRUE(raw()->execute("CREATE TABLE theirs (x)"));
    EXPECT_EQ(code_of(to(1)), Errc::invalid);
    EXPECT_EQ(raw()->query_number("SELECT count(*) FROM sqlite_schema").value(), 1);
    EXPECT_EQ(raw()->query_number("PRAGMA application_id").value(), 0);
}

}  // namespace

}  // namespace x402::store::sqlite
