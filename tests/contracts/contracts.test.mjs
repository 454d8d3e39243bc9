// SPDX-License-Identifier: Apache-2.0
//
// Our test contracts behave like the originals where x402 looks: the strings that reverts carry,
// who may sign, and the lies of the bad tokens. Everything else in tests/ stands on this.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  createWalletClient,
  encodeFunctionData,
  hexToBigInt,
  http,
  parseSignature,
  publicActions,
  toHex,
} from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { MULTICALL3, USDC, account, startWorld } from "../devnet/world.mjs";
import { Chain, chainOf } from "../lib/chain.mjs";
import { exactPayment, exactRequirements } from "../lib/payments.mjs";

const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
const STRANGER = account("stranger");

let world, chain, sender, abi;

before(async () => {
  world = await startWorld();
  chain = new Chain(world);
  abi = world.contracts.TestUsd.abi;
  const signer = privateKeyToAccount(world.accounts.facilitator1.key);
  sender = createWalletClient({
    account: signer,
    chain: chainOf(world.rpc),
    transport: http(world.rpc),
  }).extend(publicActions);
});

after(() => world?.stop());

async function signed({
  payer = world.accounts.payer1,
  token = USDC,
  name = "USDC",
  authorization,
  domain,
} = {}) {
  const requirements = exactRequirements(world, {
    payTo: world.accounts.merchant.address,
    asset: token,
    extra: { name, version: "2" },
  });
  const { payload } = await exactPayment(payer, requirements, { authorization, domain });
  return payload;
}

function argumentsOf({ from, to, value, validAfter, validBefore, nonce }) {
  return [from, to, BigInt(value), BigInt(validAfter), BigInt(validBefore), nonce];
}

function transfer({ authorization, signature }, token = USDC) {
  return {
    address: token,
    abi,
    functionName: "transferWithAuthorization",
    args: [...argumentsOf(authorization), signature],
  };
}

async function settle(payload, token = USDC) {
  const { request } = await sender.simulateContract(transfer(payload, token));
  return sender.waitForTransactionReceipt({ hash: await sender.writeContract(request) });
}

async function refuses(call, reason) {
  await assert.rejects(sender.simulateContract(call), (error) => {
    assert.ok(error.message.includes(reason), `wanted "${reason}", got: ${error.shortMessage}`);
    return true;
  });
}

function withHighS(signature) {
  const { r, s, yParity } = parseSignature(signature);
  const mirrored = toHex(ORDER - hexToBigInt(s), { size: 32 });
  return `${r}${mirrored.slice(2)}${yParity === 0 ? "1c" : "1b"}`;
}

test("the token has USDC's domain separator at USDC's address", async () => {
  const separator = await sender.readContract({
    address: USDC,
    abi,
    functionName: "DOMAIN_SEPARATOR",
  });
  // Of EIP712Domain("USDC", "2", 84532, USDC), the same as on Base Sepolia.
  assert.equal(separator, "0x71f17a3b2ff373b803d70a5a07c046c1a2bc8e89c09ef722fcb047abe94c9818");
});

test("reverts carry the strings of Circle's FiatToken", async () => {
  const now = Math.floor(Date.now() / 1000);
  const poor = await signed({ payer: STRANGER });
  const early = await signed({ authorization: { validAfter: `${now + 1000}` } });
  const late = await signed({ authorization: { validBefore: `${now - 1000}` } });
  const otherDomain = await signed({ domain: { version: "1" } });
  const good = await signed();
  await refuses(transfer(poor), "ERC20: transfer amount exceeds balance");
  await refuses(transfer(early), "FiatTokenV2: authorization is not yet valid");
  await refuses(transfer(late), "FiatTokenV2: authorization is expired");
  await refuses(transfer(otherDomain), "FiatTokenV2: invalid signature");
  await refuses(
    transfer({ ...good, signature: withHighS(good.signature) }),
    "ECRecover: invalid signature 's' value",
  );
  await refuses(
    transfer({ ...good, signature: good.signature.slice(0, -2) }),
    "ECRecover: invalid signature length",
  );
});

