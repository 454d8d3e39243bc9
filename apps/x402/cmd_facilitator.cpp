// SPDX-License-Identifier: Apache-2.0
// `x402 facilitator --config facilitator.toml`: verify and settle for others.
#include <CLI/CLI.hpp>
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

Result<Loaded> load(const RoleFlags& flags) {
    X402_TRY(Tree tree, ops::load_toml(flags.config));
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

void wait_for_the_end(SignalQueue& signals) {
    for (;;) {
        if (signals.wait() != SIGHUP) return;
        log::info("reload_ignored",
                  {{"why", "a facilitator's networks and keys are read at its start"}});
    }
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

Result<void> serve_until_stopped(Serving serving, AssetShelf shelf, facilitator::Config config) {
    auto& [loaded, world, runtime] = serving;
    const store::OpenOptions where{config.store, loaded.base_dir, "facilitator"};
    X402_TRY(store::RoleStore stores, store::open_role_store(where, world.env()));
    ops::Metrics metrics;
    std::unique_ptr<facilitator::Service> service;
    std::unique_ptr<net::HttpServer> server;
    SignalQueue signals(runtime);  // from here on a signal is kept, not fatal
    runtime.start();
    // The service owns its configuration; callers' tokens cannot be copied, so the listener reads
    // its own.
    X402_TRY(const facilitator::Config for_http,
             facilitator::read_config(loaded.tree, world.modules, loaded.base_dir));
    const EndOfRuntime end{runtime};
    Result<std::unique_ptr<facilitator::Service>> started = fail(Errc::internal, "not started");
    facilitator::ServiceOptions options{std::move(config),   world.modules, std::move(shelf),
                                        *stores.settlements, runtime,       metrics,
                                        world.env()};
    net::run_blocking([&] { return start_service(std::move(options), started); });
    X402_TRY(service, std::move(started));
    net::ServerOptions listen;
    listen.listen = for_http.listen;
    X402_TRY(server,
             net::serve(runtime, listen, facilitator::make_handler(*service, for_http, metrics)));
    print_ready("facilitator", server->address(), std::nullopt);
    wait_for_the_end(signals);
    net::run_blocking([&] { return stop_serving(*server, *service, *world.clock); });
    return {};
}

Result<int> run_facilitator(const RoleFlags& flags) {
    // Goes last: the threads of the store and of the HTTP client post to it until they end.
    std::unique_ptr<net::Runtime> runtime;
    X402_TRY(const std::unique_ptr<World> world, make_world());
    X402_TRY(const Loaded loaded, load(flags));
    X402_TRY(std::vector<NamedAsset> assets, read_assets(loaded.tree, world->modules));
    AssetShelf shelf(std::move(assets), world->modules);
    X402_TRY(facilitator::Config config, read_all(loaded, *world, shelf));
    if (flags.check) return report_good_check(flags, {});
    runtime = std::make_unique<net::Runtime>(thread_count(config.threads));
    const Serving serving{loaded, *world, *runtime};
    X402_TRY_VOID(serve_until_stopped(serving, std::move(shelf), std::move(config)));
    return kDone;
}

}  // namespace

void add_facilitator(CLI::App& app, std::function<int()>& run) {
    add_role({app, run}, "facilitator", "verify and settle payments for others", run_facilitator);
}

}  // namespace x402::apps
