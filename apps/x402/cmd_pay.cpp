// SPDX-License-Identifier: Apache-2.0
// The body goes to stdout, what was paid to stderr, and what is known of the payment into the exit
// code. Nothing that a server sent reaches a terminal unfiltered. An answer that stdout did not
// take whole is not delivered: the payment stays open, and the next run fetches its answer again.
#include "apps/x402/cmd_pay.hpp"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <iterator>
#include <memory>
#include <optional>

#include "apps/x402/cmd_payer.hpp"
#include "x402/base/hex.hpp"
#include "x402/base/sync.hpp"
#include "x402/client/blocking.hpp"
#include "x402/net/runtime.hpp"
#include "x402/net/ssrf_guard.hpp"
#include "x402/protocol/codec.hpp"

namespace x402::apps {
namespace {

constexpr int kUsage = 2;
constexpr std::uint64_t kMostRequests = 1'000'000;
constexpr std::uint64_t kMostParallel = 1'000;
constexpr std::size_t kBodyFile = 64 * 1024 * 1024;
constexpr std::size_t kTerminalBody = 1024 * 1024;

struct Flags {
    std::string url;
    std::string method;
    std::vector<std::string> data;
    std::vector<std::string> headers;
    std::uint64_t count = 1;
    std::uint64_t parallel = 1;
    std::uint64_t max_time_s = 120;
    std::vector<std::string> max;
    std::vector<std::string> budgets;
    std::vector<std::string> prefer;
    std::vector<std::string> avoid;
    std::vector<std::string> symbols;
    std::vector<std::string> allow_assets;
    std::vector<std::string> allow_hosts;
    std::vector<std::string> allow_pay_to;
    std::vector<std::string> keys;
    std::vector<std::string> rpc;
    std::string home;
    std::string fail = "status";
    bool dry_run = false;
    bool new_payment = false;
    bool json = false;
};

Result<std::string> read_data(const std::string& item) {
    if (item.empty() || item.front() != '@') return item;
    // Not /dev/stdin: that cannot be opened where stdin is a socket.
    if (item == "@-") return read_stream(std::cin, "stdin", kBodyFile);
    return read_file(item.substr(1), kBodyFile);
}

std::string_view guessed_type(std::string_view body) {
    const auto first = body.find_first_not_of(" \t\r\n");
    const bool json = first != std::string_view::npos && (body[first] == '{' || body[first] == '[');
    return json ? "application/json" : "application/x-www-form-urlencoded";
}

Result<void> add_header(net::Headers& headers, const std::string& line) {
    const auto colon = line.find(':');
    if (colon == std::string::npos || colon == 0) {
        return fail_field(Errc::invalid, "header", "a header is written as 'Name: value'");
    }
    const auto value = line.find_first_not_of(" \t", colon + 1);
    headers.add(line.substr(0, colon),
                value == std::string::npos ? std::string{} : line.substr(value));
    return {};
}

Result<client::Request> read_request(const Flags& flags) {
    client::Request request;
    request.url = flags.url;
    if (request.url.find("://") == std::string::npos) {
        const auto guessed = net::split_url("http://" + flags.url);
        request.url = guessed && net::is_loopback_host(guessed->host) ? "http://" : "https://";
        request.url += flags.url;
    }
    if (const auto hash = request.url.find('#'); hash != std::string::npos)
        request.url.resize(hash);
    X402_TRY(const net::UrlParts parts, net::split_url(request.url));
    request.url = parts.origin() + parts.target;
    for (std::size_t i = 0; i < flags.data.size(); ++i) {
        X402_TRY(const std::string piece, read_data(flags.data[i]));
        if (i > 0) request.body += '&';
        request.body += piece;
    }
    for (const std::string& line : flags.headers) X402_TRY_VOID(add_header(request.headers, line));
    request.method = !flags.method.empty() ? flags.method : flags.data.empty() ? "GET" : "POST";
    if (!flags.data.empty() && !request.headers.has("Content-Type")) {
        request.headers.add("Content-Type", std::string(guessed_type(request.body)));
    }
    request.timeout = std::chrono::seconds(flags.max_time_s);
    request.new_payment = flags.new_payment;
    return request;
}

// A preference that nothing answers to does no harm; a word to avoid that nothing answers to would.
Result<void> check_avoided(const Flags& flags, const Modules& modules) {
    for (const std::string& word : flags.avoid) {
        if (client::is_known_word(word, modules)) continue;
        return fail_field(Errc::invalid, "avoid", "nothing in this build is called " + word,
                          "name a network, a family, 'mainnet', 'testnet', an asset or a scheme");
    }
    return {};
}

Result<client::Policy> read_policy(const Flags& flags, Random& random) {
    client::Policy policy;
    policy.allow_loopback = true;  // a person typed the URL
    policy.group = "run-" + to_hex(random.bytes<8>().view());
    policy.prefer = flags.prefer;
    policy.avoid = flags.avoid;
    policy.symbols = flags.symbols;
    policy.allow_hosts = flags.allow_hosts;
    policy.allow_pay_to = flags.allow_pay_to;
    for (const std::string& text : flags.max) X402_TRY_VOID(client::set_limit(policy, text));
    for (const std::string& text : flags.budgets) {
        X402_TRY(client::Budget budget, client::read_budget(text, policy.group));
        policy.budgets.push_back(std::move(budget));
    }
    for (const std::string& text : flags.allow_assets) {
        X402_TRY(AssetId id, AssetId::parse(text));
        policy.allow_assets.push_back(std::move(id));
    }
    return policy;
}

void print_line(const std::string& line) {
    std::fprintf(stderr, "x402: %s\n", client::for_line(line).c_str());
}

Result<void> print_body(const std::string& body) {
    if (isatty(STDOUT_FILENO) == 0) return write_out(body);
    std::string shown = client::for_terminal(body, kTerminalBody);
    if (!shown.empty() && shown.back() != '\n') shown += '\n';
    return write_out(shown);
}

Result<void> print_json(const json::Object& object) {
    std::string line = json::dump(object);
    if (isatty(STDOUT_FILENO) != 0) line = client::for_terminal(line, kTerminalBody);
    return write_out(line + '\n');
}

struct Batch {
    Batch(client::Client& payer, const client::Request& asked, const Flags& given, bool& deaf)
        : client(payer), request(asked), flags(given), stopped(deaf) {}

