// SPDX-License-Identifier: Apache-2.0
//
// Ways around the wall: paths that an upstream may read as a paid one, methods that pretend to be
// another, and requests that two parsers read differently. The upstream answers SECRET to anything.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startWorld } from "../devnet/world.mjs";
import { House } from "../lib/house.mjs";
import { startUpstream, wireBytes, wireRequest } from "../lib/wire.mjs";
import { paidRoute, startGateway } from "../lib/x402bin.mjs";

const house = new House();
let world, upstream, closed, open;

before(async () => {
  world = await house.add(startWorld());
  upstream = await house.add(startUpstream((request, response) => response.end("SECRET")));
  const routes = [paidRoute(world, { match: "GET /api/premium" }), paidRoute(world, { match: "GET /shop/:id/buy" }),
    { match: "GET /api/free", free: true }];
  const options = { upstream: upstream.url, routes };
  closed = await house.add(startGateway(world, options));
  const signers = [world.accounts.facilitator2];
  open = await house.add(startGateway(world, { ...options, signers, config: { default: "free" } }));
});

after(() => house.close());

// A connection for each request: what one of them does to its connection must not hide the next.
const ask = (url, options) => wireRequest(url, { agent: false, ...options });

const ALIASES = ["/api%2Fpremium", "/api%2fpremium", "/api%252Fpremium", "/api%25252Fpremium", "/api%5Cpremium",
  "/api\\premium", "//api/premium", "/api//premium", "/./api/premium", "/api/./premium", "/api/x/../premium",
  "/x/../api/premium", "/api/%2e/premium", "/api/x/%2e%2e/premium", "/api/premium;v=1", "/api;v=1/premium",
  "/api/premium/", "/api/premium//", "/api/premium/.", "/api/premium%c0", "/api/premium%c0%ae", "/api/premium%",
  "/api/premium%2", "/api/premium%zz", "/API/PREMIUM", "/Api/premium", "/%61pi/premium", "/api/%70remium",
  "/api/premium%00", "/api/premium%20", "/api/premium%09", "/api/premium%0a", "/api/premium?",
  "/api/premium?x=1", "/%c5%bfhop/1/buy", "/shop/1/buy", "/shop/1/BUY",
  "/shop/1/buy/", "/shop/%2e%2e/1/buy", "/shop/1%2Fbuy", "/shop//1/buy"];

test("25: no spelling of a paid path is served without a payment", async (t) => {
  for (const [name, gateway] of [["closed", () => closed], ["default free", () => open]]) {
    for (const path of ALIASES) {
      const methods = path.includes("\\") ? ["GET"] : ["GET", "HEAD"];
      for (const method of methods) {
        await t.test(`${name}: ${method} ${path}`, async () => {
          const { status, bytes } = await ask(gateway().url, { method, path });
          assert.ok([400, 402, 404].includes(status), `${status}`);
          assert.ok(!bytes.toString().includes("SECRET"));
        });
      }
    }
  }
  assert.equal(upstream.seen.length, 0, JSON.stringify(upstream.seen.map(({ url }) => url)));
});

test("25: an encoded ? or # does not cut a paid path off for an upstream that decodes twice", async (t) => {
  for (const path of ["/api/premium%3f", "/api/premium%3Fx=1", "/api/premium%23", "/api/premium%2523",
      "/shop/1/buy%3f"]) {
    await t.test(path, async () => {
      const { status, bytes } = await ask(open.url, { path });
      assert.deepEqual([status, bytes.toString().includes("SECRET")], [400, false]);
    });
  }
});

test("25: the ambiguous are told so, by 400 ambiguous_path", async () => {
  for (const path of ["/API/PREMIUM", "//api/premium", "/api/premium;v=1", "/api%252Fpremium", "/api/premium/"]) {
    const { status, body } = await ask(open.url, { path });
    assert.deepEqual([status, body.error.code], [400, "ambiguous_path"], path);
  }
});

test("25: other methods and overrides do not open a paid path", async () => {
  const overrides = ["X-HTTP-Method-Override", "GET", "X-Method-Override", "GET", "X-Original-URL", "/api/premium"];
  const count = upstream.seen.length;
  for (const gateway of [closed, open]) {
    for (const method of ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND", "GETX", "get"]) {
      const { status } = await ask(gateway.url, { method, path: "/api/premium", headers: overrides });
      assert.ok([400, 402, 404, 405, 501].includes(status), `${method}: ${status}`);
    }
  }
  assert.equal(upstream.seen.length, count);
});

test("what is not routed is 404, unless the operator says that it is free", async () => {
  const { status, body, headers } = await ask(closed.url, { path: "/other" });
  assert.deepEqual([status, body.error.code], [404, "route_unknown"]);
  assert.equal(headers["payment-required"], undefined);
  for (const path of ["/other", "/api/premium2", "/api/premium/more", "/shop/1", "/", "/api/free?x=1"])
    assert.equal((await ask(open.url, { path })).body, "SECRET", path);
  assert.equal((await ask(closed.url, { path: "/api/free" })).body, "SECRET");
});

