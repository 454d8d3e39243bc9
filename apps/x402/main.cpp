// SPDX-License-Identifier: Apache-2.0
// One binary, every role: parse, dispatch, exit code.
#include <CLI/CLI.hpp>
#include <csignal>
#include <functional>

#include "apps/x402/cmd_pay.hpp"
#include "apps/x402/cmd_wallet.hpp"
#include "apps/x402/commands.hpp"
#include "x402/base/version.hpp"

// What nobody caught ends the process as a crash does: a durable journal says what is unknown, an
// exit code could not. NOLINTNEXTLINE(bugprone-exception-escape): that end is meant
int main(int argc, char** argv) {
    (void)std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error of a write
    CLI::App app{"x402: the payment layer of the web", "x402"};
    app.set_version_flag("--version", std::string(x402::kVersion));
    app.require_subcommand(1);
    app.footer("Exit codes: 0 done, 1 failed, 2 usage, 3 payment unknown, 4 refused by policy.");
    std::function<int()> run;
    x402::apps::add_gateway(app, run);
    x402::apps::add_facilitator(app, run);
    x402::apps::add_pay(app, run);
    x402::apps::add_wallet(app, run);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    return run ? run() : 2;
}
