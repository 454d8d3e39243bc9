// SPDX-License-Identifier: Apache-2.0
//
// The gateway as a proxy: what passes in both directions, what is taken away, which paths are
// closed, and what caches and browsers are told. Every upstream here answers 200 to anything, so a
// request that slips past the wall is seen.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { Agent, createServer, request as httpRequest } from "node:http";
import { after, before, test } from "node:test";
import { startWorld } from "../devnet/world.mjs";
import { Chain } from "../lib/chain.mjs";
import { eventually } from "../lib/check.mjs";
import { House } from "../lib/house.mjs";
import { metricSum, payFor, readMetrics, startUpstream, wireBytes, wireRequest } from "../lib/wire.mjs";
import { paidRoute, startGateway } from "../lib/x402bin.mjs";

const MIB = 1024 * 1024;
const BIG = randomBytes(20 * MIB);
const FAST = { poll: "20ms" };
const CORS = { origins: ["https://app.example"] };
const house = new House();
let world, chain, upstream, gateway, open, payer;

async function answer(request, response, body) {
  const { pathname } = new URL(request.url, "http://x");
  if (pathname === "/paid/big") {
    response.writeHead(200, { "content-type": "application/octet-stream", "content-length": BIG.length });
    return response.end(BIG);
  }
  if (pathname === "/free/status") {
    response.writeHead(Number(new URL(request.url, "http://x").searchParams.get("code")), { "x-kept": "yes" });
    return response.end();
  }
  const cache = request.headers["x-cache"];
  const headers = {
    "content-type": "text/plain",
    "set-cookie": ["a=1", "b=2"],
    "x-digest": createHash("sha256").update(body).digest("hex"),
    "payment-response": "c211Z2dsZWQ=",
    "payment-required": "c211Z2dsZWQ=",
    "settlement-overrides": "1",
    connection: "x-hop",
    "x-hop": "gone",
    ...(cache ? { "cache-control": cache } : {}),
  };
  response.writeHead(200, headers);
  response.end(`SECRET ${request.method} ${request.url}`);
}

before(async () => {
  world = await house.add(startWorld());
  chain = new Chain(world);
  payer = world.payers[0];
  upstream = await house.add(startUpstream(answer));
  const paid = (match, more) => paidRoute(world, { match, ...more });
  const routes = [
    paid("GET /paid/big", { settle: "before" }),
    paid("GET /paid/report"),
    paid("POST /paid/upload"),
    paid("GET /api/premium"),
    { match: "* /free/*", free: true },
  ];
  const options = { upstream: upstream.url, routes, network: FAST };
  gateway = await house.add(startGateway(world, { ...options, config: { cors: CORS } }));
  const signers = [world.accounts.facilitator2];
  open = await house.add(startGateway(world, { ...options, signers, config: { default: "free" } }));
});

after(() => house.close());

const last = () => upstream.seen.at(-1);
const sha = (bytes) => createHash("sha256").update(bytes).digest("hex");

test("methods, queries and bodies pass as they are", async (t) => {
  for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]) {
    await t.test(method, async () => {
      const body = method === "GET" ? undefined : `body of ${method}`;
      const got = await wireRequest(gateway.url, { method, path: "/free/a%20b?x=1&x=%2F&y", body });
      assert.equal(got.status, 200);
      assert.equal(got.body, `SECRET ${method} /free/a%20b?x=1&x=%2F&y`);
      assert.equal(got.headers["x-digest"], sha(body ?? ""));
      assert.deepEqual(got.headers["set-cookie"], ["a=1", "b=2"]);
    });
  }
  const head = await wireRequest(gateway.url, { method: "HEAD", path: "/free/x" });
  assert.deepEqual([head.status, head.bytes.length, last().method], [200, 0, "HEAD"]);
  for (const code of [201, 204, 301, 304, 404, 418, 500, 503]) {
    const got = await wireRequest(gateway.url, { path: `/free/status?code=${code}` });
    assert.deepEqual([got.status, got.headers["x-kept"]], [code, "yes"]);
  }
});

