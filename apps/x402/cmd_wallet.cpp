// SPDX-License-Identifier: Apache-2.0
// Keys in encrypted files, what they hold, and what was paid with them. A private key is never
// printed.
#include "apps/x402/cmd_wallet.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "apps/x402/cmd_payer.hpp"
#include "x402/client/result.hpp"
#include "x402/crypto/keystore.hpp"
#include "x402/net/runtime.hpp"

namespace x402::apps {
namespace {

namespace fs = std::filesystem;

constexpr int kUsage = 2;
constexpr std::size_t kFileBytes = 64 * 1024;

struct Flags {
    std::string home;
    std::string name = "default";
    std::string family;
    std::string network;
    std::string key;
    std::vector<std::string> keys;
    std::vector<std::string> rpc;
    std::vector<std::string> networks;
    std::size_t limit = 20;
    bool json = false;
};

struct Room {
    std::unique_ptr<World> world;
    std::string home;
};

Result<Room> open_room(const Flags& flags) {
    Room room;
    X402_TRY(room.world, make_world());
    X402_TRY(room.home, open_home(flags.home));
    return room;
}

void print(const Flags& flags, const json::Object& object, const std::string& line) {
    const std::string text = flags.json ? json::dump(object) : line;
    std::printf("%s\n", client::for_terminal(text, 16 * 1024).c_str());
}

// Writes a file that did not exist, readable by its owner alone, and makes sure of it.
Result<void> write_new_file(const std::string& path, std::string_view text) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return fail_field(Errc::conflict, "name",
                          "the file " + path + " is there already or cannot be made",
                          "choose another name");
    }
    bool good = true;
    while (good && !text.empty()) {
        const ssize_t wrote = ::write(fd, text.data(), text.size());
        good = wrote > 0;
        if (good) text.remove_prefix(static_cast<std::size_t>(wrote));
    }
    good = ::fsync(fd) == 0 && good;
    good = ::close(fd) == 0 && good;
    if (good) return {};
    ::unlink(path.c_str());
    return fail_field(Errc::io, "file", "the file " + path + " cannot be written");
}

Result<crypto::Secret> new_password() {
    X402_TRY(crypto::Secret first, read_password("New password: "));
    X402_TRY(const crypto::Secret second, read_password("Again: "));
    if (!equal_constant_time(first.reveal(), second.reveal())) {
        return fail_field(Errc::invalid, "password", "the passwords differ");
    }
    if (first.empty()) return fail_field(Errc::invalid, "password", "the password is empty");
    return first;
}

// By family or network, as it was named; none: nothing was.
Result<const ChainModule*> named_module(const Modules& modules, const Flags& flags) {
    const std::string& family = flags.family.empty() ? flags.network : flags.family;
    if (family.empty()) return nullptr;
    if (const ChainModule* module = modules.family(family)) return module;
    if (flags.family.empty()) {
        X402_TRY(const ChainId network, modules.find_network(family));
        return modules.of(network);
    }
    return fail_field(Errc::unsupported, "family", "no module of this build is called " + family);
}

Result<std::string> keep_key(const Room& room, const Flags& flags, const WalletProvider& provider,
                             const crypto::Secret& key) {
    X402_TRY_VOID(check_key_name(flags.name));
    X402_TRY(const auto wallet, provider.from_bytes(key));
    const std::string path = keystore_path(room.home, flags.name);
    std::error_code error;
    if (fs::exists(path, error)) {
        return fail_field(Errc::conflict, "name",
                          "there is a key called " + flags.name + " already",
                          "choose another name");
    }
    X402_TRY(const crypto::Secret password, new_password());
    // The format's own member is for addresses in hexadecimal digits; ours says any.
    const std::string& address = wallet->address();
    const std::string plain = address.starts_with("0x") ? address.substr(2) : std::string{};
    X402_TRY(const std::string text,
             crypto::keystore_encrypt(key, password.reveal_text(), plain, *room.world->random));
    X402_TRY(json::Object file, json::parse_object(text));
    file["x402_family"] = std::string(provider.family());
    file["x402_address"] = address;
    const fs::path folder = fs::path(path).parent_path();
    if (fs::create_directories(folder, error)) fs::permissions(folder, fs::perms::owner_all, error);
    X402_TRY_VOID(write_new_file(path, json::dump(file)));
    return address;
}

Result<void> wallet_new(const Flags& flags) {
    X402_TRY(const Room room, open_room(flags));
    const Modules& modules = room.world->modules;
    if (modules.all().empty()) return fail(Errc::unsupported, "this build has no networks");
    X402_TRY(const ChainModule* module, named_module(modules, flags));
    if (module == nullptr) module = modules.all().front().get();
    const auto bytes = room.world->random->bytes<32>();
    const crypto::Secret key(to_bytes(bytes.view()));
    X402_TRY(const std::string address, keep_key(room, flags, module->wallets(), key));
    print(flags, {{"name", flags.name}, {"address", address}},
          address + "\nfund this address, then pay with --key keystore:" + flags.name);
    return {};
}

