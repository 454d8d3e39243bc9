// SPDX-License-Identifier: Apache-2.0
//
// Signatures that are nearly right and times that are nearly wrong: each is refused by both doors with
// its own reason, names what was expected, and costs no gas; and what is right up to the last
// second is settled. Two more chains run 90 seconds ahead of and behind our clock.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startWorld } from "../devnet/world.mjs";
import { assertRefused, firstInPool } from "../lib/attack.mjs";
import { Chain } from "../lib/chain.mjs";
import { eventually } from "../lib/check.mjs";
import { House, houseOf } from "../lib/house.mjs";
import { askFacilitator, exactPayment, exactRequirements } from "../lib/payments.mjs";
import { startFacilitator } from "../lib/x402bin.mjs";

const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
const NETWORK = { poll: "20ms", settle_wait: "2s" };
const SKEW = 90;
const house = new House();
let main;

// A chain, a facilitator on it, and what a payment there looks like. skew: seconds that the chain's
// clock runs ahead of ours.
async function place(parts, { skew, ...options } = {}) {
  const more = ["--slots-in-an-epoch", "1"];
  if (skew) more.push("--timestamp", `${now() + skew}`);
  const world = await parts.add(startWorld({ payers: 3, more, ...options }));
  const chain = new Chain(world);
  const signers = [world.accounts.facilitator1];
  const { url } = await parts.add(startFacilitator(world, { signers, network: NETWORK }));
  const terms = exactRequirements(world, { payTo: world.accounts.merchant.address });
  const payer = world.payers[0];
  const pay = (authorization) => exactPayment(payer, terms, { authorization });
  const verify = async (payment) => (await askFacilitator(url, "verify", payment)).body;
  const settle = async (payment) => (await askFacilitator(url, "settle", payment)).body;
  return { world, chain, signers, url, terms, payer, pay, verify, settle };
}

before(async () => (main = await place(house)));
after(() => house.close());

const code = (name) => `invalid_exact_evm_${name}`;
const now = () => Math.floor(Date.now() / 1000);

const s = (signature) => BigInt(`0x${signature.slice(66, 130)}`);
const withS = (signature, value, v) =>
  `${signature.slice(0, 66)}${value.toString(16).padStart(64, "0")}${v}`;
const flip = (signature) => (signature.endsWith("1b") ? "1c" : "1b");

// name, what becomes of a good signature
const MANGLED = {
  "high s": (signature) => withS(signature, ORDER - s(signature), flip(signature)),
  "high s with the old v": (signature) => withS(signature, ORDER - s(signature), signature.slice(-2)),
  "v = 0": (signature) => `${signature.slice(0, -2)}00`,
  "v = 1": (signature) => `${signature.slice(0, -2)}01`,
  "the other v": (signature) => `${signature.slice(0, -2)}${flip(signature)}`,
  "v = 255": (signature) => `${signature.slice(0, -2)}ff`,
  "r = 0": (signature) => `0x${"0".repeat(64)}${signature.slice(66)}`,
  "s = 0": (signature) => withS(signature, 0n, "1b"),
  "s = the order": (signature) => withS(signature, ORDER, "1b"),
  "all zero, which recovers to nobody": () => `0x${"0".repeat(130)}`,
  "all ones": () => `0x${"f".repeat(130)}`,
  "empty": () => "0x",
  "64 bytes": (signature) => signature.slice(0, -2),
  "66 bytes": (signature) => `${signature}00`,
  "of another payment of the same payer": async () => (await main.pay()).payload.signature,
};

// Broken by: normalising s, adding 27 to v, or comparing a failed recovery's zero with an address.
test("attack 17: no other spelling of a signature is a signature", async (t) => {
  for (const [name, mangle] of Object.entries(MANGLED)) {
    await t.test(name, async () => {
      const payment = await main.pay();
      payment.payload.signature = await mangle(payment.payload.signature);
      const { verdict } = await assertRefused(main, payment, [code("signature"), code("payload")]);
      assert.ok(verdict.invalidMessage.length > 10 && verdict.extra.error.field.startsWith("payload"));
    });
  }
});

const extra = (more) => ({ ...main.terms, extra: { ...main.terms.extra, ...more } });

