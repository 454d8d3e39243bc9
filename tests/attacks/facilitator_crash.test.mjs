// SPDX-License-Identifier: Apache-2.0
//
// Killed, starved of answers, out of disk, or on a chain that takes a block back: whatever happened
// between our broadcast and our record, the payment is made once and its end is told. A relay stands
// between the facilitator and a chain that mines only when a test says so.

import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { startWorld } from "../devnet/world.mjs";
import { SEND, cancelData, firstInPool, keyOf, latch, pooled, sendAs, sends } from "../lib/attack.mjs";
import { Chain } from "../lib/chain.mjs";
import { eventually } from "../lib/check.mjs";
import { House, houseOf } from "../lib/house.mjs";
import { askFacilitator, exactPayment, exactRequirements } from "../lib/payments.mjs";
import { run } from "../lib/proc.mjs";
import { rpcMethods, startRelay, wireRequest } from "../lib/wire.mjs";
import { startFacilitator } from "../lib/x402bin.mjs";

const NETWORK = { poll: "20ms", stuck_after: "10m", settle_wait: "1s" };
const house = new House();
let world, chain, terms, signer;

before(async () => {
  world = await house.add(startWorld({ payers: 12, blockTime: 1000, more: ["--slots-in-an-epoch", "1"] }));
  chain = new Chain(world);
  terms = exactRequirements(world, { payTo: world.accounts.merchant.address });
  signer = world.accounts.facilitator1;
});

after(() => house.close());

// One life after another on the same store, each through the same relay.
async function lives(t, network = {}) {
  const parts = houseOf(t);
  const relay = await parts.add(startRelay(world.rpc));
  const options = { signers: [signer], network: { ...NETWORK, rpc: [relay.url], ...network } };
  let role = await parts.add(startFacilitator(world, options));
  const again = async () => {
    role = await parts.add(startFacilitator(world, { ...options, dir: role.dir, listen: role.info.listen }));
    return role;
  };
  const settle = (payment) => askFacilitator(role.url, "settle", payment)
    .catch((error) => ({ status: 0, body: { error: `${error}` } }));
  const status = async (payment) => (await wireRequest(`${role.url}/settlements/${keyOf(payment)}`, { agent: false })).body;
  return { relay, again, settle, status, kill: () => role.kill(), role: () => role };
}

// Asks until the payment is judged, mining meanwhile, and holds the answer against the chain.
async function assertPaidOnce(life, payment, { sentBefore, mined = true }) {
  const payer = payment.payload.authorization.from;
  const last = await eventually(async () => {
    if (mined) await world.mine();
    const { status, body } = await life.settle(payment);
    return status === 200 && body.errorReason !== "settlement_pending" && body;
  }, { what: "a judged settlement", deadlineMs: 20_000 });
  const [transfer, ...more] = await chain.transfers({ from: payer });
  assert.ok(transfer, `no transfer; told ${JSON.stringify(last)}`);
  assert.equal(more.length, 0, "one transfer");
  assert.ok(last.success === true || last.errorReason === "duplicate_settlement", JSON.stringify(last));
  assert.equal(last.transaction, transfer.transaction);
  assert.equal((await life.status(payment)).outcome, "settled");
  assert.equal((await chain.nonceOf(signer.address)) - sentBefore, 1, "one nonce was used");
  assert.equal((await chain.nonceOf(signer.address, "pending")) - sentBefore, 1, "and none waits in the pool");
  return last;
}

const hashOfSend = ({ bytes }) => JSON.parse(bytes.toString("utf8")).result;

// Broken by: a second slot for a payment that "timed out", or a pending answer without its hash.
test("attack 12: the wait for a receipt ends: pending with the hash, every repeat too, and one transfer in the end",
    async (t) => {
  const life = await lives(t);
  const sentBefore = await chain.nonceOf(signer.address);
  const payment = await exactPayment(world.payers[0], terms);
  const first = await life.settle(payment);
  assert.equal(first.status, 200);
  assert.deepEqual([first.body.success, first.body.errorReason], [false, "settlement_pending"]);
  assert.match(first.body.transaction, /^0x[0-9a-f]{64}$/);
  for (let i = 0; i < 2; ++i) {
    const { body } = await life.settle(payment);
    assert.deepEqual([body.errorReason, body.transaction], ["settlement_pending", first.body.transaction]);
  }
  assert.equal(Object.keys(await pooled(world, signer)).length, 1);
  const last = await assertPaidOnce(life, payment, { sentBefore });
  assert.deepEqual([last.success, last.transaction], [true, first.body.transaction]);
});

