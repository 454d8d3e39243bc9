// SPDX-License-Identifier: Apache-2.0
// Where the protocol's messages stand in HTTP (transports spec, HTTP, versions 2 and 1): pure
// functions between headers, bodies and the types. What to do with them is the server's and the
// client's business. Any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "x402/net/http.hpp"
#include "x402/protocol/reasons.hpp"
#include "x402/protocol/types.hpp"
#include "x402/protocol/version.hpp"

namespace x402::transports {

// A payment of version 1 before it is matched: it does not echo its requirements.
// read_payment_payload_v1 makes a PaymentPayload of `text` once the server has chosen them.
struct PaymentV1 {
    std::string text;
    std::string scheme;
    ChainId network;
};

// --- the server's side ---

// What a request says about its payment: nothing, one of the two versions, or why it cannot be
// read. More than one payment header, a comma-joined one, or both versions are ambiguous: two
// readers could charge differently.
using RequestPayment = std::variant<std::monostate, PaymentPayload, PaymentV1, Refusal>;
RequestPayment read_request_payment(const net::Headers& headers, const NetworkNames& names);

// Says in a 402 why the request was refused: `error` is the code, "refusal" holds the sentence, the
// field, expected and actual, and the next step.
void explain(PaymentRequired& required, const Refusal& refusal);
// The value of PAYMENT-REQUIRED; Errc::too_large beyond limits::kRequiredHeaderBytes.
Result<std::string> required_header(const PaymentRequired& required);
// The same in the body, for clients that look only there.
std::string required_body(const PaymentRequired& required);
// What a client of version 1 reads. Offers without a V1 name are left out; Errc::unsupported when
// none is left.
Result<std::string> required_body_v1(const PaymentRequired& required, const NetworkNames& names);
// {"error": {"code", "message", ...}} for every other refusal.
std::string refusal_body(const Refusal& refusal);
// Sets PAYMENT-RESPONSE, or X-PAYMENT-RESPONSE with the short name of the network for a payment of
// version 1.
Result<void> set_settlement(net::Headers& headers, const SettleResponse& response, int version,
                            const NetworkNames& names);

// Headers that belong to the payment layer, in either direction: every payment header,
// SIGN-IN-WITH-X, Settlement-Overrides, EXTENSION-RESPONSES and X402-*. '_' counts as '-', because
// CGI-like servers behind a gateway cannot tell them apart.
bool is_payment_layer_header(std::string_view name) noexcept;
// Takes them all out, before a request goes upstream or an upstream's answer goes to the client.
void strip_payment_layer_headers(net::Headers& headers);

// --- the client's side ---

// The offers of a 402: PAYMENT-REQUIRED first, else a body of version 2, else of version 1
// (`version` tells). Errc::not_found when the answer does not speak x402; invalid or unsupported
// when it does, but not so that we understand it.
Result<PaymentRequired> read_required(const net::Headers& headers, std::string_view body,
                                      const NetworkNames& names);
// The settlement that an answer tells of, whatever its status; nothing where it tells of none.
Result<std::optional<SettleResponse>> read_settlement(const net::Headers& headers,
                                                      const NetworkNames& names);
// Sets the one payment header of the payment's version.
Result<void> set_payment(net::Headers& headers, const PaymentPayload& payment,
                         const NetworkNames& names);

}  // namespace x402::transports
