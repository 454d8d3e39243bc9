// SPDX-License-Identifier: Apache-2.0
// One JSON object a line in, one out: {"do": "transaction", "wire": base64, "tables": {...}} and
// the like. What is refused answers {"refused": why}. Bytes are hex, addresses base58. For the test
// beside it, which is its only caller. One thread.
#include <iostream>
#include <string>

#include "x402/base/base58.hpp"
#include "x402/base/base64.hpp"
#include "x402/base/check.hpp"
#include "x402/base/hex.hpp"
#include "x402/base/json.hpp"
#include "x402/chains/svm/instructions.hpp"

namespace {

using namespace x402;

json::Object refused(const Error& error) {
    return {{"refused", to_string(error)}};
}

std::string text(const json::Object& asked, std::string_view key) {
    const auto got = json::get_string(asked, key);
    X402_CHECK(got.has_value());
    return *got;
}

Bytes bytes(const json::Object& asked, std::string_view key) {
    const auto got = from_hex(text(asked, key));
    X402_CHECK(got.has_value());
    return *got;
}

svm::Address address(const json::Value& value) {
    return svm::address_of_literal(std::string_view(value.as_string()));
}

json::Array indices(const Bytes& all) {
    json::Array out;
    for (const std::uint8_t each : all) out.emplace_back(each);
    return out;
}

json::Object tell(const svm::Message& message) {
    json::Array keys, instructions, lookups;
    for (const auto& each : message.keys) keys.emplace_back(svm::to_text(each));
    for (const auto& each : message.instructions) {
        instructions.push_back(json::Object{{"program", each.program},
                                            {"accounts", indices(each.accounts)},
                                            {"data", to_hex(each.data)}});
    }
    for (const auto& each : message.lookups) {
        lookups.push_back(json::Object{{"table", svm::to_text(each.table)},
                                       {"writable", indices(each.writable)},
                                       {"readonly", indices(each.readonly)}});
    }
    return {
        {"version", message.versioned ? json::Value(0) : json::Value("legacy")},
        {"header", json::Array{message.signers, message.readonly_signers, message.readonly_others}},
        {"keys", std::move(keys)},
        {"blockhash", to_base58(message.blockhash.view())},
        {"instructions", std::move(instructions)},
        {"lookups", std::move(lookups)}};
}

json::Array tell(const std::vector<svm::Instruction>& instructions) {
    json::Array out;
    for (const auto& each : instructions) {
        json::Array accounts;
        for (const auto& use : each.accounts) {
            // The roles of @solana/kit.
            const int role = (use.signer ? 2 : 0) + (use.writable ? 1 : 0);
            accounts.push_back(json::Array{svm::to_text(use.address), role});
        }
        out.push_back(json::Object{{"program", svm::to_text(each.program)},
                                   {"accounts", std::move(accounts)},
                                   {"data", to_hex(each.data)}});
    }
    return out;
}

std::vector<svm::LookupTable> tables_of(const json::Object& asked) {
    std::vector<svm::LookupTable> out;
    for (const auto& [name, entries] : asked.at("tables").as_object()) {
        svm::LookupTable table{svm::address_of_literal(name), {}};
        for (const auto& each : entries.as_array()) table.entries.push_back(address(each));
        out.push_back(std::move(table));
    }
    return out;
}

json::Object transaction(const json::Object& asked) {
    const auto got = svm::read_transaction_text(text(asked, "wire"));
    if (!got) return refused(got.error());
    json::Object out = tell(got->message);
    json::Array signatures;
    for (const auto& each : got->signatures) signatures.emplace_back(to_hex(each.view()));
    out["signatures"] = std::move(signatures);
    out["hash"] = to_hex(svm::message_hash(*got).view());
    out["written"] = svm::to_base64_text(*got);
    out["message"] = base64_encode(svm::write(got->message));
    if (json::find(asked, "tables") == nullptr) return out;
    const auto accounts = svm::resolve_accounts(got->message, tables_of(asked));
    if (!accounts) {
        out["unresolved"] = to_string(accounts.error());
        return out;
    }
    out["resolved"] = tell(svm::resolve_instructions(got->message, *accounts));
    return out;
}

json::Object compile(const json::Object& asked) {
    std::vector<svm::Instruction> instructions;
    for (const auto& each : asked.at("instructions").as_array()) {
        const json::Object& told = each.as_object();
        svm::Instruction instruction{address(told.at("program")), {}, bytes(told, "data")};
        for (const auto& account : told.at("accounts").as_array()) {
            const json::Array& pair = account.as_array();
            const auto role = pair.at(1).as_int64();
            instruction.accounts.push_back({address(pair.at(0)), role >= 2, role % 2 == 1});
        }
        instructions.push_back(std::move(instruction));
    }
    const auto message =
        svm::compile(address(asked.at("feePayer")), instructions, address(asked.at("blockhash")));
    return {{"message", base64_encode(svm::write(message))}};
}

json::Object derive(const json::Object& asked) {
    std::vector<Bytes> owned;
    for (const auto& each : asked.at("seeds").as_array()) {
        owned.push_back(*from_hex(std::string_view(each.as_string())));
    }
    const std::vector<ByteView> seeds(owned.begin(), owned.end());
    const auto got = svm::derive_address(seeds, address(asked.at("program")));
    if (!got) return {{"refused", "seeds"}};
    return {{"address", svm::to_text(got->address)}, {"bump", got->bump}};
}

json::Object token_account(const json::Object& asked) {
    const auto got = svm::token_account_of(address(asked.at("owner")), address(asked.at("mint")),
                                           address(asked.at("program")));
    return {{"address", svm::to_text(got)}};
}

json::Object sign(const json::Object& asked) {
    const crypto::Secret seed(bytes(asked, "seed"));
    const auto key = crypto::ed25519_public_key(seed);
    const auto signature = crypto::ed25519_sign(bytes(asked, "message"), seed);
    if (!key || !signature) return {{"refused", "seed"}};
    return {{"key", svm::to_text(*key)}, {"signature", to_hex(signature->view())}};
}

json::Object verify(const json::Object& asked) {
    const auto signature = svm::Signature::from(bytes(asked, "signature"));
    const bool good = crypto::ed25519_verify(bytes(asked, "message"), signature,
                                             svm::Address::from(bytes(asked, "key")));
    return {{"good", good}};
}

json::Object on_curve(const json::Object& asked) {
    return {{"on", crypto::is_on_ed25519(svm::Address::from(bytes(asked, "bytes")))}};
}

json::Object base58(const json::Object& asked) {
    return {{"text", to_base58(bytes(asked, "bytes"))}};
}

json::Object unbase58(const json::Object& asked) {
    const auto got = from_base58(text(asked, "text"));
    if (!got) return refused(got.error());
    return {{"bytes", to_hex(*got)}};
}

json::Object read_address(const json::Object& asked) {
    const auto got = svm::parse_address(text(asked, "text"));
    if (!got) return refused(got.error());
    return {{"bytes", to_hex(got->view())}};
}

json::Object answer(const json::Object& asked) {
    struct Row {
        std::string_view name;
        json::Object (*does)(const json::Object&);
    };
    static constexpr Row rows[] = {
        {"transaction", transaction},    {"compile", compile}, {"derive", derive},
        {"tokenAccount", token_account}, {"sign", sign},       {"verify", verify},
        {"onCurve", on_curve},           {"base58", base58},   {"unbase58", unbase58},
        {"address", read_address},
    };
    const std::string name = text(asked, "do");
    for (const Row& row : rows) {
        if (row.name == name) return row.does(asked);
    }
    return {{"error", "nothing is called " + name}};
}

}  // namespace

int main() {
    std::ios::sync_with_stdio(false);
    for (std::string line; std::getline(std::cin, line);) {
        const auto asked = json::parse_object(line);
        if (!asked) {
            std::cerr << to_string(asked.error()) << '\n';
            return 1;
        }
        std::cout << json::dump(answer(*asked)) << '\n';
    }
    return 0;
}
