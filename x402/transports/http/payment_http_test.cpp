// SPDX-License-Identifier: Apache-2.0
// Payments in HTTP messages: one header or none, which version, and what never passes the gateway.
#include "x402/transports/http/payment_http.hpp"

#include <gtest/gtest.h>

#include "x402/base/base64.hpp"
#include "x402/base/limits.hpp"
#include "x402/protocol/codec.hpp"
#include "x402/protocol/headers.hpp"

namespace x402::transports {
namespace {

NetworkNames names() {
    NetworkNames out;
    out.to_chain = [](std::string_view name) -> std::optional<ChainId> {
        if (name == "base-sepolia") return *ChainId::parse("eip155:84532");
        return std::nullopt;
    };
    out.to_v1_name = [](const ChainId& id) -> std::optional<std::string> {
        if (id.text() == "eip155:84532") return "base-sepolia";
        return std::nullopt;
    };
    return out;
}

constexpr std::string_view kPaymentV2 =
    R"({"x402Version":2,"accepted":{"scheme":"exact","network":"eip155:84532","amount":"10","asset":"0xa",)"
    R"("payTo":"0xb","maxTimeoutSeconds":60,"extra":{}},"payload":{"signature":"0x1"}})";
constexpr std::string_view kPaymentV1 =
    R"({"x402Version":1,"scheme":"exact","network":"base-sepolia","payload":{"signature":"0x1"}})";

std::string b64(std::string_view text) {
    return base64_encode(as_bytes(text));
}

net::Headers with(std::initializer_list<net::Header> list) {
    net::Headers out;
    for (const auto& header : list) out.add(header.name, header.value);
    return out;
}

PaymentRequired required() {
    PaymentRequired out;
    out.error = "payment_required";
    out.resource.url = "https://api.example.com/x";
    out.accepts.push_back(read_payment_payload(kPaymentV2)->accepted);
    return out;
}

TEST(ReadRequestPayment, NothingAndBothVersions) {
    EXPECT_TRUE(std::holds_alternative<std::monostate>(
        read_request_payment(with({{"Accept", "*/*"}}), names())));

    const auto two = read_request_payment(with({{"payment-signature", b64(kPaymentV2)}}), names());
    ASSERT_TRUE(std::holds_alternative<PaymentPayload>(two));
    EXPECT_EQ(std::get<PaymentPayload>(two).text, kPaymentV2);

    const auto one = read_request_payment(with({{"X-Payment", b64(kPaymentV1)}}), names());
    ASSERT_TRUE(std::holds_alternative<PaymentV1>(one));
    EXPECT_EQ(std::get<PaymentV1>(one).text, kPaymentV1);
    EXPECT_EQ(std::get<PaymentV1>(one).scheme, "exact");
    EXPECT_EQ(std::get<PaymentV1>(one).network.text(), "eip155:84532");
}

// attacks.md 26 and 28.
TEST(ReadRequestPayment, Attack26And28Refused) {
    const std::string v2 = b64(kPaymentV2);
    const std::string v1 = b64(kPaymentV1);
    struct Row {
        const char* name;
        net::Headers headers;
        const char* code;
        int status;
    };
    const Row rows[] = {
        {"twice", with({{"PAYMENT-SIGNATURE", v2}, {"payment-signature", v2}}), "ambiguous_payment",
         400},
        {"v1 twice", with({{"X-PAYMENT", v1}, {"X-PAYMENT", v1}}), "ambiguous_payment", 400},
        {"both versions", with({{"PAYMENT-SIGNATURE", v2}, {"X-PAYMENT", v1}}), "ambiguous_payment",
         400},
        {"joined", with({{"PAYMENT-SIGNATURE", v2 + ", " + v2}}), "ambiguous_payment", 400},
        {"one empty of two", with({{"PAYMENT-SIGNATURE", v2}, {"X-PAYMENT", ""}}),
         "ambiguous_payment", 400},
        {"empty", with({{"PAYMENT-SIGNATURE", ""}}), "malformed_payment", 400},
        {"no base64", with({{"PAYMENT-SIGNATURE", "{}"}}), "malformed_payment", 400},
        {"no payment", with({{"PAYMENT-SIGNATURE", "e30="}}), "malformed_payment", 400},
        {"v1 in the v2 header", with({{"PAYMENT-SIGNATURE", v1}}), "invalid_x402_version", 400},
        {"v2 in the v1 header", with({{"X-PAYMENT", v2}}), "invalid_x402_version", 400},
        {"version 3", with({{"PAYMENT-SIGNATURE", b64(R"({"x402Version":3})")}}),
         "invalid_x402_version", 400},
        {"v1 network",
         with({{"X-PAYMENT",
                b64(R"({"x402Version":1,"scheme":"exact","network":"moon","payload":{"a":1}})")}}),
         "invalid_network", 402},
        {"v1 empty payload",
         with(
             {{"X-PAYMENT",
               b64(R"({"x402Version":1,"scheme":"exact","network":"base-sepolia","payload":{}})")}}),
         "malformed_payment", 400},
        {"too large",
         with({{"PAYMENT-SIGNATURE", std::string(limits::kPaymentHeaderBytes + 4, 'A')}}),
         "payload_too_large", 413},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const auto got = read_request_payment(row.headers, names());
        ASSERT_TRUE(std::holds_alternative<Refusal>(got));
        EXPECT_EQ(std::get<Refusal>(got).code, row.code);
        EXPECT_EQ(std::get<Refusal>(got).http_status, row.status);
    }
}

TEST(ReadRequestPayment, ARefusalNamesTheFieldAndNeverRepeatsTheClient) {
    const std::string text =
        R"({"x402Version":2,"accepted":{"scheme":"exact","network":"<script>","amount":"1",)"
        R"("asset":"0xa","payTo":"0xb","maxTimeoutSeconds":60},"payload":{}})";
    const auto got = read_request_payment(with({{"PAYMENT-SIGNATURE", b64(text)}}), names());
    ASSERT_TRUE(std::holds_alternative<Refusal>(got));
    const Refusal& refusal = std::get<Refusal>(got);
    EXPECT_EQ(refusal.field, "accepted.network");
    EXPECT_EQ(json::dump(write(refusal)).find("script"), std::string::npos);
}

TEST(WriteRequired, HeaderAndBodySayTheSame) {
    PaymentRequired offer = required();
    explain(offer, refuse(Reason::no_match, {"amount", "10", "9"}));
    const auto value = required_header(offer);
    ASSERT_TRUE(value);
    EXPECT_EQ(*headers::decode_text(*value), required_body(offer));
    const auto back = read_required(with({{"PAYMENT-REQUIRED", *value}}), "", names());
    ASSERT_TRUE(back);
    EXPECT_EQ(back->error, "no_matching_requirements");
    EXPECT_EQ(back->unknown.at("refusal").as_object().at("expected").as_string(), "10");
}

TEST(WriteRequired, TheHeaderHasACap) {
    PaymentRequired offer = required();
    offer.resource.description = std::string(limits::kRequiredHeaderBytes, 'x');
    const auto value = required_header(offer);
    ASSERT_FALSE(value);
    EXPECT_EQ(value.error().code, Errc::too_large);
}

TEST(WriteRequired, Version1LeavesOutWhatItCannotName) {
    PaymentRequired offer = required();
    offer.accepts.push_back(offer.accepts[0]);
    offer.accepts[1].network = *ChainId::parse("sepa:eu");
    const auto body = required_body_v1(offer, names());
    ASSERT_TRUE(body);
    const auto back = read_required({}, *body, names());
    ASSERT_TRUE(back);
    EXPECT_EQ(back->version, 1);
    ASSERT_EQ(back->accepts.size(), 1U);
    EXPECT_EQ(back->accepts[0].network.text(), "eip155:84532");
    offer.accepts.erase(offer.accepts.begin());
    EXPECT_EQ(required_body_v1(offer, names()).error().code, Errc::unsupported);
}

TEST(WriteRefusal, IsOneErrorObject) {
    EXPECT_TRUE(refusal_body(refuse(Reason::route_unknown))
                    .starts_with(R"({"error":{"code":"route_unknown",)"));
}

TEST(ReadRequired, Table) {
    const std::string header = *required_header(required());
    const std::string v1 = *required_body_v1(required(), names());
    struct Row {
        const char* name;
        net::Headers headers;
        std::string body;
        bool good;
        int version;
        Errc code;
    };
    const Row rows[] = {
        {"header", with({{"PAYMENT-REQUIRED", header}}), "{}", true, 2, {}},
        {"header before body", with({{"PAYMENT-REQUIRED", header}}), v1, true, 2, {}},
        {"body v2", {}, required_body(required()), true, 2, {}},
        {"body v1", {}, v1, true, 1, {}},
        {"two headers", with({{"PAYMENT-REQUIRED", header}, {"PAYMENT-REQUIRED", header}}), "",
         false, 0, Errc::invalid},
        {"bad header, good body", with({{"PAYMENT-REQUIRED", "%%%"}}), v1, false, 0, Errc::invalid},
        {"html", {}, "<html>Pay us</html>", false, 0, Errc::not_found},
        {"empty", {}, "", false, 0, Errc::not_found},
        {"empty object", {}, "{}", false, 0, Errc::not_found},
        {"somebody else's 402", {}, R"({"error":"quota"})", false, 0, Errc::not_found},
        {"version 3", {}, R"({"x402Version":3,"accepts":[]})", false, 0, Errc::unsupported},
        {"version text", {}, R"({"x402Version":"2"})", false, 0, Errc::invalid},
        {"no accepts", {}, R"({"x402Version":2,"resource":{"url":"u"}})", false, 0, Errc::invalid},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const auto got = read_required(row.headers, row.body, names());
        ASSERT_EQ(got.has_value(), row.good);
        if (got) {
            EXPECT_EQ(got->version, row.version);
        }
        if (!got) {
            EXPECT_EQ(got.error().code, row.code);
        }
    }
}

TEST(Settlement, BothVersionsReadBack) {
    SettleResponse settled;
    settled.success = true;
    settled.transaction = "0x1";
    settled.network = *ChainId::parse("eip155:84532");
    for (const int version : {1, 2}) {
        net::Headers headers;
        ASSERT_TRUE(set_settlement(headers, settled, version, names()));
        ASSERT_EQ(headers.list().size(), 1U);
        EXPECT_TRUE(headers.has(version == 1 ? "X-PAYMENT-RESPONSE" : "PAYMENT-RESPONSE"));
        const auto got = read_settlement(headers, names());
        ASSERT_TRUE(got && *got);
        EXPECT_EQ((*got)->transaction, "0x1");
        EXPECT_EQ((*got)->network, settled.network);
    }
    EXPECT_FALSE(read_settlement({}, names())->has_value());
    settled.network = *ChainId::parse("sepa:eu");
    net::Headers headers;
    EXPECT_FALSE(set_settlement(headers, settled, 1, names()));
    EXPECT_TRUE(headers.list().empty());
}

TEST(Settlement, OneThatCannotBeReadIsNotNone) {
    for (const char* bad : {"", "e30=", "%%%"}) {
        EXPECT_FALSE(read_settlement(with({{"PAYMENT-RESPONSE", bad}}), names())) << bad;
        EXPECT_FALSE(read_settlement(with({{"X-PAYMENT-RESPONSE", bad}}), names())) << bad;
    }
    const std::string fine = b64(R"({"success":false})");
    EXPECT_FALSE(
        read_settlement(with({{"PAYMENT-RESPONSE", fine}, {"PAYMENT-RESPONSE", fine}}), names()));
}

TEST(SetPayment, ExactlyOneHeaderOfTheRightVersion) {
    net::Headers headers =
        with({{"X-Payment", "old"}, {"Payment-Signature", "old"}, {"Accept", "*/*"}});
    PaymentPayload payment = *read_payment_payload(kPaymentV2);
    ASSERT_TRUE(set_payment(headers, payment, names()));
    EXPECT_EQ(headers.get("PAYMENT-SIGNATURE"), b64(kPaymentV2));
    EXPECT_FALSE(headers.has("X-PAYMENT"));
    EXPECT_TRUE(headers.has("Accept"));

    payment.version = kVersion1;
    payment.text.clear();
    payment.accepted_text.clear();
    ASSERT_TRUE(set_payment(headers, payment, names()));
    EXPECT_EQ(headers.get("X-PAYMENT"), b64(kPaymentV1));
    EXPECT_FALSE(headers.has("PAYMENT-SIGNATURE"));

    payment.text = std::string(limits::kPaymentHeaderBytes, ' ');
    const auto large = set_payment(headers, payment, names());
    ASSERT_FALSE(large);
    EXPECT_EQ(large.error().code, Errc::too_large);
    EXPECT_EQ(headers.get("X-PAYMENT"), b64(kPaymentV1)) << "a failure changes nothing";
}

// attacks.md 26: nothing that could be taken for ours passes the gateway, in either direction.
TEST(StripHeaders, Attack26Table) {
    struct Row {
        const char* name;
        bool ours;
    };
    const Row rows[] = {
        {"PAYMENT-SIGNATURE", true},
        {"payment-signature", true},
        {"Payment_Signature", true},
        {"X-PAYMENT", true},
        {"x_payment", true},
        {"X-Payment-Response", true},
        {"PAYMENT-REQUIRED", true},
        {"PAYMENT-RESPONSE", true},
        {"SIGN-IN-WITH-X", true},
        {"Settlement-Overrides", true},
        {"settlement_overrides", true},
        {"EXTENSION-RESPONSES", true},
        {"X402-Payment-Key", true},
        {"x402_payer", true},
        {"X402-", true},
        {"X-402-Payer", true},
        {"x_402_payment_key", true},
        {"X-402", false},
        {"X-4020", false},
        {"Authorization", false},
        {"X402", false},
        {"X-402", false},
        {"Payment", false},
        {"X-Payments", false},
        {"My-X402-Key", false},
        {"Cookie", false},
        {"", false},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        EXPECT_EQ(is_payment_layer_header(row.name), row.ours);
    }
    net::Headers headers = with({{"Host", "a"},
                                 {"X402-Payer", "0xme"},
                                 {"x-payment", "1"},
                                 {"Accept", "*/*"},
                                 {"X402-Payer", "0xtwo"}});
    strip_payment_layer_headers(headers);
    ASSERT_EQ(headers.list().size(), 2U);
    EXPECT_EQ(headers.list()[0].name, "Host");
    EXPECT_EQ(headers.list()[1].name, "Accept");
}

}  // namespace
}  // namespace x402::transports