Result<void> wallet_import(const Flags& flags) {
    X402_TRY(const Room room, open_room(flags));
    X402_TRY(const crypto::Secret text,
             crypto::load_secret(flags.key, fs::current_path().string()));
    X402_TRY(const ChainModule* module, named_module(room.world->modules, flags));
    const WalletProvider* provider = module == nullptr ? nullptr : &module->wallets();
    if (provider == nullptr) {
        X402_TRY(provider, provider_of(room.world->modules, text));
    }
    X402_TRY(const crypto::Secret key, provider->read_bytes(text));
    X402_TRY(const std::string address, keep_key(room, flags, *provider, key));
    print(flags, {{"name", flags.name}, {"address", address}}, address);
    return {};
}

Result<void> wallet_list(const Flags& flags) {
    X402_TRY(const Room room, open_room(flags));
    std::error_code error;
    for (const auto& file : fs::directory_iterator(fs::path(room.home) / "keystore", error)) {
        if (file.path().extension() != ".json") continue;
        const auto text = read_file(file.path().string(), kFileBytes);
        if (!text) continue;
        const auto object = json::parse_object(*text);
        if (!object) continue;
        std::string address = json::text_or_empty(*object, "x402_address");
        if (address.empty()) address = json::text_or_empty(*object, "address");
        const std::string reference = "keystore:" + file.path().stem().string();
        print(flags, {{"key", reference}, {"address", address}}, reference + "  " + address);
    }
    for (const auto& module : room.world->modules.all()) {
        const std::string reference =
            "env:" + std::string(module->wallets().default_key_variable());
        const auto wallet = load_wallet(*room.world, room.home, reference);
        if (!wallet) continue;
        print(flags, {{"key", reference}, {"address", (*wallet)->address()}},
              reference + "  " + (*wallet)->address());
    }
    return {};
}

struct Balances {
    const Flags& flags;
    const World& world;
    client::ChainShelf& chains;
    const std::vector<std::unique_ptr<Wallet>>& wallets;
    std::vector<ChainId> networks;
    bool all = false;  // asked for every network: only what is not zero is shown
    bool trouble = false;
};

Task<void> show_balance(Balances& balances, const Wallet& wallet, const AssetInfo& asset) {
    const ChainId& network = asset.id.network;
    const auto opened = balances.chains.open(network);
    Result<U256> amount = fail(Errc::unavailable);
    if (opened) {
        amount = co_await opened->chain->balance(wallet.address(), asset);
    } else {
        amount = fail(opened.error());
    }
    if (!amount) {
        balances.trouble = balances.trouble || !balances.all;
        if (!balances.all) complain(amount.error());
        co_return;
    }
    if (balances.all && amount->is_zero()) co_return;
    print(balances.flags,
          {{"address", wallet.address()},
           {"network", network.text()},
           {"asset", asset.symbol},
           {"amount", amount->to_decimal()},
           {"balance", from_atomic(*amount, asset.decimals)}},
          wallet.address() + "  " + network.text() + "  " + show(*amount, asset));
}

Task<void> show_balances(Balances& balances) {
    for (const auto& wallet : balances.wallets) {
        for (const ChainId& network : balances.networks) {
            const ChainModule* module = balances.world.modules.of(network);
            if (module == nullptr || module->family() != wallet->family()) continue;
            for (const AssetInfo& asset : module->assets()) {
                if (asset.id.network == network) co_await show_balance(balances, *wallet, asset);
            }
        }
    }
}

Result<void> wallet_balance(const Flags& flags, bool& trouble) {
    X402_TRY(const Room room, open_room(flags));
    const World& world = *room.world;
    X402_TRY(const auto wallets, load_wallets(world, room.home, flags.keys));
    if (wallets.empty()) {
        return fail_field(Errc::not_found, "key", "there is no key to look at",
                          "pass --key or set " + default_variables(world.modules));
    }
    client::ChainShelf chains(world.modules);
    Balances balances{
        .flags = flags, .world = world, .chains = chains, .wallets = wallets, .networks = {}};
    for (const std::string& endpoint : flags.rpc) {
        X402_TRY_VOID(chains.add_endpoint(endpoint));
        X402_TRY(ChainId network,
                 world.modules.find_network(endpoint.substr(0, endpoint.find('='))));
        balances.networks.push_back(std::move(network));
    }
    for (const std::string& text : flags.networks) {
        X402_TRY(ChainId network, world.modules.find_network(text));
        balances.networks.push_back(std::move(network));
    }
    balances.all = balances.networks.empty();
    for (const auto& module : world.modules.all()) {
        for (const KnownNetwork& known : module->networks()) {
            if (balances.all && !known.public_rpc.empty()) balances.networks.push_back(known.id);
        }
    }
    net::run_blocking([&balances] { return show_balances(balances); });
    trouble = balances.trouble;
    return {};
}

