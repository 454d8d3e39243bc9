// SPDX-License-Identifier: Apache-2.0
// Version 1: its shapes in the types of version 2 and back, and where the two may not be mixed.
#include "x402/protocol/version.hpp"

#include <gtest/gtest.h>

#include "x402/protocol/codec.hpp"

namespace x402 {
namespace {

NetworkNames names() {
    NetworkNames out;
    out.to_chain = [](std::string_view name) -> std::optional<ChainId> {
        if (name == "base-sepolia") return *ChainId::parse("eip155:84532");
        if (name == "solana") return *ChainId::parse("solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp");
        return std::nullopt;
    };
    out.to_v1_name = [](const ChainId& id) -> std::optional<std::string> {
        if (id.text() == "eip155:84532") return "base-sepolia";
        return std::nullopt;
    };
    return out;
}

constexpr std::string_view kOfferV1 =
    R"({"scheme":"exact","network":"base-sepolia","maxAmountRequired":"10000",)"
    R"("resource":"https://api.example.com/premium-data","description":"Market data",)"
    R"("mimeType":"application/json","payTo":"0xb0b","maxTimeoutSeconds":60,"asset":"0xa55e7",)"
    R"("extra":{"name":"USDC","version":"2"},"outputSchema":{"type":"object"}})";
constexpr std::string_view kPaymentV1 =
    R"({"x402Version":1,"scheme":"exact","network":"base-sepolia","payload":{"signature":"0x1"},"memo":7})";

PaymentRequired offers() {
    return *read_payment_required_v1(
        R"({"x402Version":1,"error":"pay","accepts":[)" + std::string(kOfferV1) + "]}", names());
}

std::string with(std::string_view text, std::string_view from, std::string_view to) {
    std::string out(text);
    const auto at = out.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return out.replace(at, from.size(), to);
}

TEST(RequiredV1, IsReadAsVersion2) {
    const PaymentRequired got = offers();
    EXPECT_EQ(got.version, 1);
    EXPECT_EQ(got.error, "pay");
    EXPECT_EQ(got.resource.url, "https://api.example.com/premium-data");
    EXPECT_EQ(got.resource.description, "Market data");
    EXPECT_EQ(got.resource.mime_type, "application/json");
    ASSERT_EQ(got.accepts.size(), 1U);
    EXPECT_EQ(got.accepts[0].network.text(), "eip155:84532");
    EXPECT_EQ(got.accepts[0].amount.to_decimal(), "10000");
    EXPECT_EQ(got.accepts[0].pay_to, "0xb0b");
}

TEST(RequiredV1, AnUnknownNetworkIsLeftOutBesideAKnownOne) {
    const std::string other = with(kOfferV1, "base-sepolia", "moonbase");
    const auto got = read_payment_required_v1(
        R"({"x402Version":1,"accepts":[)" + other + "," + std::string(kOfferV1) + "]}", names());
    ASSERT_TRUE(got);
    EXPECT_EQ(got->accepts.size(), 1U);
    ASSERT_EQ(got->unreadable.size(), 1U);
    EXPECT_EQ(got->unreadable[0].field, "accepts[0].network");
    EXPECT_FALSE(
        read_payment_required_v1(R"({"x402Version":1,"accepts":[)" + other + "]}", names()));
}

TEST(RequiredV1, RoundTrip) {
    const PaymentRequired got = offers();
    const auto wrote = write_requirements_v1(got.accepts[0], got.resource, names());
    ASSERT_TRUE(wrote);
    EXPECT_EQ(json::dump(*wrote), kOfferV1);
}

TEST(RequirementsV1, HaveNoNameForEveryNetwork) {
    PaymentRequirements terms = offers().accepts[0];
    terms.network = *ChainId::parse("sepa:eu");
    const auto got = write_requirements_v1(terms, {}, names());
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, Errc::unsupported);
    EXPECT_EQ(got.error().field, "network");
}

TEST(PaymentV1, TakesItsTermsFromTheServer) {
    const PaymentRequirements asked = offers().accepts[0];
    const auto got = read_payment_payload_v1(kPaymentV1, asked, names());
    ASSERT_TRUE(got) << to_string(got.error());
    EXPECT_EQ(got->version, 1);
    EXPECT_TRUE(same_terms(got->accepted, asked));
    EXPECT_EQ(got->text, kPaymentV1);
    const auto wrote = write_payment_payload_v1(*got, names());
    ASSERT_TRUE(wrote);
    EXPECT_EQ(json::dump(*wrote), kPaymentV1);
}

TEST(PaymentV1, Refused) {
    const PaymentRequirements asked = offers().accepts[0];
    struct Row {
        const char* name;
        std::string text;
        Errc code;
        const char* field;
    };
    const Row rows[] = {
        {"version 2", with(kPaymentV1, ":1,", ":2,"), Errc::unsupported, "x402Version"},
        {"no version", with(kPaymentV1, "\"x402Version\":1,", ""), Errc::invalid, "x402Version"},
        {"other scheme", with(kPaymentV1, "exact", "upto"), Errc::invalid, "scheme"},
        {"other network", with(kPaymentV1, "base-sepolia", "solana"), Errc::invalid, "network"},
        {"unknown network", with(kPaymentV1, "base-sepolia", "moonbase"), Errc::unsupported,
         "network"},
        {"payload text", with(kPaymentV1, R"({"signature":"0x1"})", "\"x\""), Errc::invalid,
         "payload"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const auto got = read_payment_payload_v1(row.text, asked, names());
        ASSERT_FALSE(got);
        EXPECT_EQ(got.error().code, row.code);
        EXPECT_EQ(got.error().field, row.field);
    }
}

TEST(PaymentV1, NamesItsNetworkBeforeAnythingIsMatched) {
    EXPECT_EQ(network_of_v1_payment(kPaymentV1, names())->text(), "eip155:84532");
    EXPECT_EQ(
        network_of_v1_payment(with(kPaymentV1, "base-sepolia", "eip155:84532"), names())->text(),
        "eip155:84532");
    EXPECT_EQ(
        network_of_v1_payment(with(kPaymentV1, "base-sepolia", "moonbase"), names()).error().code,
        Errc::unsupported);
    EXPECT_EQ(network_of_v1_payment(kPaymentV1, NetworkNames{}).error().code, Errc::unsupported)
        << "nobody who knows names is no crash";
}

TEST(SettlementV1, ShortNameBothWays) {
    SettleResponse response;
    response.success = true;
    response.transaction = "0x1";
    response.payer = "0xa";
    response.network = *ChainId::parse("eip155:84532");
    const auto wrote = write_settle_response_v1(response, names());
    ASSERT_TRUE(wrote);
    EXPECT_EQ(json::dump(*wrote),
              R"({"success":true,"payer":"0xa","transaction":"0x1","network":"base-sepolia"})");
    const auto back = read_settle_response_v1(json::dump(*wrote), names());
    ASSERT_TRUE(back);
    EXPECT_EQ(back->network, response.network);
    EXPECT_FALSE(read_settle_response_v1(
        R"({"success":true,"transaction":"0x1","network":"moonbase"})", names()));
    EXPECT_TRUE(read_settle_response_v1(R"({"success":false,"network":"moonbase"})", names()));
}

TEST(FacilitatorRequest, BothVersionsKeepTheirTexts) {
    const std::string v1 = R"({"x402Version":1,"paymentPayload":)" + std::string(kPaymentV1) +
                           R"(,"paymentRequirements":)" + std::string(kOfferV1) + "}";
    const auto one = read_facilitator_request(v1, names());
    ASSERT_TRUE(one) << to_string(one.error());
    EXPECT_EQ(one->version, 1);
    EXPECT_EQ(one->requirements.network.text(), "eip155:84532");
    EXPECT_EQ(one->payload.resource->url, "https://api.example.com/premium-data");
    EXPECT_EQ(write_facilitator_request(*one), v1);

    const std::string terms =
        R"({"scheme":"exact","network":"eip155:1","amount":"5","asset":"0xa","payTo":"0xb",)"
        R"("maxTimeoutSeconds":60})";
    const std::string v2 = R"({"x402Version":2,"paymentPayload":{"x402Version":2,"accepted":)" +
                           terms + R"(,"payload":{}},"paymentRequirements":)" + terms + "}";
    const auto two = read_facilitator_request(v2, names());
    ASSERT_TRUE(two) << to_string(two.error());
    EXPECT_EQ(two->version, 2);
    EXPECT_EQ(two->payload.accepted_text, terms);
    EXPECT_EQ(write_facilitator_request(*two), v2);
    EXPECT_TRUE(read_facilitator_request(
        with(v2, "\"x402Version\":2,\"paymentPayload\"", "\"paymentPayload\""), names()))
        << "the payload's own version is enough";
}

TEST(FacilitatorRequest, RefusedAndWhere) {
    const std::string terms =
        R"({"scheme":"exact","network":"eip155:1","amount":"5","asset":"0xa","payTo":"0xb",)"
        R"("maxTimeoutSeconds":60})";
    const std::string good = R"({"x402Version":2,"paymentPayload":{"x402Version":2,"accepted":)" +
                             terms + R"(,"payload":{}},"paymentRequirements":)" + terms + "}";
    struct Row {
        const char* name;
        std::string text;
        Errc code;
        const char* field;
    };
    const Row rows[] = {
        {"empty", "{}", Errc::invalid, "paymentPayload"},
        {"no requirements", R"({"paymentPayload":{"x402Version":2}})", Errc::invalid,
         "paymentRequirements"},
        {"versions differ",
         with(good, "{\"x402Version\":2,\"payment", "{\"x402Version\":1,\"payment"),
         Errc::unsupported, "x402Version"},
        {"version 9", with(good, "{\"x402Version\":2,\"accepted", "{\"x402Version\":9,\"accepted"),
         Errc::unsupported, "paymentPayload.x402Version"},
        {"payload's amount", with(good, "\"5\"", "\"5.0\""), Errc::invalid,
         "paymentPayload.accepted.amount"},
        {"v1 terms in v2",
         with(good, R"("paymentRequirements":{"scheme":"exact","network":"eip155:1","amount")",
              R"("paymentRequirements":{"scheme":"exact","network":"eip155:1","max")"),
         Errc::invalid, "paymentRequirements.amount"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const auto got = read_facilitator_request(row.text, names());
        ASSERT_FALSE(got);
        EXPECT_EQ(got.error().code, row.code);
        EXPECT_EQ(got.error().field, row.field);
    }
}

}  // namespace
}  // namespace x402
