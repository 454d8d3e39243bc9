// SPDX-License-Identifier: Apache-2.0
//
// Every refusal of exact on EVM networks against a real chain and a real token: verify and settle
// say the same code, nothing is sent, and the nonce stays unused. Then wallets with code, wrappers
// and tokens that lie.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { concatHex, encodeAbiParameters, encodeFunctionData, parseAbi } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { account, startWorld } from "../devnet/world.mjs";
import { Chain } from "../lib/chain.mjs";
import { House } from "../lib/house.mjs";
import { askFacilitator, exactPayment, exactRequirements } from "../lib/payments.mjs";
import { startFacilitator } from "../lib/x402bin.mjs";

const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
const MAGIC_6492 = `0x${"6492".repeat(16)}`;
const FAST = { poll: "20ms" };
const house = new House();
let world, chain, strict, lax, terms, payer, merchant;

before(async () => {
  world = await house.add(startWorld({ payers: 4 }));
  chain = new Chain(world);
  strict = await house.add(startFacilitator(world, { network: FAST }));
  const signers = [world.accounts.facilitator2];
  lax = await house.add(startFacilitator(world, { signers, network: { ...FAST, any_token: true, settle_wait: "2s" } }));
  payer = world.payers[0];
  merchant = world.accounts.merchant.address;
  terms = exactRequirements(world, { payTo: merchant });
});

after(() => house.close());

const code = (name) => `invalid_exact_evm_${name}`;
const now = () => Math.floor(Date.now() / 1000);
const sent = async () => Number(await chain.nonceOf(world.accounts.facilitator1.address, "pending"))
  + Number(await chain.nonceOf(world.accounts.facilitator2.address, "pending"));

async function assertRefused(facilitator, payment, requirements, want) {
  const before = await sent();
  const verdict = await askFacilitator(facilitator.url, "verify", payment, requirements);
  assert.equal(verdict.status, 200, JSON.stringify(verdict.body));
  assert.deepEqual([verdict.body.isValid, verdict.body.invalidReason], [false, want]);
  const outcome = await askFacilitator(facilitator.url, "settle", payment, requirements);
  assert.equal(outcome.status, 200, JSON.stringify(outcome.body));
  assert.deepEqual([outcome.body.success, outcome.body.errorReason], [false, want]);
  assert.equal(await sent(), before, "a refused payment must cost no transaction");
}

async function withSignature(make) {
  const payment = await exactPayment(payer, terms);
  payment.payload.signature = make(payment.payload.signature);
  return payment;
}

const signed = (authorization) => () => exactPayment(payer, terms, { authorization });
const extra = (more) => () => exactPayment(payer, { ...terms, extra: { ...terms.extra, ...more } });

function highS(signature) {
  const s = ORDER - BigInt(`0x${signature.slice(66, 130)}`);
  const v = signature.endsWith("1b") ? "1c" : "1b";
  return `${signature.slice(0, 66)}${s.toString(16).padStart(64, "0")}${v}`;
}

// name, the payment, the code; the requirements are what was accepted unless the fourth says else.
const ROWS = [
  ["1: another scheme was signed", async () => ({
    ...(await exactPayment(payer, terms)), accepted: { ...terms, scheme: "upto" } }), code("scheme"), () => terms],
  ["1: a scheme nobody has here", async () => exactPayment(payer, { ...terms, scheme: "upto" }), "unsupported_scheme"],
  ["2: no token name", extra({ name: "" }), code("missing_eip712_domain")],
  ["2: no token version", extra({ version: "" }), code("missing_eip712_domain")],
  ["3: signed for another network", async () => ({
    ...(await exactPayment(payer, terms)), accepted: { ...terms, network: "eip155:8453" } }),
    code("network_mismatch"), () => terms],
  ["5: another key", () => exactPayment({ ...world.payers[1], address: payer.address }, terms), code("signature")],
  ["5: another chain id in the domain", () => exactPayment(payer, terms, { domain: { chainId: 1 } }),
      code("signature")],
  ["5: another contract in the domain", () =>
    exactPayment(payer, terms, { domain: { verifyingContract: merchant } }), code("signature")],
  ["5: the domain's name is not the one advertised", () =>
    exactPayment(payer, terms, { domain: { name: "USD Coin" } }), code("signature")],
  ["5: nobody's address", () => exactPayment({ ...payer, address: `0x${"0".repeat(40)}` }, terms), code("signature")],
  ["17: high s", () => withSignature(highS), code("signature")],
  ["17: v = 0", () => withSignature((text) => `${text.slice(0, -2)}00`), code("signature")],
  ["17: v = 1", () => withSignature((text) => `${text.slice(0, -2)}01`), code("signature")],
  ["17: all zero", () => withSignature(() => `0x${"0".repeat(130)}`), code("signature")],
  ["17: 64 bytes", () => withSignature((text) => text.slice(0, -2)), code("signature")],
  ["17: 66 bytes", () => withSignature((text) => `${text}00`), code("signature")],
  ["6: to somebody else", signed({ to: `0x${"12".repeat(20)}` }), code("recipient_mismatch")],
  ["7: expired", signed({ validBefore: "1700000000" }), code("payload_authorization_valid_before")],
  ["29: one second left", () => signed({ validBefore: `${now() + 1}` })(), code("payload_authorization_valid_before")],
  ["29: five seconds left", () => signed({ validBefore: `${now() + 5}` })(),
      code("payload_authorization_valid_before")],
  ["29: the year 9999", signed({ validBefore: "253402300000" }), code("payload_authorization_valid_before_too_late")],
  ["29: no end at all", signed({ validBefore: `${2n ** 256n - 1n}` }),
      code("payload_authorization_valid_before_too_late")],
  ["8: valid in a minute", () => signed({ validAfter: `${now() + 60}` })(), code("payload_authorization_valid_after")],
  ["8: valid in the year 9999", signed({ validAfter: "253402300000" }), code("payload_authorization_valid_after")],
  ["9: one unit less", signed({ value: "999" }), code("payload_authorization_value_mismatch")],
  ["9: one unit more", signed({ value: "1001" }), code("payload_authorization_value_mismatch")],
  ["11: the token's name", extra({ name: "USD Coin" }), code("token_name_mismatch")],
  ["11: the token's version", extra({ version: "1" }), code("token_version_mismatch")],
  ["11: no money", () => exactPayment(account("pauper"), terms), code("insufficient_balance")],
  ["11: more than there is", () => exactPayment(payer, { ...terms, amount: "1000000001" }),
      code("insufficient_balance")],
  ["11: the token's own rule", () => exactPayment(payer, { ...terms, payTo: `0x${"0".repeat(40)}` }),
    code("transaction_simulation_failed")],
  ["15: a wrapped signature whose factory is the token", wrapped, "eip6492_factory_not_allowed"],
];

