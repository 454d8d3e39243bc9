// SPDX-License-Identifier: Apache-2.0
// JSON from a stranger: nothing crashes; what is accepted survives a round trip, is a subset of
// itself, and the raw text of each member parses to that member. raw_member also sees text that was
// refused.
#include "x402/base/check.hpp"
#include "x402/base/json.hpp"

namespace {

namespace json = x402::json;

void check_members(std::string_view text, const json::Object& object) {
    for (const auto& member : object) {
        const std::string_view key(member.key().data(), member.key().size());
        const auto raw = json::raw_member(text, key);
        X402_CHECK(raw.has_value());
        const auto value = json::parse(*raw);
        X402_CHECK(value.has_value());
        X402_CHECK(json::canonical(*value) == json::canonical(member.value()));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    static_cast<void>(json::raw_member(text, "a"));
    const auto value = json::parse(text);
    if (!value) return 0;
    const std::string canonical = json::canonical(*value);
    const auto again = json::parse(json::dump(*value));
    X402_CHECK(again && json::canonical(*again) == canonical);
    const auto sorted = json::parse(canonical);
    X402_CHECK(sorted && json::canonical(*sorted) == canonical);
    X402_CHECK(json::is_subset(*value, *again) && json::is_subset(*sorted, *value));
    if (const auto* object = value->if_object()) check_members(text, *object);
    return 0;
}
