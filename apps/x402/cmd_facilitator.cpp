// SPDX-License-Identifier: Apache-2.0
// `x402 facilitator --config facilitator.toml`: verify and settle for others.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>

#include "apps/x402/commands.hpp"
#include "apps/x402/role.hpp"
#include "x402/base/log.hpp"
#include "x402/facilitator/http_api.hpp"
#include "x402/facilitator/service.hpp"
#include "x402/net/http_server.hpp"
#include "x402/ops/config.hpp"
#include "x402/store/open.hpp"

namespace x402::apps {
namespace {

constexpr Duration kDrain = std::chrono::seconds(30);

struct Loaded {
    Tree tree;
    std::string base_dir;
};

Result<Loaded> load(const RoleFlags& flags, const Modules& modules) {
    X402_TRY(Tree tree, load_config(flags.config, modules));
    return Loaded{std::move(tree), ops::folder_of(flags.config)};
}

// Reads everything a start would read, and asks nobody anything.
Result<facilitator::Config> read_all(const Loaded& loaded, const World& world,
                                     const AssetShelf& shelf) {
    X402_TRY(facilitator::Config config,
             facilitator::read_config(loaded.tree, world.modules, loaded.base_dir));
    if (!config.store.starts_with("sqlite:") && config.store != "memory:") {
        return loaded.tree.find("store")->wrong("this build has no store \"" + config.store + "\"",
                                                "write store = \"sqlite:facilitator.db\"");
    }
    X402_TRY_VOID(check_networks(loaded.tree, world, shelf, loaded.base_dir));
    return config;
}

Task<void> start_service(facilitator::ServiceOptions options,
                         Result<std::unique_ptr<facilitator::Service>>& started) {
    started = co_await facilitator::Service::start(std::move(options));
}

Task<void> stop_serving(net::HttpServer& server, facilitator::Service& service, Clock& clock) {
    const bool quiet = co_await server.drain(clock, kDrain);
    const bool done = co_await service.drain(kDrain);
    log::info("drained", {{"connections", quiet ? "closed" : "cut"},
                          {"settlements", done ? "ended" : "journalled"}});
}

// What a running facilitator takes over; everything else is read at its start.
bool may_change(std::string_view path) {
    static constexpr std::string_view kTop[] = {"callers", "pay_to_allow", "open",
                                                "rate",    "max_pending",  "max_pending_per_payer"};
    static constexpr std::string_view kOfNetwork[] = {".settle_wait", ".accept_observed",
                                                      ".min_amount", ".daily_gas_budget"};
    for (const std::string_view key : kTop) {
        if (path == key) return true;
    }
    if (!path.starts_with("networks.")) return false;
    for (const std::string_view key : kOfNetwork) {
        if (path.ends_with(key)) return true;
    }
    return false;
}

const Tree* member(const Tree& table, std::string_view key) {
    for (const Tree::Member& each : table.members()) {
        if (each.key == key) return &each.value;
    }
    return nullptr;
}

bool same(const Tree& left, const Tree& right) {
    if (left.is_text() && right.is_text()) return *left.as_text() == *right.as_text();
    if (left.is_integer() && right.is_integer()) return *left.as_integer() == *right.as_integer();
    if (left.is_boolean() && right.is_boolean()) return *left.as_boolean() == *right.as_boolean();
    if (left.is_table() && right.is_table()) {
        return left.members().size() == right.members().size() &&
               std::all_of(left.members().begin(), left.members().end(),
                           [&](const Tree::Member& each) {
                               const Tree* other = member(right, each.key);
                               return other != nullptr && same(each.value, *other);
                           });
    }
    if (!left.is_list() || !right.is_list()) return false;
    return std::equal(left.items().begin(), left.items().end(), right.items().begin(),
                      right.items().end(), same);
}

// The paths that differ and wait for a restart; whole tables where one side has none.
void add_fixed(const Tree& before, const Tree& after, std::vector<std::string>& out) {
    const auto differ = [&](const Tree::Member& one, const Tree* other) {
        if (other != nullptr && same(one.value, *other)) return;
        if (other != nullptr && one.value.is_table() && other->is_table())
            return add_fixed(one.value, *other, out);
        if (!may_change(one.value.path())) out.push_back(one.value.path());
    };
    for (const Tree::Member& each : before.members()) differ(each, member(after, each.key));
    for (const Tree::Member& each : after.members()) {
        if (member(before, each.key) == nullptr) differ(each, nullptr);
    }
}

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
    return text;
}

Task<void> reload_service(facilitator::Service& service, facilitator::Config& config,
                          Result<void>& taken) {
    taken = co_await service.reload(std::move(config));
}

// Ends the runtime's coroutines before anything they refer to goes, however we leave.
struct EndOfRuntime {
    net::Runtime& runtime;
    ~EndOfRuntime() { runtime.end(); }
};

struct Serving {
    const Loaded& loaded;
    World& world;
    net::Runtime& runtime;
};

// What a signal to reload changes.
struct Running {
    const Serving& serving;
    const RoleFlags& flags;
    facilitator::Service& service;
    facilitator::Door& door;
    ops::Metrics& metrics;
};

Result<std::vector<std::string>> take_over(Running& running) {
    const World& world = running.serving.world;
    X402_TRY(const Loaded loaded, load(running.flags, world.modules));
    X402_TRY(std::vector<NamedAsset> assets, read_assets(loaded.tree, world.modules));
    const AssetShelf shelf(std::move(assets), world.modules);
    X402_TRY(facilitator::Config config, read_all(loaded, world, shelf));
    Result<void> taken = fail(Errc::internal, "not reloaded");
    net::run_blocking([&] { return reload_service(running.service, config, taken); });
    X402_TRY_VOID(std::move(taken));
    const facilitator::Config& now = running.service.config();
    running.door.replace(facilitator::make_handler(running.service, now, running.metrics));
    std::vector<std::string> fixed;
    add_fixed(running.serving.loaded.tree, loaded.tree, fixed);
    return fixed;
}

// A configuration that is not good changes nothing.
void reload(Running& running) {
    const auto fixed = take_over(running);
    if (!fixed) {
        log::error("reload_refused", {{"why", fixed.error().detail}, {"next", fixed.error().next}});
        return;
    }
    log::info("reloaded", {{"config", running.flags.config}});
    if (!fixed->empty()) log::warn("needs a restart", {{"changed", joined(*fixed)}});
}

Result<void> serve_until_stopped(Serving serving, AssetShelf shelf, facilitator::Config config,
                                 const RoleFlags& flags) {
    auto& [loaded, world, runtime] = serving;
    const store::OpenOptions where{config.store, loaded.base_dir, "facilitator"};
    X402_TRY(store::RoleStore stores, store::open_role_store(where, world.env()));
    ops::Metrics metrics;
    std::unique_ptr<facilitator::Service> service;
    std::unique_ptr<facilitator::Door> door;
    std::unique_ptr<net::HttpServer> server;
    SignalQueue signals(runtime);  // from here on a signal is kept, not fatal
    runtime.start();
    const EndOfRuntime end{runtime};
    Result<std::unique_ptr<facilitator::Service>> started = fail(Errc::internal, "not started");
    facilitator::ServiceOptions options{std::move(config),   world.modules, std::move(shelf),
                                        *stores.settlements, runtime,       metrics,
                                        world.env()};
    net::run_blocking([&] { return start_service(std::move(options), started); });
    X402_TRY(service, std::move(started));
    net::ServerOptions listen;
    listen.listen = service->config().listen;
    door = std::make_unique<facilitator::Door>(
        facilitator::make_handler(*service, service->config(), metrics));
    X402_TRY(server, net::serve(runtime, listen, door->handler()));
    print_ready("facilitator", server->address(), std::nullopt);
    Running running{serving, flags, *service, *door, metrics};
    while (signals.wait() == SIGHUP) reload(running);
    net::run_blocking([&] { return stop_serving(*server, *service, *world.clock); });
    return {};
}

Result<int> run_facilitator(const RoleFlags& flags) {
    // Goes last: the threads of the store and of the HTTP client post to it until they end.
    std::unique_ptr<net::Runtime> runtime;
    X402_TRY(const std::unique_ptr<World> world, make_world());
    X402_TRY(const Loaded loaded, load(flags, world->modules));
    X402_TRY(std::vector<NamedAsset> assets, read_assets(loaded.tree, world->modules));
    AssetShelf shelf(std::move(assets), world->modules);
    X402_TRY(facilitator::Config config, read_all(loaded, *world, shelf));
    if (flags.check) return report_good_check(flags, {});
    runtime = std::make_unique<net::Runtime>(thread_count(config.threads));
    const Serving serving{loaded, *world, *runtime};
    X402_TRY_VOID(serve_until_stopped(serving, std::move(shelf), std::move(config), flags));
    return kDone;
}

}  // namespace

void add_facilitator(CLI::App& app, std::function<int()>& run) {
    add_role({app, run}, "facilitator", "verify and settle payments for others", run_facilitator);
}

}  // namespace x402::apps
