// SPDX-License-Identifier: Apache-2.0
// What nodes say and what it means; that nonsense is never a judgement, and trouble never an
// answer.
#include <gtest/gtest.h>

#include "x402/base/base58.hpp"
#include "x402/base/base64.hpp"
#include "x402/chains/svm/programs.hpp"
#include "x402/chains/svm/rpc.hpp"
#include "x402/chains/svm/rpc_json.hpp"
#include "x402/chains/svm/testing/samples.hpp"

namespace x402::svm {
namespace {

using testing::kUsdc;
using testing::sample_address;

net::RpcReply said(std::string_view text) {
    net::RpcReply reply;
    reply.result = *json::parse(text);
    return reply;
}
net::RpcReply said_value(json::Value value) {
    net::RpcReply reply;
    reply.result = std::move(value);
    return reply;
}
net::RpcReply failed(std::int64_t code, std::string message, json::Value data = nullptr) {
    net::RpcReply reply;
    reply.error = net::RpcError{code, std::move(message), std::move(data)};
    return reply;
}
net::RpcReply said_at(const std::string& value) {
    return said(
        std::string_view(R"({"context":{"slot":7,"apiVersion":"4.1.2"},"value":)" + value + "}"));
}

template <class Read>
std::string outcome(const Read& read) {
    return read ? "read" : std::string(to_string(read.error().code));
}

TEST(SvmRequests, SayWhatTheyAsk) {
    const Address address = testing::address_at(kUsdc);
    const Hash32 hash = address;
    struct Row {
        const char* name;
        net::RpcCall call;
        std::string want;
    };
    const Address watched[] = {address};
    const std::string signatures[] = {"sig"};
    const std::string usdc(kUsdc);
    const Row rows[] = {
        {"getGenesisHash", ask("getGenesisHash"), "[]"},
        {"getLatestBlockhash", ask_latest_blockhash(Commitment::confirmed),
         R"([{"commitment":"confirmed"}])"},
        {"isBlockhashValid", ask_blockhash_valid(hash, Commitment::finalized),
         R"([")" + usdc + R"(",{"commitment":"finalized"}])"},
        {"getEpochInfo", ask_epoch_info(Commitment::processed), R"([{"commitment":"processed"}])"},
        {"getBlockTime", ask_block_time(9), "[9]"},
        {"getMultipleAccounts", ask_accounts(watched, Commitment::confirmed),
         R"([[")" + usdc +
             R"("],{"commitment":"confirmed","encoding":"base64",)"
             R"("dataSlice":{"offset":0,"length":65537}}])"},
        {"simulateTransaction", ask_simulation("AA==", {}, Commitment::confirmed),
         R"(["AA==",{"commitment":"confirmed","encoding":"base64","sigVerify":false,)"
         R"("replaceRecentBlockhash":false,"innerInstructions":true}])"},
        {"getSignatureStatuses", ask_statuses(signatures),
         R"([["sig"],{"searchTransactionHistory":true}])"},
        {"getTransaction", ask_transaction("sig", Commitment::finalized),
         R"(["sig",{"commitment":"finalized","encoding":"base64",)"
         R"("maxSupportedTransactionVersion":0}])"},
        {"getSignaturesForAddress", ask_signatures_for(address, std::nullopt, 5'000),
         R"([")" + usdc + R"(",{"commitment":"finalized","limit":1000}])"},
        {"sendTransaction", ask_send("AA=="),
         R"(["AA==",{"encoding":"base64","skipPreflight":true,"maxRetries":0}])"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        EXPECT_EQ(row.call.method, row.name);
        EXPECT_EQ(json::dump(json::Value(row.call.params)), row.want);
    }
    const auto older = ask_signatures_for(address, "sig", 20);
    EXPECT_EQ(older.params[1].at("before"), json::Value("sig"));
    const auto simulation = ask_simulation("AA==", watched, Commitment::confirmed);
    EXPECT_EQ(simulation.params[1].at("accounts").at("addresses").at(0), json::Value(kUsdc));
}

TEST(SvmSent, Table) {
    struct Row {
        const char* name;
        net::RpcReply reply;
        Sent want;
    };
    const json::Value processed = *json::parse(R"({"err":"AlreadyProcessed","logs":[]})");
    const json::Value unknown = *json::parse(R"({"err":"BlockhashNotFound"})");
    const Row rows[] = {
        {"taken", said(R"("5VER")"), Sent::accepted},
        {"no signature", said("null"), Sent::unknown},
        {"nothing", net::RpcReply{}, Sent::unknown},
        {"there already, in data", failed(-32002, "Transaction simulation failed", processed),
         Sent::accepted},
        {"there already, in words",
         failed(-32002, "Transaction error: This transaction has already been processed"),
         Sent::accepted},
        {"a preflight's no", failed(-32002, "Transaction simulation failed", unknown),
         Sent::refused},
        {"not deserialized", failed(-32602, "failed to deserialize"), Sent::refused},
        {"signature", failed(-32003, "Transaction signature verification failure"), Sent::refused},
        {"precompile", failed(-32006, "precompile"), Sent::refused},
        {"behind", failed(-32005, "Node is behind by 200 slots"), Sent::unknown},
        {"internal", failed(-32603, "Internal error"), Sent::unknown},
        {"busy", failed(-32000, "too many"), Sent::unknown},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        EXPECT_EQ(read_sent(row.reply).sent, row.want);
    }
    for (const Errc code : {Errc::timeout, Errc::unreachable, Errc::interrupted, Errc::bad_peer}) {
        EXPECT_EQ(read_sent(fail(code)).sent, Sent::unknown);
    }
}

TEST(SvmSent, OneThatAcceptsIsEnoughAndOneThatIsSilentIsDoubt) {
    using Replies = std::vector<Result<net::RpcReply>>;
    const net::RpcReply yes = said(R"("5VER")");
    const net::RpcReply no = failed(-32602, "invalid");
    const Result<net::RpcReply> silent = fail(Errc::timeout);
    EXPECT_EQ(fold_sent(Replies{no, silent, yes}).sent, Sent::accepted);
    EXPECT_EQ(fold_sent(Replies{no, silent}).sent, Sent::unknown);
    EXPECT_EQ(fold_sent(Replies{silent, no}).sent, Sent::unknown);
    EXPECT_EQ(fold_sent(Replies{no, no}).sent, Sent::refused);
    EXPECT_EQ(fold_sent(Replies{}).sent, Sent::unknown);
}

TEST(SvmShortAnswers, Table) {
    struct Row {
        const char* name;
        std::string outcome;
        std::string want;
    };
    const std::string hash(kUsdc);
    const auto blockhash = [&hash](const std::string& height) {
        return outcome(read_latest_blockhash(
            said_at(R"({"blockhash":")" + hash + R"(","lastValidBlockHeight":)" + height + "}")));
    };
    const auto epoch = [](std::string_view text) { return outcome(read_epoch_info(said(text))); };
    const auto time = [](const net::RpcReply& reply) { return outcome(read_block_time(reply)); };
    const Row rows[] = {
        {"a blockhash", blockhash("160"), "read"},
        {"a height as text", blockhash("\"160\""), "bad_peer"},
        {"a negative height", blockhash("-1"), "bad_peer"},
        {"a fraction", blockhash("1.5"), "bad_peer"},
        {"no context", outcome(read_blockhash_valid(said("true"))), "bad_peer"},
        {"no value", outcome(read_blockhash_valid(said(R"({"context":{"slot":7}})"))), "bad_peer"},
        {"valid", outcome(read_blockhash_valid(said_at("true"))), "read"},
        {"neither", outcome(read_blockhash_valid(said_at("1"))), "bad_peer"},
        {"an error", outcome(read_blockhash_valid(failed(-32005, "behind"))), "unavailable"},
        {"an epoch", epoch(R"({"absoluteSlot":9,"blockHeight":8,"epoch":0})"), "read"},
        {"more blocks than slots", epoch(R"({"absoluteSlot":8,"blockHeight":9})"), "bad_peer"},
        {"no height", epoch(R"({"absoluteSlot":8})"), "bad_peer"},
        {"a time", time(said("1800000000")), "read"},
        {"a time unknown", time(said("null")), "not_found"},
        {"a time that is none", time(said("\"soon\"")), "bad_peer"},
        {"a time beyond everything", time(said("253402300800")), "bad_peer"},
        {"skipped", time(failed(-32007, "Slot 5 was skipped")), "not_found"},
        {"skipped long ago", time(failed(-32009, "Slot 5 was skipped")), "not_found"},
        {"cleaned up", time(failed(-32001, "Block 5 cleaned up")), "not_found"},
        {"not there yet", time(failed(-32004, "Block not available")), "not_found"},
        {"another error", time(failed(-32603, "internal")), "unavailable"},
        {"a text", outcome(read_text(said("\"x\""))), "read"},
        {"no text", outcome(read_text(said("1"))), "bad_peer"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        EXPECT_EQ(row.outcome, row.want);
    }
    EXPECT_EQ(read_blockhash_valid(said_at("false"))->slot, 7U);
    EXPECT_EQ(read_epoch_info(said(R"({"absoluteSlot":9,"blockHeight":8})"))->height, 8U);
}

std::string account_text(const std::string& data, const std::string& owner) {
    return R"({"data":[")" + data + R"(","base64"],"executable":false,"lamports":5,"owner":")" +
           owner + R"(","rentEpoch":18446744073709551615,"space":1})";
}

