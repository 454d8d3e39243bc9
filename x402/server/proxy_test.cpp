// SPDX-License-Identifier: Apache-2.0
// Buffers that are used again, and the numbers of upstreams.
#include "x402/server/proxy.hpp"

#include <gtest/gtest.h>

#include <set>

namespace x402::server {
namespace {

TEST(PieceShelf, ABufferHasOneUserAndIsUsedAgain) {
    PieceShelf shelf;
    std::set<const char*> seen;
    {
        const PieceShelf::Lease first(shelf);
        const PieceShelf::Lease second(shelf);
        EXPECT_NE(first.span().data(), second.span().data());
        EXPECT_EQ(first.span().size(), 16 * 1024U);
        seen = {first.span().data(), second.span().data()};
        EXPECT_EQ(shelf.spare(), 0U);
    }
    EXPECT_EQ(shelf.spare(), 2U);
    const PieceShelf::Lease third(shelf);
    EXPECT_TRUE(seen.contains(third.span().data()));
    EXPECT_EQ(shelf.spare(), 1U);
}

TEST(PieceShelf, KeepsNoMoreThanItsCap) {
    PieceShelf shelf;
    {
        std::vector<std::unique_ptr<PieceShelf::Lease>> all;
        for (int i = 0; i < 100; ++i) all.push_back(std::make_unique<PieceShelf::Lease>(shelf));
    }
    EXPECT_EQ(shelf.spare(), 64U);
}

TEST(Upstreams, EqualTargetsShareANumberAndAPoolOnEachCore) {
    net::Runtime runtime(2);
    Upstreams upstreams(runtime);
    const UpstreamTarget api{"http://127.0.0.1:3000", Duration{100}};
    const std::size_t first = upstreams.number(api);
    EXPECT_EQ(upstreams.number(api), first);
    const std::size_t slower = upstreams.number({api.url, Duration{200}});
    const std::size_t bad = upstreams.number({"no url", Duration{100}});
    EXPECT_EQ((std::set{first, slower, bad}).size(), 3U);
    auto& here = upstreams.on(runtime.core(0));
    auto& there = upstreams.on(runtime.core(1));
    EXPECT_NE(&here, &there);
    const auto pool = here.pool(first);
    ASSERT_TRUE(pool.has_value());
    EXPECT_EQ(here.pool(first).value(), *pool);
    EXPECT_NE(here.pool(slower).value(), *pool);
    EXPECT_NE(there.pool(first).value(), *pool);
    EXPECT_FALSE(here.pool(bad).has_value()) << "and the process goes on";
    EXPECT_EQ(here.pool(first).value(), *pool);
}

}  // namespace
}  // namespace x402::server
