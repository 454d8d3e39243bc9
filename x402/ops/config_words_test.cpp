// SPDX-License-Identifier: Apache-2.0
// A misspelt key is told with the right one, whichever it is: the words of the suggestions are
// compared with the keys that the readers ask for.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "x402/ops/config.hpp"

namespace x402::ops {
namespace {

std::string text_of(const std::filesystem::path& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
}

// Whatever a reader of the tree asks for by its name.
std::set<std::string> keys_of_readers() {
    static const std::regex kAsked(
        R"re((?:find|get_text|opt_[a-z_]+)\("([a-z0-9_]+)"\)|(?:number_text|read_count)\(\w+, "([a-z0-9_]+)")re"
        R"re(|\{"([a-z_]+)", &reader)re");
    std::set<std::string> keys;
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(X402_SOURCE_DIR "/x402")) {
        const std::string name = entry.path().filename().string();
        if (!name.ends_with(".cpp") || name.ends_with("_test.cpp")) continue;
        const std::string text = text_of(entry.path());
        if (text.find("Tree&") == std::string::npos) continue;
        for (std::sregex_iterator at(text.begin(), text.end(), kAsked), end; at != end; ++at) {
            for (std::size_t group = 1; group <= 3; ++group) {
                if ((*at)[group].matched) keys.insert((*at)[group]);
            }
        }
    }
    // Asked for only to say that this build has no such thing.
    keys.erase("by");
    keys.erase("lua");
    return keys;
}

std::string suggestion_for(const std::string& key) {
    const auto tree = parse_toml(key + " = 1\n", "x.toml");
    EXPECT_TRUE(tree) << key;
    if (!tree) return {};
    const auto unread = refuse_unread(*tree);
    EXPECT_FALSE(unread);
    return unread ? std::string{} : unread.error().next;
}

TEST(ConfigWords, EveryKeyThatIsReadIsSuggestedToWhoMisspeltIt) {
    const std::set<std::string> keys = keys_of_readers();
    EXPECT_GT(keys.size(), 55U);
    EXPECT_TRUE(keys.contains("proof") && keys.contains("max_pending") &&
                keys.contains("max_body"));
    for (const std::string& key : keys)
        EXPECT_EQ(suggestion_for(key.substr(0, 1) + key), "did you mean `" + key + "`?");
}

TEST(ConfigWords, WhatResemblesNothingIsRemoved) {
    for (const char* key : {"q", "xx", "zzzzzz", "favourite_colour"})
        EXPECT_EQ(suggestion_for(key), "remove it") << key;
}

}  // namespace
}  // namespace x402::ops
