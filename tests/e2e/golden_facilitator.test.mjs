// SPDX-License-Identifier: Apache-2.0
//
// Golden conversations of the facilitator: every refusal that a caller can provoke over HTTP, whole,
// as it stands in status, headers, body, log and metrics. One code in all of them, a sentence, the
// field where there is one, and the next step. GOLDEN=write writes tests/golden/facilitator.json
// anew; read the difference before it is committed.

import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { account, startWorld } from "../devnet/world.mjs";
import { House } from "../lib/house.mjs";
import { askFacilitator, exactPayment, exactRequirements } from "../lib/payments.mjs";
import { ROOT } from "../lib/proc.mjs";
import { readMetrics, wireRequest } from "../lib/wire.mjs";
import { askWhileItStops, cancel, startSites } from "./golden_facilitator_sites.mjs";
import { ELSEWHERE, TALKS, UNPROVOKED } from "./golden_facilitator_talks.mjs";

const FILE = join(ROOT, "tests/golden/facilitator.json");
const HEADERS = ["content-type", "cache-control", "allow", "retry-after", "www-authenticate", "x402-payment-key",
  "x402-reason"];
// No single member of the request is to blame.
const WITHOUT_FIELD = ["temporarily_unavailable", "budget_exhausted", "server_stopping", "settlement_pending",
  "duplicate_settlement", "invalid_exact_evm_transaction_simulation_failed", "invalid_exact_evm_transaction_failed"];
const STOP = "a facilitator that stops";
const house = new House();
const told = {};
const names = new Map(); // what differs in every run: lower-case text -> the name that stands for it
let world, sites, terms, people, stopped;

before(async () => {
  world = await house.add(startWorld({ payers: 6, facilitators: 6 }));
  sites = await startSites(world, house);
  terms = exactRequirements(world, { payTo: world.accounts.merchant.address });
  people = { ...world.accounts, pauper: account("pauper") };
  const feeToken = await world.deployToken("FeeToken");
  await world.mint(people.payer1.address, 1_000_000, feeToken);
  for (const [name, { address }] of Object.entries(people)) call(address, name);
  for (const [name, address] of Object.entries({ usdc: world.usdc, multicall3: world.multicall3, elsewhere: ELSEWHERE,
    "fee token": feeToken })) call(address, name);
  stopped = askWhileItStops(sites.stopping, [people.payer4, people.payer5], terms);
  stopped.catch(() => {}); // its test tells
});

after(() => house.close());

const call = (text, name) => names.set(text.toLowerCase(), `<${name}>`);
const addressOf = (name) => [...names].find(([, known]) => known === name)?.[0] ?? name;

// null takes a member away.
function changed(value, change = {}) {
  const all = { ...value, ...change };
  return Object.fromEntries(Object.entries(all).filter(([key]) => change[key] !== null));
}

const V1_MEMBERS = { resource: "https://api.test/weather", description: "weather", mimeType: "application/json" };

function v1Terms({ scheme, amount, payTo, maxTimeoutSeconds, asset, extra }) {
  const own = { scheme, network: "base-sepolia", maxAmountRequired: amount, payTo, maxTimeoutSeconds, asset, extra };
  return { ...own, ...V1_MEMBERS };
}

function bodyIn(version, payment, asked, bend) {
  const v1 = { x402Version: 1, scheme: "exact", network: "base-sepolia", payload: payment.payload };
  const paymentPayload = changed(version === 1 ? v1 : payment, bend.payment);
  const paymentRequirements = changed(version === 1 ? v1Terms(asked) : asked, bend.asked);
  return changed({ x402Version: version, paymentPayload, paymentRequirements }, bend.request);
}

// A payment that is good but for its bend, and the good one with the same signature.
async function bodyOf(bend) {
  const { by = "payer1", key = by, signed, domain } = bend;
  const own = { ...terms, ...bend.terms };
  own.asset = addressOf(own.asset);
  const payer = { address: people[by].address, key: people[key].key };
  const payment = await exactPayment(payer, own, { authorization: signed, domain });
  call(payment.payload.authorization.nonce, "nonce");
  call(payment.payload.signature, "signature");
  const authorization = changed(payment.payload.authorization, bend.authorization);
  const bent = { ...payment, accepted: changed(own, bend.accepted) };
  bent.payload = changed({ ...payment.payload, authorization }, bend.sent);
  return { payer, payment, body: bodyIn(bend.v1 ? 1 : 2, bent, own, bend) };
}

const settle = (site, payment) => askFacilitator(site.url, "settle", payment);

async function settled({ payment }) {
  const { body } = await settle(sites.open, payment);
  assert.equal(body.success, true, JSON.stringify(body));
  call(body.transaction, "transaction");
}

