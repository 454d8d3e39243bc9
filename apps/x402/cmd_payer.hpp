// SPDX-License-Identifier: Apache-2.0
// What `x402 pay` and `x402 wallet` share: the home folder, the journal in it, keys, modules and
// networks. One thread.
#pragma once

#include <istream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "apps/x402/world.hpp"
#include "x402/client/chain_shelf.hpp"
#include "x402/crypto/secret.hpp"
#include "x402/store/payment_journal.hpp"

namespace x402::apps {

// --home, else X402_HOME, else the XDG data folder; made with mode 0700 where it is missing.
Result<std::string> open_home(const std::string& given);
Result<std::unique_ptr<store::PaymentJournal>> open_home_journal(const std::string& home, Env env);
std::string keystore_path(const std::string& home, std::string_view name);
// Letters, digits, '-', '_' and '.' inside: a name never leaves the keystore folder.
Result<void> check_key_name(std::string_view name);

// Whose key a text is, by its form.
Result<const WalletProvider*> provider_of(const Modules& modules, const crypto::Secret& text);
// "X402_EVM_KEY or X402_SVM_KEY": the variables that are looked at where no key is named.
std::string default_variables(const Modules& modules);
// "env:NAME", "file:PATH" or "keystore:NAME".
Result<std::unique_ptr<Wallet>> load_wallet(const World& world, const std::string& home,
                                            std::string_view reference);
// The references, or every module's default variable that is set.
Result<std::vector<std::unique_ptr<Wallet>>> load_wallets(
    const World& world, const std::string& home, const std::vector<std::string>& references);
// X402_KEYSTORE_PASSWORD, else asked on the terminal without echo.
Result<crypto::Secret> read_password(const std::string& prompt);
Result<std::string> read_stream(std::istream& stream, const std::string& name,
                                std::size_t max_bytes);
Result<std::string> read_file(const std::string& path, std::size_t max_bytes);

// A standard stream that came closed is occupied, so that no socket or file takes its number and
// receives what is printed. The wrong way round: reading stdin and writing stdout must still fail.
void occupy_closed_streams();
// To stdout, all of it, and nothing kept in a buffer: what this says was written is out of our
// hands.
Result<void> write_out(std::string_view text);
// "x402: <sentence>; next: <remedy>" on stderr, safe for a terminal.
void complain(const Error& error);

}  // namespace x402::apps
