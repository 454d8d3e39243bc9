// SPDX-License-Identifier: Apache-2.0
//
// Clients that are refused and then go on sending, a little at a time: each is cut soon, whatever it
// sends, and none of them holds up the end of the process.

import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../lib/check.mjs";
import { House } from "../lib/house.mjs";
import { startUpstream } from "../lib/wire.mjs";
import { startGateway } from "../lib/x402bin.mjs";

const CLIENTS = 400;
const WORLD = {
  network: "eip155:84532",
  rpc: "http://127.0.0.1:9",
  accounts: { merchant: { address: "0x585003787377AC7f34761a83C25aE39e31c7B112" } },
};
const house = new House();
let gateway;

before(async () => {
  const upstream = await house.add(startUpstream((_, response) => response.end("ok")));
  const routes = [{ match: "* /free/*", free: true }, { match: "GET /paid", price: "$0.001", networks: [WORLD.network] }];
  gateway = await house.add(
    startGateway(WORLD, { upstream: upstream.url, facilitators: ["http://127.0.0.1:9"], routes }),
  );
});

after(() => house.close());

// Sends a head that is none.
function refused(state, wave) {
  const { hostname, port } = new URL(gateway.url);
  const options = { port: Number(port), host: hostname, allowHalfOpen: true };
  const socket = connect(options, () => socket.write("GET\0 / HTTP/1.1\r\n\r\n"));
  state.open += 1;
  socket.on("data", () => {});
  socket.on("error", () => {});
  socket.on("close", () => (state.open -= 1));
  state.sockets.push(socket);
  wave.push(socket);
}

// Something arrives all the time around the moment at which the patience behind a refusal ends.
async function keepSending(sockets) {
  await sleep(850);
  for (const until = performance.now() + 650; performance.now() < until; ) {
    for (const socket of sockets) if (socket.writable && socket.writableLength === 0) socket.write("x".repeat(20));
    await new Promise(setImmediate);
  }
}

test(`${CLIENTS} clients send behind their refusal: all are cut, and the gateway stops at once`, async () => {
  const state = { open: 0, sockets: [] };
  const waves = [];
  for (let i = 0; i < CLIENTS; i += 40) {
    const wave = [];
    for (let k = 0; k < 40; k++) refused(state, wave);
    waves.push(keepSending(wave));
    await sleep(60);
  }
  await Promise.all(waves);
  for (let i = 0; i < 20; i++) {
    for (const socket of state.sockets) if (socket.writable) socket.write("y");
    await sleep(50);
  }
  await eventually(() => state.open === 0, { deadlineMs: 12_000, what: "the end of every connection" });
  const started = performance.now();
  const { code } = await gateway.stop({ graceMs: 20_000 });
  assert.equal(code, 0);
  assert.ok(performance.now() - started < 10_000, "the drain was held up");
});
