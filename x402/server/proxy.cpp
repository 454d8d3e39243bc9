// SPDX-License-Identifier: Apache-2.0
// Carrying bytes. See proxy.hpp; one core.
#include "x402/server/proxy.hpp"

#include <array>

#include "x402/base/check.hpp"

namespace x402::server {
namespace {

constexpr std::size_t kPiece = 16 * 1024;

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

}  // namespace

Upstreams::Upstreams(net::Runtime& runtime) : pools_(runtime.cores()) {
    for (std::size_t i = 0; i < runtime.cores(); ++i) cores_.push_back(runtime.core(i));
}

Task<Result<net::UpstreamPool*>> Upstreams::pool(std::string url, Duration answer_timeout) {
    const net::Executor here = co_await net::this_executor();
    for (std::size_t i = 0; i < cores_.size(); ++i) {
        if (cores_[i] != here) continue;
        auto& pool = pools_[i][{url, answer_timeout}];
        if (!pool) {
            net::UpstreamOptions options;
            options.url = url;
            options.answer_timeout = answer_timeout;
            X402_CO_TRY(pool, net::make_upstream_pool(std::move(options)));
        }
        co_return pool.get();
    }
    co_return fail(Errc::internal, "a request outside the runtime's cores");
}

RequestBody::RequestBody(net::Exchange& exchange) : exchange_(exchange) {
    if (exchange.request().has_body()) return;
    whole_ = true;
    hash_ = sha_.finish();
}

Task<Result<void>> RequestBody::read_whole(std::size_t most) {
    if (whole_) co_return Result<void>{};
    auto text = co_await exchange_.read_all(most);
    if (!text) {
        client_left_ = text.error().code != Errc::too_large;
        co_return fail(text.error());
    }
    text_ = std::move(*text);
    sha_.add(x402::as_bytes(text_));
    hash_ = sha_.finish();
    whole_ = true;
    co_return Result<void>{};
}

Task<Result<void>> RequestBody::send(net::UpstreamExchange& to) {
    if (whole_) {
        X402_CO_TRY_VOID(co_await to.write(text_));
        co_return co_await to.finish_request();
    }
    X402_CHECK(!hash_);
    std::vector<char> piece(kPiece);
    for (;;) {
        auto count = co_await exchange_.read(piece);
        if (!count) {
            client_left_ = true;
            co_return fail(count.error());
        }
        if (*count == 0) break;
        const std::string_view text(piece.data(), *count);
        sha_.add(x402::as_bytes(text));
        X402_CO_TRY_VOID(co_await to.write(text));
    }
    hash_ = sha_.finish();
    co_return co_await to.finish_request();
}

Task<std::expected<Opened, RunFault>> open_run(Run run) {
    auto exchange = co_await run.pool.open(run.head);
    if (!exchange) co_return std::unexpected(fault_of(exchange.error()));
    const auto sent = co_await run.body.send(**exchange);
    if (run.body.client_left()) co_return std::unexpected(RunFault::client_left);
    // An upstream may answer without reading the whole body; its answer then says why the rest was
    // not taken.
    auto head = co_await (*exchange)->read_head();
    if (!head) co_return std::unexpected(fault_of(sent ? head.error() : sent.error()));
    co_return Opened{std::move(*exchange), std::move(*head)};
}

Task<std::expected<HeldAnswer, RunFault>> hold_answer(Run run, std::size_t most) {
    auto opened = co_await open_run(run);
    if (!opened) co_return std::unexpected(opened.error());
    HeldAnswer held{std::move(opened->head), {}, opened->exchange->content_length()};
    const bool bodiless = run.head.method == "HEAD";
    if (!bodiless && held.length.value_or(0) > most) co_return std::unexpected(RunFault::too_large);
    std::vector<char> piece(kPiece);
    for (;;) {
        const auto count = co_await opened->exchange->read(piece);
        if (!count) co_return std::unexpected(fault_of(count.error()));
        if (*count == 0) co_return held;
        if (held.body.size() + *count > most) co_return std::unexpected(RunFault::too_large);
        held.body.append(piece.data(), *count);
    }
}

Task<Streamed> stream_answer(net::Exchange& client, net::UpstreamExchange& upstream,
                             const net::ResponseHead& head, std::size_t copy_most) {
    Streamed out;
    if (copy_most > 0) out.copy.emplace();
    const auto started = co_await client.start(head, upstream.content_length());
    if (!started) co_return out;
    std::vector<char> piece(kPiece);
    for (;;) {
        const auto count = co_await upstream.read(piece);
        if (!count) {
            // The client must see that this is not the whole.
            client.abort();
            out.upstream_broke = true;
            co_return out;
        }
        if (*count == 0) break;
        const std::string_view text(piece.data(), *count);
        if (out.copy && out.copy->size() + text.size() > copy_most) out.copy.reset();
        if (out.copy) out.copy->append(text);
        const auto written = co_await client.write(text);
        if (!written) co_return out;
    }
    const auto finished = co_await client.finish();
    out.left = finished.has_value();
    co_return out;
}

}  // namespace x402::server
