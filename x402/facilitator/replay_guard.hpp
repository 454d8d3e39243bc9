// SPDX-License-Identifier: Apache-2.0
// Success is told once per payment key (design: "Success is told once per payment key"). This is
// that rule as one pure function of the record and the request: who may start a settlement, who may
// join a running one and receive its single success, who gets the stored answer, and who only
// learns that the payment was used. Any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "x402/protocol/facilitator_api.hpp"
#include "x402/store/settlement_store.hpp"

namespace x402::facilitator {

enum class Decision {
    claim,  // no record, or one whose run failed: a new run may begin
    join,   // the same request again: it waits with the first and may receive the one success
    stored_result,  // told already, to this same caller and key: told again
    duplicate,      // used; the transaction is named, nothing is granted
    pending,  // runs, but the request cannot prove to be the same: it waits and is never told a
              // success
};
std::string_view to_string(Decision decision) noexcept;

// What is compared. `binding` is empty where no Idempotency-Key was sent.
struct RequestPrint {
    std::string terms;    // terms_text of the requirements
    std::string payload;  // payload_print of what was signed
    std::string binding;  // binding_of the caller's key
};

// The part of a record that decides.
struct RecordView {
    store::PaymentState state = store::PaymentState::claimed;
    bool told = false;
    bool used_by_stranger = false;  // failed, because somebody else's transaction moved the money
    RequestPrint print;
};

Decision decide(const std::optional<RecordView>& record, const RequestPrint& request);

// A caller's key is his own: two callers with the same text share nothing.
std::string binding_of(const SettleContext& context);
// Hash of the canonical JSON of the signed part: order and spaces do not count, every value does,
// because a signature that differs proves that somebody else wrote it.
std::string payload_print(const json::Object& payload);
RequestPrint print_of(const FacilitatorRequest& request, const SettleContext& context);
RecordView view_of(const store::PaymentRecord& record);

}  // namespace x402::facilitator
