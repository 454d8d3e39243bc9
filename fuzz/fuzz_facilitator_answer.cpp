// SPDX-License-Identifier: Apache-2.0
// Answers of a facilitator that is broken or hostile. The first two bytes are the status, the rest
// the body. Only a whole success for the network asked for is money; everything else is a failure,
// unknown, or no judgement.
#include "x402/base/check.hpp"
#include "x402/transports/facilitator_answer.hpp"

namespace {

using namespace x402;

NetworkNames names() {
    NetworkNames out;
    out.to_chain = [](std::string_view name) -> std::optional<ChainId> {
        if (name != "base-sepolia") return std::nullopt;
        return *ChainId::parse("eip155:84532");
    };
    return out;
}

void check_settle(const net::ClientResponse& answer) {
    const ChainId asked = *ChainId::parse("eip155:84532");
    const auto got = transports::judge_settle(answer, asked, names());
    if (!got || !got->success) return;
    X402_CHECK(answer.status >= 200 && answer.status < 300);
    X402_CHECK(outcome_of(*got) == Outcome::settled && got->network == asked &&
               got->error_reason.empty());
    X402_CHECK(!got->transaction.empty() || got->amount == U256{0});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    net::ClientResponse answer;
    answer.status = 100 + (data[0] * 256 + data[1]) % 500;
    answer.body.assign(reinterpret_cast<const char*>(data) + 2, size - 2);
    check_settle(answer);
    answer.status = 200;
    check_settle(answer);
    const auto verified = transports::judge_verify(answer);
    X402_CHECK(!verified || !verified->is_valid || verified->invalid_reason.empty());
    if (const auto supported = transports::judge_supported(answer, names())) {
        for (const SupportedKind& kind : supported->kinds) X402_CHECK(!kind.network.empty());
    }
    const PaymentKey key{"k"};
    const auto status = transports::judge_settlement(answer, key);
    X402_CHECK(!status || !*status || (*status)->key == key);
    return 0;
}
