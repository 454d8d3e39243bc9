// SPDX-License-Identifier: Apache-2.0
// The pool and the exchanges. A kept-alive connection may be closed by the upstream at any moment,
// so a request can meet a dead one. It is sent again on a new connection only where the upstream
// cannot have acted on it: the system took no byte of its body, or the method is idempotent, there
// is no body and not one byte of an answer came (RFC 9110 9.2.2, RFC 9112 9.3.1). Other requests
// avoid connections that were idle for long.
#include "x402/net/upstream.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <vector>

#include "x402/base/check.hpp"
#include "x402/net/http1.hpp"
#include "x402/net/ssrf_guard.hpp"
#include "x402/net/wire.hpp"

namespace x402::net {
namespace {

using http1::Framing;
using SteadyTime = std::chrono::steady_clock::time_point;

constexpr std::size_t kBuffer = 16 * 1024;
constexpr int kInterimAnswers = 16;
constexpr std::size_t kUsualHeaders = 16;
constexpr auto kIdleAge = std::chrono::seconds(60);
// Below the five seconds after which common servers close: a request that must not be repeated goes
// no later.
constexpr auto kSafeAge = std::chrono::seconds(3);

// A connection with what was read of it and not used yet.
struct Line {
    std::unique_ptr<Wire> wire;
    std::vector<char> buffer = std::vector<char>(kBuffer);
    std::size_t begin = 0;
    std::size_t end = 0;
    SteadyTime idle_since;
    bool used_before = false;

    std::string_view unread() const noexcept { return {buffer.data() + begin, end - begin}; }
};

// Shared by the pool and its exchanges, which may outlive it.
struct Pool {
    UpstreamOptions options;
    std::unique_ptr<Connector> connector;
    std::string host;    // for the Host header
    std::string prefix;  // of every target
    std::vector<std::unique_ptr<Line>> idle;

    // The one used last: it is the least likely to have been closed.
    std::unique_ptr<Line> take(std::chrono::seconds oldest) {
        const SteadyTime now = std::chrono::steady_clock::now();
        while (!idle.empty() && now - idle.back()->idle_since < oldest) {
            std::unique_ptr<Line> line = std::move(idle.back());
            idle.pop_back();
            if (line->wire->is_quiet()) return line;
        }
        return nullptr;
    }

    void put(std::unique_ptr<Line> line) {
        line->idle_since = std::chrono::steady_clock::now();
        line->used_before = true;
        if (line->buffer.size() > kBuffer) line->buffer = std::vector<char>(kBuffer);
        while (!idle.empty() && (line->idle_since - idle.front()->idle_since > kIdleAge ||
                                 idle.size() >= options.max_idle)) {
            idle.erase(idle.begin());
        }
        if (options.max_idle > 0) idle.push_back(std::move(line));
    }
};

bool is_idempotent(std::string_view method) noexcept {
    constexpr std::array<std::string_view, 6> kMethods = {"GET",   "HEAD", "OPTIONS",
                                                          "TRACE", "PUT",  "DELETE"};
    return std::find(kMethods.begin(), kMethods.end(), method) != kMethods.end();
}

class Exchange final : public UpstreamExchange {
public:
    Exchange(std::shared_ptr<Pool> pool, const RequestHead& head, std::string text)
        : pool_(std::move(pool)),
          head_text_(std::move(text)),
          is_head_(head.method == "HEAD"),
          repeatable_(is_idempotent(head.method) && !head.has_body()),
          chunked_(head.chunked),
          left_(head.content_length.value_or(0)),
          sent_(!head.has_body()) {}

    ~Exchange() override {
        const bool whole =
            line_ && sent_ && head_read_ && keep_ && body_.done() && line_->unread().empty();
        if (whole) pool_->put(std::move(line_));
    }

    // Puts the head on a connection, on a new one if a kept one turns out dead.
    Task<Result<void>> open() {
        line_ = pool_->take(repeatable_ ? kIdleAge : kSafeAge);
        if (line_) {
            const std::uint64_t before = line_->wire->written();
            const auto written = co_await line_->wire->write(head_text_, {}, pool_->options.stall);
            if (written) co_return Result<void>{};
            if (line_->wire->written() != before && !may_resend()) co_return fail(written.error());
        }
        co_return co_await open_new();
    }

