// SPDX-License-Identifier: Apache-2.0
// Row 11 of the reference's order: what is told when the transfer would fail, the most telling
// reason first. The reads are judged even where the simulation succeeded: a token whose used nonce
// does not revert would otherwise be believed.
#include "x402/base/log.hpp"
#include "x402/chains/evm/abi.hpp"
#include "x402/chains/evm/exact/facilitator.hpp"
#include "x402/chains/evm/revert.hpp"

namespace x402::evm {
namespace {

std::optional<Refusal> diagnose_domain(const ReadPayment& read, DomainFit domain,
                                       const TokenProof& proof) {
    switch (domain) {
        case DomainFit::fits:
            return std::nullopt;
        case DomainFit::name_differs:
            return refuse(Reason::evm_token_name, {"extra.name", proof.name, read.name});
        case DomainFit::version_differs:
            return refuse(Reason::evm_token_version,
                          {"extra.version", proof.version, read.version});
    }
    return std::nullopt;
}

std::optional<Refusal> diagnose_balance(const ReadPayment& read, const CallAnswer& answer) {
    const U256& value = read.payload.authorization.value;
    const auto balance = AbiReader(answer.data).uint(0);
    if (!answer.ok || !balance) {
        return refuse(Reason::evm_simulation, {"asset", "a token that answers balanceOf", {}});
    }
    if (*balance >= value) return std::nullopt;
    return refuse(Reason::evm_balance, {"balance", value.to_decimal(), balance->to_decimal()});
}

}  // namespace

std::optional<Refusal> diagnose(const ReadPayment& read, const TransferReads& reads,
                                const TokenProof& proof) {
    const auto used = AbiReader(reads.state.data).boolean(0);
    if (!reads.state.ok || !used)
        return refuse(Reason::evm_not_supported, {"asset", {}, to_checksum(read.asset)});
    if (*used) return refuse(Reason::evm_nonce_used, {"payload.authorization.nonce", {}, {}});
    if (auto refusal = diagnose_domain(read, reads.domain, proof)) return refusal;
    if (auto refusal = diagnose_balance(read, reads.balance)) return refusal;
    if (!reads.simulation.ok) {
        log::debug("simulation_failed", {{"revert", revert_text(reads.simulation.data)}});
        // Signature, times and the rest were checked before; what the token still dislikes is its
        // own rule.
        return refuse(Reason::evm_simulation);
    }
    const U256& value = read.payload.authorization.value;
    if (reads.received && *reads.received < value) {
        return refuse(Reason::evm_transfer_event,
                      {"received", value.to_decimal(), reads.received->to_decimal()});
    }
    return std::nullopt;
}

}  // namespace x402::evm
