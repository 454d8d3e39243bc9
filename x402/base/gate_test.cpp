// SPDX-License-Identifier: Apache-2.0
// The gate: counting in and out, closing, draining on a clock that the test moves, and threads that
// race it.
#include "x402/base/gate.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <optional>
#include <thread>

namespace x402 {
namespace {

namespace asio = boost::asio;

// Sleeping is advancing; `on_sleep` is what the world does meanwhile.
class FakeClock final : public Clock {
public:
    Instant now() const override { return Instant{time}; }
    Duration steady() const override { return time; }
    Task<bool> sleep(Duration pause) override {
        EXPECT_GT(pause, Duration{0});
        time += pause;
        ++sleeps;
        if (on_sleep) on_sleep();
        co_return !cancelled;
    }

    Duration time{1000};
    int sleeps = 0;
    bool cancelled = false;
    std::function<void()> on_sleep;
};

bool drained(Gate& gate, Clock& clock, Duration limit) {
    asio::io_context io;
    std::optional<bool> out;
    asio::co_spawn(io, gate.drain(clock, limit), [&](std::exception_ptr thrown, bool value) {
        EXPECT_FALSE(thrown);
        out = value;
    });
    io.run();
    return out.value();
}

TEST(Gate, CountsInAndOut) {
    Gate gate;
    {
        Gate::Pass first = gate.enter();
        Gate::Pass second = gate.enter();
        EXPECT_TRUE(first);
        EXPECT_EQ(gate.inside(), 2U);
        Gate::Pass moved = std::move(first);
        EXPECT_FALSE(first);  // NOLINT: a moved pass is empty
        EXPECT_EQ(gate.inside(), 2U);
        moved = std::move(second);
        EXPECT_EQ(gate.inside(), 1U);
        Gate::Pass& same = moved;
        moved = std::move(same);
        EXPECT_TRUE(moved);
    }
    EXPECT_EQ(gate.inside(), 0U);
}

TEST(Gate, ClosedLetsNobodyIn) {
    Gate gate;
    const Gate::Pass before = gate.enter();
    gate.close();
    EXPECT_TRUE(gate.closed());
    EXPECT_FALSE(gate.enter());
    EXPECT_EQ(gate.inside(), 1U);
}

TEST(GateDrain, EmptyNeedsNoTime) {
    Gate gate;
    FakeClock clock;
    EXPECT_TRUE(drained(gate, clock, Duration{0}));
    EXPECT_EQ(clock.sleeps, 0);
    EXPECT_FALSE(gate.enter());
}

TEST(GateDrain, WaitsForTheLast) {
    Gate gate;
    FakeClock clock;
    auto pass = std::make_unique<Gate::Pass>(gate.enter());
    clock.on_sleep = [&] {
        if (clock.sleeps == 5) pass.reset();
    };
    EXPECT_TRUE(drained(gate, clock, Duration{10'000}));
    EXPECT_EQ(clock.sleeps, 5);
}

TEST(GateDrain, GivesUpExactlyAtItsLimit) {
    Gate gate;
    FakeClock clock;
    const Gate::Pass pass = gate.enter();
    EXPECT_FALSE(drained(gate, clock, Duration{1234}));
    EXPECT_EQ(clock.time, Duration{2234});
}

TEST(GateDrain, CancelledSaysWhatIsTrue) {
    Gate gate;
    FakeClock clock;
    clock.cancelled = true;
    auto pass = std::make_unique<Gate::Pass>(gate.enter());
    EXPECT_FALSE(drained(gate, clock, Duration{1000}));
    clock.on_sleep = [&] { pass.reset(); };
    EXPECT_TRUE(drained(gate, clock, Duration{1000}));
}

TEST(Gate, NobodyIsInsideAfterADrainThatSaidSo) {
    for (int round = 0; round < 50; ++round) {
        Gate gate;
        std::atomic<bool> drained_already{false};
        std::atomic<int> late{0};
        const auto work = [&] {
            while (true) {
                const Gate::Pass pass = gate.enter();
                if (!pass) return;
                if (drained_already) ++late;
            }
        };
        std::thread one(work);
        std::thread two(work);
        gate.close();
        while (gate.inside() != 0) std::this_thread::yield();
        drained_already = true;
        one.join();
        two.join();
        EXPECT_EQ(late, 0);
        EXPECT_EQ(gate.inside(), 0U);
    }
}

}  // namespace
}  // namespace x402
