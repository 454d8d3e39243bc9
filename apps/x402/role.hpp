// SPDX-License-Identifier: Apache-2.0
// What a role that serves needs around it: signals, the one line on
// stdout when it is ready, and errors a person can act on. Main thread, but for what says
// otherwise.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "apps/x402/world.hpp"
#include "x402/base/tree.hpp"
#include "x402/net/runtime.hpp"
#include "x402/schemes/asset_config.hpp"

namespace x402::apps {

inline constexpr int kDone = 0;
inline constexpr int kFailed = 1;
inline constexpr int kUsage = 2;

// Flags that every serving role has.
struct RoleFlags {
    std::string config;
    bool check = false;  // read the configuration, say whether it is good, and end
    bool json = false;   // errors as one JSON line on stderr
    std::string log = "info";
};

// Registers `x402 NAME` with these flags; an Error that `start` returns is reported. One thread.
struct CommandLine {
    CLI::App& app;
    std::function<int()>& run;  // what to do when it was chosen
};
void add_role(CommandLine line, const std::string& name, const std::string& purpose,
              Result<int> (*start)(const RoleFlags&));

// The configuration, with [networks] called by their ids: they may also be written by a short name
// ("base-sepolia"), and whoever looks one up later must not miss it.
Result<Tree> load_config(const std::string& path, const Modules& modules);

// Opens each configured network once, without asking it anything, so that its module reads its keys
// and secrets; then every key that nobody read is an error.
Result<void> check_networks(const Tree& root, const World& world, const AssetShelf& shelf,
                            const std::string& base_dir);

// SIGHUP, SIGTERM and SIGINT, one by one, to the thread that waits.
class SignalQueue {
public:
    explicit SignalQueue(net::Runtime& runtime);
    ~SignalQueue();
    int wait();

private:
    struct State;
    std::shared_ptr<State> state_;  // shared with the runtime's callback
};

void set_log_level(const std::string& word);
void print_ready(const std::string& role, const std::string& listen,
                 const std::optional<std::string>& admin);
// Prints the error to stderr; the exit code for it.
int report(const Error& error, const RoleFlags& flags);
int report_good_check(const RoleFlags& flags, const std::vector<std::string>& warnings);
std::size_t thread_count(std::size_t configured);

}  // namespace x402::apps