test("headers that end at each hop, or could fool an upstream, are taken away", async () => {
  const headers = ["Connection", "keep-alive, X-Mine", "X-Mine", "1", "Keep-Alive", "timeout=5", "TE", "trailers",
    "Proxy-Authorization", "Basic x", "X-HTTP-Method-Override", "DELETE", "X_HTTP_Method_Override", "DELETE",
    "X-Original-URL", "/admin", "X-Forwarded-For", "10.0.0.1", "X-Forwarded-Host", "evil.test",
    "Forwarded", "for=10.0.0.1", "X-Real-IP", "10.0.0.1", "PAYMENT-RESPONSE", "eA==", "X-Mine-Too", "kept",
    "Authorization", "Bearer of-the-api", "Cookie", "a=1"];
  const got = await wireRequest(gateway.url, { path: "/free/headers", headers });
  const { headers: seen } = last();
  for (const name of ["x-mine", "keep-alive", "te", "proxy-authorization", "x-http-method-override", "x-original-url",
    "x_http_method_override", "forwarded", "x-real-ip", "payment-signature", "payment-response"])
    assert.equal(seen[name], undefined, name);
  assert.equal(seen["x-mine-too"], "kept");
  assert.equal(seen.authorization, "Bearer of-the-api");
  assert.equal(seen.cookie, "a=1");
  assert.equal(seen["x-forwarded-for"], "127.0.0.1");
  assert.equal(seen["x-forwarded-host"], "gateway.test");
  assert.equal(seen["x-forwarded-proto"], "http");
  assert.equal(seen.host, new URL(upstream.url).host);
  for (const name of ["x-hop", "payment-response", "payment-required", "settlement-overrides"])
    assert.equal(got.headers[name], undefined, name);
});

test("a paid request reaches the upstream without its payment", async () => {
  const paid = await payFor(`${gateway.url}/paid/report`, payer);
  assert.equal(paid.status, 200);
  assert.equal(paid.settlement.success, true);
  const { headers } = last();
  assert.equal(headers["payment-signature"], undefined);
  assert.equal(headers["x-payment"], undefined);
});

test("20 MiB stream down where the money moved first", async () => {
  const before = await chain.balanceOf(payer.address);
  const paid = await payFor(`${gateway.url}/paid/big`, payer);
  assert.equal(paid.status, 200);
  assert.equal(paid.headers["content-length"], `${BIG.length}`);
  assert.equal(sha(paid.bytes), sha(BIG));
  assert.equal(paid.settlement.success, true);
  assert.equal(before - (await chain.balanceOf(payer.address)), 1000n);
});

async function* pieces(bytes, size) {
  for (let i = 0; i < bytes.length; i += size) yield bytes.subarray(i, i + size);
}

test("20 MiB stream up in chunks, free and paid", async () => {
  const free = await wireRequest(gateway.url, { method: "POST", path: "/free/up", body: pieces(BIG, 64 * 1024) });
  assert.deepEqual([free.status, free.headers["x-digest"]], [200, sha(BIG)]);
  const paid = await payFor(`${gateway.url}/paid/upload`, payer, { method: "POST", body: pieces(BIG, 64 * 1024) });
  assert.deepEqual([paid.status, paid.headers["x-digest"]], [200, sha(BIG)]);
});

