// SPDX-License-Identifier: Apache-2.0
//
// Every combination of our roles with the reference's: {client} x {server} x {facilitator}, exact by EIP-3009 on a
// real chain. Each cell pays once and compares both balances with what the answer said.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startWorld } from "../devnet/world.mjs";
import { Chain } from "../lib/chain.mjs";
import { assertMoves } from "../lib/check.mjs";
import { startFacilitator, startGateway, x402Pay } from "../lib/x402bin.mjs";
import { runRefClient, startRefFacilitator, startRefServer, startSampleApi } from "./roles.mjs";

const PRICE = 1000n; // $0.001 in atomic units
const WEATHER = { report: { weather: "sunny", temperature: 21 } };

let world, chain, api;
const facilitators = {};
const servers = {};
const parts = [];

async function started(promise) {
  const part = await promise;
  parts.push(part);
  return part;
}

before(async () => {
  world = await started(startWorld({ facilitators: 4 }));
  chain = new Chain(world);
  api = await started(startSampleApi());
  const { facilitator1, facilitator2 } = world.accounts;
  const ours = await started(startFacilitator(world, { signers: [facilitator1] }));
  const theirs = await started(startRefFacilitator(world, { signer: facilitator2 }));
  facilitators.ours = ours.url;
  facilitators.theirs = theirs.info.url;
  for (const [name, url] of Object.entries(facilitators)) {
    const gateway = await started(startGateway(world, { upstream: api.info.url, facilitators: [url] }));
    const express = await started(startRefServer(world, { facilitator: url }));
    servers[`ours ${name}`] = gateway.url;
    servers[`theirs ${name}`] = express.info.url;
  }
});

after(async () => {
  for (const part of parts.reverse()) await part.stop();
});

const clients = {
  async ours(url, payer) {
    const paid = await x402Pay(world, url, { payer });
    assert.equal(paid.code, 0, paid.stderr);
    const [{ status, body, payment }] = paid.results;
    return { status, body: typeof body === "string" ? JSON.parse(body) : body, payment };
  },
  theirs: (url, payer) => runRefClient(url, { key: payer.key }),
};

for (const client of ["ours", "theirs"]) {
  for (const server of ["ours", "theirs"]) {
    for (const facilitator of ["ours", "theirs"]) {
      test(`client ${client}, server ${server}, facilitator ${facilitator}`, async () => {
        const { payer1 } = world.accounts;
        const moves = { payer1: -PRICE, merchant: PRICE };
        const url = `${servers[`${server} ${facilitator}`]}/weather`;
        const answer = await assertMoves(chain, world.accounts, moves, () => clients[client](url, payer1));
        assert.equal(answer.status, 200);
        assert.deepEqual(answer.body, WEATHER);
        assert.equal(answer.payment.success, true);
        assert.equal(answer.payment.network, world.network);
        assert.equal(answer.payment.payer.toLowerCase(), payer1.address.toLowerCase());
        const receipt = await chain.receipt(answer.payment.transaction);
        assert.equal(receipt.status, "success");
      });
    }
  }
}
