// SPDX-License-Identifier: Apache-2.0
//
// Many who cannot pay, and one who can: a flood of good signatures over empty purses, dust, a slow
// node, contracts that burn what they are given. No gas is spent on any of it, memory and queues have
// a bound, and whoever is honest is served in the middle of it.

import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { after, before, test } from "node:test";
import { account, startWorld } from "../devnet/world.mjs";
import { assertRefused, pooled, purseOf, rssOf } from "../lib/attack.mjs";
import { Chain } from "../lib/chain.mjs";
import { eventually } from "../lib/check.mjs";
import { House, houseOf } from "../lib/house.mjs";
import { askFacilitator, exactPayment, exactRequirements } from "../lib/payments.mjs";
import { startRelay, wireRequest } from "../lib/wire.mjs";
import { startFacilitator } from "../lib/x402bin.mjs";

const PATIENCE_MS = 5_000; // of an honest caller, on a machine that does other things too
const PAUPERS = 240;
const tokens = { FLOOD: "token-of-the-flood", HONEST: "token-of-the-honest" };
const house = new House();
let world, chain, terms, flood;

before(async () => {
  world = await house.add(startWorld({ payers: 30, dollars: 1 }));
  chain = new Chain(world);
  terms = exactRequirements(world, { payTo: world.accounts.merchant.address });
  const paupers = Array.from({ length: PAUPERS }, (_, i) => account(`pauper ${i}`));
  flood = await Promise.all(paupers.map((pauper) => exactPayment(pauper, terms)));
});

after(() => house.close());

const bearer = (token) => ({ authorization: `Bearer ${token}` });
const honest = (i) => exactPayment(world.payers[i], terms);

async function start(t, signer, { network, ...options } = {}) {
  const signers = [world.accounts[signer]];
  const role = await houseOf(t).add(startFacilitator(world, { signers, network: { poll: "20ms", ...network }, ...options }));
  return { ...role, chain, signers };
}

// How long it took, and what was said.
async function timed(asking) {
  const started = performance.now();
  const answer = await asking;
  return { ...answer, ms: performance.now() - started };
}

// The whole flood against both doors at once.
const pour = (url, headers = {}) => Promise.all(flood.flatMap((payment) => ["verify", "settle"].map((endpoint) =>
  askFacilitator(url, endpoint, payment, terms, headers))));

function assertTurnedAway({ status, headers, body }) {
  if (status === 429) {
    assert.equal(body.error.code, "rate_limited");
    assert.equal(body.error.retryable, true);
    assert.ok(Number(headers.get("retry-after")) >= 1 && Number(headers.get("retry-after")) <= 60);
    assert.deepEqual([body.isValid, body.success], [undefined, undefined], "not judged");
    return;
  }
  assert.equal(status, 200, JSON.stringify(body));
  assert.equal(body.invalidReason ?? body.errorReason, "invalid_exact_evm_insufficient_balance");
}

// What one settled payment may cost: its own transaction, to the wei.
async function assertCostOnly(at, before, transactions) {
  const [[, nonce, ether]] = before;
  const [[, nonceNow, etherNow]] = await purseOf(chain, at.signers);
  const receipts = await Promise.all([...new Set(transactions)].map((hash) => chain.receipt(hash)));
  const cost = receipts.reduce((sum, { gasUsed, effectiveGasPrice }) => sum + gasUsed * effectiveGasPrice, 0n);
  assert.deepEqual([nonceNow - nonce, ether - etherNow], [receipts.length, cost], "the flood cost nothing");
}

// Broken by: sending before simulating, or one purse and one queue for all callers.
test("attack 22: a flood of good signatures over empty purses costs no gas, and an honest payer is served in it",
    async (t) => {
  const at = await start(t, "facilitator1");
  const before = await purseOf(chain, at.signers);
  const rss = rssOf(at.pid);
  const poured = pour(at.url);
  await sleep(20);
  const paid = [];
  for (let i = 0; i < 4; ++i) {
    const payment = await honest(i);
    const verdict = await timed(askFacilitator(at.url, "verify", payment));
    assert.equal(verdict.body.isValid, true, JSON.stringify(verdict.body));
    const told = await timed(askFacilitator(at.url, "settle", payment));
    assert.equal(told.body.success, true, JSON.stringify(told.body));
    assert.ok(Math.max(verdict.ms, told.ms) < PATIENCE_MS, `${verdict.ms} ms, ${told.ms} ms`);
    paid.push(told.body.transaction);
  }
  const answers = await poured;
  answers.forEach(assertTurnedAway);
  await assertCostOnly(at, before, paid);
  assert.ok(rssOf(at.pid) - rss < 64, `${(rssOf(at.pid) - rss).toFixed(0)} MiB more`);
});

