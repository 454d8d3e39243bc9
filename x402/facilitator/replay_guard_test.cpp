// SPDX-License-Identifier: Apache-2.0
// The truth table of "success is told once": every state, told or not, every relation of terms,
// payload and key.
#include "x402/facilitator/replay_guard.hpp"

#include <gtest/gtest.h>

#include "x402/protocol/codec.hpp"
#include "x402/protocol/reasons.hpp"

namespace x402::facilitator {
namespace {

using store::PaymentState;

// How the request's key relates to the recorded one.
enum class Key { none_none, none_given, recorded_none, same, other };
constexpr Key kKeys[] = {Key::none_none, Key::none_given, Key::recorded_none, Key::same,
                         Key::other};

RequestPrint recorded_print(Key key) {
    const bool keyed = key == Key::recorded_none || key == Key::same || key == Key::other;
    return {"terms", "payload", keyed ? "key" : ""};
}

RequestPrint request_print(Key key, bool same_terms, bool same_payload) {
    std::string binding;
    if (key == Key::none_given || key == Key::other) binding = "another key";
    if (key == Key::same) binding = "key";
    return {same_terms ? "terms" : "other terms", same_payload ? "payload" : "other payload",
            binding};
}

// The rule in words of its own, as the design says it.
Decision by_the_design(PaymentState state, bool told, bool stranger, Key key, bool same) {
    if (state == PaymentState::failed) return stranger ? Decision::duplicate : Decision::claim;
    const bool key_fits = key == Key::none_none || key == Key::none_given || key == Key::same;
    if (state == PaymentState::settled) {
        if (told) return same && key == Key::same ? Decision::stored_result : Decision::duplicate;
        return same && key_fits ? Decision::join : Decision::duplicate;
    }
    return same && key_fits ? Decision::join : Decision::pending;
}

TEST(ReplayGuard, TheWholeTruthTable) {
    const PaymentState states[] = {PaymentState::claimed, PaymentState::slotted,
                                   PaymentState::attempted, PaymentState::settled,
                                   PaymentState::failed};
    int rows = 0;
    for (const PaymentState state : states) {
        for (int bits = 0; bits < 16; ++bits) {
            const bool told = (bits & 1) != 0;
            const bool stranger = (bits & 2) != 0;
            const bool same_terms = (bits & 4) != 0;
            const bool same_payload = (bits & 8) != 0;
            for (const Key key : kKeys) {
                RecordView record{state, told, stranger, recorded_print(key)};
                const RequestPrint request = request_print(key, same_terms, same_payload);
                const Decision want =
                    by_the_design(state, told, stranger, key, same_terms && same_payload);
                EXPECT_EQ(decide(record, request), want)
                    << store::to_string(state) << " told " << told << " stranger " << stranger
                    << " terms " << same_terms << " payload " << same_payload << " key "
                    << static_cast<int>(key);
                ++rows;
            }
        }
    }
    EXPECT_EQ(rows, 5 * 16 * 5);
}

TEST(ReplayGuard, NobodyKnownMayClaim) {
    EXPECT_EQ(decide(std::nullopt, {"t", "p", ""}), Decision::claim);
}

TEST(ReplayGuard, KeysBelongToTheirCaller) {
    EXPECT_TRUE(binding_of({"", "ann"}).empty());
    EXPECT_EQ(binding_of({"k", "ann"}), binding_of({"k", "ann"}));
    EXPECT_NE(binding_of({"k", "ann"}), binding_of({"k", "bob"}));
    EXPECT_NE(binding_of({"bc", "a"}), binding_of({"c", "ab"}));
    EXPECT_NE(binding_of({"k", ""}), binding_of({"k", "ann"}));
}

TEST(ReplayGuard, PayloadsCompareByMeaningNotSpelling) {
    const json::Object one = *json::parse_object(R"({"a":"1","b":{"c":"2","d":"3"}})");
    const json::Object reordered = *json::parse_object(R"( { "b" : {"d":"3","c":"2"}, "a":"1" } )");
    const json::Object changed = *json::parse_object(R"({"a":"1","b":{"c":"2","d":"4"}})");
    EXPECT_EQ(payload_print(one), payload_print(reordered));
    EXPECT_NE(payload_print(one), payload_print(changed));
}

FacilitatorRequest sample() {
    FacilitatorRequest request;
    request.requirements.scheme = "exact";
    request.requirements.network = *ChainId::parse("eip155:84532");
    request.requirements.amount = U256(5);
    request.requirements.asset = "0xAb";
    request.requirements.pay_to = "0xCd";
    request.payload.accepted = request.requirements;
    request.payload.payload["signature"] = "0x01";
    return request;
}

TEST(ReplayGuard, ARecordIsReadBackAsItsRequest) {
    const FacilitatorRequest request = sample();
    const SettleContext context{"k", "ann"};
    const RequestPrint print = print_of(request, context);
    store::PaymentRecord record;
    record.terms = print.terms;
    record.idempotency = print.binding;
    record.request = write_facilitator_request(request);
    EXPECT_EQ(decide(view_of(record), print), Decision::join);
    record.state = PaymentState::failed;
    record.reason = to_string(Reason::duplicate_settlement);
    EXPECT_EQ(decide(view_of(record), print), Decision::duplicate);
    record.reason = to_string(Reason::evm_balance);
    EXPECT_EQ(decide(view_of(record), print), Decision::claim);
}

TEST(ReplayGuard, AnUnreadableRecordMatchesNobody) {
    store::PaymentRecord record;
    const RequestPrint print = print_of(sample(), {});
    record.terms = print.terms;
    record.request = "{";
    EXPECT_EQ(decide(view_of(record), print), Decision::pending);
}

}  // namespace
}  // namespace x402::facilitator