    client::Client& client;
    const client::Request& request;
    const Flags& flags;
    bool& stopped;  // stdout took no more: nothing is asked for, and nothing signed, from here on
    std::uint64_t next = 0;
    std::uint64_t running = 0;
    int exit = 0;
    Bell bell;
};

Result<void> print_answer(const Flags& flags, const client::PayResult& result) {
    return flags.json ? print_json(client::write(result)) : print_body(result.body);
}

bool is_owed(const client::PayResult& result) {
    return result.error && result.error->code == client::kNotHandedOver;
}

// What is said beside the answer: with --json only what that does not hold, after its first `told`
// notices.
void print_lines(const Flags& flags, const client::PayResult& result, std::size_t told) {
    for (std::size_t i = flags.json ? told : 0; i < result.notices.size(); ++i)
        print_line(result.notices[i]);
    if (flags.json && !is_owed(result)) return;
    if (result.outcome != client::PayOutcome::none || result.error)
        print_line(client::summary(result));
}

// told: how many notices the answer had when it was handed over; nothing: it was not.
void report(Batch& batch, const client::PayResult& result, std::optional<std::size_t> told) {
    const client::ExitRules rules{.fail_never = batch.flags.fail == "never"};
    batch.exit = client::worse_exit(batch.exit, client::exit_code(result, rules));
    Result<void> written;
    if (!told) written = print_answer(batch.flags, result);
    print_lines(batch.flags, result, told.value_or(result.notices.size()));
    if (written && !is_owed(result)) return;
    // What is paid for from here on could not be shown either.
    batch.stopped = true;
    if (written) return;
    print_line("the answer could not be written: " + written.error().detail);
    batch.exit = client::worse_exit(batch.exit, 1);
}

Task<void> work(Batch& batch) {
    while (!batch.stopped && batch.next < batch.flags.count) {
        ++batch.next;
        std::optional<std::size_t> told;
        client::Request request = batch.request;
        request.hand_over = [&batch, &told](const client::PayResult& result) {
            told = result.notices.size();
            auto written = print_answer(batch.flags, result);
            if (!written) batch.stopped = true;
            return written;
        };
        const client::PayResult result = co_await batch.client.fetch(std::move(request));
        report(batch, result, told);
    }
    --batch.running;
    batch.bell.ring();
}

Task<void> run_batch(Batch& batch) {
    const auto executor = co_await net::this_executor();
    batch.running = std::min(batch.flags.count, batch.flags.parallel);
    const std::uint64_t others = batch.running - 1;
    for (std::uint64_t i = 0; i < others; ++i) {
        net::spawn_on(executor, [&batch] { return work(batch); });
    }
    co_await work(batch);
    while (batch.running > 0) {
        const std::uint64_t seen = batch.bell.count();
        co_await batch.bell.wait(seen, std::chrono::seconds(1));
    }
}

json::Object write_offer(const client::OfferReport& offer) {
    json::Object object;
    object["accepted"] = client::write_shown(offer.requirements);
    if (offer.asset) object["amount"] = show(offer.requirements.amount, *offer.asset);
    if (offer.refusal) {
        json::Object error;
        error["code"] = offer.refusal->code;
        error["message"] = offer.refusal->message;
        if (!offer.refusal->next.empty()) error["next"] = offer.refusal->next;
        object["error"] = std::move(error);
    }
    return object;
}

std::string offer_line(const client::OfferReport& offer) {
    const PaymentRequirements& terms = offer.requirements;
    const std::string amount = offer.asset ? show(terms.amount, *offer.asset)
                                           : terms.amount.to_decimal() + " units of " + terms.asset;
    std::string line =
        amount + " on " + terms.network.text() + " to " + terms.pay_to + " (" + terms.scheme + ")";
    line += offer.refusal
                ? ": refused, " + offer.refusal->message + " [" + offer.refusal->code + "]"
                : ": could be paid";
    return line;
}

int dry_run(client::Client& client, const client::Request& request, const Flags& flags) {
    const client::Quote quote = client::quote_blocking(client, request);
    const auto& choice = quote.selection.choice;
    if (flags.json) {
        json::Object object;
        object["status"] = quote.status;
        object["dry_run"] = true;
        object["payment_required"] = quote.payment_required;
        object["would_pay"] = nullptr;
        if (choice) object["would_pay"] = client::write_shown(choice->requirements);
        json::Array offers;
        for (const auto& offer : quote.selection.offers) offers.emplace_back(write_offer(offer));
        object["offers"] = std::move(offers);
        if (quote.error)
            object["error"] =
                json::Object{{"code", quote.error->code}, {"message", quote.error->message}};
        if (const auto written = print_json(object); !written) {
            complain(written.error());
            return 1;
        }
    } else {
        for (const auto& offer : quote.selection.offers) print_line(offer_line(offer));
        if (choice) {
            const PaymentRequirements& terms = choice->requirements;
            print_line("would pay " + show(terms.amount, choice->asset) + " on " +
                       terms.network.text() + " to " + terms.pay_to + "; nothing was signed");
        } else if (quote.error) {
            print_line(quote.error->message + " [" + quote.error->code + "]");
        } else {
            print_line("the server answers " + std::to_string(quote.status) +
                       " and asks for no payment");
        }
    }
    if (choice) return 0;
    if (quote.refused) return 4;
    return quote.error || (quote.status >= 400 && flags.fail != "never") ? 1 : 0;
}

int usage(const Error& error) {
    complain(error);
    return kUsage;
}

int run_pay(const Flags& flags) {
    occupy_closed_streams();
    (void)std::signal(SIGPIPE, SIG_IGN);  // a closed pipe is an error of a write
    auto world = make_world();
    if (!world) return usage(world.error());
    auto request = read_request(flags);
    if (!request) return usage(request.error());
    auto policy = read_policy(flags, *(*world)->random);
    if (!policy) return usage(policy.error());
    if (const auto known = check_avoided(flags, (*world)->modules); !known) {
        return usage(known.error());
    }
    client::ChainShelf chains((*world)->modules);
    for (const std::string& endpoint : flags.rpc) {
        if (const auto added = chains.add_endpoint(endpoint); !added) return usage(added.error());
    }
    const auto home = open_home(flags.home);
    if (!home) return usage(home.error());
    Result<std::vector<std::unique_ptr<Wallet>>> wallets = std::vector<std::unique_ptr<Wallet>>{};
    if (!flags.dry_run) wallets = load_wallets(**world, *home, flags.keys);
    if (!wallets) return usage(wallets.error());
    auto journal = open_home_journal(*home, (*world)->env());
    if (!journal) {
        complain(journal.error());
        return 1;
    }
    const auto transport = client::make_http_transport(*(*world)->http);
    bool stopped = false;
    client::ClientOptions options{
        .modules = (*world)->modules,
        .wallets = std::move(*wallets),
        .policy = std::move(*policy),
        .journal = **journal,
        .transport = *transport,
        .env = (*world)->env(),
        .open_chain = [&chains](const ChainId& network) { return chains.open(network); },
        .approve = [&stopped](const client::Choice&, const std::string&) { return !stopped; }};
    client::Client client(std::move(options));
    if (flags.dry_run) return dry_run(client, *request, flags);
    Batch batch(client, *request, flags, stopped);
    net::run_blocking([&batch] { return run_batch(batch); });
    return batch.exit;
}

CLI::Option* add_list(CLI::App& app, const std::string& name, std::vector<std::string>& into,
                      const std::string& help) {
    return app.add_option(name, into, help)->allow_extra_args(false);
}

void add_request_flags(CLI::App& pay, Flags& flags) {
    pay.add_option("url", flags.url, "what to ask for; https:// where no scheme is given")
        ->required();
    pay.add_option("-X,--request", flags.method, "the method; GET, or POST with -d");
    add_list(pay, "-d,--data", flags.data,
             "the body; @FILE reads it, @- reads stdin; several are joined with &");
    add_list(pay, "-H,--header", flags.headers, "a header, 'Name: value'; repeatable");
    pay.add_option("-n,--count", flags.count, "how many requests, each its own payment")
        ->check(CLI::Range(std::uint64_t{1}, kMostRequests));
    pay.add_option("-c,--parallel", flags.parallel, "how many at a time")
        ->check(CLI::Range(std::uint64_t{1}, kMostParallel));
    pay.add_option("-m,--max-time", flags.max_time_s, "seconds for one exchange")
        ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{3600}));
    pay.add_flag("--dry-run", flags.dry_run, "show what would be paid; sign nothing");
    pay.add_flag("--new", flags.new_payment,
                 "make a new payment although an earlier one's outcome is unknown");
    pay.add_flag("--json", flags.json, "one JSON line a request on stdout");
    pay.add_option("--fail", flags.fail,
                   "'never': an HTTP status alone does not make the exit code 1")
        ->check(CLI::IsMember({"never", "status"}));
}

