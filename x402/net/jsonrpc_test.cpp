// SPDX-License-Identifier: Apache-2.0
// Fail-over, rest and judgement, with endpoints that are scripts and a clock that the test turns.
#include "x402/net/jsonrpc.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <map>

#include "x402/base/json.hpp"
#include "x402/base/limits.hpp"
#include "x402/base/sync.hpp"
#include "x402/net/http_server.hpp"
#include "x402/net/runtime.hpp"

namespace x402::net {
namespace {

using namespace std::chrono_literals;

class TestClock final : public Clock {
public:
    Instant now() const override { return Instant{time}; }
    Duration steady() const override { return time; }
    Task<bool> sleep(Duration pause) override {
        time += pause;
        co_return true;
    }
    Duration time{1'000'000};
};

// What an endpoint does with one request; %ID% becomes the id of the request's first call.
struct Scripted {
    int status = 200;
    std::string body;
    std::optional<Errc> trouble;
    Duration takes{0};
    bool hangs = false;  // until the test lets it go on
};

class ScriptedHttp final : public HttpClient {
public:
    explicit ScriptedHttp(TestClock& clock) : clock_(clock) {}

    Task<Result<ClientResponse>> fetch(ClientRequest request) override {
        asked.push_back(request.url);
        timeouts.push_back(request.timeout);
        last_body = request.body;
        auto& turns = scripts[request.url];
        Scripted turn = turns.empty() ? Scripted{} : turns.front();
        if (turns.size() > 1) turns.pop_front();
        clock_.time += turn.takes;
        while (turn.hangs && !released) {
            const std::uint64_t seen = release.count();
            const bool rung = co_await release.wait(seen, 1h);
            EXPECT_TRUE(rung);
        }
        if (turn.trouble) co_return fail(*turn.trouble, "scripted");
        ClientResponse response;
        response.status = turn.status;
        response.body = turn.body;
        const std::size_t id_at = request.body.find("\"id\":") + 5;
        const std::string id = request.body.substr(id_at, request.body.find(',', id_at) - id_at);
        for (int i = 0; i < 3; ++i) {
            const std::string mark = i == 0 ? "%ID%" : "%ID+" + std::to_string(i) + "%";
            const std::size_t at = response.body.find(mark);
            if (at != std::string::npos)
                response.body.replace(at, mark.size(), std::to_string(std::stoll(id) + i));
        }
        co_return response;
    }

    std::map<std::string, std::deque<Scripted>> scripts;
    std::vector<std::string> asked;
    std::vector<Duration> timeouts;
    std::string last_body;
    Bell release;
    bool released = false;

private:
    TestClock& clock_;
};

const std::string kGood = R"({"jsonrpc":"2.0","id":%ID%,"result":"0x1"})";
const std::string kNo =
    R"({"jsonrpc":"2.0","id":%ID%,"error":{"code":-32000,"message":"nonce too low","data":"0xff"}})";
constexpr const char* kA = "http://a.example/key";
constexpr const char* kB = "http://b.example/key";

Task<void> call_into(RpcClient& client, Result<RpcReply>& into) {
    RpcCall call{"eth_chainId", {"x", 1}};
    into = co_await client.call(std::move(call));
}

Task<void> batch_into(RpcClient& client, std::size_t count, Result<std::vector<RpcReply>>& into) {
    std::vector<RpcCall> calls(count, RpcCall{"m", {}});
    into = co_await client.batch(std::move(calls));
}

Task<void> all_into(RpcClient& client, std::vector<Result<RpcReply>>& into) {
    RpcCall call{"m", {}};
    into = co_await client.call_all(std::move(call));
}

class RpcTest : public ::testing::Test {
protected:
    void SetUp() override {
        RpcOptions options;
        options.urls = {kA, kB};
        auto client = make_rpc_client(options, http_, Env{clock_, *random_});
        ASSERT_TRUE(client);
        client_ = std::move(*client);
        http_.scripts[kB] = {{200, kGood, {}, {}}};
    }
    void script(Scripted turn) { http_.scripts[kA] = {std::move(turn)}; }
    Result<RpcReply> call() {
        Result<RpcReply> out = fail(Errc::internal, "never answered");
        http_.asked.clear();
        run_blocking([&] { return call_into(*client_, out); });
        return out;
    }
    Result<std::vector<RpcReply>> batch(std::size_t count) {
        Result<std::vector<RpcReply>> out = fail(Errc::internal, "never answered");
        run_blocking([&] { return batch_into(*client_, count, out); });
        return out;
    }

