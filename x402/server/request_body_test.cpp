// SPDX-License-Identifier: Apache-2.0
// A request's body read whole: it takes memory as it arrives, never as it is announced.
#include <gtest/gtest.h>

#include <algorithm>

#include "x402/net/runtime.hpp"
#include "x402/server/proxy.hpp"

namespace x402::server {
namespace {

// Gives `bytes` in pieces, and notes how much room it was ever offered.
class Client final : public net::Exchange {
public:
    Client(std::size_t bytes, std::optional<std::uint64_t> announced) : left_(bytes) {
        head_.method = "POST";
        head_.chunked = !announced;
        head_.content_length = announced;
    }
    const net::RequestHead& request() const noexcept override { return head_; }
    std::string_view peer() const noexcept override { return "127.0.0.1:1"; }
    Task<Result<std::size_t>> read(std::span<char> into) override {
        EXPECT_FALSE(into.empty());
        most_offered = std::max(most_offered, taken + into.size());
        const std::size_t count = std::min({into.size(), left_, piece});
        std::fill_n(into.begin(), count, 'x');
        left_ -= count;
        taken += count;
        ++reads;
        co_return count;
    }
    Task<Result<void>> respond(const net::Response&) override { co_return Result<void>{}; }
    Result<bool> put(const net::ResponseHead&, std::string_view) override { return true; }
    Result<bool> put(const net::PreparedResponse&) override { return true; }
    Task<Result<void>> flush() override { co_return Result<void>{}; }
    Task<Result<void>> start(const net::ResponseHead&, std::optional<std::uint64_t>) override {
        co_return Result<void>{};
    }
    Task<Result<void>> write(std::string_view) override { co_return Result<void>{}; }
    Task<Result<void>> finish() override { co_return Result<void>{}; }
    void abort() noexcept override {}
    bool answered() const noexcept override { return false; }

    std::size_t piece = 1 << 20;
    std::size_t most_offered = 0;
    std::size_t taken = 0;
    int reads = 0;

private:
    net::RequestHead head_;
    std::size_t left_;
};

Task<void> read_into(RequestBody& body, std::size_t most, Result<void>& out) {
    out = co_await body.read_whole(most);
}

Result<void> read_whole(RequestBody& body, std::size_t most) {
    Result<void> out;
    net::run_blocking([&] { return read_into(body, most, out); });
    return out;
}

TEST(RequestBody, CapsAndHashes) {
    struct Row {
        const char* name;
        std::size_t bytes;
        std::optional<std::uint64_t> announced;
        bool good;
        int most_reads;
    };
    static constexpr std::size_t kMost = 1000;
    static constexpr Row rows[] = {
        {"announced, fits", 1000, 1000, true, 9},
        {"announced, too long: nothing is read", 1001, 1001, false, 0},
        {"chunked, fits", 1000, {}, true, 9},
        {"chunked, one too many", 1001, {}, false, 9},
        {"chunked, without an end", 1 << 30, {}, false, 9},
        {"chunked, empty", 0, {}, true, 1},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        Client client(row.bytes, row.announced);
        RequestBody body(client, RequestBody::Hash::wanted);
        const auto read = read_whole(body, kMost);
        EXPECT_EQ(read.has_value(), row.good);
        EXPECT_LE(client.reads, row.most_reads);
        EXPECT_LE(client.most_offered, kMost + 1);
        EXPECT_FALSE(body.client_left()) << "too large is no leaving";
        if (!read) {
            EXPECT_EQ(read.error().code, Errc::too_large);
            EXPECT_FALSE(body.hash().has_value());
            continue;
        }
        const std::string text(row.bytes, 'x');
        EXPECT_EQ(body.text(), text);
        EXPECT_EQ(body.hash(), crypto::sha256(x402::as_bytes(text)));
    }
}

// An announcement of 8 MiB is no reason to take 8 MiB; growing takes few steps all the same.
TEST(RequestBody, GrowsWithWhatArrives) {
    static constexpr std::size_t kMost = 8 << 20;
    for (const bool announced : {true, false}) {
        SCOPED_TRACE(announced);
        const auto length = announced ? std::optional<std::uint64_t>(kMost) : std::nullopt;
        Client few(100, length);
        RequestBody little(few, RequestBody::Hash::unwanted);
        EXPECT_TRUE(read_whole(little, kMost).has_value());
        EXPECT_LE(few.most_offered, 64 * 1024U + 1);

        Client many(kMost, length);
        RequestBody much(many, RequestBody::Hash::unwanted);
        EXPECT_TRUE(read_whole(much, kMost).has_value());
        EXPECT_EQ(much.text().size(), kMost);
        EXPECT_LE(many.most_offered, kMost + 1);
        EXPECT_LE(many.reads, 40);
    }
}

}  // namespace
}  // namespace x402::server
