// SPDX-License-Identifier: Apache-2.0
//
// The reference implementation with itself on our local Solana: its client pays its server through its
// facilitator. When this fails the world is broken, and no other result on Solana means anything.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startSvmWorld } from "../devnet/svm_world.mjs";
import { startWorld } from "../devnet/world.mjs";
import { Chain } from "../lib/chain.mjs";
import { assertMoves, eventually } from "../lib/check.mjs";
import { House } from "../lib/house.mjs";
import { askFacilitator, request } from "../lib/payments.mjs";
import { SvmChain, USUAL_FEE, svmPayment, svmRequirements } from "../lib/svm.mjs";
import { runRefClient, startRefFacilitator, startRefServer } from "./roles.mjs";

const PRICE = 1000n; // $0.001 in atomic units
const house = new House();
let world, evm, chain, facilitator, server, weather;

before(async () => {
  world = await house.add(startSvmWorld());
  evm = await house.add(startWorld());
  chain = new SvmChain(world);
  facilitator = await house.add(startRefFacilitator([world, evm]));
  server = await house.add(startRefServer([world, evm], { facilitator: facilitator.info.url }));
  weather = `${server.info.url}/weather`;
});

after(() => house.close());

test("an unpaid request is told what to pay, on both chains", async () => {
  const { status, required } = await request(weather);
  assert.equal(status, 402);
  const { merchant } = world.accounts;
  const [solana, base] = required.accepts;
  assert.deepEqual({ ...solana, maxTimeoutSeconds: 60 }, svmRequirements(world, { payTo: merchant.address }));
  assert.equal(base.network, evm.network);
});

test("the client pays, and only the fee payer's lamports move, by the fee", async () => {
  const { payer1, merchant, facilitator1 } = world.accounts;
  const before = await chain.lamportsOf(facilitator1.address);
  const answer = await assertMoves(chain, world.accounts, { payer1: -PRICE, merchant: PRICE }, () =>
    runRefClient(weather, { key: payer1.key, worlds: world }));
  assert.equal(answer.status, 200, JSON.stringify(answer));
  assert.deepEqual([answer.payment.success, answer.payment.payer], [true, payer1.address]);
  assert.equal(before - (await chain.lamportsOf(facilitator1.address)), USUAL_FEE);
  const transfers = await chain.transfers({ from: payer1.address, to: merchant.address });
  assert.deepEqual(transfers.map(({ value, transaction }) => [value, transaction]),
    [[PRICE, answer.payment.transaction]]);
  assert.equal((await chain.receipt(answer.payment.transaction)).fee, USUAL_FEE);
});

test("with a key of the other chain it pays there", async () => {
  const before = await new Chain(evm).balanceOf(evm.accounts.merchant.address);
  const answer = await assertMoves(chain, world.accounts, {}, () =>
    runRefClient(weather, { key: evm.accounts.payer1.key }));
  assert.equal(answer.payment.network, evm.network);
  assert.equal((await new Chain(evm).balanceOf(evm.accounts.merchant.address)) - before, PRICE);
});

test("a payer without a token account is refused", async () => {
  const { facilitator4 } = world.accounts;
  const answer = await assertMoves(chain, world.accounts, {}, () =>
    runRefClient(weather, { key: facilitator4.key, worlds: world }));
  assert.equal(answer.status, 402, JSON.stringify(answer));
});

test("a payment made by our own hands is good, becomes final, and is good once", async () => {
  const { payer2, merchant } = world.accounts;
  const payment = await svmPayment(world, payer2, svmRequirements(world, { payTo: merchant.address }));
  const { url } = facilitator.info;
  const verdict = await askFacilitator(url, "verify", payment);
  assert.equal(verdict.body.isValid, true, JSON.stringify(verdict.body));
  const settled = await assertMoves(chain, world.accounts, { payer2: -PRICE, merchant: PRICE }, () =>
    askFacilitator(url, "settle", payment));
  assert.equal(settled.body.success, true, JSON.stringify(settled.body));
  await world.passBlocks(40);
  await eventually(async () => (await chain.statusOf(settled.body.transaction)) === "finalized", { what: "finality" });
  const repeat = await assertMoves(chain, world.accounts, {}, () => askFacilitator(url, "settle", payment));
  assert.equal(repeat.body.errorReason, "duplicate_settlement");
});

test("a payment that lived too long is refused", async () => {
  const { payer3, merchant } = world.accounts;
  const payment = await svmPayment(world, payer3, svmRequirements(world, { payTo: merchant.address }));
  await world.passLifetime();
  const verdict = await askFacilitator(facilitator.info.url, "verify", payment);
  assert.match(verdict.body.invalidReason, /simulation_failed$/);
});
