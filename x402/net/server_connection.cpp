// SPDX-License-Identifier: Apache-2.0
// The courier between a socket, the codec and the handler. Speed comes from few system calls: a
// small answer is one write, tried at once without leaving the coroutine; buffers and the request's
// strings are used again. The head of a streamed answer is held until the end of this turn of the
// loop, so that it leaves with its first piece where that is there already.
#include "x402/net/server_connection.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <vector>

#include "x402/base/check.hpp"
#include "x402/base/limits.hpp"
#include "x402/base/log.hpp"
#include "x402/net/http1.hpp"
#include "x402/net/outgoing.hpp"
#include "x402/net/server_words.hpp"

namespace x402::net {
namespace asio = boost::asio;
namespace {

using asio::ip::tcp;
using boost::system::error_code;
using http1::Framing;

constexpr std::size_t kFirstBuffer = 4 * 1024;
constexpr std::size_t kKeptBuffer = 16 * 1024;
constexpr std::size_t kJoinedBody = 16 * 1024;  // a body up to this is copied behind its head
constexpr std::uint64_t kDrainedBody =
    64 * 1024;  // of a request's body that the handler did not read
constexpr std::size_t kLingerBytes = 16 * 1024 * 1024;  // what may be under way, and more
constexpr Duration kLinger{1000};
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

// RFC 9110 8.6: these announce no length, since they have no body.
bool has_length(int status) noexcept {
    return status != 204 && status != 304;
}

class Connection final : public ServerConnection,
                         public Exchange,
                         public std::enable_shared_from_this<Connection> {
public:
    Connection(ServerCore& core, int fd, std::string peer)
        : core_(core), peer_(std::move(peer)), socket_(core.executor), buffer_(kFirstBuffer) {
        error_code ignored;
        sockaddr_storage address{};
        socklen_t size = sizeof address;
        ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
        const auto protocol = address.ss_family == AF_INET6 ? tcp::v6() : tcp::v4();
        socket_.assign(protocol, fd, ignored);
        socket_.non_blocking(true, ignored);
        socket_.set_option(tcp::no_delay(true), ignored);
        socket_.count_unread();
    }

    Task<void> run() override;
    void tick(SteadyTime now) noexcept override;
    void drain() noexcept override;
    void cut() noexcept override { reset_socket(); }

    const RequestHead& request() const noexcept override { return request_; }
    std::string_view peer() const noexcept override { return peer_; }
    Task<Result<std::size_t>> read(std::span<char> into) override;
    Task<Result<void>> respond(const Response& response) override;
    Result<bool> put(const ResponseHead& head, std::string_view body) override;
    Result<bool> put(const PreparedResponse& response) override;
    Task<Result<void>> flush() override;
    Task<Result<void>> start(const ResponseHead& head,
                             std::optional<std::uint64_t> length) override;
    Task<Result<void>> write(std::string_view piece) override;
    Task<Result<void>> finish() override;
    void abort() noexcept override {
        aborted_ = true;
        reset_socket();
    }
    bool answered() const noexcept override { return answered_; }

private:
    enum class Got { head, more, fault };
    void begin_request() noexcept;
    Got take_head();
    Task<void> refuse_head(Got got);
    std::span<char> room();
    Task<bool> fill(Duration wait);
    Task<Result<std::size_t>> read_past_buffer(std::span<char> into);
    void begin_answer() noexcept;
    Result<bool> push_whole(std::string_view apart);
    bool is_at_the_next() const noexcept;
    Task<bool> leave_request();
    void keep_little() noexcept;
    Task<void> refuse(Words words);
    Task<void> linger();
    Task<Result<void>> send_rest(Outgoing& out);
    Task<Result<void>> wait_writable();
    bool has_body_for(int status) const noexcept;
    http1::WriteOptions write_options(Framing framing, std::uint64_t length) noexcept;
    bool must_close() const noexcept;
    void flush_held() noexcept;
    void reset_socket() noexcept;
    std::string_view unread() const noexcept { return {buffer_.data() + begin_, end_ - begin_}; }
    void set_deadline(Duration wait) noexcept {
        due_ = std::chrono::steady_clock::now() + wait;
        expired_ = false;
    }
    std::unexpected<Error> broken(const char* what) const {
        return fail(expired_ ? Errc::timeout : Errc::interrupted, what);
    }

    // Part of an answer may be out: nothing may follow it on this connection.
    std::unexpected<Error> lost(const char* what) noexcept {
        abort();
        return broken(what);
    }

    ServerCore& core_;
    std::string peer_;
    QuickSocket socket_;
    std::vector<char> buffer_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    SteadyTime due_ = SteadyTime::max();
    bool expired_ = false;
    bool idle_ = false;  // between two requests, nothing of the next has come
    bool late_ = false;  // the deadline of a begun head runs

    http1::HeadFinder finder_{true};
    RequestHead request_;
    std::size_t head_bytes_ = 0;
    http1::RequestTraits traits_;
    http1::BodyDecoder body_;
    http1::Fault fault_ = http1::Fault::bad_request_line;

    std::string out_;    // the head being written, and a small body
    bool held_ = false;  // out_ waits for its first piece
    Outgoing rest_;      // of an answer that was put
    bool unsent_ = false;
    bool answered_ = false;
    bool streaming_ = false;
    bool aborted_ = false;
    bool close_ = false;
    bool continued_ = false;  // "100 Continue" was sent
    Framing framing_ = Framing::none;
    std::uint64_t left_ = 0;  // of the announced length
};

void Connection::tick(SteadyTime now) noexcept {
    if (now < due_) return;
    due_ = SteadyTime::max();
    expired_ = true;
    error_code ignored;
    socket_.cancel(ignored);
}

void Connection::drain() noexcept {
    if (!idle_) return;
    error_code ignored;
    socket_.cancel(ignored);
}

// A reset, not an orderly end: a reader of a body without length must not take it for the whole.
void Connection::reset_socket() noexcept {
    error_code ignored;
    socket_.set_option(asio::socket_base::linger(true, 0), ignored);
    socket_.close(ignored);
}

// All that one request after the other needs, in one frame: this runs for every request.
Task<void> Connection::run() {
    for (;;) {
        begin_request();
        Got got = take_head();
        while (got == Got::more && !(idle_ && core_.draining)) {
            const ReadOutcome some = co_await socket_.read(room());
            if (some.error || some.count == 0 || expired_) break;
            end_ += some.count;
            idle_ = false;
            got = take_head();
        }
        if (got != Got::head) {
            co_await refuse_head(got);
            break;
        }
        begin_answer();
        std::string threw;
        try {
            co_await core_.handler(*this);
        } catch (const std::exception& error) {
            threw = error.what();
        } catch (...) {
            threw = "not an exception of the standard library";
        }
        if (!threw.empty()) log::error("handler_threw", {{"what", threw}});
        if (!answered_ && !aborted_) {
            co_await refuse(words_of_mistake());
        } else if (streaming_ || unsent_) {
            abort();
        }
        if (!is_at_the_next()) {
            const bool again = co_await leave_request();
            if (!again) break;
        }
        keep_little();
    }
    error_code ignored;
    socket_.close(ignored);
}

// What the request before left must not shape what a broken head is told.
void Connection::begin_request() noexcept {
    finder_.reset();
    answered_ = streaming_ = aborted_ = continued_ = held_ = unsent_ = late_ = false;
    request_.method.clear();
    idle_ = begin_ == end_;
    if (idle_) due_ = core_.soon + core_.idle;
}

// Reads the head that stands in the buffer whole.
Connection::Got Connection::take_head() {
    if (idle_) return Got::more;
    const auto size = finder_.find(unread());
    if (!size) {
        fault_ = size.error();
        return Got::fault;
    }
    if (*size > 0) {
        const auto traits = http1::read_request_head(unread().substr(0, *size), request_);
        if (!traits) {
            fault_ = traits.error();
            return Got::fault;
        }
        traits_ = *traits;
        begin_ += *size;
        head_bytes_ = *size;
        due_ = SteadyTime::max();
        return Got::head;
    }
    // One deadline for the whole head, however slowly its bytes drip.
    if (!late_) set_deadline(core_.header_wait);
    late_ = true;
    return Got::more;
}

// Why there is no next request, where there is anybody to tell.
Task<void> Connection::refuse_head(Got got) {
    if (got == Got::fault) {
        co_await refuse(words_of(fault_));
        co_await linger();
    } else if (expired_ && !idle_) {
        co_await refuse(words_of_slowness());
    }
}

// The free end of the buffer, made larger where it has none.
std::span<char> Connection::room() {
    if (begin_ == end_) {
        begin_ = end_ = 0;
        if (buffer_.size() > kKeptBuffer) buffer_ = std::vector<char>(kFirstBuffer);
    } else if (end_ == buffer_.size() && begin_ > 0) {
        std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_),
                  buffer_.begin() + static_cast<std::ptrdiff_t>(end_), buffer_.begin());
        end_ -= begin_;
        begin_ = 0;
    }
    // The finder refuses heads above the cap, so this doubling ends.
    if (end_ == buffer_.size()) buffer_.resize(buffer_.size() * 2);
    return {buffer_.data() + end_, buffer_.size() - end_};
}