std::string date_text(Instant at) {
    const auto day = std::chrono::floor<std::chrono::days>(at);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss time(std::chrono::floor<std::chrono::seconds>(at - day));
    char text[40];
    std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02dZ",
                  static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                  static_cast<unsigned>(date.day()), static_cast<int>(time.hours().count()),
                  static_cast<int>(time.minutes().count()),
                  static_cast<int>(time.seconds().count()));
    return text;
}

void show_entry(const Flags& flags, const store::JournalEntry& entry) {
    const std::string at = date_text(entry.created);
    const std::string state(entry.state == store::JournalState::signed_ ? "signed"
                                                                        : to_string(entry.state));
    const std::string amount = from_atomic(entry.amount, entry.decimals) + " " + entry.symbol;
    json::Object object{{"at", at},
                        {"outcome", state},
                        {"delivered", entry.delivered},
                        {"amount", amount},
                        {"network", entry.network.text()},
                        {"payTo", entry.pay_to},
                        {"payer", entry.payer},
                        {"method", entry.method},
                        {"url", entry.url},
                        {"transaction", entry.transaction},
                        {"key", entry.key.value()},
                        {"usableUntil", date_text(entry.usable_until)}};
    std::string line = at + "  " + state + "  " + amount + "  " + entry.network.text() + "  " +
                       entry.method + " " + entry.url;
    if (!entry.transaction.empty()) line += "  " + entry.transaction;
    print(flags, object, line);
}

Task<void> read_history(store::PaymentJournal& journal, std::size_t limit,
                        Result<std::vector<store::JournalEntry>>& into) {
    into = co_await journal.history(limit);
}

Result<void> wallet_history(const Flags& flags) {
    X402_TRY(const Room room, open_room(flags));
    X402_TRY(const auto journal, open_home_journal(room.home, room.world->env()));
    Result<std::vector<store::JournalEntry>> entries = fail(Errc::internal);
    net::run_blocking([&] { return read_history(*journal, flags.limit, entries); });
    if (!entries) return fail(std::move(entries).error());
    for (const store::JournalEntry& entry : *entries) show_entry(flags, entry);
    return {};
}

int ended(const Result<void>& result, bool trouble = false) {
    if (result) return trouble ? 1 : 0;
    complain(result.error());
    return result.error().code == Errc::invalid ? kUsage : 1;
}

CLI::App* add_command(CLI::App& wallet, const std::string& name, const std::string& help,
                      Flags& flags) {
    CLI::App* command = wallet.add_subcommand(name, help);
    command->add_option("--home", flags.home, "the folder of journal and keys");
    command->add_flag("--json", flags.json, "one JSON line an item");
    return command;
}

}  // namespace

void add_wallet(CLI::App& app, std::function<int()>& run) {
    // Shared: the parser fills it, the callback runs after this function has returned.
    const auto flags = std::make_shared<Flags>();
    CLI::App* wallet = app.add_subcommand("wallet", "keys, balances and what was paid");
    wallet->require_subcommand(1);

    CLI::App* fresh = add_command(*wallet, "new", "make a key in an encrypted file", *flags);
    fresh->add_option("name", flags->name, "the key's name");
    fresh->add_option("--family", flags->family, "the family of networks, like eip155");
    fresh->add_option("--network", flags->network, "a family, or a network of it")
        ->excludes("--family");
    fresh->callback([flags, &run] { run = [flags] { return ended(wallet_new(*flags)); }; });

    CLI::App* import = add_command(*wallet, "import", "keep a key in an encrypted file", *flags);
    import->add_option("name", flags->name, "the key's name")->required();
    import->add_option("--key", flags->key, "env:NAME or file:PATH")->required();
    import->add_option("--family", flags->family,
                       "the family of networks, like eip155; default: by the key's form");
    import->add_option("--network", flags->network, "a family, or a network of it")
        ->excludes("--family");
    import->callback([flags, &run] { run = [flags] { return ended(wallet_import(*flags)); }; });

    CLI::App* list = add_command(*wallet, "list", "the keys that are here", *flags);
    list->callback([flags, &run] { run = [flags] { return ended(wallet_list(*flags)); }; });

    CLI::App* balance =
        add_command(*wallet, "balance", "what the keys hold of the known assets", *flags);
    balance->add_option("--key", flags->keys, "env:NAME, file:PATH or keystore:NAME")
        ->allow_extra_args(false);
    balance->add_option("--rpc", flags->rpc, "NETWORK=URL")->allow_extra_args(false);
    balance->add_option("--network", flags->networks, "only these networks")
        ->allow_extra_args(false);
    balance->callback([flags, &run] {
        run = [flags] {
            bool trouble = false;
            const auto result = wallet_balance(*flags, trouble);
            return ended(result, trouble);
        };
    });

    CLI::App* history = add_command(*wallet, "history", "what was paid, the newest first", *flags);
    history->add_option("--limit", flags->limit, "how many")->check(CLI::Range(1, 100'000));
    history->callback([flags, &run] { run = [flags] { return ended(wallet_history(*flags)); }; });
}

}  // namespace x402::apps
