// SPDX-License-Identifier: Apache-2.0
// Mints, token accounts and lookup tables. The first byte chooses the owning program. Trust never
// makes a mint worse, the plain token program has no extensions, and no account is of two kinds.
#include "x402/base/check.hpp"
#include "x402/chains/svm/accounts.hpp"
#include "x402/chains/svm/programs.hpp"

namespace {

using x402::ByteView;
using x402::svm::Address;

const Address& owner_of(std::uint8_t choice) {
    switch (choice % 4) {
        case 0:
            return x402::svm::token_program();
        case 1:
            return x402::svm::token_2022_program();
        case 2:
            return x402::svm::lookup_table_program();
        default:
            return x402::svm::system_program();
    }
}

bool check_mint(const Address& owner, ByteView data) {
    const auto mint = x402::svm::read_mint(owner, data);
    if (!mint) return false;
    X402_CHECK(mint->program == owner && x402::svm::is_token_program(owner));
    const bool plain = data.size() == 82;
    X402_CHECK(!plain || mint->extensions.empty());
    X402_CHECK(plain || owner == x402::svm::token_2022_program());
    std::size_t bytes = 0;
    for (const auto& each : mint->extensions) {
        bytes += 4 + each.value.size();
        X402_CHECK(each.type != 0);
    }
    X402_CHECK(plain || 166 + bytes <= data.size());
    const auto vouched = x402::svm::harmful_extension(*mint, true);
    const auto unknown = x402::svm::harmful_extension(*mint, false);
    X402_CHECK(vouched.empty() || !unknown.empty());
    X402_CHECK(!mint->extensions.empty() || unknown.empty());
    return true;
}

bool check_token_account(const Address& owner, ByteView data) {
    const auto account = x402::svm::read_token_account(owner, data);
    if (!account) return false;
    X402_CHECK(account->program == owner && x402::svm::is_token_program(owner));
    X402_CHECK(data.size() == 165 || owner == x402::svm::token_2022_program());
    X402_CHECK(data.size() != 165 || !account->requires_memo);
    X402_CHECK(account->mint == Address::from(data));
    return true;
}

bool check_table(const Address& owner, ByteView data) {
    const auto table = x402::svm::read_lookup_table(owner, data);
    if (!table) return false;
    X402_CHECK(owner == x402::svm::lookup_table_program());
    x402::Bytes entries;
    for (const auto& each : table->entries) x402::append(entries, each.view());
    X402_CHECK(entries == x402::to_bytes(data.subspan(56)));
    return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const Address& owner = owner_of(data[0]);
    const ByteView bytes(data + 1, size - 1);
    const int kinds = (check_mint(owner, bytes) ? 1 : 0) +
                      (check_token_account(owner, bytes) ? 1 : 0) +
                      (check_table(owner, bytes) ? 1 : 0);
    X402_CHECK(kinds <= 1);
    return 0;
}