async function wrapped() {
  const data = encodeFunctionData({ abi: parseAbi(["function transfer(address,uint256)"]), args: [merchant, 1000n] });
  return withSignature((inner) => concatHex([
    encodeAbiParameters([{ type: "address" }, { type: "bytes" }, { type: "bytes" }], [world.usdc, data, inner]),
    MAGIC_6492,
  ]));
}

test("every refusal has its code, in verify as in settle", async (t) => {
  for (const [name, make, want, requirements] of ROWS) {
    await t.test(name, async () => {
      const payment = await make();
      await assertRefused(strict, payment, requirements?.() ?? payment.accepted, want);
    });
  }
});

test("signatures and numbers that are none are refused as a payload, never with a 5xx", async (t) => {
  const change = (what) => async () => {
    const payment = await exactPayment(payer, terms);
    what(payment.payload);
    return payment;
  };
  const rows = {
    "no signature": change((payload) => delete payload.signature),
    "a signature without 0x": change((payload) => (payload.signature = payload.signature.slice(2))),
    "a signature that is no hex": change((payload) => (payload.signature = "0xzz")),
    "1 MiB of signature": change((payload) => (payload.signature = `0x${"ab".repeat(30_000)}`)),
    "no authorization": change((payload) => delete payload.authorization),
    "an address of 19 bytes": change(({ authorization }) => (authorization.from = `0x${"1".repeat(38)}`)),
    "a nonce of 31 bytes": change(({ authorization }) => (authorization.nonce = `0x${"1".repeat(62)}`)),
    "a value of 1e3": change(({ authorization }) => (authorization.value = "1e3")),
    "a value of 2^256": change(({ authorization }) => (authorization.value = `${2n ** 256n}`)),
    "a value that is a number": change(({ authorization }) => (authorization.value = 1000)),
  };
  for (const [name, make] of Object.entries(rows)) {
    await t.test(name, async () => assertRefused(strict, await make(), terms, code("payload")));
  }
});

test("11: a used nonce, and one that the payer cancelled", async () => {
  const spent = await exactPayment(payer, terms);
  assert.equal((await askFacilitator(strict.url, "settle", spent)).body.success, true);
  const verdict = (await askFacilitator(lax.url, "verify", spent)).body;
  assert.deepEqual([verdict.isValid, verdict.invalidReason], [false, code("nonce_already_used")]);

  const cancelled = await exactPayment(payer, terms);
  await cancel(cancelled.payload.authorization.nonce);
  const after = (await askFacilitator(strict.url, "verify", cancelled)).body;
  assert.deepEqual([after.isValid, after.invalidReason], [false, code("nonce_already_used")]);
  await world.mine(70); // beyond what the node calls final
  // What another facilitator has settled is told with its transaction; what was cancelled was not paid.
  const [transfer] = (await chain.transfers({ from: payer.address })).slice(-1);
  const other = (await askFacilitator(lax.url, "settle", spent)).body;
  assert.deepEqual([other.success, other.errorReason, other.transaction],
    [false, "duplicate_settlement", transfer.transaction]);
  const refused = (await askFacilitator(strict.url, "settle", cancelled)).body;
  assert.deepEqual([refused.success, refused.errorReason], [false, code("nonce_already_used")]);
});

