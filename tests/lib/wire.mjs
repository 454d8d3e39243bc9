// SPDX-License-Identifier: Apache-2.0
//
// HTTP below what fetch allows: paths as they are, headers twice, requests cut in the middle; an
// upstream whose answers a test writes; and a relay that loses requests or answers on command.

import { createServer, request as httpRequest } from "node:http";
import { connect } from "node:net";
import { decodeHeader, encodeHeader, exactPayment } from "./payments.mjs";

async function readAll(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function parsed(bytes) {
  const text = bytes.toString("utf8");
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

// One request exactly as given. options: method, path (as it stands, not normalised), headers (a
// flat list name, value, name, value: names may repeat), body (text, Buffer or async iterable, then
// chunked), agent. Resolves with { status, headers, rawHeaders, bytes, body, required, settlement }.
export function wireRequest(url, { method = "GET", path, headers = [], body, agent } = {}) {
  const { hostname, port, pathname, search } = new URL(url);
  const names = new Set(headers.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase()));
  const list = [...headers];
  if (!names.has("host")) list.unshift("Host", `${hostname}:${port}`);
  const whole = typeof body === "string" || Buffer.isBuffer(body);
  if (whole && !names.has("content-length") && !names.has("transfer-encoding"))
    list.push("Content-Length", `${Buffer.byteLength(body)}`);
  const options = { host: hostname, port, method, path: path ?? pathname + search, headers: list, agent };
  return new Promise((resolve, reject) => {
    const request = httpRequest(options, async (response) => {
      try {
        const bytes = await readAll(response);
        const { statusCode: status, headers: got, rawHeaders } = response;
        resolve({
          status,
          headers: got,
          rawHeaders,
          bytes,
          body: parsed(bytes),
          required: decodeHeader(got["payment-required"]),
          settlement: decodeHeader(got["payment-response"]),
        });
      } catch (error) {
        reject(error);
      }
    });
    request.on("error", reject);
    sendBody(request, body).catch(reject);
  });
}

async function sendBody(request, body) {
  if (body !== undefined && typeof body !== "string" && !Buffer.isBuffer(body)) {
    for await (const piece of body) request.write(piece);
    request.end();
  } else {
    request.end(body);
  }
}

// Bytes to a socket, and all bytes that come back until the other side closes or is silent.
export function wireBytes(url, bytes, { silentMs = 3000 } = {}) {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const chunks = [];
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    const done = () => {
      socket.destroy();
      resolve(Buffer.concat(chunks).toString("latin1"));
    };
    socket.setTimeout(silentMs, done);
    socket.on("data", (chunk) => chunks.push(chunk));
    socket.on("end", done);
    socket.on("error", reject);
  });
}

async function listening(server) {
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server.address().port;
}

function closed(server) {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(resolve));
}

// An upstream in this process: handler(request, response, body). Adds { url, seen, stop }; seen
// holds { method, url, headers, rawHeaders, body } of every request.
export async function startUpstream(handler) {
  const seen = [];
  const server = createServer(async (request, response) => {
    const { method, url, headers, rawHeaders } = request;
    const entry = { method, url, headers, rawHeaders };
    seen.push(entry);
    try {
      entry.body = await readAll(request);
      await handler(request, response, entry.body);
    } catch (error) {
      response.destroy(error);
    }
  });
  const port = await listening(server);
  return { url: `http://127.0.0.1:${port}`, seen, stop: () => closed(server) };
}

// A relay in front of target. decide({ method, url, body, count }) says what becomes of each
// request: "pass" (default), "drop" (the request never arrives), "lose" (it arrives and its answer is
// lost), { status, headers, body } (answered here), or a promise of one of them. relay.decide may be
// replaced at any time. relay.watch(asked), where there is one, sees each request before it goes on and
// may return a function that sees the answer, { status, headers, bytes }, before that goes back; both
// are waited for. Returns { url, decide, watch, count, seen, stop() }.
export async function startRelay(target, decide = () => "pass") {
  const relay = { decide, count: 0, seen: [] };
  const base = new URL(target);
  const server = createServer(async (request, response) => {
    try {
      const body = await readAll(request);
      relay.count += 1;
      const asked = { method: request.method, url: request.url, headers: request.headers, body, count: relay.count };
      relay.seen.push(asked);
      const what = await relay.decide(asked);
      if (what === "drop") return request.socket.destroy();
      if (typeof what === "object" && what !== null) {
        response.writeHead(what.status, what.headers ?? {});
        return response.end(what.body);
      }
      const watchAnswer = await relay.watch?.(asked);
      const answer = await forward(base, request, body);
      await watchAnswer?.(answer);
      if (what === "lose") return request.socket.destroy();
      response.writeHead(answer.status, answer.headers);
      response.end(answer.bytes);
    } catch {
      request.socket.destroy();
    }
  });
  const port = await listening(server);
  relay.url = `http://127.0.0.1:${port}`;
  relay.stop = () => closed(server);
  return relay;
}

function forward(base, request, body) {
  return new Promise((resolve, reject) => {
    const options = { host: base.hostname, port: base.port, method: request.method, path: request.url };
    const onward = httpRequest({ ...options, headers: request.headers }, async (response) => {
      try {
        const bytes = await readAll(response);
        const headers = { ...response.headers };
        delete headers["transfer-encoding"];
        delete headers.connection;
        headers["content-length"] = `${bytes.length}`;
        resolve({ status: response.statusCode, headers, bytes });
      } catch (error) {
        reject(error);
      }
    });
    onward.on("error", reject);
    onward.end(body);
  });
}

// The methods of a JSON-RPC body, one or a batch.
export function rpcMethods(body) {
  const value = JSON.parse(body.toString("utf8"));
  return (Array.isArray(value) ? value : [value]).map(({ method }) => method);
}

// The samples of a Prometheus page: [{ name, labels, value }].
export function readMetrics(page) {
  return page
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const [, name, labels = "", value] = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})? (\S+)/.exec(line);
      const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, text]) => [key, text]);
      return { name, labels: Object.fromEntries(pairs), value: Number(value) };
    });
}

// The sum of a metric over all samples whose labels hold these.
export function metricSum(page, name, labels = {}) {
  return readMetrics(page)
    .filter((sample) => sample.name === name)
    .filter((sample) => Object.entries(labels).every(([key, value]) => sample.labels[key] === value))
    .reduce((sum, { value }) => sum + value, 0);
}

// Asks, pays the first offer by hand and asks again with the payment; options are those of
// wireRequest, and signing: what exactPayment may be told. Resolves with the second answer
// and { payment, offer }.
export async function payFor(url, payer, options = {}) {
  const { signing, ...request } = options;
  const unpaid = await wireRequest(url, { ...request, body: undefined });
  if (unpaid.status !== 402) throw new Error(`${url} answered ${unpaid.status} without a payment`);
  const [offer] = unpaid.required.accepts;
  const payment = await exactPayment(payer, offer, signing);
  const paid = await sendPaid(url, payment, request);
  return { ...paid, payment, offer };
}

// The same request with this payment.
export function sendPaid(url, payment, { headers = [], ...request } = {}) {
  return wireRequest(url, { ...request, headers: [...headers, "PAYMENT-SIGNATURE", encodeHeader(payment)] });
}
