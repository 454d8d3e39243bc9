// SPDX-License-Identifier: Apache-2.0
#include "x402/chains/_template/network.hpp"

#include <algorithm>

#include "x402/chains/_template/keys.hpp"
#include "x402/chains/_template/transfer.hpp"
#include "x402/crypto/hash.hpp"

namespace x402::mychain {
namespace {

// The ledger charges nothing. A chain with fees says here what it counts them in.
Cost no_cost() {
    return Cost{U256{}, "grains"};
}

}  // namespace

std::vector<SignerId> LedgerNetwork::signers() const {
    std::vector<SignerId> out;
    for (const Signer& signer : signers_) out.push_back(signer.address);
    return out;
}

Budget LedgerNetwork::budget() const {
    return Budget{no_cost(), no_cost()};
}

Task<Result<Simulation>> LedgerNetwork::simulate(std::span<const Action> actions, const SignerId&) {
    Simulation simulation;
    simulation.most = no_cost();
    for (const Action& action : actions) {
        X402_CO_TRY(const Transfer transfer, read_transfer(action.body, id_.text()));
        X402_CO_TRY(const U256 balance, co_await node_.balance(transfer.from, transfer.asset));
        std::optional<Refusal> refusal;
        if (balance < transfer.amount) {
            refusal = refuse_own("balance", "The payer's balance is too small.",
                                 {"payload.from", transfer.amount.to_decimal(), {}});
        }
        simulation.refusals.push_back(std::move(refusal));
    }
    co_return simulation;
}

Task<Result<Slot>> LedgerNetwork::next_slot(const SignerId& signer, std::span<const Slot> recorded,
                                            const Plan& plan) {
    if (plan.actions.empty()) co_return fail(Errc::invalid, "a slot needs a transfer");
    X402_CO_TRY(const Transfer transfer, read_transfer(plan.actions.front().body, id_.text()));
    const std::string id = transfer.id();
    const bool taken = std::any_of(recorded.begin(), recorded.end(),
                                   [&id](const Slot& each) { return each.key == id; });
    if (taken) co_return fail(Errc::conflict, "the message has its slot already");
    Slot slot{id_, signer, id, {}};
    slot.body["expires"] = to_unix_ms(transfer.expires);
    co_return slot;
}

Task<Result<Attempt>> LedgerNetwork::sign(const Slot& slot, std::span<const Action> actions,
                                          const Simulation&, std::span<const Attempt> earlier) {
    if (!earlier.empty()) co_return fail(Errc::unsupported, "nothing can be replaced here");
    if (actions.size() != 1) co_return fail(Errc::unsupported, "one transfer a slot, no fillers");
    const auto signer = std::find_if(signers_.begin(), signers_.end(), [&slot](const Signer& each) {
        return each.address == slot.signer;
    });
    if (signer == signers_.end()) co_return fail(Errc::not_found, "no key of " + slot.signer);
    X402_CO_TRY(const Transfer transfer, read_transfer(actions.front().body, id_.text()));
    const Hash32 digest = crypto::sha256(as_bytes("send\n" + transfer.id() + "\n" + slot.signer));
    X402_CO_TRY(const std::string signature, sign_digest(digest, signer->key));
    json::Object envelope;
    envelope["transfer"] = write(transfer);
    envelope["sender"] = slot.signer;
    envelope["signature"] = signature;
    co_return Attempt{slot.key, json::dump(envelope), 0, {}};
}

Task<Result<SentAnswer>> LedgerNetwork::broadcast(const Attempt& attempt) {
    co_return co_await node_.submit(attempt.raw);
}

// The time is asked before the receipt: what is not there after the expiry was seen to pass never
// will be.
Task<Result<Seen>> LedgerNetwork::observe(const Slot& slot, std::span<const Action> actions,
                                          std::span<const Attempt> attempts) {
    Seen seen;
    seen.cost = no_cost();
    X402_CO_TRY(const std::int64_t expires, json::get_int(slot.body, "expires", "slot"));
    const bool ours = !attempts.empty() && actions.size() == 1;
    X402_CO_TRY(const Instant now, co_await node_.time());
    X402_CO_TRY(const auto receipt, co_await node_.receipt(slot.key));
    if (!receipt) {
        seen.state = now >= from_unix_ms(expires) ? SeenState::dead : SeenState::waiting;
        co_return seen;
    }
    // Landed in somebody else's envelope before we recorded one: no attempt of ours can land any
    // more.
    if (!ours) {
        seen.state = SeenState::dead;
        co_return seen;
    }
    seen.state = SeenState::mined;
    seen.attempt = slot.key;
    seen.block = receipt->block;
    Part part{receipt->executed, {}};
    part.body["id"] = slot.key;
    seen.parts.push_back(std::move(part));
    co_return seen;
}

// Nothing to watch where sending is free.
Task<Result<std::vector<Funds>>> LedgerNetwork::funds() {
    co_return std::vector<Funds>{};
}

}  // namespace x402::mychain
