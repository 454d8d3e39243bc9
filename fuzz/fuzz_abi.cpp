// SPDX-License-Identifier: Apache-2.0
// Answers of contracts: nothing is read outside, nothing is allocated that the answer only claims,
// and what the aggregate decoder accepts has the promised count.
#include "x402/base/check.hpp"
#include "x402/chains/evm/abi.hpp"
#include "x402/chains/evm/multicall.hpp"
#include "x402/chains/evm/revert.hpp"
#include "x402/chains/evm/token.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace x402::evm;
    if (size == 0) return 0;
    const x402::ByteView answer(data + 1, size - 1);
    const std::size_t count = data[0] % 8;
    if (const auto calls = decode_aggregate(answer, count)) {
        X402_CHECK(calls->size() == count);
        for (const auto& call : *calls) X402_CHECK(call.data.size() <= answer.size());
    }
    const AbiReader reader(answer);
    for (std::size_t slot = 0; slot < 9; ++slot) {
        if (const auto bytes = reader.bytes(slot)) X402_CHECK(bytes->size() <= answer.size());
        if (const auto word = reader.uint(slot)) X402_CHECK(word_of(*word) == *reader.word(slot));
        if (const auto address = reader.address(slot))
            X402_CHECK(word_of(*address) == *reader.word(slot));
        static_cast<void>(reader.boolean(slot));
    }
    for (const char c : revert_text(answer)) X402_CHECK(c >= ' ' && c <= '~');
    static_cast<void>(reason_of_revert(answer));
    const std::vector<CallAnswer> answers(7, CallAnswer{true, x402::to_bytes(answer)});
    static_cast<void>(judge_proof(TokenClaim{1, {}, "USDC", "2"}, answers, true));
    return 0;
}
