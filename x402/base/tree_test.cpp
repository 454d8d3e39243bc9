// SPDX-License-Identifier: Apache-2.0
// The configuration tree: typed reading, errors that point, units, and the keys that nobody asked
// for.
#include "x402/base/tree.hpp"

#include <gtest/gtest.h>

namespace x402 {
namespace {

Tree::Place at(std::int64_t line) {
    return {"gateway.toml", line};
}

Tree sample() {
    Tree::List networks;
    networks.push_back(Tree::text("eip155:1", "routes[0].networks[0]", at(6)));
    networks.push_back(Tree::text("solana:x", "routes[0].networks[1]", at(6)));
    Tree::Table route;
    route.push_back({"match", Tree::text("GET /", "routes[0].match", at(5))});
    route.push_back({"networks", Tree::list(std::move(networks), "routes[0].networks", at(6))});
    route.push_back({"prize", Tree::text("$1", "routes[0].prize", at(7))});
    Tree::List routes;
    routes.push_back(Tree::table(std::move(route), "routes[0]", at(4)));
    Tree::Table root;
    root.push_back({"listen", Tree::text("127.0.0.1:1", "listen", at(1))});
    root.push_back({"threads", Tree::integer(2, "threads", at(2))});
    root.push_back({"open", Tree::boolean(true, "open", at(3))});
    root.push_back({"routes", Tree::list(std::move(routes), "routes", at(4))});
    return Tree::table(std::move(root), "", {"gateway.toml", 0});
}

Tree one(Tree value) {
    Tree::Table table;
    table.push_back({"key", std::move(value)});
    return Tree::table(std::move(table), "", at(1));
}

TEST(Tree, ReadsByType) {
    const Tree tree = sample();
    EXPECT_EQ(*tree.get_text("listen"), "127.0.0.1:1");
    EXPECT_EQ(**tree.opt_integer("threads"), 2);
    EXPECT_EQ(**tree.opt_boolean("open"), true);
    EXPECT_EQ(*tree.opt_text("absent"), std::nullopt);
    EXPECT_EQ(*tree.opt_integer("absent"), std::nullopt);
    EXPECT_EQ(*tree.opt_boolean("absent"), std::nullopt);
    EXPECT_FALSE(tree.opt_text("threads"));
    EXPECT_FALSE(tree.opt_integer("listen"));
    EXPECT_FALSE(tree.opt_boolean("threads"));
    const Tree& route = tree.find("routes")->items().at(0);
    EXPECT_TRUE(route.is_table());
    EXPECT_EQ(*route.opt_texts("networks"), (std::vector<std::string>{"eip155:1", "solana:x"}));
    EXPECT_EQ(*route.opt_texts("match"), (std::vector<std::string>{"GET /"}));
    EXPECT_TRUE(route.opt_texts("absent")->empty());
    EXPECT_TRUE(tree.find("listen")->items().empty());
    EXPECT_TRUE(tree.find("listen")->members().empty());
    EXPECT_EQ(tree.find("listen")->find("x"), nullptr);
}

TEST(Tree, AnErrorPoints) {
    const Tree tree = sample();
    const auto wrong = tree.opt_text("threads");
    EXPECT_EQ(wrong.error().detail, "gateway.toml:2: threads: expected a text");
    EXPECT_EQ(wrong.error().field, "threads");
    EXPECT_FALSE(wrong.error().next.empty());
    const auto missing = tree.get_text("store");
    EXPECT_EQ(missing.error().detail, "gateway.toml: the key `store` is missing");
    EXPECT_EQ(Tree{}.wrong("odd").error().detail, "odd");
}

TEST(Tree, TextsInListsAreChecked) {
    Tree::List items;
    items.push_back(Tree::text("a", "key[0]", at(3)));
    items.push_back(Tree::integer(1, "key[1]", at(4)));
    const Tree tree = one(Tree::list(std::move(items), "key", at(3)));
    const auto got = tree.opt_texts("key");
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().field, "key[1]");
    EXPECT_FALSE(one(Tree::integer(1, "key", at(3))).opt_texts("key"));
}

TEST(TreeUnread, NamesWhatNobodyAskedFor) {
    const Tree tree = sample();
    EXPECT_EQ(tree.unread().size(), 4U);
    (void)tree.find("listen");
    (void)tree.find("threads");
    (void)tree.find("open");
    EXPECT_EQ(tree.unread().size(), 1U);  // routes as a whole
    const Tree& route = tree.find("routes")->items().at(0);
    (void)route.find("match");
    (void)route.opt_texts("networks");
    const auto left = tree.unread();
    ASSERT_EQ(left.size(), 1U);
    EXPECT_EQ(left[0]->path(), "routes[0].prize");
    EXPECT_EQ(left[0]->place().line, 7);
    tree.mark_read();
    EXPECT_TRUE(tree.unread().empty());
}

TEST(TreeUnits, Table) {
    struct Row {
        const char* text;
        std::optional<std::int64_t> ms;
        std::optional<std::int64_t> bytes;
    };
    static constexpr Row rows[] = {
        {"250ms", 250, std::nullopt},
        {"30s", 30'000, std::nullopt},
        {"10m", 600'000, std::nullopt},
        {"1h", 3'600'000, std::nullopt},
        {"2d", 172'800'000, std::nullopt},
        {"0s", 0, std::nullopt},
        {"512KiB", std::nullopt, 524'288},
        {"8MiB", std::nullopt, 8'388'608},
        {"1GiB", std::nullopt, 1 << 30},
        {"7B", std::nullopt, 7},
        {"30", std::nullopt, std::nullopt},
        {"s", std::nullopt, std::nullopt},
        {"", std::nullopt, std::nullopt},
        {"-1s", std::nullopt, std::nullopt},
        {"1.5s", std::nullopt, std::nullopt},
        {"1 s", std::nullopt, std::nullopt},
        {" 1s", std::nullopt, std::nullopt},
        {"1sx", std::nullopt, std::nullopt},
        {"1S", std::nullopt, std::nullopt},
        {"1KB", std::nullopt, std::nullopt},
        {"99999999999999999999s", std::nullopt, std::nullopt},
        {"9223372036854775807d", std::nullopt, std::nullopt},
        {"9223372036854775807GiB", std::nullopt, std::nullopt},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.text);
        const Tree tree = one(Tree::text(row.text, "key", at(1)));
        const auto ms = tree.opt_duration_ms("key");
        ASSERT_EQ(ms.has_value(), row.ms.has_value());
        if (ms) {
            EXPECT_EQ(*ms, row.ms);
        }
        const auto bytes = tree.opt_size_bytes("key");
        ASSERT_EQ(bytes.has_value(), row.bytes.has_value());
        if (bytes) {
            EXPECT_EQ(*bytes, row.bytes);
        }
    }
    EXPECT_EQ(*one(Tree::integer(9, "key", at(1))).opt_size_bytes("key"), 9);
    EXPECT_FALSE(one(Tree::integer(-9, "key", at(1))).opt_size_bytes("key"));
    EXPECT_FALSE(one(Tree::integer(9, "key", at(1))).opt_duration_ms("key"));
    EXPECT_EQ(*Tree{}.opt_duration_ms("key"), std::nullopt);
    EXPECT_EQ(*Tree{}.opt_size_bytes("key"), std::nullopt);
}

}  // namespace
}  // namespace x402
