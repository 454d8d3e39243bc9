// SPDX-License-Identifier: Apache-2.0
//
// Payments that leave in one transaction, where one of them was made to fail: by a stranger who
// overtakes it, by a payer who cancels, by a token that does not revert. Each neighbour is judged by
// its own logs, and a Transfer pays for one payment only. The chain mines when a test says so.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startWorld } from "../devnet/world.mjs";
import { cancelData, pooled, sendAs, transferData } from "../lib/attack.mjs";
import { Chain } from "../lib/chain.mjs";
import { eventually } from "../lib/check.mjs";
import { House, houseOf } from "../lib/house.mjs";
import { askFacilitator, exactPayment, exactRequirements } from "../lib/payments.mjs";
import { startRelay } from "../lib/wire.mjs";
import { startFacilitator } from "../lib/x402bin.mjs";

const NETWORK = { poll: "20ms", stuck_after: "10m", settle_wait: "10s" };
const house = new House();
let world, chain, terms, signer, stranger;

before(async () => {
  world = await house.add(startWorld({ payers: 9, blockTime: 1000, more: ["--slots-in-an-epoch", "1"] }));
  chain = new Chain(world);
  terms = exactRequirements(world, { payTo: world.accounts.merchant.address });
  signer = world.accounts.facilitator1;
  stranger = world.accounts.facilitator4;
});

after(() => house.close());

// Settles all in the same moment; resolves with the answers under way and the transactions in the pool.
// A slow node at the beginning makes them ready together.
async function together(t, payments, options = {}) {
  const parts = houseOf(t);
  let hold = true;
  const held = [];
  const relay = await parts.add(startRelay(world.rpc));
  const { url } = await parts.add(startFacilitator(world, { signers: [signer], ...options,
    network: { ...NETWORK, rpc: [relay.url], ...options.network } }));
  relay.decide = ({ body }) => (hold && body.includes("eth_estimateGas")
    ? new Promise((resolve) => held.push(() => resolve("pass"))) : "pass");
  const settle = async (payment) => (await askFacilitator(url, "settle", payment)).body;
  const asked = payments.map(settle);
  await eventually(() => held.length > 0, { what: "the first simulation", everyMs: 5 });
  await new Promise((resolve) => setTimeout(resolve, 300)); // the rest lines up behind it
  hold = false;
  held.forEach((resolve) => resolve());
  const carried = (all, payment) => all.find(({ input }) => input.includes(payment.payload.authorization.nonce.slice(2)));
  const pool = await eventually(async () => {
    const all = Object.values(await pooled(world, signer));
    return payments.every((payment) => carried(all, payment)) && all;
  }, { what: "all payments in the pool" });
  return { asked, settle, pool, carrierOf: (payment) => carried(pool, payment) };
}

async function final() {
  await world.mine(4);
}

