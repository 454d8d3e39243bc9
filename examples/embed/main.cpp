// SPDX-License-Identifier: Apache-2.0
// A program that pays for a call. `embed URL JOURNAL`: the key comes from X402_EVM_KEY, the limit
// is five cents.
#include <cstdlib>
#include <iostream>
#include <x402/client/blocking.hpp>
#include <x402/net/services.hpp>
#include <x402/plugin/builtin.hpp>
#include <x402/store/open.hpp>

namespace {

using namespace x402;

Result<client::PayResult> pay(const std::string& url, const std::string& journal_path) {
    const auto clock = make_system_clock();
    const auto random = make_system_random();
    const auto http = net::make_http_client();
    const Env env{*clock, *random};
    Modules modules;
    X402_TRY_VOID(add_builtin(modules, net::Services{*http, env}));
    X402_TRY(const auto journal, store::open_journal(journal_path, env));
    const auto transport = client::make_http_transport(*http);

    client::ClientOptions options{
        .modules = modules, .journal = *journal, .transport = *transport, .env = env};
    X402_TRY(const auto key, crypto::load_secret("env:X402_EVM_KEY", "."));
    X402_TRY(auto wallet, modules.family("eip155")->wallets().parse(key));
    options.wallets.push_back(std::move(wallet));
    options.policy.allow_loopback = true;  // the URL was typed by a person
    X402_TRY_VOID(client::set_limit(options.policy, "$0.05"));
    client::Client payer(std::move(options));
    return client::fetch_blocking(payer, {.url = url});
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) {
        std::cerr << "usage: embed URL JOURNAL\n";
        return 2;
    }
    const auto result = pay(argv[1], argv[2]);
    if (!result) {
        std::cerr << to_string(result.error()) << "\n";
        return 1;
    }
    std::cout << result->status << "\n" << result->body << "\n";
    return result->outcome == client::PayOutcome::settled ? 0 : 1;
}