void add_policy_flags(CLI::App& pay, Flags& flags) {
    add_list(pay, "--max", flags.max,
             "the most one payment may cost: '$0.05' (default $1), or '0.01 WETH' for one asset");
    add_list(pay, "--budget", flags.budgets,
             "the most this command may spend: '$1'; '$5/day' counts all commands");
    add_list(pay, "--prefer", flags.prefer,
             "networks, 'mainnet', 'testnet', assets or schemes, best first")
        ->delimiter(',');
    add_list(pay, "--avoid", flags.avoid, "the same words: never pay so")->delimiter(',');
    add_list(pay, "--asset", flags.symbols, "pay only in this asset, by symbol")->delimiter(',');
    add_list(pay, "--allow-asset", flags.allow_assets,
             "a token beyond the known dollar tokens, by CAIP-19 name; one whose symbol contains "
             "USD counts as a dollar");
    add_list(pay, "--allow-host", flags.allow_hosts,
             "a host that may be private, plain http or look like another");
    add_list(pay, "--allow-pay-to", flags.allow_pay_to,
             "a recipient that differs from the one paid before, or 'any'");
    add_list(pay, "--key", flags.keys,
             "env:NAME, file:PATH or keystore:NAME; default X402_EVM_KEY, X402_SVM_KEY");
    add_list(pay, "--rpc", flags.rpc, "NETWORK=URL, for looking at what became of a payment");
    pay.add_option("--home", flags.home,
                   "the folder of journal and keys; default X402_HOME or the XDG data folder");
}

}  // namespace

void add_pay(CLI::App& app, std::function<int()>& run) {
    // Shared: the parser fills it, the callback runs after this function has returned.
    const auto flags = std::make_shared<Flags>();
    CLI::App* pay = app.add_subcommand("pay", "ask for a URL and pay for it");
    add_request_flags(*pay, *flags);
    add_policy_flags(*pay, *flags);
    pay->callback([flags, &run] { run = [flags] { return run_pay(*flags); }; });
}

}  // namespace x402::apps
