// SPDX-License-Identifier: Apache-2.0
//
// The deaths of points.test.mjs on Solana: facilitator, gateway and client are killed before and after
// each write and outer effect, once and twice in a row. The destination grows by exactly the amount, every
// repeat names the one transaction, who paid gets the answer, and the fee payer pays its fee once.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { startSvmWorld } from "../devnet/svm_world.mjs";
import { House } from "../lib/house.mjs";
import { SvmChain, USUAL_FEE, svmPayment, svmRequirements } from "../lib/svm.mjs";
import { svmAccount } from "../lib/svm_codec.mjs";
import { startUpstream } from "../lib/wire.mjs";
import { newFolder, paidRoute, startFacilitator, startGateway } from "../lib/x402bin.mjs";
import { CLIENT_SCENARIOS } from "./clients.mjs";
import { killClient, killServer } from "./drive.mjs";
import { Turns } from "./lives.mjs";
import { AMOUNT, SCENARIOS, answerAsUpstream } from "./servers.mjs";

const NETWORK = { poll: "20ms" };
const LANES = 3; // servers at once, each with a signer of its own
const CLIENTS = 12; // they mostly wait for the lease of a dead run
// A payment lives 150 of them, and a client that died twice comes back after two leases of ten seconds.
const SLOT_MS = 400;
const PAYERS = 150;
const DOLLARS = 1000n;

const house = new House();
const cases = [];
let world, chain, lanes, shared, sharedPurse, upstream, facilitator, gateway;

before(async () => {
  world = await house.add(startSvmWorld({ payers: PAYERS, facilitators: LANES + 1, slotMs: SLOT_MS }));
  chain = new SvmChain(world);
  [shared] = world.facilitators;
  sharedPurse = await chain.lamportsOf(shared.address);
  lanes = new Turns(world.facilitators.slice(-LANES));
  upstream = await house.add(startUpstream(answerAsUpstream()));
  facilitator = await house.add(startFacilitator(world, { signers: [shared], network: NETWORK }));
  gateway = await house.add(startGateway(world, { upstream: upstream.url, facilitators: [facilitator.url],
    routes: [paidRoute(world, { match: "GET /bought" })], config: { pending_wait: "1s" } }));
});

after(() => house.close());

// A payee of its own for every case, who has a token account.
async function newCase(scenario, signer) {
  const payer = world.payers[cases.length];
  assert.ok(payer, "the world has too few payers");
  const id = cases.length + 1;
  const c = { id, scenario, signer, payer, facilitator, gateway, upstream, world, chain, network: NETWORK,
    dir: newFolder("crash-svm"), life: 0, payTo: svmAccount(`payee ${id}`).address };
  cases.push(c);
  c.terms = () => svmRequirements(world, { payTo: c.payTo, feePayer: c.signer.address });
  c.pay = (terms) => svmPayment(world, c.payer, terms);
  c.transfers = () => chain.transfers({ from: c.payer.address });
  c.checkMoney = (transaction) => checkMoney(c, transaction);
  await world.mint(c.payTo, 0n);
  if (signer) c.purse = await purseOf(signer);
  return c;
}

const purseOf = async ({ address }) => [await chain.lamportsOf(address), await chain.nonceOf(address)];

// Failed transactions would be rows of the payer's account as well.
async function checkMoney(c, transaction) {
  const transfers = await c.transfers();
  assert.deepEqual(transfers.map((each) => [each.transaction, each.value]), [[transaction, AMOUNT]], "one transfer, the one it names");
  const rows = await chain.signaturesOf(await world.tokenAccountOf(c.payer.address));
  assert.deepEqual(rows.map(({ signature }) => signature), [transaction], "nothing else was sent for it");
  if (c.scenario.role !== "client") assert.equal(await chain.balanceOf(c.payTo), AMOUNT);
  assert.equal(await chain.balanceOf(c.payer.address), DOLLARS * 1_000_000n - AMOUNT);
  if (c.scenario.role === "facilitator") await checkPurse(c);
}

async function checkPurse({ signer, purse: [lamports, sent] }) {
  assert.deepEqual(await purseOf(signer), [lamports - USUAL_FEE, sent + 1], "its fee payer's lamports, and what it paid for");
}

const named = (list, name) => ({ ...list.find((each) => each.name === name) });
const SERVERS = [
  { ...named(SCENARIOS, "facilitator, a settlement and its repeats"), births: false },
  named(SCENARIOS, "gateway, paid before the answer"),
];
const CLIENT = named(CLIENT_SCENARIOS, "client, a paid call");

describe("killed at every point on Solana", { concurrency: 3 }, () => {
  for (const scenario of SERVERS) {
    test(scenario.name, { concurrency: LANES }, (t) =>
      killServer(t, scenario, lanes, (signer) => newCase(scenario, signer)));
  }
  test(CLIENT.name, { concurrency: CLIENTS }, (t) => killClient(t, CLIENT, () => newCase(CLIENT)));
});

// Whatever died around it: gateways and clients, some of them in the midst of a call.
test("the shared fee payer paid once for each payment that came to it, and for nothing else", async () => {
  const moved = [];
  for (const c of cases.filter(({ scenario }) => scenario.role !== "facilitator")) moved.push(...(await c.transfers()));
  const rows = await chain.signaturesOf(shared.address);
  const sorted = (list) => list.map((each) => each.transaction ?? each.signature).sort();
  assert.deepEqual(sorted(rows), sorted(moved));
  let fees = 0n;
  for (const { transaction } of moved) fees += (await chain.receipt(transaction)).fee;
  assert.equal(await chain.lamportsOf(shared.address), sharedPurse - fees);
});
