// SPDX-License-Identifier: Apache-2.0
#include "network.hpp"

#include "payload.hpp"

namespace x402::toy {
namespace {

Cost free_of_charge() {
    return Cost{U256{}, "crumbs"};
}

}  // namespace

Budget ToyNetwork::budget() const {
    return Budget{free_of_charge(), free_of_charge()};
}

Task<Result<Simulation>> ToyNetwork::simulate(std::span<const Action> actions, const SignerId&) {
    Simulation simulation;
    simulation.most = free_of_charge();
    for (const Action& action : actions) {
        X402_CO_TRY(const Transfer transfer, read_transfer(action.body));
        std::optional<Refusal> refusal;
        if (!ledger_.simulate(transfer))
            refusal = refuse(Reason::evm_balance, {"payload.from", "", ""});
        simulation.refusals.push_back(std::move(refusal));
    }
    co_return simulation;
}

Task<Result<Slot>> ToyNetwork::next_slot(const SignerId& signer, std::span<const Slot> recorded,
                                         const Plan& plan) {
    if (plan.actions.empty())
        co_return fail(Errc::invalid, "a slot needs an action on this network");
    X402_CO_TRY(const Transfer transfer, read_transfer(plan.actions.front().body));
    for (const Slot& each : recorded) {
        if (each.key == transfer.id)
            co_return fail(Errc::conflict, "the message has its slot already");
    }
    Slot slot{id_, signer, transfer.id, {}};
    slot.body["expires"] = to_unix_ms(transfer.expires);
    co_return slot;
}

Task<Result<Attempt>> ToyNetwork::sign(const Slot& slot, std::span<const Action> actions,
                                       const Simulation&, std::span<const Attempt> earlier) {
    if (!earlier.empty())
        co_return fail(Errc::unsupported, "nothing can be replaced on this network");
    if (actions.size() != 1) co_return fail(Errc::unsupported, "one action a slot, and no fillers");
    X402_CO_TRY(Transfer transfer, read_transfer(actions.front().body));
    transfer.sender = slot.signer;
    co_return Attempt{slot.key, json::dump(write_transfer(transfer)), 0, {}};
}

Task<Result<SentAnswer>> ToyNetwork::broadcast(const Attempt& attempt) {
    X402_CO_TRY(const json::Object object, json::parse_object(attempt.raw));
    X402_CO_TRY(const Transfer transfer, read_transfer(object));
    switch (ledger_.submit(transfer)) {
        case Submitted::accepted:
            co_return SentAnswer{Sent::accepted, ""};
        case Submitted::refused:
            co_return SentAnswer{Sent::refused, "used or expired"};
        case Submitted::lost:
            break;
    }
    co_return SentAnswer{Sent::unknown, "no answer"};
}

Task<Result<Seen>> ToyNetwork::observe(const Slot& slot, std::span<const Action> actions,
                                       std::span<const Attempt> attempts) {
    Seen seen;
    seen.cost = free_of_charge();
    const auto receipt = ledger_.receipt(slot.key);
    if (receipt && !attempts.empty() && actions.size() == 1) {
        seen.state = SeenState::mined;
        seen.attempt = slot.key;
        seen.block = receipt->block;
        Part part{receipt->executed, {}};
        part.body["id"] = receipt->transfer.id;
        seen.parts.push_back(std::move(part));
        co_return seen;
    }
    X402_CO_TRY(const std::int64_t expires, json::get_int(slot.body, "expires", "slot"));
    seen.state = ledger_.now() > from_unix_ms(expires) ? SeenState::dead : SeenState::waiting;
    co_return seen;
}

Task<Result<std::vector<Funds>>> ToyNetwork::funds() {
    std::vector<Funds> funds;
    for (const SignerId& signer : signers_) funds.push_back(Funds{signer, free_of_charge()});
    co_return funds;
}

}  // namespace x402::toy
