// SPDX-License-Identifier: Apache-2.0
//
// The reference implementation with itself on our local chain: its client pays its server through
// its facilitator. When this fails the world is broken, and no other interop result means anything.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startWorld } from "../devnet/world.mjs";
import { Chain } from "../lib/chain.mjs";
import { assertMoves } from "../lib/check.mjs";
import { askFacilitator, exactPayment, exactRequirements, request } from "../lib/payments.mjs";
import { runRefClient, startRefFacilitator, startRefServer } from "./roles.mjs";

const PRICE = 1000n; // $0.001 in atomic units

let world, chain, facilitator, server, weather;

before(async () => {
  world = await startWorld();
  chain = new Chain(world);
  facilitator = await startRefFacilitator(world);
  server = await startRefServer(world, { facilitator: facilitator.info.url });
  weather = `${server.info.url}/weather`;
});

after(async () => {
  await Promise.all([server, facilitator, world].map((part) => part?.stop()));
});

async function handlerCalls() {
  const { body } = await request(`${server.info.url}/count`);
  return body.weather;
}

test("an unpaid request is told what to pay", async () => {
  const { status, body, required } = await request(weather);
  assert.equal(status, 402);
  assert.deepEqual(body, {});
  assert.equal(required.x402Version, 2);
  assert.equal(required.resource.url, weather);
  const { merchant } = world.accounts;
  assert.deepEqual(required.accepts, [exactRequirements(world, { payTo: merchant.address })]);
});

test("the client pays, gets the answer, and the money has moved once", async () => {
  const { payer1, merchant } = world.accounts;
  const callsBefore = await handlerCalls();
  const answer = await assertMoves(chain, world.accounts, { payer1: -PRICE, merchant: PRICE }, () =>
    runRefClient(weather, { key: payer1.key }),
  );
  assert.equal(answer.status, 200);
  assert.deepEqual(answer.body, { report: { weather: "sunny", temperature: 21 } });
  assert.equal(answer.payment.success, true);
  assert.equal(answer.payment.payer, payer1.address);
  assert.equal(await handlerCalls(), callsBefore + 1);
  const [transfer, ...others] = await chain.transfers({
    from: payer1.address,
    to: merchant.address,
  });
  assert.deepEqual(others, []);
  assert.equal(transfer.value, PRICE);
  assert.equal(transfer.transaction, answer.payment.transaction);
});

test("three calls are three payments", async () => {
  const { payer2 } = world.accounts;
  const { answers } = await assertMoves(
    chain,
    world.accounts,
    { payer2: -3n * PRICE, merchant: 3n * PRICE },
    () => runRefClient(weather, { key: payer2.key, count: 3 }),
  );
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 200, 200],
  );
  const transactions = new Set(answers.map(({ payment }) => payment.transaction));
  assert.equal(transactions.size, 3);
});

test("a payer without money is refused and the handler is not called", async () => {
  const { facilitator4 } = world.accounts;
  const callsBefore = await handlerCalls();
  const answer = await assertMoves(chain, world.accounts, {}, () =>
    runRefClient(weather, { key: facilitator4.key }),
  );
  assert.equal(answer.status, 402);
  assert.equal(await handlerCalls(), callsBefore);
});

test("the facilitator settles a payment once and calls the repeat a failure", async () => {
  const { payer3, merchant } = world.accounts;
  const requirements = exactRequirements(world, { payTo: merchant.address });
  const payment = await exactPayment(payer3, requirements);
  const { url } = facilitator.info;
  const first = await assertMoves(chain, world.accounts, { payer3: -PRICE, merchant: PRICE }, () =>
    askFacilitator(url, "settle", payment),
  );
  assert.equal(first.body.success, true);
  const repeat = await assertMoves(chain, world.accounts, {}, () =>
    askFacilitator(url, "settle", payment),
  );
  assert.equal(repeat.body.success, false);
  const verdict = await askFacilitator(url, "verify", payment);
  assert.equal(verdict.body.invalidReason, "invalid_exact_evm_nonce_already_used");
});

test("a smart wallet pays with its owner's signature", async () => {
  const { payer1, merchant } = world.accounts;
  const wallet = await world.deploy("Wallet1271", [payer1.address]);
  await world.mint(wallet, 5000n);
  const requirements = exactRequirements(world, { payTo: merchant.address });
  const payment = await exactPayment(payer1, requirements, { authorization: { from: wallet } });
  const settled = await assertMoves(
    chain,
    { ...world.accounts, wallet: { address: wallet } },
    { wallet: -PRICE, merchant: PRICE },
    () => askFacilitator(facilitator.info.url, "settle", payment),
  );
  assert.equal(settled.body.success, true);
  assert.equal(settled.body.payer, wallet);
});
