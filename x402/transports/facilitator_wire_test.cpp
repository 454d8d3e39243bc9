// SPDX-License-Identifier: Apache-2.0
// What a facilitator may do to the bytes between a question and its answer (attacks.md 9 to 11): it
// answers half, without an end, too late, by a reset or with a pointer elsewhere. After the
// question was sent nothing of it proves that nothing was begun. Over loopback, with the real HTTP
// client.
#include <gtest/gtest.h>

#include <functional>
#include <thread>

#include "x402/net/runtime.hpp"
#include "x402/net/test_peer.hpp"
#include "x402/protocol/codec.hpp"
#include "x402/transports/facilitator_client.hpp"

namespace x402::transports {
namespace {

using net::testing::RawListener;
using net::testing::RawPeer;
using namespace std::chrono_literals;

constexpr std::size_t kMebi = 1024 * 1024;
const std::string kSettled =
    R"({"success":true,"transaction":"0x1","network":"eip155:84532","payer":"0xa"})";

FacilitatorRequest request() {
    const auto payload = read_payment_payload(
        R"({"x402Version":2,"accepted":{"scheme":"exact","network":"eip155:84532","amount":"10",)"
        R"("asset":"0xa","payTo":"0xb","maxTimeoutSeconds":60},"payload":{"signature":"0x1"}})");
    return {kVersion2, *payload, payload->accepted, payload->accepted_text};
}

std::string head(const std::string& lines, const std::string& status = "200 OK") {
    return "HTTP/1.1 " + status + "\r\n" + lines + "\r\n\r\n";
}

// Sends until the other side has had enough; how much it took.
std::size_t flood(RawPeer& peer, std::size_t most) {
    const std::string piece(64 * 1024, ' ');
    std::size_t sent = 0;
    while (sent < most && peer.send(piece)) sent += piece.size();
    return sent;
}

struct Outcomes {
    Error settle;
    Error verify;
};

// One connection after the other is given to `serve`, once its question has come whole.
Outcomes ask_twice(const std::function<void(RawPeer&)>& serve) {
    RawListener listener;
    std::thread server([&listener, &serve] {
        for (int turn = 0; turn < 2; ++turn) {
            RawPeer peer = listener.accept();
            if (!peer.connected()) return;
            EXPECT_NE(peer.read_until("\"signature\":\"0x1\"").find("POST"), std::string::npos);
            serve(peer);
        }
    });
    const auto http = net::make_http_client();
    const auto clock = make_system_clock();
    const auto random = make_test_random(1);
    FacilitatorClientOptions options;
    options.url = listener.url();
    options.timeout = 400ms;
    const auto client = make_facilitator_client(std::move(options), *http, {*clock, *random}, {});
    Outcomes out;
    net::run_blocking([&]() -> Task<void> {
        struct Run {
            static Task<void> both(FacilitatorApi& api, Outcomes& into) {
                const FacilitatorRequest what = request();
                const SettleContext context{"key", {}};
                const auto settled = co_await api.settle(what, context);
                EXPECT_FALSE(settled.has_value());
                if (!settled) into.settle = settled.error();
                const auto verified = co_await api.verify(what);
                EXPECT_FALSE(verified.has_value());
                if (!verified) into.verify = verified.error();
            }
        };
        return Run::both(*client, out);
    });
    server.join();
    return out;
}

bool proves_nothing_begun(Errc code) {
    return code == Errc::unreachable || code == Errc::invalid || code == Errc::unauthorized ||
           code == Errc::too_large;
}

TEST(FacilitatorWire, NothingAfterTheQuestionProvesThatNothingWasBegun) {
    struct Row {
        const char* name;
        std::function<void(RawPeer&)> serve;
        Errc want;
    };
    const Row rows[] = {
        {"closes without a word", [](RawPeer& peer) { peer.close(); }, Errc::interrupted},
        {"resets", [](RawPeer& peer) { peer.reset(); }, Errc::interrupted},
        {"resets in the middle of its head",
         [](RawPeer& peer) {
             peer.send("HTTP/1.1 200 O");
             peer.reset();
         },
         Errc::interrupted},
        {"promises more than it says",
         [](RawPeer& peer) {
             peer.send(head("Content-Length: 500") + kSettled);
             peer.close();
         },
         Errc::interrupted},
        {"ends in the middle of a chunk",
         [](RawPeer& peer) {
             peer.send(head("Transfer-Encoding: chunked") + "ffff\r\n" + kSettled);
             peer.close();
         },
         Errc::interrupted},
        {"half a JSON, rightly framed",
         [](RawPeer& peer) {
             const std::string half = kSettled.substr(0, 40);
             peer.send(head("Content-Length: " + std::to_string(half.size())) + half);
         },
         Errc::bad_peer},
        {"points elsewhere",
         [](RawPeer& peer) {
             peer.send(head("Location: http://127.0.0.1:9/settle\r\nContent-Length: 0",
                            "307 Temporary Redirect"));
         },
         Errc::bad_peer},
        {"is silent", [](RawPeer& peer) { peer.read_until("never"); }, Errc::timeout},
        {"answers after the time",
         [](RawPeer& peer) {
             std::this_thread::sleep_for(600ms);
             peer.send(head("Content-Length: " + std::to_string(kSettled.size())) + kSettled);
         },
         Errc::timeout},
        {"drips for ever",
         [](RawPeer& peer) {
             peer.send(head("Content-Length: 5000"));
             while (peer.send(" ")) std::this_thread::sleep_for(20ms);
         },
         Errc::timeout},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const Outcomes got = ask_twice(row.serve);
        EXPECT_EQ(got.settle.code, row.want) << to_string(got.settle);
        EXPECT_EQ(got.verify.code, row.want) << to_string(got.verify);
        EXPECT_FALSE(proves_nothing_begun(got.settle.code));
        EXPECT_TRUE(got.settle.retryable);
    }
}

// A gigabyte: announced, in chunks, or until the connection ends. None of it is kept.
TEST(FacilitatorWire, AnAnswerWithoutMeasureIsCutOff) {
    struct Row {
        const char* name;
        std::string head;
    };
    const Row rows[] = {
        {"announced", head("Content-Length: 1073741824")},
        {"chunked", head("Transfer-Encoding: chunked") + "40000000\r\n"},
        {"until it ends", head("Connection: close")},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        std::size_t most = 0;
        const Outcomes got = ask_twice([&row, &most](RawPeer& peer) {
            peer.send(row.head + kSettled);
            most = std::max(most, flood(peer, 1024 * kMebi));
        });
        EXPECT_EQ(got.settle.code, Errc::bad_peer) << "it may have been begun";
        EXPECT_EQ(got.verify.code, Errc::bad_peer);
        EXPECT_LT(most, 64 * kMebi);
    }
}

TEST(FacilitatorWire, WhoeverIsNotThereHasBegunNothing) {
    std::string url;
    {
        const RawListener gone;
        url = gone.url();
    }
    const auto http = net::make_http_client();
    const auto clock = make_system_clock();
    const auto random = make_test_random(1);
    FacilitatorClientOptions options;
    options.url = url;
    const auto client = make_facilitator_client(std::move(options), *http, {*clock, *random}, {});
    std::optional<Errc> code;
    struct Run {
        static Task<void> settle(FacilitatorApi& api, std::optional<Errc>& into) {
            const FacilitatorRequest what = request();
            const SettleContext context{"key", {}};
            const auto settled = co_await api.settle(what, context);
            if (!settled) into = settled.error().code;
        }
    };
    net::run_blocking([&] { return Run::settle(*client, code); });
    EXPECT_EQ(code, Errc::unreachable);
}

}  // namespace
}  // namespace x402::transports
