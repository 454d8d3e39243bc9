// SPDX-License-Identifier: Apache-2.0
// A network as the facilitator's settlement sees it: slots and attempts, without a word of how the
// chain orders transactions. A chain implements it with nonces or blockhashes, a rail with
// idempotency keys. Only the facilitator calls it, and it writes the journal between the calls.
// Bodies are the module's own, opaque to the facilitator, and are JSON because the journal keeps
// them. Any thread.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "x402/base/clock.hpp"
#include "x402/base/result.hpp"
#include "x402/base/task.hpp"
#include "x402/protocol/reasons.hpp"
#include "x402/protocol/types.hpp"

namespace x402 {

using SignerId = std::string;  // the signer's address on its network

// One step that settles (part of) one payment.
struct Action {
    PaymentKey payment;
    json::Object body;
};

struct Plan {
    std::vector<Action> actions;
    std::vector<SignerId> signers;  // who may send it; empty: any of the network's
    U256 charged;
};

// An amount of the network's own money, for budgets and metrics.
struct Cost {
    U256 amount;
    std::string unit;  // "wei", "lamports", "cents"
};

struct Simulation {
    std::vector<std::optional<Refusal>> refusals;  // one for each action; none: it would succeed
    json::Object body;
    Cost most;  // what sending could cost at most
    bool ok() const noexcept {
        for (const auto& refusal : refusals) {
            if (refusal) return false;
        }
        return true;
    }
};

// Where at most one transaction of a signer can land: a nonce, a message hash, an idempotency key.
struct Slot {
    ChainId network;
    SignerId signer;
    std::string key;  // unique with network and signer
    json::Object body;
};

// One signed transaction for a slot; a fee bump is another attempt in the same slot with the same
// actions.
struct Attempt {
    std::string id;           // the transaction's hash
    std::string raw;          // what is broadcast, as text
    std::uint32_t level = 0;  // the fee level it was signed with
    json::Object body;
    Cost most = {};  // what it could cost; zero: no more than its simulation said
};

enum class Sent { accepted, refused, unknown };
struct SentAnswer {
    Sent sent = Sent::unknown;
    std::string detail;
};

// The piece of a receipt that belongs to one action.
struct Part {
    bool executed = false;  // false: this action reverted
    json::Object body;
};

enum class SeenState { waiting, mined, dead, unknown };
struct Seen {
    SeenState state = SeenState::unknown;
    std::string attempt;      // mined: whose hash
    std::vector<Part> parts;  // mined: one for each action, in their order
    std::uint64_t block = 0;
    Cost cost;  // mined: what it took
    // mined: no reorganisation of the chain can undo it. What was paid is told as soon as it is
    // mined; that a part was not paid is believed only when this holds, because the same attempt
    // could still pay in another block. A chain whose blocks are final at once leaves it as it is.
    bool final = true;
};

enum class TraceState { none, done, impossible, unknown };
struct Trace {
    TraceState state = TraceState::unknown;
    std::string transaction;  // done
    std::string sender;       // done: who sent that transaction
    Instant at{};             // done: the block's time
    std::uint64_t block = 0;
};

struct Judgement {
    Outcome outcome = Outcome::unknown;
    std::optional<Refusal> refusal;  // failed: why
};

struct Funds {
    SignerId signer;
    Cost balance;
};

// What the operator lets a network cost. Zero means no limit of that kind.
struct Budget {
    Cost per_day;  // all signers together
    Cost per_payment;
    // What one payer's settlements may cost, so that no wallet uses up everybody's day. The
    // payments of a transaction share its cost alike.
    Cost per_payer_per_day = {};
};

class Network {
public:
    virtual ~Network() = default;
    virtual const ChainId& id() const noexcept = 0;
    virtual std::vector<SignerId> signers() const = 0;
    virtual Budget budget() const = 0;
    // How long a slot may wait before the next attempt with a higher fee is worth signing. Where
    // nothing can be replaced: how often the same bytes are sent again, until the slot is mined or
    // dead, also where an endpoint had accepted them.
    virtual Duration patience() const = 0;
    virtual Duration poll_interval() const = 0;

    // Whether these actions would succeed together from this signer; nothing is signed.
    virtual Task<Result<Simulation>> simulate(std::span<const Action> actions,
                                              const SignerId& signer) = 0;
    // The next free slot of the signer: never one of `recorded` (all that are not dead, in any
    // order), and a gap among them first. Errc::unavailable when the signer has too much in flight
    // already.
    virtual Task<Result<Slot>> next_slot(const SignerId& signer, std::span<const Slot> recorded,
                                         const Plan& plan) = 0;
    virtual bool can_share(const Action& one, const Action& other) const = 0;
    virtual bool can_replace() const noexcept = 0;
    // No actions: a filler, which only uses up the slot. `earlier` are this slot's attempts so far.
    virtual Task<Result<Attempt>> sign(const Slot& slot, std::span<const Action> actions,
                                       const Simulation& simulation,
                                       std::span<const Attempt> earlier) = 0;
    virtual Task<Result<SentAnswer>> broadcast(const Attempt& attempt) = 0;
    // mined only with the configured confirmations; dead only at finalized state.
    virtual Task<Result<Seen>> observe(const Slot& slot, std::span<const Action> actions,
                                       std::span<const Attempt> attempts) = 0;
    virtual Task<Result<std::vector<Funds>>> funds() = 0;
};

}  // namespace x402
