// SPDX-License-Identifier: Apache-2.0
// Reading heads. Beast alone is lenient where two readers could differ (leading empty lines,
// obs-fold, repeated Content-Length, any target byte above 0x20), so every byte is looked at here
// before Beast sees the head.
#include "x402/net/http1.hpp"

#include <algorithm>
#include <array>
#include <boost/beast/http/basic_parser.hpp>
#include <charconv>
#include <cstring>

#include "x402/base/limits.hpp"

namespace x402::net::http1 {
namespace {

namespace beast = boost::beast;

// Longer than any registered method, and than "HTTP/1.1".
constexpr std::size_t kMethodBytes = 32;

constexpr std::array<bool, 256> make_token_table() {
    std::array<bool, 256> table{};
    for (unsigned c = '0'; c <= '9'; ++c) table[c] = true;
    for (unsigned c = 'a'; c <= 'z'; ++c) table[c] = true;
    for (unsigned c = 'A'; c <= 'Z'; ++c) table[c] = true;
    for (const char c : std::string_view{"!#$%&'*+-.^_`|~"})
        table[static_cast<unsigned char>(c)] = true;
    return table;
}
constexpr std::array<bool, 256> kToken = make_token_table();

constexpr std::array<bool, 256> make_host_table() {
    std::array<bool, 256> table{};
    for (unsigned c = '0'; c <= '9'; ++c) table[c] = true;
    for (unsigned c = 'a'; c <= 'z'; ++c) table[c] = true;
    for (unsigned c = 'A'; c <= 'Z'; ++c) table[c] = true;
    for (const char c : std::string_view{".-_:[]%~"}) table[static_cast<unsigned char>(c)] = true;
    return table;
}
constexpr std::array<bool, 256> kHost = make_host_table();

// Visible ASCII. A fragment never travels, and some readers turn a backslash into a slash.
constexpr std::array<bool, 256> make_target_table() {
    std::array<bool, 256> table{};
    for (unsigned c = 0x21; c < 0x7f; ++c) table[c] = c != '#' && c != '\\';
    return table;
}
constexpr std::array<bool, 256> kTarget = make_target_table();

bool all_in(const std::array<bool, 256>& table, std::string_view text) noexcept {
    return std::all_of(text.begin(), text.end(),
                       [&table](char c) { return table[static_cast<unsigned char>(c)]; });
}

// HTAB, SP, VCHAR and obs-text (RFC 9110 5.5).
constexpr bool is_value_char(char c) noexcept {
    const auto u = static_cast<unsigned char>(c);
    return u == '\t' || (u >= 0x20 && u != 0x7f);
}

constexpr std::uint64_t kEveryByte = 0x0101010101010101ULL;

// True where one of the eight bytes is below 0x20 or is 0x7f. A byte is below n when taking n from
// it borrows from its top bit; a byte that equals 0x7f becomes zero by XOR, which is below one.
constexpr bool may_have_control(std::uint64_t eight) noexcept {
    constexpr std::uint64_t kTop = kEveryByte * 0x80;
    const std::uint64_t low = (eight - kEveryByte * 0x20) & ~eight;
    const std::uint64_t turned = eight ^ (kEveryByte * 0x7f);
    const std::uint64_t del = (turned - kEveryByte) & ~turned;
    return ((low | del) & kTop) != 0;
}

// Where the first character stands that no value has; npos when there is none. Values are long
// (payments, cookies) and nearly always clean, so eight bytes are looked at together.
std::size_t find_bad_value_char(std::string_view text) noexcept {
    std::size_t at = 0;
    for (; at + sizeof(std::uint64_t) <= text.size(); at += sizeof(std::uint64_t)) {
        std::uint64_t eight = 0;
        std::memcpy(&eight, text.data() + at, sizeof eight);
        if (!may_have_control(eight)) continue;
        for (std::size_t i = at; i < at + sizeof eight; ++i) {
            if (!is_value_char(text[i])) return i;
        }
    }
    for (; at < text.size(); ++at) {
        if (!is_value_char(text[at])) return at;
    }
    return std::string_view::npos;
}

std::string_view trim(std::string_view text) noexcept {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

// What the headers say about framing and the connection, gathered while they are scanned.
struct Gathered {
    std::size_t count = 0;
    std::size_t hosts = 0;
    std::size_t lengths = 0;
    std::size_t encodings = 0;
    std::uint64_t length = 0;
    bool http10 = false;
    bool close = false;
    bool keep_alive = false;
    bool expects_continue = false;
};

bool is_host_text(std::string_view host) noexcept {
    return !host.empty() && all_in(kHost, host);
}

// At most 18 digits: no overflow, and more than anybody sends.
bool read_length(std::string_view text, std::uint64_t& into) noexcept {
    if (text.empty() || text.size() > 18) return false;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), into);
    return error == std::errc{} && end == text.data() + text.size();
}

Read<void> gather_length(std::string_view value, Gathered& all) noexcept {
    if (++all.lengths > 1) return std::unexpected(Fault::duplicate_length);
    if (!read_length(value, all.length)) return std::unexpected(Fault::bad_length);
    return {};
}

Read<void> gather_encoding(std::string_view value, Gathered& all) noexcept {
    if (++all.encodings > 1 || !equal_ignoring_case(value, "chunked")) {
        return std::unexpected(Fault::bad_transfer_encoding);
    }
    return {};
}

Read<void> gather_host(std::string_view value, Gathered& all) noexcept {
    if (++all.hosts > 1) return std::unexpected(Fault::duplicate_host);
    if (!is_host_text(value)) return std::unexpected(Fault::bad_host);
    return {};
}

Read<void> gather_expectation(std::string_view value, Gathered& all) noexcept {
    if (!equal_ignoring_case(value, "100-continue")) return std::unexpected(Fault::bad_expectation);
    all.expects_continue = true;
    return {};
}

// Told apart by length first: this runs for every header of every message.
Read<void> gather_framing(std::string_view name, std::string_view value, Gathered& all) noexcept {
    switch (name.size()) {
        case 10:
            if (!equal_ignoring_case(name, "Connection")) break;
            all.close = all.close || has_token(value, "close");
            all.keep_alive = all.keep_alive || has_token(value, "keep-alive");
            break;
        case 14:
            if (equal_ignoring_case(name, "Content-Length")) return gather_length(value, all);
            break;
        case 17:
            if (equal_ignoring_case(name, "Transfer-Encoding")) return gather_encoding(value, all);
            break;
        default:
            break;
    }
    return {};
}

Read<void> gather_request(std::string_view name, std::string_view value, Gathered& all) noexcept {
    if (name.size() == 4 && equal_ignoring_case(name, "Host")) return gather_host(value, all);
    if (name.size() == 6 && equal_ignoring_case(name, "Expect"))
        return gather_expectation(value, all);
    return gather_framing(name, value, all);
}

using Gather = Read<void> (*)(std::string_view, std::string_view, Gathered&) noexcept;

Read<void> scan_header_line(std::string_view line, Gather gather, Gathered& all) {
    if (++all.count > limits::kHeaderCount) return std::unexpected(Fault::too_many_headers);
    if (line.front() == ' ' || line.front() == '\t') return std::unexpected(Fault::folded_header);
    std::size_t end = 0;
    while (end < line.size() && kToken[static_cast<unsigned char>(line[end])]) ++end;
    if (end == line.size() || line[end] != ':' || end == 0) {
        const bool spaced = end > 0 && end < line.size() && (line[end] == ' ' || line[end] == '\t');
        return std::unexpected(spaced ? Fault::space_before_colon : Fault::bad_header_name);
    }
    const std::string_view raw = line.substr(end + 1);
    if (const std::size_t bad = find_bad_value_char(raw); bad != std::string_view::npos) {
        return std::unexpected(raw[bad] == '\r' ? Fault::bare_newline : Fault::bad_header_value);
    }
    return gather(line.substr(0, end), trim(raw), all);
}

// Cuts the next line; HeadFinder has proven that LF only follows CR.
std::string_view next_line(std::string_view& head) noexcept {
    const std::size_t end = head.find("\r\n");
    const std::string_view line = head.substr(0, end);
    head.remove_prefix(end + 2);
    return line;
}

Read<void> scan_headers(std::string_view head, Gather gather, Gathered& all) {
    for (;;) {
        const std::string_view line = next_line(head);
        if (line.empty()) break;
        const auto scanned = scan_header_line(line, gather, all);
        if (!scanned) return scanned;
    }
    if (all.lengths > 0 && all.encodings > 0) return std::unexpected(Fault::both_lengths);
    if (all.http10 && all.encodings > 0) return std::unexpected(Fault::old_chunked);
    return {};
}

Read<void> scan_target(std::string_view method, std::string_view target) {
    if (target.size() > limits::kTargetBytes) return std::unexpected(Fault::target_too_long);
    if (target == "*" && method == "OPTIONS") return {};
    if (target.front() != '/') {
        const bool absolute = target.find("://") != std::string_view::npos;
        return std::unexpected(absolute ? Fault::absolute_target : Fault::bad_target);
    }
    if (!is_target(target)) return std::unexpected(Fault::bad_target);
    return {};
}

Read<bool> scan_version(std::string_view version, Fault otherwise) {
    if (version == "HTTP/1.1") return false;
    if (version == "HTTP/1.0") return true;
    return std::unexpected(version.starts_with("HTTP/") ? Fault::bad_version : otherwise);
}

Read<void> scan_request_line(std::string_view line, Gathered& all) {
    if (line.find('\r') != std::string_view::npos) return std::unexpected(Fault::bare_newline);
    const std::size_t first = line.find(' ');
    const std::size_t last = line.rfind(' ');
    if (first == std::string_view::npos || first == last)
        return std::unexpected(Fault::bad_request_line);
    const std::string_view method = line.substr(0, first);
    const std::string_view target = line.substr(first + 1, last - first - 1);
    if (method.size() > kMethodBytes || !is_token(method) || target.empty()) {
        return std::unexpected(Fault::bad_request_line);
    }
    const auto old = scan_version(line.substr(last + 1), Fault::bad_request_line);
    if (!old) return std::unexpected(old.error());
    all.http10 = *old;
    return scan_target(method, target);
}

// The second reader. It keeps the capacity that earlier heads left in `headers`.
template <bool kIsRequest>
class BeastReader final : public beast::http::basic_parser<kIsRequest> {
public:
    BeastReader(RequestHead* request, ResponseHead* response)
        : request_(request),
          headers_(request ? request->headers.list() : response->headers.list()) {
        if (response) status_ = &response->status;
        this->header_limit(static_cast<std::uint32_t>(limits::kHeaderBytes));
        this->body_limit(boost::none);
    }

