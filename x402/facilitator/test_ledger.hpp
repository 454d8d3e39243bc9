// SPDX-License-Identifier: Apache-2.0
// A network that lives in the test's memory and does what the test says: numbered slots, a pool of
// transactions, balances, and answers that get lost. It outlives the facilitators that are started
// and killed over it. One thread.
#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "x402/schemes/module.hpp"
#include "x402/schemes/registry.hpp"

namespace x402::facilitator::test {

// What a broadcast does to a transaction, and what it says.
enum class SendRule {
    accept,
    lose_answer,      // it is in the pool; the answer says unknown
    refuse_but_keep,  // it is in the pool; the answer says refused
    refuse,           // it is not in the pool, and that is what it says
    drop,             // it is not in the pool, and it says accepted
};

struct Transfer {
    std::string payer;
    std::string nonce;
    std::string to;
    U256 amount;
};

struct PooledTx {
    std::string id;
    std::string signer;
    std::uint64_t number = 0;
    std::uint32_t level = 0;
    std::vector<Transfer> transfers;  // empty: a filler
};

struct MinedTx {
    std::uint64_t block = 0;
    std::vector<bool> executed;
    PooledTx tx{};
};

struct Used {
    std::string transaction;
    std::string sender;
    Instant at{};
    std::uint64_t block = 0;
    bool moved = true;  // false: cancelled
};

class Ledger {
public:
    explicit Ledger(Clock& time) : clock(time) {}

    Clock& clock;
    std::recursive_mutex mutex;  // for tests with several cores
    // Orders of the test.
    std::deque<SendRule> sends;  // for the next broadcasts; then `accept`
    bool auto_mine = true;       // every accepted transaction is mined at once
    bool down = false;           // no call gets through
    bool trace_down = false;
    bool uses_final = true;         // false: that an authorization is used may yet be undone
    bool finalized = true;          // what is mined cannot be undone any more
    std::set<std::string> dead;     // networks that simulate nothing
    std::size_t hold_verifies = 0;  // that many verifications wait until `let_verify`
    bool let_verify = false;
    std::size_t simulate_errors = 0;  // that many simulations fail first
    std::size_t slot_errors = 0;
    std::size_t sign_errors = 0;
    bool sign_refuses = false;           // for real actions
    std::set<std::string> unsignable;    // nonces that nothing is signed for
    bool no_fillers = false;             // nothing is signed that only uses up a slot
    std::set<std::string> group_poison;  // nonces that revert when mined among others
    std::set<std::string> blind;    // nonces whose simulation does not see that they would fail
    std::uint32_t least_level = 0;  // the pool mines nothing below this fee level
    std::string only_signer{};      // whom a payment names; empty: nobody
    std::optional<Duration> lives_for{};         // set: no time is signed
    std::vector<std::optional<Instant>> seen{};  // of the payments planned and traced
    bool replaceable = true;
    bool shareable = true;
    std::vector<std::string> signers{"signer-a"};
    Budget limits;
    U256 cost_each{100};
    U256 cost_step;  // what each further attempt of a slot may cost more
    U256 cost_more;  // what every attempt may cost more than its simulation said
    Duration poll{500};
    // The truth.
    std::map<std::string, U256> balances;
    std::map<std::string, Used> used;  // by payer and nonce
    std::map<std::string, std::vector<std::string>>
        moves;                                  // transactions that moved this authorization
    std::map<std::string, std::uint64_t> next;  // by signer
    std::map<std::string, PooledTx> pool;       // by id
    std::map<std::string, MinedTx> mined;       // by id
    std::uint64_t block = 1;
    std::size_t broadcasts = 0;
    std::size_t observes = 0;
    std::size_t verifies = 0;
    std::vector<std::size_t> group_sizes;  // of mined transactions
    std::map<std::string, std::set<std::uint64_t>>
        signed_numbers;  // by nonce: slots it was ever signed for

    void mine();
    // The newest block of a signer is undone: its transaction waits again.
    void reorganise(const std::string& id);
    // Somebody else uses the authorization.
    void front_run(const std::string& payer, const std::string& nonce, const U256& amount,
                   const std::string& to);
    void cancel(const std::string& payer, const std::string& nonce);
    // Uses up a slot without any transaction of ours, as a signer's other program would.
    void skip_slot(const std::string& signer) { ++next[signer]; }
    SentAnswer send(const PooledTx& tx);

private:
    bool execute(const PooledTx& tx, const Transfer& transfer);
    bool mine_one(const std::string& signer);
};

inline std::string used_key(const std::string& payer, const std::string& nonce) {
    return payer + "/" + nonce;
}

// Registers the family "fake" whose networks are served by this ledger.
Result<void> add_fake(Modules& modules, Ledger& ledger);

}  // namespace x402::facilitator::test
