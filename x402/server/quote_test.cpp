// SPDX-License-Identifier: Apache-2.0
#include "x402/server/quote.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>

#include "x402/crypto/hash.hpp"

namespace x402::server {
namespace {

crypto::Secret secret(std::uint8_t fill) {
    return crypto::Secret(Bytes(32, fill));
}

QuoteScope scope(std::string_view match, std::string_view terms) {
    return {route_tag(match), crypto::sha256(as_bytes(terms))};
}

TEST(Quotes, RoundTrip) {
    const auto random = make_test_random(1);
    const Quotes quotes(secret(1));
    const QuoteScope here = scope("GET /a", "1 USDC");
    const Instant expires = from_unix_s(1'800'000'000);
    const std::string text = quotes.make(here, expires, *random);
    EXPECT_EQ(text.size(), kQuoteChars);
    EXPECT_EQ(kQuoteChars % 3, 0U);
    const auto read = Quotes::read(text);
    ASSERT_TRUE(read.has_value());
    EXPECT_EQ(read->expires, expires);
    EXPECT_EQ(read->route, here.route);
    EXPECT_TRUE(quotes.genuine(text, here));
    EXPECT_NE(text, quotes.make(here, expires, *random)) << "random";
}

TEST(Quotes, EveryChangedCharacterIsNoticed) {
    const auto random = make_test_random(2);
    const Quotes quotes(secret(1));
    const QuoteScope here = scope("GET /a", "1 USDC");
    const std::string text = quotes.make(here, from_unix_s(1'800'000'000), *random);
    for (std::size_t at = 0; at < text.size(); ++at) {
        std::string changed = text;
        changed[at] = changed[at] == 'A' ? 'B' : 'A';
        EXPECT_FALSE(quotes.genuine(changed, here)) << at;
    }
}

TEST(Quotes, IsBoundToSecretRouteAndTerms) {
    const auto random = make_test_random(3);
    const Quotes quotes(secret(1));
    const QuoteScope here = scope("GET /a", "1 USDC");
    const std::string text = quotes.make(here, from_unix_s(1'800'000'000), *random);
    EXPECT_FALSE(Quotes(secret(2)).genuine(text, here)) << "secret";
    EXPECT_FALSE(quotes.genuine(text, scope("GET /b", "1 USDC"))) << "route";
    EXPECT_FALSE(quotes.genuine(text, scope("GET /a", "2 USDC"))) << "terms";
}

TEST(Quotes, RefusesOtherTexts) {
    const Quotes quotes(secret(1));
    for (const std::string& text :
         {std::string{}, std::string("x"), std::string(60, '='), std::string(60, 'A'),
          std::string(61, 'A'), std::string(1 << 20, 'A')}) {
        EXPECT_FALSE(Quotes::read(text).has_value());
        EXPECT_FALSE(quotes.genuine(text, scope("GET /a", "")));
    }
}

TEST(QuoteHash, NothingMatchesNothing) {
    EXPECT_EQ(quote_hash(""), Hash32{});
    EXPECT_NE(quote_hash("a"), Hash32{});
    EXPECT_NE(quote_hash("a"), quote_hash("b"));
}

TEST(LoadQuoteSecret, IsKeptBesideTheStore) {
    std::string folder = ::testing::TempDir() + "x402quoteXXXXXX";
    ASSERT_NE(::mkdtemp(folder.data()), nullptr);
    const auto random = make_system_random();
    const auto first = load_quote_secret("sqlite:g.db", folder, *random);
    ASSERT_TRUE(first.has_value()) << to_string(first.error());
    const auto second = load_quote_secret("sqlite:g.db", folder, *random);
    ASSERT_TRUE(second.has_value());
    EXPECT_EQ(to_bytes(first->reveal()), to_bytes(second->reveal()));
    struct stat about{};
    ASSERT_EQ(::stat((folder + "/g.db.quotes").c_str(), &about), 0);
    EXPECT_EQ(about.st_mode & 0777, 0600U);

    const auto memory = load_quote_secret("memory:", folder, *random);
    ASSERT_TRUE(memory.has_value());
    EXPECT_NE(to_bytes(memory->reveal()), to_bytes(first->reveal()));
    EXPECT_FALSE(load_quote_secret("sqlite:none/g.db", folder, *random).has_value());
    std::filesystem::resize_file(folder + "/g.db.quotes", 5);
    EXPECT_FALSE(load_quote_secret("sqlite:g.db", folder, *random).has_value()) << "cut file";
    std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace x402::server