// Broken by: a bucket for everybody, which the flood empties for the honest too.
test("attack 22: above its rate a caller is told 429 with Retry-After, and another caller does not notice", async (t) => {
  const config = { callers: ["env:FLOOD", "env:HONEST"], rate: 5 };
  const at = await start(t, "facilitator1", { config, env: tokens });
  const before = await purseOf(chain, at.signers);
  const poured = pour(at.url, bearer(tokens.FLOOD));
  const payment = await honest(4);
  const told = await timed(askFacilitator(at.url, "settle", payment, terms, bearer(tokens.HONEST)));
  assert.equal(told.body.success, true, JSON.stringify(told.body));
  assert.ok(told.ms < PATIENCE_MS, `${told.ms} ms`);
  const answers = await poured;
  answers.forEach(assertTurnedAway);
  const limited = answers.filter(({ status }) => status === 429);
  assert.ok(limited.length > PAUPERS, `${limited.length} of ${answers.length} were turned away`);
  const wait = Math.max(...limited.map(({ headers }) => Number(headers.get("retry-after"))));
  await sleep(wait * 1000);
  const again = await askFacilitator(at.url, "verify", flood[0], terms, bearer(tokens.FLOOD));
  assert.equal(again.status, 200, "after Retry-After the caller is heard again");
  await assertCostOnly(at, before, [told.body.transaction]);
});

// Broken by: a floor that is looked at after the transaction.
test("attack 22: dust below min_amount is refused by both doors and costs nothing", async (t) => {
  const at = await start(t, "facilitator1", { network: { min_amount: "$0.001" } });
  for (const amount of ["1", "999"])
    await assertRefused(at, await exactPayment(world.payers[5], { ...terms, amount }), "amount_below_minimum");
  const good = await honest(5);
  assert.equal((await askFacilitator(at.url, "settle", good)).body.success, true, "the floor itself is enough");
});

// Each answer of the node takes a quarter of a second, and a refusal is asked about twice: in a group,
// then alone. Broken by: reads one after the other, reads that multiply, or a wait that keeps the
// listener from answering.
test("attack 22: a slow node: reads do not multiply, the honest payer is served, health answers at once", async (t) => {
  const relay = await houseOf(t).add(startRelay(world.rpc, async () => {
    await sleep(250);
    return "pass";
  }));
  const at = await start(t, "facilitator2", { network: { rpc: [relay.url] } });
  const rss = rssOf(at.pid);
  const asked = relay.count;
  const poured = pour(at.url);
  await sleep(20);
  const health = await timed(wireRequest(`${at.url}/health`, { agent: false }));
  assert.ok(health.status === 200 && health.ms < 1500, `${health.status} in ${health.ms} ms`);
  const told = await timed(askFacilitator(at.url, "settle", await honest(6)));
  assert.equal(told.body.success, true, JSON.stringify(told.body));
  assert.ok(told.ms < 3 * PATIENCE_MS, `${told.ms} ms`);
  (await poured).forEach(assertTurnedAway);
  const reads = relay.count - asked;
  assert.ok(reads <= 3 * 2 * flood.length, `${reads} requests of the node for ${2 * flood.length} of ours`);
  assert.ok(rssOf(at.pid) - rss < 64);
});

// A node that answers nothing at all. Broken by: a wait without end, or a payer who is blamed for it.
test("attack 22: a node that is silent: everybody is told 503 in time, and served when it speaks again", async (t) => {
  let silent = false;
  const held = [];
  const relay = await houseOf(t).add(startRelay(world.rpc, () =>
    (silent ? new Promise((resolve) => held.push(resolve)) : "pass")));
  const at = await start(t, "facilitator2", { network: { rpc: [relay.url], settle_wait: "2s" } });
  silent = true;
  const payment = await honest(7);
  const asked = Promise.all([...flood.slice(0, 100), payment].map((each) =>
    timed(askFacilitator(at.url, "verify", each))));
  const health = await timed(wireRequest(`${at.url}/health`, { agent: false }));
  assert.ok(health.status === 200 && health.ms < 1500);
  const answers = await asked;
  for (const { status, headers, body, ms } of answers) {
    assert.equal(status, 503, JSON.stringify(body));
    assert.ok(Number(headers.get("retry-after")) >= 1 && body.isValid === undefined);
    assert.ok(ms < 40_000, `${ms} ms`);
  }
  silent = false;
  held.splice(0).forEach((resolve) => resolve("drop"));
  const told = await eventually(async () => {
    const { body } = await askFacilitator(at.url, "settle", payment);
    return body.success && body;
  }, { what: "a settlement once the node speaks", deadlineMs: 15_000 });
  assert.match(told.transaction, /^0x/);
});

