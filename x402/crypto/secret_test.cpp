// SPDX-License-Identifier: Apache-2.0
// Secrets: moved, never copied, wiped; and the two ways to name one, with remedies that repeat
// nothing of it.
#include "x402/crypto/secret.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <new>

namespace {

// What the test program's own operator delete finds in one watched piece of memory when it is
// freed.
const void* watched = nullptr;
std::size_t watched_size = 0;
bool watched_freed = false;
bool watched_zero = false;

void release(void* memory) noexcept {
    if (memory != nullptr && memory == watched) {
        const auto* bytes = static_cast<const unsigned char*>(memory);
        watched_freed = true;
        watched_zero =
            std::all_of(bytes, bytes + watched_size, [](unsigned char b) { return b == 0; });
        watched = nullptr;
    }
    std::free(memory);
}

}  // namespace

void* operator new(std::size_t size) {
    if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
    throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
    release(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    release(memory);
}

namespace x402::crypto {
namespace {

// Looks at one buffer at the moment it is freed.
class Watch {
public:
    enum Seen { not_freed, zeroed, left_behind };

    explicit Watch(ByteView bytes) {
        watched_freed = false;
        watched_size = bytes.size();
        watched = bytes.data();
    }
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    ~Watch() { watched = nullptr; }

    Seen seen() const noexcept {
        if (!watched_freed) return not_freed;
        return watched_zero ? zeroed : left_behind;
    }
};

static_assert(!std::is_copy_constructible_v<Secret> && !std::is_copy_assignable_v<Secret>);
static_assert(!std::is_convertible_v<Secret, std::string> &&
              !std::is_convertible_v<Secret, ByteView>);
static_assert(std::is_nothrow_move_constructible_v<Secret> &&
              std::is_nothrow_move_assignable_v<Secret>);

// A folder of its own that goes away with the test.
class SecretFiles : public testing::Test {
protected:
    SecretFiles() {
        std::string name = (std::filesystem::temp_directory_path() / "x402_secret_XXXXXX").string();
        dir_ = ::mkdtemp(name.data());
    }
    ~SecretFiles() override { std::filesystem::remove_all(dir_); }

    void write(const std::string& name, std::string_view content) const {
        std::ofstream(dir_ + "/" + name, std::ios::binary) << content;
    }

    std::string dir_;
};

TEST(Secret, MovesAndLeavesNothing) {
    Secret one = Secret::from_text("key");
    Secret two = std::move(one);
    EXPECT_TRUE(one.empty());  // NOLINT: a moved secret is empty
    EXPECT_EQ(two.reveal_text(), "key");
    one = std::move(two);
    EXPECT_TRUE(two.empty());  // NOLINT
    EXPECT_EQ(one.reveal_text(), "key");
    Secret& same = one;
    one = std::move(same);
    EXPECT_EQ(one.reveal_text(), "key");
    const Secret copy = one.clone();
    EXPECT_EQ(copy.reveal_text(), "key");
    EXPECT_NE(copy.reveal().data(), one.reveal().data());
}

TEST(Secret, IsZeroedBeforeItsMemoryIsFreed) {
    const std::string text(64, 'k');
    auto dying = std::make_unique<Secret>(Secret::from_text(text));
    Watch dead(dying->reveal());
    dying.reset();
    EXPECT_EQ(dead.seen(), Watch::zeroed);

    Secret overwritten = Secret::from_text(text);
    Watch old(overwritten.reveal());
    overwritten = Secret::from_text("new");
    EXPECT_EQ(old.seen(), Watch::zeroed);

    // Also what had been cut off before it became a secret.
    Bytes longer = to_bytes(as_bytes(text));
    Watch tail(longer);
    longer.resize(3);
    {
        const Secret cut(std::move(longer));
    }
    EXPECT_EQ(tail.seen(), Watch::zeroed);

    // The watch itself can tell: plain bytes stay behind.
    auto plain = std::make_unique<Bytes>(to_bytes(as_bytes(text)));
    Watch left(*plain);
    plain.reset();
    EXPECT_EQ(left.seen(), Watch::left_behind);
}

TEST_F(SecretFiles, FromFiles) {
    struct Row {
        const char* name;
        std::string content;
        std::optional<std::string> want;
    };
    const Row rows[] = {
        {"plain", "abc", "abc"},
        {"newline", "abc\n", "abc"},
        {"dos newline", "abc\r\n", "abc"},
        {"one newline only", "abc\n\n", "abc\n"},
        {"inner spaces stay", " a b \n", " a b "},
        {"binary", std::string("\0\xff", 2), std::string("\0\xff", 2)},
        {"empty", "", std::nullopt},
        {"only newline", "\n", std::nullopt},
        {"64 KiB", std::string(65'536, 'x'), std::string(65'536, 'x')},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        write("secret", row.content);
        const auto got = load_secret("file:secret", dir_);
        ASSERT_EQ(got.has_value(), row.want.has_value());
        if (got) {
            EXPECT_EQ(got->reveal_text(), *row.want);
        } else {
            EXPECT_EQ(got.error().code, Errc::invalid);
            EXPECT_FALSE(got.error().next.empty());
        }
    }
    write("large", std::string(65'537, 'x'));
    EXPECT_EQ(load_secret("file:large", dir_).error().code, Errc::too_large);
    EXPECT_EQ(load_secret("file:absent", dir_).error().code, Errc::invalid);
    EXPECT_EQ(load_secret("file:.", dir_).error().code, Errc::invalid);
    write("secret", "here");
    EXPECT_EQ(load_secret("file:" + dir_ + "/secret", "/nowhere")->reveal_text(), "here");
}

TEST(LoadSecret, FromTheEnvironment) {
    ::setenv("X402_TEST_SECRET", "0xabc", 1);
    ::setenv("X402_TEST_EMPTY", "", 1);
    ::unsetenv("X402_TEST_ABSENT");
    EXPECT_EQ(load_secret("env:X402_TEST_SECRET", ".")->reveal_text(), "0xabc");
    const auto absent = load_secret("env:X402_TEST_ABSENT", ".");
    EXPECT_EQ(absent.error().field, "env:X402_TEST_ABSENT");
    EXPECT_NE(absent.error().next.find("export X402_TEST_ABSENT="), std::string::npos);
    EXPECT_FALSE(load_secret("env:X402_TEST_EMPTY", "."));
}

TEST(LoadSecret, ASecretWrittenOutIsRefusedAndNotRepeated) {
    const std::string key = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
    for (const std::string& text :
         {key, "key:" + key, std::string("env:"), std::string("file:"), std::string()}) {
        const auto got = load_secret(text, ".");
        ASSERT_FALSE(got) << text;
        EXPECT_EQ(got.error().code, Errc::invalid);
        EXPECT_EQ(to_string(got.error()).find("ac0974"), std::string::npos);
        EXPECT_EQ(got.error().next, "write env:NAME or file:PATH");
    }
}

}  // namespace
}  // namespace x402::crypto
