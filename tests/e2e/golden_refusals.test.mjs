// SPDX-License-Identifier: Apache-2.0
//
// Golden conversations: every refusal that a buyer can meet, as it stands in the status, the
// payment headers, the body, the log and the metrics. Each must carry one code in all of them, a
// sentence and the next step. GOLDEN=write writes tests/golden/refusals.json anew; read the
// difference before it is committed.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { generatePrivateKey, privateKeyToAddress } from "viem/accounts";
import { startWorld } from "../devnet/world.mjs";
import { eventually } from "../lib/check.mjs";
import { House } from "../lib/house.mjs";
import { encodeHeader, exactPayment } from "../lib/payments.mjs";
import { ROOT } from "../lib/proc.mjs";
import { readMetrics, startUpstream, wireRequest } from "../lib/wire.mjs";
import { paidRoute, startFacilitator, startGateway } from "../lib/x402bin.mjs";

const FILE = join(ROOT, "tests/golden/refusals.json");
const ELSEWHERE = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
const CLOSED = "http://127.0.0.1:1";
const LONG_NAME = "x".concat("\u00e9".repeat(100)); // what is shown of it is cut, and not within a letter
const REFUSALS = ["x402_refused_total", "x402_402_total"];
const house = new House();
const told = {};
let world, gateway, orphan, payer;

async function upstreamAnswer(request, response) {
  if (request.url === "/slow") return;
  if (request.url === "/big") return response.end("x".repeat(4096));
  response.end("SECRET");
}

before(async () => {
  world = await house.add(startWorld({ payers: 3 }));
  payer = world.payers[0];
  const upstream = await house.add(startUpstream(upstreamAnswer));
  const facilitator = await house.add(startFacilitator(world, { network: { poll: "20ms" } }));
  const route = (match, more) => paidRoute(world, { match, ...more });
  const routes = [
    route("GET /paid"),
    route("GET /other"),
    route("GET /slow", { upstream_timeout: "300ms" }),
    route("GET /big", { max_held: "1KiB" }),
    route("GET /down", { upstream: CLOSED }),
  ];
  const config = { pending_wait: "2s" };
  const options = { upstream: upstream.url, routes, config };
  gateway = await house.add(startGateway(world, { ...options, facilitators: [facilitator.url] }));
  orphan = await house.add(startGateway(world, { ...options, facilitators: [CLOSED] }));
});

after(() => house.close());

async function offerOf(at, path) {
  const { required } = await wireRequest(at.url + path);
  return required.accepts[0];
}

const soon = (seconds) => `${Math.floor(Date.now() / 1000) + seconds}`;

// Signs for the offer of `path`, and changes what is asked.
async function pay(at, path, { by = payer, signing, change = (payment) => payment, ...request } = {}) {
  const payment = change(await exactPayment(by, await offerOf(at, path), signing));
  return wireRequest(at.url + path, { ...request, headers: ["PAYMENT-SIGNATURE", encodeHeader(payment)] });
}

const header = (value) => () => wireRequest(`${gateway.url}/paid`, { headers: ["PAYMENT-SIGNATURE", value] });
function newcomer() {
  const key = generatePrivateKey();
  return { key, address: privateKeyToAddress(key) };
}

const signed = (authorization) => () => pay(gateway, "/paid", { signing: { authorization } });
const accepted = (fields) => () =>
  pay(gateway, "/paid", { change: (payment) => ({ ...payment, accepted: { ...payment.accepted, ...fields } }) });

async function usedElsewhere() {
  const payment = await exactPayment(payer, await offerOf(gateway, "/paid"));
  const headers = ["PAYMENT-SIGNATURE", encodeHeader(payment)];
  const first = await wireRequest(`${gateway.url}/paid`, { headers });
  assert.equal(first.status, 200);
  return wireRequest(`${gateway.url}/other`, { headers });
}

