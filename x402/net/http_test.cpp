// SPDX-License-Identifier: Apache-2.0
// Header lists: case, order, repeated names, and what belongs to one hop only.
#include "x402/net/http.hpp"

#include <gtest/gtest.h>

namespace x402::net {
namespace {

std::string names(const Headers& headers) {
    std::string out;
    for (const Header& header : headers.list()) out += header.name + " ";
    return out;
}

TEST(Headers, FindSetRemove) {
    Headers headers;
    headers.add("Accept", "a");
    headers.add("X-One", "1");
    headers.add("ACCEPT", "b");
    EXPECT_EQ(headers.count("accept"), 2U);
    EXPECT_EQ(headers.get("aCCept"), "a");
    EXPECT_EQ(headers.find("missing"), nullptr);
    EXPECT_EQ(headers.get("missing"), "");
    EXPECT_EQ(names(headers), "Accept X-One ACCEPT ");
    headers.set("accept", "c");
    EXPECT_EQ(names(headers), "X-One accept ");
    EXPECT_EQ(headers.get("Accept"), "c");
    headers.remove("x-one");
    EXPECT_FALSE(headers.has("X-One"));
}

TEST(HasToken, Table) {
    struct Row {
        const char* name;
        std::string_view list;
        bool want;
    };
    constexpr Row rows[] = {
        {"alone", "close", true},
        {"case", "CLOSE", true},
        {"second", "keep-alive, close", true},
        {"tabs", "\tclose\t,x", true},
        {"part of a word", "closed", false},
        {"empty", "", false},
        {"empty items", ",, ,close", true},
        {"two words", "not close", false},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        EXPECT_EQ(has_token(row.list, "close"), row.want);
    }
}

TEST(RemoveHopByHop, TakesThisHopsAndWhatConnectionNames) {
    Headers headers;
    for (const char* name :
         {"Host", "keep-alive", "TE", "Trailer", "Transfer-Encoding", "Upgrade",
          "Proxy-Authorization", "proxy-anything", "X-Hop", "X-Hopper", "Payment-Signature"}) {
        headers.add(name, "v");
    }
    headers.add("Connection", "x-hop, close");
    headers.add("CONNECTION", "upgrade");
    remove_hop_by_hop(headers);
    EXPECT_EQ(names(headers), "Host X-Hopper Payment-Signature ");
}

TEST(RemoveHopByHop, EachNameOfThisHopAndNoOther) {
    for (const char* name :
         {"TE", "te", "Trailer", "Upgrade", "upGRADE", "Connection", "Keep-Alive", "keep-alive",
          "Transfer-Encoding", "TRANSFER-ENCODING", "Proxy-Authorization", "proxy-", "PROXY-x"}) {
        Headers headers;
        headers.add(name, "x");
        remove_hop_by_hop(headers);
        EXPECT_TRUE(headers.list().empty()) << name;
    }
    for (const char* name :
         {"T", "TF", "Trailers", "Upgrad", "Connections", "Keep-Alove", "Transfer-Encodin_",
          "Proxy", "Proxx-A", "X-Proxy-A", "Content-Type", "p"}) {
        Headers headers;
        headers.add(name, "x");
        remove_hop_by_hop(headers);
        EXPECT_EQ(headers.list().size(), 1U) << name;
    }
}

TEST(StatusText, KnowsThePaymentOne) {
    EXPECT_EQ(status_text(402), "Payment Required");
    EXPECT_EQ(status_text(799), "");
}

}  // namespace
}  // namespace x402::net
