// SPDX-License-Identifier: Apache-2.0
#include "ledger.hpp"

#include "x402/base/hex.hpp"
#include "x402/crypto/hash.hpp"

namespace x402::toy {

std::string toy_address(const std::string& secret) {
    return "toy" + to_hex(crypto::sha256(as_bytes("address " + secret)).view().first(10));
}

std::string toy_signature(const std::string& secret, const std::string& message) {
    return to_hex(crypto::hmac_sha256(as_bytes(secret), as_bytes(message)).view());
}

std::string Ledger::open_account(const std::string& secret, const U256& balance) {
    const std::scoped_lock lock(mutex_);
    const std::string address = toy_address(secret);
    balances_[address] = balance;
    secrets_[address] = secret;
    return address;
}

void Ledger::credit(const std::string& address, const U256& amount) {
    const std::scoped_lock lock(mutex_);
    balances_[address] = *balances_[address].checked_add(amount);
}

U256 Ledger::balance(const std::string& address) const {
    const std::scoped_lock lock(mutex_);
    const auto at = balances_.find(address);
    return at == balances_.end() ? U256{} : at->second;
}

bool Ledger::signature_fits(const std::string& address, const std::string& message,
                            const std::string& signature) const {
    const std::scoped_lock lock(mutex_);
    const auto at = secrets_.find(address);
    return at != secrets_.end() && toy_signature(at->second, message) == signature;
}

bool Ledger::funds_fit(const Transfer& transfer) const {
    if (transfer.amount > transfer.most) return false;
    if (transfer.kind == Kind::claim) return escrow_.contains(transfer.message);
    const U256 needed = transfer.kind == Kind::deposit ? transfer.most : transfer.amount;
    const auto at = balances_.find(transfer.from);
    return at != balances_.end() && at->second >= needed;
}

Submitted Ledger::submit(const Transfer& transfer) {
    const std::scoped_lock lock(mutex_);
    if (receipts_.contains(transfer.id)) return Submitted::refused;
    if (clock_.now() > transfer.expires) return Submitted::refused;
    if (held_) {
        mempool_.emplace(transfer.id, transfer);
    } else {
        land(transfer);
    }
    if (lose_ > 0) {
        --lose_;
        return Submitted::lost;
    }
    return Submitted::accepted;
}

void Ledger::land(const Transfer& transfer) {
    const bool fits = funds_fit(transfer);
    if (fits && transfer.kind == Kind::deposit) {
        balances_[transfer.from] = *balances_[transfer.from].checked_sub(transfer.most);
        escrow_[transfer.message] = transfer.most;
    } else if (fits && transfer.kind == Kind::claim) {
        const U256 held = escrow_[transfer.message];
        escrow_.erase(transfer.message);
        balances_[transfer.to] = *balances_[transfer.to].checked_add(transfer.amount);
        balances_[transfer.from] =
            *balances_[transfer.from].checked_add(*held.checked_sub(transfer.amount));
    } else if (fits) {
        balances_[transfer.from] = *balances_[transfer.from].checked_sub(transfer.amount);
        balances_[transfer.to] = *balances_[transfer.to].checked_add(transfer.amount);
    }
    receipts_[transfer.id] = Receipt{fits, ++height_, clock_.now(), transfer};
}

void Ledger::land_waiting() {
    const Instant now = clock_.now();
    for (const auto& [id, transfer] : mempool_) {
        if (now <= transfer.expires && !receipts_.contains(id)) land(transfer);
    }
    mempool_.clear();
}

void Ledger::hold(bool on) {
    const std::scoped_lock lock(mutex_);
    held_ = on;
    if (!on) land_waiting();
}

void Ledger::lose_answers(int count) {
    const std::scoped_lock lock(mutex_);
    lose_ = count;
}

void Ledger::refuse_simulations(int count) {
    const std::scoped_lock lock(mutex_);
    refuse_ = count;
}

bool Ledger::simulate(const Transfer& transfer) {
    const std::scoped_lock lock(mutex_);
    if (refuse_ > 0) {
        --refuse_;
        return false;
    }
    return funds_fit(transfer) && !receipts_.contains(transfer.id);
}

std::optional<Receipt> Ledger::receipt(const std::string& id) const {
    const std::scoped_lock lock(mutex_);
    const auto at = receipts_.find(id);
    if (at == receipts_.end()) return std::nullopt;
    return at->second;
}

bool Ledger::would_execute(const Transfer& transfer) const {
    const std::scoped_lock lock(mutex_);
    return funds_fit(transfer) && !receipts_.contains(transfer.id);
}

bool Ledger::waiting(const std::string& id) const {
    const std::scoped_lock lock(mutex_);
    return mempool_.contains(id);
}

std::vector<Receipt> Ledger::executed() const {
    const std::scoped_lock lock(mutex_);
    std::vector<Receipt> done;
    for (const auto& [id, receipt] : receipts_) {
        if (receipt.executed) done.push_back(receipt);
    }
    return done;
}

}  // namespace x402::toy
