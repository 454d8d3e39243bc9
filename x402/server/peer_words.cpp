// SPDX-License-Identifier: Apache-2.0
// See peer_words.hpp; pure.
#include "x402/server/peer_words.hpp"

#include <algorithm>

namespace x402::server {
namespace {

constexpr std::size_t kCodeChars = 80;
constexpr std::size_t kDetailChars = 200;

// A code of a peer that we do not know may be told when it looks like a code; its text never is.
bool is_code(std::string_view text) noexcept {
    return !text.empty() && text.size() <= kCodeChars &&
           std::all_of(text.begin(), text.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
           });
}

// Nothing that could break a line or a page.
std::string clean(const json::Object& said, std::string_view member) {
    std::string text = json::text_or_empty(said, member).substr(0, kDetailChars);
    for (char& c : text) {
        if (c < ' ' || c > '~') c = ' ';
    }
    return text;
}

Difference difference_of(std::string_view code, const json::Object& extra) {
    const json::Value* member = extra.if_contains("error");
    const json::Object* said = member == nullptr ? nullptr : member->if_object();
    if (said == nullptr || json::text_or_empty(*said, "code") != code) return {};
    return {clean(*said, "field"), clean(*said, "expected"), clean(*said, "actual")};
}

}  // namespace

Refusal refusal_of_peer(std::string_view code, Reason otherwise, const json::Object& extra) {
    const auto known = find_reason(code);
    Refusal refusal = refuse(known.value_or(otherwise), difference_of(code, extra));
    if (!known && is_code(code)) refusal.code = code;
    return refusal;
}

}  // namespace x402::server
