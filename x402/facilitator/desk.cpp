// SPDX-License-Identifier: Apache-2.0
// What every courier needs: finding, moving, ending.
#include "x402/facilitator/desk.hpp"

#include <algorithm>

#include "x402/base/check.hpp"
#include "x402/base/log.hpp"
#include "x402/protocol/codec.hpp"

namespace x402::facilitator {
namespace {

constexpr Duration kDiskPause = std::chrono::milliseconds(250);
constexpr Duration kDay = std::chrono::hours(24);
// A stop is noticed within this time, however long the pause.
constexpr Duration kSlice = std::chrono::milliseconds(250);

std::string_view outcome_word(const Ended& ended) {
    switch (ended.how) {
        case Ended::How::settled:
            return "settled";
        case Ended::How::failed:
            return is_duplicate(ended.response) ? "duplicate" : "failed";
        case Ended::How::unavailable:
        case Ended::How::look_again:
            break;
    }
    return "unavailable";
}

}  // namespace

Todo apply(Live& live, Event event) {
    const auto next = step(live.state, event);
    if (!next) {
        log::error("impossible_step", {{"state", std::string(to_string(live.state))},
                                       {"event", std::string(to_string(event))},
                                       {"payment", live.record.key.value()}});
    }
    X402_CHECK(next.has_value());
    live.state = next->state;
    return next->todo;
}

LivePtr find_live(const Desk& desk, const PaymentKey& key) {
    const auto found = desk.lives.find(key);
    return found == desk.lives.end() ? nullptr : found->second;
}

Line* find_line(const Desk& desk, const ChainId& network) {
    for (const auto& line : desk.lines) {
        if (line->config.id == network) return line.get();
    }
    return nullptr;
}

void put_on(Desk& desk, const LivePtr& live) {
    const bool fresh = desk.lives.emplace(live->record.key, live).second;
    X402_CHECK(fresh);
    live->line->crowd.enter(live->record.payer, live->record.asset);
}

void take_off(Desk& desk, const LivePtr& live) {
    const auto found = desk.lives.find(live->record.key);
    if (found == desk.lives.end() || found->second != live) return;
    desk.lives.erase(found);
    live->line->crowd.leave(live->record.payer, live->record.asset);
}

Task<Result<void>> refresh_budget(DeskPtr desk, Line& line) {
    const Duration now = desk->env.clock.steady();
    if (!line.budget.stale(now)) co_return Result<void>{};
    const U256 mark = line.budget.mark();
    const Instant since = desk->env.clock.now() - kDay;
    const auto spent = co_await desk->store.cost_since(line.config.id, since);
    if (!spent) co_return fail(spent.error());
    line.budget.refresh(*spent, mark, now);
    co_return Result<void>{};
}

Task<Result<void>> refresh_payers(DeskPtr desk, Line& line, const Payers& payers) {
    if (!line.budget.limits_payers()) co_return Result<void>{};
    PayerBook& book = line.budget.payers();
    Payers each = payers;
    std::sort(each.begin(), each.end());
    each.erase(std::unique(each.begin(), each.end()), each.end());
    const Instant since = desk->env.clock.now() - kDay;
    for (std::size_t i = 0; i < each.size(); ++i) {
        const U256 mark = book.mark(each[i]);
        const auto spent = co_await desk->store.cost_of_payer_since(line.config.id, each[i], since);
        if (!spent) co_return fail(spent.error());
        book.refresh(each[i], *spent, mark);
    }
    co_return Result<void>{};
}

void finish(Desk& desk, const LivePtr& live, Ended ended) {
    X402_CHECK(!live->ended.has_value());
    const std::string outcome(outcome_word(ended));
    desk.metrics.count("x402_settle_outcome_total",
                       {{"chain", live->line->config.id.text()}, {"outcome", outcome}});
    log::info("settlement_ended", {{"payment", live->record.key.value()},
                                   {"outcome", outcome},
                                   {"code", ended.response.error_reason},
                                   {"transaction", ended.response.transaction}});
    live->ended = std::move(ended);
    take_off(desk, live);
    live->bell.ring();
}

Task<bool> pause(DeskPtr desk, Duration length) {
    if (desk->gate.closed()) co_return false;
    const Duration until = desk->env.clock.steady() + length;
    for (Duration left = length;; left = until - desk->env.clock.steady()) {
        const bool slept = co_await desk->env.clock.sleep(std::min(left, kSlice));
        if (!slept || desk->gate.closed()) co_return false;
        if (desk->env.clock.steady() >= until) co_return true;
    }
}

Task<Result<void>> write_end(DeskPtr desk, store::PaymentEnd end) {
    for (;;) {
        auto written = co_await desk->store.end_payment(end, desk->env.clock.now());
        const bool trouble = !written && written.error().code != Errc::conflict;
        desk->store_trouble = trouble;
        if (!trouble) co_return written;
        log::error("journal_trouble", {{"error", to_string(written.error())}});
        const bool on = co_await pause(desk, kDiskPause);
        if (!on) co_return written;
    }
}

store::PaymentEnd settled_end(const Live& live, const std::string& transaction,
                              std::uint64_t block) {
    store::PaymentEnd end;
    end.key = live.record.key;
    end.how = store::PaymentEnd::How::settled;
    end.transaction = transaction;
    end.block = block;
    const SettleResponse response =
        settled_answer(subject_of(live.record), transaction, live.charged);
    end.response = json::dump(write(response));
    return end;
}

store::PaymentEnd failed_end(const Live& live, const Refusal& refusal,
                             const std::string& transaction) {
    store::PaymentEnd end;
    end.key = live.record.key;
    end.how = store::PaymentEnd::How::failed;
    end.reason = refusal.code;
    end.message = sentence_of(placed(refusal, live.payment));
    end.transaction = transaction;
    return end;
}

Ended ended_by(const Live& live, const store::PaymentEnd& end) {
    Ended ended;
    const Subject subject = subject_of(live.record);
    if (end.how == store::PaymentEnd::How::settled) {
        ended.how = Ended::How::settled;
        ended.response = settled_answer(subject, end.transaction, live.charged);
        return ended;
    }
    ended.how = Ended::How::failed;
    store::PaymentRecord record = live.record;
    record.state = store::PaymentState::failed;
    record.reason = end.reason;
    record.message = end.message;
    record.transaction = end.transaction;
    ended.response = recorded_answer(record);
    return ended;
}

}  // namespace x402::facilitator