async function cancel(nonce) {
  const signature = await privateKeyToAccount(payer.key).signTypedData({
    domain: { ...terms.extra, chainId: world.chainId, verifyingContract: world.usdc },
    types: { CancelAuthorization: [{ name: "authorizer", type: "address" }, { name: "nonce", type: "bytes32" }] },
    primaryType: "CancelAuthorization",
    message: { authorizer: payer.address, nonce },
  });
  const abi = parseAbi(["function cancelAuthorization(address,bytes32,bytes)"]);
  await world.transact({ to: world.usdc, data: encodeFunctionData({ abi, args: [payer.address, nonce, signature] }) });
}

test("10: an asset without code, and a contract that is no token", async () => {
  const nowhere = { ...terms, asset: `0x${"34".repeat(20)}` };
  await assertRefused(lax, await exactPayment(payer, nowhere), nowhere, "asset_not_deployed_contract");
  const noToken = { ...terms, asset: world.multicall3 };
  await assertRefused(lax, await exactPayment(payer, noToken), noToken, code("eip3009_not_supported"));
});

test("16: a smart wallet pays with its owner's signature, and with nobody else's", async () => {
  const [owner, thief] = [world.payers[1], world.payers[2]];
  const wallet = await world.deploy("Wallet1271", [owner.address]);
  await world.mint(wallet, 10_000);
  const stolen = await exactPayment({ address: wallet, key: thief.key }, terms);
  await assertRefused(strict, stolen, terms, code("signature"));
  const payment = await exactPayment({ address: wallet, key: owner.key }, terms);
  assert.equal((await askFacilitator(strict.url, "verify", payment)).body.isValid, true);
  const { body } = await askFacilitator(strict.url, "settle", payment);
  assert.equal(body.success, true, JSON.stringify(body));
  const [transfer, ...more] = await chain.transfers({ from: wallet });
  assert.deepEqual([transfer.transaction, transfer.value, more.length], [body.transaction, 1000n, 0]);
});

test("16: an ECDSA signature from an address that has code counts for nothing", async (t) => {
  const victim = world.payers[3];
  const codes = { "a contract": world.contracts.Multicall3.deployedBytecode,
    "a delegated account (EIP-7702)": concatHex(["0xef0100", world.multicall3]) };
  for (const [name, bytes] of Object.entries(codes)) {
    await t.test(name, async () => {
      const payment = await exactPayment(victim, terms);
      await world.request("anvil_setCode", [victim.address, bytes]);
      await assertRefused(strict, payment, terms, code("signature"));
      await world.request("anvil_setCode", [victim.address, "0x"]);
      assert.equal((await askFacilitator(strict.url, "verify", payment)).body.isValid, true);
    });
  }
});

test("14: a token that keeps a part of the money is refused before anything is sent", async () => {
  const asset = await world.deployToken("FeeToken");
  await world.mint(payer.address, 1_000_000, asset);
  const requirements = { ...terms, asset, extra: { name: "FeeToken", version: "2" } };
  await assertRefused(lax, await exactPayment(payer, requirements), requirements, code("transfer_event_mismatch"));
});

test("13: money that moves without a log proves nothing: never settled, and no second transaction", async () => {
  const asset = await world.deployToken("NoLogToken");
  await world.mint(payer.address, 1_000_000, asset);
  const requirements = { ...terms, asset, extra: { name: "NoLogToken", version: "2" } };
  const payment = await exactPayment(payer, requirements);
  for (let i = 0; i < 2; ++i) {
    const { status, body } = await askFacilitator(lax.url, "settle", payment);
    assert.equal(status, 200);
    assert.deepEqual([body.success, body.errorReason], [false, "settlement_pending"], "done, not done, or unknown");
    await world.mine(70);
  }
  assert.equal(await chain.balanceOf(merchant, asset), 1000n);
});

test("13: a token whose used nonce does not revert settles each nonce once", async () => {
  const asset = await world.deployToken("SilentToken");
  await world.mint(payer.address, 1_000_000, asset);
  const requirements = { ...terms, asset, extra: { name: "SilentToken", version: "2" } };
  const payment = await exactPayment(payer, requirements);
  const first = (await askFacilitator(lax.url, "settle", payment)).body;
  assert.equal(first.success, true, JSON.stringify(first));
  // A facilitator that knows nothing of the first sees a call that would succeed and move nothing.
  const signers = [world.accounts.facilitator3];
  const fresh = await house.add(startFacilitator(world, { signers, network: { ...FAST, any_token: true } }));
  const verdict = (await askFacilitator(fresh.url, "verify", payment)).body;
  assert.deepEqual([verdict.isValid, verdict.invalidReason], [false, code("nonce_already_used")]);
  await world.mine(70);
  const second = (await askFacilitator(fresh.url, "settle", payment)).body;
  assert.deepEqual([second.success, second.errorReason], [false, "duplicate_settlement"]);
  assert.equal(second.transaction, first.transaction);
  assert.equal((await chain.transfers({ from: payer.address, token: asset })).length, 1);
});
