// SPDX-License-Identifier: Apache-2.0
// The messages of version 2: what is read, what is refused and where the error points, and the laws
// that an echo loses nothing and that an encoding's spelling changes no meaning.
#include "x402/protocol/codec.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <random>

namespace x402 {
namespace {

constexpr std::string_view kOffer =
    R"({"scheme":"exact","network":"eip155:84532","amount":"10000",)"
    R"("asset":"0x036CbD53842c5426634e7929541eC2318f3dCF7e",)"
    R"("payTo":"0x209693Bc6afc0C5328bA36FaF03C514EF312287C","maxTimeoutSeconds":60,)"
    R"("extra":{"name":"USDC","version":"2"}})";

std::string payload_text(std::string_view accepted = kOffer) {
    return R"({"x402Version":2,"resource":{"url":"https://api.example.com/data"},"accepted":)" +
           std::string(accepted) +
           R"(,"payload":{"signature":"0x01","authorization":{"value":"10000"}}})";
}

std::string required_text(std::string_view offers) {
    return R"({"x402Version":2,"error":"payment_required","resource":{"url":"https://a.example/x"},"accepts":[)" +
           std::string(offers) + "]}";
}

std::string with(std::string_view text, std::string_view from, std::string_view to) {
    std::string out(text);
    const auto at = out.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return out.replace(at, from.size(), to);
}

std::string meaning(const json::Object& object) {
    return json::canonical(json::Value(object));
}

TEST(ReadPayload, TheSpecificationsExample) {
    const auto got = read_payment_payload(payload_text());
    ASSERT_TRUE(got) << to_string(got.error());
    EXPECT_EQ(got->version, 2);
    EXPECT_EQ(got->resource->url, "https://api.example.com/data");
    EXPECT_EQ(got->accepted.scheme, "exact");
    EXPECT_EQ(got->accepted.network.text(), "eip155:84532");
    EXPECT_EQ(got->accepted.amount.to_decimal(), "10000");
    EXPECT_EQ(got->accepted.max_timeout_seconds, 60);
    EXPECT_EQ(json::dump(got->accepted.extra), R"({"name":"USDC","version":"2"})");
    EXPECT_EQ(got->text, payload_text());
    EXPECT_EQ(got->accepted_text, kOffer);
    EXPECT_EQ(text_of(*got), payload_text());
}

TEST(ReadPayload, RefusedAndWhere) {
    const std::string good = payload_text();
    struct Row {
        const char* name;
        std::string text;
        Errc code;
        const char* field;
    };
    const Row rows[] = {
        {"not json", "hello", Errc::invalid, ""},
        {"array", "[]", Errc::invalid, ""},
        {"empty", "", Errc::invalid, ""},
        {"version 1", with(good, "\"x402Version\":2", "\"x402Version\":1"), Errc::unsupported,
         "x402Version"},
        {"version 3", with(good, "\"x402Version\":2", "\"x402Version\":3"), Errc::unsupported,
         "x402Version"},
        {"version text", with(good, "\"x402Version\":2", "\"x402Version\":\"2\""), Errc::invalid,
         "x402Version"},
        {"no version", with(good, "\"x402Version\":2,", ""), Errc::invalid, "x402Version"},
        {"no accepted", R"({"x402Version":2,"payload":{}})", Errc::invalid, "accepted"},
        {"accepted null", R"({"x402Version":2,"accepted":null,"payload":{}})", Errc::invalid,
         "accepted"},
        {"payload text",
         with(good, R"({"signature":"0x01","authorization":{"value":"10000"}})", "\"x\""),
         Errc::invalid, "payload"},
        {"no scheme", with(good, R"("scheme":"exact",)", ""), Errc::invalid, "accepted.scheme"},
        {"empty scheme", with(good, "\"exact\"", "\"\""), Errc::invalid, "accepted.scheme"},
        {"short network", with(good, "eip155:84532", "base-sepolia"), Errc::invalid,
         "accepted.network"},
        {"empty payTo", with(good, "0x209693Bc6afc0C5328bA36FaF03C514EF312287C", ""), Errc::invalid,
         "accepted.payTo"},
        {"timeout zero", with(good, ":60", ":0"), Errc::invalid, "accepted.maxTimeoutSeconds"},
        {"timeout negative", with(good, ":60", ":-1"), Errc::invalid, "accepted.maxTimeoutSeconds"},
        {"timeout text", with(good, ":60", ":\"60\""), Errc::invalid, "accepted.maxTimeoutSeconds"},
        {"timeout fraction", with(good, ":60", ":60.5"), Errc::invalid,
         "accepted.maxTimeoutSeconds"},
        {"extra text", with(good, R"({"name":"USDC","version":"2"})", "\"USDC\""), Errc::invalid,
         "accepted.extra"},
        {"resource text", with(good, R"({"url":"https://api.example.com/data"})", "\"u\""),
         Errc::invalid, "resource"},
        {"resource url number", with(good, "\"https://api.example.com/data\"", "7"), Errc::invalid,
         "resource.url"},
        {"twice", with(good, "\"x402Version\":2", "\"x402Version\":2,\"x402Version\":2"),
         Errc::invalid, nullptr},
        {"twice, escaped",
         with(good, "\"x402Version\":2", R"("x402Version":2,"\u00784\u00302Version":2)"),
         Errc::invalid, nullptr},
        {"trailing text", good + "x", Errc::invalid, nullptr},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const auto got = read_payment_payload(row.text);
        ASSERT_FALSE(got);
        EXPECT_EQ(got.error().code, row.code);
        if (row.field != nullptr) {
            EXPECT_EQ(got.error().field, row.field);
        }
    }
}

// attacks.md 28: an amount is a decimal-digit string, nothing else.
TEST(ReadPayload, Attack28AmountsAreDigitStrings) {
    const std::string top = U256::max().to_decimal();
    for (const std::string& good :
         {std::string("\"0\""), std::string("\"1\""), "\"" + top + "\""}) {
        EXPECT_TRUE(read_payment_payload(
            with(payload_text(), "\"amount\":\"10000\"", "\"amount\":" + good)))
            << good;
    }
    const std::string above =
        "115792089237316195423570985008687907853269984665640564039457584007913129639936";
    for (const std::string& bad :
         {std::string("10000"), std::string("\"\""), std::string("\"-1\""), std::string("\"+1\""),
          std::string("\"1e3\""), std::string("\"0x10\""), std::string("\"0.02\""),
          std::string("\"01\""), std::string("\" 1\""), std::string("\"1 \""),
          std::string("\"\\u0661\""), std::string("\"1_000\""), std::string("\"NaN\""),
          std::string("null"), std::string("true"), std::string("[\"1\"]"), "\"" + above + "\"",
          "\"" + std::string(5000, '9') + "\""}) {
        const auto got =
            read_payment_payload(with(payload_text(), "\"amount\":\"10000\"", "\"amount\":" + bad));
        ASSERT_FALSE(got) << bad;
        EXPECT_EQ(got.error().code, Errc::invalid) << bad;
        EXPECT_EQ(got.error().field, "accepted.amount") << bad;
    }
}

TEST(ReadPayload, Attack28DepthIsCapped) {
    std::string deep;
    for (int i = 0; i < 10'000; ++i) deep += "[";
    const auto got = read_payment_payload(R"({"x402Version":2,"accepted":)" + deep);
    ASSERT_FALSE(got);
}

TEST(ReadRequired, OffersThatCannotBeReadAreLeftOutAndNamed) {
    const std::string decimal = with(kOffer, "\"10000\"", "\"0.02\"");
    const auto got =
        read_payment_required(required_text(decimal + "," + std::string(kOffer) + ",5"));
    ASSERT_TRUE(got) << to_string(got.error());
    EXPECT_EQ(got->accepts.size(), 1U);
    ASSERT_EQ(got->unreadable.size(), 2U);
    EXPECT_EQ(got->unreadable[0].field, "accepts[0].amount");
    EXPECT_EQ(got->unreadable[1].field, "accepts[2]");

    const auto none = read_payment_required(required_text(decimal));
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().field, "accepts[0].amount");
}

TEST(ReadRequired, SignInOnlyHasNoOffers) {
    const auto got = read_payment_required(required_text(""));
    ASSERT_TRUE(got);
    EXPECT_TRUE(got->accepts.empty());
}

TEST(ReadRequired, TheCountOfOffersIsCapped) {
    std::string offers(kOffer);
    for (std::size_t i = 1; i < limits::kAcceptsCount; ++i) offers += "," + std::string(kOffer);
    EXPECT_TRUE(read_payment_required(required_text(offers)));
    const auto got = read_payment_required(required_text(offers + "," + std::string(kOffer)));
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, Errc::too_large);
}

TEST(ReadVerify, BothAnswersAndTheNullsOfPeers) {
    const auto valid =
        read_verify_response(R"({"isValid":true,"payer":"0xa","invalidReason":null})");
    ASSERT_TRUE(valid);
    EXPECT_TRUE(valid->is_valid);
    EXPECT_EQ(valid->payer, "0xa");
    const auto invalid = read_verify_response(
        R"({"isValid":false,"invalidReason":"insufficient_funds","invalidReasonDetails":"x"})");
    ASSERT_TRUE(invalid);
    EXPECT_FALSE(invalid->is_valid);
    EXPECT_EQ(invalid->invalid_reason, "insufficient_funds");
    EXPECT_EQ(
        meaning(write(*invalid)),
        R"({"invalidReason":"insufficient_funds","invalidReasonDetails":"x","isValid":false})");
    for (const char* bad :
         {"{}", R"({"isValid":"true"})", R"({"isValid":1})", R"({"isValid":null})", "[]", "",
          R"({"isValid":true,"payer":5})", R"({"valid":true})"}) {
        EXPECT_FALSE(read_verify_response(bad)) << bad;
    }
}

// attacks.md 9: only a whole, well-typed success is a success.
TEST(ReadSettle, Attack09OnlyAWholeSuccessIsOne) {
    struct Row {
        const char* name;
        const char* text;
        bool good;
    };
    const Row rows[] = {
        {"success", R"({"success":true,"transaction":"0x1","network":"eip155:1","payer":"0xa"})",
         true},
        {"success with nulls",
         R"({"success":true,"transaction":"0x1","network":"eip155:1","errorReason":null})", true},
        {"failure", R"({"success":false,"errorReason":"x","transaction":"","network":"eip155:1"})",
         true},
        {"bare failure", R"({"success":false})", true},
        {"failure, odd network", R"({"success":false,"network":""})", true},
        {"missing success", R"({"transaction":"0x1","network":"eip155:1"})", false},
        {"text success", R"({"success":"true","transaction":"0x1","network":"eip155:1"})", false},
        {"number success", R"({"success":1,"transaction":"0x1","network":"eip155:1"})", false},
        {"no transaction", R"({"success":true,"network":"eip155:1"})", false},
        {"transaction number", R"({"success":true,"transaction":1,"network":"eip155:1"})", false},
        {"no network", R"({"success":true,"transaction":"0x1"})", false},
        {"short network", R"({"success":true,"transaction":"0x1","network":"base"})", false},
        {"amount number", R"({"success":true,"transaction":"0x1","network":"eip155:1","amount":5})",
         false},
        {"amount fraction",
         R"({"success":true,"transaction":"0x1","network":"eip155:1","amount":"0.5"})", false},
        {"extra text", R"({"success":true,"transaction":"0x1","network":"eip155:1","extra":"x"})",
         false},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        EXPECT_EQ(read_settle_response(row.text).has_value(), row.good);
    }
    const auto zero = read_settle_response(
        R"({"success":true,"transaction":"","network":"eip155:1","amount":"0"})");
    ASSERT_TRUE(zero);
    EXPECT_TRUE(zero->amount->is_zero());
}

TEST(ReadSupported, BothVersionsAndDefaults) {
    const auto got = read_supported(
        R"({"kinds":[{"x402Version":2,"scheme":"exact","network":"eip155:1"},)"
        R"({"x402Version":1,"scheme":"exact","network":"base-sepolia","extra":{"feePayer":"F"}}]})");
    ASSERT_TRUE(got) << to_string(got.error());
    ASSERT_EQ(got->kinds.size(), 2U);
    EXPECT_EQ(got->kinds[0].network.text(), "eip155:1");
    EXPECT_TRUE(got->kinds[1].network.empty());
    EXPECT_EQ(got->kinds[1].network_text, "base-sepolia");
    EXPECT_TRUE(got->extensions.empty());
    EXPECT_TRUE(got->signers.empty());
    EXPECT_EQ(
        meaning(write(*got)),
        R"({"extensions":[],"kinds":[{"network":"eip155:1","scheme":"exact","x402Version":2},)"
        R"({"extra":{"feePayer":"F"},"network":"base-sepolia","scheme":"exact","x402Version":1}],)"
        R"("signers":{}})");
    for (const char* bad :
         {"{}", R"({"kinds":{}})", R"({"kinds":[5]})", R"({"kinds":[{"scheme":"exact"}]})",
          R"({"kinds":[],"extensions":"x"})", R"({"kinds":[],"extensions":[1]})",
          R"({"kinds":[{"x402Version":-2,"scheme":"exact","network":"eip155:1"}]})"}) {
        EXPECT_FALSE(read_supported(bad)) << bad;
    }
}

TEST(Write, AnAbsentExtraStaysAbsentInAnEcho) {
    const std::string bare = with(kOffer, R"(,"extra":{"name":"USDC","version":"2"})", "");
    const std::string empty = with(kOffer, R"({"name":"USDC","version":"2"})", "{}");
    for (const std::string& offer : {bare, empty}) {
        const auto got = read_requirements(*json::parse_object(offer));
        ASSERT_TRUE(got);
        EXPECT_EQ(json::dump(write(*got)), offer);
    }
    PaymentRequirements ours;
    EXPECT_TRUE(write(ours).contains("extra")) << "the reference server's type has it";
}

TEST(FacilitatorRequestText, IsByteForByteWhatCame) {
    const std::string spaced = with(payload_text(), "\"accepted\":", "\"accepted\" :  ");
    FacilitatorRequest request;
    request.payload = *read_payment_payload(spaced);
    request.requirements = request.payload.accepted;
    request.requirements_text = " {\"as\":\"it came\"}";
    EXPECT_EQ(write_facilitator_request(request),
              R"({"x402Version":2,"paymentPayload":)" + spaced +
                  R"(,"paymentRequirements": {"as":"it came"}})");
    request.requirements_text.clear();
    EXPECT_TRUE(write_facilitator_request(request).ends_with(R"("paymentRequirements":)" +
                                                             std::string(kOffer) + "}"));
}

TEST(SameTerms, Table) {
    const auto base = *read_requirements(*json::parse_object(kOffer));
    struct Row {
        const char* name;
        std::function<void(PaymentRequirements&)> change;
        bool same;
    };
    const Row rows[] = {
        {"nothing", [](auto&) {}, true},
        {"hex case of asset",
         [](auto& r) { r.asset = "0x036cbd53842c5426634e7929541ec2318f3dcf7e"; }, true},
        {"hex case of payTo",
         [](auto& r) { r.pay_to = "0X209693BC6AFC0C5328BA36FAF03C514EF312287C"; }, true},
        {"extra", [](auto& r) { r.extra.clear(); }, true},
        {"timeout", [](auto& r) { r.max_timeout_seconds = 1; }, true},
        {"scheme", [](auto& r) { r.scheme = "upto"; }, false},
        {"network", [](auto& r) { r.network = *ChainId::parse("eip155:8453"); }, false},
        {"amount", [](auto& r) { r.amount = U256{10001}; }, false},
        {"asset", [](auto& r) { r.asset = "0x036cbd53842c5426634e7929541ec2318f3dcf7d"; }, false},
        {"payTo", [](auto& r) { r.pay_to = "0x209693Bc6afc0C5328bA36FaF03C514EF312287D"; }, false},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        PaymentRequirements other = base;
        row.change(other);
        EXPECT_EQ(same_terms(base, other), row.same);
        EXPECT_EQ(terms_text(base) == terms_text(other), row.same);
    }
    PaymentRequirements one = base, two = base;
    one.asset = two.asset = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v";
    two.asset[1] = 'p';
    EXPECT_FALSE(same_terms(one, two)) << "base58 has case";
    one = two = base;
    one.asset = "a\",\"b";
    one.pay_to = "c";
    two.asset = "a";
    two.pay_to = "b\",\"c";
    EXPECT_NE(terms_text(one), terms_text(two)) << "no member can pose as two";
    EXPECT_EQ(terms_text(base).find('\n'), std::string::npos);
}

// --- laws, on generated messages ---

class Generator {
public:
    explicit Generator(std::uint64_t seed) : random_(seed) {}