// What happens before a conversation; the good payment is at hand.
const FIRST = {
  "it is settled": settled,
  "it is settled and final": async (good) => {
    await settled(good);
    await world.mine(70);
  },
  "the payer cancels": async ({ payer, payment }) => {
    await cancel(world, payer, payment);
    await world.mine(70);
  },
  "the payer will cancel": ({ payer, payment }) => {
    sites.betrayed.relay.victim = { payer, payment };
  },
  "spend the burst": async () => {
    for (let i = 0; i < 200; ++i) if ((await wireRequest(`${sites.hasty.url}/supported`)).status === 429) return;
    assert.fail("a burst without an end");
  },
  "another payer's payment stays undecided": async () => {
    const { body } = await settle(sites.crowd, await exactPayment(people.payer2, terms));
    assert.equal(body.errorReason, "settlement_pending");
  },
  "the network falls silent": () => {
    sites.dead.relay.decide = () => "drop";
  },
};

const linesOf = (site) => readFileSync(site.log, "utf8").split("\n").filter((line) => line.startsWith("{"));
const pageOf = async (site) => (await wireRequest(`${site.url}/metrics`)).bytes.toString();

async function counts(site) {
  const samples = readMetrics(await pageOf(site)).filter(({ name }) => name === "x402_refused_total");
  return new Map(samples.map(({ labels, value }) => [`${labels.route} ${labels.reason}`, value]));
}

const added = (before, after) =>
  [...after].filter(([key, value]) => value !== (before.get(key) ?? 0)).map(([key, value]) =>
    `${key} +${value - (before.get(key) ?? 0)}`);

function refusedIn(lines) {
  const events = lines.map((line) => JSON.parse(line)).filter(({ event }) => event === "refused");
  return events.map(({ level, route, code, payment }) => ({ level, route, code, payment }));
}

const shownHeaders = (headers) =>
  Object.fromEntries(HEADERS.filter((name) => headers[name] !== undefined).map((name) => [name, headers[name]]));

async function exchange(site, line, { headers = [], body }) {
  const [method, path] = line.split(" ");
  const counted = await counts(site);
  const written = linesOf(site).length;
  const sent = method === "GET" ? {} : { body };
  const got = await wireRequest(site.url, { method, path, headers, ...sent });
  assert.ok(!`${got.bytes}`.includes("\ufffd"), "the answer is well-formed UTF-8");
  if (got.body.transaction) call(got.body.transaction, "transaction");
  return {
    request: line,
    status: got.status,
    headers: shownHeaders(got.headers),
    body: got.body,
    log: refusedIn(linesOf(site).slice(written)),
    metric: added(counted, await counts(site)),
  };
}

// The names in place of what differs in every run.
function steady(value) {
  let text = JSON.stringify(value, (_, member) => (typeof member === "bigint" ? `${member}` : member));
  for (const [known, name] of names) text = text.replace(new RegExp(known, "gi"), name);
  return JSON.parse(text
    .replace(/0x[0-9a-fA-F]{64}\b/g, "<hash>")
    .replace(/\b(1[7-9]|2\d)\d{8}\b/g, "<time>")
    .replace(/k{1025}/g, "<1025 times k>"));
}

async function converse(name) {
  const bend = typeof TALKS[name] === "function" ? TALKS[name]() : TALKS[name];
  const { site = "open", ask = ["POST /verify", "POST /settle"], first, shown, headers, text, ...layers } = bend;
  const good = await bodyOf(bend);
  const request = { headers, body: text ?? JSON.stringify(good.body) };
  let answers;
  do {
    if (first) await FIRST[first](good);
    answers = [];
    for (const line of ask) answers.push(await exchange(sites[site], line, request));
  } while (first === "spend the burst" && answers[0].status === 200); // a slow machine earns a request meanwhile
  const bent = { site, first, headers: shown ? undefined : headers, text: shown ? undefined : text, shown, ...layers };
  return steady({ bent, answers });
}

// The code, and the whole refusal beside it, of a body of each dialect.
function refusalIn({ status, body }) {
  if (status !== 200) return { code: body.error.code, error: body.error };
  const code = body.isValid === false ? body.invalidReason : body.errorReason;
  return { code, error: body.extra.error, sentence: body.invalidMessage ?? body.errorMessage };
}

function assertWhole(answer) {
  const { status, headers, body, log, metric } = answer;
  const { code, error, sentence = error.message } = refusalIn(answer);
  const what = JSON.stringify(answer);
  assert.match(code, /^[a-z0-9_]+$/, what);
  assert.equal(error.code, code, what);
  assert.ok(error.message.length > 10 && sentence.length > 10, `a sentence: ${what}`);
  assert.ok(error.next?.length > 10, `the next step: ${what}`);
  assert.equal(typeof error.retryable, "boolean");
  const door = status === 429 && error.field === undefined;
  if (!WITHOUT_FIELD.includes(code) && !door) assert.ok(error.field, `the field: ${what}`);
  assert.equal(headers["x402-reason"], code, "the header says the same");
  assert.deepEqual(log.map((line) => line.code), [code], "the log says the same, once");
  const route = log[0].route;
  if (metric) assert.deepEqual(metric, [`${route} ${code} +1`], "the metric says the same, once");
  assert.equal(headers["cache-control"], "no-store");
  assert.equal(headers["content-type"], "application/json");
  const judged = body.isValid === false || body.success === false;
  assert.equal(judged, status === 200, "only a judgement is 200, and only 200 is a judgement");
  const waits = [429, 503].includes(status) || code === "settlement_pending";
  assert.equal(Number(headers["retry-after"]) >= 1, waits, what);
  assert.equal(error.retryable || !waits, true, what);
  assert.equal(headers.allow !== undefined, status === 405);
  assert.equal(headers["www-authenticate"], status === 401 ? "Bearer" : undefined);
}