    Task<Result<void>> write(std::string_view piece) override;
    Task<Result<void>> finish_request() override;
    Task<Result<ResponseHead>> read_head() override;
    std::optional<std::uint64_t> content_length() const noexcept override {
        return traits_.content_length;
    }
    std::optional<std::string_view> take_whole() override;
    Task<Result<std::size_t>> read(std::span<char> into) override;
    void end_within(Duration limit) override { end_by_ = std::chrono::steady_clock::now() + limit; }

private:
    Task<Result<void>> open_new();
    Task<Result<void>> send(std::string_view first, std::string_view second);
    Task<Result<std::size_t>> fill(Duration wait);
    Task<Result<std::size_t>> head_bytes();
    // The head alone was handed over: no upstream acts before the body it announces is there.
    bool may_resend() const noexcept {
        return line_->used_before && (repeatable_ || !sent_) && !body_begun_;
    }
    // At most `wait`, and not beyond end_within().
    Duration patience(Duration wait) const {
        if (!end_by_) return wait;
        const auto left = std::chrono::ceil<Duration>(*end_by_ - std::chrono::steady_clock::now());
        return std::clamp(left, Duration{1}, std::max(wait, Duration{1}));
    }
    bool is_over() const { return end_by_ && std::chrono::steady_clock::now() >= *end_by_; }
    static std::unexpected<Error> nonsense(http1::Fault fault) {
        return fail(Errc::bad_peer,
                    "the upstream's answer: " + std::string{http1::sentence_of(fault)});
    }

    std::shared_ptr<Pool> pool_;
    std::string head_text_;
    bool is_head_;
    bool repeatable_;
    bool chunked_;
    std::uint64_t left_;       // of the announced request body
    bool sent_;                // the request is whole
    bool body_begun_ = false;  // the system took a byte of the request's body
    bool head_read_ = false;
    bool keep_ = false;
    SteadyTime answer_by_;              // one time-out for all heads, however slowly they drip
    std::optional<SteadyTime> end_by_;  // of head and body, where it was said
    std::unique_ptr<Line> line_;
    http1::ResponseTraits traits_;
    http1::BodyDecoder body_;
};

Task<Result<void>> Exchange::open_new() {
    line_ = std::make_unique<Line>();
    X402_CO_TRY(line_->wire, co_await pool_->connector->connect(pool_->options.connect_timeout));
    const auto written = co_await line_->wire->write(head_text_, {}, pool_->options.stall);
    if (written) co_return Result<void>{};
    Error error = written.error();
    if (line_->wire->written() == 0) error.code = Errc::unreachable;
    co_return fail(std::move(error));
}

// The first piece may be what shows that a kept connection is dead.
Task<Result<void>> Exchange::send(std::string_view first, std::string_view second) {
    const std::uint64_t before = line_->wire->written();
    auto written = co_await line_->wire->write(first, second, pool_->options.stall);
    const bool untouched = line_->wire->written() == before;
    if (!written && untouched && may_resend() && written.error().code != Errc::timeout) {
        X402_CO_TRY_VOID(co_await open_new());
        written = co_await line_->wire->write(first, second, pool_->options.stall);
    }
    body_begun_ = body_begun_ || !untouched || written;
    co_return written;
}

Task<Result<void>> Exchange::write(std::string_view piece) {
    if (piece.empty()) co_return Result<void>{};
    if (chunked_) {
        std::string framed;
        framed.reserve(piece.size() + 20);
        http1::append_chunk_size(framed, piece.size());
        framed.append(piece);
        co_return co_await send(framed, "\r\n");
    }
    if (piece.size() > left_)
        co_return fail(Errc::internal, "more was written than the announced length");
    left_ -= piece.size();
    co_return co_await send(piece, {});
}

Task<Result<void>> Exchange::finish_request() {
    if (chunked_ && !sent_) X402_CO_TRY_VOID(co_await send(http1::kLastChunk, {}));
    if (left_ > 0) co_return fail(Errc::internal, "less was written than the announced length");
    sent_ = true;
    co_return Result<void>{};
}

Task<Result<std::size_t>> Exchange::fill(Duration wait) {
    Line& line = *line_;
    if (line.begin == line.end) line.begin = line.end = 0;
    if (line.end == line.buffer.size()) line.buffer.resize(2 * line.buffer.size());
    const std::span<char> room{line.buffer.data() + line.end, line.buffer.size() - line.end};
    X402_CO_TRY(const std::size_t count, co_await line.wire->read_some(room, wait));
    line.end += count;
    co_return count;
}

// The size of the head that stands in the buffer whole.
Task<Result<std::size_t>> Exchange::head_bytes() {
    http1::HeadFinder finder(false);
    for (;;) {
        const auto size = finder.find(line_->unread());
        if (!size) co_return nonsense(size.error());
        if (*size > 0) co_return *size;
        const auto left =
            std::chrono::ceil<Duration>(answer_by_ - std::chrono::steady_clock::now());
        const Duration wait = patience(std::max(left, Duration{1}));
        const auto count = co_await fill(wait);
        const bool nothing_came = line_->unread().empty();
        const bool ended = count ? *count == 0 : count.error().code == Errc::interrupted;
        if (ended && nothing_came && repeatable_ && line_->used_before) {
            X402_CO_TRY_VOID(co_await open_new());
            continue;
        }
        if (!count) co_return fail(count.error());
        if (ended) co_return fail(Errc::interrupted, "the upstream closed before it answered");
    }
}

Task<Result<ResponseHead>> Exchange::read_head() {
    X402_CHECK(!head_read_);
    ResponseHead head;
    head.headers.list().reserve(kUsualHeaders);
    answer_by_ = std::chrono::steady_clock::now() + pool_->options.answer_timeout;
    for (int interim = 0;; ++interim) {
        if (interim > kInterimAnswers)
            co_return fail(Errc::bad_peer, "the upstream says 1xx without end");
        X402_CO_TRY(const std::size_t size, co_await head_bytes());
        const auto traits =
            http1::read_response_head(line_->unread().substr(0, size), is_head_, head);
        if (!traits) co_return nonsense(traits.error());
        line_->begin += size;
        traits_ = *traits;
        if (head.status == 101)
            co_return fail(Errc::bad_peer, "the upstream switched to a protocol nobody asked for");
        if (head.status >= 200) break;
    }
    head_read_ = true;
    keep_ = traits_.keep_alive;
    body_ = http1::BodyDecoder(traits_.framing, traits_.content_length.value_or(0));
    body_.tolerate();
    remove_hop_by_hop(head.headers);
    head.headers.remove("Content-Length");
    co_return head;
}

std::optional<std::string_view> Exchange::take_whole() {
    X402_CHECK(head_read_);
    const std::uint64_t length = body_.direct();
    if (traits_.framing != Framing::length || length == 0 || length > line_->unread().size())
        return std::nullopt;
    const std::string_view whole = line_->unread().substr(0, static_cast<std::size_t>(length));
    line_->begin += whole.size();
    body_.took_direct(length);
    return whole;
}

Task<Result<std::size_t>> Exchange::read(std::span<char> into) {
    X402_CHECK(head_read_ && !into.empty());
    for (;;) {
        if (body_.done()) co_return 0;
        if (!line_->unread().empty()) {
            const auto step = body_.decode(line_->unread(), into);
            if (!step) co_return nonsense(step.error());
            line_->begin += step->consumed;
            if (step->produced > 0) co_return step->produced;
            continue;
        }
        std::size_t count = 0;
        // A peer that never falls silent would otherwise always have a byte in time.
        if (is_over()) co_return fail(Errc::timeout, "the upstream took too long for its answer");
        const Duration wait = patience(pool_->options.stall);
        if (body_.direct() > 0) {
            const auto most =
                static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), body_.direct()));
            X402_CO_TRY(count, co_await line_->wire->read_some(into.first(most), wait));
            if (count > 0) {
                body_.took_direct(count);
                co_return count;
            }
        } else {
            X402_CO_TRY(count, co_await fill(wait));
        }
        if (count == 0 && !body_.end_of_input()) {
            co_return fail(Errc::interrupted, "the upstream closed before its answer was whole");
        }
    }
}

