// SPDX-License-Identifier: Apache-2.0
//
// The seller's API that a gateway protects in demos and tests: plain node, no dependency, no
// notion of payments. It counts how often each path ran, which is how a test sees that paid work
// ran once.
//
//   PORT=0 tests/node.sh tests/devnet/sample_api.mjs
//
//   GET /weather       a report                GET /fail          500
//   GET /big?bytes=N   N bytes, streamed       GET /slow?ms=N     answers after N ms
//   POST /echo         body and headers back   GET /count         runs per path

import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

const CHUNK = Buffer.alloc(64 * 1024, "x402 ");
const counts = {};

function sendJson(response, status, value) {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(value));
}

async function readBody(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function weather(_request, response) {
  sendJson(response, 200, { report: { weather: "sunny", temperature: 21 } });
}

async function big(_request, response, query) {
  let left = Number(query.get("bytes") ?? 1_000_000);
  response.writeHead(200, { "content-type": "application/octet-stream", "content-length": left });
  while (left > 0 && !response.destroyed) {
    const piece = left >= CHUNK.length ? CHUNK : CHUNK.subarray(0, left);
    left -= piece.length;
    const room = response.write(piece);
    if (!room) await Promise.race([drained(response, "drain"), drained(response, "close")]);
  }
  response.end();
}

function drained(response, event) {
  return new Promise((resolve) => response.once(event, resolve));
}

async function echo(request, response) {
  const body = await readBody(request);
  const { method, url, headers } = request;
  sendJson(response, 200, { method, url, headers, body: body.toString("utf8") });
}

async function slow(_request, response, query) {
  const ms = Number(query.get("ms") ?? 1000);
  await sleep(ms);
  sendJson(response, 200, { slept_ms: ms });
}

function fail(_request, response) {
  sendJson(response, 500, { error: "this path always fails" });
}

const ROUTES = {
  "GET /weather": weather,
  "GET /big": big,
  "POST /echo": echo,
  "GET /slow": slow,
  "GET /fail": fail,
};

async function handle(request, response) {
  const url = new URL(request.url, "http://localhost");
  const key = `${request.method} ${url.pathname}`;
  if (key === "GET /count") return sendJson(response, 200, counts);
  counts[key] = (counts[key] ?? 0) + 1;
  const route = ROUTES[key.replace(/^HEAD /, "GET ")];
  if (!route) return sendJson(response, 404, { error: "not found" });
  return route(request, response, url.searchParams);
}

const server = createServer((request, response) => {
  handle(request, response).catch(() => response.destroy());
});
server.listen(Number(process.env.PORT ?? 0), "127.0.0.1", () => {
  console.log(JSON.stringify({ ready: true, url: `http://127.0.0.1:${server.address().port}` }));
});
process.on("SIGTERM", () => process.exit(0));
