// SPDX-License-Identifier: Apache-2.0
// Quotes. See quote.hpp; const after construction, any thread.
#include "x402/server/quote.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "x402/base/base64.hpp"

namespace x402::server {
namespace {

constexpr std::uint8_t kQuoteVersion = 1;
constexpr std::size_t kTagAt = 1;
constexpr std::size_t kExpiryAt = 9;
constexpr std::size_t kRandomAt = 13;
constexpr std::size_t kMacAt = 29;
constexpr std::size_t kQuoteBytes = 45;
constexpr std::size_t kSecretBytes = 32;

std::optional<Bytes> decode_quote(std::string_view text) {
    if (text.size() != kQuoteChars) return std::nullopt;
    auto bytes = base64url_decode(text, kQuoteBytes);
    if (!bytes || bytes->size() != kQuoteBytes || bytes->front() != kQuoteVersion)
        return std::nullopt;
    return std::move(*bytes);
}

// A descriptor that closes itself.
class File {
public:
    explicit File(int fd) : fd_(fd) {}
    ~File() {
        if (fd_ >= 0) ::close(fd_);
    }
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    int get() const noexcept { return fd_; }

private:
    int fd_;
};

Result<crypto::Secret> read_secret_file(const File& file, const std::string& path) {
    Bytes bytes(kSecretBytes + 1);
    const ssize_t got = ::read(file.get(), bytes.data(), bytes.size());
    if (got != static_cast<ssize_t>(kSecretBytes)) {
        return fail_field(Errc::invalid, path,
                          "the quote secret " + path + " does not hold 32 bytes",
                          "remove the file; open offers end with it, payments do not");
    }
    bytes.resize(kSecretBytes);
    return crypto::Secret(std::move(bytes));
}

// Written beside, then linked: a reader sees the whole secret or none, and the first of two writers
// wins.
Result<void> create_secret_file(const std::string& path, const crypto::Secret& secret) {
    const std::string fresh = path + "." + std::to_string(::getpid());
    {
        const File file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
        const ByteView bytes = secret.reveal();
        const bool written =
            file.get() >= 0 &&
            ::write(file.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()) &&
            ::fsync(file.get()) == 0;
        if (!written) {
            ::unlink(fresh.c_str());
            return fail_field(Errc::io, path, "the quote secret " + path + " cannot be written",
                              "make the store's folder writable");
        }
    }
    const bool linked = ::link(fresh.c_str(), path.c_str()) == 0 || errno == EEXIST;
    ::unlink(fresh.c_str());
    if (!linked)
        return fail_field(Errc::io, path, "the quote secret " + path + " cannot be created");
    return {};
}

crypto::Secret random_secret(Random& random) {
    Bytes bytes(kSecretBytes);
    random.fill(bytes);
    return crypto::Secret(std::move(bytes));
}

}  // namespace

RouteTag route_tag(std::string_view match) {
    const Hash32 hash = crypto::sha256(x402::as_bytes(match));
    return RouteTag::from(hash.view());
}

Quotes::Quotes(const crypto::Secret& secret)
    : key_(crypto::hmac_sha256(secret.reveal(), x402::as_bytes("x402 offer quote 1")).view()) {}

FixedBytes<16> Quotes::mac(ByteView signed_part, const QuoteScope& scope) const {
    std::array<std::uint8_t, kMacAt + 8 + 32> message{};
    std::copy(signed_part.begin(), signed_part.end(), message.begin());
    std::copy(scope.route.data.begin(), scope.route.data.end(), message.begin() + kMacAt);
    std::copy(scope.terms.data.begin(), scope.terms.data.end(), message.begin() + kMacAt + 8);
    const Hash32 full = key_.mac(message);
    return FixedBytes<16>::from(full.view().first(16));
}

std::string Quotes::make(const QuoteScope& scope, Instant expires, Random& random) const {
    std::array<std::uint8_t, kQuoteBytes> bytes{};
    bytes[0] = kQuoteVersion;
    std::copy(scope.route.data.begin(), scope.route.data.end(), bytes.begin() + kTagAt);
    const auto expiry = static_cast<std::uint32_t>(to_unix_s(expires));
    for (std::size_t i = 0; i < 4; ++i)
        bytes[kExpiryAt + i] = static_cast<std::uint8_t>(expiry >> (24 - 8 * i));
    random.fill(std::span(bytes).subspan(kRandomAt, kMacAt - kRandomAt));
    const auto tag = mac(std::span(bytes).first(kMacAt), scope);
    std::copy(tag.data.begin(), tag.data.end(), bytes.begin() + kMacAt);
    return base64url_encode(bytes);
}

std::optional<QuoteRead> Quotes::read(std::string_view text) {
    const auto bytes = decode_quote(text);
    if (!bytes) return std::nullopt;
    const ByteView view(*bytes);
    QuoteRead out{RouteTag::from(view.subspan(kTagAt, 8)), {}};
    std::uint32_t expiry = 0;
    for (std::size_t i = 0; i < 4; ++i) expiry = (expiry << 8) | (*bytes)[kExpiryAt + i];
    out.expires = from_unix_s(expiry);
    return out;
}

bool Quotes::genuine(std::string_view text, const QuoteScope& scope) const {
    const auto bytes = decode_quote(text);
    if (!bytes) return false;
    const ByteView view(*bytes);
    if (RouteTag::from(view.subspan(kTagAt, 8)) != scope.route) return false;
    const auto wanted = mac(view.first(kMacAt), scope);
    return equal_constant_time(wanted.view(), view.subspan(kMacAt));
}

Hash32 quote_hash(std::string_view text) {
    return text.empty() ? Hash32{} : crypto::sha256(x402::as_bytes(text));
}

Result<crypto::Secret> load_quote_secret(const std::string& store, const std::string& base_dir,
                                         Random& random) {
    constexpr std::string_view kSqlite = "sqlite:";
    if (!store.starts_with(kSqlite)) return random_secret(random);
    std::string path = store.substr(kSqlite.size()) + ".quotes";
    if (path.front() != '/' && !base_dir.empty()) path = base_dir + "/" + path;
    for (int turn = 0; turn < 2; ++turn) {
        const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
        if (file.get() >= 0) return read_secret_file(file, path);
        if (errno != ENOENT) break;
        X402_TRY_VOID(create_secret_file(path, random_secret(random)));
    }
    return fail_field(Errc::io, path, "the quote secret " + path + " cannot be read",
                      "make it readable for this user");
}

}  // namespace x402::server