for (const name of Object.keys(TALKS)) {
  test(name, async () => {
    const talk = (told[name] = await converse(name));
    for (const answer of talk.answers) assertWhole(answer);
    // What is no judgement of the same payment is the same word in both doors.
    const codes = new Set(talk.answers.map((answer) => refusalIn(answer).code));
    const both = talk.answers.length === 2 && !talk.bent.first?.startsWith("it is settled");
    if (both) assert.equal(codes.size, 1, `one code: ${[...codes]}`);
  });
}

test(STOP, async () => {
  const { status, headers, body } = await stopped;
  const log = refusedIn(linesOf(sites.stopping).filter((line) => line.includes("server_stopping")));
  const answer = { request: "POST /settle", status, headers: shownHeaders(headers), body, log };
  const bent = { site: "stopping", first: "the request was let in, and the stop did not wait for it" };
  told[STOP] = steady({ bent, answers: [answer] });
  assertWhole(answer); // nobody is let in any more to read the metrics
  await sites.stopping.kill();
});

test("a content type that says something else is no refusal", async () => {
  const { body } = await bodyOf({});
  for (const type of ["text/plain", "application/x-www-form-urlencoded", "nonsense"]) {
    const request = { method: "POST", headers: ["Content-Type", type], body: JSON.stringify(body) };
    const answer = await wireRequest(`${sites.open.url}/verify`, request);
    assert.deepEqual([answer.status, answer.body.isValid, answer.headers["x402-reason"]], [200, true, undefined]);
  }
});

test("what is asked with HEAD is refused with the same status and header, without a body", async () => {
  const got = await wireRequest(`${sites.open.url}/settlements/eip3009~nobody`, { method: "HEAD" });
  assert.deepEqual([got.status, got.headers["x402-reason"], got.bytes.length], [404, "settlement_not_found", 0]);
});

// One line for what fits into one: a refusal is read beside its neighbours.
function laidOut(value, indent = "") {
  const flat = JSON.stringify(value);
  if (typeof value !== "object" || value === null || indent.length + flat.length <= 200) return flat;
  const more = `${indent}  `;
  const isList = Array.isArray(value);
  const members = Object.entries(value).map(([key, member]) =>
    `${more}${isList ? "" : `${JSON.stringify(key)}: `}${laidOut(member, more)}`);
  const [open, close] = isList ? "[]" : "{}";
  return `${open}\n${members.join(",\n")}\n${indent}${close}`;
}

test("the conversations are the golden ones", () => {
  if (process.env.GOLDEN === "write") writeFileSync(FILE, `${laidOut(JSON.parse(JSON.stringify(told)))}\n`);
  assert.deepEqual(JSON.parse(JSON.stringify(told)), JSON.parse(readFileSync(FILE, "utf8")));
});

function wireCodes() {
  const rows = readFileSync(join(ROOT, "x402/protocol/reasons.def"), "utf8");
  return new Map([...rows.matchAll(/^X402_REASON\((\w+), "(\w+)"/gm)].map(([, name, wire]) => [name, wire]));
}

// The facilitator's own sources and the facilitator's side of its chain.
function namedInSources() {
  const reasons = wireCodes();
  const folders = ["x402/facilitator", "x402/chains/evm", "x402/chains/evm/exact", "x402/schemes"];
  const files = folders.flatMap((folder) => readdirSync(join(ROOT, folder)).map((file) => join(ROOT, folder, file)));
  const ours = files.filter((file) => /\.[ch]pp$/.test(file) && !/_test\.cpp$|\/test_|\/(client|server)\.cpp$/.test(file));
  const found = ours.flatMap((file) => [...readFileSync(file, "utf8").matchAll(/\bReason::(\w+)/g)]);
  return new Set(found.map(([, name]) => reasons.get(name)));
}

test("every reason that the sources can name is in a golden conversation, or it is said why not", () => {
  const golden = JSON.parse(readFileSync(FILE, "utf8"));
  const provoked = new Set(Object.values(golden).flatMap(({ answers }) => answers.map((answer) => refusalIn(answer).code)));
  const named = namedInSources();
  assert.ok(named.size > 30 && !named.has(undefined), `${named.size} reasons were found`);
  assert.deepEqual([...named].filter((code) => !provoked.has(code) && !(code in UNPROVOKED)), [], "neither shown nor excused");
  assert.deepEqual(Object.keys(UNPROVOKED).filter((code) => provoked.has(code) || !named.has(code)), [], "excused in vain");
});
