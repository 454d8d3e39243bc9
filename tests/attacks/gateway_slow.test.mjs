// SPDX-License-Identifier: Apache-2.0
//
// Clients that send or read as slowly as they can, and upstreams that answer so: each of them costs a
// bounded time and a bounded memory, and everybody else is served meanwhile. The long waits of this file
// run beside each other.

import assert from "node:assert/strict";
import { createServer } from "node:net";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startWorld } from "../devnet/world.mjs";
import { Chain } from "../lib/chain.mjs";
import { eventually } from "../lib/check.mjs";
import { FAST, brief, isServed, memoryOf, metric } from "../lib/gw_kit.mjs";
import { openWire } from "../lib/gw_raw.mjs";
import { House } from "../lib/house.mjs";
import { encodeHeader, exactPayment } from "../lib/payments.mjs";
import { payFor, sendPaid, startUpstream, wireRequest } from "../lib/wire.mjs";
import { paidRoute, startGateway } from "../lib/x402bin.mjs";

const MIB = 1024 * 1024;
const HEAD_WAIT = 10_000; // limits::kHeaderWait
const STALL = 30_000; // limits::kBodyStall
const house = new House();
let world, chain, upstream, odd, gateway, payers;

before(async () => {
  world = await house.add(startWorld({ payers: 30 }));
  chain = new Chain(world);
  payers = world.payers[Symbol.iterator]();
  upstream = await house.add(startUpstream(answer));
  odd = await house.add(startOdd());
  // A payment must live for 1 s + 1 s + 10 s, so that its end can be waited for.
  const short = { max_timeout_seconds: 15, upstream_timeout: "1s" };
  const paid = (match, more) => paidRoute(world, { match, ...short, ...more });
  const routes = [paid("GET /weather"), paid("GET /hang"), paid("GET /drip"), paid("POST /before",
    { settle: "before" }),
    paid("POST /after"), paid("GET /big", { settle: "before" }), paid("GET /odd/:how", { upstream: odd.url }),
    { match: "* /free/*", free: true }];
  gateway = await house.add(startGateway(world, { upstream: upstream.url, routes, network: FAST,
    config: { pending_wait: "1s" } }));
});

after(() => house.close());

const BIG = Buffer.alloc(32 * MIB, "SECRET ");

async function answer(request, response) {
  const path = request.url.split("?")[0];
  if (path === "/hang" || path === "/free/hang") return;
  if (path === "/big" || path === "/free/big") return response.end(BIG);
  if (path !== "/drip") return response.end("SECRET");
  response.writeHead(200, { "content-type": "text/plain" });
  for (let i = 0; i < 40 && !response.destroyed; ++i) {
    response.write("SECRET ");
    await sleep(500);
  }
  response.end();
}

// An upstream that speaks HTTP badly; the last part of the path says how.
const ODD = {
  "interim": (socket) => {
    const timer = setInterval(() => socket.write("HTTP/1.1 100 Continue\r\n\r\n"), 5);
    socket.on("close", () => clearInterval(timer));
  },
  "headers": (socket) => socket.write(`HTTP/1.1 200 OK\r\n${`X-A: ${"a".repeat(1000)}\r\n`.repeat(2000)}\r\nSECRET`),
  "head-drip": (socket) => {
    const timer = setInterval(() => socket.write("H"), 50);
    socket.on("close", () => clearInterval(timer));
  },
  "garbage": (socket) => socket.end("SECRET\r\n\r\n"),
  "two-lengths": (socket) => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 6\r\nContent-Length: 7\r\n\r\nSECRET!"),
  "length-and-chunks": (socket) =>
    socket.end("HTTP/1.1 200 OK\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nSECRET\r\n0\r\n\r\n"),
  "too-short": (socket) => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\nSECRET"),
  "endless": (socket) => {
    socket.write("HTTP/1.1 200 OK\r\n\r\n");
    const timer = setInterval(() => socket.write("SECRET".repeat(100_000)), 5);
    socket.on("close", () => clearInterval(timer));
  },
  "at-once": (socket) => socket.destroy(),
};

async function startOdd() {
  const sockets = new Set();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket)).on("error", () => {});
    socket.once("data", (chunk) => ODD[/GET \/odd\/([\w-]+)/.exec(chunk.toString())[1]](socket));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const stop = () => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  };
  return { url: `http://127.0.0.1:${server.address().port}`, stop };
}