    // True when it read the whole head, and as many fields as we did.
    bool read(std::string_view head, std::size_t fields) {
        beast::error_code error;
        const std::size_t used = this->put({head.data(), head.size()}, error);
        headers_.resize(fields_);
        return !error && used == head.size() && this->is_header_done() && fields_ == fields;
    }

private:
    using Text = beast::string_view;
    using Code = beast::error_code;

    void on_request_impl(beast::http::verb, Text method, Text target, int, Code&) override {
        request_->method.assign(method.data(), method.size());
        request_->target.assign(target.data(), target.size());
    }
    void on_response_impl(int code, Text, int, Code&) override { *status_ = code; }
    void on_field_impl(beast::http::field, Text name, Text value, Code&) override {
        if (fields_ == headers_.size()) headers_.emplace_back();
        headers_[fields_].name.assign(name.data(), name.size());
        headers_[fields_].value.assign(value.data(), value.size());
        ++fields_;
    }
    void on_header_impl(Code&) override {}
    void on_body_init_impl(const boost::optional<std::uint64_t>&, Code&) override {}
    std::size_t on_body_impl(Text, Code&) override { return 0; }
    void on_chunk_header_impl(std::uint64_t, Text, Code&) override {}
    std::size_t on_chunk_body_impl(std::uint64_t, Text, Code&) override { return 0; }
    void on_finish_impl(Code&) override {}