    TestClock clock_;
    std::unique_ptr<Random> random_ = make_test_random(1);
    ScriptedHttp http_{clock_};
    std::unique_ptr<RpcClient> client_;
};

TEST_F(RpcTest, AsksTheFirstAndReadsTheResult) {
    script({200, kGood, {}, {}});
    const auto reply = call();
    ASSERT_TRUE(reply) << to_string(reply.error());
    EXPECT_EQ(reply->result->as_string(), "0x1");
    EXPECT_FALSE(reply->error);
    EXPECT_EQ(http_.asked, std::vector<std::string>{kA});
    EXPECT_EQ(http_.last_body,
              R"({"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":["x",1]})");
}

TEST_F(RpcTest, ANodesOwnNoNeverFailsOver) {
    for (const int status : {200, 400, 404}) {
        SCOPED_TRACE(status);
        script({status, kNo, {}, {}});
        const auto reply = call();
        ASSERT_TRUE(reply);
        EXPECT_FALSE(reply->result);
        EXPECT_EQ(reply->error->code, -32000);
        EXPECT_EQ(reply->error->message, "nonce too low");
        EXPECT_EQ(reply->error->data.as_string(), "0xff");
        EXPECT_EQ(http_.asked.size(), 1U);
    }
    EXPECT_FALSE(client_->stats()[0].resting);
}

TEST_F(RpcTest, ResultNullIsAResult) {
    script({200, R"({"jsonrpc":"2.0","id":%ID%,"result":null})", {}, {}});
    const auto reply = call();
    ASSERT_TRUE(reply);
    EXPECT_TRUE(reply->result->is_null());
    script({200, R"({"jsonrpc":"2.0","id":%ID%,"result":1,"error":null})", {}, {}});
    EXPECT_EQ(call()->result->as_int64(), 1);
}

TEST_F(RpcTest, InfrastructureFailsOverAndRests) {
    struct Row {
        const char* name;
        Scripted turn;
    };
    const Row rows[] = {
        {"refused", {0, "", Errc::unreachable, {}}},
        {"cut", {0, "", Errc::interrupted, {}}},
        {"slow", {0, "", Errc::timeout, {}}},
        {"429", {429, kNo, {}, {}}},
        {"500 with an error", {500, kNo, {}, {}}},
        {"503", {503, "<html>", {}, {}}},
        {"401", {401, "who are you", {}, {}}},
        {"404", {404, "not here", {}, {}}},
        {"404 with a result", {404, kGood, {}, {}}},
        {"no JSON", {200, "<html>", {}, {}}},
        {"empty", {200, "", {}, {}}},
        {"a list", {200, "[]", {}, {}}},
        {"other id", {200, R"({"jsonrpc":"2.0","id":999,"result":1})", {}, {}}},
        {"text id", {200, R"({"jsonrpc":"2.0","id":"%ID%","result":1})", {}, {}}},
        {"neither", {200, R"({"jsonrpc":"2.0","id":%ID%})", {}, {}}},
        {"error is text", {200, R"({"jsonrpc":"2.0","id":%ID%,"error":"no"})", {}, {}}},
        {"error without code", {200, R"({"jsonrpc":"2.0","id":%ID%,"error":{}})", {}, {}}},
        {"duplicate keys", {200, R"({"id":%ID%,"result":1,"result":2})", {}, {}}},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        clock_.time += 10min;
        script(row.turn);
        const auto reply = call();
        ASSERT_TRUE(reply) << to_string(reply.error());
        EXPECT_EQ(http_.asked, (std::vector<std::string>{kA, kB}));
        EXPECT_TRUE(client_->stats()[0].resting);
        ASSERT_TRUE(call());
        EXPECT_EQ(http_.asked, std::vector<std::string>{kB})
            << "a resting endpoint is not asked first";
        http_.scripts[kA] = {{200, kGood, {}, {}}};
        clock_.time += 61s;
        ASSERT_TRUE(call());
        EXPECT_EQ(http_.asked, std::vector<std::string>{kA})
            << "after its rest it is the first again";
    }
}

// How much a contract answers may be a stranger's choice.
TEST_F(RpcTest, AnAnswerThatIsTooLargePutsNobodyToRest) {
    script({0, "", Errc::too_large, {}});
    ASSERT_TRUE(call());
    EXPECT_EQ(http_.asked, (std::vector<std::string>{kA, kB})) << "another may answer less";
    EXPECT_FALSE(client_->stats()[0].resting);
    ASSERT_TRUE(call());
    EXPECT_EQ(http_.asked, (std::vector<std::string>{kA, kB})) << "still the first to be asked";
}

TEST_F(RpcTest, TheRestDoublesUpToAMinute) {
    script({503, "", {}, {}});
    for (const Duration rest : {1s, 2s, 4s, 8s, 16s, 32s, 60s, 60s}) {
        SCOPED_TRACE(rest.count());
        ASSERT_TRUE(call());
        EXPECT_EQ(http_.asked.size(), 2U);
        clock_.time += rest - 1ms;
        EXPECT_TRUE(client_->stats()[0].resting);
        clock_.time += 1ms;
        EXPECT_FALSE(client_->stats()[0].resting);
    }
}

TEST_F(RpcTest, AllResting) {
    http_.scripts[kA] = {{503, "", {}, {}}};
    http_.scripts[kB] = {{503, "", {}, {}}};
    EXPECT_EQ(call().error().code, Errc::unavailable);
    EXPECT_EQ(call().error().code, Errc::unavailable);
    EXPECT_EQ(http_.asked.size(), 2U) << "better a resting one than none";
    const auto stats = client_->stats();
    EXPECT_EQ(stats[0].failed, 2U);
    EXPECT_EQ(stats[0].endpoint, "http://a.example") << "a path may hold a key";
    EXPECT_EQ(call().error().detail.find("key"), std::string::npos);
}

TEST_F(RpcTest, WhatMayHaveBeenSentIsNeverCalledUnsent) {
    struct Row {
        Errc first, second, want;
    };
    for (const Row& row : {Row{Errc::unreachable, Errc::unreachable, Errc::unreachable},
                           Row{Errc::timeout, Errc::unreachable, Errc::interrupted},
                           Row{Errc::interrupted, Errc::unreachable, Errc::interrupted},
                           Row{Errc::unreachable, Errc::timeout, Errc::timeout}}) {
        clock_.time += 10min;
        script({0, "", row.first, {}});
        http_.scripts[kB] = {{0, "", row.second, {}}};
        EXPECT_EQ(call().error().code, row.want);
    }
}

TEST_F(RpcTest, TheTotalIsKept) {
    script({0, "", Errc::timeout, 15s});
    http_.scripts[kB] = {{0, "", Errc::timeout, 15s}};
    EXPECT_EQ(call().error().code, Errc::timeout);
    EXPECT_EQ(http_.timeouts, (std::vector<Duration>{10s, 5s})) << "the last try gets what is left";
}

TEST_F(RpcTest, Batches) {
    script({200,
            R"([{"id":%ID+1%,"result":"b"},{"id":%ID%,"error":{"code":3,"message":"reverted"}}])",
            {},
            {}});
    const auto replies = batch(2);
    ASSERT_TRUE(replies) << to_string(replies.error());
    EXPECT_EQ((*replies)[0].error->code, 3);
    EXPECT_EQ((*replies)[1].result->as_string(), "b");
    EXPECT_TRUE(http_.last_body.starts_with(R"([{"jsonrpc":"2.0","id":)")) << http_.last_body;
    for (const char* bad :
         {R"([{"id":%ID%,"result":1}])", R"({"id":%ID%,"result":1})",
          R"([{"id":%ID%,"result":1},{"id":77777,"result":1}])",
          R"([{"id":%ID%,"result":1},{"result":1}])", R"([{"id":%ID%,"result":1},7])"}) {
        SCOPED_TRACE(bad);
        clock_.time += 10min;
        script({200, bad, {}, {}});
        http_.scripts[kB] = {{503, "", {}, {}}};
        EXPECT_EQ(batch(2).error().code, Errc::interrupted);
    }
}

TEST_F(RpcTest, CallAllHearsEveryEndpoint) {
    script({200, kNo, {}, {}});
    std::vector<Result<RpcReply>> replies;
    run_blocking([&] { return all_into(*client_, replies); });
    ASSERT_EQ(replies.size(), 2U);
    EXPECT_EQ(replies[0]->error->code, -32000);
    EXPECT_EQ(replies[1]->result->as_string(), "0x1");
    script({0, "", Errc::timeout, {}});
    run_blocking([&] { return all_into(*client_, replies); });
    EXPECT_EQ(replies[0].error().code, Errc::timeout);
    EXPECT_TRUE(replies[1]);
}

// --- call_all that does not wait for everybody ---

struct FanOut {
    std::vector<Result<RpcReply>> replies;
    std::vector<Result<RpcReply>> again;
};

Task<void> hurry_into(RpcClient& client, Duration wait, std::vector<Result<RpcReply>>& into) {
    RpcCall call{"m", {}, wait};
    into = co_await client.call_all(std::move(call));
}

Task<void> let_go(ScriptedHttp& http) {
    http.released = true;
    http.release.ring();
    co_return;
}

// Lets the hanging endpoint go on once everybody else has spoken, and looks at the client at the
// end.
Task<void> hurry_and_let_go(RpcClient& client, ScriptedHttp& http, FanOut& out) {
    co_await hurry_into(client, 5ms, out.replies);
    co_await let_go(http);
    // The same thread runs the call that was left: a turn of the loop later it has ended.
    Bell never;
    co_await never.wait(never.count(), 1ms);
    co_await hurry_into(client, 0ms, out.again);
}

TEST_F(RpcTest, FanOutEndsSoonAfterTheFirstAnswer) {
    script({200, kGood, {}, {}, true});
    FanOut out;
    run_blocking([&] { return hurry_and_let_go(*client_, http_, out); });
    ASSERT_EQ(out.replies.size(), 2U);
    ASSERT_FALSE(out.replies[0]);
    EXPECT_EQ(out.replies[0].error().code, Errc::timeout) << "it may have been sent";
    EXPECT_TRUE(out.replies[1]);
    EXPECT_TRUE(out.again[0] && out.again[1]);
    EXPECT_EQ(client_->stats()[0].ok, 2U) << "the call that was left counts when it ends";
}

TEST_F(RpcTest, ANodesNoIsAnAnswerThatEndsTheFanOut) {
    script({200, kGood, {}, {}, true});
    http_.scripts[kB] = {{200, kNo, {}, {}}};
    FanOut out;
    run_blocking([&] { return hurry_and_let_go(*client_, http_, out); });
    EXPECT_FALSE(out.replies[0]);
    EXPECT_EQ(out.replies[1]->error->code, -32000);
}

Task<void> let_go_later(ScriptedHttp& http) {
    Bell never;
    co_await never.wait(never.count(), 30ms);
    co_await let_go(http);
}

Task<void> hurry_while_it_hangs(RpcClient& client, ScriptedHttp& http, Duration wait, FanOut& out) {
    const Executor executor = co_await this_executor();
    spawn_on(executor, [&http] { return let_go_later(http); });
    co_await hurry_into(client, wait, out.replies);
}

TEST_F(RpcTest, FanOutWaitsForASlowNode) {
    struct Row {
        const char* name;
        Scripted other;
        Duration wait;
    };
    const Row rows[] = {{"nobody asked to hurry", {200, kGood, {}, {}}, 0ms},
                        {"trouble is no answer", {0, "", Errc::unreachable, {}}, 1ms},
                        {"neither is a 503", {503, "", {}, {}}, 1ms}};
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        http_.released = false;
        script({200, kGood, {}, {}, true});
        http_.scripts[kB] = {row.other};
        FanOut out;
        run_blocking([&] { return hurry_while_it_hangs(*client_, http_, row.wait, out); });
        ASSERT_EQ(out.replies.size(), 2U);
        EXPECT_TRUE(out.replies[0])
            << "the only answer there will be, or one of all that were asked for";
    }
}

Task<void> hurry_and_leave(std::unique_ptr<RpcClient>& client, ScriptedHttp& http, FanOut& out) {
    co_await hurry_into(*client, 5ms, out.replies);
    client.reset();
    co_await let_go(http);
    Bell never;
    co_await never.wait(never.count(), 1ms);
}

TEST_F(RpcTest, ACallThatWasLeftOutlivesItsClient) {
    auto clock = std::make_unique<TestClock>();
    RpcOptions options;
    options.urls = {kA, kB};
    auto client = make_rpc_client(options, http_, Env{*clock, *random_});
    ASSERT_TRUE(client);
    script({503, "", {}, {}, true});
    FanOut out;
    run_blocking([&] { return hurry_and_leave(*client, http_, out); });
    EXPECT_FALSE(out.replies[0]);
    EXPECT_TRUE(out.replies[1]);
    EXPECT_EQ(http_.asked.size(), 2U);
}

Task<void> hurry_often(RpcClient& client, int times, FanOut& out) {
    for (int i = 0; i < times; ++i) co_await hurry_into(client, 1ms, out.replies);
}

TEST_F(RpcTest, CallsThatWereLeftAreCounted) {
    script({200, kGood, {}, {}, true});
    FanOut out;
    run_blocking([&] { return hurry_often(*client_, 256, out); });
    EXPECT_EQ(out.replies[0].error().code, Errc::timeout);
    // That context has ended, and with it the calls: their places are free again.
    run_blocking([&] { return hurry_often(*client_, 257, out); });
    EXPECT_EQ(out.replies[0].error().code, Errc::unreachable) << "nothing was sent to it";
    EXPECT_TRUE(out.replies[1]);
}

TEST(RpcOptionsTest, Refused) {
    TestClock clock;
    ScriptedHttp http(clock);
    auto random = make_test_random(1);
    for (const std::vector<std::string>& urls : {std::vector<std::string>{},
                                                 {"ws://a"},
                                                 {"http://u:p@a"},
                                                 std::vector<std::string>(17, "http://a")}) {
        RpcOptions options;
        options.urls = urls;
        const auto client = make_rpc_client(options, http, Env{clock, *random});
        ASSERT_FALSE(client);
        EXPECT_EQ(client.error().code, Errc::invalid);
    }
}

Task<void> node(Exchange& exchange) {
    auto body = co_await exchange.read_all(limits::kRpcAnswerBytes);
    Response response;
    const auto call = json::parse_object(body ? *body : "");
    if (call) {
        response.body =
            R"({"jsonrpc":"2.0","id":)" + json::dump(call->at("id")) + R"(,"result":true})";
    } else {
        response.head.status = 400;
    }
    auto sent = co_await exchange.respond(response);
    EXPECT_TRUE(sent);
}

TEST(RpcOverLoopback, FailsOverToTheServerThatIsThere) {
    auto clock = make_system_clock();
    auto random = make_system_random();
    Runtime runtime(1);
    ServerOptions server_options;
    server_options.listen = "127.0.0.1:0";
    auto server = serve(runtime, server_options, [](Exchange& exchange) { return node(exchange); });
    auto gone = serve(runtime, server_options, [](Exchange& exchange) { return node(exchange); });
    ASSERT_TRUE(server && gone);
    RpcOptions options;
    options.urls = {"http://" + (*gone)->address(), "http://" + (*server)->address()};
    gone->reset();
    runtime.start();
    auto http = make_http_client();
    auto client = make_rpc_client(options, *http, Env{*clock, *random});
    ASSERT_TRUE(client);
    Result<RpcReply> reply = fail(Errc::internal);
    // The first listener is closed by its own core, a moment later.
    for (int i = 0; i < 100 && !(*client)->stats()[0].resting; ++i) {
        run_blocking([&] { return call_into(**client, reply); });
        ASSERT_TRUE(reply) << to_string(reply.error());
        EXPECT_TRUE(reply->result->as_bool());
    }
    EXPECT_TRUE((*client)->stats()[0].resting);
    http.reset();
}

}  // namespace
}  // namespace x402::net