// Reads once into the buffer. False at the end, an error, a deadline.
Task<bool> Connection::fill(Duration wait) {
    const std::span<char> free = room();
    set_deadline(wait);
    const ReadOutcome some = co_await socket_.read(free);
    if (some.error || some.count == 0 || expired_) co_return false;
    end_ += some.count;
    co_return true;
}

void Connection::begin_answer() noexcept {
    close_ = !request_.keep_alive;
    const Framing framing = request_.chunked      ? Framing::chunked
                            : request_.has_body() ? Framing::length
                                                  : Framing::none;
    body_ = http1::BodyDecoder(framing, request_.content_length.value_or(0));
}

bool Connection::must_close() const noexcept {
    if (close_ || core_.draining) return true;
    // A client that still waits for "100 Continue" may send its body or not: nobody can know what
    // comes next.
    if (traits_.expects_continue && !continued_ && !body_.done()) return true;
    // Nor how much of a chunked body is still to come.
    if (!body_.done() && !body_.remaining()) return true;
    return body_.remaining().value_or(0) > kDrainedBody;
}

// Most requests have been read whole: nothing has to be done before the next one.
bool Connection::is_at_the_next() const noexcept {
    return !aborted_ && !close_ && body_.done() && socket_.is_open();
}

// After an answer: what is left of the request's body is read away if it is little. True: the next
// request. The scratch makes this frame large, so it is entered only where there is something to
// do.
Task<bool> Connection::leave_request() {
    if (aborted_ || !socket_.is_open()) co_return false;
    if (close_) {
        if (!body_.done() || begin_ != end_) co_await linger();
        co_return false;
    }
    std::array<char, 4096> scratch;
    for (std::uint64_t drained = 0; !body_.done();) {
        const auto count = co_await read(scratch);
        if (!count) co_return false;
        drained += *count;
        if (drained > kDrainedBody) {
            co_await linger();
            co_return false;
        }
    }
    co_return true;
}

