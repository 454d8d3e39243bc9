// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

// The smallest smart wallet that can pay: it has no key of its own and accepts what its owner
// signed (ERC-1271). It takes the digest as it is, so the owner signs the token's typed data
// exactly as a plain account would.

contract Wallet1271 {
    bytes4 private constant ACCEPTED = 0x1626ba7e;
    bytes4 private constant REFUSED = 0xffffffff;

    address public owner;

    constructor(address owner_) {
        owner = owner_;
    }

    receive() external payable {}

    function isValidSignature(bytes32 hash, bytes calldata signature)
        external view returns (bytes4)
    {
        if (signature.length != 65) return REFUSED;
        address signer = ecrecover(
            hash, uint8(signature[64]), bytes32(signature[0:32]), bytes32(signature[32:64])
        );
        return signer != address(0) && signer == owner ? ACCEPTED : REFUSED;
    }
}
