// SPDX-License-Identifier: Apache-2.0
//
// Every combination of our roles with the reference's: {client} x {server} x {facilitator}. Each cell pays
// once on a real chain and compares what moved with what the answer said.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { assertMoves } from "../lib/check.mjs";
import { House } from "../lib/house.mjs";
import { startFacilitator, startGateway, x402Pay } from "../lib/x402bin.mjs";
import { runRefClient, startRefFacilitator, startRefServer, startSampleApi } from "./roles.mjs";

export const PRICE = 1000n; // $0.001 in atomic units
export const WEATHER = { report: { weather: "sunny", temperature: 21 } };
const SIDES = ["ours", "theirs"];

export const clients = {
  async ours(world, url, payer) {
    const paid = await x402Pay(world, url, { payer });
    assert.equal(paid.code, 0, paid.stderr);
    const [{ status, body, payment }] = paid.results;
    return { status, body: typeof body === "string" ? JSON.parse(body) : body, payment };
  },
  theirs: (world, url, payer) => runRefClient(url, { key: payer.key, worlds: world }),
};

// Both facilitators, each with a purse of its own, and before each of them both servers.
async function startRoles(house, world) {
  const { facilitator1, facilitator2 } = world.accounts;
  const api = await house.add(startSampleApi());
  const ours = await house.add(startFacilitator(world, { signers: [facilitator1] }));
  const theirs = await house.add(startRefFacilitator(world, { signer: facilitator2 }));
  const facilitators = { ours: { url: ours.url, signer: facilitator1 },
    theirs: { url: theirs.info.url, signer: facilitator2 } };
  const servers = {};
  for (const [name, { url }] of Object.entries(facilitators)) {
    const gateway = await house.add(startGateway(world, { upstream: api.info.url, facilitators: [url] }));
    const express = await house.add(startRefServer(world, { facilitator: url }));
    servers[`ours ${name}`] = gateway.url;
    servers[`theirs ${name}`] = express.info.url;
  }
  return { facilitators, servers };
}

// open(house) -> { world, chain }; sameAddress(a, b); around(at, pay) runs pay() and looks at what a
// chain alone has. Returns what the tests share, which is filled in before them.
export function defineCells({ open, sameAddress, around = (_at, pay) => pay() }) {
  const shared = { house: new House() };
  before(async () => {
    Object.assign(shared, await open(shared.house));
    Object.assign(shared, await startRoles(shared.house, shared.world));
  });
  after(() => shared.house.close());

  async function cell(client, server, facilitator) {
    const { world, chain, servers, facilitators } = shared;
    const { payer1 } = world.accounts;
    const url = `${servers[`${server} ${facilitator}`]}/weather`;
    const pay = () => assertMoves(chain, world.accounts, { payer1: -PRICE, merchant: PRICE },
      () => clients[client](world, url, payer1));
    const answer = await around({ ...shared, signer: facilitators[facilitator].signer }, pay);
    assert.equal(answer.status, 200);
    assert.deepEqual(answer.body, WEATHER);
    assert.equal(answer.payment.success, true);
    assert.equal(answer.payment.network, world.network);
    assert.ok(sameAddress(answer.payment.payer, payer1.address), answer.payment.payer);
    const receipt = await chain.receipt(answer.payment.transaction);
    assert.equal(receipt.status, "success");
  }

  for (const client of SIDES) {
    for (const server of SIDES) {
      for (const facilitator of SIDES) {
        test(`client ${client}, server ${server}, facilitator ${facilitator}`, () => cell(client, server, facilitator));
      }
    }
  }
  return shared;
}
