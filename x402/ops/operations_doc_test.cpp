// SPDX-License-Identifier: Apache-2.0
// docs/operations.md names every metric with its labels, and no other: dashboards and alarms are
// built from that page.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

namespace x402::ops {
namespace {

using LabelSet = std::set<std::string>;
// Of each role: the gateway and the facilitator may count the same with other labels.
using Table = std::map<std::string, LabelSet>;

constexpr const char* kRoot = X402_SOURCE_DIR;

std::string text_of(const std::filesystem::path& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
}

std::vector<std::string> all_of(const std::string& text, const std::regex& form) {
    std::vector<std::string> found;
    for (std::sregex_iterator at(text.begin(), text.end(), form), end; at != end; ++at)
        found.push_back((*at)[1]);
    return found;
}

// From the opening parenthesis at `at` to the one that closes it.
std::string call_at(const std::string& text, std::size_t at) {
    int depth = 0;
    for (std::size_t i = at; i < text.size(); ++i) {
        if (text[i] == '(') ++depth;
        if (text[i] == ')' && --depth == 0) return text.substr(at, i + 1 - at);
    }
    return text.substr(at);
}

// What the sources of a role count. A metric that is begun at zero, before its labels are known,
// has them from its other place.
Table counted_in(const std::string& folder) {
    static const std::regex kCall(R"(\bmetrics\.(?:count|gauge|add|observe_seconds)\()");
    static const std::regex kName(R"re("((?:x402|facilitator)_[a-z0-9_]+)")re");
    static const std::regex kLabel(R"re(\{"([a-z_]+)", )re");
    Table table;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(
             std::filesystem::path(kRoot) / "x402" / folder)) {
        const std::string file = entry.path().filename().string();
        if (!file.ends_with(".cpp") || file.ends_with("_test.cpp")) continue;
        const std::string text = text_of(entry.path());
        for (std::sregex_iterator at(text.begin(), text.end(), kCall), end; at != end; ++at) {
            const auto open = static_cast<std::size_t>(at->position() + at->length() - 1);
            const std::string call = call_at(text, open);
            const std::vector<std::string> labels = all_of(call, kLabel);
            for (const std::string& name : all_of(call, kName))
                table[name].insert(labels.begin(), labels.end());
        }
    }
    return table;
}

// The rows `| names | labels | meaning |` below a heading.
Table documented_under(const std::string& heading) {
    static const std::regex kName(R"re(`((?:x402|facilitator)_[a-z0-9_]+)`)re");
    static const std::regex kWord(R"re(([a-z_]+))re");
    const std::string page = text_of(std::filesystem::path(kRoot) / "docs/operations.md");
    const std::size_t begin = page.find("## " + heading + "\n");
    EXPECT_NE(begin, std::string::npos) << heading;
    if (begin == std::string::npos) return {};
    std::istringstream section(page.substr(begin, page.find("\n## ", begin) - begin));
    Table table;
    for (std::string line; std::getline(section, line);) {
        if (!line.starts_with("| `")) continue;
        const std::size_t labels = line.find('|', 1) + 1;
        const std::string names = line.substr(0, labels);
        const std::string words = line.substr(labels, line.find('|', labels) - labels);
        for (const std::string& name : all_of(names, kName)) {
            const std::vector<std::string> each = all_of(words, kWord);
            EXPECT_TRUE(table.emplace(name, LabelSet(each.begin(), each.end())).second) << name;
        }
    }
    return table;
}

std::string shown(const Table& table) {
    std::string out;
    for (const auto& [name, labels] : table) {
        out += name;
        for (const std::string& label : labels) out += " " + label;
        out += "\n";
    }
    return out;
}

TEST(OperationsDoc, NamesEveryMetricWithItsLabels) {
    struct Row {
        const char* heading;
        const char* folder;
        std::size_t least;
    };
    static constexpr Row kRows[] = {{"Metrics of the gateway", "server", 14},
                                    {"Metrics of the facilitator", "facilitator", 18}};
    for (const Row& row : kRows) {
        SCOPED_TRACE(row.heading);
        const Table counted = counted_in(row.folder);
        EXPECT_GE(counted.size(), row.least);
        EXPECT_EQ(shown(documented_under(row.heading)), shown(counted));
    }
}

// Whatever looks like a metric in an alarm is one.
TEST(OperationsDoc, AlarmsAreBuiltOnMetricsThatThereAre) {
    static const std::regex kName(R"re(`(x402_[a-z0-9_]+)`)re");
    const std::string page = text_of(std::filesystem::path(kRoot) / "docs/operations.md");
    const Table gateway = counted_in("server");
    const Table facilitator = counted_in("facilitator");
    const std::vector<std::string> named = all_of(page, kName);
    EXPECT_GT(named.size(), 30U);
    for (const std::string& name : named)
        EXPECT_TRUE(gateway.contains(name) || facilitator.contains(name)) << name;
}

}  // namespace
}  // namespace x402::ops
