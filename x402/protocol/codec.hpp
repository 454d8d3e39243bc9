// SPDX-License-Identifier: Apache-2.0
// JSON <-> the types. Reading is strict (types, amounts as canonical digit strings, caps) and every
// error names the field; writing puts known members first in the specification's order, then the
// unknown ones. Any thread.
#pragma once

#include <string_view>

#include "x402/protocol/types.hpp"

namespace x402 {

Result<PaymentRequirements> read_requirements(const json::Object& object,
                                              std::string_view path = "accepted");
Result<PaymentRequired> read_payment_required(std::string_view text);
// Only version 2; version.hpp reads both.
Result<PaymentPayload> read_payment_payload(std::string_view text);
Result<VerifyResponse> read_verify_response(std::string_view text);
Result<SettleResponse> read_settle_response(std::string_view text);
Result<Supported> read_supported(std::string_view text);

json::Object write(const ResourceInfo& resource);
json::Object write(const PaymentRequirements& requirements);
json::Object write(const PaymentRequired& required);
json::Object write(const PaymentPayload& payload);
json::Object write(const VerifyResponse& response);
json::Object write(const SettleResponse& response);
json::Object write(const Supported& supported);
// The JSON text of a payload: as it came where it came from outside, else written anew.
std::string text_of(const PaymentPayload& payload);

// {x402Version, paymentPayload, paymentRequirements}, with the texts as they came where there are
// any.
std::string write_facilitator_request(const FacilitatorRequest& request);

// Equal in scheme, network, asset, payTo and amount, whatever the case of hex addresses: the sense
// in which two requests ask for the same settlement.
bool same_terms(const PaymentRequirements& left, const PaymentRequirements& right);
std::string terms_text(
    const PaymentRequirements& requirements);  // what same_terms compares, as one line

}  // namespace x402