const nextPayer = () => payers.next().value;
const at = (path) => `${gateway.url}${path}`;
const used = ({ payload: { authorization } }) => chain.isAuthorizationUsed(authorization.from, authorization.nonce);

// The measure of every test here: somebody honest pays and is answered at once.
async function othersAreServed() {
  const started = performance.now();
  const paid = await payFor(at("/weather"), nextPayer(), { agent: false });
  assert.deepEqual([paid.status, isServed(paid)], [200, true], brief(paid));
  const ms = performance.now() - started;
  assert.ok(ms < 3000, `served after ${Math.round(ms)} ms`);
}

test("slow ones are bounded, and others are served meanwhile", { concurrency: 20 }, async (t) => {
  await Promise.all([

    // Fails when each byte of a head sets its deadline anew.
    t.test("300 heads that drip a byte a second are cut after the wait for a head", async () => {
      const wires = Array.from({ length: 300 }, () => openWire(gateway.url));
      const started = performance.now();
      for (const { socket } of wires) socket.write("GET /weather HTTP/1.1\r\nHost: x\r\nX-A: ");
      const timer = setInterval(() => wires.forEach(({ socket }) => socket.writable && socket.write("a")), 1000);
      await othersAreServed();
      await Promise.all(wires.map(({ closed }) => closed));
      clearInterval(timer);
      const ms = performance.now() - started;
      assert.ok(ms > HEAD_WAIT - 1000 && ms < HEAD_WAIT + 5000, `cut after ${Math.round(ms)} ms`);
      assert.ok(wires.every(({ text }) => !text().includes(" 200 ")));
    }),

    // Fails when a body that never comes holds its connection, and what was reserved for it, for ever.
    t.test("a body that stops is given up after the stall; its payment was not used", async () => {
      const [payer, started] = [nextPayer(), performance.now()];
      const [offer] = (await wireRequest(at("/before"), { method: "POST" })).required.accepts;
      const payment = await exactPayment(payer, offer);
      const wire = openWire(gateway.url);
      wire.socket.write(`POST /before HTTP/1.1\r\nHost: x\r\nPAYMENT-SIGNATURE: ${encodeHeader(payment)}\r\n` +
        "Content-Length: 1000\r\n\r\nabc");
      await wire.closed;
      const ms = performance.now() - started;
      assert.ok(ms > STALL - 2000 && ms < STALL + 8000, `given up after ${Math.round(ms)} ms`);
      assert.equal(await used(payment), false);
      assert.ok(!wire.text().includes("SECRET"));
    }),

    // Fails when a payment is judged once and then waits for a body until it is worth nothing.
    t.test("a body that drips until its payment is too old: nothing is settled, and no work is done", async () => {
      const payer = nextPayer();
      const [offer] = (await wireRequest(at("/before"), { method: "POST" })).required.accepts;
      const payment = await exactPayment(payer, offer);
      const runs = upstream.seen.filter(({ url }) => url === "/before").length;
      const slowly = async function* () {
        for (let i = 0; i < 12; ++i) {
          yield "x";
          await sleep(500);
        }
      };
      const headers = ["Content-Length", "12"];
      const got = await sendPaid(at("/before"), payment, { method: "POST", body: slowly(), headers, agent: false });
      assert.deepEqual([got.status, got.required?.error], [402, "payment_expires_too_soon"], brief(got));
      assert.equal(await used(payment), false);
      assert.equal(upstream.seen.filter(({ url }) => url === "/before").length, runs);
    }),

    // Fails when a slow upload is served although its payment can no longer be settled.
    t.test("a streamed body that outlives its payment is not served unpaid", async () => {
      const payer = nextPayer();
      const [offer] = (await wireRequest(at("/after"), { method: "POST" })).required.accepts;
      const payment = await exactPayment(payer, offer);
      const slowly = async function* () {
        for (let i = 0; i < 34; ++i) {
          yield "x";
          await sleep(500);
        }
      };
      const got = await sendPaid(at("/after"), payment, { method: "POST", body: slowly(), agent: false });
      assert.equal(isServed(got), await used(payment), brief(got));
      assert.notEqual(got.status, 500);
    }),

    // Fails when an answer is buffered for a reader who does not read, or waits for it without end.
    t.test("40 readers who stop reading cost little memory and are cut; one of them has paid and gets its answer",
        async () => {
      await sleep(1500); // after the first storm of the tests beside it
      const { now } = memoryOf(gateway.pid);
      const wires = Array.from({ length: 40 }, () => openWire(gateway.url));
      for (const { socket } of wires) {
        socket.pause();
        socket.write("GET /free/big HTTP/1.1\r\nHost: x\r\n\r\n");
      }
      const payer = nextPayer();
      const [offer] = (await wireRequest(at("/big"))).required.accepts;
      const payment = await exactPayment(payer, offer);
      const payed = openWire(gateway.url);
      payed.socket.pause();
      const undelivered = await metric(gateway, "x402_paid_undelivered_total");
      payed.socket.write(`GET /big HTTP/1.1\r\nHost: x\r\nPAYMENT-SIGNATURE: ${encodeHeader(payment)}\r\n\r\n`);
      await sleep(3000);
      await othersAreServed();
      const grown = memoryOf(gateway.pid).now - now;
      assert.ok(grown < 48 * MIB, `${Math.round(grown / MIB)} MiB for 41 answers of 32 MiB`);
      await eventually(async () => (await metric(gateway, "x402_paid_undelivered_total")) > undelivered, {
        deadlineMs: STALL + 8000, everyMs: 250, what: "the end of the wait for the reader" });
      const got = await sendPaid(at("/big"), payment, { agent: false });
      assert.deepEqual([got.status, got.bytes.length], [200, BIG.length], "the same payment gets the whole answer");
      assert.equal((await chain.transfers({ from: payer.address })).length, 1);
      for (const { socket } of [...wires, payed]) socket.destroy();
    }),

    // Fails when answers to pipelined requests pile up for a client that only writes.
    t.test("a client that pipelines 20,000 requests and reads nothing is held back", async () => {
      await sleep(5000);
      const { now } = memoryOf(gateway.pid);
      const wire = openWire(gateway.url);
      wire.socket.pause();
      const some = "GET /free/x HTTP/1.1\r\nHost: x\r\n\r\n".repeat(1000);
      for (let i = 0; i < 20; ++i) wire.socket.write(some);
      await sleep(2000);
      await othersAreServed();
      const grown = memoryOf(gateway.pid).now - now;
      wire.socket.destroy();
      assert.ok(grown < 48 * MIB, `${Math.round(grown / MIB)} MiB`);
    }),

    // Fails when an upstream that hangs holds a request beyond upstream_timeout, or holds others back.
    t.test("100 requests to an upstream that hangs are 504 in time, uncharged, and others are served", async () => {
      const payer = nextPayer();
      const [offer] = (await wireRequest(at("/hang"))).required.accepts;
      const payments = await Promise.all(Array.from({ length: 100 }, () => exactPayment(payer, offer)));
      const started = performance.now();
      const asked = payments.map((payment) => sendPaid(at("/hang"), payment, { agent: false }));
      await othersAreServed();
      const answers = await Promise.all(asked);
      assert.ok(performance.now() - started < 8000);
      for (const got of answers) assert.deepEqual([got.status, got.body.error.code], [504, "upstream_timeout"]);
      assert.equal((await chain.transfers({ from: payer.address })).length, 0);
    }),

    // Fails when upstream_timeout ends with the head, so that a body may take longer than the payment lives;
    // then the work is thrown away, and the payer is blamed for it.
    t.test("an upstream that drips its answer beyond the payment's life: uncharged, and no loss of the payer's",
        async () => {
      const payer = nextPayer();
      const losses = await metric(gateway, "x402_loss_total", { route: "GET /drip" });
      const got = await payFor(at("/drip"), payer, { agent: false });
      assert.equal(isServed(got), await used(got.payment), brief(got));
      assert.equal(await metric(gateway, "x402_loss_total", { route: "GET /drip" }), losses,
        "the payer's loss counter");
      if (!isServed(got)) assert.ok([502, 504].includes(got.status), brief(got));
    }),

    ...Object.keys(ODD).map((how) => t.test(`an upstream that speaks badly (${how}): 502 or 504 in time, uncharged`,
      async () => {
      const started = performance.now();
      const got = await payFor(at(`/odd/${how}`), nextPayer(), { agent: false });
      assert.ok([502, 504].includes(got.status), brief(got));
      assert.equal(isServed(got), false);
      assert.ok(performance.now() - started < 8000, "in time");
      assert.equal(await used(got.payment), false);
    })),
  ]);
  await othersAreServed();
});
