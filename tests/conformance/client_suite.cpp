// SPDX-License-Identifier: Apache-2.0
// What every network's payer must be able to rely on: one request is at most one payment, whatever
// is lost on the way and however often the program is started again. Each "run" is a client of its
// own over the same journal, as a process would be.
#include <set>

#include "tests/conformance/house.hpp"
#include "x402/client/blocking.hpp"
#include "x402/protocol/headers.hpp"
#include "x402/store/memory/memory.hpp"

namespace x402::conformance {
namespace {

using client::PayOutcome;
using client::PayResult;

// The network between client and server: it can lose answers to paid requests or say no to them
// itself, and remembers what was sent.
class Wire final : public client::Transport {
public:
    explicit Wire(net::HttpClient& http) : inner_(client::make_http_transport(http)) {}
    void lose_answers(int count) { lose_ = count; }
    void say_no(bool no) { no_ = no; }
    std::size_t sent() const { return sent_; }
    std::size_t payments() const { return seen_.size(); }  // that differ

    Task<Result<net::ClientResponse>> send(net::ClientRequest request) override {
        const bool paid = request.headers.has(headers::kPaymentSignature);
        if (paid) {
            ++sent_;
            seen_.insert(std::string(request.headers.get(headers::kPaymentSignature)));
        }
        if (paid && no_) {
            net::ClientResponse denied;
            denied.status = 402;
            co_return denied;
        }
        auto answer = co_await inner_->send(std::move(request));
        if (!paid || lose_ == 0) co_return answer;
        --lose_;
        co_return fail(Errc::interrupted, "the connection was cut");
    }

private:
    std::unique_ptr<client::Transport> inner_;
    std::set<std::string> seen_;
    std::size_t sent_ = 0;
    int lose_ = 0;
    bool no_ = false;
};

class Client : public House {
protected:
    Client()
        : bank_(*world_, store::make_memory_store(world_->env())),
          shop_(*world_, store::make_memory_store(world_->env()), bank_, upstream_, {.cents = 10}),
          wire_(world_->http()) {}

    void SetUp() override {
        auto journal = store::open_journal(folder() + "/journal.db", world_->env());
        ASSERT_TRUE(journal) << to_string(journal.error());
        journal_ = std::move(*journal);
        payer_ = rich();
        NetworkSetup setup;
        setup.network = world_->network();
        setup.with_signers = false;
        tree_ = network_tree(*world_);
        setup.section = tree_.find("networks")->find(world_->network().text());
        auto chain = world_->modules().of(world_->network())->connect(std::move(setup));
        ASSERT_TRUE(chain) << to_string(chain.error());
        chain_ = std::move(*chain);
    }

