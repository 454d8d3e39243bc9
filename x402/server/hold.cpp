// SPDX-License-Identifier: Apache-2.0
// Holding answers. See hold.hpp; one core.
#include "x402/server/hold.hpp"

namespace x402::server {
namespace {

RunFault fault_of(const Error& error) noexcept {
    switch (error.code) {
        case Errc::unreachable:
            return RunFault::unreachable;
        case Errc::timeout:
            return RunFault::timed_out;
        default:
            return RunFault::broken;
    }
}

// What was announced is asked for at once, so that a hold without room ends before its bytes come.
std::optional<RunFault> take_room(HeldAnswer& held, const HoldLimits& limits, bool bodiless) {
    held.share = limits.all.share();
    if (bodiless || !held.length) return std::nullopt;
    if (*held.length > limits.most) return RunFault::too_large;
    const auto length = static_cast<std::size_t>(*held.length);
    if (!held.share.grow(length)) return RunFault::no_room;
    held.body.reserve(length);
    return std::nullopt;
}

}  // namespace

Task<std::expected<HeldAnswer, RunFault>> hold_answer(Run run, HoldLimits limits) {
    auto exchange = co_await run.pool.open(run.head);
    if (!exchange) co_return std::unexpected(fault_of(exchange.error()));
    const auto sent = co_await run.body.send(**exchange, run.pieces);
    if (run.body.client_left()) co_return std::unexpected(RunFault::client_left);
    (*exchange)->end_within(limits.time);
    // An upstream may answer without reading the whole body; its answer then says why the rest was
    // not taken.
    auto head = co_await (*exchange)->read_head();
    if (!head) co_return std::unexpected(fault_of(sent ? head.error() : sent.error()));
    HeldAnswer held{std::move(*head), {}, (*exchange)->content_length(), {}};
    const auto no_room = take_room(held, limits, run.head.method == "HEAD");
    if (no_room) co_return std::unexpected(*no_room);
    if (const auto whole = (*exchange)->take_whole()) {
        held.body = *whole;
        co_return held;
    }
    const PieceShelf::Lease piece(run.pieces);
    for (;;) {
        const auto count = co_await (*exchange)->read(piece.span());
        if (!count) co_return std::unexpected(fault_of(count.error()));
        if (*count == 0) co_return held;
        const std::size_t size = held.body.size() + *count;
        if (size > limits.most) co_return std::unexpected(RunFault::too_large);
        if (size > held.share.size() && !held.share.grow(size - held.share.size()))
            co_return std::unexpected(RunFault::no_room);
        held.body.append(piece.span().data(), *count);
    }
}

}  // namespace x402::server