// An idle connection keeps little, whatever its last request was.
void Connection::keep_little() noexcept {
    if (out_.capacity() > 2 * kJoinedBody) out_ = std::string{};
    if (head_bytes_ > kKeptBuffer) request_ = RequestHead{};
}

// Closing with unread bytes in the socket sends a reset, which may overtake our answer at the
// client.
Task<void> Connection::linger() {
    error_code ignored;
    socket_.shutdown(tcp::socket::shutdown_send, ignored);
    set_deadline(kLinger);
    std::array<char, 16 * 1024> scratch;
    for (std::size_t seen = 0; seen < kLingerBytes;) {
        const ReadOutcome some = co_await socket_.read(scratch);
        // The deadline may pass between a read's end and its being told.
        if (some.error || some.count == 0 || expired_) break;
        seen += some.count;
    }
}

Task<void> Connection::refuse(Words words) {
    close_ = true;
    const Response response = answer_of(words);
    const auto sent = co_await respond(response);
    if (!sent) log::debug("answer_not_sent", {{"detail", sent.error().detail}});
}

Task<Result<std::size_t>> Connection::read(std::span<char> into) {
    X402_CHECK(!into.empty());
    for (;;) {
        if (body_.done()) co_return 0;
        if (begin_ < end_) {
            const auto step = body_.decode(unread(), into);
            if (!step) {
                close_ = true;
                const std::string_view why = http1::sentence_of(step.error());
                co_return fail(Errc::invalid, std::string{why});
            }
            begin_ += step->consumed;
            if (step->produced > 0) co_return step->produced;
            continue;
        }
        if (traits_.expects_continue && !continued_) {
            continued_ = true;
            if (!answered_) {
                Outgoing interim{{"HTTP/1.1 100 Continue\r\n\r\n"}};
                if (!interim.push(socket_)) X402_CO_TRY_VOID(co_await send_rest(interim));
            }
        }
        if (body_.direct() > 0) co_return co_await read_past_buffer(into);
        const bool more = co_await fill(core_.body_stall);
        due_ = SteadyTime::max();
        if (!more) {
            close_ = true;
            co_return broken("the request's body ended early");
        }
    }
}