test("a body arrives upstream while it is still being sent, an answer while it is still being made", async () => {
  const events = [];
  let unfinished;
  const server = createServer((request, response) => {
    request.on("data", (chunk) => events.push(`up ${chunk}`));
    request.on("end", () => {
      response.write("first");
      unfinished = response;
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const there = await startGateway(world, {
    upstream: `http://127.0.0.1:${server.address().port}`,
    routes: [{ match: "* /free/*", free: true }, paidRoute(world)],
    signers: [world.accounts.facilitator3],
  });
  const happened = (what) => eventually(() => events.includes(what), { everyMs: 5, deadlineMs: 5000, what });
  try {
    const onward = httpRequest(`${there.url}/free/stream`, { method: "POST" });
    onward.write("one");
    await happened("up one");
    onward.end("two");
    const response = await new Promise((resolve, reject) => onward.on("response", resolve).on("error", reject));
    response.on("data", (chunk) => events.push(`down ${chunk}`));
    await happened("down first");
    unfinished.end("second");
    await new Promise((resolve) => response.on("end", resolve));
    assert.deepEqual(events, ["up one", "up two", "down first", "down second"]);
  } finally {
    await there.stop();
    server.closeAllConnections();
    server.close();
  }
});

test("an upstream that closes its connections without a word costs no request", async () => {
  let runs = 0;
  const server = createServer((request, response) => {
    runs += 1;
    response.end("SECRET", () => request.socket.destroySoon());
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const there = await startGateway(world, {
    upstream: `http://127.0.0.1:${server.address().port}`, network: FAST, signers: [world.accounts.facilitator3] });
  try {
    for (let i = 0; i < 10; ++i) assert.equal((await payFor(`${there.url}/weather`, payer)).status, 200);
    assert.equal(runs, 10);
  } finally {
    await there.stop();
    server.close();
  }
});

test("HEAD is priced as GET, and paid for without a body", async () => {
  const unpaid = await wireRequest(`${gateway.url}/paid/report`, { method: "HEAD" });
  assert.deepEqual([unpaid.status, unpaid.bytes.length], [402, 0]);
  assert.equal(unpaid.required.accepts[0].amount, "1000");
  const paid = await payFor(`${gateway.url}/paid/report`, payer, { method: "HEAD" });
  assert.deepEqual([paid.status, paid.bytes.length, paid.settlement.success], [200, 0, true]);
  assert.equal(last().method, "HEAD");
});

test("health, readiness and numbers are on the admin listener alone", async () => {
  for (const path of ["/health", "/ready", "/metrics"]) {
    assert.equal((await wireRequest(gateway.url, { path })).status, 404, path);
    assert.equal((await wireRequest(gateway.admin, { path })).status, 200, path);
  }
  assert.equal((await wireRequest(gateway.admin, { path: "/paid/report" })).status, 404);
  const settled = async () => {
    const { body } = await wireRequest(gateway.admin, { path: "/metrics" });
    return metricSum(body, "x402_settle_outcome_total", { outcome: "settled" });
  };
  const before = await settled();
  await payFor(`${gateway.url}/paid/report`, payer);
  assert.equal((await settled()) - before, 1, "one settlement counts once, also with the facilitator inside");
  const page = (await wireRequest(gateway.admin, { path: "/metrics" })).body;
  assert.ok(metricSum(page, "x402_402_total", { route: "GET /paid/report", reason: "payment_required" }) >= 1);
  for (const name of ["x402_unpaid_served_total", "x402_paid_undelivered_total"]) {
    assert.ok(readMetrics(page).some((sample) => sample.name === name), name);
    assert.equal(metricSum(page, name), 0, name);
  }
  const revenue = metricSum(page, "x402_revenue_atomic_total", { route: "GET /paid/report" });
  const paid = upstream.seen.filter(({ url }) => url === "/paid/report").length;
  assert.equal(revenue, 1000 * paid);
});

test("one connection serves many requests, pipelined ones in order", async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  let connections = 0;
  const connect = agent.createConnection;
  agent.createConnection = (...args) => {
    connections += 1;
    return connect.apply(agent, args);
  };
  for (let i = 0; i < 5; ++i) assert.equal((await wireRequest(gateway.url, { path: `/free/${i}`, agent })).status, 200);
  agent.destroy();
  assert.equal(connections, 1);
  const get = (i, more = "") => `GET /free/pipe${i} HTTP/1.1\r\nHost: x\r\n${more}\r\n`;
  const text = await wireBytes(gateway.url, get(1) + get(2) + get(3, "Connection: close\r\n"));
  assert.deepEqual([...text.matchAll(/SECRET GET \/free\/pipe(\d)/g)].map(([, i]) => i), ["1", "2", "3"]);
});

test("an unpaid upload in chunks leaves a connection that can be used, or says that it closes", async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  for (let i = 0; i < 2; ++i) {
    const body = pieces(BIG.subarray(0, 200 * 1024), 16 * 1024);
    const unpaid = await wireRequest(gateway.url, { method: "POST", path: "/paid/upload", body, agent });
    assert.equal(unpaid.status, 402);
  }
  agent.destroy();
});

test("CORS: preflights are answered here, and browsers may read the payment headers", async () => {
  const ask = (origin, method = "OPTIONS") => wireRequest(gateway.url, { method, path: "/paid/report", headers: [
    "Origin", origin, ...(method === "OPTIONS" ? ["Access-Control-Request-Method", "GET",
      "Access-Control-Request-Headers", "payment-signature"] : [])] });
  const count = upstream.seen.length;
  const good = await ask("https://app.example");
  assert.equal(good.status, 204);
  assert.equal(good.headers["access-control-allow-origin"], "https://app.example");
  assert.match(good.headers["access-control-allow-headers"], /PAYMENT-SIGNATURE/i);
  assert.match(good.headers["access-control-allow-methods"], /GET/);
  assert.equal((await ask("https://evil.example")).headers["access-control-allow-origin"], undefined);
  const unpaid = await ask("https://app.example", "GET");
  assert.equal(unpaid.status, 402);
  for (const name of ["PAYMENT-REQUIRED", "PAYMENT-RESPONSE", "Retry-After"])
    assert.match(unpaid.headers["access-control-expose-headers"], new RegExp(name));
  assert.equal(upstream.seen.length, count);
});

const VARY = ["payment-signature", "sign-in-with-x", "authorization", "cookie"];

test("27: no shared cache may keep an offer or a paid answer", async (t) => {
  const rows = { "no word of the upstream": undefined, "public": "public, max-age=3600",
      "private": "private, max-age=60" };
  const unpaid = await wireRequest(`${gateway.url}/paid/report`);
  assert.equal(unpaid.headers["cache-control"], "no-store");
  for (const word of VARY) assert.ok(unpaid.headers.vary.toLowerCase().includes(word), word);
  for (const [name, value] of Object.entries(rows)) {
    await t.test(name, async () => {
      const headers = value ? ["X-Cache", value] : [];
      const paid = await payFor(`${gateway.url}/paid/report`, payer, { headers });
      assert.equal(paid.status, 200);
      const want = value?.startsWith("private") ? value : "private, no-store";
      assert.equal(paid.headers["cache-control"], want);
      for (const word of VARY) assert.ok(paid.headers.vary.toLowerCase().includes(word), word);
    });
  }
});
