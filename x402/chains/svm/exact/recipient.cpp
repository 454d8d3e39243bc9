// SPDX-License-Identifier: Apache-2.0
#include "x402/chains/svm/exact/recipient.hpp"

#include "x402/chains/svm/accounts.hpp"

namespace x402::svm {
namespace {

Refusal unusable(const Recipient& recipient, std::string expected, std::string actual) {
    return refuse(Reason::svm_recipient_unusable,
                  {"payTo", std::move(expected), to_text(recipient.account()) + ", " + actual});
}

}  // namespace

std::optional<Refusal> check_recipient(const Recipient& recipient,
                                       const std::optional<Account>& account) {
    const bool missing = !account || (account->data.empty() && account->owner.is_zero());
    if (missing) {
        Refusal refusal =
            refuse(Reason::svm_recipient_missing,
                   {"payTo", "the token account " + to_text(recipient.account()), "none"});
        refusal.next =
            "Create it once: " + create_account_command(recipient.mint, recipient.pay_to) + ".";
        return refusal;
    }
    const auto token = read_token_account(account->owner, account->data);
    if (!token || token->program != recipient.program || token->mint != recipient.mint)
        return unusable(recipient, "an account of the token", "which is another account");
    if (token->owner != recipient.pay_to) {
        return unusable(recipient, "an account of payTo's own",
                        "which belongs to " + to_text(token->owner));
    }
    if (token->state == TokenAccountState::frozen)
        return unusable(recipient, "an account that is not frozen", "which is frozen");
    if (token->state != TokenAccountState::initialized)
        return unusable(recipient, "an account in use", "which is not initialized");
    if (token->requires_memo) {
        return unusable(recipient, "an account without the MemoTransfer rule",
                        "which asks for a memo before each transfer");
    }
    return std::nullopt;
}

std::string create_account_command(const Address& mint, const Address& owner) {
    return "spl-token create-account " + to_text(mint) + " --owner " + to_text(owner) +
           " --fee-payer KEYPAIR_FILE";
}

}  // namespace x402::svm
