// SPDX-License-Identifier: Apache-2.0
//
// Killed, starved of answers, or lied to by the nodes of Solana: whatever happened between our signature and
// our record, the payment is made once and its end is told. No silence and no single node's word makes a
// payment dead, and none that is dead stays open for ever.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { latch } from "../lib/attack.mjs";
import { eventually } from "../lib/check.mjs";
import { House, houseOf } from "../lib/house.mjs";
import { USUAL_FEE } from "../lib/svm.mjs";
import { SvmDesk, assertPurses, settleOrNot } from "../lib/svm_kit.mjs";
import { SEND, startSvmProxy } from "../lib/svm_proxy.mjs";

const NETWORK = { poll: "20ms", settle_wait: "1s", rebroadcast: "300ms" };
const house = new House();
let desk, world, chain, spent, often, again; // two payers of many tests

before(async () => {
  desk = await SvmDesk.open(house, { payers: 16 });
  ({ world, chain } = desk);
  spent = { [desk.signer.name]: USUAL_FEE };
  [often, again] = [desk.payer(), desk.payer()];
});

after(() => house.close());

// One life after another on the same store, each through the same proxies.
async function lives(t, { nodes = 1, network = {} } = {}) {
  const parts = houseOf(t);
  const proxies = [];
  for (let i = 0; i < nodes; ++i) proxies.push(await parts.add(startSvmProxy(world.rpc)));
  const options = { network: { ...NETWORK, rpc: proxies.map(({ url }) => url), ...network } };
  let role = await desk.facilitator(parts, options);
  const restart = async () => {
    role = await desk.facilitator(parts, { ...options, dir: role.dir, listen: role.info.listen });
    return role;
  };
  const settle = (payment) => settleOrNot(role.url, payment);
  const judged = (payment, more) => desk.judged(role.url, payment, more);
  const status = (payment) => desk.statusOf(role.url, payment);
  return { proxies, proxy: proxies[0], restart, settle, judged, status, kill: () => role.kill(),
    chain, signers: role.signers };
}

// Paid once, told as settled, under one transaction.
async function assertPaidOnce(life, payment, payer) {
  const last = await life.judged(payment);
  const [transfer, ...more] = await chain.transfers({ from: payer.address });
  assert.ok(transfer, `no transfer; told ${JSON.stringify(last)}`);
  assert.equal(more.length, 0, "one transfer");
  assert.ok(last.success === true || last.errorReason === "duplicate_settlement", JSON.stringify(last));
  assert.equal(last.transaction, transfer.transaction);
  assert.equal((await life.status(payment)).outcome, "settled");
  return last;
}

async function assertNeverPaid(life, payment, payer) {
  const last = await life.judged(payment, { deadlineMs: 40_000 });
  assert.equal(last.success, false, JSON.stringify(last));
  assert.equal((await chain.transfers({ from: payer.address })).length, 0);
  assert.equal((await life.status(payment)).outcome, "failed");
  return last;
}

const isId = /^[1-9A-HJ-NP-Za-km-z]{64,88}$/;

// Broken by: a second signature for a payment that "timed out", or a pending answer without its transaction.
test("attack 12: the wait for Solana ends: pending with the transaction, every repeat too, one transfer in the end",
    async (t) => {
  const life = await lives(t);
  const payer = desk.payer();
  const payment = await desk.pay(payer);
  await assertPurses(life, spent, async () => {
    await world.hold();
    let first;
    try {
      first = await life.settle(payment);
      assert.deepEqual([first.status, first.body.success, first.body.errorReason], [200, false, "settlement_pending"]);
      assert.match(first.body.transaction, isId);
      const { body } = await life.settle(payment);
      assert.deepEqual([body.errorReason, body.transaction], ["settlement_pending", first.body.transaction]);
    } finally {
      await world.release();
    }
    const last = await assertPaidOnce(life, payment, payer);
    assert.deepEqual([last.success, last.transaction], [true, first.body.transaction]);
  });
});

// Broken by: sending before the attempt is durable.
test("attack 12: killed while a Solana broadcast is on its way out: the same transaction leaves later", async (t) => {
  const life = await lives(t);
  const payer = desk.payer();
  const payment = await desk.pay(payer);
  const [reached, never] = [latch(), latch()];
  life.proxy.on(SEND, async () => {
    reached.open();
    await never.opened;
    return "drop";
  });
  await assertPurses(life, spent, async () => {
    const cut = life.settle(payment);
    await reached.opened;
    await life.kill();
    never.open();
    assert.equal((await cut).status, 0);
    life.proxy.clear();
    await life.restart();
    await assertPaidOnce(life, payment, payer);
  });
  assert.equal(new Set(life.proxy.sent).size, 1, "one transaction, however often it was sent");
});

// The node has the transaction, and nobody here ever heard that it has. Broken by: taking silence for a refusal.
for (const executed of [true, false]) {
  const when = executed ? "executed while nobody lives" : "executed after the next start";
  test(`attack 12: killed after a Solana broadcast whose answer was swallowed, ${when}: found again, one transfer`,
      async (t) => {
    const life = await lives(t);
    const payer = desk.payer();
    const payment = await desk.pay(payer);
    const [passed, never] = [latch(), latch()];
    life.proxy.on(SEND, async ({ pass }) => {
      await pass();
      passed.open();
      await never.opened;
      return "lose";
    });
    await assertPurses(life, spent, async () => {
      if (!executed) await world.hold();
      try {
        const cut = life.settle(payment);
        await passed.opened;
        await life.kill();
        never.open();
        await cut;
        if (executed) await world.passBlocks(40);
        life.proxy.clear();
        await life.restart();
      } finally {
        await world.release();
      }
      const last = await assertPaidOnce(life, payment, payer);
      assert.equal(last.transaction, life.proxy.sent[0]);
    });
  });
}

