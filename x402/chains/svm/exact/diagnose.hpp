// SPDX-License-Identifier: Apache-2.0
// What a payment's simulation and accounts mean, as pure functions of what the nodes said (protocol
// facts 2.10, row 13 and the smart wallet's path). Where the nodes or the fee payer are at fault it
// is an Error, and the payer is told nothing. Any thread.
#pragma once

#include "x402/chains/svm/exact/action.hpp"
#include "x402/chains/svm/exact/recipient.hpp"
#include "x402/chains/svm/exact/rules.hpp"
#include "x402/chains/svm/mints.hpp"

namespace x402::svm {

// A payment that stands everything but the present state of its accounts.
struct Sound {
    ReadPayment read;
    std::vector<AccountUse> accounts;  // resolved
    TransferPath path = TransferPath::plain;
    Layout layout;
    MintFacts mint;
    Recipient recipient() const { return {read.pay_to, read.mint, mint.program}; }
};

// The token accounts that are watched in a simulation: payTo's first, then, where the message names
// it, the payer's.
std::vector<Address> watched_accounts(const Sound& sound);

// The mint, held against the transfer that the message names.
std::optional<Refusal> check_mint(const Sound& sound);

// The simulation succeeded; `after` are the watched accounts. `ours`: the facilitator's signers,
// which never pay.
Result<std::optional<Refusal>> judge_success(const Sound& sound, const SimulationAnswer& answer,
                                             std::span<const std::optional<Account>> after,
                                             std::span<const Address> ours);

// It failed; `now` are the watched accounts as they are. An unknown blockhash is told as such.
Result<std::optional<Refusal>> judge_failure(const Sound& sound, const SimulationAnswer& answer,
                                             std::span<const std::optional<Account>> now);

// Whether a cause is the nodes' or the fee payer's: another try, or the operator, mends it.
bool is_ours(const std::string& cause);

// "instruction 2: custom error 1" in our own words; empty: not a form we know.
std::string cause_of(const std::string& error);

}  // namespace x402::svm