    std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_() % n); }
    std::string text() {
        static constexpr std::string_view kPieces[] = {
            "a", "Z", "9", " ", "\"", "\\", "/", "\n", "\xc3\xa9", "\xf0\x9f\x92\xb8", "{", ","};
        std::string out;
        for (std::size_t n = below(6); n > 0; --n) out += kPieces[below(std::size(kPieces))];
        return out;
    }
    json::Value value(int depth) {
        switch (below(depth > 0 ? 7 : 5)) {
            case 0:
                return nullptr;
            case 1:
                return below(2) == 0;
            case 2:
                return static_cast<std::int64_t>(random_());
            case 3:
                return json::Value(text());
            case 4:
                return static_cast<double>(below(1000)) + 0.5;
            case 5:
                return json::Value(object(depth - 1));
            default: {
                json::Array array;
                for (std::size_t n = below(3); n > 0; --n) array.push_back(value(depth - 1));
                return array;
            }
        }
    }
    json::Object object(int depth) {
        json::Object out;
        for (std::size_t n = below(4); n > 0; --n)
            out["k" + std::to_string(below(50)) + text()] = value(depth);
        return out;
    }
    U256 amount() {
        FixedBytes<32> bytes;
        for (std::size_t i = below(32); i < 32; ++i)
            bytes.data[i] = static_cast<std::uint8_t>(random_());
        return *U256::from_be(bytes.view());
    }
    PaymentRequirements requirements() {
        PaymentRequirements out;
        out.scheme = "s" + text();
        out.network = *ChainId::parse("eip155:" + std::to_string(below(100000)));
        out.amount = amount();
        out.asset = "a" + text();
        out.pay_to = "p" + text();
        out.max_timeout_seconds = static_cast<std::int64_t>(below(100000)) + 1;
        out.extra = object(2);
        out.has_extra = !out.extra.empty() || below(2) == 0;
        out.unknown = object(2);
        return out;
    }
    ResourceInfo resource() {
        ResourceInfo out;
        out.url = text();
        out.description = text();
        out.mime_type = text();
        out.service_name = text();
        for (std::size_t n = below(3); n > 0; --n) out.tags.push_back(text());
        out.icon_url = text();
        out.unknown = object(1);
        return out;
    }
    // The same meaning in another spelling: members shuffled, white space, escapes.
    std::string reencode(const json::Value& any) {
        if (const auto* object = any.if_object()) {
            std::vector<std::string> members;
            for (const auto& member : *object) {
                members.push_back(quote(member.key()) + pad() + ":" + pad() +
                                  reencode(member.value()));
            }
            std::shuffle(members.begin(), members.end(), random_);
            return join(members, "{", "}");
        }
        if (const auto* array = any.if_array()) {
            std::vector<std::string> items;
            for (const auto& item : *array) items.push_back(reencode(item));
            return join(items, "[", "]");
        }
        if (const auto* string = any.if_string()) return quote(std::string_view(*string));
        return json::dump(any);
    }

private:
    std::string pad() { return std::string(below(3), " \n\t"[below(3)]); }
    std::string quote(std::string_view text) {
        if (text.empty() || text[0] < 'a' || text[0] > 'z' || below(2) == 0)
            return json::dump(json::Value(text));
        static constexpr char kDigits[] = "0123456789abcdef";
        const auto code = static_cast<unsigned char>(text[0]);
        const std::string rest = json::dump(json::Value(text.substr(1)));
        return std::string("\"\\u00") + kDigits[code >> 4] + kDigits[code & 15] + rest.substr(1);
    }
    std::string join(const std::vector<std::string>& parts, const char* open, const char* close) {
        std::string out = open + pad();
        for (std::size_t i = 0; i < parts.size(); ++i)
            out += (i == 0 ? "" : ",") + pad() + parts[i] + pad();
        return out + close;
    }
    std::mt19937_64 random_;
};

