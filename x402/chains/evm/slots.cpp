// SPDX-License-Identifier: Apache-2.0
#include "x402/chains/evm/slots.hpp"

#include <algorithm>
#include <vector>

#include "x402/base/limits.hpp"

namespace x402::evm {

Result<std::uint64_t> nonce_of(const Slot& slot) {
    X402_TRY(const U256 nonce, U256::from_decimal(slot.key));
    const auto fits = nonce.to_u64();
    if (!fits) return fail(Errc::invalid, "the slot's key is no nonce");
    return *fits;
}

Result<std::uint64_t> choose_nonce(std::uint64_t chain_nonce, std::span<const Slot> recorded) {
    std::vector<std::uint64_t> in_flight;
    for (const Slot& slot : recorded) {
        X402_TRY(const std::uint64_t nonce, nonce_of(slot));
        if (nonce >= chain_nonce) in_flight.push_back(nonce);
    }
    std::sort(in_flight.begin(), in_flight.end());
    in_flight.erase(std::unique(in_flight.begin(), in_flight.end()), in_flight.end());
    std::uint64_t next = chain_nonce;
    for (const std::uint64_t nonce : in_flight) {
        if (nonce != next) break;
        ++next;
    }
    // Filling a gap frees what waits behind it, so a gap is offered even to a signer that is full.
    const bool is_gap = !in_flight.empty() && next < in_flight.back();
    if (in_flight.size() >= limits::kInFlightPerSigner && !is_gap) {
        return fail(Errc::unavailable, "the signer has too many transactions in flight");
    }
    return next;
}

}  // namespace x402::evm
