// SPDX-License-Identifier: Apache-2.0
#include "x402/chains/svm/programs.hpp"

#include <array>

namespace x402::svm {

const Address& system_program() {
    static const Address address = address_of_literal("11111111111111111111111111111111");
    return address;
}

const Address& token_program() {
    static const Address address =
        address_of_literal("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA");
    return address;
}

const Address& token_2022_program() {
    static const Address address =
        address_of_literal("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb");
    return address;
}

const Address& token_account_program() {
    static const Address address =
        address_of_literal("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL");
    return address;
}

const Address& compute_budget_program() {
    static const Address address =
        address_of_literal("ComputeBudget111111111111111111111111111111");
    return address;
}

const Address& memo_program() {
    static const Address address =
        address_of_literal("MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr");
    return address;
}

const Address& lighthouse_program() {
    static const Address address =
        address_of_literal("L2TExMFKdjpN9kozasaurPirfHy9P8sbXoAN1qA3S95");
    return address;
}

const Address& lookup_table_program() {
    static const Address address =
        address_of_literal("AddressLookupTab1e1111111111111111111111111");
    return address;
}

bool is_token_program(const Address& program) noexcept {
    return program == token_program() || program == token_2022_program();
}

std::span<const Address> wallet_programs() {
    static const std::array addresses = {
        address_of_literal("SQDS4ep65T869zMMBKyuUq6aD6EgTu8psMjkvj52pCf"),  // Squads 4
        address_of_literal(
            "SMRTzfY6DfH5ik3TKiyLFfXexV8uSG3d2UksSCYdunG"),  // Squads' smart accounts
        address_of_literal(
            "SWiGmQedKzMz1tiTqoJCWeGDnGXfNBp2PkXLkpCAtQo"),  // Swig, before its second
        address_of_literal("swigypWHEksbC64pWKwah1WTeh9JXwx8H1rJHLdbQMB"),   // Swig
        address_of_literal("GovER5Lthms3bLBqWub97yVrMmEogzX7xNjdXpPPCVZw"),  // SPL Governance
        address_of_literal("CoREENxT6tW1HoK8ypY1SxRMZTcVPm7R94rH4PZNhX7d"),  // Metaplex Core
    };
    return addresses;
}

}  // namespace x402::svm