Task<Result<std::size_t>> Connection::read_past_buffer(std::span<char> into) {
    const auto most =
        static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), body_.direct()));
    set_deadline(core_.body_stall);
    const ReadOutcome some = co_await socket_.read(into.first(most));
    due_ = SteadyTime::max();
    if (some.error || some.count == 0 || expired_) {
        close_ = true;
        co_return broken("the request's body ended early");
    }
    body_.took_direct(some.count);
    co_return some.count;
}

bool Connection::has_body_for(int status) const noexcept {
    return has_length(status) && request_.method != "HEAD";
}

http1::WriteOptions Connection::write_options(Framing framing, std::uint64_t length) noexcept {
    close_ = must_close() || framing == Framing::until_close;
    http1::WriteOptions options;
    options.framing = framing;
    options.length = length;
    options.close = close_;
    options.say_keep_alive = traits_.http10;
    options.date = core_.date;
    return options;
}

Task<Result<void>> Connection::respond(const Response& response) {
    X402_CO_TRY(const bool left, put(response.head, response.body));
    if (left) co_return Result<void>{};
    co_return co_await flush();
}

Result<bool> Connection::put(const ResponseHead& head, std::string_view body) {
    X402_CHECK(!answered_);
    auto options = write_options(Framing::length, body.size());
    options.announce_length = has_length(head.status);
    out_.clear();
    if (!http1::append_response_head(out_, head, options)) {
        return fail(Errc::invalid, "the answer has a header that HTTP cannot carry");
    }
    if (!has_body_for(head.status)) return push_whole({});
    if (body.size() > kJoinedBody) return push_whole(body);
    out_ += body;
    return push_whole({});
}

Result<bool> Connection::put(const PreparedResponse& response) {
    X402_CHECK(!answered_);
    const std::size_t length = response.body.size(response.in_body);
    auto options = write_options(Framing::length, length);
    options.announce_length = has_length(response.head.status());
    out_.clear();
    if (!http1::append_prepared_head(out_, response, options)) {
        return fail(Errc::invalid, "the answer has a header that HTTP cannot carry");
    }
    if (has_body_for(response.head.status())) {
        out_.reserve(out_.size() + length);
        response.body.append_to(out_, response.in_body);
    }
    return push_whole({});
}