// Broken by: "accepted" taken for "landed", or a payment that stays open for ever.
test("attack 12: a Solana node accepts and tells nobody: dead only when the blockhash is, at final state, and free",
    async (t) => {
  const life = await lives(t);
  const payer = desk.payer();
  const payment = await desk.pay(payer);
  life.proxy.swallow();
  await assertPurses(life, {}, async () => {
    const first = await life.settle(payment);
    assert.equal(first.body.errorReason, "settlement_pending", JSON.stringify(first.body));
    const second = await life.settle(payment);
    assert.equal(second.body.errorReason, "settlement_pending", "its blockhash is still good");
    await world.passLifetime();
    await assertNeverPaid(life, payment, payer);
  });
  life.proxy.clear();
  await sleep(700); // two rebroadcasts' time: what is dead is not sent again
  assert.equal((await chain.transfers({ from: payer.address })).length, 0);
});

test("attack 12: killed before a swallowed Solana broadcast was noticed, restarted after its death: failed, and free",
    async (t) => {
  const life = await lives(t);
  const payer = desk.payer();
  const payment = await desk.pay(payer);
  life.proxy.swallow();
  await assertPurses(life, {}, async () => {
    const cut = life.settle(payment);
    await eventually(() => life.proxy.sent.length > 0, { what: "a broadcast", everyMs: 10 });
    await life.kill();
    await cut;
    await world.passLifetime();
    await life.restart();
    await assertNeverPaid(life, payment, payer);
  });
});

// What a bad node can say while the transaction is swallowed at the honest one. Were it believed, the payment
// would be called dead and its payer pay again, and then the first one lands.
const LIES = {
  "is far ahead in heights and slots": (proxy) => proxy.ahead({ slots: 100_000, heights: 100_000 }),
  "knows no blockhash, from a slot long ago": (proxy) => proxy.stale(3),
  "has no history and says so": (proxy) => proxy.withoutHistory(),
  "denies every transaction": (proxy) => proxy.denyHistory(),
  "is ahead and denies every transaction": (proxy) => proxy.ahead({ slots: 100_000, heights: 100_000 }).denyHistory(),
};

// Broken by: the first endpoint believed alone, an old answer taken for a new one, an error for "nothing found".
for (const [name, lie] of Object.entries(LIES)) {
  for (const place of [0, 1]) {
    test(`attack 12: endpoint ${place + 1} of 2 ${name}: a Solana payment under way is not called dead, and lands once`,
        async (t) => {
      const life = await lives(t, { nodes: 2 });
      const [liar, honest] = [life.proxies[place], life.proxies[1 - place]];
      const before = (await chain.transfers({ from: often.address })).length;
      const payment = await desk.pay(often);
      lie(liar.swallow());
      honest.swallow();
      await assertPurses(life, spent, async () => {
        const first = await life.settle(payment);
        assert.notEqual(first.body.success, true);
        assert.ok(first.status === 503 || first.body.errorReason === "settlement_pending", JSON.stringify(first));
        await world.passBlocks(5);
        await sleep(300);
        const second = await life.settle(payment);
        assert.ok(second.status === 503 || second.body.errorReason === "settlement_pending", JSON.stringify(second));
        honest.clear();
        const last = await life.judged(payment);
        assert.ok(last.success === true || last.errorReason === "duplicate_settlement", JSON.stringify(last));
        const transfers = await chain.transfers({ from: often.address });
        assert.equal(transfers.length - before, 1, "one transfer");
        assert.equal(transfers.at(-1).transaction, last.transaction);
      });
    });
  }
}

// Landed, and one node does not know it: the other's knowledge is enough, also after the blockhash has died.
for (const [name, lie] of Object.entries(LIES)) {
  test(`attack 12: a Solana payment has landed and one of two endpoints ${name}: settled, never failed`, async (t) => {
    const life = await lives(t, { nodes: 2 });
    const before = (await chain.transfers({ from: again.address })).length;
    const payment = await desk.pay(again);
    for (const proxy of life.proxies) proxy.on(SEND, async ({ pass }) => {
      await pass().catch(() => {}); // the other endpoint was faster
      return "lose";
    }).drop("getSignatureStatuses", "getTransaction", "getSignaturesForAddress");
    await assertPurses(life, spent, async () => {
      const first = await life.settle(payment);
      assert.ok(first.status === 503 || first.body.errorReason === "settlement_pending", JSON.stringify(first));
      await world.passLifetime();
      lie(life.proxies[0].clear());
      life.proxies[1].clear();
      const last = await life.judged(payment);
      assert.ok(last.success === true || last.errorReason === "duplicate_settlement", JSON.stringify(last));
      assert.equal((await chain.transfers({ from: again.address })).length - before, 1, "one transfer");
      assert.equal((await life.status(payment)).outcome, "settled");
    });
  });
}
