// SPDX-License-Identifier: Apache-2.0
// Messages of version 2 from a stranger: what is read writes to the same meaning, and reads again.
#include "x402/base/check.hpp"
#include "x402/protocol/codec.hpp"
#include "x402/protocol/facilitator_api.hpp"

namespace {

using namespace x402;

std::string meaning(const json::Object& object) {
    return json::canonical(json::Value(object));
}

// Writing what was read and reading it again changes nothing.
template <class Read>
void check_law(std::string_view text, Read read) {
    const auto first = read(text);
    if (!first) return;
    const json::Object wrote = write(*first);
    const auto second = read(json::dump(wrote));
    X402_CHECK(second.has_value());
    X402_CHECK(meaning(write(*second)) == meaning(wrote));
}

void check_payload(std::string_view text) {
    const auto payload = read_payment_payload(text);
    if (!payload) return;
    X402_CHECK(text_of(*payload) == text);
    const auto accepted = json::parse_object(payload->accepted_text);
    X402_CHECK(accepted.has_value());
    const auto terms = read_requirements(*accepted);
    X402_CHECK(terms && same_terms(*terms, payload->accepted));
    X402_CHECK(terms_text(*terms) == terms_text(payload->accepted));
    X402_CHECK(payload->accepted.max_timeout_seconds > 0 && !payload->accepted.network.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    check_payload(text);
    check_law(text, read_payment_payload);
    check_law(text, read_payment_required);
    check_law(text, read_verify_response);
    check_law(text, read_settle_response);
    check_law(text, read_supported);
    check_law(text, read_settlement_status);
    return 0;
}
