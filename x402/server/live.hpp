// SPDX-License-Identifier: Apache-2.0
// Who works on which payment in this process right now: at most one request holds the seat of a
// key, and a settlement that outlived its request can be joined by the next. The store says what is
// true; this table only keeps two requests of one process out of each other's way, and counts, so
// that neither all payers nor one of them fill it. Any thread.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "x402/base/clock.hpp"
#include "x402/protocol/types.hpp"

namespace x402::server {

class Settlement;

class LiveGrants {
public:
    // Held by the request that works on the key; given up when it dies. Empty when another holds
    // it.
    class Seat {
    public:
        Seat() = default;
        Seat(LiveGrants* table, PaymentKey key) : table_(table), key_(std::move(key)) {}
        Seat(Seat&& other) noexcept
            : table_(std::exchange(other.table_, nullptr)), key_(std::move(other.key_)) {}
        Seat& operator=(Seat&& other) noexcept;
        ~Seat() { leave(); }
        explicit operator bool() const noexcept { return table_ != nullptr; }
        void leave() noexcept;

    private:
        LiveGrants* table_ = nullptr;
        PaymentKey key_;
    };

    // `payer`: whose payment it is.
    Seat sit(const PaymentKey& key, const std::string& payer);
    bool attended(const PaymentKey& key) const;

    // The settlement of a key; a running one that was there first wins, one that has ended makes
    // way.
    std::shared_ptr<Settlement> settlement(const PaymentKey& key) const;
    // `since`: when its grant was made.
    std::shared_ptr<Settlement> put(const PaymentKey& key, std::shared_ptr<Settlement> fresh,
                                    Instant since);
    // Only where it still stands: another may have taken its place.
    void drop(const PaymentKey& key, const Settlement& ended);
    // Lets go of all settlements, for good: each knows the desk that this table lies on, and nobody
    // will join them any more.
    void let_go();
    std::size_t settlements() const;
    // Everything that a key is kept for, requests and settlements: how busy we are, at no price.
    std::size_t busy() const;
    // The same of one payer.
    std::size_t busy_for(const std::string& payer) const;
    // Of the running settlements; nothing when there is none.
    std::optional<Instant> oldest() const;

private:
    struct Entry {
        bool attended = false;
        // Shared by its coroutine and every request that waits for it.
        std::shared_ptr<Settlement> settlement;
        Instant since{};
        std::string payer;
    };
    using Entries = std::unordered_map<PaymentKey, Entry>;

    void stand_up(const PaymentKey& key) noexcept;
    Entry& entry_of(const PaymentKey& key, const std::string& payer);
    void leave_if_empty(Entries::iterator at) noexcept;

    mutable std::mutex mutex_;
    bool let_go_ = false;
    Entries entries_;
    std::unordered_map<std::string, std::size_t> payers_;  // how many entries each has
};

}  // namespace x402::server
