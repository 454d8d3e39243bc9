// SPDX-License-Identifier: Apache-2.0
// Whether payTo's token account can take a payment. A payment never makes that account, so who has
// none is told how to make it. Any thread.
#pragma once

#include <optional>
#include <string>

#include "x402/chains/svm/rpc_codec.hpp"
#include "x402/protocol/reasons.hpp"

namespace x402::svm {

struct Recipient {
    Address pay_to;
    Address mint;
    Address program;  // the mint's token program
    Address account() const { return token_account_of(pay_to, mint, program); }
};

// `account`: what the network holds at recipient.account(). Nothing: a transfer may arrive there.
std::optional<Refusal> check_recipient(const Recipient& recipient,
                                       const std::optional<Account>& account);

// "spl-token create-account MINT --owner OWNER --fee-payer KEYPAIR_FILE"
std::string create_account_command(const Address& mint, const Address& owner);

}  // namespace x402::svm
