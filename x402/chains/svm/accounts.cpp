// SPDX-License-Identifier: Apache-2.0
// Accounts as their programs unpack them: what those refuse is refused here. Beyond the extensions'
// end (a type of zero, or less than a type's two bytes) the programs do not look.
//
//     TransferFeeConfig    108 bytes: authority 32, withdrawer 32, withheld u64, then twice
//                          (older, newer): epoch u64, most u64, basis points u16
//     DefaultAccountState  1 byte: the state of a token account that is made
//     PermanentDelegate    32 bytes: who may move anybody's tokens; zero: nobody
//     TransferHook         64 bytes: authority 32, program 32; zero: none
//     Pausable             33 bytes: authority 32, paused u8
#include "x402/chains/svm/accounts.hpp"

#include <algorithm>
#include <limits>

#include "x402/chains/svm/little_endian.hpp"
#include "x402/chains/svm/programs.hpp"

namespace x402::svm {
namespace {

constexpr std::size_t kMintBytes = 82;
constexpr std::size_t kTokenAccountBytes = 165;
constexpr std::size_t kMultisigBytes = 355;
constexpr std::uint8_t kMintType = 1;
constexpr std::uint8_t kTokenAccountType = 2;
constexpr std::uint16_t kMemoTransfer = 8;

constexpr std::size_t kTableHeadBytes = 56;
constexpr std::uint32_t kTableType = 1;
constexpr std::size_t kMostEntries = 256;
constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();

std::unexpected<Error> broken(std::string what) {
    return fail(Errc::invalid, "Solana account: " + std::move(what));
}

bool is_zero(ByteView bytes) noexcept {
    return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

// A tag of four bytes, 0 or 1; what follows counts only after a 1.
Result<bool> read_tag(ByteView bytes) {
    const auto tag = read_le<std::uint32_t>(bytes);
    if (tag > 1) return broken("an optional value is neither there nor absent");
    return tag == 1;
}

Result<Extension> take_extension(ByteView& left) {
    if (left.size() < 4) return broken("it ends inside an extension's head");
    Extension out;
    out.type = read_le<std::uint16_t>(left);
    const std::size_t size = read_le<std::uint16_t>(left.subspan(2));
    if (size > left.size() - 4) return broken("it ends inside an extension");
    out.value = to_bytes(left.subspan(4, size));
    left = left.subspan(4 + size);
    return out;
}

Result<std::vector<Extension>> read_extensions(ByteView left) {
    std::vector<Extension> out;
    while (left.size() >= 2 && read_le<std::uint16_t>(left) != 0) {
        X402_TRY(Extension next, take_extension(left));
        const bool twice = std::any_of(out.begin(), out.end(), [&next](const Extension& each) {
            return each.type == next.type;
        });
        if (twice) return broken("it has an extension twice");
        out.push_back(std::move(next));
    }
    return out;
}

// What follows the `base` bytes that both token programs have in common: nothing, or for Token-2022
// the type of the account at byte 165 and its extensions.
Result<std::vector<Extension>> read_tail(const Address& owner, ByteView data, std::size_t base,
                                         std::uint8_t type) {
    if (data.size() == base) return std::vector<Extension>{};
    const bool extensible = owner == token_2022_program() && data.size() > kTokenAccountBytes + 1 &&
                            data.size() != kMultisigBytes;
    if (!extensible) return broken("its length fits no account of its kind");
    if (!is_zero(data.subspan(base, kTokenAccountBytes - base))) {
        return broken("its padding is not zero");
    }
    if (data[kTokenAccountBytes] != type) return broken("it is of another kind");
    return read_extensions(data.subspan(kTokenAccountBytes + 1));
}

Result<void> check_size(const Address& owner, ByteView data, std::size_t base) {
    if (!is_token_program(owner)) return broken("it does not belong to a token program");
    if (data.size() < base) return broken("it is too short");
    return {};
}

// How a mint's extension touches a transfer.
enum class Touch : std::uint8_t {
    nothing,     // metadata, display, confidential balances, minting and burning
    everything,  // never transferable, or an extension that no mint has
    fee,
    frozen_at_birth,
    delegate,
    hook,
    pause,
};
struct Kind {
    std::string_view name;
    Touch touch;
};
// In the order of their types, from 1. What is Touch::everything here and not NonTransferable
// belongs to token accounts.
constexpr Kind kKinds[] = {
    {"TransferFeeConfig", Touch::fee},
    {"TransferFeeAmount", Touch::everything},
    {"MintCloseAuthority", Touch::nothing},
    {"ConfidentialTransferMint", Touch::nothing},
    {"ConfidentialTransferAccount", Touch::everything},
    {"DefaultAccountState", Touch::frozen_at_birth},
    {"ImmutableOwner", Touch::everything},
    {"MemoTransfer", Touch::everything},
    {"NonTransferable", Touch::everything},
    {"InterestBearingConfig", Touch::nothing},
    {"CpiGuard", Touch::everything},
    {"PermanentDelegate", Touch::delegate},
    {"NonTransferableAccount", Touch::everything},
    {"TransferHook", Touch::hook},
    {"TransferHookAccount", Touch::everything},
    {"ConfidentialTransferFeeConfig", Touch::nothing},
    {"ConfidentialTransferFeeAmount", Touch::everything},
    {"MetadataPointer", Touch::nothing},
    {"TokenMetadata", Touch::nothing},
    {"GroupPointer", Touch::nothing},
    {"TokenGroup", Touch::nothing},
    {"GroupMemberPointer", Touch::nothing},
    {"TokenGroupMember", Touch::nothing},
    {"ConfidentialMintBurn", Touch::nothing},
    {"ScaledUiAmount", Touch::nothing},
    {"Pausable", Touch::pause},
    {"PausableAccount", Touch::everything},
    {"PermissionedBurn", Touch::nothing},
};

const Kind* kind_of(std::uint16_t type) noexcept {
    return type == 0 || type > std::size(kKinds) ? nullptr : &kKinds[type - 1];
}

// Both fees: the newer one holds from its epoch on, the older one until then.
bool takes_fee(ByteView value, bool vouched) noexcept {
    constexpr std::size_t kOlderPoints = 32 + 32 + 8 + 16;
    constexpr std::size_t kNewerPoints = kOlderPoints + 2 + 16;
    if (value.size() != kNewerPoints + 2) return true;
    const bool some = read_le<std::uint16_t>(value.subspan(kOlderPoints)) != 0 ||
                      read_le<std::uint16_t>(value.subspan(kNewerPoints)) != 0;
    return some || (!vouched && !is_zero(value.first(32)));
}

bool has_hook(ByteView value, bool vouched) noexcept {
    if (value.size() != 64 || !is_zero(value.subspan(32))) return true;
    return !vouched && !is_zero(value.first(32));
}

bool is_harmful(Touch touch, ByteView value, bool vouched) noexcept {
    constexpr auto kUsable = static_cast<std::uint8_t>(TokenAccountState::initialized);
    switch (touch) {
        case Touch::nothing:
            return false;
        case Touch::everything:
            return true;
        case Touch::fee:
            return takes_fee(value, vouched);
        case Touch::frozen_at_birth:
            return value.size() != 1 || value[0] != kUsable;
        case Touch::delegate:
            return value.size() != 32 || (!vouched && !is_zero(value));
        case Touch::hook:
            return has_hook(value, vouched);
        case Touch::pause:
            return value.size() != 33 || (!vouched && !is_zero(value));
    }
    return true;
}

}  // namespace

Result<Mint> read_mint(const Address& owner, ByteView data) {
    X402_TRY_VOID(check_size(owner, data, kMintBytes));
    Mint out;
    out.program = owner;
    X402_TRY([[maybe_unused]] const bool mintable, read_tag(data));
    out.supply = read_le<std::uint64_t>(data.subspan(36));
    out.decimals = data[44];
    if (data[45] > 1) return broken("a mint is neither initialized nor not");
    out.initialized = data[45] == 1;
    X402_TRY(const bool freezable, read_tag(data.subspan(46)));
    if (freezable) out.freeze_authority = Address::from(data.subspan(50, 32));
    X402_TRY(out.extensions, read_tail(owner, data, kMintBytes, kMintType));
    return out;
}

std::string harmful_extension(const Mint& mint, bool vouched) {
    for (const Extension& each : mint.extensions) {
        const Kind* kind = kind_of(each.type);
        if (kind == nullptr) return "extension " + std::to_string(each.type);
        if (is_harmful(kind->touch, each.value, vouched)) return std::string(kind->name);
    }
    return {};
}

Result<TokenAccount> read_token_account(const Address& owner, ByteView data) {
    X402_TRY_VOID(check_size(owner, data, kTokenAccountBytes));
    TokenAccount out;
    out.program = owner;
    out.mint = Address::from(data.first(32));
    out.owner = Address::from(data.subspan(32, 32));
    out.amount = read_le<std::uint64_t>(data.subspan(64));
    X402_TRY([[maybe_unused]] const bool delegated, read_tag(data.subspan(72)));
    if (data[108] > static_cast<std::uint8_t>(TokenAccountState::frozen)) {
        return broken("a token account is in no known state");
    }
    out.state = static_cast<TokenAccountState>(data[108]);
    X402_TRY([[maybe_unused]] const bool native, read_tag(data.subspan(109)));
    X402_TRY([[maybe_unused]] const bool closable, read_tag(data.subspan(129)));
    X402_TRY(const auto extensions, read_tail(owner, data, kTokenAccountBytes, kTokenAccountType));
    for (const Extension& each : extensions) {
        if (each.type != kMemoTransfer) continue;
        if (each.value.size() != 1) return broken("MemoTransfer has one byte");
        out.requires_memo = each.value[0] != 0;
    }
    return out;
}

Result<LookupTableAccount> read_lookup_table(const Address& owner, ByteView data) {
    if (owner != lookup_table_program()) return broken("it is no lookup table");
    if (data.size() < kTableHeadBytes) return broken("a lookup table is too short");
    if (read_le<std::uint32_t>(data) != kTableType) return broken("a lookup table is not made yet");
    if (data[21] > 1) return broken("an optional value is neither there nor absent");
    LookupTableAccount out;
    out.active = read_le<std::uint64_t>(data.subspan(4)) == kNever;
    const ByteView entries = data.subspan(kTableHeadBytes);
    const std::size_t count = entries.size() / Address::size();
    if (entries.size() % Address::size() != 0 || count > kMostEntries) {
        return broken("a lookup table has no whole number of entries, or more than 256");
    }
    out.entries.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        out.entries.push_back(Address::from(entries.subspan(i * Address::size(), Address::size())));
    }
    return out;
}

}  // namespace x402::svm