    RequestHead* request_;
    int* status_ = nullptr;
    std::vector<Header>& headers_;
    std::size_t fields_ = 0;
};

ResponseTraits response_traits(int status, bool answers_head, const Gathered& all) noexcept {
    ResponseTraits traits;
    traits.keep_alive = !all.close && (!all.http10 || all.keep_alive);
    if (all.lengths > 0) traits.content_length = all.length;
    // RFC 9112 6.3: these have no body whatever their headers say.
    if (answers_head || status / 100 == 1 || status == 204 || status == 304) return traits;
    if (all.encodings > 0) {
        traits.framing = Framing::chunked;
    } else if (all.lengths > 0) {
        traits.framing = all.length > 0 ? Framing::length : Framing::none;
    } else {
        traits.framing = Framing::until_close;
        traits.keep_alive = false;
    }
    return traits;
}

bool is_status_line(std::string_view line) noexcept {
    if (line.size() < 13 || line[8] != ' ' || line[12] != ' ' || line[9] < '1' || line[9] > '5')
        return false;
    return std::all_of(line.begin() + 9, line.begin() + 12,
                       [](char c) { return c >= '0' && c <= '9'; }) &&
           is_field_value(line.substr(13));
}

}  // namespace

int status_of(Fault fault) noexcept {
    constexpr int kStatus[] = {
#define X402_HTTP1_FAULT_STATUS(name, status, sentence) status,
        X402_HTTP1_FAULTS(X402_HTTP1_FAULT_STATUS)
#undef X402_HTTP1_FAULT_STATUS
    };
    return kStatus[static_cast<std::size_t>(fault)];
}

