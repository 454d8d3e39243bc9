// SPDX-License-Identifier: Apache-2.0
// Golden configurations and their faults: where, which field, what to do.
#include "x402/server/config.hpp"

#include <gtest/gtest.h>

#include "x402/ops/config.hpp"
#include "x402/server/test_world.hpp"

namespace x402::server {
namespace {

Result<Config> read(const std::string& text, const Modules& modules) {
    X402_TRY(const Tree tree, ops::parse_toml(text, "gateway.toml"));
    X402_TRY(Config config, read_config(tree, modules, "."));
    X402_TRY_VOID(ops::refuse_unread(tree));
    return config;
}

Result<Config> read(const std::string& text) {
    static const auto modules = testing::make_toy_modules();
    return read(text, *modules);
}

const char* const kWhole = R"(listen = "127.0.0.1:0"
admin = "off"
origin = "https://api.example.com/"
upstream = "http://127.0.0.1:3000"
store = "sqlite:gateway.db"
threads = 2
facilitators = [
    "http://127.0.0.1:4020",
    { url = "https://fac.example", networks = ["toy:*"] },
    { url = "http://10.0.0.1", insecure = true },
]
pending_wait = "20s"
pay_to = { toy = "toy1seller" }
default = "free"
cors = { origins = ["https://app.example"] }
[networks."toy:one"]
[assets.local]
network = "toy:one"
address = "coin-local"
decimals = 3
usd = true
[[routes]]
match = "GET /weather"
price = "$0.001"
description = "Weather report"
mime_type = "application/json"
networks = ["toy-one"]
settle = { when = "status < 300" }
max_timeout_seconds = 120
upstream_timeout = "40s"
max_held = "1MiB"
replay = "1m"
max_body = "2KiB"
body_mirror = false
upstream = { url = "http://10.0.0.1:80/v1", insecure = true }
[[routes]]
match = "POST /ask/:topic"
accepts = [
    { asset = "local", price = "0.5 LOCAL", pay_to = "toy1other", extra = { n = 2, vip = true } },
    { asset = "USDC", network = "toy:one", price = 7, transfer = "quick", extra = { memo = "m" } },
]
settle = "before"
[[routes]]
match = "GET /health"
free = true
)";

TEST(ReadConfig, Whole) {
    const auto config = read(kWhole);
    ASSERT_TRUE(config.has_value()) << to_string(config.error());
    EXPECT_EQ(config->origin, "https://api.example.com");
    EXPECT_EQ(config->admin, "off");
    EXPECT_EQ(config->threads, 2U);
    ASSERT_EQ(config->facilitators.size(), 3U);
    EXPECT_TRUE(config->facilitators[2].insecure);
    EXPECT_EQ(config->pending_wait, std::chrono::seconds(20));
    EXPECT_TRUE(config->open_by_default);
    ASSERT_EQ(config->routes.size(), 3U);
    const RouteConfig& weather = config->routes[0];
    ASSERT_EQ(weather.offers.size(), 1U);
    EXPECT_EQ(weather.offers[0].asset.address, "coin-local") << "a configured dollar comes first";
    EXPECT_EQ(weather.offers[0].amount, U256(1));
    EXPECT_EQ(weather.offers[0].pay_to, "toy1seller");
    EXPECT_FALSE(weather.timing.pays(302));
    EXPECT_EQ(weather.max_timeout_seconds, 120);
    EXPECT_EQ(weather.max_held, 1024U * 1024U);
    EXPECT_EQ(weather.max_body, 2048U);
    EXPECT_EQ(weather.upstream, "http://10.0.0.1:80/v1");
    EXPECT_FALSE(weather.body_mirror);
    const RouteConfig& ask = config->routes[1];
    ASSERT_EQ(ask.offers.size(), 2U);
    EXPECT_EQ(ask.offers[0].amount, U256(500));
    EXPECT_EQ(ask.offers[0].pay_to, "toy1other");
    EXPECT_EQ(ask.offers[1].asset.symbol, "USDC");
    EXPECT_EQ(ask.offers[1].amount, U256(7));
    EXPECT_EQ(ask.offers[1].transfer, "quick");
    EXPECT_EQ(json::dump(ask.offers[0].extra), R"({"n":2,"vip":true})");
    EXPECT_EQ(json::dump(ask.offers[1].extra), R"({"memo":"m"})");
    EXPECT_TRUE(weather.offers[0].extra.empty());
    EXPECT_EQ(ask.timing.moment, SettleMoment::before);
    EXPECT_TRUE(config->routes[2].free);
}

TEST(ReadConfig, Defaults) {
    const auto config = read(R"(upstream = "http://127.0.0.1:3000"
facilitators = ["http://127.0.0.1:4020"]
pay_to = "toy1seller"
[[routes]]
match = "GET /weather"
price = "0.001 USDC"
networks = ["toy:one"]
)");
    ASSERT_TRUE(config.has_value()) << to_string(config.error());
    EXPECT_EQ(config->listen, "127.0.0.1:4021");
    EXPECT_EQ(config->pending_wait, std::chrono::seconds(60));
    EXPECT_EQ(config->warnings.size(), 1U) << "the origin";
    const RouteConfig& route = config->routes.front();
    EXPECT_EQ(route.max_timeout_seconds, 300);
    EXPECT_EQ(route.upstream_timeout, std::chrono::seconds(30));
    EXPECT_EQ(route.pending_wait, std::chrono::seconds(60));
    EXPECT_EQ(route.replay, std::chrono::minutes(10));
    EXPECT_EQ(route.offers.front().pay_to, "toy1seller");
}

struct Fault {
    const char* name;
    std::string text;   // after the head below
    const char* place;  // "gateway.toml:5: routes[0].price"
    const char* what;
    const char* next;
};

// Lines 1 to 3.
const std::string kHead =
    "upstream = \"http://127.0.0.1:3000\"\nfacilitators = [\"http://127.0.0.1:4020\"]\npay_to = "
    "\"toy1seller\"\n";
// Lines 4 to 6 when it comes first.
const std::string kRoute = "[[routes]]\nmatch = \"GET /a\"\nnetworks = [\"toy:one\"]\n";

TEST(ReadConfig, FaultsSayWhereWhatAndWhatToDo) {
    const Fault faults[] = {
        {"price that cannot be", kRoute + "price = \"$0.0000015\"",
         "gateway.toml:7: routes[0].price", "", "0.000001"},
        {"price of nothing", kRoute + "price = \"$0\"", "gateway.toml:7: routes[0].price", "", ""},
        {"negative price", kRoute + "price = \"$-1\"", "gateway.toml:7: routes[0].price", "", ""},
        {"bare number", kRoute + "price = 10", "gateway.toml:7: routes[0].price", "no unit",
         "$0.01"},
        {"other symbol", kRoute + "price = \"1 DOGE\"", "gateway.toml:7: routes[0].price", "DOGE",
         "assets"},
        {"no price", kRoute, "gateway.toml:4: routes[0]", "no price", "free = true"},
        {"unknown network",
         "[[routes]]\nmatch = \"GET /a\"\nprice = \"$1\"\nnetworks = [\"nope:nine\"]",
         "gateway.toml:7: routes[0].networks[0]", "nope:nine", "CAIP-2"},
        {"no networks", "[[routes]]\nmatch = \"GET /a\"\nprice = \"$1\"",
         "gateway.toml:4: routes[0]", "where", "networks"},
        {"unknown asset",
         "[[routes]]\nmatch = \"GET /a\"\nprice = \"$1\"\naccepts = [{ asset = \"nope\" }]",
         "gateway.toml:7: routes[0].accepts[0].asset", "nope", "assets.nope"},
        {"bad address",
         "[[routes]]\nmatch = \"GET /a\"\nprice = \"$1\"\nnetworks = [\"toy:one\"]\npay_to = "
         "\"0x1\"",
         "gateway.toml:8: routes[0].pay_to", "0x1", "toy1"},
        {"role", kRoute + "price = \"$1\"\npay_to = \"role:merchant\"",
         "gateway.toml:8: routes[0].pay_to", "roles", "address"},
        {"dynamic price", kRoute + "price = { by = \"method\" }", "gateway.toml:7: routes[0].price",
         "per request", ""},
        {"bad match", "[[routes]]\nmatch = \"/a\"\nprice = \"$1\"\nnetworks = [\"toy:one\"]",
         "gateway.toml:5: routes[0].match", "verb", "GET"},
        {"shadowed", kRoute + "price = \"$1\"\n[[routes]]\nmatch = \"GET /a\"\nfree = true",
         "gateway.toml:8: routes[1].match", "never reached", "special"},
        {"too little time", kRoute + "price = \"$1\"\nmax_timeout_seconds = 99",
         "gateway.toml:4: routes[0]", "100 s", "max_timeout_seconds = 100"},
        {"settle word", kRoute + "price = \"$1\"\nsettle = \"later\"",
         "gateway.toml:8: routes[0].settle", "", "choose"},
        {"settle condition", kRoute + "price = \"$1\"\nsettle = { when = \"code < 3\" }",
         "gateway.toml:8: routes[0].settle", "status", "status < 300"},
        {"free and priced", kRoute + "price = \"$1\"\nfree = true",
         "gateway.toml:7: routes[0].price", "free", "remove"},
        {"scheme",
         "[[routes]]\nmatch = \"GET /a\"\nprice = \"$1\"\naccepts = [{ asset = \"USDC\", network = "
         "\"toy:one\", scheme = \"upto\" }]",
         "gateway.toml:7: routes[0].accepts[0]", "upto", "exact"},
        {"twins",
         "[[routes]]\nmatch = \"GET /a\"\nprice = \"$1\"\nnetworks = [\"toy:one\", \"toy:one\"]",
         "gateway.toml:4: routes[0]", "two offers", "remove"},
        {"extra is no table",
         "[[routes]]\nmatch = \"GET /a\"\nprice = \"$1\"\naccepts = [{ asset = \"USDC\", network = "
         "\"toy:one\", extra = \"memo\" }]",
         "gateway.toml:7: routes[0].accepts[0].extra", "is a table", "order-17"},
        {"extra with a table",
         "[[routes]]\nmatch = \"GET /a\"\nprice = \"$1\"\naccepts = [{ asset = \"USDC\", network = "
         "\"toy:one\", extra = { memo = { a = 1 } } }]",
         "gateway.toml:7: routes[0].accepts[0].extra.memo", "a text, an integer", "order-17"},
        {"extra.quote",
         "[[routes]]\nmatch = \"GET /a\"\nprice = \"$1\"\naccepts = [{ asset = \"USDC\", network = "
         "\"toy:one\", extra = { quote = \"x\" } }]",
         "gateway.toml:7: routes[0].accepts[0].extra.quote", "writes the quote", "remove"},
        {"extra.assetTransferMethod",
         "[[routes]]\nmatch = \"GET /a\"\nprice = \"$1\"\naccepts = [{ asset = \"USDC\", network = "
         "\"toy:one\", extra = { assetTransferMethod = \"x\" } }]",
         "gateway.toml:7: routes[0].accepts[0].extra.assetTransferMethod", "key of its own",
         "transfer ="},
        {"extra.paymentFlow",
         "[[routes]]\nmatch = \"GET /a\"\nprice = \"$1\"\naccepts = [{ asset = \"USDC\", network = "
         "\"toy:one\", extra = { paymentFlow = \"upfront\" } }]",
         "gateway.toml:7: routes[0].accepts[0].extra.paymentFlow", "key of its own", "settle ="},
        {"misspelt", kRoute + "prize = \"$1\"\nprice = \"$1\"", "gateway.toml:7: routes[0].prize",
         "unknown key", "price"},
        {"session", kRoute + "price = \"$1\"\nsession = { ttl = \"1h\" }",
         "gateway.toml:8: routes[0].session", "does not have", "remove"},
        {"siwx", "[siwx]\nmax_age = \"5m\"\n" + kRoute + "price = \"$1\"", "gateway.toml:4: siwx",
         "does not have", "remove"},
        {"tenants", "[tenants.a]\nhost = \"a\"\n" + kRoute + "price = \"$1\"",
         "gateway.toml:4: tenants", "does not have", ""},
        {"sign-in only", "[[routes]]\nmatch = \"GET /a\"\naccepts = []",
         "gateway.toml:6: routes[0].accepts", "sign-in", ""},
        {"402 too large",
         kRoute + "price = \"$1\"\ndescription = \"" + std::string(9000, 'd') + "\"",
         "gateway.toml:4: routes[0]", "over 8 KiB", "description"},
        {"402 with a control byte", kRoute + "price = \"$1\"\ndescription = \"\\u0001quote\"",
         "routes[0]", "control byte", "remove"},
        {"no routes", "", "gateway.toml", "no routes", "[[routes]]"},
    };
    for (const Fault& fault : faults) {
        SCOPED_TRACE(fault.name);
        const auto config = read(kHead + fault.text + "\n");
        ASSERT_FALSE(config.has_value());
        const std::string text = to_string(config.error());
        EXPECT_NE(text.find(fault.place), std::string::npos) << text;
        EXPECT_NE(text.find(fault.what), std::string::npos) << text;
        EXPECT_NE(config.error().next.find(fault.next), std::string::npos) << config.error().next;
    }
}

TEST(ReadConfig, FaultsOfTheHead) {
    struct Row {
        const char* name;
        const char* line;
        const char* what;
    };
    static constexpr Row rows[] = {
        {"plain http upstream elsewhere", "upstream = \"http://10.0.0.1\"", "another machine"},
        {"upstream no URL", "upstream = \"3000\"", "no URL"},
        {"plain http facilitator elsewhere", "facilitators = [\"http://fac.example\"]",
         "facilitators[0]"},
        {"facilitator twice", "facilitators = [\"https://a.example\", \"https://a.example\"]",
         "twice"},
        {"token missing",
         "facilitators = [{ url = \"https://a.example\", token = \"env:X402_NOT_SET_AT_ALL\" }]",
         "token"},
        {"proof word", "facilitators = [{ url = \"https://a.example\", proof = \"rpc\" }]",
         "facilitators[0].proof"},
        {"origin with a path", "origin = \"https://a.example/x\"", "origin"},
        {"store", "store = \"mysql:x\"", "store"},
        {"threads", "threads = 0", "threads"},
        {"default", "default = \"open\"", "default"},
        {"cors", "cors = { origins = [\"app.example\"] }", "cors"},
        {"listen", "listen = \"4021\"", "listen"},
        {"prefer", "prefer = [\"solana\"]", "does not have"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const std::string key = std::string(row.line).substr(0, std::string(row.line).find(' '));
        std::string text = std::string(row.line) + "\n";
        if (key != "upstream") text += "upstream = \"http://127.0.0.1:3000\"\n";
        if (key != "facilitators") text += "facilitators = [\"https://f.example\"]\n";
        text += "pay_to = \"toy1seller\"\n" + kRoute + "price = \"$1\"\n";
        const auto config = read(text);
        ASSERT_FALSE(config.has_value());
        const std::string told = to_string(config.error());
        EXPECT_NE(told.find("gateway.toml:1"), std::string::npos) << told;
        EXPECT_NE(told.find(row.what), std::string::npos) << told;
        EXPECT_FALSE(config.error().next.empty()) << told;
    }
}

const std::string kProving = "upstream = \"http://127.0.0.1:3000\"\npay_to = \"toy1seller\"\n";
const std::string kToyRpc = "[networks.\"toy:one\"]\nrpc = \"http://127.0.0.1:1\"\n";

TEST(ReadConfig, ProofIsTheFacilitatorsWordUnlessTheChainIsNamed) {
    struct Row {
        const char* name;
        std::string facilitators;
        std::vector<ProofBy> proofs;
    };
    const Row rows[] = {
        {"a URL", "[\"https://a.example\"]", {ProofBy::facilitator}},
        {"not said", "[{ url = \"https://a.example\" }]", {ProofBy::facilitator}},
        {"the facilitator",
         "[{ url = \"https://a.example\", proof = \"facilitator\" }]",
         {ProofBy::facilitator}},
        {"the chain", "[{ url = \"https://a.example\", proof = \"chain\" }]", {ProofBy::chain}},
        {"each its own",
         "[\"https://a.example\", { url = \"https://b.example\", proof = \"chain\" }]",
         {ProofBy::facilitator, ProofBy::chain}},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const bool asks = row.proofs.back() == ProofBy::chain;
        const std::string rpc = asks ? kToyRpc : "";  // nobody else reads it here
        const auto config = read(kProving + "facilitators = " + row.facilitators + "\n" + rpc +
                                 kRoute + "price = \"$1\"\n");
        ASSERT_TRUE(config.has_value()) << to_string(config.error());
        std::vector<ProofBy> proofs;
        for (const FacilitatorConfig& each : config->facilitators) proofs.push_back(each.proof);
        EXPECT_EQ(proofs, row.proofs);
    }
}

// A gateway that could never be told so by the chain would keep every payment waiting.
TEST(ReadConfig, ProofByTheChainNeedsAChainToAsk) {
    const std::string proving = "{ url = \"https://a.example\", proof = \"chain\" }";
    const std::string one = "\n[[routes]]\nmatch = \"GET /a\"\nprice = \"$1\"\nnetworks = ";
    struct Row {
        const char* name;
        std::string facilitators;
        std::string networks;
        std::string rest;
        const char* missing;  // none: it is good
    };
    const Row rows[] = {
        {"no section", proving, "", one + "[\"toy:one\"]", "toy:one"},
        {"a section without rpc", proving, "[networks.\"toy:one\"]\n", one + "[\"toy:one\"]",
         "toy:one"},
        {"an empty rpc", proving, "[networks.\"toy:one\"]\nrpc = []\n", one + "[\"toy:one\"]",
         "toy:one"},
        {"another network's", proving, "[networks.\"toy:two\"]\nrpc = \"http://127.0.0.1:1\"\n",
         one + "[\"toy:one\"]", "toy:one"},
        {"one of two", proving, kToyRpc,
         one + "[\"toy:one\"]" +
             "\n[[routes]]\nmatch = \"GET /b\"\naccepts = [{ asset = \"far\", price = \"1 LOCAL\" "
             "}]" +
             "\n[assets.far]\nnetwork = \"toy:two\"\naddress = \"coin-far\"\ndecimals = 2\n",
         "toy:two"},
        {"it is named", proving, kToyRpc, one + "[\"toy:one\"]", nullptr},
        {"nothing is sold there", proving, "", "\n[[routes]]\nmatch = \"GET /a\"\nfree = true",
         nullptr},
        {"this one is for another network",
         "{ url = \"https://a.example\", proof = \"chain\", networks = [\"toy:two\"] }, "
         "\"https://b.example\"",
         "", one + "[\"toy:one\"]", nullptr},
        {"its word is enough", "{ url = \"https://a.example\", proof = \"facilitator\" }", "",
         one + "[\"toy:one\"]", nullptr},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const auto config = read(kProving + "facilitators = [" + row.facilitators + "]\n" +
                                 row.networks + row.rest + "\n");
        ASSERT_EQ(config.has_value(), row.missing == nullptr)
            << (config ? "" : to_string(config.error()));
        if (config) continue;
        const std::string text = to_string(config.error());
        EXPECT_NE(text.find("gateway.toml:3: facilitators[0].proof"), std::string::npos) << text;
        EXPECT_NE(text.find(row.missing), std::string::npos) << text;
        const std::string section = "[networks.\"" + std::string(row.missing) + "\"]";
        EXPECT_NE(config.error().next.find(section), std::string::npos) << config.error().next;
    }
}

TEST(ReadConfig, WhereThePaymentsLiveBrieflyTheWaitsAreShort) {
    struct Row {
        const char* name;
        Duration lifetime;
        std::string top;    // line 4
        std::string route;  // line 9
        Duration upstream;
        Duration pending;
        const char* place;  // none: it is good
        const char* next;
    };
    using std::chrono::seconds;
    const Row rows[] = {
        {"nothing written", seconds(60), "", "", seconds(15), seconds(30), "", ""},
        {"a longer life", seconds(240), "", "", seconds(60), seconds(120), "", ""},
        {"written", seconds(60), "pending_wait = \"10s\"", "upstream_timeout = \"40s\"",
         seconds(40), seconds(10), "", ""},
        {"half written", seconds(60), "pending_wait = \"31s\"", "", seconds(15), seconds(31), "",
         ""},
        {"no room for the upstream",
         seconds(60),
         "",
         "upstream_timeout = \"21s\"",
         {},
         {},
         "gateway.toml:9: routes[0].upstream_timeout",
         "upstream_timeout = \"20s\" fits"},
        {"waits too long",
         seconds(60),
         "pending_wait = \"60s\"",
         "",
         {},
         {},
         "gateway.toml:4: pending_wait",
         "pending_wait = \"35s\" fits"},
        {"waits too long beside",
         seconds(60),
         "pending_wait = \"40s\"",
         "upstream_timeout = \"20s\"",
         {},
         {},
         "gateway.toml:4: pending_wait",
         "pending_wait = \"30s\" fits"},
        {"hardly any life", seconds(12), "", "", {}, {}, "gateway.toml:5: routes[0]", "shorten"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const auto modules = testing::make_toy_modules(row.lifetime);
        const auto config =
            read(kHead + row.top + "\n" + kRoute + "price = \"$1\"\n" + row.route + "\n", *modules);
        if (*row.place == 0) {
            ASSERT_TRUE(config) << to_string(config.error());
            EXPECT_EQ(config->routes[0].upstream_timeout, row.upstream);
            EXPECT_EQ(config->routes[0].pending_wait, row.pending);
            continue;
        }
        ASSERT_FALSE(config);
        EXPECT_NE(config.error().detail.find(row.place), std::string::npos)
            << config.error().detail;
        EXPECT_NE(config.error().detail.find("lives for"), std::string::npos);
        EXPECT_NE(config.error().next.find(row.next), std::string::npos) << config.error().next;
    }
    const auto free = read(kHead + "[[routes]]\nmatch = \"GET /a\"\nfree = true\n",
                           *testing::make_toy_modules(seconds(60)));
    ASSERT_TRUE(free) << to_string(free.error());
    EXPECT_EQ(free->routes[0].upstream_timeout, seconds(30)) << "nothing is paid there";
}

TEST(ReadConfig, WithoutFacilitatorsTheOneInsideNeedsANetwork) {
    const std::string rest = "upstream = \"http://127.0.0.1:3000\"\npay_to = \"toy1seller\"\n";
    const auto none = read(rest + kRoute + "price = \"$1\"\n");
    ASSERT_FALSE(none.has_value());
    EXPECT_NE(none.error().next.find("networks"), std::string::npos);
    const auto inside =
        read(rest + "[networks.\"toy:one\"]\n[[routes]]\nmatch = \"GET /a\"\nprice = \"$1\"\n");
    ASSERT_TRUE(inside.has_value()) << to_string(inside.error());
    EXPECT_EQ(inside->networks.size(), 1U);
    EXPECT_EQ(inside->routes.front().offers.size(), 1U) << "a route is paid where the networks are";
}

}  // namespace
}  // namespace x402::server
