// SPDX-License-Identifier: Apache-2.0
// What a facilitator's HTTP answer means, in every dialect spoken in the field: judgements with
// status 200, 400 or 500, bodies that are no judgement, pages of an edge server. Pure. An Error
// means that no judgement was had, and its code tells whether a settlement may have begun
// (facilitator_api.hpp). Any thread.
#pragma once

#include <optional>
#include <string_view>

#include "x402/net/http_client.hpp"
#include "x402/protocol/facilitator_api.hpp"
#include "x402/protocol/version.hpp"

namespace x402::transports {

Result<VerifyResponse> judge_verify(const net::ClientResponse& answer);
// `asked` is the network of the requirements: a success elsewhere is none.
Result<SettleResponse> judge_settle(const net::ClientResponse& answer, const ChainId& asked,
                                    const NetworkNames& names);
// Kinds of a network that nobody here knows are left out; short names of version 1 are mapped.
Result<Supported> judge_supported(const net::ClientResponse& answer, const NetworkNames& names);
Result<std::optional<SettlementStatus>> judge_settlement(const net::ClientResponse& answer,
                                                         const PaymentKey& asked);

// What the exchange's own failure means for a settlement: an answer that was too large came after a
// request that was whole, so it must not read as "nothing was begun".
Error error_of_exchange(Error error);

}  // namespace x402::transports
