// SPDX-License-Identifier: Apache-2.0
// Header values: the caps come before the work, one base64 alphabet, and UTF-8 inside.
#include "x402/protocol/headers.hpp"

#include <gtest/gtest.h>

#include "x402/base/base64.hpp"
#include "x402/base/limits.hpp"
#include "x402/protocol/codec.hpp"

namespace x402::headers {
namespace {

constexpr std::string_view kPayment =
    R"({"x402Version":2,"accepted":{"scheme":"exact","network":"eip155:1","amount":"1","asset":"0xa",)"
    R"("payTo":"0xb","maxTimeoutSeconds":60},"payload":{"k":"~~~???"}})";

TEST(DecodeText, Table) {
    struct Row {
        const char* name;
        std::string value;
        bool good;
        Errc code;
    };
    const Row rows[] = {
        {"padded", "e30=", true, {}},
        {"padding left out", "e30", true, {}},
        {"utf-8", base64_encode(as_bytes("\"\xc3\xa9\"")), true, {}},
        {"empty", "", false, Errc::invalid},
        {"space", " e30=", false, Errc::invalid},
        {"inner space", "e3 0=", false, Errc::invalid},
        {"url alphabet", "fn5-Pz8_", false, Errc::invalid},
        {"three pads", "e30===", false, Errc::invalid},
        {"bits left over", "e31=", false, Errc::invalid},
        {"comma", "e30=,e30=", false, Errc::invalid},
        {"json itself", "{}", false, Errc::invalid},
        {"latin-1", base64_encode(as_bytes("\xe9")), false, Errc::invalid},
        {"overlong", base64_encode(as_bytes("\xc0\xaf")), false, Errc::invalid},
        {"surrogate", base64_encode(as_bytes("\xed\xa0\x80")), false, Errc::invalid},
        {"too large", std::string(limits::kPaymentHeaderBytes + 4, 'A'), false, Errc::too_large},
        {"a mebibyte", std::string(1024 * 1024, 'A'), false, Errc::too_large},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const auto got = decode_text(row.value);
        ASSERT_EQ(got.has_value(), row.good);
        if (!got) {
            EXPECT_EQ(got.error().code, row.code);
        }
    }
}

TEST(DecodeText, TheCapItselfIsAllowed) {
    EXPECT_TRUE(decode_text(std::string(limits::kPaymentHeaderBytes, 'A')));
}

// attacks.md 3: padding is spelling, not meaning.
TEST(DecodePayment, Attack03PaddingChangesNothing) {
    for (std::size_t spaces = 0; spaces < 3; ++spaces) {
        std::string value =
            base64_encode(as_bytes(std::string(kPayment) + std::string(spaces, ' ')));
        const auto padded = decode_payment(value);
        while (value.ends_with('=')) value.pop_back();
        const auto bare = decode_payment(value);
        ASSERT_TRUE(padded && bare);
        EXPECT_EQ(padded->text, bare->text);
    }
}

TEST(Encode, EveryMessageSurvivesTheHeader) {
    const auto payment = read_payment_payload(kPayment);
    ASSERT_TRUE(payment);
    const auto again = decode_payment(encode(write(*payment)));
    ASSERT_TRUE(again);
    EXPECT_EQ(json::dump(write(*again)), json::dump(write(*payment)));

    PaymentRequired required;
    required.resource.url = "https://a.example";
    required.accepts.push_back(payment->accepted);
    const auto offers = decode_required(encode(write(required)));
    ASSERT_TRUE(offers);
    EXPECT_EQ(json::dump(write(*offers)), json::dump(write(required)));

    SettleResponse settled;
    settled.success = true;
    settled.transaction = "0x1";
    settled.network = *ChainId::parse("eip155:1");
    const auto told = decode_settlement(encode(write(settled)));
    ASSERT_TRUE(told);
    EXPECT_EQ(told->transaction, "0x1");
}

TEST(Decode, GoodBase64OfTheWrongMessageIsRefused) {
    EXPECT_FALSE(decode_payment("e30="));
    EXPECT_FALSE(decode_required("e30="));
    EXPECT_FALSE(decode_settlement("e30="));
}

}  // namespace
}  // namespace x402::headers