std::string_view to_string(Fault fault) noexcept {
    constexpr std::string_view kNames[] = {
#define X402_HTTP1_FAULT_TEXT(name, status, sentence) #name,
        X402_HTTP1_FAULTS(X402_HTTP1_FAULT_TEXT)
#undef X402_HTTP1_FAULT_TEXT
    };
    return kNames[static_cast<std::size_t>(fault)];
}

std::string_view sentence_of(Fault fault) noexcept {
    constexpr std::string_view kSentences[] = {
#define X402_HTTP1_FAULT_SENTENCE(name, status, sentence) sentence,
        X402_HTTP1_FAULTS(X402_HTTP1_FAULT_SENTENCE)
#undef X402_HTTP1_FAULT_SENTENCE
    };
    return kSentences[static_cast<std::size_t>(fault)];
}

bool is_token(std::string_view text) noexcept {
    return !text.empty() && all_in(kToken, text);
}

bool is_field_value(std::string_view text) noexcept {
    return find_bad_value_char(text) == std::string_view::npos;
}

bool is_target(std::string_view text) noexcept {
    return !text.empty() && text.front() == '/' && all_in(kTarget, text);
}

Read<std::size_t> HeadFinder::find(std::string_view bytes) noexcept {
    while (seen_ < bytes.size()) {
        const void* found = std::memchr(bytes.data() + seen_, '\n', bytes.size() - seen_);
        if (!found) {
            seen_ = bytes.size();
            break;
        }
        const auto at = static_cast<std::size_t>(static_cast<const char*>(found) - bytes.data());
        if (at == line_ || bytes[at - 1] != '\r') return std::unexpected(Fault::bare_newline);
        if (at - line_ == 1) {
            // RFC 9112 2.2 would skip an empty line before a request; a reader that does not sees
            // something else.
            if (line_ == 0)
                return std::unexpected(of_request_ ? Fault::bad_request_line
                                                   : Fault::bad_status_line);
            if (at + 1 > limits::kHeaderBytes) break;
            return at + 1;
        }
        seen_ = line_ = at + 1;
    }
    if (of_request_ && line_ == 0 && seen_ > limits::kTargetBytes + 2 * kMethodBytes) {
        return std::unexpected(Fault::target_too_long);
    }
    if (bytes.size() > limits::kHeaderBytes) return std::unexpected(Fault::head_too_large);
    return 0;
}

Read<RequestTraits> read_request_head(std::string_view head, RequestHead& into) {
    Gathered all;
    std::string_view rest = head;
    const auto line = scan_request_line(next_line(rest), all);
    if (!line) return std::unexpected(line.error());
    const auto headers = scan_headers(rest, gather_request, all);
    if (!headers) return std::unexpected(headers.error());
    if (all.hosts == 0 && !all.http10) return std::unexpected(Fault::missing_host);
    BeastReader<true> beast(&into, nullptr);
    if (!beast.read(head, all.count)) return std::unexpected(Fault::two_readings);
    into.keep_alive = !all.close && (!all.http10 || all.keep_alive);
    into.chunked = all.encodings > 0;
    into.content_length.reset();
    if (all.lengths > 0) into.content_length = all.length;
    return RequestTraits{all.http10, all.expects_continue && !all.http10};
}

Read<ResponseTraits> read_response_head(std::string_view head, bool answers_head,
                                        ResponseHead& into) {
    Gathered all;
    std::string_view rest = head;
    const std::string_view line = next_line(rest);
    const auto old = scan_version(line.substr(0, line.find(' ')), Fault::bad_status_line);
    if (!old) return std::unexpected(old.error());
    all.http10 = *old;
    if (!is_status_line(line)) return std::unexpected(Fault::bad_status_line);
    const auto headers = scan_headers(rest, gather_framing, all);
    if (!headers) return std::unexpected(headers.error());
    BeastReader<false> beast(nullptr, &into);
    if (!beast.read(head, all.count)) return std::unexpected(Fault::two_readings);
    return response_traits(into.status, answers_head, all);
}

}  // namespace x402::net::http1
