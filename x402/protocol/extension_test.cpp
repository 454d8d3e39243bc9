// SPDX-License-Identifier: Apache-2.0
// Registration of extensions: one key, one owner, in the order of registration.
#include "x402/protocol/extension.hpp"

#include <gtest/gtest.h>

namespace x402 {
namespace {

class Named final : public Extension {
public:
    explicit Named(std::string key) : key_(std::move(key)) {}
    std::string_view key() const noexcept override { return key_; }
    std::optional<json::Object> declare(const ResourceInfo&) const override { return std::nullopt; }
    std::optional<Refusal> check(const json::Object&, const json::Object&) const override {
        return std::nullopt;
    }
    std::optional<json::Object> answer(const SettleResponse&) const override {
        return std::nullopt;
    }

private:
    std::string key_;
};

TEST(Extensions, AKeyHasOneOwner) {
    Extensions extensions;
    ASSERT_TRUE(extensions.add(std::make_unique<Named>("bazaar")));
    ASSERT_TRUE(extensions.add(std::make_unique<Named>("sign-in-with-x")));
    const auto again = extensions.add(std::make_unique<Named>("bazaar"));
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, Errc::conflict);
    EXPECT_NE(again.error().detail.find("bazaar"), std::string::npos);
    EXPECT_EQ(extensions.add(std::make_unique<Named>("")).error().code, Errc::invalid);

    ASSERT_EQ(extensions.all().size(), 2U);
    EXPECT_EQ(extensions.find("bazaar"), extensions.all()[0].get());
    EXPECT_EQ(extensions.find("sign-in-with-x"), extensions.all()[1].get());
    EXPECT_EQ(extensions.find("Bazaar"), nullptr);
    EXPECT_EQ(extensions.find(""), nullptr);
}

}  // namespace
}  // namespace x402