TEST(Laws, ReadingWhatWasWrittenGivesItBack) {
    Generator make(402);
    for (int round = 0; round < 500; ++round) {
        PaymentRequired required;
        required.error = make.text();
        required.resource = make.resource();
        for (std::size_t n = make.below(4); n > 0; --n)
            required.accepts.push_back(make.requirements());
        required.extensions = make.object(3);
        required.unknown = make.object(2);
        const json::Object wrote = write(required);
        const auto got = read_payment_required(json::dump(wrote));
        ASSERT_TRUE(got) << to_string(got.error()) << "\n" << json::dump(wrote);
        ASSERT_EQ(meaning(write(*got)), meaning(wrote));
        ASSERT_EQ(got->accepts.size(), required.accepts.size());
        for (std::size_t i = 0; i < got->accepts.size(); ++i) {
            ASSERT_EQ(got->accepts[i].amount, required.accepts[i].amount);
            ASSERT_EQ(got->accepts[i].unknown, required.accepts[i].unknown);
            ASSERT_EQ(got->accepts[i].has_extra, required.accepts[i].has_extra);
            ASSERT_TRUE(same_terms(got->accepts[i], required.accepts[i]));
        }
        ASSERT_EQ(got->unknown, required.unknown);
        ASSERT_EQ(got->resource.tags, required.resource.tags);
    }
}