TEST(SvmAccounts, InTheirOrderAndNoneIsNone) {
    const std::string one = account_text("AQID", std::string(kUsdc));
    const auto read = read_accounts(said_at("[null," + one + "]"), 2);
    ASSERT_TRUE(read) << to_string(read.error());
    EXPECT_EQ(read->slot, 7U);
    EXPECT_FALSE(read->value[0]);
    ASSERT_TRUE(read->value[1]);
    EXPECT_EQ(read->value[1]->lamports, 5U);
    EXPECT_EQ(read->value[1]->data, (Bytes{1, 2, 3}));
    EXPECT_EQ(to_text(read->value[1]->owner), kUsdc);
    struct Row {
        const char* name;
        std::string value;
    };
    const Row rows[] = {
        {"too few", "[" + one + "]"},
        {"too many", "[null,null," + one + "]"},
        {"no list", one},
        {"no address", "[null," + account_text("AQID", "me") + "]"},
        {"no base64", "[null," + account_text("A*", std::string(kUsdc)) + "]"},
        {"no account", "[null,5]"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        EXPECT_EQ(outcome(read_accounts(said_at(row.value), 2)), "bad_peer");
    }
}

TEST(SvmAccounts, OneThatIsTooLargeIsNoneOfOurs) {
    const std::string large = base64_encode(Bytes(kMostAccountBytes + 1, 1));
    const auto read =
        read_accounts(said_at("[" + account_text(large, std::string(kUsdc)) + "]"), 1);
    ASSERT_TRUE(read);
    EXPECT_TRUE(read->value[0]->data.empty()) << "a part of it could look like something else";
    const std::string most = base64_encode(Bytes(kMostAccountBytes, 1));
    const auto whole =
        read_accounts(said_at("[" + account_text(most, std::string(kUsdc)) + "]"), 1);
    EXPECT_EQ(whole->value[0]->data.size(), kMostAccountBytes);
}

TEST(SvmStatuses, Table) {
    struct Row {
        const char* name;
        std::string value;
        std::string want;
    };
    const Row rows[] = {
        {"unknown", "null", "none"},
        {"confirmed", R"({"slot":5,"confirmations":1,"err":null,"confirmationStatus":"confirmed"})",
         "confirmed"},
        {"final", R"({"slot":5,"confirmations":null,"err":null,"confirmationStatus":"finalized"})",
         "finalized"},
        {"failed",
         R"({"slot":5,"confirmations":9,"err":{"InstructionError":[2,{"Custom":1}]},)"
         R"("confirmationStatus":"processed"})",
         "processed, failed"},
        {"failed in a word", R"({"slot":5,"confirmations":9,"err":"AccountInUse"})",
         "processed, failed"},
        {"an older node, final", R"({"slot":5,"confirmations":null,"err":null})", "finalized"},
        {"an older node", R"({"slot":5,"confirmations":3,"err":null})", "processed"},
        {"says nothing", R"({"slot":5,"err":null})", "bad_peer"},
        {"no err", R"({"slot":5,"confirmations":null})", "bad_peer"},
        {"an err that is none", R"({"slot":5,"confirmations":null,"err":false})", "bad_peer"},
        {"a new word", R"({"slot":5,"err":null,"confirmationStatus":"certain"})", "bad_peer"},
        {"no slot", R"({"err":null,"confirmationStatus":"finalized"})", "bad_peer"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const auto read = read_statuses(said_at("[" + row.value + "]"), 1);
        std::string got = outcome(read);
        if (read) {
            const auto& status = read->value[0];
            got = status ? std::string(to_string(status->confirmed)) : "none";
            if (status && status->failed) got += ", failed";
        }
        EXPECT_EQ(got, row.want);
    }
    EXPECT_EQ(outcome(read_statuses(said_at("[null]"), 2)), "bad_peer");
    EXPECT_EQ(outcome(read_statuses(failed(-32011, "no history"), 1)), "unavailable");
}

TEST(SvmSignatures, Rows) {
    const std::string signature = to_base58(Bytes(64, 7));
    const std::string row = R"({"signature":")" + signature +
                            R"(","slot":5,"err":null,"memo":"[2] m1","blockTime":1800000000)";
    const auto read = read_signatures(said(
        std::string_view("[" + row + R"(},)" + row + R"(,"confirmationStatus":"processed"}])")));
    ASSERT_TRUE(read) << to_string(read.error());
    ASSERT_EQ(read->size(), 2U);
    EXPECT_EQ((*read)[0].signature, Signature::from(Bytes(64, 7)));
    EXPECT_EQ((*read)[0].time_s, 1'800'000'000);
    EXPECT_EQ((*read)[0].confirmed, Commitment::finalized) << "what was asked for";
    EXPECT_EQ((*read)[1].confirmed, Commitment::processed) << "what is said counts";
    EXPECT_EQ(outcome(read_signatures(said("[1]"))), "bad_peer");
    EXPECT_EQ(outcome(read_signatures(said(R"([{"signature":"1111","slot":5,"err":null}])"))),
              "bad_peer");
    json::Array list;
    for (std::size_t i = 0; i <= kMostSignatures; ++i) list.push_back(*json::parse(row + "}"));
    EXPECT_EQ(outcome(read_signatures(said_value(std::move(list)))), "bad_peer");
}

// A landed transaction of the samples, whose meta each test may change.
json::Object landed_text(const Transaction& transaction) {
    json::Object meta = json::parse(R"({"err":null,"fee":10001,"loadedAddresses":null,
        "preTokenBalances":[],"postTokenBalances":[]})")
                            ->as_object();
    json::Object out;
    out["slot"] = 42;
    out["blockTime"] = 1'800'000'000;
    json::Array encoded;
    encoded.emplace_back(to_base64_text(transaction));
    encoded.emplace_back("base64");
    out["transaction"] = std::move(encoded);
    out["meta"] = std::move(meta);
    out["version"] = 0;
    return out;
}

