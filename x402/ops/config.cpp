// SPDX-License-Identifier: Apache-2.0
#include "x402/ops/config.hpp"

#include <algorithm>
#include <fstream>
#include <sstream>

#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include "x402/ops/toml_scan.hpp"

namespace x402::ops {
namespace {

constexpr std::size_t kMaxBytes = 1024 * 1024;

Tree::Place place_of(const toml::node& node, std::string_view name) {
    return {std::string(name), static_cast<std::int64_t>(node.source().begin.line)};
}

Result<Tree> convert(const toml::node& node, const std::string& path, std::string_view name);

Result<Tree> convert_table(const toml::table& table, const std::string& path,
                           std::string_view name) {
    // toml++ sorts by key; the file's order is restored so that errors and routes come as they were
    // written.
    std::vector<std::pair<toml::source_position, Tree::Member>> found;
    for (const auto& [key, value] : table) {
        const std::string word(key.str());
        const std::string below = path.empty() ? word : path + "." + word;
        X402_TRY(Tree tree, convert(value, below, name));
        found.emplace_back(value.source().begin, Tree::Member{word, std::move(tree)});
    }
    std::stable_sort(found.begin(), found.end(), [](const auto& left, const auto& right) {
        return std::pair(left.first.line, left.first.column) <
               std::pair(right.first.line, right.first.column);
    });
    Tree::Table members;
    for (auto& [position, member] : found) members.push_back(std::move(member));
    return Tree::table(std::move(members), path, place_of(table, name));
}

Result<Tree> convert_list(const toml::array& array, const std::string& path,
                          std::string_view name) {
    Tree::List values;
    for (std::size_t i = 0; i < array.size(); ++i) {
        X402_TRY(Tree tree, convert(*array.get(i), path + "[" + std::to_string(i) + "]", name));
        values.push_back(std::move(tree));
    }
    return Tree::list(std::move(values), path, place_of(array, name));
}

Result<Tree> convert(const toml::node& node, const std::string& path, std::string_view name) {
    if (const auto* table = node.as_table()) return convert_table(*table, path, name);
    if (const auto* array = node.as_array()) return convert_list(*array, path, name);
    const Tree::Place place = place_of(node, name);
    if (const auto* text = node.as_string()) return Tree::text(text->get(), path, place);
    if (const auto* integer = node.as_integer()) return Tree::integer(integer->get(), path, place);
    if (const auto* boolean = node.as_boolean()) return Tree::boolean(boolean->get(), path, place);
    return Tree::text({}, path, place)
        .wrong("this kind of value has no meaning here", "write money as text, such as \"$0.01\"");
}

// Levenshtein distance, given up beyond two.
std::size_t distance(std::string_view left, std::string_view right) {
    std::vector<std::size_t> row(right.size() + 1);
    for (std::size_t k = 0; k <= right.size(); ++k) row[k] = k;
    for (std::size_t i = 1; i <= left.size(); ++i) {
        std::size_t corner = row[0];
        row[0] = i;
        for (std::size_t k = 1; k <= right.size(); ++k) {
            const std::size_t above = row[k];
            const std::size_t replaced = corner + (left[i - 1] == right[k - 1] ? 0 : 1);
            row[k] = std::min({above + 1, row[k - 1] + 1, replaced});
            corner = above;
        }
    }
    return row[right.size()];
}

constexpr std::size_t kShortWord = 4;

// Every key that a reader asks for; a test compares.
constexpr std::string_view kWords[] = {"listen",
                                       "admin",
                                       "origin",
                                       "upstream",
                                       "store",
                                       "threads",
                                       "facilitators",
                                       "pay_to",
                                       "assets",
                                       "routes",
                                       "match",
                                       "price",
                                       "description",
                                       "mime_type",
                                       "networks",
                                       "accepts",
                                       "settle",
                                       "when",
                                       "free",
                                       "max_held",
                                       "max_held_total",
                                       "max_body",
                                       "body_mirror",
                                       "replay",
                                       "network",
                                       "address",
                                       "symbol",
                                       "usd",
                                       "decimals",
                                       "eip712",
                                       "name",
                                       "version",
                                       "rpc",
                                       "signers",
                                       "callers",
                                       "open",
                                       "rate",
                                       "max_pending",
                                       "max_pending_per_payer",
                                       "commitment",
                                       "daily_fee_budget",
                                       "extra",
                                       "max_compute_price",
                                       "max_compute_units",
                                       "max_fee",
                                       "payer_fee_budget",
                                       "rebroadcast",
                                       "smart_wallets",
                                       "token_program",
                                       "insecure",
                                       "proof",
                                       "pending_wait",
                                       "max_timeout_seconds",
                                       "upstream_timeout",
                                       "confirmations",
                                       "settle_wait",
                                       "stuck_after",
                                       "poll",
                                       "accept_observed",
                                       "min_amount",
                                       "max_gas_price",
                                       "max_tip",
                                       "daily_gas_budget",
                                       "any_token",
                                       "pay_to_allow",
                                       "default",
                                       "cors",
                                       "origins",
                                       "transfer",
                                       "scheme",
                                       "asset",
                                       "token",
                                       "url"};

std::string nearest_word(std::string_view key) {
    // In a short word two changes leave nothing that it was meant to be.
    std::size_t least = key.size() < kShortWord ? 2 : 3;
    std::string_view nearest;
    for (const std::string_view word : kWords) {
        const std::size_t away = word == key ? least : distance(word, key);
        if (away >= least) continue;
        least = away;
        nearest = word;
    }
    return std::string(nearest);
}

std::unexpected<Error> refuse_stray(std::string_view text, const Stray& stray,
                                    std::string_view name) {
    const std::string_view before = text.substr(0, stray.at);
    const auto lines = std::count(before.begin(), before.end(), '\n');
    const std::size_t last = before.rfind('\n');
    const std::size_t column =
        last == std::string_view::npos ? before.size() + 1 : before.size() - last;
    const std::string place = std::string(name) + ":" + std::to_string(lines + 1);
    return fail_field(Errc::invalid, place,
                      place + ":" + std::to_string(column) + ": " + std::string(stray.what),
                      std::string(stray.next));
}

}  // namespace

Result<Tree> parse_toml(std::string_view text, std::string_view name) {
    if (text.size() > kMaxBytes) return fail(Errc::too_large, std::string(name) + ": over 1 MiB");
    if (const auto stray = find_stray(text)) return refuse_stray(text, *stray, name);
    const toml::parse_result parsed = toml::parse(text, std::string(name));
    if (!parsed) {
        const auto& error = parsed.error();
        const auto at = error.source().begin;
        return fail_field(Errc::invalid, std::string(name) + ":" + std::to_string(at.line),
                          std::string(name) + ":" + std::to_string(at.line) + ":" +
                              std::to_string(at.column) + ": " + std::string(error.description()),
                          "correct the TOML at this place");
    }
    return convert_table(parsed.table(), "", name);
}

Result<Tree> load_toml(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) {
        return fail_field(Errc::not_found, path, "the configuration " + path + " cannot be read",
                          "name a file that exists with --config");
    }
    std::ostringstream text;
    text << file.rdbuf();
    return parse_toml(text.str(), path);
}

Result<void> refuse_unread(const Tree& root) {
    const auto unread = root.unread();
    if (unread.empty()) return {};
    const Tree& first = *unread.front();
    const std::size_t dot = first.path().rfind('.');
    const std::string key = dot == std::string::npos ? first.path() : first.path().substr(dot + 1);
    const std::string near = nearest_word(key);
    return first.wrong("unknown key", near.empty() ? "remove it" : "did you mean `" + near + "`?");
}

std::string folder_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace x402::ops