// What stands in out_, and what lies apart. True: all of it has left.
Result<bool> Connection::push_whole(std::string_view apart) {
    answered_ = true;
    Outgoing all{{out_, apart}};
    if (all.push(socket_)) return true;
    if (all.error != asio::error::would_block) return lost("the client has left");
    rest_ = all;
    unsent_ = true;
    return false;
}

Task<Result<void>> Connection::flush() {
    if (!unsent_) co_return Result<void>{};
    const auto sent = co_await send_rest(rest_);
    unsent_ = false;
    co_return sent;
}

Task<Result<void>> Connection::start(const ResponseHead& head,
                                     std::optional<std::uint64_t> length) {
    X402_CHECK(!answered_);
    framing_ = Framing::length;
    if (!length) framing_ = traits_.http10 ? Framing::until_close : Framing::chunked;
    auto options = write_options(framing_, length.value_or(0));
    options.announce_length = has_length(head.status);
    out_.clear();
    if (!http1::append_response_head(out_, head, options)) {
        co_return fail(Errc::invalid, "the answer has a header that HTTP cannot carry");
    }
    answered_ = streaming_ = held_ = true;
    left_ = length.value_or(0);
    if (!has_body_for(head.status)) framing_ = Framing::none;
    asio::post(socket_.get_executor(), [self = shared_from_this()] { self->flush_held(); });
    co_return Result<void>{};
}

// The held head leaves by itself when its first piece is not there yet.
void Connection::flush_held() noexcept {
    if (!held_ || !socket_.is_open()) return;
    error_code error;
    const std::size_t sent = socket_.write_some(asio::buffer(out_), error);
    out_.erase(0, sent);
    // Anything that stands in the way is met again, and reported, by the next write.
    if (out_.empty()) held_ = false;
}

Task<Result<void>> Connection::write(std::string_view piece) {
    X402_CHECK(streaming_);
    if (piece.empty() || framing_ == Framing::none) co_return Result<void>{};
    if (framing_ == Framing::length) {
        if (piece.size() > left_) {
            abort();
            co_return fail(Errc::internal, "more was written than the announced length");
        }
        left_ -= piece.size();
    }
    if (!held_) out_.clear();
    held_ = false;
    const bool chunked = framing_ == Framing::chunked;
    if (chunked) http1::append_chunk_size(out_, piece.size());
    Outgoing all{{out_, piece, chunked ? "\r\n" : ""}};
    if (!all.push(socket_)) co_return co_await send_rest(all);
    co_return Result<void>{};
}

Task<Result<void>> Connection::finish() {
    X402_CHECK(streaming_);
    if (framing_ == Framing::length && left_ > 0) {
        abort();
        co_return fail(Errc::internal, "less was written than the announced length");
    }
    streaming_ = false;
    if (!held_) out_.clear();
    held_ = false;
    if (framing_ == Framing::chunked) out_ += http1::kLastChunk;
    Outgoing all{{out_}};
    if (!all.push(socket_)) co_return co_await send_rest(all);
    co_return Result<void>{};
}

Task<Result<void>> Connection::wait_writable() {
    set_deadline(core_.body_stall);
    const auto [error] = co_await socket_.async_wait(tcp::socket::wait_write, kAwait);
    due_ = SteadyTime::max();
    if (error || expired_) co_return lost("the client reads no more");
    co_return Result<void>{};
}

// For what a push has left over: most answers leave whole, without a turn of the loop and without
// this coroutine.
Task<Result<void>> Connection::send_rest(Outgoing& out) {
    do {
        if (out.error != asio::error::would_block) co_return lost("the client has left");
        X402_CO_TRY_VOID(co_await wait_writable());
    } while (!out.push(socket_));
    co_return Result<void>{};
}

}  // namespace

std::shared_ptr<ServerConnection> make_server_connection(ServerCore& core, int fd,
                                                         std::string peer) {
    return std::make_shared<Connection>(core, fd, std::move(peer));
}

}  // namespace x402::net