const get = (line, ...headers) => `${line}\r\n${headers.map((text) => `${text}\r\n`).join("")}\r\n`;
const HOST = "Host: gateway.test";

// Each of these is refused, by a 4xx or the end of the connection.
const RAW = {
  "absolute form": get("GET http://gateway.test/api/premium HTTP/1.1", HOST, "Connection: close"),
  "absolute form of another host": get("GET http://evil.test/api/premium HTTP/1.1", HOST, "Connection: close"),
  "no host": get("GET /other HTTP/1.1", "Connection: close"),
  "two hosts": get("GET /other HTTP/1.1", HOST, "Host: evil.test", "Connection: close"),
  "length and chunks": `${get("POST /other HTTP/1.1", HOST, "Content-Length: 3", "Transfer-Encoding: chunked")}0\r\n\r\n`,
  "two lengths": `${get("POST /other HTTP/1.1", HOST, "Content-Length: 3", "Content-Length: 5")}abcde`,
  "a length that is none": `${get("POST /other HTTP/1.1", HOST, "Content-Length: +3")}abc`,
  "chunked twice": `${get("POST /other HTTP/1.1", HOST, "Transfer-Encoding: chunked, chunked")}0\r\n\r\n`,
  "a folded header": get("GET /other HTTP/1.1", HOST, "X-A: 1\r\n folded", "Connection: close"),
  "a space before the colon": get("GET /other HTTP/1.1", HOST, "X-A : 1", "Connection: close"),
  "a bare line feed in a header": get("GET /other HTTP/1.1", HOST, "X-A: 1\nX-B: 2", "Connection: close"),
  "a NUL in a header": get("GET /other HTTP/1.1", HOST, "X-A: 1\0", "Connection: close"),
  "a space in the path": get("GET /api/premium x HTTP/1.1", HOST, "Connection: close"),
  "asterisk form": get("OPTIONS * HTTP/1.1", HOST, "Connection: close"),
  "CONNECT": get("CONNECT evil.test:443 HTTP/1.1", HOST, "Connection: close"),
  "HTTP/2 preface": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  "HTTP/0.9": "GET /other\r\n",
  "200 headers": get("GET /other HTTP/1.1", HOST, ...Array.from({ length: 200 }, (_, i) => `X-${i}: 1`),
    "Connection: close"),
  "a header of 1 MiB": get("GET /other HTTP/1.1", HOST, `PAYMENT-SIGNATURE: ${"A".repeat(1024 * 1024)}`),
  "a path of 100 KiB": get(`GET /${"a".repeat(100 * 1024)} HTTP/1.1`, HOST),
};

test("26, 28: what two parsers could read differently is refused before the upstream", async (t) => {
  const count = upstream.seen.length;
  for (const [name, bytes] of Object.entries(RAW)) {
    await t.test(name, async () => {
      let text = "";
      try {
        text = await wireBytes(open.url, bytes, { silentMs: 1500 });
      } catch (error) {
        if (!["ECONNRESET", "EPIPE"].includes(error.code)) throw error; // cut in the middle of a flood
      }
      assert.ok(!text.includes("SECRET"), text);
      if (text !== "") assert.match(text, /^HTTP\/1\.1 (4\d\d|505) /, text.slice(0, 80));
    });
  }
  assert.equal(upstream.seen.length, count, JSON.stringify(upstream.seen.slice(count)));
});

test("a chunk smuggled behind a request is a request of its own, or the end of the connection", async () => {
  const count = upstream.seen.length;
  const body = "0\r\n\r\nGET /api/premium HTTP/1.1\r\nHost: x\r\n\r\n";
  const post = get("POST /other HTTP/1.1", HOST, "Transfer-Encoding: chunked");
  const text = await wireBytes(open.url, post + body, { silentMs: 1500 });
  assert.equal(upstream.seen.length - count, 1, "only the POST went through");
  assert.match(text, /HTTP\/1\.1 402 /);
});

test("28: a broken head behind a good request on one connection is refused, and the gateway lives", async () => {
  const own = await house.add(startGateway(world, { upstream: upstream.url, routes: [
    { match: "GET /api/free", free: true }, paidRoute(world)], signers: [world.accounts.facilitator3] }));
  const good = get("GET /api/free HTTP/1.1", HOST);
  for (const bad of ["GET /api\\free HTTP/9.9\r\n\r\n", "\0\0\0\0\r\n\r\n", get("GET /other HTTP/1.1", "X : 1")]) {
    const text = await wireBytes(own.url, good + bad, { silentMs: 1500 });
    assert.match(text, /^HTTP\/1\.1 200 [^]*HTTP\/1\.1 (4\d\d|505) /, bad);
  }
  assert.equal((await ask(own.url, { path: "/api/free" })).body, "SECRET");
});
