// SPDX-License-Identifier: Apache-2.0
// What a gateway must not forget: one grant per payment. Every write is durable when its coroutine
// goes on. Moves are compare-and-set on (state, fence). Any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "x402/base/bytes.hpp"
#include "x402/base/clock.hpp"
#include "x402/base/result.hpp"
#include "x402/base/task.hpp"
#include "x402/protocol/types.hpp"
#include "x402/store/owner.hpp"

namespace x402::store {

// claimed: verified, the upstream may be working. settling: /settle may have been sent. settled:
// paid, the answer has not left completely. delivered: paid and answered. released: nothing was
// taken; the same payment works again, but where `response` says duplicate_settlement: then another
// transaction took it.
enum class GrantState { claimed, settling, settled, delivered, released };
std::string_view to_string(GrantState state) noexcept;

struct StoredAnswer {
    std::string head;  // JSON: status and headers
    std::string body;
    Instant until{};  // kept for `replay`
};

struct GrantRecord {
    PaymentKey key;
    std::string route;           // the route's `match`
    Hash32 quote{};              // hash of extra.quote
    Hash32 request{};            // hash of method, canonical path and query
    std::optional<Hash32> body;  // hash of the request's body, once it was read to its end
    std::string payer;
    ChainId network;
    std::string asset;
    U256 amount;
    std::string facilitator;     // its name
    std::string settle_request;  // what is sent to it, byte for byte
    std::string idempotency_key;
    GrantState state = GrantState::claimed;
    std::string response;  // SettleResponse as JSON, once known
    std::string transaction;
    std::uint32_t runs = 0;  // upstream runs
    std::optional<StoredAnswer> answer;
    Instant usable_until{};
    Instant created{};
    Instant updated{};
    Owner owner;
};

struct GrantClaim {
    bool fresh = false;
    GrantRecord record;  // ours, or the one that is there
};

// What changes in a move; absent members stay as they are.
struct GrantChange {
    GrantState to = GrantState::claimed;
    std::optional<Hash32> body;
    std::optional<std::string> response;
    std::optional<std::string> transaction;
    std::optional<std::uint32_t> runs;
    std::optional<StoredAnswer> answer;
    std::optional<Instant> usable_until;
    // A new `until` of the answer that is there, without the answer; nothing beside a new answer.
    std::optional<Instant> answer_until = std::nullopt;
};

class GrantStore {
public:
    virtual ~GrantStore() = default;
    virtual const Owner& owner() const noexcept = 0;

    // A record that was released is claimed again in place.
    virtual Task<Result<GrantClaim>> claim(GrantRecord grant) = 0;
    // False when the record is not in `from` or belongs to another owner's fence. Errc::conflict
    // for a move that rules.hpp does not know: claimed -> settling | released, settling -> settled
    // | released, settled -> delivered; each but released also to itself, to note something.
    virtual Task<Result<bool>> move(PaymentKey key, GrantState from, GrantChange change,
                                    Instant at) = 0;
    virtual Task<Result<std::optional<GrantRecord>>> find(PaymentKey key) = 0;
    // The newest grant of this payer on this network for this request that is settling, or settled
    // and not delivered. Without its answer.
    virtual Task<Result<std::optional<GrantRecord>>> find_open(ChainId network, std::string payer,
                                                               Hash32 request) = 0;
    // claimed, settling, settled: what a start must look at. Takes them over for this owner.
    // Without their answers; those of other owners first, settled ones last, the oldest first.
    virtual Task<Result<std::vector<GrantRecord>>> take_over(std::size_t limit) = 0;
    // Forgets stored answers whose time is over, but none of a grant that is settling: it may yet
    // be paid for. How many.
    virtual Task<Result<std::size_t>> forget_answers(Instant now) = 0;
    // Forgets released grants whose payments were not usable any more at `over`, the oldest first.
    // How many.
    virtual Task<Result<std::size_t>> forget_released(Instant over, std::size_t limit) = 0;
};

}  // namespace x402::store