    struct Run {
        bool new_payment = false;
        bool with_chain = false;
        std::string limit = {};
        std::string budget = {};
        std::string query = {};
        client::HandOver hand_over = {};
    };
    PayResult fetch(const Run& run) {
        client::ClientOptions options{.modules = world_->modules(),
                                      .journal = *journal_,
                                      .transport = wire_,
                                      .env = world_->env()};
        options.wallets.push_back(same_payer());
        options.policy.allow_loopback = true;
        options.policy.group = "test";
        if (!run.limit.empty()) {
            EXPECT_TRUE(client::set_limit(options.policy, run.limit));
        }
        if (!run.budget.empty()) {
            const auto budget = client::read_budget(run.budget, "test");
            EXPECT_TRUE(budget);
            if (budget) options.policy.budgets.push_back(*budget);
        }
        options.limits.resends = 2;
        options.limits.first_pause = std::chrono::milliseconds(20);
        options.limits.pending_wait = std::chrono::seconds(20);
        if (run.with_chain) {
            options.open_chain = [this](const ChainId&) -> Result<client::OpenedChain> {
                return client::OpenedChain{chain_.get(), {}};
            };
        }
        client::Client client(std::move(options));
        client::Request request;
        request.url = shop_.url() + run.query;
        request.new_payment = run.new_payment;
        request.hand_over = run.hand_over;
        return client::fetch_blocking(client, std::move(request));
    }
    U256 paid() { return *cents(100'000).checked_sub(world_->balance(payer_->address())); }
    static std::string code_of(const PayResult& result) {
        return result.error ? result.error->code : std::string{};
    }

    Upstream upstream_;
    FacilitatorRole bank_;
    GatewayRole shop_;
    Wire wire_;
    std::unique_ptr<store::PaymentJournal> journal_;
    std::unique_ptr<Wallet> payer_;

private:
    // A wallet that signs as the payer does, for a client to own.
    class Borrowed final : public Wallet {
    public:
        explicit Borrowed(const Wallet& inner) : inner_(inner) {}
        std::string_view family() const noexcept override { return inner_.family(); }
        const std::string& address() const noexcept override { return inner_.address(); }
        Result<Bytes> sign(ByteView prepared) const override { return inner_.sign(prepared); }

    private:
        const Wallet& inner_;
    };
    std::unique_ptr<Wallet> same_payer() { return std::make_unique<Borrowed>(*payer_); }

    Tree tree_;
    std::unique_ptr<Chain> chain_;
};

TEST_F(Client, PaysOnce) {
    const PayResult result = fetch({});
    EXPECT_EQ(result.outcome, PayOutcome::settled) << code_of(result);
    EXPECT_EQ(result.status, 200);
    EXPECT_TRUE(result.delivered);
    EXPECT_NE(result.body.find("sunny"), std::string::npos);
    EXPECT_FALSE(result.transaction.empty());
    EXPECT_EQ(client::exit_code(result), 0);
    EXPECT_EQ(paid(), cents(10));
    EXPECT_EQ(world_->transfers(), 1U);
    EXPECT_EQ(wire_.payments(), 1U);
}

TEST_F(Client, AFinishedPaymentIsNotUsedAgain) {
    ASSERT_EQ(fetch({}).outcome, PayOutcome::settled);
    ASSERT_EQ(fetch({}).outcome, PayOutcome::settled);
    EXPECT_EQ(paid(), cents(20));
    EXPECT_EQ(upstream_.runs(), 2U);
    EXPECT_EQ(wire_.payments(), 2U);
}

TEST_F(Client, ALostAnswerIsAskedForWithTheSamePayment) {
    wire_.lose_answers(1);
    const PayResult result = fetch({});
    EXPECT_EQ(result.outcome, PayOutcome::settled) << code_of(result);
    EXPECT_TRUE(result.delivered);
    EXPECT_NE(result.body.find("sunny"), std::string::npos);
    EXPECT_EQ(result.attempts, 2U);
    EXPECT_EQ(wire_.sent(), 2U);
    EXPECT_EQ(wire_.payments(), 1U);
    EXPECT_EQ(upstream_.runs(), 1U);
    EXPECT_EQ(paid(), cents(10));
}

TEST_F(Client, TheNextRunFinishesWhatTheFirstCouldNot) {
    wire_.lose_answers(100);
    const PayResult first = fetch({});
    EXPECT_EQ(first.outcome, PayOutcome::unknown) << code_of(first);
    EXPECT_EQ(client::exit_code(first), 3);
    wire_.lose_answers(0);
    const PayResult second = fetch({});
    EXPECT_EQ(second.outcome, PayOutcome::settled) << code_of(second);
    EXPECT_TRUE(second.delivered);
    EXPECT_EQ(wire_.payments(), 1U);
    EXPECT_EQ(upstream_.runs(), 1U);
    EXPECT_EQ(paid(), cents(10));
}

TEST_F(Client, ANewPaymentIsRefusedWhileTheEarlierOneIsUsable) {
    wire_.lose_answers(100);
    ASSERT_EQ(fetch({}).outcome, PayOutcome::unknown);
    wire_.lose_answers(0);
    const PayResult refused = fetch({.new_payment = true});
    EXPECT_EQ(refused.outcome, PayOutcome::refused);
    EXPECT_EQ(code_of(refused), "earlier_usable");
    EXPECT_EQ(client::exit_code(refused), 4);
    EXPECT_EQ(wire_.payments(), 1U);
    world_->let_expire();
    const PayResult anew = fetch({.new_payment = true, .with_chain = true});
    EXPECT_EQ(anew.outcome, PayOutcome::settled) << code_of(anew);
    EXPECT_FALSE(anew.notices.empty())
        << "the earlier payment may have been taken, and the payer is told";
    EXPECT_EQ(wire_.payments(), 2U);
    EXPECT_EQ(paid(), cents(20));
}

TEST_F(Client, AnUnknownPaymentIsFoundOnTheNetwork) {
    wire_.lose_answers(100);
    ASSERT_EQ(fetch({}).outcome, PayOutcome::unknown);
    ASSERT_EQ(paid(), cents(10));
    world_->let_expire();
    const std::size_t sent = wire_.sent();
    const PayResult blind = fetch({});
    EXPECT_EQ(blind.outcome, PayOutcome::unknown) << "without a network nobody knows";
    EXPECT_EQ(client::exit_code(blind), 3);
    EXPECT_EQ(wire_.sent(), sent) << "what has expired is not sent";
    // The gateway keeps no answer for so long, and does not run the request again.
    wire_.lose_answers(0);
    const PayResult traced = fetch({.with_chain = true});
    EXPECT_EQ(traced.outcome, PayOutcome::settled) << code_of(traced);
    EXPECT_FALSE(traced.delivered);
    EXPECT_FALSE(traced.transaction.empty());
    EXPECT_TRUE(traced.proven);
    EXPECT_EQ(client::exit_code(traced), 1);
    EXPECT_EQ(wire_.sent(), sent + 1) << "what was taken is sent once more, for its answer";
    EXPECT_EQ(upstream_.runs(), 1U);
    EXPECT_EQ(wire_.payments(), 1U);
    EXPECT_EQ(paid(), cents(10));
}

TEST_F(Client, AnAnswerThatCouldNotBeHandedOverIsStillOwed) {
    bool room = false;
    std::size_t handed = 0;
    const client::HandOver hand_over = [&](const PayResult&) -> Result<void> {
        ++handed;
        if (!room) return fail(Errc::io, "no room is left");
        return {};
    };
    const PayResult first = fetch({.hand_over = hand_over});
    EXPECT_EQ(first.outcome, PayOutcome::settled);
    EXPECT_FALSE(first.delivered);
    EXPECT_EQ(client::exit_code(first), 1);
    ASSERT_EQ(paid(), cents(10));
    room = true;
    const PayResult second = fetch({.hand_over = hand_over});
    EXPECT_TRUE(second.delivered) << code_of(second);
    EXPECT_EQ(second.transaction, first.transaction);
    EXPECT_EQ(handed, 2U);
    EXPECT_EQ(wire_.payments(), 1U);
    EXPECT_EQ(upstream_.runs(), 1U);
    EXPECT_EQ(paid(), cents(10));
}

TEST_F(Client, AnUnusedPaymentIsSeenToHaveFailed) {
    upstream_.fail(true);
    wire_.lose_answers(100);
    ASSERT_EQ(fetch({}).outcome, PayOutcome::unknown);
    upstream_.fail(false);
    wire_.lose_answers(0);
    ASSERT_EQ(paid(), U256{});
    world_->let_expire();
    // The earlier payment can never be taken any more, so this run makes one of its own.
    const PayResult result = fetch({.with_chain = true});
    EXPECT_EQ(result.outcome, PayOutcome::settled) << code_of(result);
    EXPECT_EQ(wire_.payments(), 2U);
    EXPECT_EQ(paid(), cents(10));
}

TEST_F(Client, ADeniedPaymentThatExpiredIsForTheNetworkToJudge) {
    wire_.say_no(true);
    ASSERT_EQ(fetch({}).outcome, PayOutcome::failed);
    wire_.say_no(false);
    world_->let_expire();
    const PayResult blind = fetch({});
    EXPECT_EQ(blind.outcome, PayOutcome::unknown) << "the one that said no may have taken it since";
    EXPECT_EQ(client::exit_code(blind), 3);
    EXPECT_FALSE(blind.proven);
    EXPECT_EQ(wire_.payments(), 1U);
    // It was not taken and never can be: this run makes a payment of its own.
    const PayResult anew = fetch({.with_chain = true});
    EXPECT_EQ(anew.outcome, PayOutcome::settled) << code_of(anew);
    EXPECT_EQ(wire_.payments(), 2U);
    EXPECT_EQ(paid(), cents(10));
}

TEST_F(Client, ALimitPerPaymentHolds) {
    const PayResult refused = fetch({.limit = "$0.09"});
    EXPECT_EQ(refused.outcome, PayOutcome::refused);
    EXPECT_EQ(client::exit_code(refused), 4);
    EXPECT_EQ(wire_.sent(), 0U);
    EXPECT_EQ(fetch({.limit = "$0.10"}).outcome, PayOutcome::settled);
    EXPECT_EQ(paid(), cents(10));
}

TEST_F(Client, ABudgetCountsWhatIsSpentAndWhatMayBe) {
    const Run within{.budget = "$0.25"};
    ASSERT_EQ(fetch(within).outcome, PayOutcome::settled);
    wire_.lose_answers(100);
    ASSERT_EQ(fetch(within).outcome, PayOutcome::unknown);
    wire_.lose_answers(0);
    const PayResult over = fetch({.budget = "$0.25", .query = "?city=rome"});
    EXPECT_EQ(over.outcome, PayOutcome::refused);
    EXPECT_EQ(code_of(over), "over_budget");
    EXPECT_EQ(client::exit_code(over), 4);
    EXPECT_EQ(wire_.payments(), 2U);
    EXPECT_EQ(paid(), cents(20));
}

}  // namespace
}  // namespace x402::conformance