// Broken by: sending before the attempt is durable. Then a new life signs another transaction, and
// the first may have left all the same.
test("attack 12: killed while the broadcast is on its way out, before the node has it: the same bytes leave later",
    async (t) => {
  const life = await lives(t);
  const sentBefore = await chain.nonceOf(signer.address);
  const payment = await exactPayment(world.payers[1], terms);
  const [reached, never] = [latch(), latch()];
  const raw = [];
  life.relay.decide = (asked) => {
    if (!sends(asked)) return "pass";
    raw.push(JSON.parse(asked.body.toString("utf8")).params[0]);
    reached.open();
    return never.opened.then(() => "drop");
  };
  const cut = life.settle(payment);
  await reached.opened;
  await life.kill();
  never.open();
  assert.equal((await cut).status, 0);
  assert.deepEqual(await pooled(world, signer), {}, "the node never had it");
  life.relay.decide = (asked) => {
    if (sends(asked)) raw.push(JSON.parse(asked.body.toString("utf8")).params[0]);
    return "pass";
  };
  await life.again();
  await assertPaidOnce(life, payment, { sentBefore });
  assert.equal(new Set(raw).size, 1, "byte for byte the same transaction");
});

// The node has the transaction, and nobody here ever heard that it has. Broken by: taking silence
// for a refusal.
for (const [i, minedFirst] of [true, false].entries()) {
  const when = minedFirst ? "mined while nobody lives" : "still in the pool at the next start";
  test(`attack 12: killed after the broadcast whose answer was swallowed, ${when}: found again, one transfer`,
      async (t) => {
    const life = await lives(t);
    const sentBefore = await chain.nonceOf(signer.address);
    const payment = await exactPayment(world.payers[2 + i], terms);
    const [passed, never] = [latch(), latch()];
    let hash;
    life.relay.watch = (asked) => (sends(asked) ? async (answer) => {
      hash = hashOfSend(answer);
      passed.open();
      await never.opened;
    } : undefined);
    const cut = life.settle(payment);
    await passed.opened;
    await life.kill();
    never.open();
    life.relay.watch = undefined;
    assert.equal((await cut).status, 0);
    if (minedFirst) await world.mine();
    await life.again();
    const last = await assertPaidOnce(life, payment, { sentBefore });
    assert.equal(last.transaction, hash);
  });
}

async function limitFiles(pid, bytes) {
  const { code, stderr } = await run("prlimit", ["--pid", `${pid}`, `--fsize=${bytes}:unlimited`]);
  assert.equal(code, 0, stderr);
}

// The journal may not grow any more from the moment the transaction is on its way: what became of
// it cannot be written. Broken by: dying of the signal that goes with it, telling a success that is
// not recorded, staying ready for more, or a restart that does not look at what the journal left open.
test("attack 12: the journal cannot be written after the broadcast: nothing is told until the restart found the end",
    async (t) => {
  const life = await lives(t);
  const payer = world.payers[4];
  const sentBefore = await chain.nonceOf(signer.address);
  const payment = await exactPayment(payer, terms);
  const { pid, dir, url } = life.role();
  life.relay.watch = (asked) => (sends(asked) ? async () =>
    limitFiles(pid, statSync(join(dir, "facilitator.db-wal")).size) : undefined);
  const asked = life.settle(payment);
  await firstInPool(world, signer);
  await world.mine(3);
  const first = await asked;
  assert.ok(first.status === 503 || first.body.errorReason === "settlement_pending", JSON.stringify(first));
  assert.equal((await chain.transfers({ from: payer.address })).length, 1, "it was mined");
  const again = await life.settle(payment);
  assert.notEqual(again.body.success, true, `a success that is not recorded: ${JSON.stringify(again.body)}`);
  await eventually(async () => (await wireRequest(`${url}/ready`, { agent: false })).status === 503, { what: "not ready" });
  const other = await life.settle(await exactPayment(world.payers[8], terms));
  assert.equal(other.status, 503, `nothing new is begun: ${JSON.stringify(other.body)}`);
  life.relay.watch = undefined;
  await life.kill();
  await life.again();
  const last = await assertPaidOnce(life, payment, { sentBefore });
  assert.equal(last.success, true, "told once, now that it is recorded");
  assert.equal((await life.settle(payment)).body.errorReason, "duplicate_settlement");
});

