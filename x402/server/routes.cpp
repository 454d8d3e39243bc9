// SPDX-License-Identifier: Apache-2.0
// The route table. See routes.hpp; const after construction.
#include "x402/server/routes.hpp"

#include <algorithm>

namespace x402::server {
namespace {

constexpr std::string_view kHow =
    "write a verb and a path, such as \"GET /items/:id\" or \"POST /api/*\"";

// The next segment of a path "/a/b", and the path behind it.
std::string_view take_segment(std::string_view& path) noexcept {
    path.remove_prefix(1);
    const std::size_t slash = path.find('/');
    const std::string_view segment = path.substr(0, slash);
    path = slash == std::string_view::npos ? std::string_view{} : path.substr(slash);
    return segment;
}

bool is_verb(std::string_view verb) noexcept {
    if (verb == "*") return true;
    return !verb.empty() &&
           std::all_of(verb.begin(), verb.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

std::unexpected<Error> bad_pattern(std::string what) {
    return fail_field(Errc::invalid, "match", std::move(what), std::string(kHow));
}

Result<void> read_segment(RoutePattern& pattern, std::string_view segment, bool last) {
    if (segment == "*" && last) {
        pattern.rest = true;
        return {};
    }
    if (segment == "*" || (segment.size() > 1 && segment.front() == ':')) {
        pattern.segments.emplace_back();
        return {};
    }
    if (segment.find('*') != std::string_view::npos ||
        segment.find(':') != std::string_view::npos) {
        return bad_pattern("`*` and `:param` stand for whole segments only");
    }
    if (segment.empty() && last) {
        pattern.last_slash = true;
        return {};
    }
    pattern.segments.emplace_back(segment);
    return {};
}

}  // namespace

bool RoutePattern::literal() const noexcept {
    return !rest &&
           std::none_of(segments.begin(), segments.end(), [](const auto& s) { return s.empty(); });
}

std::string RoutePattern::path() const {
    std::string out;
    for (const std::string& segment : segments) out.append("/").append(segment);
    if (last_slash || out.empty()) out += '/';
    return out;
}

Result<RoutePattern> read_pattern(std::string_view text) {
    RoutePattern pattern;
    pattern.text = text;
    const std::size_t space = text.find(' ');
    if (space == std::string_view::npos) return bad_pattern("a route needs a verb and a path");
    pattern.verb = text.substr(0, space);
    if (!is_verb(pattern.verb)) return bad_pattern("\"" + pattern.verb + "\" is no verb");
    const auto path = read_target(text.substr(space + 1));
    if (!path) return bad_pattern("the path holds " + path.error().actual);
    if (path->has_query) return bad_pattern("a route has no query");
    std::string_view rest = path->text;
    while (!rest.empty()) {
        const std::string_view segment = take_segment(rest);
        X402_TRY_VOID(read_segment(pattern, segment, rest.empty()));
    }
    return pattern;
}

bool fits_method(const RoutePattern& pattern, std::string_view method) noexcept {
    return pattern.verb == "*" || pattern.verb == method ||
           (pattern.verb == "GET" && method == "HEAD");
}

bool fits_path(const RoutePattern& pattern, std::string_view path) noexcept {
    for (const std::string& wanted : pattern.segments) {
        if (path.empty() || path == "/") return false;
        const std::string_view segment = take_segment(path);
        if (segment.empty() || (!wanted.empty() && wanted != segment)) return false;
    }
    if (pattern.rest) return true;
    if (pattern.segments.empty()) return path == "/";
    return pattern.last_slash ? path == "/" : path.empty();
}

bool covers(const RoutePattern& earlier, const RoutePattern& later) noexcept {
    const bool verbs = earlier.verb == "*" || earlier.verb == later.verb ||
                       (earlier.verb == "GET" && later.verb == "HEAD");
    if (!verbs || earlier.segments.size() > later.segments.size()) return false;
    for (std::size_t i = 0; i < earlier.segments.size(); ++i) {
        if (!earlier.segments[i].empty() && earlier.segments[i] != later.segments[i]) return false;
    }
    if (earlier.rest) return true;
    return earlier.segments.size() == later.segments.size() && !later.rest &&
           earlier.last_slash == later.last_slash;
}

RouteTable::RouteTable(std::vector<RouteEntry> entries, bool open_by_default)
    : entries_(std::move(entries)), open_by_default_(open_by_default) {
    for (std::size_t i = 0; i < entries_.size(); ++i) {
        const RoutePattern& pattern = entries_[i].pattern;
        if (pattern.literal()) {
            literals_[pattern.path()].push_back(i);
        } else {
            wild_.push_back(i);
        }
        if (entries_[i].free) continue;
        RoutePattern loose = pattern;
        for (std::string& segment : loose.segments) {
            if (!segment.empty()) segment = loosened("/" + segment).substr(1);
        }
        loose.last_slash = false;
        loose_paid_.push_back({std::move(loose), i});
    }
}

Routing RouteTable::find(std::string_view method, const Path& path) const {
    const auto index = first_match(method, path.text);
    if (!index) return without_route(path);
    if (comes_near_dearer(*index, method, path.text)) return {Routed::ambiguous, 0};
    return {Routed::route, *index};
}

// A wildcard below a paid route would let through what an upstream that folds case, or forgives a
// last slash, reads as the paid path.
bool RouteTable::comes_near_dearer(std::size_t index, std::string_view method,
                                   const std::string& path) const {
    if (entries_[index].pattern.literal()) return false;
    if (loose_paid_.empty() || loose_paid_.front().index >= index) return false;
    const std::string loose = loosened(path);
    return std::any_of(loose_paid_.begin(), loose_paid_.end(), [&](const LoosePaid& each) {
        return each.index < index && fits_method(each.pattern, method) &&
               fits_path(each.pattern, loose);
    });
}

std::optional<std::size_t> RouteTable::first_match(std::string_view method,
                                                   const std::string& path) const {
    std::size_t best = entries_.size();
    if (const auto at = literals_.find(path); at != literals_.end()) {
        for (const std::size_t index : at->second) {
            if (!fits_method(entries_[index].pattern, method)) continue;
            best = index;
            break;
        }
    }
    for (const std::size_t index : wild_) {
        if (index >= best) break;
        const RoutePattern& pattern = entries_[index].pattern;
        if (fits_method(pattern, method) && fits_path(pattern, path)) return index;
    }
    if (best == entries_.size()) return std::nullopt;
    return best;
}

// A paid path under another method stays closed too: an upstream may answer it like the paid one,
// and a route with `free = true` opens it where that is meant.
Routing RouteTable::without_route(const Path& path) const {
    if (!open_by_default_) return {Routed::unknown, 0};
    const bool paid =
        std::any_of(entries_.begin(), entries_.end(), [&path](const RouteEntry& entry) {
            return !entry.free && fits_path(entry.pattern, path.text);
        });
    if (paid) return {Routed::unknown, 0};
    const std::string loose = loosened(path.text);
    const bool near =
        std::any_of(loose_paid_.begin(), loose_paid_.end(),
                    [&loose](const LoosePaid& each) { return fits_path(each.pattern, loose); });
    return {near ? Routed::ambiguous : Routed::open, 0};
}

}  // namespace x402::server
