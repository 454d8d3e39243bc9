// SPDX-License-Identifier: Apache-2.0
// Carrying bytes. See proxy.hpp; one core.
#include "x402/server/proxy.hpp"

#include <algorithm>
#include <utility>

#include "x402/base/check.hpp"

namespace x402::server {
namespace {

constexpr std::size_t kPiece = 16 * 1024;
constexpr std::uint64_t kFirstRoom = 64 * 1024;
constexpr const char* kTooLong = "the body is larger than allowed";
constexpr std::size_t kSparePieces = 64;  // a core keeps; one megabyte

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

PieceShelf::Lease::Lease(PieceShelf& shelf) : shelf_(shelf) {
    if (shelf_.spare_.empty()) {
        bytes_ = std::make_unique_for_overwrite<char[]>(kPiece);
        return;
    }
    bytes_ = std::move(shelf_.spare_.back());
    shelf_.spare_.pop_back();
}

PieceShelf::Lease::~Lease() {
    if (shelf_.spare_.size() < kSparePieces) shelf_.spare_.push_back(std::move(bytes_));
}

std::span<char> PieceShelf::Lease::span() const noexcept {
    return {bytes_.get(), kPiece};
}

Upstreams::Upstreams(net::Runtime& runtime) {
    for (std::size_t i = 0; i < runtime.cores(); ++i) {
        cores_.push_back(runtime.core(i));
        each_.push_back(std::make_unique<Core>(*this));
    }
}

std::size_t Upstreams::number(const UpstreamTarget& target) {
    const std::scoped_lock lock(mutex_);
    const auto at = std::find(targets_.begin(), targets_.end(), target);
    const auto number = static_cast<std::size_t>(at - targets_.begin());
    if (at == targets_.end()) targets_.push_back(target);
    return number;
}

Upstreams::Core& Upstreams::on(const net::Executor& core) {
    const auto at = std::find(cores_.begin(), cores_.end(), core);
    X402_CHECK(at != cores_.end());
    return *each_[static_cast<std::size_t>(at - cores_.begin())];
}

Result<net::UpstreamPool*> Upstreams::Core::pool(std::size_t number) {
    if (number < pools_.size() && pools_[number]) return pools_[number].get();
    net::UpstreamOptions options;
    {
        const std::scoped_lock lock(all_.mutex_);
        const UpstreamTarget& target = all_.targets_.at(number);
        options.url = target.url;
        options.answer_timeout = target.answer_timeout;
    }
    X402_TRY(auto made, net::make_upstream_pool(std::move(options)));
    if (number >= pools_.size()) pools_.resize(number + 1);
    pools_[number] = std::move(made);
    return pools_[number].get();
}

RequestBody::RequestBody(net::Exchange& exchange, Hash hash)
    : exchange_(exchange), hashed_(hash == Hash::wanted), whole_(!exchange.request().has_body()) {
    if (whole_ && hashed_) hash_ = crypto::kEmptySha256;
}

// As Exchange::read_all, but what was read of a body that is too long stays, so that it can still
// be sent on.
Task<Result<void>> RequestBody::read_whole(std::size_t most) {
    if (whole_) co_return Result<void>{};
    const std::uint64_t announced = exchange_.request().content_length.value_or(0);
    if (announced > most || text_.size() > most) co_return fail(Errc::too_large, kTooLong);
    // Grows with what arrives: an announcement alone takes no memory.
    std::string text(static_cast<std::size_t>(std::min(announced, kFirstRoom)) + 1, '\0');
    std::size_t size = 0;
    while (size <= most) {
        if (size == text.size())
            text.resize(std::min(most + 1, std::max<std::size_t>(2 * size, size + 4096)));
        const std::span<char> room{text.data() + size, text.size() - size};
        const auto count = co_await exchange_.read(room);
        if (!count) {
            client_left_ = true;
            co_return fail(count.error());
        }
        if (*count == 0) break;
        size += *count;
    }
    text.resize(size);
    text_ = std::move(text);
    if (size > most) co_return fail(Errc::too_large, kTooLong);
    if (hashed_) hash_ = crypto::sha256(x402::as_bytes(text_));
    whole_ = true;
    co_return Result<void>{};
}

Task<Result<void>> RequestBody::send(net::UpstreamExchange& to, PieceShelf& pieces) {
    if (whole_) {
        if (!text_.empty()) X402_CO_TRY_VOID(co_await to.write(text_));
        co_return co_await to.finish_request();
    }
    X402_CHECK(!begun_);
    begun_ = true;
    std::optional<crypto::Sha256> sha;
    if (hashed_) sha.emplace();
    const std::string start = std::exchange(text_, {});
    if (sha) sha->add(x402::as_bytes(start));
    if (!start.empty()) X402_CO_TRY_VOID(co_await to.write(start));
    const PieceShelf::Lease piece(pieces);
    for (;;) {
        auto count = co_await exchange_.read(piece.span());
        if (!count) {
            client_left_ = true;
            co_return fail(count.error());
        }
        if (*count == 0) break;
        const std::string_view text(piece.span().data(), *count);
        if (sha) sha->add(x402::as_bytes(text));
        X402_CO_TRY_VOID(co_await to.write(text));
    }
    if (sha) hash_ = sha->finish();
    co_return co_await to.finish_request();
}

Task<std::expected<Opened, RunFault>> open_run(Run run) {
    auto exchange = co_await run.pool.open(run.head);
    if (!exchange) co_return std::unexpected(fault_of(exchange.error()));
    const auto sent = co_await run.body.send(**exchange, run.pieces);
    if (run.body.client_left()) co_return std::unexpected(RunFault::client_left);
    // An upstream may answer without reading the whole body; its answer then says why the rest was
    // not taken.
    auto head = co_await (*exchange)->read_head();
    if (!head) co_return std::unexpected(fault_of(sent ? head.error() : sent.error()));
    co_return Opened{std::move(*exchange), std::move(*head)};
}

Task<Streamed> stream_answer(Stream stream) {
    net::Exchange& client = stream.client;
    Streamed out;
    if (stream.copy_most > 0) out.copy.emplace();
    if (const auto whole = stream.upstream.take_whole()) {
        if (whole->size() > stream.copy_most) out.copy.reset();
        if (out.copy) out.copy->assign(*whole);
        const auto put = client.put(stream.head, *whole);
        out.left = put && *put;
        if (!put || *put) co_return out;
        const auto flushed = co_await client.flush();
        out.left = flushed.has_value();
        co_return out;
    }
    const auto length = stream.upstream.content_length();
    const auto started = co_await client.start(stream.head, length);
    if (!started) co_return out;
    const PieceShelf::Lease piece(stream.pieces);
    for (;;) {
        const auto count = co_await stream.upstream.read(piece.span());
        if (!count) {
            // The client must see that this is not the whole.
            client.abort();
            out.upstream_broke = true;
            co_return out;
        }
        if (*count == 0) break;
        const std::string_view text(piece.span().data(), *count);
        if (out.copy && out.copy->size() + text.size() > stream.copy_most) out.copy.reset();
        if (out.copy) out.copy->append(text);
        const auto written = co_await client.write(text);
        if (!written) co_return out;
    }
    const auto finished = co_await client.finish();
    out.left = finished.has_value();
    co_return out;
}

}  // namespace x402::server
