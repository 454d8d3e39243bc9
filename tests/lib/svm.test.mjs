// SPDX-License-Identifier: Apache-2.0
//
// The tools of the tests on Solana, on a real runtime: a proxy that passes what it should swallow, or a theft
// that the chain would not have carried out, would make every test of a refusal pass.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { eventually } from "./check.mjs";
import { House, houseOf } from "./house.mjs";
import { SvmChain, USUAL_FEE, messageHashOf, signatureOf, svmKeyOf, wireOf, withSignature } from "./svm.mjs";
import { signWith, takeApart } from "./svm_codec.mjs";
import { Bait, computeMutations, feePayerMutations, rentMutations, tableMutations,
  termsMutations } from "./svm_mutations.mjs";
import { startSvmProxy } from "./svm_proxy.mjs";

const house = new House();
let bait, desk, world, chain;

before(async () => {
  bait = await Bait.lay(house, { payers: 4 });
  ({ desk } = bait);
  ({ world, chain } = desk);
});

after(() => house.close());

const signed = (payment) => withSignature(payment, signWith(desk.signer, takeApart(wireOf(payment)).message));
const landed = (signature) => eventually(() => chain.statusOf(signature), { what: "a transaction", everyMs: 20 });

test("a payment lands when its fee payer signs it, and costs the fee", async () => {
  const before = await chain.lamportsOf(desk.signer.address);
  const payer = desk.payer();
  const wire = wireOf(signed(await desk.pay(payer)));
  const signature = await chain.send(wire);
  assert.equal(signature, signatureOf(wire));
  await landed(signature);
  assert.equal(before - (await chain.lamportsOf(desk.signer.address)), USUAL_FEE);
  assert.deepEqual(await chain.receipt(signature).then(({ status, fee }) => [status, fee]), ["success", USUAL_FEE]);
  assert.deepEqual((await chain.transfers({ from: payer.address })).map(({ to, value }) => [to, value]),
    [[desk.merchant.address, 1000n]]);
});

test("the fee payer's signature changes neither message hash nor key", async () => {
  const payment = await desk.pay(bait.payer);
  const other = withSignature(payment, Buffer.alloc(64, 5));
  assert.notEqual(other.payload.transaction, payment.payload.transaction);
  assert.equal(messageHashOf(other), messageHashOf(payment));
  assert.match(svmKeyOf(other), /^svm~etwtrabzayq6imfeykouru166vu2xqa1~[0-9a-f]{64}$/);
});

// One by one: each simulation is of the state as it was laid out.
test("what the mutations try would succeed where they say so", async () => {
  const tables = await tableMutations(bait);
  const rents = await rentMutations(bait);
  const all = [...feePayerMutations(bait), ...tables, ...computeMutations(bait), ...termsMutations(bait), ...rents];
  assert.ok(all.length > 50);
  for (const mutation of all) {
    const payment = await bait.payment(mutation);
    assert.ok(wireOf(payment).length <= 1232, mutation.name);
    const options = { encoding: "base64", sigVerify: false, commitment: "confirmed" };
    const { value } = await world.request("simulateTransaction", [payment.payload.transaction, options])
      .catch(({ message }) => ({ value: { err: message } }));
    assert.equal(value.err === null, mutation.lands, `${mutation.name}: ${JSON.stringify(value.err)}`);
  }
});

test("blockhashes die with 150 blocks and the chain's clock runs ahead when told", async () => {
  const blockhash = await world.blockhash();
  const isValid = async () => (await world.request("isBlockhashValid", [blockhash, { commitment: "processed" }])).value;
  assert.equal(await isValid(), true);
  await world.passLifetime();
  assert.equal(await isValid(), false);
  const clock = async () => world.request("getBlockTime", [await world.slot("finalized")]);
  const before = await clock();
  await world.passTime(90);
  assert.ok((await clock()) - before >= 90);
});

test("a held chain accepts and executes nothing until it is released", async () => {
  await world.hold();
  const signature = await chain.send(wireOf(signed(await desk.pay(bait.payer))));
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.equal(await chain.statusOf(signature), null);
  await world.release();
  await landed(signature);
});

test("a proxy swallows, loses, drops, fails, forgets, denies, lies and becomes honest again", async (t) => {
  const proxy = await houseOf(t).add(startSvmProxy(world.rpc));
  const through = new SvmChain({ ...world, rpc: proxy.url, usdc: world.usdc });
  const wire = wireOf(signed(await desk.pay(bait.payer)));
  proxy.swallow();
  assert.equal(await through.send(wire), signatureOf(wire));
  await world.passBlocks(2);
  assert.equal(await chain.statusOf(signatureOf(wire)), null);
  proxy.clear().drop("sendTransaction");
  await assert.rejects(through.send(wire));
  await world.passBlocks(2);
  assert.equal(await chain.statusOf(signatureOf(wire)), null);
  proxy.clear().lose("sendTransaction");
  await assert.rejects(through.send(wire));
  await landed(signatureOf(wire));
  assert.equal(proxy.sent.length, 3);
  proxy.clear().denyHistory();
  assert.equal(await through.statusOf(signatureOf(wire)), null);
  proxy.clear().withoutHistory();
  await assert.rejects(through.statusOf(signatureOf(wire)), /history is not available/);
  proxy.clear().fail("busy", "getSlot");
  await assert.rejects(through.request("getSlot"), /busy/);
  proxy.clear().ahead({ slots: 5000, heights: 4000 });
  assert.ok((await through.request("getBlockHeight")) - (await world.height()) > 3900);
  const { context } = await through.request("isBlockhashValid", [await world.blockhash()]);
  assert.ok(context.slot - (await world.slot()) > 4900);
  proxy.clear().stale(7);
  const stale = await through.request("isBlockhashValid", [await world.blockhash()]);
  assert.deepEqual([stale.context.slot, stale.value], [7, false]);
  proxy.clear().delay(200, "getSlot");
  const started = performance.now();
  await through.request("getSlot");
  assert.ok(performance.now() - started >= 190);
  proxy.clear();
  assert.ok(await through.statusOf(signatureOf(wire)));
});
