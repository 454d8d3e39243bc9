// SPDX-License-Identifier: Apache-2.0
// `x402 gateway --config gateway.toml`: the payment wall in front of an API, with a facilitator
// inside where [networks] have signers and no facilitators are named.
#include <CLI/CLI.hpp>
#include <csignal>

#include "apps/x402/commands.hpp"
#include "apps/x402/role.hpp"
#include "x402/base/log.hpp"
#include "x402/facilitator/service.hpp"
#include "x402/ops/admin.hpp"
#include "x402/ops/config.hpp"
#include "x402/server/gateway.hpp"
#include "x402/server/quote.hpp"
#include "x402/server/recipients.hpp"
#include "x402/store/open.hpp"
#include "x402/transports/facilitator_client.hpp"

namespace x402::apps {
namespace {

constexpr Duration kDrain = std::chrono::seconds(90);

struct Loaded {
    Tree tree;
    std::string base_dir;
};

// What runs, in the order in which it may be torn down again: last first.
struct House {
    net::Runtime* runtime = nullptr;
    Loaded loaded;
    store::RoleStore stores;
    ops::Metrics metrics;
    std::vector<std::unique_ptr<Chain>> opened;     // for proof only
    facilitator::Service* inside = nullptr;         // owned by the gateway
    std::vector<server::FacilitatorEntry> entries;  // until the gateway takes them
    std::unique_ptr<server::Gateway> gateway;
};

Result<server::Config> read_all(const Loaded& loaded, const World& world, bool& inside) {
    X402_TRY(server::Config config,
             server::read_config(loaded.tree, world.modules, loaded.base_dir));
    inside = config.facilitators.empty();
    if (inside) {
        X402_TRY(const facilitator::Config checked,
                 facilitator::read_inside_config(loaded.tree, world.modules, loaded.base_dir));
    }
    const AssetShelf shelf(config.assets, world.modules);
    X402_TRY_VOID(check_networks(loaded.tree, world, shelf, loaded.base_dir));
    return config;
}

Task<Result<void>> start_inside(House& house, World& world, net::Runtime& runtime,
                                const server::Config& config,
                                std::vector<server::FacilitatorEntry>& entries) {
    X402_CO_TRY(
        facilitator::Config inside,
        facilitator::read_inside_config(house.loaded.tree, world.modules, house.loaded.base_dir));
    facilitator::ServiceOptions options{std::move(inside),
                                        world.modules,
                                        AssetShelf(config.assets, world.modules),
                                        *house.stores.settlements,
                                        runtime,
                                        house.metrics,
                                        world.env()};
    X402_CO_TRY(std::unique_ptr<facilitator::Service> service,
                co_await facilitator::Service::start(std::move(options)));
    house.inside = service.get();
    entries.push_back(server::FacilitatorEntry{std::move(service), {}});
    co_return Result<void>{};
}

void add_remotes(World& world, const server::Config& config,
                 std::vector<server::FacilitatorEntry>& entries) {
    for (const server::FacilitatorConfig& each : config.facilitators) {
        transports::FacilitatorClientOptions options;
        options.url = each.url;
        options.token = each.token.clone();
        options.networks = each.networks;
        entries.push_back(server::FacilitatorEntry{
            transports::make_facilitator_client(std::move(options), *world.http, world.env(),
                                                world.modules.names()),
            each.networks, each.proof});
    }
}

// Ends the runtime's coroutines before anything they refer to goes, however we leave.
struct EndOfRuntime {
    net::Runtime& runtime;
    ~EndOfRuntime() { runtime.end(); }
};

NetworkSetup proof_setup(const Loaded& loaded, const World& world, const server::Config& config,
                         const ChainId& network) {
    const Tree* sections = loaded.tree.find("networks");
    NetworkSetup setup;
    setup.network = network;
    setup.section = sections == nullptr ? nullptr : sections->find(network.text());
    setup.assets = AssetShelf(config.assets, world.modules).configured_on(network);
    setup.base_dir = loaded.base_dir;
    setup.with_signers = false;
    return setup;
}

// Opens a network for proof. What it claims must hold; that it cannot be asked right now stops
// nothing.
Task<Result<Chain*>> open_for_proof(House& house, const World& world, const server::Config& config,
                                    const ChainId& network) {
    X402_CO_TRY(std::unique_ptr<Chain> chain, world.modules.of(network)->connect(proof_setup(
                                                  house.loaded, world, config, network)));
    const Result<void> proven = co_await chain->prove();
    if (!proven && !proven.error().retryable) co_return fail(proven.error());
    if (!proven)
        log::warn("network_unproven",
                  {{"network", network.text()}, {"why", proven.error().detail}});
    house.opened.push_back(std::move(chain));
    co_return house.opened.back().get();
}

Task<Result<void>> build(House& house, World& world, net::Runtime& runtime, server::Config config) {
    std::vector<server::FacilitatorEntry>& entries = house.entries;
    if (config.facilitators.empty()) {
        X402_CO_TRY_VOID(co_await start_inside(house, world, runtime, config, entries));
    }
    add_remotes(world, config, entries);
    std::vector<Chain*> chains;
    for (const ChainId& network : config.networks) {
        Chain* chain = house.inside == nullptr ? nullptr : house.inside->chain(network);
        if (chain == nullptr) {
            X402_CO_TRY(chain, co_await open_for_proof(house, world, config, network));
        }
        chains.push_back(chain);
    }
    X402_CO_TRY(crypto::Secret secret,
                server::load_quote_secret(config.store, house.loaded.base_dir, *world.random));
    server::GatewayOptions options{
        std::move(config), world.modules, std::move(entries), *house.stores.grants, runtime,
        house.metrics,     world.env(),   std::move(chains),  std::move(secret),    {}};
    X402_CO_TRY(house.gateway, co_await server::Gateway::start(std::move(options)));
    co_return Result<void>{};
}

Task<void> build_into(House& house, World& world, net::Runtime& runtime, server::Config& config,
                      Result<void>& built) {
    built = co_await build(house, world, runtime, std::move(config));
}

ops::AdminPages admin_pages(House& house) {
    return ops::AdminPages{house.metrics, [&house] { return house.gateway->ready(); },
                           [&house] { house.gateway->refresh_metrics(); }};
}

// A configuration that is not good changes nothing.
void reload(House& house, const World& world, const RoleFlags& flags) {
    auto tree = load_config(flags.config, world.modules);
    Result<void> taken = fail(Errc::invalid, "");
    if (tree) {
        const Loaded loaded{std::move(*tree), house.loaded.base_dir};
        bool inside = false;
        auto config = read_all(loaded, world, inside);
        taken =
            config ? house.gateway->reload(std::move(*config)) : Result<void>(fail(config.error()));
    } else {
        taken = fail(tree.error());
    }
    if (taken) {
        log::info("reloaded", {{"config", flags.config}});
    } else {
        log::error("reload_refused", {{"why", taken.error().detail}, {"next", taken.error().next}});
    }
}

Task<void> stop_serving(net::HttpServer& server, House& house, Clock& clock) {
    const bool quiet = co_await server.drain(clock, kDrain);
    const bool done = co_await house.gateway->drain(kDrain);
    bool settled = true;
    if (house.inside != nullptr) settled = co_await house.inside->drain(kDrain);
    log::info("drained", {{"connections", quiet ? "closed" : "cut"},
                          {"grants", done ? "ended" : "journalled"},
                          {"settlements", settled ? "ended" : "journalled"}});
}

Result<std::unique_ptr<net::HttpServer>> listen(net::Runtime& runtime, const std::string& where,
                                                net::Handler handler) {
    net::ServerOptions options;
    options.listen = where;
    return net::serve(runtime, std::move(options), std::move(handler));
}

Result<void> serve_until_stopped(House& house, World& world, server::Config config,
                                 const RoleFlags& flags) {
    const std::string public_at = config.listen;
    const std::string admin_at = config.admin;
    net::Runtime& runtime = *house.runtime;
    std::unique_ptr<net::HttpServer> server;
    std::unique_ptr<net::HttpServer> admin;
    SignalQueue signals(runtime);
    runtime.start();
    const EndOfRuntime end{runtime};
    Result<void> built = fail(Errc::internal, "not built");
    net::run_blocking([&] { return build_into(house, world, runtime, config, built); });
    X402_TRY_VOID(std::move(built));
    for (const std::string& warning : house.gateway->warnings())
        log::warn("config", {{"warning", warning}});
    X402_TRY(server, listen(runtime, public_at, house.gateway->handler()));
    if (admin_at != "off") {
        X402_TRY(admin, listen(runtime, admin_at, ops::admin_handler(admin_pages(house))));
    }
    print_ready("gateway", server->address(),
                admin ? std::optional(admin->address()) : std::nullopt);
    while (signals.wait() == SIGHUP) reload(house, world, flags);
    net::run_blocking([&] { return stop_serving(*server, house, *world.clock); });
    return {};
}

// Opened with the endpoints of the file, for looking only.
Result<std::vector<Chain*>> open_for_check(House& house, const World& world,
                                           const server::Config& config) {
    std::vector<Chain*> chains;
    for (const ChainId& network : config.networks) {
        X402_TRY(auto chain, world.modules.of(network)->connect(
                                 proof_setup(house.loaded, world, config, network)));
        chains.push_back(chain.get());
        house.opened.push_back(std::move(chain));
    }
    return chains;
}

Task<void> ask_recipients(const server::Config& config, std::vector<Chain*> chains,
                          net::Executor executor, server::RecipientFindings& found) {
    found = co_await server::check_recipients(config, std::move(chains), executor,
                                              server::kAskRecipients);
}

// A good file, and whether the networks that it names have something against its recipients.
Result<int> check(House& house, const World& world, server::Config& config,
                  const RoleFlags& flags) {
    X402_TRY(std::vector<Chain*> chains, open_for_check(house, world, config));
    house.runtime->start();
    const EndOfRuntime end{*house.runtime};
    server::RecipientFindings found;
    net::run_blocking(
        [&] { return ask_recipients(config, std::move(chains), house.runtime->core(0), found); });
    if (!found.faults.empty()) return fail(std::move(found.faults.front()));
    config.warnings.insert(config.warnings.end(), found.unasked.begin(), found.unasked.end());
    return report_good_check(flags, config.warnings);
}

Result<int> run_gateway(const RoleFlags& flags) {
    // Goes last: the threads of the store and of the HTTP client post to it until they end.
    std::unique_ptr<net::Runtime> runtime;
    X402_TRY(const std::unique_ptr<World> world, make_world());
    House house;
    X402_TRY(house.loaded.tree, load_config(flags.config, world->modules));
    house.loaded.base_dir = ops::folder_of(flags.config);
    bool inside = false;
    X402_TRY(server::Config config, read_all(house.loaded, *world, inside));
    if (flags.check) {
        runtime = std::make_unique<net::Runtime>(1);
        house.runtime = runtime.get();
        return check(house, *world, config, flags);
    }
    const store::OpenOptions where{config.store, house.loaded.base_dir, "gateway"};
    X402_TRY(house.stores, store::open_role_store(where, world->env()));
    runtime = std::make_unique<net::Runtime>(thread_count(config.threads));
    house.runtime = runtime.get();
    X402_TRY_VOID(serve_until_stopped(house, *world, std::move(config), flags));
    return kDone;
}

}  // namespace

void add_gateway(CLI::App& app, std::function<int()>& run) {
    add_role({app, run}, "gateway", "ask for payment in front of an API", run_gateway);
}

}  // namespace x402::apps
