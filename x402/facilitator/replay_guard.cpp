// SPDX-License-Identifier: Apache-2.0
// The truth table of who is told what. A broadcast payload is public, so knowing it proves nothing:
// what joins a settlement is the same signed bytes for the same terms, and the same Idempotency-Key
// where one was recorded.
#include "x402/facilitator/replay_guard.hpp"

#include "x402/base/hex.hpp"
#include "x402/crypto/hash.hpp"
#include "x402/protocol/codec.hpp"
#include "x402/protocol/reasons.hpp"

namespace x402::facilitator {
namespace {

bool same_request(const RequestPrint& recorded, const RequestPrint& request) {
    return recorded.terms == request.terms && recorded.payload == request.payload;
}

// An intent recorded with a key is joined only with that key; one without is open to whoever
// repeats it.
bool may_join(const RequestPrint& recorded, const RequestPrint& request) {
    if (!same_request(recorded, request)) return false;
    return recorded.binding.empty() || recorded.binding == request.binding;
}

Decision decide_settled(const RecordView& record, const RequestPrint& request) {
    if (!record.told) return may_join(record.print, request) ? Decision::join : Decision::duplicate;
    const bool proven = !record.print.binding.empty() && record.print.binding == request.binding;
    return proven && same_request(record.print, request) ? Decision::stored_result
                                                         : Decision::duplicate;
}

}  // namespace

std::string_view to_string(Decision decision) noexcept {
    switch (decision) {
        case Decision::claim:
            return "claim";
        case Decision::join:
            return "join";
        case Decision::stored_result:
            return "stored_result";
        case Decision::duplicate:
            return "duplicate";
        case Decision::pending:
            return "pending";
    }
    return "pending";
}

Decision decide(const std::optional<RecordView>& record, const RequestPrint& request) {
    if (!record) return Decision::claim;
    switch (record->state) {
        case store::PaymentState::settled:
            return decide_settled(*record, request);
        case store::PaymentState::failed:
            return record->used_by_stranger ? Decision::duplicate : Decision::claim;
        case store::PaymentState::claimed:
        case store::PaymentState::slotted:
        case store::PaymentState::attempted:
            break;
    }
    return may_join(record->print, request) ? Decision::join : Decision::pending;
}

std::string binding_of(const SettleContext& context) {
    if (context.idempotency_key.empty()) return {};
    // The length keeps "a" + "bc" apart from "ab" + "c".
    const std::string text =
        std::to_string(context.caller.size()) + ':' + context.caller + context.idempotency_key;
    return to_hex(crypto::sha256(as_bytes(text)).view());
}

std::string payload_print(const json::Object& payload) {
    return to_hex(crypto::sha256(as_bytes(json::canonical(json::Value(payload)))).view());
}

RequestPrint print_of(const FacilitatorRequest& request, const SettleContext& context) {
    return {terms_text(request.requirements), payload_print(request.payload.payload),
            binding_of(context)};
}

RecordView view_of(const store::PaymentRecord& record) {
    RecordView view;
    view.state = record.state;
    view.told = record.told;
    view.used_by_stranger = record.state == store::PaymentState::failed &&
                            record.reason == to_string(Reason::duplicate_settlement);
    view.print.terms = record.terms;
    view.print.binding = record.idempotency;
    // The recorded body was parsed before it was recorded; one that cannot be read matches nobody.
    const auto body = json::parse_object(record.request);
    if (!body) return view;
    const auto payment = json::get_object(*body, "paymentPayload");
    if (!payment) return view;
    const auto payload = json::get_object(*payment, "payload");
    if (payload) view.print.payload = payload_print(*payload);
    return view;
}

}  // namespace x402::facilitator