json::Value balance(std::size_t index, const std::string& amount, std::string_view mint = kUsdc) {
    return *json::parse(R"({"accountIndex":)" + std::to_string(index) + R"(,"mint":")" +
                        std::string(mint) + R"(","owner":")" + to_text(sample_address()) +
                        R"(","uiTokenAmount":{"amount":")" + amount + R"(","decimals":6}})");
}

class SvmLanded : public ::testing::Test {
protected:
    SvmLanded() {
        testing::SampleOptions options;
        options.blockhash = Hash32::from(Bytes(32, 9));
        transaction = testing::sample_transaction(options);
        destination = testing::sample_transfer(options).destination;
        const auto& keys = transaction.message.keys;
        index = static_cast<std::size_t>(std::find(keys.begin(), keys.end(), destination) -
                                         keys.begin());
        object = landed_text(transaction);
    }
    json::Object& meta() { return object["meta"].as_object(); }
    Result<std::optional<LandedTransaction>> read() { return read_transaction(said_value(object)); }
    std::string credited() {
        const auto got = read();
        if (!got) return outcome(got);
        const auto grown = (*got)->credited(destination, testing::address_at(kUsdc));
        return grown ? grown->to_decimal() : "not told";
    }

    Transaction transaction;
    Address destination;
    std::size_t index = 0;
    json::Object object;
};

