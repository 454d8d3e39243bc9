// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import "./TestUsd.sol";

// Tokens that look like TestUsd and lie about one thing each. A facilitator that believes "the
// transaction succeeded" loses money with every one of them.

// A used nonce neither reverts nor moves anything: success without a payment.
contract SilentToken is TestUsd {
    function _settle(bytes32 typehash, Authorization memory auth, bytes memory signature)
        internal override
    {
        if (authorizationState[auth.from][auth.nonce]) return;
        super._settle(typehash, auth, signature);
    }
}

// One percent of every transfer goes to a collector, so the payee receives less than was signed.
contract FeeToken is TestUsd {
    address public constant COLLECTOR = 0x000000000000000000000000000000000000Fee5;

    function _transfer(address from, address to, uint256 value) internal override {
        uint256 fee = value / 100;
        super._transfer(from, to, value - fee);
        if (fee > 0) super._transfer(from, COLLECTOR, fee);
    }
}

// Money moves and no log says so: neither Transfer nor AuthorizationUsed.
contract NoLogToken is TestUsd {
    function _markUsed(address authorizer, bytes32 nonce) internal override {
        authorizationState[authorizer][nonce] = true;
    }

    function _transfer(address from, address to, uint256 value) internal override {
        require(value <= balanceOf[from], "ERC20: transfer amount exceeds balance");
        balanceOf[from] -= value;
        balanceOf[to] += value;
    }
}
