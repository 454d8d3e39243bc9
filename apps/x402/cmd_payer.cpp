// SPDX-License-Identifier: Apache-2.0
// Keys come from a variable, a file or an encrypted file, never from the command line, where
// everybody can read them.
#include "apps/x402/cmd_payer.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "x402/base/json.hpp"
#include "x402/client/result.hpp"
#include "x402/crypto/keystore.hpp"
#include "x402/store/open.hpp"

namespace x402::apps {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kKeystoreBytes = 64 * 1024;

std::string variable(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? std::string{} : std::string(value);
}

std::string default_home() {
    if (const std::string home = variable("X402_HOME"); !home.empty()) return home;
    if (const std::string data = variable("XDG_DATA_HOME"); !data.empty()) return data + "/x402";
    if (const std::string home = variable("HOME"); !home.empty())
        return home + "/.local/share/x402";
    return {};
}

// The family a keystore file was made for; ours say it, foreign ones are tried with every module.
Result<std::unique_ptr<Wallet>> wallet_of_bytes(const Modules& modules, const crypto::Secret& key,
                                                const std::string& family) {
    Error last{Errc::unsupported, "no module of this build can use this key", {}, {}, false};
    for (const auto& module : modules.all()) {
        if (!family.empty() && module->family() != family) continue;
        auto wallet = module->wallets().from_bytes(key);
        if (wallet) return wallet;
        last = std::move(wallet).error();
    }
    return fail(std::move(last));
}

Result<std::unique_ptr<Wallet>> load_keystore(const World& world, const std::string& home,
                                              std::string_view name) {
    X402_TRY_VOID(check_key_name(name));
    X402_TRY(const std::string text, read_file(keystore_path(home, name), kKeystoreBytes));
    X402_TRY(const json::Object file, json::parse_object(text));
    X402_TRY(const crypto::Secret password,
             read_password("Password of " + std::string(name) + ": "));
    X402_TRY(const crypto::Secret key, crypto::keystore_decrypt(text, password.reveal_text()));
    return wallet_of_bytes(world.modules, key, json::text_or_empty(file, "x402_family"));
}

// The words of a list, "a, b or c".
std::string one_of(const std::vector<std::string>& words) {
    std::string text;
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (i > 0) text += i + 1 == words.size() ? " or " : ", ";
        text += words[i];
    }
    return text;
}

}  // namespace

Result<const WalletProvider*> provider_of(const Modules& modules, const crypto::Secret& text) {
    std::vector<std::string> forms;
    for (const auto& module : modules.all()) {
        const WalletProvider& provider = module->wallets();
        if (provider.recognizes(text.reveal_text())) return &provider;
        if (!provider.key_form().empty()) forms.emplace_back(provider.key_form());
    }
    return fail_field(Errc::unsupported, "key",
                      "no module of this build recognizes the form of this key",
                      "use " + one_of(forms));
}

std::string default_variables(const Modules& modules) {
    std::vector<std::string> names;
    for (const auto& module : modules.all())
        names.emplace_back(module->wallets().default_key_variable());
    return one_of(names);
}

Result<std::string> open_home(const std::string& given) {
    const std::string home = given.empty() ? default_home() : given;
    if (home.empty()) {
        return fail_field(Errc::invalid, "home", "there is no place for the journal",
                          "pass --home DIR");
    }
    std::error_code error;
    if (fs::create_directories(home, error)) fs::permissions(home, fs::perms::owner_all, error);
    if (!fs::is_directory(home, error)) {
        return fail_field(Errc::io, "home", "the folder " + home + " cannot be made",
                          "pass another --home DIR");
    }
    return home;
}

Result<std::unique_ptr<store::PaymentJournal>> open_home_journal(const std::string& home, Env env) {
    return store::open_journal((fs::path(home) / "journal.db").string(), env);
}

std::string keystore_path(const std::string& home, std::string_view name) {
    return (fs::path(home) / "keystore" / (std::string(name) + ".json")).string();
}

