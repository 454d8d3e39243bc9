// SPDX-License-Identifier: Apache-2.0
// aggregate3((address target, bool allowFailure, bytes callData)[]) returns ((bool success, bytes
// data)[]). An array of dynamic tuples is: length, then one offset for each (counted from behind
// the length), then the tuples. Any thread.
#include "x402/chains/evm/multicall.hpp"

#include "x402/base/check.hpp"
#include "x402/chains/evm/abi.hpp"

namespace x402::evm {
namespace {

constexpr Selector kAggregate3 = 0x82ad56cb;

}  // namespace

Address multicall_address() {
    const auto address = parse_address("0xcA11bde05977b3631167028862bE2a173976CA11");
    X402_CHECK(address.has_value());
    return *address;
}

Bytes encode_aggregate(std::span<const ContractCall> calls) {
    AbiWriter tuples;
    for (const ContractCall& call : calls) {
        AbiWriter tuple;
        tuple.address(call.to).boolean(true).bytes(call.data);
        tuples.dynamic(tuple.finish());
    }
    Bytes array = to_bytes(word_of(U256(calls.size())).view());
    append(array, tuples.finish());
    AbiWriter writer(kAggregate3);
    writer.dynamic(std::move(array));
    return writer.finish();
}

Result<std::vector<CallAnswer>> decode_aggregate(ByteView data, std::size_t count) {
    const AbiReader reader(data);
    X402_TRY(const AbiReader array, reader.at(0));
    X402_TRY(const std::size_t size, array.count(0, count));
    if (size != count) return fail(Errc::bad_peer, "Multicall3 answered another number of calls");
    X402_TRY(const AbiReader tuples, array.from(1));
    std::vector<CallAnswer> out;
    out.reserve(count);
    // Offsets of different tuples may point at the same bytes, and each would be copied.
    std::size_t total = 0;
    for (std::size_t i = 0; i < count; ++i) {
        X402_TRY(const AbiReader tuple, tuples.at(i));
        CallAnswer answer;
        X402_TRY(answer.ok, tuple.boolean(0));
        X402_TRY(answer.data, tuple.bytes(1));
        total += answer.data.size();
        if (total > data.size()) return fail(Errc::bad_peer, "Multicall3's answers overlap");
        out.push_back(std::move(answer));
    }
    return out;
}

}  // namespace x402::evm