// The attacker's accounts carry code that spends all gas or halts at once, and their signatures are
// their own. Broken by: a shared read that fails for all when one of them burns its gas.
for (const [name, bytes] of Object.entries({
  "halts with all its gas (0xfe)": () => "0xfe",
  "never ends": () => world.contracts.GreedyWallet.deployedBytecode,
})) {
  test(`attack 22: a payer whose code ${name} does not spoil the verification of others`, async (t) => {
    const relay = await houseOf(t).add(startRelay(world.rpc, async () => {
      await sleep(50); // so that those who come meanwhile are read together
      return "pass";
    }));
    const at = await start(t, "facilitator3", { network: { rpc: [relay.url] } });
    const evil = world.payers.slice(20, 24);
    const attacks = await Promise.all(evil.map((payer) => exactPayment(payer, terms)));
    const payments = await Promise.all(world.payers.slice(8, 20).map((payer) => exactPayment(payer, terms)));
    for (const { address } of evil) await world.request("anvil_setCode", [address, bytes()]);
    const before = await purseOf(chain, at.signers);
    const mixed = payments.flatMap((payment, i) => [payment, attacks[i % attacks.length]]);
    const answers = await Promise.all(mixed.map((payment) => timed(askFacilitator(at.url, "verify", payment))));
    const good = answers.filter((_, i) => i % 2 === 0);
    const spoilt = good.filter(({ body }) => body.isValid !== true);
    assert.equal(spoilt.length, 0, `${spoilt.length} honest payers of ${good.length} were told ${spoilt[0]?.status} `
      + JSON.stringify(spoilt[0]?.body));
    assert.ok(good.every(({ ms }) => ms < PATIENCE_MS));
    const bad = answers.filter((_, i) => i % 2 === 1);
    assert.ok(bad.every(({ body }) => body.isValid !== true));
    assert.deepEqual(await purseOf(chain, at.signers), before);
    assert.equal((await wireRequest(`${at.url}/ready`)).status, 200, "nor is the facilitator any less ready");
  });
}

// A wallet's payments leave alone, one transaction each, and nothing is mined. Each wallet stays below
// what one payer may have undecided, all together have more than the pool takes. Broken by: a pool
// without a bound, or a queue that forgets those behind it.
test("attack 22: more lone transactions than a signer may have in flight: the pool is bounded, all settle later",
    async (t) => {
  const at = await start(t, "facilitator3", { network: { settle_wait: "1s", stuck_after: "10m" } });
  const owner = world.payers[24];
  const wallets = [];
  for (let i = 0; i < 3; ++i) {
    wallets.push(await world.deploy("Wallet1271", [owner.address]));
    await world.mint(wallets[i], 1_000_000);
  }
  const payments = await Promise.all(Array.from({ length: 72 }, (_, i) =>
    exactPayment({ address: wallets[i % 3], key: owner.key }, terms)));
  await world.request("evm_setAutomine", [false]);
  const first = await Promise.all(payments.map((payment) => askFacilitator(at.url, "settle", payment)));
  for (const { status, body } of first)
    assert.ok(status === 503 || body.errorReason === "settlement_pending", JSON.stringify(body));
  assert.ok(!first.some(({ body }) => body.error?.code === "rate_limited"), "no wallet has too many of its own");
  const waiting = Object.keys(await pooled(world, at.signers[0])).length;
  assert.ok(waiting > 0 && waiting <= 64, `${waiting} in the pool`);
  await world.request("evm_setAutomine", [true]);
  await world.mine();
  const last = await Promise.all(payments.map((payment) => eventually(async () => {
    const { status, body } = await askFacilitator(at.url, "settle", payment);
    return status === 200 && body.errorReason !== "settlement_pending" && body;
  }, { what: "the end of each", everyMs: 200, deadlineMs: 20_000 })));
  assert.ok(last.every(({ success, errorReason }) => success || errorReason === "duplicate_settlement"),
    JSON.stringify(last.find(({ success }) => !success)));
  for (const from of wallets) assert.equal((await chain.transfers({ from })).length, 24);
});