TEST_F(SvmLanded, ReadsWhatItDid) {
    meta()["preTokenBalances"] = json::Array{balance(index, "5")};
    meta()["postTokenBalances"] = json::Array{balance(index, "10005")};
    const auto got = read();
    ASSERT_TRUE(got) << to_string(got.error());
    ASSERT_TRUE(*got);
    EXPECT_EQ((*got)->slot, 42U);
    EXPECT_EQ((*got)->time_s, 1'800'000'000);
    EXPECT_FALSE((*got)->failed);
    EXPECT_EQ((*got)->fee, 10'001U);
    EXPECT_EQ((*got)->transaction.message, transaction.message);
    EXPECT_EQ((*got)->accounts, transaction.message.keys);
    EXPECT_EQ(credited(), "10000");
    EXPECT_FALSE(*read_transaction(said("null"))) << "unknown to the node";
}

TEST_F(SvmLanded, CreditedOnlyByWhatIsTold) {
    const std::string other = to_text(sample_address(9));
    const json::Array none;
    struct Row {
        const char* name;
        json::Value before;
        json::Value after;
        std::string want;
    };
    const std::size_t source = index == 2 ? 3 : 2;
    const Row rows[] = {
        {"grew", json::Array{balance(index, "1")}, json::Array{balance(index, "4")}, "3"},
        {"shrank", json::Array{balance(index, "4")}, json::Array{balance(index, "1")}, "0"},
        {"made by the transaction", json::Array{balance(source, "9")},
         json::Array{balance(index, "7")}, "7"},
        {"nothing is told of before", none, json::Array{balance(index, "7")}, "not told"},
        {"null before", nullptr, json::Array{balance(index, "7")}, "not told"},
        {"null after", json::Array{balance(index, "7")}, nullptr, "not told"},
        {"gone", json::Array{balance(index, "7")}, none, "not told"},
        {"another mint", json::Array{balance(index, "1")}, json::Array{balance(index, "4", other)},
         "not told"},
        {"another mint before", json::Array{balance(index, "1", other)},
         json::Array{balance(index, "4")}, "not told"},
        {"twice", json::Array{balance(index, "1")},
         json::Array{balance(index, "4"), balance(index, "5")}, "bad_peer"},
        {"of no account", json::Array{balance(99, "1")}, none, "bad_peer"},
        {"a sign", json::Array{balance(index, "-1")}, none, "bad_peer"},
        {"a fraction", json::Array{balance(index, "1.5")}, none, "bad_peer"},
        {"beyond 64 bits", json::Array{balance(index, "18446744073709551616")}, none, "bad_peer"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        meta()["preTokenBalances"] = row.before;
        meta()["postTokenBalances"] = row.after;
        EXPECT_EQ(credited(), row.want);
    }
    const auto got = read_transaction(said_value(landed_text(transaction)));
    EXPECT_EQ((*got)->credited(sample_address(77), testing::address_at(kUsdc)), U256(0))
        << "an account that the transaction does not name";
}

TEST_F(SvmLanded, NonsenseAndWhatIsNotTold) {
    struct Row {
        const char* name;
        std::function<void(json::Object& whole, json::Object& meta)> change;
        std::string_view want;
    };
    const Row rows[] = {
        {"failed", [](auto&, auto& meta) { meta["err"] = "AccountInUse"; }, "read"},
        {"no balances", [](auto&, auto& meta) { meta.erase("preTokenBalances"); }, "read"},
        {"no loadedAddresses", [](auto&, auto& meta) { meta.erase("loadedAddresses"); }, "read"},
        {"no time", [](auto& whole, auto&) { whole["blockTime"] = nullptr; }, "read"},
        {"no meta", [](auto& whole, auto&) { whole["meta"] = nullptr; }, "unavailable"},
        {"no err", [](auto&, auto& meta) { meta.erase("err"); }, "bad_peer"},
        {"no fee", [](auto&, auto& meta) { meta.erase("fee"); }, "bad_peer"},
        {"no slot", [](auto& whole, auto&) { whole.erase("slot"); }, "bad_peer"},
        {"no bytes", [](auto& whole, auto&) { whole.erase("transaction"); }, "bad_peer"},
        {"parsed bytes", [](auto& whole, auto&) { whole["transaction"] = json::Object{}; },
         "bad_peer"},
        {"another encoding",
         [](auto& whole, auto&) { whole["transaction"].as_array()[1] = "base58"; }, "bad_peer"},
        {"bytes that are none",
         [](auto& whole, auto&) { whole["transaction"].as_array()[0] = "AAAA"; }, "bad_peer"},
        {"bytes without end",
         [](auto& whole, auto&) {
             whole["transaction"].as_array()[0] = base64_encode(Bytes(1'300, 1));
         },
         "bad_peer"},
        {"accounts out of no table",
         [](auto&, auto& meta) {
             meta["loadedAddresses"] =
                 *json::parse(R"({"writable":["11111111111111111111111111111111"],"readonly":[]})");
         },
         "bad_peer"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        object = landed_text(transaction);
        row.change(object, meta());
        EXPECT_EQ(outcome(read()), row.want);
    }
}

TEST_F(SvmLanded, LookedUpAccountsComeAfterTheMessagesOwn) {
    Message message = transaction.message;
    message.lookups.push_back(TableLookup{sample_address(50), {0, 1}, {4}});
    object = landed_text(unsigned_transaction(message));
    json::Array writable{json::Value(to_text(sample_address(51))),
                         json::Value(to_text(sample_address(52)))};
    json::Object loaded;
    loaded["writable"] = writable;
    loaded["readonly"] = json::Array{json::Value(to_text(sample_address(53)))};
    meta()["loadedAddresses"] = loaded;
    const auto got = read();
    ASSERT_TRUE(got) << to_string(got.error());
    ASSERT_EQ((*got)->accounts.size(), message.keys.size() + 3);
    EXPECT_EQ((*got)->accounts.back(), sample_address(53));
    loaded["writable"] = json::Array{};
    meta()["loadedAddresses"] = loaded;
    EXPECT_EQ(outcome(read()), "bad_peer") << "too few";
    meta().erase("loadedAddresses");
    EXPECT_EQ(outcome(read()), "bad_peer") << "not told";
}

class SvmSimulated : public ::testing::Test {
protected:
    SvmSimulated() : transfer(testing::sample_transfer({})) {
        const Instruction instruction = make_transfer_checked(transfer);
        accounts.push_back(AccountUse{sample_address(testing::kFeePayer), true, true});
        for (const AccountUse& each : instruction.accounts) accounts.push_back(each);
        accounts.push_back(AccountUse{token_program(), false, false});
        data = to_base58(instruction.data);
    }
    Result<At<SimulationAnswer>> read(const std::string& inner, std::size_t watched = 0,
                                      const std::string& rest = R"("err":null)") {
        return read_simulation(
            said_at("{" + rest + R"(,"logs":["a"],"unitsConsumed":679,"innerInstructions":)" +
                    inner + "}"),
            accounts, watched);
    }
    static std::string group(const std::string& instruction) {
        return R"([{"index":2,"instructions":[)" + instruction + "]}]";
    }
    std::string parsed(const std::string& authority, const std::string& amount) const {
        return R"({"program":"spl-token","programId":")" + to_text(transfer.program) +
               R"(","stackHeight":2,"parsed":{"type":"transferChecked","info":{"source":")" +
               to_text(transfer.source) + R"(","mint":")" + to_text(transfer.mint) +
               R"(","destination":")" + to_text(transfer.destination) + R"(",)" + authority +
               R"(,"tokenAmount":{"amount":)" + amount +
               R"(,"decimals":6,"uiAmount":0.01,"uiAmountString":"0.01"}}}})";
    }
    std::string authority() const {
        return R"("authority":")" + to_text(transfer.authority) + R"(")";
    }

    TransferChecked transfer;
    std::vector<AccountUse> accounts;
    std::string data;
};

TEST_F(SvmSimulated, EveryFormOfAnInnerTransferIsTheSame) {
    const std::string names = R"([")" + to_text(transfer.source) + R"(",")" +
                              to_text(transfer.mint) + R"(",")" + to_text(transfer.destination) +
                              R"(",")" + to_text(transfer.authority) + R"("])";
    struct Row {
        const char* name;
        std::string instruction;
        std::size_t more;
    };
    const std::string multisig = R"("multisigAuthority":")" + to_text(transfer.authority) +
                                 R"(","signers":[")" + to_text(sample_address(8)) + R"("])";
    const Row rows[] = {
        {"by index",
         R"({"programIdIndex":5,"accounts":[1,2,3,4],"data":")" + data + R"(","stackHeight":2})",
         0},
        {"by name",
         R"({"programId":")" + to_text(transfer.program) + R"(","accounts":)" + names +
             R"(,"data":")" + data + R"(","stackHeight":null})",
         0},
        {"parsed", parsed(authority(), R"("10000")"), 0},
        {"parsed, of a multisig", parsed(multisig, R"("10000")"), 1},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const auto got = read(group(row.instruction));
        ASSERT_TRUE(got) << to_string(got.error());
        EXPECT_TRUE(got->value.has_inner);
        ASSERT_EQ(got->value.transfers.size(), 1U);
        const TransferChecked& seen = got->value.transfers.front();
        EXPECT_EQ(seen.program, transfer.program);
        EXPECT_EQ(seen.source, transfer.source);
        EXPECT_EQ(seen.mint, transfer.mint);
        EXPECT_EQ(seen.destination, transfer.destination);
        EXPECT_EQ(seen.authority, transfer.authority);
        EXPECT_EQ(seen.amount, transfer.amount);
        EXPECT_EQ(seen.decimals, transfer.decimals);
        EXPECT_EQ(seen.more_accounts, row.more);
    }
}

TEST_F(SvmSimulated, OtherInstructionsAreNoTransfersAndNonsenseIsNone) {
    const std::string memo = to_text(memo_program());
    std::string foreign = parsed(authority(), R"("10000")");
    const std::string program = to_text(transfer.program);
    foreign.replace(foreign.find(program), program.size(), memo);
    std::string unchecked = parsed(authority(), R"("10000")");
    unchecked.replace(unchecked.find("transferChecked"), 15, "transfer");
    struct Row {
        const char* name;
        std::string inner;
        std::string_view want;
    };
    const Row rows[] = {
        {"none told", "null", "read"},
        {"none", "[]", "read"},
        {"a memo", group(R"({"program":"spl-memo","programId":")" + memo + R"(","parsed":"hi"})"),
         "read"},
        {"a program that calls itself a token", group(foreign), "read"},
        {"an unchecked transfer", group(unchecked), "read"},
        {"long data",
         group(R"({"programIdIndex":5,"accounts":[1],"data":")" + std::string(500, 'A') + R"("})"),
         "read"},
        {"no list", "5", "bad_peer"},
        {"no group", "[5]", "bad_peer"},
        {"no instructions", R"([{"index":0}])", "bad_peer"},
        {"no instruction", group("5"), "bad_peer"},
        {"a program of no account", group(R"({"programIdIndex":6,"accounts":[],"data":""})"),
         "bad_peer"},
        {"an account of none", group(R"({"programIdIndex":5,"accounts":[6],"data":""})"),
         "bad_peer"},
        {"data that is none", group(R"({"programIdIndex":5,"accounts":[],"data":"0"})"),
         "bad_peer"},
        {"an amount that is a number", group(parsed(authority(), "10000")), "bad_peer"},
        {"no authority", group(parsed(R"("owner":"x")", R"("10000")")), "bad_peer"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const auto got = read(row.inner);
        EXPECT_EQ(outcome(got), row.want);
        if (got) {
            EXPECT_TRUE(got->value.transfers.empty());
        }
        if (got) {
            EXPECT_EQ(got->value.has_inner, row.inner != "null");
        }
    }
}

TEST_F(SvmSimulated, ErrorsUnitsLogsAndAccounts) {
    const auto fine = read("[]");
    ASSERT_TRUE(fine);
    EXPECT_FALSE(fine->value.error);
    EXPECT_EQ(fine->slot, 7U);
    EXPECT_EQ(fine->value.units, 679U);
    EXPECT_EQ(fine->value.logs, std::vector<std::string>{"a"});
    const auto unknown = read("[]", 0, R"("err":"BlockhashNotFound")");
    ASSERT_TRUE(unknown);
    EXPECT_TRUE(unknown->value.blockhash_unknown);
    EXPECT_EQ(unknown->value.error, R"("BlockhashNotFound")");
    const auto broken = read("[]", 0, R"("err":{"InstructionError":[2,{"Custom":1}]})");
    ASSERT_TRUE(broken);
    EXPECT_FALSE(broken->value.blockhash_unknown);
    EXPECT_EQ(broken->value.error, R"({"InstructionError":[2,{"Custom":1}]})");
    EXPECT_EQ(outcome(read("[]", 0, R"("x":1)")), "bad_peer") << "no err";
    const std::string one = account_text("AQID", std::string(kUsdc));
    const auto seen = read("[]", 2, R"("err":null,"accounts":[null,)" + one + "]");
    ASSERT_TRUE(seen) << to_string(seen.error());
    EXPECT_FALSE(seen->value.accounts_after[0]);
    EXPECT_FALSE(seen->value.lamports_after[0]);
    EXPECT_EQ(seen->value.lamports_after[1], 5U);
    EXPECT_EQ(seen->value.accounts_after[1]->data.size(), 3U);
    EXPECT_EQ(outcome(read("[]", 1, R"("err":null,"accounts":null)")), "bad_peer") << "not told";
    EXPECT_EQ(outcome(read("[]", 2, R"("err":null,"accounts":[null])")), "bad_peer") << "too few";
    const auto failed = read("[]", 2, R"("err":"AccountInUse","accounts":null)");
    ASSERT_TRUE(failed) << "a failure has no accounts afterwards";
    EXPECT_EQ(failed->value.accounts_after.size(), 2U);
}

}  // namespace
}  // namespace x402::svm
