// SPDX-License-Identifier: Apache-2.0
// Secrets in memory and where they are read from. Every buffer that held one is cleansed over its
// whole capacity, and no error repeats any of it. Any thread, except that load_secret reads the
// environment.
#include "x402/crypto/secret.hpp"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>

namespace x402::crypto {

namespace {

constexpr std::size_t kMaxSecretFile = 64 * 1024;

void strip_newline(Bytes& bytes) {
    if (bytes.empty() || bytes.back() != '\n') return;
    bytes.pop_back();
    if (!bytes.empty() && bytes.back() == '\r') bytes.pop_back();
}

std::unexpected<Error> file_trouble(const std::string& path, std::string what, std::string next) {
    return fail_field(Errc::invalid, "file:" + path, std::move(what), std::move(next));
}

class Descriptor {
public:
    explicit Descriptor(const std::string& path)
        : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    int get() const noexcept { return fd_; }

private:
    int fd_;
};

// Bytes read, at most out.size(); negative on trouble.
ssize_t read_all(int fd, std::span<std::uint8_t> out) {
    std::size_t total = 0;
    while (total < out.size()) {
        const ssize_t got = ::read(fd, out.data() + total, out.size() - total);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return got;
        if (got == 0) break;
        total += static_cast<std::size_t>(got);
    }
    return static_cast<ssize_t>(total);
}

Result<Secret> load_file(const std::string& name, const std::string& base_dir) {
    const std::filesystem::path given(name);
    const std::string path =
        given.is_absolute() ? name : (std::filesystem::path(base_dir) / given).string();
    const Descriptor file(path);
    if (file.get() < 0) {
        return file_trouble(path, "the secret's file cannot be opened",
                            "create it, readable by this user only");
    }
    // One buffer of the final size: a growing one would leave copies behind.
    Bytes content(kMaxSecretFile + 1);
    const ssize_t count = read_all(file.get(), content);
    content.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
    const bool too_large = content.size() > kMaxSecretFile;
    strip_newline(content);
    Secret secret(std::move(content));
    if (count < 0)
        return file_trouble(path, "the secret's file cannot be read", "name a plain file");
    if (too_large) {
        return fail_field(Errc::too_large, "file:" + path, "the secret's file has more than 64 KiB",
                          "name the file that holds only the secret");
    }
    if (secret.empty())
        return file_trouble(path, "the secret's file is empty", "write the secret into it");
    return secret;
}

Result<Secret> load_env(const std::string& name) {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr || *value == '\0') {
        const std::string what = value == nullptr ? "is not set" : "is empty";
        return fail_field(Errc::invalid, "env:" + name, "the environment variable " + what,
                          "export " + name + "=... before the start");
    }
    return Secret::from_text(value);
}

}  // namespace

Secret Secret::from_text(std::string_view text) {
    return Secret(to_bytes(as_bytes(text)));
}

Secret::Secret(Secret&& other) noexcept : bytes_(std::move(other.bytes_)) {
    other.bytes_.clear();
}

Secret& Secret::operator=(Secret&& other) noexcept {
    if (this == &other) return *this;
    wipe();
    bytes_ = std::move(other.bytes_);
    other.bytes_.clear();
    return *this;
}

Secret::~Secret() {
    wipe();
}

Secret Secret::clone() const {
    return Secret(bytes_);
}

void Secret::wipe() noexcept {
    // What was cut off the end is still there: grow over it first, which never reallocates.
    bytes_.resize(bytes_.capacity());
    if (!bytes_.empty()) OPENSSL_cleanse(bytes_.data(), bytes_.size());
    bytes_.clear();
}

Result<Secret> load_secret(std::string_view reference, const std::string& base_dir) {
    const std::size_t colon = reference.find(':');
    const std::string_view kind = reference.substr(0, colon);
    const std::string name(colon == std::string_view::npos ? std::string_view{}
                                                           : reference.substr(colon + 1));
    if (kind == "env" && !name.empty()) return load_env(name);
    if (kind == "file" && !name.empty()) return load_file(name, base_dir);
    // The text is not repeated: it may be the secret itself, pasted in the wrong place.
    return fail(Error{Errc::invalid,
                      "a secret is given by reference, not written out",
                      {},
                      "write env:NAME or file:PATH",
                      false});
}

}  // namespace x402::crypto
