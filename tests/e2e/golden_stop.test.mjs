// SPDX-License-Identifier: Apache-2.0
//
// A stop takes as long as what is under way, and no longer: connections that ask for nothing do not
// hold it up, of a facilitator or a gateway, whatever they have asked for before.

import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { startWorld } from "../devnet/world.mjs";
import { House } from "../lib/house.mjs";
import { askFacilitator, exactPayment, exactRequirements } from "../lib/payments.mjs";
import { startUpstream } from "../lib/wire.mjs";
import { startFacilitator, startGateway } from "../lib/x402bin.mjs";

const A_MOMENT_MS = 5000; // both would wait 30 s and longer for work
const house = new House();
let world;

before(async () => {
  world = await house.add(startWorld({ payers: 2 }));
});

after(() => house.close());

async function open(url) {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}

// One that never says anything, and one that had an answer and stays for more.
async function idlers(url, path) {
  const silent = await open(url);
  const served = await open(url);
  served.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
  const [answer] = await once(served, "data");
  assert.match(`${answer}`, /^HTTP\/1\.1 \d+ /);
  assert.ok(!/connection: close/i.test(`${answer}`), "it is kept");
  return [silent, served];
}

async function stopped(role, sockets) {
  const ends = sockets.map((socket) => once(socket.resume(), "close"));
  const began = performance.now();
  const { code } = await role.stop();
  assert.equal(code, 0);
  await Promise.all(ends);
  return performance.now() - began;
}

test("a facilitator that has settled stops at once beside idle connections", async () => {
  const role = await house.add(startFacilitator(world, { network: { poll: "20ms" } }));
  const terms = exactRequirements(world, { payTo: world.accounts.merchant.address });
  const { body } = await askFacilitator(role.url, "settle", await exactPayment(world.payers[0], terms));
  assert.equal(body.success, true);
  const took = await stopped(role, await idlers(role.url, "/supported"));
  assert.ok(took < A_MOMENT_MS, `${took} ms`);
});

test("a gateway stops at once beside idle connections to both of its listeners", async () => {
  const upstream = await house.add(startUpstream((request, response) => response.end("SECRET")));
  const role = await house.add(startGateway(world, { upstream: upstream.url }));
  const sockets = [...(await idlers(role.url, "/weather")), ...(await idlers(role.admin, "/metrics"))];
  const took = await stopped(role, sockets);
  assert.ok(took < A_MOMENT_MS, `${took} ms`);
});