async function lastWords({ asked, settle }, payments) {
  const first = await Promise.all(asked.map(async (answer) => {
    let open = true;
    const done = () => (open = false);
    answer.then(done, done);
    while (open) {
      await final();
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return answer;
  }));
  const last = await Promise.all(payments.map((payment, i) => (first[i].success ? first[i] : eventually(async () => {
    await final();
    const body = await settle(payment);
    return body.errorReason && body.errorReason !== "settlement_pending" ? body : body.success && body;
  }, { what: "a last word", deadlineMs: 20_000 }))));
  return last;
}

const nonceOf = ({ payload }) => payload.authorization.nonce;

// One success for each whose money we moved, none for the victim; each names a transaction that holds
// its own authorization. Broken by: one verdict for a whole transaction.
async function assertOthersPaid(words, payments, victim, token = world.usdc) {
  const used = await chain.authorizationsUsed({ authorizer: payments[0].payload.authorization.from, token });
  for (const [i, payment] of payments.entries()) {
    if (i === victim) {
      assert.notEqual(words[i].success, true, JSON.stringify(words[i]));
      continue;
    }
    assert.equal(words[i].success, true, JSON.stringify(words[i]));
    const mine = used.filter(({ nonce }) => nonce === nonceOf(payment));
    assert.deepEqual(mine.map(({ transaction }) => transaction), [words[i].transaction]);
  }
}

test("attack 8: a stranger overtakes one payment of a group: its neighbours are paid, it is a duplicate", async (t) => {
  const payer = world.payers[0];
  const payments = await Promise.all(Array.from({ length: 5 }, () => exactPayment(payer, terms)));
  const at = await together(t, payments);
  const victim = sharing(at, payments);
  assert.ok(victim >= 0, `no two of five left together: ${at.pool.length} transactions`);
  const theirs = await sendAs(world, stranger, { to: world.usdc, data: transferData(world, payments[victim]), tip: "500" });
  await world.mine();
  const words = await lastWords(at, payments);
  await assertOthersPaid(words, payments, victim);
  assert.deepEqual([words[victim].errorReason, words[victim].transaction], ["duplicate_settlement", theirs]);
  assert.equal((await chain.transfers({ from: payer.address })).length, 5, "five payments, five transfers");
});

test("attack 12: a payer cancels one payment of a group: its neighbours are paid, it fails, and nothing moves for it",
    async (t) => {
  const payer = world.payers[1];
  const payments = await Promise.all(Array.from({ length: 5 }, () => exactPayment(payer, terms)));
  const at = await together(t, payments);
  const victim = sharing(at, payments);
  assert.ok(victim >= 0, `no two of five left together: ${at.pool.length} transactions`);
  const data = await cancelData(world, payer, payments[victim]);
  await sendAs(world, stranger, { to: world.usdc, data, tip: "500" });
  await world.mine();
  const words = await lastWords(at, payments);
  await assertOthersPaid(words, payments, victim);
  assert.ok(!["duplicate_settlement", "settlement_pending"].includes(words[victim].errorReason), JSON.stringify(words));
  assert.equal((await chain.transfers({ from: payer.address })).length, 4);
});

// The payment that shares its transaction with others and is called first: their logs come after its own.
function sharing(at, payments) {
  const carriers = payments.map((payment) => at.carrierOf(payment));
  const place = (i) => carriers[i].input.indexOf(nonceOf(payments[i]).slice(2));
  const shared = payments.map((_, i) => i).filter((i) => carriers.filter((other) => other === carriers[i]).length > 1);
  const first = shared.filter((i) => shared.every((j) => carriers[i] !== carriers[j] || place(i) <= place(j)));
  return first[0] ?? -1;
}

async function badTerms(contract, payer) {
  const asset = await world.deployToken(contract);
  await world.mint(payer.address, 1_000_000, asset);
  const extra = { name: contract, version: "2" };
  const assets = { bad: { network: world.network, address: asset, decimals: 6, usd: true, eip712: extra } };
  return { assets, asset, requirements: { ...terms, asset, extra } };
}

// The token is one that the operator vouches for, and whose used nonce does not revert but may echo
// AuthorizationUsed. A neighbour of the same payer, payee and amount has a true Transfer in reach.
// Broken by: sharing a transaction without having seen the token revert, and then giving a Transfer to
// the wrong one of two.
for (const [i, contract] of ["SilentToken", "AlreadyUsedToken", "EchoToken", "EchoFirstToken"].entries()) {
  test(`attack 13: ${contract}, listed: an overtaken payment is not paid by a neighbour's Transfer`, async (t) => {
    const payer = world.payers[2 + i];
    const { assets, asset, requirements } = await badTerms(contract, payer);
    const payments = await Promise.all(Array.from({ length: 4 }, () => exactPayment(payer, requirements)));
    const at = await together(t, payments, { assets });
    const victim = Math.max(0, sharing(at, payments)); // where nothing is shared, any of them
    const theirs = await sendAs(world, stranger, { to: asset, data: transferData(world, payments[victim]), tip: "500" });
    await world.mine();
    const words = await lastWords(at, payments);
    await assertOthersPaid(words, payments, victim, asset);
    assert.deepEqual([words[victim].errorReason, words[victim].transaction], ["duplicate_settlement", theirs]);
    const transfers = await chain.transfers({ from: payer.address, token: asset });
    assert.equal(transfers.length, 4, "three of ours and the stranger's");
  });
}

// Here the same mistake is money: what the payer cancels is not paid by anybody.
for (const [i, contract] of ["EchoToken", "EchoFirstToken"].entries()) {
  test(`attack 13: ${contract}, listed: four payments, one cancelled under way: three transfers, three successes`,
      async (t) => {
    const payer = world.payers[6 + i];
    const { assets, asset, requirements } = await badTerms(contract, payer);
    const payments = await Promise.all(Array.from({ length: 4 }, () => exactPayment(payer, requirements)));
    const at = await together(t, payments, { assets });
    const victim = Math.max(0, sharing(at, payments));
    await sendAs(world, stranger, { to: asset, data: await cancelData(world, payer, payments[victim]), tip: "500" });
    await world.mine();
    const words = await lastWords(at, payments);
    const transfers = await chain.transfers({ from: payer.address, token: asset });
    assert.equal(transfers.length, 3, "what was cancelled did not move");
    const successes = words.filter(({ success }) => success);
    assert.equal(successes.length, 3, `${successes.length} successes for ${transfers.length} transfers: `
      + JSON.stringify(words));
  });
}

// All of a group is taken back by the chain after it was seen. Broken by: remembering the first look.
test("attack 43: a block with a whole group is taken back: all are pending, and each is paid once in the end",
    async (t) => {
  const payer = world.payers[8];
  const payments = await Promise.all(Array.from({ length: 6 }, () => exactPayment(payer, terms)));
  const at = await together(t, payments, { network: { confirmations: 3, stuck_after: "300ms", settle_wait: "1s" } });
  await world.mine();
  const first = await Promise.all(at.asked);
  assert.ok(first.every(({ errorReason }) => errorReason === "settlement_pending"), JSON.stringify(first));
  await world.request("anvil_reorg", [1, []]);
  assert.equal((await chain.transfers({ from: payer.address })).length, 0, "all gone");
  const words = await lastWords({ ...at, asked: first.map((body) => Promise.resolve(body)) }, payments);
  await assertOthersPaid(words, payments, -1);
  assert.equal((await chain.transfers({ from: payer.address })).length, 6);
});