// What is wrong with the domain, the payment, and which reason and which words tell it apart.
const DOMAINS = [
  ["another chain id", () => exactPayment(main.payer, main.terms, { domain: { chainId: 1 } }), code("signature"),
    ["USDC / 2 on chain 84532"]],
  ["another contract", () =>
    exactPayment(main.payer, main.terms, { domain: { verifyingContract: main.world.multicall3 } }), code("signature"),
    ["USDC / 2 on chain 84532"]],
  ["a name that was not advertised", () => exactPayment(main.payer, main.terms, { domain: { name: "USD Coin" } }),
    code("signature"), ["USDC / 2 on chain 84532"]],
  ["a version that was not advertised", () => exactPayment(main.payer, main.terms, { domain: { version: "1" } }),
    code("signature"), ["USDC / 2 on chain 84532"]],
  ["a name that is advertised and not the token's", () => exactPayment(main.payer, extra({ name: "USD Coin" })),
    code("token_name_mismatch"), ["USDC", "USD Coin"]],
  ["a version that is advertised and not the token's", () => exactPayment(main.payer, extra({ version: "1" })),
    code("token_version_mismatch"), ["2", "1"]],
  ["no name", () => exactPayment(main.payer, extra({ name: "" })), code("missing_eip712_domain"), ["extra.name"]],
  ["another network in what was accepted", async () => ({ ...(await main.pay()),
    accepted: { ...main.terms, network: "eip155:8453" } }), code("network_mismatch"), ["eip155:84532", "eip155:8453"]],
  ["nobody's address as the payer", () => exactPayment({ ...main.payer, address: `0x${"0".repeat(40)}` }, main.terms),
    code("signature"), ["by the payer"]],
  ["a payer who is not the signer", () => exactPayment({ ...main.world.payers[1], address: main.payer.address },
    main.terms), code("signature"), ["by the payer"]],
];

// Broken by: one reason for all of them; then nobody finds out which of four texts is wrong.
test("attack 17: what is wrong with the domain is told by its code, and what was expected is named", async (t) => {
  for (const [name, make, want, words] of DOMAINS) {
    await t.test(name, async () => {
      const payment = await make();
      const requirements = want === code("network_mismatch") ? main.terms : payment.accepted;
      const { verdict } = await assertRefused(main, payment, want, requirements);
      const told = JSON.stringify(verdict.extra.error);
      for (const word of words) assert.ok(told.includes(word), `${word} in ${told}`);
    });
  }
});

// name, the times, the reason, the field that is named
const TIMES = [
  ["one second left", () => ({ validBefore: `${now() + 1}` }), "valid_before", "validBefore"],
  ["now", () => ({ validBefore: `${now()}` }), "valid_before", "validBefore"],
  ["long ago", () => ({ validBefore: "1" }), "valid_before", "validBefore"],
  ["the year 9999", () => ({ validBefore: "253402300799" }), "valid_before_too_late", "validBefore"],
  ["milliseconds instead of seconds", () => ({ validBefore: `${Date.now() + 300_000}` }), "valid_before_too_late",
    "validBefore"],
  ["2^64", () => ({ validBefore: `${2n ** 64n}` }), "valid_before_too_late", "validBefore"],
  ["2^256 - 1", () => ({ validBefore: `${2n ** 256n - 1n}` }), "valid_before_too_late", "validBefore"],
  ["more than maxTimeoutSeconds and a minute", () => ({ validBefore: `${now() + 300 + 70}` }),
    "valid_before_too_late", "validBefore"],
  ["not before in a minute", () => ({ validAfter: `${now() + 60}` }), "valid_after", "validAfter"],
  ["not before 2^256 - 1", () => ({ validAfter: `${2n ** 256n - 1n}` }), "valid_after", "validAfter"],
  ["not before the end", () => ({ validAfter: `${now() + 200}`, validBefore: `${now() + 100}` }), "valid_after",
    "validAfter"],
];

