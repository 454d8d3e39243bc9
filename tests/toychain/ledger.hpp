// SPDX-License-Identifier: Apache-2.0
// An in-process ledger without nonces: a transfer is named by the message its payer signed, lands
// at most once, and cannot land after it expired. It can be told to hold transfers back or to lose
// its answers, which is what a test needs and a real network never does on command. Any thread.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "x402/base/clock.hpp"
#include "x402/base/u256.hpp"

namespace x402::toy {

enum class Kind { direct, deposit, claim };

struct Transfer {
    std::string id;       // message and kind: what can land once
    std::string message;  // hash of what the payer signed
    Kind kind = Kind::direct;
    std::string from;
    std::string to;
    U256 amount;  // what the recipient gets
    U256 most;    // what was signed
    Instant expires{};
    std::string sender;  // which facilitator's signer sent it
};

struct Receipt {
    bool executed = false;
    std::uint64_t block = 0;
    Instant at{};
    Transfer transfer;
};

enum class Submitted {
    accepted,
    refused,
    lost
};  // lost: the answer was; the transfer may be waiting

class Ledger {
public:
    explicit Ledger(Clock& clock) : clock_(clock) {}

    // A payer's address is made from its secret; the ledger keeps the secret to check signatures.
    std::string open_account(const std::string& secret, const U256& balance);
    void credit(const std::string& address, const U256& amount);
    U256 balance(const std::string& address) const;
    bool signature_fits(const std::string& address, const std::string& message,
                        const std::string& signature) const;

    Submitted submit(const Transfer& transfer);
    void hold(bool on);                  // accepted transfers wait until it is off
    void lose_answers(int count);        // the next submits are taken in, but answered `lost`
    void refuse_simulations(int count);  // the next ones say no, though the transfer would land
    bool simulate(const Transfer& transfer);  // would_execute, unless it was told to refuse
    std::optional<Receipt> receipt(const std::string& id) const;
    bool would_execute(const Transfer& transfer) const;
    bool waiting(const std::string& id) const;
    std::vector<Receipt> executed() const;
    Instant now() const { return clock_.now(); }

private:
    void land(const Transfer& transfer);
    void land_waiting();
    bool funds_fit(const Transfer& transfer) const;

    Clock& clock_;
    mutable std::mutex mutex_;
    std::map<std::string, U256> balances_;
    std::map<std::string, std::string> secrets_;
    std::map<std::string, U256> escrow_;  // by message
    std::map<std::string, Transfer> mempool_;
    std::map<std::string, Receipt> receipts_;
    std::uint64_t height_ = 0;
    bool held_ = false;
    int lose_ = 0;
    int refuse_ = 0;
};

std::string toy_address(const std::string& secret);
std::string toy_signature(const std::string& secret, const std::string& message);

}  // namespace x402::toy
