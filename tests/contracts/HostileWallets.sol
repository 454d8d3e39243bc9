// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

// What may stand behind a payer's address that has code: a delegate that honours another key than
// the account's own, and wallets whose answer is no answer.

// Code for a delegated account (EIP-7702): only the session key signs for it, so that the account's
// own key, which anybody's wallet software may hold, can no longer pay.
contract SessionDelegate {
    address public immutable session;

    constructor(address session_) {
        session = session_;
    }

    receive() external payable {}

    function isValidSignature(bytes32 hash, bytes calldata signature)
        external view returns (bytes4)
    {
        if (signature.length != 65) return 0xffffffff;
        address signer = ecrecover(
            hash, uint8(signature[64]), bytes32(signature[0:32]), bytes32(signature[32:64])
        );
        return signer != address(0) && signer == session ? bytes4(0x1626ba7e) : bytes4(0xffffffff);
    }
}

// Accepts everything while it is only asked and nothing in a real transaction.
contract TwoFacedWallet {
    function isValidSignature(bytes32, bytes calldata) external view returns (bytes4) {
        return tx.gasprice == 0 ? bytes4(0x1626ba7e) : bytes4(0xffffffff);
    }
}

// Spends all the gas that it is given.
contract GreedyWallet {
    function isValidSignature(bytes32, bytes calldata) external pure returns (bytes4) {
        while (true) {}
        return 0x1626ba7e;
    }
}

// Answers "true", which is not the magic value of ERC-1271.
contract TrueWallet {
    function isValidSignature(bytes32, bytes calldata) external pure returns (bool) {
        return true;
    }
}

// The right four bytes and nothing behind them: not an ABI value.
contract ShortWallet {
    fallback() external {
        assembly {
            mstore(0, 0x1626ba7e00000000000000000000000000000000000000000000000000000000)
            return(0, 4)
        }
    }
}