// Broken by: a window that is not looked at, a sum that wraps around, or a refusal without numbers.
test("attack 29: times out of bounds are refused, and the numbers are told", async (t) => {
  for (const [name, times, want, field] of TIMES) {
    await t.test(name, async () => {
      const authorization = times();
      const { verdict } = await assertRefused(main, await main.pay(authorization),
        code(`payload_authorization_${want}`));
      const { error } = verdict.extra;
      assert.equal(error.field, `payload.authorization.${field}`);
      assert.equal(error.actual, authorization[field]);
      assert.match(error.expected, /\d{10}/, "against our clock");
    });
  }
});

test("attack 29: times that are just within bounds are good", async (t) => {
  for (const [name, times] of Object.entries({
    "ten seconds left": () => ({ validBefore: `${now() + 10}` }),
    "maxTimeoutSeconds and half a minute": () => ({ validBefore: `${now() + 300 + 30}` }),
    "valid since two seconds": () => ({ validAfter: `${now() - 2}` }),
  })) {
    await t.test(name, async () => {
      await main.world.mine(); // the token judges by the last block's time
      const payment = await main.pay(times());
      const verdict = await main.verify(payment);
      assert.equal(verdict.isValid, true, JSON.stringify(verdict));
      assert.equal((await main.settle(payment)).success, true);
    });
  }
});

// EIP-3009 bounds are strict on both sides. The payment is good when it is asked for, and is mined
// in the very second at which it ends. Broken by: believing our own transaction without its receipt.
test("attack 29: mined in the second of validBefore, it moves nothing and is no success", async () => {
  const { world, chain, signers, payer } = main;
  await world.request("evm_setAutomine", [false]);
  try {
    // The first block takes the chain's clock with it: the second payment must end well after that.
    for (const [early, paid, ahead] of [[1, true, 100], [0, false, 200]]) {
      const validBefore = now() + ahead;
      const payment = await main.pay({ validBefore: `${validBefore}` });
      const earlier = (await chain.transfers({ from: payer.address })).length;
      const asked = main.settle(payment);
      await firstInPool(world, signers[0]);
      await world.request("evm_setNextBlockTimestamp", [validBefore - early]);
      await world.mine();
      const first = await asked;
      const after = (await chain.transfers({ from: payer.address })).length;
      assert.equal(after - earlier, paid ? 1 : 0, `mined ${early} s before the end`);
      assert.equal(first.success, paid, JSON.stringify(first));
      if (!paid) assert.notEqual((await main.settle(payment)).success, true);
    }
  } finally {
    await world.request("evm_setAutomine", [true]);
  }
});

// Broken by: judging by one clock alone; the other then lets us pay for a transaction that reverts.
test(`attack 29: a chain ${SKEW} seconds ahead: what has ended there costs no gas, an ordinary payment settles`,
    async (t) => {
  const ahead = await place(houseOf(t), { skew: SKEW });
  await ahead.world.mine();
  await assertRefused(ahead, await ahead.pay({ validBefore: `${now() + SKEW - 30}` }),
    [code("payload_authorization_valid_before"), code("transaction_simulation_failed")]);
  const good = await ahead.settle(await ahead.pay());
  assert.equal(good.success, true, JSON.stringify(good));
});

test(`attack 29: a chain ${SKEW} seconds behind: what has not begun there costs no gas, an ordinary payment settles`,
    async (t) => {
  const behind = await place(houseOf(t), { skew: -SKEW });
  await behind.world.mine();
  await assertRefused(behind, await behind.pay({ validAfter: `${now() - SKEW + 30}` }),
    [code("payload_authorization_valid_after"), code("transaction_simulation_failed")]);
  // Strict: not yet in the block's own second, and a moment later it is good.
  const { timestamp } = await behind.chain.block(await behind.chain.blockNumber());
  const equal = await behind.pay({ validAfter: `${timestamp + 1n}` });
  const first = await behind.settle(equal);
  assert.notEqual(first.success, true, `a block of ${timestamp}: ${JSON.stringify(first)}`);
  const good = await behind.settle(await behind.pay());
  assert.equal(good.success, true, JSON.stringify(good));
  const late = await eventually(async () => {
    await behind.world.mine();
    const body = await behind.settle(equal);
    return body.success && body;
  }, { everyMs: 200, what: "the payment that has begun by now" });
  assert.match(late.transaction, /^0x/);
});