class KeepAlivePool final : public UpstreamPool {
public:
    explicit KeepAlivePool(std::shared_ptr<Pool> pool) : pool_(std::move(pool)) {}

    Task<Result<std::unique_ptr<UpstreamExchange>>> open(const RequestHead& head) override {
        std::string text;
        const std::string target = head.target == "*" ? head.target : pool_->prefix + head.target;
        if (!http1::append_request_head(text, head, target, pool_->host)) {
            co_return fail(Errc::invalid, "the request has a line that HTTP cannot carry");
        }
        auto exchange = std::make_unique<Exchange>(pool_, head, std::move(text));
        X402_CO_TRY_VOID(co_await exchange->open());
        co_return std::unique_ptr<UpstreamExchange>{std::move(exchange)};
    }

private:
    std::shared_ptr<Pool> pool_;
};

}  // namespace

Result<std::unique_ptr<UpstreamPool>> make_upstream_pool(UpstreamOptions options) {
    X402_TRY(const UrlParts parts, split_url(options.url));
    if (parts.target.find('?') != std::string::npos) {
        return fail_field(Errc::invalid, "url", "an upstream's URL has no query");
    }
    auto pool = std::make_shared<Pool>();
    const std::string origin = parts.origin();
    pool->host = origin.substr(origin.find("://") + 3);
    pool->prefix = parts.target;
    while (pool->prefix.ends_with('/')) pool->prefix.pop_back();
    ConnectorOptions connect;
    connect.host = parts.host;
    connect.port = parts.port;
    connect.tls = parts.scheme == "https";
    connect.ca_file = options.ca_file;
    X402_TRY(pool->connector, make_connector(std::move(connect)));
    pool->options = std::move(options);
    return std::make_unique<KeepAlivePool>(std::move(pool));
}

}  // namespace x402::net
