// SPDX-License-Identifier: Apache-2.0
//
// The thinnest whole on Solana: a real runtime, a facilitator, a gateway before an API, and calls that are
// paid for; once with the facilitator outside and once with the one inside the gateway.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startSampleApi } from "../interop/roles.mjs";
import { assertMoves, eventually } from "../lib/check.mjs";
import { House, houseOf } from "../lib/house.mjs";
import { USUAL_FEE } from "../lib/svm.mjs";
import { SvmDesk, assertPurses } from "../lib/svm_kit.mjs";
import { TOKEN_2022 } from "../lib/svm_codec.mjs";
import { wireRequest } from "../lib/wire.mjs";
import { paidRoute, startFacilitator, startGateway, x402Pay } from "../lib/x402bin.mjs";

const PRICE = 1000n;
const house = new House();
let desk, world, chain, api;

before(async () => {
  desk = await SvmDesk.open(house);
  ({ world, chain } = desk);
  api = await house.add(startSampleApi());
});

after(() => house.close());

// One payment: the answer, the money, the fee, the record of the chain, and then its finality.
async function assertPays(gateway, payer, signer) {
  const at = { chain, signers: world.facilitators };
  const moves = { [payer.name]: -PRICE, merchant: PRICE };
  const paid = await assertPurses(at, { [signer.name]: USUAL_FEE }, () =>
    assertMoves(chain, world.accounts, moves, () => x402Pay(world, `${gateway.url}/weather`, { payer })));
  assert.equal(paid.code, 0, `${paid.stdout}\n${paid.stderr}`);
  const [{ status, outcome, payment, accepted }] = paid.results;
  assert.deepEqual([status, outcome], [200, "settled"]);
  assert.deepEqual([accepted.network, accepted.asset, accepted.amount], [world.network, world.usdc, `${PRICE}`]);
  assert.deepEqual([payment.success, payment.network, payment.payer], [true, world.network, payer.address]);
  const transfers = await chain.transfers({ from: payer.address });
  assert.deepEqual(transfers, [{ from: payer.address, to: desk.merchant.address, value: PRICE,
    transaction: payment.transaction }]);
  assert.equal((await chain.receipt(payment.transaction)).fee, USUAL_FEE);
  await world.passBlocks(40);
  await eventually(async () => (await chain.statusOf(payment.transaction)) === "finalized", { what: "finality" });
  return payment;
}

test("an agent pays on Solana through a facilitator, which tells the settlement by its key", async (t) => {
  const parts = houseOf(t);
  const facilitator = await parts.add(startFacilitator(world));
  const gateway = await parts.add(startGateway(world, { upstream: api.info.url, facilitators: [facilitator.url] }));
  const payment = await assertPays(gateway, world.accounts.payer1, world.accounts.facilitator1);
  const key = payment.extra?.paymentKey;
  assert.match(key, /^svm~etwtrabzayq6imfeykouru166vu2xqa1~[0-9a-f]{64}$/);
  const { status, body } = await wireRequest(`${facilitator.url}/settlements/${key}`);
  assert.deepEqual([status, body.outcome, body.payer, body.amount], [200, "settled", world.accounts.payer1.address,
    `${PRICE}`]);
  assert.deepEqual([body.transactions].flat().map((one) => one.id ?? one), [payment.transaction]);
});

test("an agent pays on Solana through the facilitator inside the gateway", async (t) => {
  const signers = [world.accounts.facilitator2];
  const gateway = await houseOf(t).add(startGateway(world, { upstream: api.info.url, signers }));
  await assertPays(gateway, world.accounts.payer2, world.accounts.facilitator2);
});

test("the 402 names fee payer and token program, and GET /supported the fee payer", async (t) => {
  const parts = houseOf(t);
  const facilitator = await parts.add(startFacilitator(world));
  const gateway = await parts.add(startGateway(world, { upstream: api.info.url, facilitators: [facilitator.url] }));
  const { status, required } = await wireRequest(`${gateway.url}/weather`);
  assert.equal(status, 402);
  const [{ scheme, network, asset, amount, payTo, extra }] = required.accepts;
  assert.deepEqual([scheme, network, asset, amount, payTo],
    ["exact", world.network, world.usdc, `${PRICE}`, desk.merchant.address]);
  assert.equal(extra.feePayer, world.accounts.facilitator1.address);
  const { body } = await wireRequest(`${facilitator.url}/supported`);
  const [kind] = body.kinds.filter((each) => each.network === world.network);
  assert.deepEqual([kind.scheme, kind.extra.feePayer], ["exact", world.accounts.facilitator1.address]);
});

test("a token of Token-2022 that an operator has configured is paid in like any other", async (t) => {
  const parts = houseOf(t);
  const { payer3, merchant } = world.accounts;
  const mint = await world.createMint({ name: "plain 2022", program: TOKEN_2022 });
  await world.mint(payer3.address, 5000n, mint);
  await world.mint(merchant.address, 0n, mint);
  const assets = { newusd: { network: world.network, address: mint, decimals: 6, token_program: "token-2022" } };
  const facilitator = await parts.add(startFacilitator(world, { assets }));
  const routes = [paidRoute(world, { networks: undefined, price: undefined,
    accepts: [{ asset: "newusd", price: PRICE }] })];
  const options = { upstream: api.info.url, facilitators: [facilitator.url], assets, routes };
  const gateway = await parts.add(startGateway(world, options));
  const args = ["--allow-asset", `${world.network}/token:${mint}`, "--max", `0.01 ${mint.slice(0, 6)}..${mint.slice(-6)}`];
  const paid = await x402Pay(world, `${gateway.url}/weather`, { payer: payer3, args });
  assert.equal(paid.code, 0, `${paid.stdout}\n${paid.stderr}`);
  assert.equal(await chain.balanceOf(merchant.address, mint), PRICE);
});
