// SPDX-License-Identifier: Apache-2.0
// One request with a payment, from its header to its last byte: the actions of paywall_fsm.hpp,
// each reporting the event that came of it. Lives as long as the request, on one core.
#pragma once

#include <optional>
#include <string>

#include "x402/server/grant_fsm.hpp"
#include "x402/server/hold.hpp"
#include "x402/server/paywall.hpp"
#include "x402/server/paywall_fsm.hpp"
#include "x402/server/settlement.hpp"

namespace x402::server {

class PaidCall {
public:
    PaidCall(Visit& visit, const Route& route);
    Task<void> run();
    // Only what the record of the payment says to this request; false where it says nothing.
    Task<bool> run_record();

private:
    Task<PaywallEvent> act(PaywallAction action);
    Task<void> end(PaywallAction action);

    // paid_call.cpp: up to the claim; paid_claim.cpp: the claim
    PaywallEvent read_payment();
    PaywallEvent take_payload(PaymentPayload payload);
    Task<PaywallEvent> look_up();
    PaywallEvent look_at_released(const store::GrantRecord& before);
    Task<bool> release_orphan();
    PaywallEvent check();
    std::optional<Refusal> judge_here(std::size_t offer) const;
    bool is_for_another_route() const;
    Task<PaywallEvent> verify();
    Task<PaywallEvent> look_back();
    Task<PaywallEvent> claim();
    Task<std::optional<PaywallEvent>> take_body();
    store::GrantRecord new_record();

    // paid_run.cpp: upstream, settlement, delivery
    Task<PaywallEvent> run_and_hold();
    Task<PaywallEvent> run_and_stream();
    Task<PaywallEvent> settle();
    PaywallEvent read_settlement(const SettlementView& view);
    Task<PaywallEvent> deliver();
    Task<void> release();
    Task<void> pass_unpaid();
    bool is_told_to_stranger() const;
    Task<void> refuse_now(std::optional<std::int64_t> retry_after_s);
    Task<void> challenge();
    Task<void> tell_pending();
    Task<void> note_delivered();
    Task<void> note_undelivered();
    Task<bool> move(store::GrantState from, store::GrantChange change);
    void tell_payment(net::Headers& headers) const;
    std::size_t copy_room(const std::optional<std::uint64_t>& length);
    std::unexpected<RunFault> no_pool(const Error& error);
    net::RequestHead forwarded() const;
    void refuse_run(RunFault fault);
    void refuse_no_room();
    void refuse_no_store(const Error& error);
    Refusal expires_too_soon(Instant needed) const;

    // repeat.cpp: a payment that has a record, or whose payer left one unfinished
    Task<void> answer_record();
    Task<std::optional<Repeat>> next_repeat();
    Task<void> answer_under_seat();
    Task<void> tell_undeliverable();
    Task<PaywallEvent> join();
    enum class Awaited { settled, told, nothing };  // told: the client has its answer
    Task<Awaited> await_record();
    enum class Taken { mine, gone, trouble };
    Task<Taken> take_record(PaymentKey key, std::string run);
    Task<void> deliver_stored();
    Task<void> run_again();
    void take_response();
    bool answer_kept() const;
    bool hold_record();
    void let_answer_go();
    bool may_run() const;
    bool is_unsold() const { return &route_ == &visit_.site->unsold; }

    Instant now() const { return desk_.env.clock.now(); }
    Instant usable_until() const { return facts_->usable_until_from(seen_); }
    Refusal& say(Reason reason, Difference difference = {});
    void refuse_peer(std::string_view code, Reason otherwise, const json::Object& extra);
    std::string url() const { return visit_.site->config->origin + visit_.path.text; }

    Visit& visit_;
    const Route& route_;
    const RouteConfig& config_;
    Desk& desk_;
    SettleMoment moment_;
    PaywallState state_ = PaywallState::arrived;
    RequestBody body_;
    Hash32 request_hash_{};

    PaymentPayload payload_;
    std::optional<PaymentFacts> facts_;
    Instant seen_{};  // when this call read the payment
    std::string quote_;
    std::size_t offer_ = 0;
    FacilitatorRequest request_;
    std::optional<store::GrantRecord> record_;
    std::optional<store::GrantRecord> earlier_;
    LiveGrants::Seat seat_;
    std::shared_ptr<HeldAnswer> held_;  // shared with the settlement, until that wrote it down
    HeldBytes::Share share_;            // of a kept answer that was read, or of copy_
    std::optional<std::string> copy_;   // of a streamed answer
    std::optional<net::ResponseHead> copied_head_;
    std::optional<SettleResponse> settlement_;
    std::optional<Refusal> refusal_;
    std::optional<std::int64_t> retry_after_s_;
};

}  // namespace x402::server
