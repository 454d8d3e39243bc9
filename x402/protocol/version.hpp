// SPDX-License-Identifier: Apache-2.0
// Version 1 of the protocol, decoded and mapped to version 2: short network names,
// `maxAmountRequired`, resource fields inside the requirements, a payload without `accepted`. Any
// thread.
#pragma once

#include <functional>
#include <optional>
#include <string_view>

#include "x402/protocol/types.hpp"

namespace x402 {

// Short names are the chains' data: the registry answers. Both return nothing for an unknown name.
struct NetworkNames {
    std::function<std::optional<ChainId>(std::string_view v1_name)> to_chain;
    std::function<std::optional<std::string>(const ChainId&)> to_v1_name;
};

// Either version of a /verify or /settle body.
Result<FacilitatorRequest> read_facilitator_request(std::string_view text,
                                                    const NetworkNames& names);
// A V1 payment header's JSON; `accepted` is what the server asked, because V1 does not echo it.
Result<PaymentPayload> read_payment_payload_v1(std::string_view text,
                                               const PaymentRequirements& accepted,
                                               const NetworkNames& names);
// The network a V1 payment names, before anything is matched.
Result<ChainId> network_of_v1_payment(std::string_view text, const NetworkNames& names);
// The 402 body of a V1 server.
Result<PaymentRequired> read_payment_required_v1(std::string_view text, const NetworkNames& names);
Result<json::Object> write_payment_payload_v1(const PaymentPayload& payload,
                                              const NetworkNames& names);
Result<json::Object> write_requirements_v1(const PaymentRequirements& requirements,
                                           const ResourceInfo& resource, const NetworkNames& names);
// In a V1 response `network` is the short name.
Result<json::Object> write_settle_response_v1(const SettleResponse& response,
                                              const NetworkNames& names);
Result<SettleResponse> read_settle_response_v1(std::string_view text, const NetworkNames& names);

}  // namespace x402
