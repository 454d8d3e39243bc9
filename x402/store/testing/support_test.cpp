// SPDX-License-Identifier: Apache-2.0
// Behind support.hpp.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>

#include "x402/base/check.hpp"
#include "x402/store/testing/support.hpp"

namespace x402::store::test {

namespace {

class MemoryBacked final : public Disk {
public:
    RoleStore open() override { return open_memory_store(disk_, world.env()); }
    std::unique_ptr<PaymentJournal> open_journal() override { return open_memory_journal(disk_); }

private:
    std::shared_ptr<MemoryDisk> disk_ = make_memory_disk();
};

class FileBacked final : public Disk {
public:
    RoleStore open() override {
        const OpenOptions options{"sqlite:" + folder_ / "role.db", "", "facilitator"};
        return value_of(open_role_store(options, world.env()), __FILE__, __LINE__);
    }
    std::unique_ptr<PaymentJournal> open_journal() override {
        auto journal = store::open_journal(folder_ / "journal.db", world.env());
        return value_of(std::move(journal), __FILE__, __LINE__);
    }

private:
    TempFolder folder_;
};

}  // namespace

void report_failure(const char* file, int line, const std::string& words) {
    ADD_FAILURE_AT(file, line) << words;
}

void run_to_end(Task<void> task) {
    // One for the whole program: a store's thread may still be leaving its post to it when the task
    // has ended here.
    static boost::asio::io_context io;
    io.restart();
    boost::asio::co_spawn(io, std::move(task), [](std::exception_ptr error) {
        if (error) std::rethrow_exception(error);
    });
    io.run();
}

TempFolder::TempFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "x402-store-XXXXXX").string();
    X402_CHECK(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
}

TempFolder::~TempFolder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
}

std::unique_ptr<Disk> make_disk(const std::string& kind) {
    if (kind == "memory") return std::make_unique<MemoryBacked>();
    return std::make_unique<FileBacked>();
}

Hash32 hash_of(std::uint8_t byte) {
    Hash32 hash;
    hash.data.fill(byte);
    return hash;
}

PaymentRecord sample_payment(const std::string& key) {
    PaymentRecord record;
    record.key = PaymentKey(key);
    record.network = chain("eip155:84532");
    record.scheme = "exact";
    record.payer = "0xpayer";
    record.pay_to = "0xshop";
    record.asset = "0xusdc";
    record.amount = U256::max();
    record.terms = "terms of " + key;
    record.request = R"({"paymentPayload":{"a":"'\"% é"}})";
    record.idempotency = "caller/key";
    record.caller = "caller";
    record.usable_until = at_second(300);
    record.created = at_second(1);
    return record;
}

SlotName slot_name(const std::string& key) {
    return SlotName{chain("eip155:84532"), "0xsigner", key};
}

SlotRecord sample_slot(const std::string& key, std::vector<std::string> payments) {
    SlotRecord slot;
    slot.name = slot_name(key);
    slot.body = R"({"nonce":5})";
    for (const std::string& payment : payments) slot.payments.emplace_back(payment);
    slot.actions = "[1,2]";
    slot.simulation = R"({"gas":1})";
    slot.created = at_second(2);
    return slot;
}

AttemptRecord sample_attempt(const std::string& id) {
    AttemptRecord attempt;
    attempt.id = id;
    attempt.raw = "0x02f8" + id;
    attempt.level = 3;
    attempt.body = R"({"fee":"7"})";
    attempt.created = at_second(3);
    return attempt;
}

PaymentEnd payment_end(const std::string& key, PaymentEnd::How how) {
    PaymentEnd end;
    end.key = PaymentKey(key);
    end.how = how;
    if (how == PaymentEnd::How::settled) {
        end.transaction = "0xmined";
        end.response = R"({"success":true})";
        end.block = 18'000'000'000'000'000'000ULL;
    } else {
        end.reason = "invalid_transaction_state";
        end.message = "reverted";
    }
    return end;
}

SlotEnd sample_end(const std::string& slot, SlotState state, const std::string& attempt) {
    SlotEnd end;
    end.slot = slot_name(slot);
    end.state = state;
    end.attempt = attempt;
    end.cost = U256(21'000);
    end.at = at_second(4);
    return end;
}

GrantRecord sample_grant(const std::string& key) {
    GrantRecord grant;
    grant.key = PaymentKey(key);
    grant.route = "GET /weather";
    grant.quote = hash_of(1);
    grant.request = hash_of(2);
    grant.payer = "0xpayer";
    grant.network = chain("solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1");
    grant.asset = "mint";
    grant.amount = U256(1'000);
    grant.facilitator = "inside";
    grant.settle_request = R"({"x402Version":2})";
    grant.idempotency_key = "k1";
    grant.usable_until = at_second(300);
    grant.created = at_second(1);
    return grant;
}

NewEntry sample_entry(const std::string& key) {
    NewEntry added;
    JournalEntry& entry = added.entry;
    entry.fingerprint = hash_of(9);
    entry.method = "POST";
    entry.url = "https://api.example.com/weather";
    entry.key = PaymentKey(key);
    entry.header = "eyJ4NDAyVmVyc2lvbiI6Mn0=";
    entry.accepted = R"({"scheme":"exact"})";
    entry.network = chain("eip155:8453");
    entry.asset = "0xusdc";
    entry.symbol = "USDC";
    entry.decimals = 6;
    entry.amount = U256(1'000);
    entry.pay_to = "0xshop";
    entry.payer = "0xpayer";
    entry.usable_until = at_second(300);
    added.usd_micros = U256(1'000);
    return added;
}

}  // namespace x402::store::test