const TALKS = {
  "a path that is not sold": () => wireRequest(`${gateway.url}/nothing`),
  "a verb that is not sold": () => wireRequest(`${gateway.url}/paid`, { method: "DELETE" }),
  "a path with two readings": () => wireRequest(`${gateway.url}/a`, { path: "/a%2Fpaid" }),
  "a header that is no base64": header("%%%"),
  "a header that is no JSON": header(Buffer.from("hello").toString("base64")),
  "a long name twice": header(Buffer.from(`{"${LONG_NAME}":1,"${LONG_NAME}":2}`).toString("base64")),
  "a header without a payload": header(encodeHeader({ x402Version: 2, accepted: {} })),
  "a version of the future": header(encodeHeader({ x402Version: 3, accepted: {}, payload: {} })),
  "two payment headers": () =>
    wireRequest(`${gateway.url}/paid`, { headers: ["PAYMENT-SIGNATURE", "e30=", "PAYMENT-SIGNATURE", "e30="] }),
  "a smaller amount accepted": accepted({ amount: "1" }),
  "another recipient accepted": accepted({ payTo: ELSEWHERE }),
  "another network accepted": accepted({ network: "eip155:1" }),
  "another scheme accepted": accepted({ scheme: "upto" }),
  "a smaller amount signed": signed({ value: "1" }),
  "another recipient signed": signed({ to: ELSEWHERE }),
  "signed for the past": signed({ validBefore: "1000" }),
  "signed for the future": signed({ validAfter: "99999999998", validBefore: "99999999999" }),
  "signed for a moment": () => pay(gateway, "/paid", { signing: { authorization: { validBefore: soon(20) } } }),
  "signed by another": () => pay(gateway, "/paid", { by: { ...world.payers[1], key: payer.key } }),
  "signed for another domain": () => pay(gateway, "/paid", { signing: { domain: { chainId: 1 } } }),
  "a payer without money": () => pay(gateway, "/paid", { by: newcomer() }),
  "a payment used elsewhere": usedElsewhere,
  "an upstream that is down": () => pay(gateway, "/down"),
  "an upstream that is slow": () => pay(gateway, "/slow"),
  "an answer beyond the cap": () => pay(gateway, "/big"),
  "no facilitator": () => wireRequest(`${orphan.url}/paid`),
};

const pageOf = async (at) => (await wireRequest(`${at.admin}/metrics`)).bytes.toString();

function counted(before, after) {
  const key = ({ name, labels }) => `${name} ${JSON.stringify(labels)}`;
  const old = new Map(readMetrics(before).map((sample) => [key(sample), sample.value]));
  return readMetrics(after)
    .filter(({ name }) => REFUSALS.includes(name))
    .filter((sample) => sample.value > (old.get(key(sample)) ?? 0))
    .map(({ name, labels }) => `${name} ${labels.reason}`);
}

const linesOf = (at) => readFileSync(at.log, "utf8").split("\n").filter((line) => line.startsWith("{"));

// What is different in every run: addresses, times, hashes, ports.
function steady(value) {
  const text = JSON.stringify(value)
    .replace(/0x[0-9a-fA-F]{40,}/g, "0x..")
    .replace(/127\.0\.0\.1:\d+/g, "127.0.0.1:PORT")
    .replace(/\b1[789]\d{8}\b/g, "TIME")
    .replace(/\b\d+ s\b/g, "N s");
  return JSON.parse(text);
}

async function converse(name) {
  const at = name === "no facilitator" ? orphan : gateway;
  const before = await pageOf(at);
  const lines = linesOf(at).length;
  const got = await TALKS[name]();
  assert.ok(!`${got.bytes}`.includes("\ufffd"), "the answer is well-formed UTF-8");
  // A 402's body is the PAYMENT-REQUIRED object, whose `error` is the code alone.
  const error = got.status === 402 ? got.body.refusal : got.body.error;
  await eventually(async () => counted(before, await pageOf(at)).length > 0, { what: "a count of the refusal" });
  const logged = linesOf(at).slice(lines).map((line) => JSON.parse(line)).filter(({ code }) => code !== undefined);
  return steady({
    status: got.status,
    error,
    required: got.required?.error,
    response: got.settlement?.errorReason,
    retry: got.headers["retry-after"] !== undefined,
    cache: got.headers["cache-control"],
    log: logged.map(({ code }) => code),
    metric: counted(before, await pageOf(at)),
  });
}

for (const name of Object.keys(TALKS)) {
  test(name, async () => {
    const talk = (told[name] = await converse(name));
    const { code, message, next } = talk.error;
    assert.match(code, /^[a-z0-9_]+$/);
    assert.ok(message.length > 10 && next.length > 10, "a sentence and the next step");
    assert.ok(talk.metric.some((text) => text.endsWith(` ${code}`)), `the metric says ${talk.metric}, not ${code}`);
    if (talk.required !== undefined) assert.equal(talk.required, code, "PAYMENT-REQUIRED says the same");
    if (talk.response !== undefined) assert.equal(talk.response, code, "PAYMENT-RESPONSE says the same");
    for (const logged of talk.log) assert.equal(logged, code, "the log says the same");
    assert.ok(talk.status >= 400 && talk.cache === "no-store");
    if (talk.status === 409 || talk.status >= 500) assert.equal(talk.required, undefined, "no invitation to pay");
  });
}

test("the conversations are the golden ones", () => {
  if (process.env.GOLDEN === "write") writeFileSync(FILE, `${JSON.stringify(told, null, 2)}\n`);
  assert.deepEqual(JSON.parse(JSON.stringify(told)), JSON.parse(readFileSync(FILE, "utf8")));
});