test("an authorization works once, in either overload", async () => {
  const payload = await signed();
  const { r, s, v } = parseSignature(payload.signature);
  const split = {
    ...transfer(payload),
    args: [...argumentsOf(payload.authorization), Number(v), r, s],
  };
  const hash = await sender.writeContract(split);
  const receipt = await sender.waitForTransactionReceipt({ hash });
  assert.equal(receipt.status, "success");
  const { from, nonce } = payload.authorization;
  assert.equal(await chain.isAuthorizationUsed(from, nonce), true);
  const used = await chain.authorizationsUsed({ authorizer: from });
  assert.equal(used.at(-1).nonce, nonce);
  await refuses(split, "FiatTokenV2: authorization is used or canceled");
  await refuses(transfer(payload), "FiatTokenV2: authorization is used or canceled");
});

test("a cancelled authorization reads as used", async () => {
  const payload = await signed();
  const { from, nonce } = payload.authorization;
  const signature = await privateKeyToAccount(world.accounts.payer1.key).signTypedData({
    domain: { name: "USDC", version: "2", chainId: world.chainId, verifyingContract: USDC },
    types: {
      CancelAuthorization: [
        { name: "authorizer", type: "address" },
        { name: "nonce", type: "bytes32" },
      ],
    },
    primaryType: "CancelAuthorization",
    message: { authorizer: from, nonce },
  });
  const hash = await sender.writeContract({
    address: USDC,
    abi,
    functionName: "cancelAuthorization",
    args: [from, nonce, signature],
  });
  await sender.waitForTransactionReceipt({ hash });
  assert.equal(await chain.isAuthorizationUsed(from, nonce), true);
  await refuses(transfer(payload), "FiatTokenV2: authorization is used or canceled");
});

test("only the payee may receive", async () => {
  const payload = await signed();
  await refuses(
    { ...transfer(payload), functionName: "receiveWithAuthorization" },
    "FiatTokenV2: caller must be the payee",
  );
});

test("a wallet contract pays with its owner's signature and no other", async () => {
  const { payer1, payer2 } = world.accounts;
  const wallet = await world.deploy("Wallet1271", [payer1.address]);
  await world.mint(wallet, 5000n);
  const byStranger = await signed({ payer: payer2, authorization: { from: wallet } });
  await refuses(transfer(byStranger), "FiatTokenV2: invalid signature");
  await settle(await signed({ authorization: { from: wallet } }));
  assert.equal(await chain.balanceOf(wallet), 4000n);
});

test("Multicall3 reports each call's failure or reverts as asked", async () => {
  const [good, poor] = [await signed(), await signed({ payer: STRANGER })];
  const multicallAbi = world.contracts.Multicall3.abi;
  const calls = [good, poor].map((payload) => ({
    target: USDC,
    callData: encodeFunctionData(transfer(payload)),
  }));
  const call = (functionName, ...args) => ({
    address: MULTICALL3,
    abi: multicallAbi,
    functionName,
    args,
  });
  const aggregate3 = await sender.simulateContract(
    call(
      "aggregate3",
      calls.map((entry) => ({ ...entry, allowFailure: true })),
    ),
  );
  assert.deepEqual(
    aggregate3.result.map(({ success }) => success),
    [true, false],
  );
  const tried = await sender.simulateContract(call("tryAggregate", false, calls));
  assert.deepEqual(
    tried.result.map(({ success }) => success),
    [true, false],
  );
  await refuses(call("tryAggregate", true, calls), "Multicall3: call failed");
  await refuses(call("aggregate", calls), "Multicall3: call failed");
});

async function paidWith(contract) {
  const { payer1, merchant } = world.accounts;
  const token = await world.deployToken(contract);
  await world.mint(payer1.address, 10_000n, token);
  const payload = await signed({ token, name: contract });
  const receipt = await settle(payload, token);
  return { token, payload, receipt, received: await chain.balanceOf(merchant.address, token) };
}

test("each bad token tells its own lie", async () => {
  const silent = await paidWith("SilentToken");
  const again = await settle(silent.payload, silent.token);
  assert.equal(again.status, "success");
  assert.deepEqual(again.logs, []);
  assert.equal(await chain.balanceOf(world.accounts.merchant.address, silent.token), 1000n);
  const fee = await paidWith("FeeToken");
  assert.equal(fee.received, 990n);
  const mute = await paidWith("NoLogToken");
  assert.equal(mute.received, 1000n);
  assert.deepEqual(mute.receipt.logs, []);
});
