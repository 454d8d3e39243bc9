// SPDX-License-Identifier: Apache-2.0
// A failed simulation says little; the accounts say why. The most telling reason is told first:
// payTo's account, the payer's account, and only then the network's own error.
#include "x402/chains/svm/exact/diagnose.hpp"

#include <algorithm>

#include "x402/base/log.hpp"
#include "x402/chains/svm/accounts.hpp"

namespace x402::svm {
namespace {

constexpr std::string_view kTransfer = "payload.transaction.instructions[2]";

// A node's word goes to strangers only if it is one: letters and digits.
std::string word_of(std::string_view text) {
    constexpr std::size_t kLongest = 64;
    const bool plain = !text.empty() && text.size() <= kLongest &&
                       std::all_of(text.begin(), text.end(), [](char letter) {
                           return (letter >= 'a' && letter <= 'z') ||
                                  (letter >= 'A' && letter <= 'Z') ||
                                  (letter >= '0' && letter <= '9');
                       });
    return plain ? std::string(text) : std::string();
}

std::string detail_of(const json::Value& value) {
    if (const auto* text = value.if_string()) return word_of(std::string_view(*text));
    const auto* object = value.if_object();
    if (object == nullptr || object->size() != 1) return {};
    const auto& member = *object->begin();
    if (member.key() == "Custom" && member.value().is_number()) {
        return "custom error " + json::dump(member.value());
    }
    return word_of(std::string_view(member.key()));
}

// {"account_index": 0}: the first account is the fee payer; any other is the transaction's doing.
std::string rent_cause(const json::Value& value) {
    const auto* object = value.if_object();
    const json::Value* index = object == nullptr ? nullptr : json::find(*object, "account_index");
    const bool first = index != nullptr && index->is_int64() && index->get_int64() == 0;
    return first ? "InsufficientFundsForRent" : "an account would keep too little for its rent";
}

// [2, {"Custom": 1}]
std::string instruction_cause(const json::Value& value) {
    const auto* pair = value.if_array();
    if (pair == nullptr || pair->size() != 2) return {};
    if (!pair->at(0).is_int64() || pair->at(0).get_int64() < 0) return {};
    const std::string detail = detail_of(pair->at(1));
    if (detail.empty()) return {};
    return "instruction " + std::to_string(pair->at(0).get_int64()) + ": " + detail;
}

std::optional<TokenAccount> token_of(const std::optional<Account>& account) {
    if (!account) return std::nullopt;
    auto token = read_token_account(account->owner, account->data);
    if (!token) return std::nullopt;
    return *token;
}

Refusal fails(const Sound& sound, std::string actual) {
    const bool wallet = sound.path == TransferPath::wallet;
    return refuse(wallet ? Reason::svm_wallet_simulation : Reason::svm_simulation,
                  {"payload.transaction", "a transaction that succeeds", std::move(actual)});
}

std::optional<Refusal> diagnose_source(const Sound& sound, const std::optional<Account>& source) {
    const TransferChecked& transfer = sound.layout.transfer;
    const std::string field = std::string(kTransfer) + ".source";
    const auto token = token_of(source);
    if (!token) {
        return refuse(Reason::svm_balance, {field, std::to_string(transfer.amount),
                                            "no token account at " + to_text(transfer.source)});
    }
    if (token->mint != sound.read.mint) {
        return refuse(Reason::svm_mint, {field, to_text(sound.read.mint), to_text(token->mint)});
    }
    if (token->state == TokenAccountState::frozen)
        return fails(sound, "the payer's token account is frozen");
    if (token->amount < transfer.amount) {
        return refuse(Reason::svm_balance,
                      {field, std::to_string(transfer.amount), std::to_string(token->amount)});
    }
    return std::nullopt;
}

bool is_one_of(std::span<const Address> ours, const Address& address) {
    return std::find(ours.begin(), ours.end(), address) != ours.end();
}

// Tokens of ours that somebody else has been allowed to move.
std::optional<Refusal> check_source(const Sound& sound, const std::optional<Account>& source,
                                    std::span<const Address> ours) {
    const auto token = token_of(source);
    if (!token || !is_one_of(ours, token->owner)) return std::nullopt;
    return refuse(Reason::svm_fee_payer_transfers,
                  {std::string(kTransfer) + ".source", "an account of somebody else",
                   to_text(sound.layout.transfer.source)});
}

bool is_asked_for(const Sound& sound, const TransferChecked& transfer) {
    return transfer.program == sound.mint.program && transfer.mint == sound.read.mint &&
           transfer.destination == sound.recipient().account() &&
           transfer.amount == sound.read.amount;
}

Refusal mismatch(const Sound& sound, const TransferChecked& transfer) {
    const bool there = transfer.destination == sound.recipient().account();
    return refuse(
        Reason::svm_wallet_mismatch,
        {"payload.transaction",
         std::to_string(sound.read.amount) + " to " + to_text(sound.recipient().account()),
         std::to_string(transfer.amount) + " to " +
             (there ? "it" : to_text(transfer.destination))});
}

// Exactly one transfer touches payTo's account, and it is the one asked for. What else the wallet
// moves is its own affair, as long as nothing of ours pays.
std::optional<Refusal> check_wallet_transfers(const Sound& sound,
                                              std::span<const TransferChecked> transfers,
                                              std::span<const Address> ours) {
    const Address account = sound.recipient().account();
    const TransferChecked* found = nullptr;
    std::size_t touching = 0;
    for (const TransferChecked& transfer : transfers) {
        if (is_one_of(ours, transfer.authority)) {
            return refuse(Reason::svm_fee_payer_transfers,
                          {"payload.transaction", {}, to_text(transfer.authority)});
        }
        if (transfer.destination == account || transfer.source == account) ++touching;
        if (is_asked_for(sound, transfer) && transfer.source != account) found = &transfer;
    }
    if (transfers.empty())
        return refuse(Reason::svm_wallet_no_transfer, {"payload.transaction", {}, {}});
    if (found == nullptr) return mismatch(sound, transfers.front());
    if (touching == 1) return std::nullopt;
    return refuse(Reason::svm_wallet_transfers,
                  {"payload.transaction", "1 transfer", std::to_string(touching)});
}

}  // namespace

std::vector<Address> watched_accounts(const Sound& sound) {
    std::vector<Address> out{sound.recipient().account()};
    if (sound.path == TransferPath::plain) out.push_back(sound.layout.transfer.source);
    return out;
}

std::optional<Refusal> check_mint(const Sound& sound) {
    const std::string mint = to_text(sound.read.mint);
    if (!sound.mint.exists)
        return refuse(Reason::svm_mint_missing, {"asset", "the address of a mint", mint});
    const TransferChecked& transfer = sound.layout.transfer;
    if (sound.path == TransferPath::plain && transfer.program != sound.mint.program) {
        return refuse(Reason::svm_mint, {std::string(kTransfer), to_text(sound.mint.program),
                                         to_text(transfer.program)});
    }
    if (sound.path == TransferPath::plain && transfer.decimals != sound.mint.decimals) {
        return refuse(Reason::svm_mint,
                      {std::string(kTransfer) + ".decimals", std::to_string(sound.mint.decimals),
                       std::to_string(transfer.decimals)});
    }
    if (sound.mint.harmful.empty()) return std::nullopt;
    return refuse(Reason::svm_mint_extension,
                  {"asset", "a token whose transfers arrive whole", sound.mint.harmful});
}

Result<std::optional<Refusal>> judge_success(const Sound& sound, const SimulationAnswer& answer,
                                             std::span<const std::optional<Account>> after,
                                             std::span<const Address> ours) {
    if (sound.path == TransferPath::wallet && !answer.has_inner)
        return fail(Errc::unavailable, "the node does not tell inner instructions");
    if (auto refusal = check_recipient(sound.recipient(), after.front())) return refusal;
    if (sound.path == TransferPath::wallet)
        return check_wallet_transfers(sound, answer.transfers, ours);
    return check_source(sound, after.back(), ours);
}

Result<std::optional<Refusal>> judge_failure(const Sound& sound, const SimulationAnswer& answer,
                                             std::span<const std::optional<Account>> now) {
    const std::string cause = cause_of(answer.error.value_or(""));
    if (is_ours(cause)) {
        return fail(Errc::unavailable, "the fee payer " + to_text(sound.read.fee_payer) +
                                           " or the network is not ready: " + cause);
    }
    if (answer.blockhash_unknown) {
        return refuse(Reason::svm_blockhash,
                      {"payload.transaction.recentBlockhash", "a blockhash that is still valid",
                       to_text(sound.read.transaction.message.blockhash)});
    }
    if (cause == "AlreadyProcessed")
        return refuse(Reason::duplicate_settlement, {"payload.transaction", {}, {}});
    if (auto refusal = check_recipient(sound.recipient(), now.front())) return refusal;
    if (sound.path == TransferPath::plain) {
        if (auto refusal = diagnose_source(sound, now.back())) return refusal;
    }
    log::debug("simulation_failed", {{"cause", answer.error.value_or("")}});
    return fails(sound, cause.empty() ? "an error of the network's" : cause);
}

bool is_ours(const std::string& cause) {
    static constexpr std::string_view kOurs[] = {
        "AccountNotFound",  // the fee payer has never held anything
        "InsufficientFundsForFee",
        "InvalidAccountForFee",
        "InsufficientFundsForRent",
        "AccountInUse",
        "ClusterMaintenance",
        "WouldExceedMaxBlockCostLimit",
        "WouldExceedMaxVoteCostLimit",
        "WouldExceedMaxAccountCostLimit",
        "WouldExceedAccountDataBlockLimit",
        "WouldExceedAccountDataTotalLimit",
        "ResanitizationNeeded",
        "ProgramCacheHitMaxLimit",
        "CommitCancelled",
    };
    return std::find(std::begin(kOurs), std::end(kOurs), cause) != std::end(kOurs);
}

std::string cause_of(const std::string& error) {
    const auto value = json::parse(error);
    if (!value) return {};
    if (const auto* object = value->if_object(); object != nullptr && object->size() == 1) {
        const auto& member = *object->begin();
        if (member.key() == "InstructionError") return instruction_cause(member.value());
        if (member.key() == "InsufficientFundsForRent") return rent_cause(member.value());
    }
    return detail_of(*value);
}

}  // namespace x402::svm
