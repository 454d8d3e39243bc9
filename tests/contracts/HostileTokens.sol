// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import "./TestUsd.sol";

// Tokens that answer a used nonce with events instead of a revert, or whose amounts change between
// what a facilitator is shown and what happens. BadTokens.sol has those that lie about one transfer.

// A used nonce neither reverts nor moves anything; an event of its own says that it was used.
contract AlreadyUsedToken is TestUsd {
    event AuthorizationAlreadyUsed(address indexed authorizer, bytes32 indexed nonce);

    function _settle(bytes32 typehash, Authorization memory auth, bytes memory signature)
        internal override
    {
        if (authorizationState[auth.from][auth.nonce]) {
            emit AuthorizationAlreadyUsed(auth.from, auth.nonce);
            return;
        }
        super._settle(typehash, auth, signature);
    }
}

// Worse: a used nonce says AuthorizationUsed again, and so does one that moves nothing at all. Only
// the Transfer's log tells a payment from its echo.
contract EchoToken is TestUsd {
    function _settle(bytes32 typehash, Authorization memory auth, bytes memory signature)
        internal override
    {
        if (authorizationState[auth.from][auth.nonce]) {
            emit AuthorizationUsed(auth.from, auth.nonce);
            return;
        }
        super._settle(typehash, auth, signature);
    }
}

// The same in another order: first the Transfer, then the use. The echo of a used nonce stands right
// before the Transfer of whichever payment comes next in the transaction.
contract EchoFirstToken is TestUsd {
    function _settle(bytes32 typehash, Authorization memory auth, bytes memory signature)
        internal override
    {
        if (!authorizationState[auth.from][auth.nonce]) super._settle(typehash, auth, signature);
        emit AuthorizationUsed(auth.from, auth.nonce);
    }

    function _markUsed(address authorizer, bytes32 nonce) internal override {
        authorizationState[authorizer][nonce] = true;
    }
}

// Behaves while it is only asked, since a simulation pays no gas price, and keeps a tenth of a real
// transfer. Its log tells the truth.
contract TwoFacedToken is TestUsd {
    function _transfer(address from, address to, uint256 value) internal override {
        super._transfer(from, to, tx.gasprice == 0 ? value : value - value / 10);
    }
}

// As above, but in a real transaction nothing moves; the nonce is used all the same.
contract EmptyHandedToken is TestUsd {
    function _transfer(address from, address to, uint256 value) internal override {
        if (tx.gasprice == 0) super._transfer(from, to, value);
    }
}

// Balances are shares of a pool that grows or shrinks. The log names the amount that was asked for;
// what the payee can spend is rounded down to whole shares.
contract RebasingToken is TestUsd {
    uint256 public constant SHARE = 7;

    function _transfer(address from, address to, uint256 value) internal override {
        require(value <= balanceOf[from], "ERC20: transfer amount exceeds balance");
        balanceOf[from] -= value;
        balanceOf[to] += value / SHARE * SHARE;
        emit Transfer(from, to, value);
    }
}
