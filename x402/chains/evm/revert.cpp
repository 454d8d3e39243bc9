// SPDX-License-Identifier: Apache-2.0
// Circle's FiatToken and OpenZeppelin's ERC-20 are what nearly every token is made of: their words
// are known.
#include "x402/chains/evm/revert.hpp"

#include <string_view>

#include "x402/chains/evm/abi.hpp"

namespace x402::evm {
namespace {

struct Row {
    std::string_view words;
    Reason reason;
};

constexpr Row kRows[] = {
    {"used or canceled", Reason::evm_nonce_used},
    {"authorization is used", Reason::evm_nonce_used},
    {"not yet valid", Reason::evm_valid_after},
    {"is expired", Reason::evm_valid_before},
    {"exceeds balance", Reason::evm_balance},
    {"0xe450d38c", Reason::evm_balance},  // ERC20InsufficientBalance(address,uint256,uint256)
    {"invalid signature", Reason::evm_signature},
    {"ECRecover", Reason::evm_signature},
};

}  // namespace

Reason reason_of_revert(ByteView revert_data) {
    const std::string text = revert_text(revert_data);
    for (const Row& row : kRows) {
        if (text.find(row.words) != std::string::npos) return row.reason;
    }
    return Reason::evm_simulation;
}

}  // namespace x402::evm
