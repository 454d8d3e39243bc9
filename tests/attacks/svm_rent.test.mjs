// SPDX-License-Identifier: Apache-2.0
//
// What a payer could make a fee payer spend without paying anybody: rent of accounts, transactions that fail
// after their fee is taken, a crowd of new recipients, many keys. Rent is never ours; fees have a bound for
// each payer and for the day, and whoever is honest is served beside it.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { assertRefused } from "../lib/attack.mjs";
import { eventually } from "../lib/check.mjs";
import { House, houseOf } from "../lib/house.mjs";
import { askFacilitator } from "../lib/payments.mjs";
import { USUAL_FEE } from "../lib/svm.mjs";
import { svmAccount } from "../lib/svm_codec.mjs";
import { assertPurses, settleOrNot, svmCode } from "../lib/svm_kit.mjs";
import { Bait, rentMutations } from "../lib/svm_mutations.mjs";
import { startSvmProxy } from "../lib/svm_proxy.mjs";

const house = new House();
let bait, desk, world, at;

before(async () => {
  bait = await Bait.lay(house, { payers: 16 });
  ({ desk } = bait);
  ({ world } = desk);
  at = await desk.facilitator(house);
});

after(() => house.close());

// Broken by: letting the token program's own instruction through because the money arrives.
test("attack 20: accounts at the fee payer's cost, made, or made and closed again: refused unsigned", async (t) => {
  for (const mutation of await rentMutations(bait)) {
    await t.test(mutation.name, async () => assertRefused(at, await bait.payment(mutation), mutation.code));
  }
});

test("attack 20: 40 new recipients without accounts: each refused with the command that makes one, not a lamport less",
    async () => {
  await assertPurses(at, {}, async () => {
    for (let i = 0; i < 40; ++i) {
      const payTo = svmAccount(`new recipient ${i}`).address;
      const { status, body } = await askFacilitator(at.url, "settle",
        await desk.pay(bait.payer, {}, { ...desk.terms, payTo }));
      assert.deepEqual([status, body.success, body.errorReason],
        [200, false, svmCode("recipient_token_account_missing")], JSON.stringify(body));
      assert.ok(JSON.stringify(body).includes(`spl-token create-account ${world.usdc} --owner ${payTo}`));
    }
  });
});

// The tightest bounds: a payment costs 10,001, one payer two of them, the day five.
const TIGHT = { max_fee: 10_001, payer_fee_budget: 20_002, daily_fee_budget: 50_005, settle_wait: "5s" };

const assertTurnedAway = ({ status, body }) => {
  assert.ok([429, 503].includes(status), `${status} ${JSON.stringify(body)}`);
  assert.equal(body.success === true || body.isValid === false, false, "it is our limit and not the payment's fault");
};

async function assertSettles(url, payer) {
  const { body } = await askFacilitator(url, "settle", await desk.pay(payer));
  assert.equal(body.success, true, JSON.stringify(body));
}

test("attack 20: one payer spends no more of the fee payer's day than his share, and the day has an end", async (t) => {
  const signers = [world.accounts.facilitator2];
  const tight = await desk.facilitator(houseOf(t), { signers, network: TIGHT });
  const terms = { ...desk.terms, extra: { feePayer: signers[0].address } };
  const settle = async (payer) => askFacilitator(tight.url, "settle", await desk.pay(payer, {}, terms));
  const [greedy, second, third, fourth] = [desk.payer(), desk.payer(), desk.payer(), desk.payer()];
  await assertPurses(tight, { [signers[0].name]: 5n * USUAL_FEE }, async () => {
    for (const payer of [greedy, greedy, second, second, third]) {
      const { body } = await settle(payer);
      assert.equal(body.success, true, JSON.stringify(body));
      if (payer === greedy) continue;
      assertTurnedAway(await settle(greedy)); // while others are served
    }
    for (const payer of [greedy, third, fourth]) assertTurnedAway(await settle(payer));
  }, { [signers[0].name]: 5 });
});

// The payment is good until the moment in which we have signed it: then its payer empties his account, and
// the transaction that we pay for fails. Broken by: counting only what settled.
test("attack 20: a payer who empties his account behind our signature costs one fee each time, and only his share",
    async (t) => {
  const parts = houseOf(t);
  const signers = [world.accounts.facilitator3];
  const proxy = await parts.add(startSvmProxy(world.rpc));
  const network = { ...TIGHT, rpc: [proxy.url] };
  const tight = await desk.facilitator(parts, { signers, network });
  const terms = { ...desk.terms, extra: { feePayer: signers[0].address } };
  const thief = desk.payer();
  const honest = desk.payer();
  proxy.on("sendTransaction", async ({ pass }) => {
    await world.mint(thief.address, 0n);
    return { result: await pass() };
  });
  await assertPurses(tight, { [signers[0].name]: 2n * USUAL_FEE }, async () => {
    for (let i = 0; i < 2; ++i) {
      await world.mint(thief.address, 1_000_000n);
      const payment = await desk.pay(thief, {}, terms);
      const body = await desk.judged(tight.url, payment);
      assert.deepEqual([body.success, body.errorReason], [false, svmCode("transaction_failed")], JSON.stringify(body));
      assert.equal((await desk.statusOf(tight.url, payment)).outcome, "failed");
    }
    await world.mint(thief.address, 1_000_000n);
    assertTurnedAway(await settleOrNot(tight.url, await desk.pay(thief, {}, terms)));
  }, { [signers[0].name]: 2 });
  proxy.clear();
  const { body } = await askFacilitator(tight.url, "settle", await desk.pay(honest, {}, terms));
  assert.equal(body.success, true, JSON.stringify(body));
});

test("attack 20: a fee payer without SOL makes nobody's payment invalid, and is ready again when it is funded",
    async (t) => {
  const signers = [world.accounts.facilitator4];
  const poor = await desk.facilitator(houseOf(t), { signers });
  const terms = { ...desk.terms, extra: { feePayer: signers[0].address } };
  const payer = desk.payer();
  await world.fund(signers[0].address, 5000);
  const payment = await desk.pay(payer, {}, terms);
  const { status, body } = await askFacilitator(poor.url, "settle", payment);
  assert.notEqual(body.success, true);
  if (status === 200) assert.equal(body.errorReason, "settlement_pending", JSON.stringify(body));
  else assert.equal(status, 503, JSON.stringify(body));
  assert.equal((await desk.chain.transfers({ from: payer.address })).length, 0);
  await world.fund(signers[0].address);
  await eventually(async () => {
    const again = await settleOrNot(poor.url, await desk.pay(payer, {}, terms));
    return again.body.success === true;
  }, { what: "a settlement", everyMs: 300, deadlineMs: 20_000 });
  await assertSettles(at.url, desk.payer());
});
