// SPDX-License-Identifier: Apache-2.0
// Answers. See answers.hpp; pure.
#include "x402/server/answers.hpp"

#include <algorithm>
#include <array>

#include "x402/base/json.hpp"
#include "x402/base/utf8.hpp"
#include "x402/transports/http/payment_http.hpp"

namespace x402::server {
namespace {

// Frameworks let these change the method, the path or the origin of a request after the gateway has
// judged it.
constexpr std::array<std::string_view, 11> kOverrides = {"X-HTTP-Method-Override",
                                                         "X-HTTP-Method",
                                                         "X-Method-Override",
                                                         "X-HTTP-Host-Override",
                                                         "X-Override-URL",
                                                         "X-Waws-Unencoded-URL",
                                                         "X-Host",
                                                         "X-URL-Scheme",
                                                         "Front-End-Https",
                                                         "Forwarded",
                                                         "X-Client-Cert"};
// And whatever begins like these: every proxy has words of its own for what a request was before.
constexpr std::array<std::string_view, 4> kOverrideFamilies = {"X-Forwarded-", "X-Original-",
                                                               "X-Rewrite-", "X-Envoy-Original-"};
constexpr std::array<std::string_view, 6> kReplaced = {
    "Host", "Content-Length", "Expect", "X-Real-IP", "Via", "HTTP2-Settings"};
constexpr std::array<std::string_view, 4> kHop = {"Transfer-Encoding", "Keep-Alive",
                                                  "Proxy-Connection", "Proxy-Authorization"};
// What caches in front look at before Cache-Control, or instead of it.
constexpr std::array<std::string_view, 6> kCacheRules = {
    "Expires",         "Age",          "Surrogate-Control",
    "X-Accel-Expires", "Edge-Control", "X-LiteSpeed-Cache-Control"};
constexpr std::string_view kCdnRule = "CDN-Cache-Control";  // also behind a network's name
constexpr std::size_t kForwardHeaders = 3;
constexpr std::string_view kExposed =
    "PAYMENT-REQUIRED, PAYMENT-RESPONSE, X402-Payment-Key, Retry-After";
constexpr std::string_view kAllowedHeaders =
    "PAYMENT-SIGNATURE, X-PAYMENT, SIGN-IN-WITH-X, Authorization, Content-Type";

// CGI-like servers cannot tell '_' from '-'.
bool same_name(std::string_view left, std::string_view right) noexcept {
    return std::equal(left.begin(), left.end(), right.begin(), right.end(), [](char a, char b) {
        const char x = a == '_' ? '-' : a;
        const char y = b == '_' ? '-' : b;
        return net::equal_ignoring_case({&x, 1}, {&y, 1});
    });
}

template <std::size_t N>
bool is_one_of(const std::array<std::string_view, N>& names, std::string_view name) noexcept {
    return std::any_of(names.begin(), names.end(),
                       [name](std::string_view each) { return same_name(each, name); });
}

// Names of this hop in a spelling that remove_hop_by_hop does not know, but servers that cannot
// tell '_' from '-' do.
bool is_disguised_hop(std::string_view name) noexcept {
    return name.find('_') != std::string_view::npos && is_one_of(kHop, name);
}

bool is_of_family(std::string_view name) noexcept {
    return std::any_of(kOverrideFamilies.begin(), kOverrideFamilies.end(),
                       [name](std::string_view family) {
                           return same_name(name.substr(0, family.size()), family);
                       });
}

bool is_taken_out(std::string_view name) noexcept {
    return transports::is_payment_layer_header(name) || is_one_of(kOverrides, name) ||
           is_of_family(name) || is_one_of(kReplaced, name) || is_disguised_hop(name);
}

bool is_cache_rule(std::string_view name) noexcept {
    if (is_one_of(kCacheRules, name)) return true;
    return name.size() >= kCdnRule.size() &&
           same_name(name.substr(name.size() - kCdnRule.size()), kCdnRule);
}

void remove_cache_rules(net::Headers& headers) {
    std::erase_if(headers.list(), [](const net::Header& each) { return is_cache_rule(each.name); });
}

std::string_view address_of(std::string_view peer) noexcept {
    std::string_view address = peer.substr(0, peer.rfind(':'));
    if (address.starts_with('[') && address.ends_with(']'))
        address = address.substr(1, address.size() - 2);
    return address;
}

std::string_view trim(std::string_view text) noexcept {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

// And nothing beside it that a shared cache might like better.
bool says_private(const net::Headers& headers) noexcept {
    bool is_private = false;
    for (const net::Header& each : headers.list()) {
        if (!net::equal_ignoring_case(each.name, "Cache-Control")) continue;
        if (net::has_token(each.value, "public") || each.value.contains("s-maxage")) return false;
        is_private = is_private || net::has_token(each.value, "private");
    }
    return is_private;
}

}  // namespace

net::Response refusal_response(const Refusal& refusal, std::optional<std::int64_t> retry_after_s) {
    net::Response response;
    response.head.status = refusal.http_status;
    response.head.headers.add("Content-Type", "application/json");
    if (retry_after_s) response.head.headers.add("Retry-After", std::to_string(*retry_after_s));
    mark_unpaid(response.head.headers);
    response.body = transports::refusal_body(refusal);
    return response;
}

void merge_list(net::Headers& headers, std::string_view name, std::string_view more) {
    std::string value;
    for (const net::Header& each : headers.list()) {
        if (!net::equal_ignoring_case(each.name, name) || each.value.empty()) continue;
        if (!value.empty()) value += ", ";
        value += each.value;
    }
    while (!more.empty()) {
        const std::size_t comma = more.find(',');
        const std::string_view token = trim(more.substr(0, comma));
        if (!net::has_token(value, token) && !net::has_token(value, "*")) {
            if (!value.empty()) value += ", ";
            value += token;
        }
        if (comma == std::string_view::npos) break;
        more.remove_prefix(comma + 1);
    }
    headers.set(std::string(name), std::move(value));
}

void mark_unpaid(net::Headers& headers) {
    remove_cache_rules(headers);
    headers.set("Cache-Control", "no-store");
    merge_list(headers, "Vary", kVary);
}

void mark_paid(net::Headers& headers) {
    if (!says_private(headers)) headers.set("Cache-Control", "private, no-store");
    remove_cache_rules(headers);
    merge_list(headers, "Vary", kVary);
}

net::RequestHead upstream_request(const net::RequestHead& request, const Path& path,
                                  const ForwardFacts& facts) {
    net::RequestHead out;
    out.method = request.method;
    out.target = path.target();
    out.chunked = request.chunked;
    out.content_length = request.content_length;
    out.headers.list().reserve(request.headers.list().size() + kForwardHeaders);
    for (const net::Header& each : request.headers.list()) {
        if (is_taken_out(each.name)) continue;
        out.headers.add(each.name, each.value);
    }
    // Before ours are added: Connection might name them.
    net::remove_hop_by_hop(out.headers);
    out.headers.add("X-Forwarded-For", std::string(address_of(facts.peer)));
    out.headers.add("X-Forwarded-Host", std::string(facts.origin_host));
    out.headers.add("X-Forwarded-Proto", std::string(facts.origin_scheme));
    return out;
}

void clean_upstream_answer(net::ResponseHead& head) {
    transports::strip_payment_layer_headers(head.headers);
}

bool is_preflight(const net::RequestHead& request) noexcept {
    return request.method == "OPTIONS" && request.headers.has("Origin") &&
           request.headers.has("Access-Control-Request-Method");
}

bool origin_allowed(const std::vector<std::string>& origins, std::string_view origin) noexcept {
    return std::any_of(origins.begin(), origins.end(),
                       [origin](const std::string& each) { return each == "*" || each == origin; });
}

net::Response preflight_response(const net::RequestHead& request,
                                 const std::vector<std::string>& origins) {
    net::Response response;
    response.head.status = 204;
    net::Headers& headers = response.head.headers;
    const std::string_view origin = request.headers.get("Origin");
    merge_list(headers, "Vary",
               "Origin, Access-Control-Request-Method, Access-Control-Request-Headers");
    if (!origin_allowed(origins, origin)) return response;
    headers.set("Access-Control-Allow-Origin", std::string(origin));
    headers.set("Access-Control-Allow-Methods",
                std::string(request.headers.get("Access-Control-Request-Method")));
    headers.set("Access-Control-Allow-Headers", std::string(kAllowedHeaders));
    const std::string_view asked = request.headers.get("Access-Control-Request-Headers");
    if (!asked.empty()) merge_list(headers, "Access-Control-Allow-Headers", asked);
    headers.set("Access-Control-Max-Age", "600");
    return response;
}

void add_cors(net::Headers& headers, std::string_view origin,
              const std::vector<std::string>& origins) {
    if (origins.empty() || origin.empty()) return;
    merge_list(headers, "Vary", "Origin");
    if (!origin_allowed(origins, origin)) return;
    headers.set("Access-Control-Allow-Origin", std::string(origin));
    merge_list(headers, "Access-Control-Expose-Headers", kExposed);
}

std::string write_answer_head(const net::ResponseHead& head) {
    json::Array list;
    for (const net::Header& each : head.headers.list()) {
        // JSON holds no other bytes; a header of the old encodings is not worth losing the answer
        // for.
        if (is_utf8(each.value)) list.emplace_back(json::Array{each.name, each.value});
    }
    json::Object object;
    object["status"] = head.status;
    object["headers"] = std::move(list);
    return json::dump(object);
}

Result<net::ResponseHead> read_answer_head(std::string_view text) {
    X402_TRY(const json::Object object, json::parse_object(text));
    net::ResponseHead head;
    X402_TRY(const std::int64_t status, json::get_int(object, "status"));
    head.status = static_cast<int>(status);
    X402_TRY(const json::Array list, json::get_array(object, "headers"));
    for (const json::Value& each : list) {
        const json::Array* pair = each.if_array();
        if (pair == nullptr || pair->size() != 2 || !pair->at(0).is_string() ||
            !pair->at(1).is_string()) {
            return fail(Errc::invalid, "a kept answer has a header that is no pair of texts");
        }
        head.headers.add(std::string(pair->at(0).get_string()),
                         std::string(pair->at(1).get_string()));
    }
    return head;
}

}  // namespace x402::server
