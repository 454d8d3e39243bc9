// SPDX-License-Identifier: Apache-2.0
// One payment being settled, and one slot in use, as they lie on the desk. Plain data of the home
// core; what must survive is in the store.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "x402/base/sync.hpp"
#include "x402/facilitator/payer_book.hpp"
#include "x402/facilitator/pipeline.hpp"
#include "x402/facilitator/replay_guard.hpp"
#include "x402/facilitator/settlement_fsm.hpp"
#include "x402/facilitator/slot_fsm.hpp"

namespace x402::facilitator {

struct Line;
struct Lane;

// How a settlement ended, for those who wait for it.
struct Ended {
    enum class How {
        settled,
        failed,
        unavailable,  // nothing was or can be sent by this run; the same request may be made again
        look_again,   // this run is not ours any more: the record decides
    };
    How how = How::look_again;
    SettleResponse response;
    Reason reason = Reason::unavailable;
    std::string detail = {};  // unavailable: what is to be said of it; empty: the usual
};

// One payment being settled. Shared, because those who wait outlive its place on the desk.
struct Live {
    store::PaymentRecord record;  // the intent
    RequestPrint print;
    Payment payment;
    const FacilitatorScheme* scheme = nullptr;
    Line* line = nullptr;
    State state = State::claimed;
    bool alone = false;     // asked again after a group: a slot of its own
    bool wary = false;      // refused among others: the payer's money may be on its way elsewhere
    bool queued = false;    // in a lane's queue
    bool sociable = false;  // somebody of its lane could share with it
    std::vector<Action> actions;
    std::vector<SignerId> signers;
    U256 charged;
    std::optional<Refusal> doubt;  // why it would not be, or was not, paid
    std::string transaction;       // the newest attempt's
    Duration began{};
    Duration ready{};  // when it entered its lane
    int freed = 0;     // slots that ended without ever carrying it
    std::optional<Ended> ended;
    Bell bell;  // rung when it ended, and now and then
};
using LivePtr = std::shared_ptr<Live>;
using Group = std::vector<LivePtr>;

// One slot in use.
struct SlotRun {
    Slot slot;
    store::SlotName name;
    Group payments;                // null: final already, found on start
    std::vector<PaymentKey> keys;  // of the payments, in the same order
    Payers payers;                 // of the payments as well; empty: not known, final already
    std::vector<Action> actions;
    Simulation simulation;
    U256 reserved;  // of the budget: what the dearest of its attempts could cost
    Duration simulated{};
    std::vector<Attempt> attempts;
    SlotPhase phase = SlotPhase::taken;
    Lane* lane = nullptr;
    bool busy = false;  // a courier works on it
    bool accepted = false;
    bool landed = false;      // used up on the network: nobody need wait for it any more
    bool undecided = false;   // landed, and what it means is for the network to say, in its time
    Duration next_look{};     // where the last one did not decide
    Duration rest{};          // between two such looks
    Duration last_attempt{};  // recorded, or ruled out by the network
    Duration last_sent{};
};
using SlotPtr = std::shared_ptr<SlotRun>;

}  // namespace x402::facilitator
