// SPDX-License-Identifier: Apache-2.0
#include "x402/chains/svm/testing/fake_accounts.hpp"

#include "x402/chains/svm/programs.hpp"

namespace x402::svm::testing {
namespace {

constexpr std::uint64_t kSlot = 10'000;  // when a table was extended, or is given up

void append_u64(Bytes& to, std::uint64_t value) {
    for (std::size_t i = 0; i < 8; ++i) to.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

void append_u16(Bytes& to, std::size_t value) {
    to.push_back(static_cast<std::uint8_t>(value));
    to.push_back(static_cast<std::uint8_t>(value >> 8U));
}

// A tag of four bytes, and 32 bytes that count where it is one.
void append_option(Bytes& to, const std::optional<Address>& address) {
    append(to, Bytes{static_cast<std::uint8_t>(address ? 1 : 0), 0, 0, 0});
    append(to, address.value_or(Address{}).view());
}

}  // namespace

Bytes mint_data(const FakeMint& mint) {
    Bytes out;
    append_option(out, std::nullopt);
    append_u64(out, mint.supply);
    out.push_back(mint.decimals);
    out.push_back(mint.initialized ? 1 : 0);
    append_option(out, mint.freeze_authority);
    if (mint.extensions.empty()) return out;
    out.resize(165, 0);
    out.push_back(1);
    for (const Extension& each : mint.extensions) {
        append_u16(out, each.type);
        append_u16(out, each.value.size());
        append(out, each.value);
    }
    return out;
}

Bytes holding_data(const FakeHolding& holding, const Address& program) {
    Bytes out;
    append(out, holding.mint.view());
    append(out, holding.owner.view());
    append_u64(out, holding.amount);
    append_option(out, std::nullopt);  // delegate
    out.push_back(static_cast<std::uint8_t>(holding.state));
    append(out, Bytes(12, 0));  // is_native
    append_u64(out, 0);         // delegated amount
    append_option(out, std::nullopt);
    if (program != token_2022_program()) return out;
    out.push_back(2);
    append_u16(out, 7);  // ImmutableOwner
    append_u16(out, 0);
    if (!holding.requires_memo) return out;
    append_u16(out, 8);  // MemoTransfer
    append_u16(out, 1);
    out.push_back(1);
    return out;
}

Bytes lookup_table_data(std::span<const Address> entries, bool active) {
    Bytes out{1, 0, 0, 0};
    append_u64(out, active ? ~std::uint64_t{0} : kSlot);
    append_u64(out, kSlot);  // extended in this slot
    out.resize(56, 0);
    for (const Address& each : entries) append(out, each.view());
    return out;
}

}  // namespace x402::svm::testing
