// SPDX-License-Identifier: Apache-2.0
// When a message is proven to be over, and every way in which the proof is not there.
#include "x402/chains/svm/exact/expiry.hpp"

#include <gtest/gtest.h>

#include <functional>

namespace x402::svm {
namespace {

constexpr std::uint64_t kLast = 1'150;  // last_height
constexpr std::uint64_t kFinalSlot = 5'000;
constexpr std::int64_t kSeen = 1'800'000'000;
constexpr ExpirySpan kSpan{kSeen, kSeen + 120};
constexpr ExpirySpan kOld{kSeen, kSeen + 86'400};

// All that there is to say, in favour of both proofs.
ExpiryWord full() {
    ExpiryWord word;
    word.finalized = Height{kFinalSlot, kLast + 2};
    word.time = At<std::int64_t>{kFinalSlot, kSeen + kExpirySeconds};
    word.valid = At<bool>{kFinalSlot, false};
    word.valid_now = At<bool>{kFinalSlot + 32, false};
    word.found = At<bool>{kFinalSlot + 32, false};
    return word;
}

using Words = std::vector<ExpiryWord>;
using Change = std::function<void(Words&)>;

Words changed(std::size_t endpoints, const Change& change) {
    Words words(endpoints, full());
    change(words);
    return words;
}

struct Row {
    const char* name;
    std::size_t endpoints;
    Change change;
    ExpiryVerdict by_height;
    ExpiryVerdict by_time;
};

constexpr auto kExpired = ExpiryVerdict::expired;
constexpr auto kAlive = ExpiryVerdict::alive;
constexpr auto kUnproven = ExpiryVerdict::unproven;

void check(std::span<const Row> rows, ExpirySpan span) {
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const Words words = changed(row.endpoints, row.change);
        EXPECT_EQ(judge_expiry_by_height(words, kLast, span), row.by_height) << "by height";
        EXPECT_EQ(judge_expiry_by_time(words, span), row.by_time) << "by time";
    }
}

TEST(Expiry, OneEndpoint) {
    const Row rows[] = {
        {"says everything", 1, [](Words&) {}, kExpired, kExpired},
        {"said nothing", 1, [](Words& w) { w[0] = {}; }, kUnproven, kUnproven},
        {"the last height that may take it", 1, [](Words& w) { w[0].finalized->height = kLast; },
         kAlive, kExpired},
        {"one more", 1, [](Words& w) { w[0].finalized->height = kLast + 1; }, kAlive, kExpired},
        {"no height", 1, [](Words& w) { w[0].finalized.reset(); }, kUnproven, kUnproven},
        {"no time", 1, [](Words& w) { w[0].time.reset(); }, kExpired, kUnproven},
        {"a moment too early", 1, [](Words& w) { --w[0].time->value; }, kExpired, kAlive},
        {"the time of a block that is not final", 1, [](Words& w) { ++w[0].time->slot; }, kExpired,
         kUnproven},
        {"no validity", 1, [](Words& w) { w[0].valid.reset(); }, kUnproven, kUnproven},
        {"its validity is older", 1, [](Words& w) { --w[0].valid->slot; }, kUnproven, kUnproven},
        {"still valid", 1, [](Words& w) { w[0].valid->value = true; }, kUnproven, kAlive},
        {"valid in an older answer", 1,
         [](Words& w) { w[0].valid = At<bool>{kFinalSlot - 1, true}; }, kUnproven, kUnproven},
        {"no validity at the tip", 1, [](Words& w) { w[0].valid_now.reset(); }, kExpired,
         kUnproven},
        {"the tip's validity is older than what is final", 1,
         [](Words& w) { w[0].valid_now->slot = kFinalSlot - 1; }, kExpired, kUnproven},
        {"valid at the tip", 1, [](Words& w) { w[0].valid_now->value = true; }, kUnproven, kAlive},
        {"no search", 1, [](Words& w) { w[0].found.reset(); }, kUnproven, kUnproven},
        {"found", 1, [](Words& w) { w[0].found->value = true; }, kUnproven, kUnproven},
        {"the search is older", 1, [](Words& w) { w[0].found->slot = kFinalSlot - 1; }, kUnproven,
         kUnproven},
        {"the search goes just as far", 1, [](Words& w) { w[0].found->slot = kFinalSlot; },
         kExpired, kExpired},
    };
    check(rows, kSpan);
    EXPECT_EQ(judge_expiry_by_height(Words{}, kLast, kSpan), kUnproven);
    EXPECT_EQ(judge_expiry_by_time(Words{}, kSpan), kUnproven);
}

TEST(Expiry, TwoEndpoints) {
    const Row rows[] = {
        {"both say everything", 2, [](Words&) {}, kExpired, kExpired},
        {"one is silent", 2, [](Words& w) { w[1] = {}; }, kUnproven, kUnproven},
        {"the first is silent", 2, [](Words& w) { w[0] = {}; }, kUnproven, kUnproven},
        {"one has no history", 2, [](Words& w) { w[1].found.reset(); }, kUnproven, kUnproven},
        {"the first has no history", 2, [](Words& w) { w[0].found.reset(); }, kUnproven, kUnproven},
        {"one found it", 2, [](Words& w) { w[1].found = At<bool>{1, true}; }, kUnproven, kUnproven},
        {"one is not as far, and lags", 2,
         [](Words& w) {
             w[1].finalized = Height{kFinalSlot - 100, kLast - 98};
             w[0].time->slot = w[1].time->slot = kFinalSlot - 100;
         },
         kUnproven, kExpired},
        {"one lies about its height", 2, [](Words& w) { w[1].finalized->height = kLast - 20; },
         kUnproven, kExpired},
        {"one lies about height and slot", 2,
         [](Words& w) {
             w[0].finalized = Height{kFinalSlot + 1'000, kLast + 1'000};
             w[1].finalized->height = kLast - 20;
         },
         kUnproven, kExpired},
        {"one still takes it", 2, [](Words& w) { w[1].valid->value = true; }, kUnproven, kAlive},
        {"one still takes it at the tip", 2, [](Words& w) { w[1].valid_now->value = true; },
         kUnproven, kAlive},
        {"one took it before", 2, [](Words& w) { w[1].valid = At<bool>{kFinalSlot - 1, true}; },
         kUnproven, kUnproven},
        {"one answers validity from an older node", 2, [](Words& w) { --w[1].valid->slot; },
         kUnproven, kUnproven},
        {"one searched an older node", 2, [](Words& w) { w[1].found->slot = kFinalSlot - 1; },
         kUnproven, kUnproven},
        {"one tells another time of the same block", 2, [](Words& w) { w[1].time->value -= 50; },
         kExpired, kUnproven},
        {"the slots differ a little", 2,
         [](Words& w) {
             w[1].finalized = Height{kFinalSlot + 3, kLast + 5};
             w[1].valid->slot = kFinalSlot + 3;
         },
         kExpired, kExpired},
    };
    check(rows, kSpan);
}

TEST(Expiry, MoreEndpoints) {
    const Row rows[] = {
        {"all three", 3, [](Words&) {}, kExpired, kExpired},
        {"two suffice where the third is silent", 3, [](Words& w) { w[0] = {}; }, kExpired,
         kExpired},
        {"or has no history", 3, [](Words& w) { w[0].found.reset(); }, kExpired, kExpired},
        {"or lags", 3,
         [](Words& w) {
             w[0].finalized = Height{kFinalSlot - 100, kLast - 98};
             w[0].valid = At<bool>{kFinalSlot - 100, true};
             w[0].time.reset();
             w[0].valid_now.reset();
         },
         kExpired, kExpired},
        {"not where it contradicts the height", 3, [](Words& w) { w[0].finalized->height = kLast; },
         kUnproven, kExpired},
        {"nor the time", 3, [](Words& w) { w[0].time->value = kSeen; }, kExpired, kUnproven},
        {"nor where it takes the message", 3, [](Words& w) { w[0].valid->value = true; }, kUnproven,
         kAlive},
        {"nor where it found it", 3, [](Words& w) { w[0].found = At<bool>{1, true}; }, kUnproven,
         kUnproven},
        {"one of three is not enough", 3,
         [](Words& w) {
             w[0] = {};
             w[1].found.reset();
         },
         kUnproven, kUnproven},
    };
    check(rows, kSpan);
}

// A node that dropped old records finds nothing there.
TEST(Expiry, AnOldMessageTakesAHistoryThatIsWhole) {
    const auto kept = [](std::int64_t since_s) {
        return [since_s](Words& words) {
            for (ExpiryWord& word : words) word.kept_since_s = since_s;
        };
    };
    const Row rows[] = {
        {"not told", 2, [](Words&) {}, kUnproven, kUnproven},
        {"whole", 2, kept(kSeen - kEarlierSeconds), kExpired, kExpired},
        {"from the beginning", 1, kept(0), kExpired, kExpired},
        {"begins too late", 2, kept(kSeen - kEarlierSeconds + 1), kUnproven, kUnproven},
        {"one of two", 2, [](Words& w) { w[1].kept_since_s = 0; }, kUnproven, kUnproven},
    };
    check(rows, kOld);
    // A clock that was set back is as good as none.
    const Words words(2, full());
    EXPECT_EQ(judge_expiry_by_height(words, kLast, {kSeen, kSeen - 86'400}), kUnproven);
}

TEST(Expiry, OurOwnClockHasItsPartInTheProofByTime) {
    const Words words(2, full());
    EXPECT_EQ(judge_expiry_by_time(words, {kSeen, kSeen + kExpirySeconds - 1}), kAlive);
    EXPECT_EQ(judge_expiry_by_time(words, {kSeen, kSeen + kExpirySeconds}), kExpired);
    EXPECT_EQ(judge_expiry_by_time(words, {0, kSeen}), kUnproven) << "the slot does not tell when";
    EXPECT_EQ(judge_expiry_by_height(words, kLast, {kSeen, kSeen + 1}), kExpired)
        << "heights need no clock";
}

TEST(Expiry, ExtremeNumbers) {
    constexpr std::uint64_t kMost = ~std::uint64_t{0};
    Words words(1, full());
    EXPECT_EQ(judge_expiry_by_height(words, kMost, kSpan), kAlive);
    words[0].finalized->height = kMost;
    EXPECT_EQ(judge_expiry_by_height(words, kMost, kSpan), kAlive);
    EXPECT_EQ(judge_expiry_by_height(words, kMost - 1, kSpan), kAlive);
    EXPECT_EQ(judge_expiry_by_height(words, kMost - 2, kSpan), kExpired);
}

// Every combination of what two endpoints may say: proven takes what the proof names, of both.
struct Choice {
    int finalized;  // 0 silent, 1 not past, 2 past
    int valid;      // 0 silent, 1 older and false, 2 false, 3 true
    int found;      // 0 silent, 1 older and nothing, 2 nothing, 3 found
};
ExpiryWord word_of(const Choice& choice) {
    ExpiryWord word = full();
    if (choice.finalized == 0) word.finalized.reset();
    if (choice.finalized == 1) word.finalized->height = kLast + 1;
    if (choice.valid == 0) word.valid.reset();
    if (choice.valid == 1) --word.valid->slot;
    if (choice.valid == 3) word.valid->value = true;
    if (choice.found == 0) word.found.reset();
    if (choice.found == 1) word.found->slot = kFinalSlot - 1;
    if (choice.found == 3) word.found->value = true;
    return word;
}
bool is_whole(const Choice& choice) {
    return choice.finalized == 2 && choice.valid == 2 && choice.found == 2;
}

TEST(Expiry, ByHeightEveryCombinationOfTwo) {
    std::vector<Choice> choices;
    for (int finalized = 0; finalized < 3; ++finalized) {
        for (int valid = 0; valid < 4; ++valid) {
            for (int found = 0; found < 4; ++found) choices.push_back({finalized, valid, found});
        }
    }
    std::size_t proven = 0;
    for (const Choice& one : choices) {
        EXPECT_EQ(judge_expiry_by_height(Words{word_of(one)}, kLast, kSpan) == kExpired,
                  is_whole(one));
        for (const Choice& other : choices) {
            const Words words{word_of(one), word_of(other)};
            const bool expired = judge_expiry_by_height(words, kLast, kSpan) == kExpired;
            EXPECT_EQ(expired, is_whole(one) && is_whole(other));
            proven += expired ? 1 : 0;
            const ExpiryVerdict late = judge_expiry_by_time(words, kSpan);
            if (late == kExpired) {
                EXPECT_TRUE(one.valid == 2 && other.valid == 2);
                EXPECT_TRUE(one.found == 2 && other.found == 2);
                EXPECT_TRUE(one.finalized != 0 && other.finalized != 0);
            }
        }
    }
    EXPECT_EQ(proven, 1U);
}

// With a third endpoint a proof of two never outweighs a contradiction.
TEST(Expiry, NoContradictionIsOutvoted) {
    const Change contradictions[] = {
        [](Words& w) { w[2].found->value = true; },
        [](Words& w) { w[2].valid->value = true; },
        [](Words& w) { w[2].valid_now->value = true; },
    };
    for (const Change& change : contradictions) {
        Words words = changed(3, change);
        EXPECT_NE(judge_expiry_by_height(words, kLast, kSpan), kExpired);
        EXPECT_NE(judge_expiry_by_time(words, kSpan), kExpired);
        std::rotate(words.begin(), words.begin() + 2, words.end());
        EXPECT_NE(judge_expiry_by_height(words, kLast, kSpan), kExpired);
        EXPECT_NE(judge_expiry_by_time(words, kSpan), kExpired);
    }
}

}  // namespace
}  // namespace x402::svm