// True once the facilitator itself has read a receipt of its transaction.
function receiptSeen(relay) {
  const seen = latch();
  relay.watch = (asked) => (rpcMethods(asked.body).includes("eth_getTransactionReceipt") ? ({ bytes }) => {
    const answers = [JSON.parse(bytes.toString("utf8"))].flat();
    if (answers.some(({ result }) => result?.blockHash)) seen.open();
  } : undefined);
  return seen.opened;
}

// A settlement whose receipt was seen in a block that the chain then takes back.
async function takenBack(t, payer, takeBack) {
  const life = await lives(t, { confirmations: 2, stuck_after: "300ms" });
  const sentBefore = await chain.nonceOf(signer.address);
  const payment = await exactPayment(payer, terms);
  const seen = receiptSeen(life.relay);
  const asked = life.settle(payment);
  const { hash } = await firstInPool(world, signer);
  const snapshot = await world.request("evm_snapshot");
  await world.mine();
  await seen;
  const first = await asked;
  assert.deepEqual([first.body.success, first.body.errorReason], [false, "settlement_pending"], "one block is not two");
  life.relay.watch = undefined;
  await takeBack({ snapshot, hash, life, payment });
  assert.equal((await chain.transfers({ from: payer.address })).length, 0, "the transfer is gone");
  return { life, payment, sentBefore, hash };
}

const BACK = {
  "anvil_reorg": () => world.request("anvil_reorg", [1, []]),
  "a snapshot": async ({ snapshot, hash }) => {
    await world.request("evm_revert", [snapshot]);
    await world.request("anvil_dropTransaction", [hash]).catch(() => {});
  },
};

// Broken by: judging a settlement by a receipt that it remembers, or by the block's number alone.
for (const [i, [name, takeBack]] of Object.entries(BACK).entries()) {
  test(`attack 43: a block is taken back after its receipt was seen (${name}): pending until confirmed again, one transfer`,
      async (t) => {
    const { life, payment, sentBefore } = await takenBack(t, world.payers[5 + i], takeBack);
    const { body } = await life.settle(payment);
    assert.deepEqual([body.success, body.errorReason], [false, "settlement_pending"]);
    assert.notEqual((await life.status(payment)).outcome, "settled");
    await firstInPool(world, signer);
    await world.mine();
    const one = (await life.settle(payment)).body;
    assert.deepEqual([one.success, one.errorReason], [false, "settlement_pending"], "one block is not two");
    const last = await assertPaidOnce(life, payment, { sentBefore });
    assert.equal(last.success, true);
  });
}

// The payer uses the moment: what he had paid is taken back, and he cancels. Broken by: a success
// remembered from the block that is gone.
test("attack 43: the payer cancels in the chain that replaced ours: never a success", async (t) => {
  const payer = world.payers[7];
  let life, payment;
  ({ life, payment } = await takenBack(t, payer, async (at) => {
    at.life.relay.decide = (asked) => (sends(asked) ? "drop" : "pass");
    await BACK["a snapshot"](at);
    const data = await cancelData(world, payer, at.payment);
    await world.fund(payer.address);
    await sendAs(world, payer, { to: world.usdc, data });
    await world.mine();
    assert.equal(await chain.isAuthorizationUsed(payer.address, at.payment.payload.authorization.nonce), true);
  }));
  life.relay.decide = () => "pass";
  await firstInPool(world, signer);
  const last = await eventually(async () => {
    await world.mine();
    const { status, body } = await life.settle(payment);
    assert.notEqual(body.success, true, JSON.stringify(body));
    return status === 200 && body.errorReason !== "settlement_pending" && body;
  }, { what: "a last word", deadlineMs: 20_000 });
  assert.equal(last.success, false);
  assert.equal((await chain.transfers({ from: payer.address })).length, 0);
  assert.equal((await life.status(payment)).outcome, "failed", SEND);
});