Result<void> check_key_name(std::string_view name) {
    const bool good = !name.empty() && name.size() <= 64 && name.front() != '.' &&
                      std::all_of(name.begin(), name.end(), [](char c) {
                          return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                                 (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
                      });
    if (good) return {};
    return fail_field(Errc::invalid, "name",
                      "a key's name has only letters, digits, '-', '_' and '.'");
}

Result<std::unique_ptr<Wallet>> load_wallet(const World& world, const std::string& home,
                                            std::string_view reference) {
    constexpr std::string_view kKeystore = "keystore:";
    if (reference.starts_with(kKeystore))
        return load_keystore(world, home, reference.substr(kKeystore.size()));
    X402_TRY(const crypto::Secret text,
             crypto::load_secret(reference, fs::current_path().string()));
    X402_TRY(const WalletProvider* provider, provider_of(world.modules, text));
    return provider->parse(text);
}

Result<std::vector<std::unique_ptr<Wallet>>> load_wallets(
    const World& world, const std::string& home, const std::vector<std::string>& references) {
    std::vector<std::string> wanted = references;
    if (wanted.empty()) {
        for (const auto& module : world.modules.all()) {
            const std::string name(module->wallets().default_key_variable());
            if (!name.empty() && !variable(name.c_str()).empty()) wanted.push_back("env:" + name);
        }
    }
    std::vector<std::unique_ptr<Wallet>> wallets;
    for (const std::string& reference : wanted) {
        X402_TRY(auto wallet, load_wallet(world, home, reference));
        wallets.push_back(std::move(wallet));
    }
    return wallets;
}

Result<crypto::Secret> read_password(const std::string& prompt) {
    if (const char* given = std::getenv("X402_KEYSTORE_PASSWORD"))
        return crypto::Secret::from_text(given);
    const std::string safe = client::for_terminal(prompt, 200);
    // NOLINTNEXTLINE(concurrency-mt-unsafe): no other place reads a terminal, and this one in turn
    char* typed = isatty(STDIN_FILENO) != 0 ? getpass(safe.c_str()) : nullptr;
    if (typed == nullptr) {
        return fail_field(Errc::unauthorized, "password",
                          "the keystore needs a password and there is no terminal",
                          "set X402_KEYSTORE_PASSWORD");
    }
    crypto::Secret secret = crypto::Secret::from_text(typed);
    for (volatile char* c = typed; *c != '\0'; ++c) *c = '\0';
    return secret;
}

Result<std::string> read_stream(std::istream& stream, const std::string& name,
                                std::size_t max_bytes) {
    std::string text;
    char piece[16 * 1024];
    while (stream.read(piece, sizeof piece) || stream.gcount() > 0) {
        text.append(piece, static_cast<std::size_t>(stream.gcount()));
        if (text.size() > max_bytes)
            return fail_field(Errc::too_large, "file", name + " is too large");
    }
    if (stream.bad()) return fail_field(Errc::io, "file", name + " cannot be read");
    return text;
}

Result<std::string> read_file(const std::string& path, std::size_t max_bytes) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return fail_field(Errc::not_found, "file", "the file " + path + " cannot be opened");
    return read_stream(file, "the file " + path, max_bytes);
}

void occupy_closed_streams() {
    for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        if (::fcntl(stream, F_GETFD) >= 0) continue;
        // The lowest free number is given: this one.
        (void)::open("/dev/null", stream == STDOUT_FILENO ? O_RDONLY : O_WRONLY);
    }
}

Result<void> write_out(std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = ::write(STDOUT_FILENO, text.data(), text.size());
        if (written >= 0) {
            text.remove_prefix(static_cast<std::size_t>(written));
        } else if (errno == EAGAIN) {
            // Whoever shares the pipe may have made it non-blocking.
            pollfd waiting{STDOUT_FILENO, POLLOUT, 0};
            (void)::poll(&waiting, 1, -1);
        } else if (errno != EINTR) {
            return fail(Errc::io, "stdout: " + std::generic_category().message(errno));
        }
    }
    return {};
}

void complain(const Error& error) {
    std::string line = "x402: " + error.detail;
    if (!error.field.empty()) line += " (" + error.field + ")";
    if (!error.next.empty()) line += "; next: " + error.next;
    std::fprintf(stderr, "%s\n", client::for_line(line).c_str());
}

}  // namespace x402::apps
