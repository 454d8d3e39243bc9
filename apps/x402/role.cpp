// SPDX-License-Identifier: Apache-2.0
#include "apps/x402/role.hpp"

#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <deque>
#include <iostream>
#include <mutex>
#include <set>
#include <thread>

#include "x402/base/json.hpp"
#include "x402/base/log.hpp"
#include "x402/net/descriptors.hpp"
#include "x402/ops/config.hpp"

namespace x402::apps {
namespace {

// What a module says of a key that is missing has no place of its own: it is told at its section.
std::unexpected<Error> at_section(const Tree& section, const Error& error) {
    if (error.detail.starts_with(section.place().file)) return fail(error);
    return section.wrong(error.detail, error.next);
}

// What is no network of this build keeps its name: its reader says what is wrong with it.
Result<Tree> by_ids(const Tree& networks, const Modules& modules) {
    Tree::Table sections = networks.members();
    std::set<std::string> seen;
    for (Tree::Member& section : sections) {
        if (const auto id = modules.find_network(section.key)) section.key = id->text();
        if (seen.insert(section.key).second) continue;
        return section.value.wrong("the network " + section.key + " is configured twice",
                                   "keep one of its tables, [networks.\"" + section.key + "\"]");
    }
    return Tree::table(std::move(sections), networks.path(), networks.place());
}

}  // namespace

Result<Tree> load_config(const std::string& path, const Modules& modules) {
    X402_TRY(const Tree written, ops::load_toml(path));
    Tree::Table members = written.members();
    for (Tree::Member& member : members) {
        if (member.key != "networks" || !member.value.is_table()) continue;
        X402_TRY(member.value, by_ids(member.value, modules));
    }
    return Tree::table(std::move(members), written.path(), written.place());
}

void add_role(CommandLine line, const std::string& name, const std::string& purpose,
              Result<int> (*start)(const RoleFlags&)) {
    auto* command = line.app.add_subcommand(name, purpose);
    const auto flags = std::make_shared<RoleFlags>();
    command->add_option("--config", flags->config, name + ".toml")->required();
    command->add_flag("--check", flags->check,
                      "only read the configuration and say whether it is good");
    command->add_flag("--json", flags->json, "messages as JSON");
    command->add_option("--log", flags->log, "debug, info, warn, error or off")
        ->capture_default_str();
    command->callback([flags, start, &run = line.run] {
        run = [flags, start] {
            set_log_level(flags->log);
            net::raise_descriptor_limit();
            const Result<int> code = start(*flags);
            return code ? *code : report(code.error(), *flags);
        };
    });
}

Result<void> check_networks(const Tree& root, const World& world, const AssetShelf& shelf,
                            const std::string& base_dir) {
    const Tree* sections = root.find("networks");
    if (sections != nullptr) {
        for (const auto& member : sections->members()) {
            const Tree* section = sections->find(member.key);
            X402_TRY(const ChainId id, world.modules.find_network(member.key));
            NetworkSetup setup;
            setup.network = id;
            setup.section = section;
            setup.assets = shelf.configured_on(id);
            setup.base_dir = base_dir;
            setup.with_signers = section->find("signers") != nullptr;
            const auto opened = world.modules.of(id)->connect(std::move(setup));
            if (!opened) return at_section(*section, opened.error());
        }
    }
    return ops::refuse_unread(root);
}

struct SignalQueue::State {
    std::mutex mutex;
    std::condition_variable arrived;
    std::deque<int> waiting;
};

SignalQueue::SignalQueue(net::Runtime& runtime) : state_(std::make_shared<State>()) {
    runtime.on_signal([state = state_](int number) {
        const std::scoped_lock lock(state->mutex);
        state->waiting.push_back(number);
        state->arrived.notify_one();
    });
}

SignalQueue::~SignalQueue() = default;

int SignalQueue::wait() {
    std::unique_lock lock(state_->mutex);
    state_->arrived.wait(lock, [this] { return !state_->waiting.empty(); });
    const int number = state_->waiting.front();
    state_->waiting.pop_front();
    return number;
}

void set_log_level(const std::string& word) {
    if (word == "debug") log::set_level(log::Level::debug);
    if (word == "info") log::set_level(log::Level::info);
    if (word == "warn") log::set_level(log::Level::warn);
    if (word == "error") log::set_level(log::Level::error);
    if (word == "off") log::set_level(log::Level::off);
}

void print_ready(const std::string& role, const std::string& listen,
                 const std::optional<std::string>& admin) {
    json::Object line;
    line["ready"] = true;
    line["role"] = role;
    line["listen"] = listen;
    if (admin) line["admin"] = *admin;
    std::cout << json::dump(line) << std::endl;
}

int report(const Error& error, const RoleFlags& flags) {
    if (flags.json) {
        json::Object body;
        body["code"] = std::string(to_string(error.code));
        body["message"] = error.detail;
        if (!error.field.empty()) body["field"] = error.field;
        if (!error.next.empty()) body["next"] = error.next;
        json::Object line;
        line["error"] = std::move(body);
        std::cerr << json::dump(line) << "\n";
    } else {
        std::cerr << "x402: " << error.detail << "\n";
        if (!error.next.empty()) std::cerr << "  next: " << error.next << "\n";
    }
    const bool usage = error.code == Errc::invalid || error.code == Errc::not_found ||
                       error.code == Errc::unsupported || error.code == Errc::too_large;
    return usage ? kUsage : kFailed;
}

int report_good_check(const RoleFlags& flags, const std::vector<std::string>& warnings) {
    for (const std::string& warning : warnings) std::cerr << "warning: " << warning << "\n";
    if (flags.json) {
        std::cout << "{\"ok\":true}\n";
    } else {
        std::cout << flags.config << ": good\n";
    }
    return kDone;
}

std::size_t thread_count(std::size_t configured) {
    if (configured != 0) return configured;
    return std::max<std::size_t>(1, std::thread::hardware_concurrency());
}

}  // namespace x402::apps
