// SPDX-License-Identifier: Apache-2.0
//
// A settlement asks its node a handful of questions. The facilitator is killed at each of them, once
// before the question arrives and once after, when the answer is on its way; then it is started again
// on its journal and asked the same. Whatever the moment: one transfer, one nonce, one end.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startWorld } from "../devnet/world.mjs";
import { keyOf, latch } from "../lib/attack.mjs";
import { Chain } from "../lib/chain.mjs";
import { eventually } from "../lib/check.mjs";
import { House, houseOf } from "../lib/house.mjs";
import { askFacilitator, exactPayment, exactRequirements } from "../lib/payments.mjs";
import { rpcMethods, startRelay, wireRequest } from "../lib/wire.mjs";
import { startFacilitator } from "../lib/x402bin.mjs";

const house = new House();
let world, chain, terms, signer;

before(async () => {
  world = await house.add(startWorld({ payers: 1 }));
  chain = new Chain(world);
  terms = exactRequirements(world, { payTo: world.accounts.merchant.address });
  signer = world.accounts.facilitator1;
});

after(() => house.close());

// What a settlement that nobody disturbs asks its node, each kind of question once.
async function questionsOf(parts, relay, options) {
  const role = await parts.add(startFacilitator(world, options));
  const from = relay.seen.length;
  const { body } = await askFacilitator(role.url, "settle", await exactPayment(world.payers[0], terms));
  assert.equal(body.success, true, JSON.stringify(body));
  await role.stop();
  return [...new Set(relay.seen.slice(from).map(({ body: asked }) => kindOf(asked)))];
}

const kindOf = (body) => [...new Set(rpcMethods(body))].join("+");

// Kills at the nth question of a kind after the settlement was asked for. Resolves with how far it
// came: reached is false when the settlement ended before.
async function killedAt(parts, relay, { kind, nth }, { passOn, payment, options }) {
  const role = await parts.add(startFacilitator(world, options));
  let left = nth;
  let reached = false;
  const [stopped, never] = [latch(), latch()];
  const stopHere = () => {
    reached = true;
    stopped.open();
    return never.opened;
  };
  const isIt = ({ body }) => kindOf(body) === kind && (left -= 1) === 0;
  relay.decide = (asked) => (!passOn && isIt(asked) ? stopHere().then(() => "drop") : "pass");
  relay.watch = (asked) => (passOn && isIt(asked) ? stopHere : undefined);
  const asked = askFacilitator(role.url, "settle", payment).then((answer) => answer, () => undefined);
  await Promise.race([stopped.opened, asked]);
  await role.kill();
  never.open();
  relay.decide = () => "pass";
  relay.watch = undefined;
  return { role, reached, answer: await asked };
}

async function lastWord(url, payment) {
  return eventually(async () => {
    const { status, body } = await askFacilitator(url, "settle", payment);
    return status === 200 && body.errorReason !== "settlement_pending" && body;
  }, { what: "a judged settlement", deadlineMs: 15_000, everyMs: 30 });
}

// Broken by: any step that is taken before the journal knows of it, or written after it was told.
for (const passOn of [false, true]) {
  const when = passOn ? "after it was answered" : "before it arrives";
  test(`attack 12: killed at each question to the node, ${when}: one transfer and one nonce each time`, async (t) => {
    const parts = houseOf(t);
    const relay = await parts.add(startRelay(world.rpc));
    const network = { poll: "20ms", settle_wait: "3s", stuck_after: "10m", rpc: [relay.url] };
    const options = { signers: [signer], network };
    const kinds = await questionsOf(parts, relay, options);
    for (const method of ["eth_call", "eth_estimateGas", "eth_sendRawTransaction", "eth_getTransactionReceipt"])
      assert.ok(kinds.some((kind) => kind.includes(method)), `${method} in ${kinds}`);
    let same = {};
    for (const kind of kinds) {
      for (const nth of [1, 2]) {
        const payment = await exactPayment(world.payers[0], terms);
        const nonce = await chain.nonceOf(signer.address, "pending");
        const earlier = (await chain.transfers({ from: world.payers[0].address })).length;
        const { role, reached, answer } = await killedAt(parts, relay, { kind, nth },
          { passOn, payment, options: { ...options, ...same } });
        same = { dir: role.dir, listen: role.info.listen };
        const next = await parts.add(startFacilitator(world, { ...options, ...same }));
        const last = await lastWord(next.url, payment);
        const told = `at ${kind} ${nth}: ${JSON.stringify(last)}`;
        const made = (await chain.transfers({ from: world.payers[0].address })).slice(earlier);
        assert.equal(made.length, 1, told);
        assert.equal(last.transaction, made[0].transaction, told);
        assert.equal(last.success, answer?.body.success !== true, `success is told once; ${told}`);
        assert.equal((await chain.nonceOf(signer.address, "pending")) - nonce, 1, told);
        assert.equal((await wireRequest(`${next.url}/settlements/${keyOf(payment)}`)).body.outcome, "settled", told);
        await next.stop();
        if (!reached) break; // there is no second one of this kind
      }
    }
  });
}