TEST(Laws, ASettlementReadsBack) {
    Generator make(7);
    for (int round = 0; round < 500; ++round) {
        SettleResponse response;
        response.success = make.below(2) == 0;
        response.error_reason = make.text();
        response.error_message = make.text();
        response.payer = make.text();
        response.transaction = make.text();
        response.network = *ChainId::parse("solana:abc");
        if (make.below(2) == 0) response.amount = make.amount();
        response.extra = make.object(2);
        response.extensions = make.object(2);
        response.unknown = make.object(2);
        const auto got = read_settle_response(json::dump(write(response)));
        ASSERT_TRUE(got) << to_string(got.error());
        ASSERT_EQ(meaning(write(*got)), meaning(write(response)));
        ASSERT_EQ(got->amount, response.amount);
        ASSERT_EQ(got->unknown, response.unknown);
    }
}

TEST(Laws, Attack03TheSpellingOfAPaymentChangesNothing) {
    Generator make(99);
    for (int round = 0; round < 500; ++round) {
        PaymentPayload payload;
        if (make.below(2) == 0) payload.resource = make.resource();
        payload.accepted = make.requirements();
        payload.payload = make.object(3);
        payload.extensions = make.object(2);
        payload.unknown = make.object(2);
        const json::Object wrote = write(payload);
        const std::string other = make.reencode(json::Value(wrote));
        const auto got = read_payment_payload(other);
        ASSERT_TRUE(got) << to_string(got.error()) << "\n" << other;
        ASSERT_EQ(meaning(write(*got)), meaning(wrote));
        ASSERT_EQ(terms_text(got->accepted), terms_text(payload.accepted));
        ASSERT_EQ(text_of(*got), other) << "what came is sent on as it came";
        ASSERT_EQ(meaning(*json::parse_object(got->accepted_text)),
                  meaning(write(payload.accepted)));
    }
}

}  // namespace
}  // namespace x402
