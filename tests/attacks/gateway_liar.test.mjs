// SPDX-License-Identifier: Apache-2.0
//
// Facilitators that lie, stammer or speak another dialect, and one that nobody may use. What is no
// judgement hands out nothing and invites nobody to sign again; what is pending gets its answer with the
// same payment; a URL that anybody on the way could read is refused before anything starts.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { gzipSync } from "node:zlib";
import { encodeFunctionData, parseAbi } from "viem";
import { startWorld } from "../devnet/world.mjs";
import { runRefClient } from "../interop/roles.mjs";
import { Chain } from "../lib/chain.mjs";
import { eventually } from "../lib/check.mjs";
import { FAST, brief, isServed, metric, payerOf, startLiar, valid } from "../lib/gw_kit.mjs";
import { House, houseOf } from "../lib/house.mjs";
import { exactPayment } from "../lib/payments.mjs";
import { toToml } from "../lib/toml.mjs";
import { payFor, sendPaid, startRelay, startUpstream, wireRequest } from "../lib/wire.mjs";
import { gatewayConfig, newFolder, paidRoute, startFacilitator, startGateway, x402 } from "../lib/x402bin.mjs";

const TX = `0x${"ab".repeat(32)}`;
const JSON_TYPE = { "content-type": "application/json" };
const house = new House();
let world, chain, upstream, liar, gateway, payers;
let rows; // payer -> (count) => answer to /settle
let calls; // payer -> the requests to /settle

before(async () => {
  world = await house.add(startWorld({ payers: 150 }));
  chain = new Chain(world);
  payers = world.payers[Symbol.iterator]();
  upstream = await house.add(startUpstream((request, response) => response.end(`SECRET ${request.url}`)));
  liar = await house.add(startLiar(world, {}));
  const routes = [paidRoute(world, { match: "GET /after" }), paidRoute(world, { match: "GET /before",
    settle: "before" })];
  gateway = await house.add(startGateway(world, {
    upstream: upstream.url, facilitators: [liar.url], routes, config: { pending_wait: "1s" } }));
  rows = new Map();
  calls = new Map();
});

beforeEach(() => {
  liar.say = { verify: () => valid, settle: settleByRow };
});

after(() => house.close());

const nextPayer = () => payers.next().value;
const at = (path) => `${gateway.url}${path}`;
const good = (more) => ({ success: true, transaction: TX, network: world.network, amount: "1000", ...more });
const failed = (errorReason, more) =>
  ({ success: false, transaction: "", network: world.network, errorReason, ...more });

// Settlements go on being asked for in the background, so each payer has a row of its own.
function settleByRow(asked, request) {
  const payer = payerOf(asked);
  const list = calls.get(payer) ?? [];
  list.push({ asked: JSON.stringify(asked), key: request.headers["idempotency-key"] });
  calls.set(payer, list);
  return rows.get(payer)(list.length);
}

const text = (body, more) => ({ body, headers: JSON_TYPE, ...more });
const http = (head, body) => ({ raw: `HTTP/1.1 ${head}\r\nContent-Type: application/json\r\n${body}` });

// Answers of /verify that judge nothing. Each contains a "yes" for a lazy reader.
const NO_VERDICT = {
  "nothing": text(""),
  "no isValid": { body: { payer: "0x1" } },
  "isValid as text": { body: { isValid: "true" } },
  "isValid as a number": { body: { isValid: 1 } },
  "isValid null": { body: { isValid: null } },
  "isValid inside": { body: { data: { isValid: true } } },
  "in other letters": { body: { isvalid: true, IsValid: true, is_valid: true } },
  "isValid twice": text('{"isValid":false,"isValid":true}'),
  "valid and a reason": { body: { isValid: true, invalidReason: "insufficient_funds" } },
  "valid with 500": { status: 500, body: { isValid: true } },
  "valid with 402": { status: 402, body: { isValid: true } },
  "an array of it": { body: [{ isValid: true }] },
  "two documents": text('{"isValid":true}{"isValid":true}'),
  "a byte order mark": text('\ufeff{"isValid":true}'),
  "a comment": text('{"isValid":true /* yes */}'),
  "10,000 levels": text(`{"isValid":true,"a":${"[".repeat(10_000)}${"]".repeat(10_000)}}`),
  "too large": { body: { isValid: true, a: "x".repeat(300 * 1024) } },
  "half of it": http("200 OK", 'Content-Length: 99\r\nConnection: close\r\n\r\n{"isValid":true}'),
  "a broken chunk": http("200 OK", 'Transfer-Encoding: chunked\r\n\r\nzz\r\n{"isValid":true}\r\n0\r\n\r\n'),
  "no HTTP": { raw: '{"isValid":true}\n' },
};

test("attack 9: an answer of /verify that judges nothing is 5xx of the infrastructure, and no work is done",
    async (t) => {
  const runs = upstream.seen.length;
  for (const [name, answer] of Object.entries(NO_VERDICT)) {
    await t.test(name, async () => {
      liar.say.verify = () => answer;
      const got = await payFor(at("/after"), nextPayer());
      assert.ok([502, 503].includes(got.status), brief(got));
      assert.match(got.body.error.code, /^facilitator_(garbled|unavailable)$/, "a code of the infrastructure");
      assert.ok(Number(got.headers["retry-after"]) >= 1);
      assert.equal(got.required, undefined, "the payer is not blamed");
    });
  }
  assert.equal(upstream.seen.length, runs);
});

// Answers of /settle that are no success. "failed": a judgement, so the payer may sign again; otherwise
// money may have moved, and nobody may be invited to sign again.
const NO_SUCCESS = {
  "success:false and no more (RS#65)": ["any", () => ({ body: { success: false } })],
  "success:false and a reason": ["failed", () => ({ body: failed("insufficient_funds") })],
  "no success": ["open", () => ({ body: good({ success: undefined }) })],
  "success as text": ["open", () => ({ body: good({ success: "true" }) })],
  "success as a number": ["open", () => ({ body: good({ success: 1 }) })],
  "success null": ["open", () => ({ body: good({ success: null }) })],
  "success in an array": ["open", () => ({ body: good({ success: [true] }) })],
  "success inside": ["open", () => ({ body: { data: good() } })],
  "Success in other letters": ["open", () => ({ body: { ...good({ success: undefined }), Success: true } })],
  "success twice": ["open", () => text(`{"success":false,${JSON.stringify(good()).slice(1)}`)],
  "an empty transaction": ["open", () => ({ body: good({ transaction: "" }) })],
  "no transaction": ["open", () => ({ body: good({ transaction: undefined }) })],
  "a transaction that is a number": ["open", () => ({ body: good({ transaction: 7 }) })],
  "a transaction that is null": ["open", () => ({ body: good({ transaction: null }) })],
  "another network": ["open", () => ({ body: good({ network: "eip155:8453" }) })],
  "no network": ["open", () => ({ body: good({ network: undefined }) })],
  "less than the amount": ["open", () => ({ body: good({ amount: "1" }) })],
  "more than the amount": ["open", () => ({ body: good({ amount: "1000000" }) })],
  "an amount that is a number": ["open", () => ({ body: good({ amount: 1000 }) })],
  "success beside a reason": ["open", () => ({ body: good({ errorReason: "insufficient_funds" }) })],
  "success with 500": ["open", () => ({ status: 500, body: good() })],
  "success with 402": ["open", () => ({ status: 402, body: good() })],
  "success with a redirect": ["open", () => ({ status: 302, body: good(), headers: { location: "/settle2" } })],
  "an array of it": ["open", () => ({ body: [good()] })],
  "two documents": ["open", () => text(JSON.stringify(good()).repeat(2))],
  "text": ["open", () => text("success")],
  "true": ["open", () => text("true")],
  "of another payer": ["open", () => ({ body: good({ payer: TX.slice(0, 42) }) })],
  "of no payer's shape": ["open", () => ({ body: good({ payer: "0x0" }) })],
  "HTML": ["open", () => ({ body: "<html>success: true</html>", headers: { "content-type": "text/html" } })],
  "503 HTML": ["open", () => ({ status: 503, body: "<html>busy</html>", headers: { "content-type": "text/html" } })],
  "204": ["open", () => ({ status: 204, body: "", headers: {} })],
  "half of it": ["open", () => http("200 OK",
    `Content-Length: 9999\r\nConnection: close\r\n\r\n${JSON.stringify(good())}`)],
  "packed without being asked": ["open", () => ({ body: gzipSync(JSON.stringify(good())), headers: JSON_TYPE })],
  "too large": ["open", () => ({ body: good({ extra: { x: "x".repeat(300 * 1024) } }) })],
  "10,000 levels": ["open", () => text(
    `${JSON.stringify(good()).slice(0, -1)},"a":${"[".repeat(10_000)}${"]".repeat(10_000)}}`)],
  "a cut": ["open", () => "cut"],
  "silence": ["open", () => "hang"],
  "a cut, then success:false": ["open", (count) => (count > 1 ? { body: failed("insufficient_funds") } : "cut")],
  "500, then nonce already used": ["open", (count) => (count > 1
    ? { body: failed("invalid_exact_evm_nonce_already_used") } : { status: 500, body: { error: "x" } })],
};

// Fails when a lenient reading of any field counts as success, or an open outcome as failure.
for (const path of ["/after", "/before"]) {
  test(`attack 9: ${path}: what is no success of /settle grants nothing`, { concurrency: 40 }, async (t) => {
    await Promise.all(Object.entries(NO_SUCCESS).map(([name, [kind, answer]]) => t.test(name, async () => {
      const payer = nextPayer();
      rows.set(payer.address, answer);
      const got = await payFor(at(path), payer);
      assert.equal(isServed(got), false, brief(got));
      const isJudged = got.status === 402;
      if (kind !== "any") assert.equal(isJudged, kind === "failed", brief(got));
      if (isJudged) return assert.ok(got.required.accepts.length > 0);
      assert.ok([409, 502, 503].includes(got.status), brief(got));
      assert.equal(got.required, undefined, "no invitation to sign another");
      assert.ok(Number(got.headers["retry-after"]) >= 1, "it may be sent again");
      const again = await sendPaid(at(path), got.payment);
      assert.ok(!isServed(again) && [409, 502, 503].includes(again.status), brief(again));
      assert.equal(again.required, undefined);
    })));
  });
}

// Fails when a retry is another settlement, or when an open one is forgotten once it is told.
test("attack 9: every repeat of an open settlement is the same call; once it is judged, the same payment is served",
    { concurrency: 10 }, async (t) => {
  const first = { "a cut": () => "cut", "HTML": NO_SUCCESS.HTML[1], "success as text": NO_SUCCESS["success as text"][1],
    "503 HTML": NO_SUCCESS["503 HTML"][1] };
  await Promise.all(Object.entries(first).map(([name, answer]) => t.test(name, async () => {
    const payer = nextPayer();
    rows.set(payer.address, answer);
    const got = await payFor(at("/after"), payer);
    assert.equal(got.status, 409, brief(got));
    rows.set(payer.address, () => ({ body: good() }));
    const served = await eventually(async () => {
      const answered = await sendPaid(at("/after"), got.payment);
      return answered.status === 200 && answered;
    }, { deadlineMs: 20_000, everyMs: 100, what: "the answer" });
    assert.ok(isServed(served));
    const all = calls.get(payer.address);
    assert.ok(all.length > 1);
    assert.equal(new Set(all.map(({ asked }) => asked)).size, 1, "the same words");
    assert.deepEqual([...new Set(all.map(({ key }) => key))].length, 1, "the same key");
    assert.match(all[0].key, /^[0-9a-f]{32}$/);
  })));
});

// One row a dialect: what the facilitator says until the third call.
const PENDING = {
  "CDP: 500 and settlement_pending": () => ({ status: 500, body: failed("settlement_pending", { transaction: TX }) }),
  "PayAI: 200 and settlement_pending": () => ({ status: 200, body: failed("settlement_pending", { transaction: TX }) }),
  "202 and settlement_pending": () => ({ status: 202, body: failed("settlement_pending", { transaction: TX }) }),
  "409 and settlement_pending": () => ({ status: 409, body: failed("settlement_pending", { transaction: TX }) }),
  "PayAI's edge: 503 HTML": () => ({ status: 503, body: "<html>busy</html>",
    headers: { "content-type": "text/html" } }),
  "429": () => ({ status: 429, body: "slow down", headers: { "retry-after": "1" } }),
};

// Fails when pending is told as 402 (an invitation to pay twice), as success, or is not asked for again.
test("attack 10: pending is 409 with Retry-After and without offers, and the same payment then gets its answer",
    { concurrency: 10 }, async (t) => {
  await Promise.all(Object.entries(PENDING).map(([name, pending]) => t.test(name, async () => {
    const payer = nextPayer();
    rows.set(payer.address, pending);
    const got = await payFor(at("/after"), payer);
    assert.equal(got.status, 409, brief(got));
    assert.equal(got.body.error.code, "settlement_pending");
    assert.ok(Number(got.headers["retry-after"]) >= 1);
    assert.deepEqual([got.required, isServed(got)], [undefined, false]);
    assert.deepEqual([got.settlement.success, got.settlement.errorReason], [false, "settlement_pending"]);
    if (name.includes("settlement_pending")) assert.equal(got.settlement.transaction, TX, "the transaction is told");
    rows.set(payer.address, () => ({ body: good() }));
    const served = await eventually(async () => {
      const answered = await sendPaid(at("/after"), got.payment);
      assert.notEqual(answered.status, 402, brief(answered));
      return answered.status === 200 && answered;
    }, { deadlineMs: 20_000, everyMs: 100, what: "the answer" });
    assert.ok(isServed(served));
    assert.equal(new Set(calls.get(payer.address).map(({ key }) => key)).size, 1);
  })));
});

// Negative answers that say "sent, and I do not know": the codes are those of facilitators in the field.
const UNSURE = {
  "Go: sent, the receipt was not to be had": () => failed("invalid_exact_evm_failed_to_get_receipt",
    { transaction: TX }),
  "Go: the send broke": () => failed("invalid_exact_evm_failed_to_execute_transfer"),
  "a code of its own beside a transaction": () => failed("receipt_wait_timed_out", { transaction: TX }),
  "no code beside a transaction": () => ({ ...failed(undefined), transaction: TX }),
  "unexpected_settle_error": () => failed("unexpected_settle_error", { transaction: TX }),
};

// Fails when a transaction that may still be mined is told as failure: the invitation to sign again is then
// an invitation to pay twice.
test("attack 10: success:false that leaves open whether it was sent is no failure", { concurrency: 10 }, async (t) => {
  await Promise.all(Object.entries(UNSURE).map(([name, bodyOf]) => t.test(name, async () => {
    const payer = nextPayer();
    rows.set(payer.address, () => ({ body: bodyOf() }));
    const got = await payFor(at("/after"), payer);
    assert.deepEqual([got.status, got.required, isServed(got)], [409, undefined, false], brief(got));
  })));
});

// The same to its end, with real money: the facilitator's transaction is mined, its answer says that it has
// no receipt, and the buyer does what the gateway tells it.
test("attack 10: a facilitator that sends, has no receipt and says success:false: the buyer does not pay twice",
    async (t) => {
  const parts = houseOf(t);
  const facilitator = await parts.add(startFacilitator(world, { network: FAST,
    signers: [world.accounts.facilitator2] }));
  const relay = await parts.add(startRelay(facilitator.url));
  let settles = 0;
  relay.decide = async ({ url, body, headers }) => {
    if (url.startsWith("/settlements/")) return { status: 404, body: "{}", headers: JSON_TYPE };
    if (url !== "/settle" || ++settles > 1) return "pass";
    const told = await (await fetch(`${facilitator.url}/settle`, { method: "POST", body,
      headers: { "content-type": "application/json", "idempotency-key": headers["idempotency-key"] } })).json();
    assert.equal(told.success, true);
    return { status: 200, headers: JSON_TYPE,
      body: JSON.stringify(failed("invalid_exact_evm_failed_to_get_receipt", { transaction: told.transaction })) };
  };
  const there = await parts.add(startGateway(world, { upstream: upstream.url, facilitators: [relay.url],
    config: { pending_wait: "1s" } }));
  const payer = nextPayer();
  let got;
  for (let i = 0; i < 2 && got?.status !== 200; ++i)
    got = await runRefClient(`${there.url}/weather`, { key: payer.key });
  assert.deepEqual([got.status, got.body], [200, "SECRET /weather"], JSON.stringify(got));
  assert.equal((await chain.transfers({ from: payer.address })).length, 1, "transfers for one thing that was wanted");
});

// ---------------------------------------------------------------- 44

async function check(facilitators) {
  const dir = newFolder("check");
  const { config, env } = gatewayConfig(world, { upstream: upstream.url, facilitators: ["http://127.0.0.1:1"] });
  writeFileSync(join(dir, "gateway.toml"), toToml({ ...config, facilitators }));
  return x402(["gateway", "--config", join(dir, "gateway.toml"), "--check"], { env, cwd: dir });
}

// Fails when a token and payments could be sent in clear text to another machine by a slip of the pen.
test("attack 44: plain http to a facilitator on another machine is refused before anything starts", async (t) => {
  const bad = ["http://facilitator.example", "http://10.0.0.7:4020", "http://127.0.0.1.evil.example",
    "http://localhost.evil.example", "http://127.0.0.1@evil.example", "http://evil.example#127.0.0.1",
      "HTTP://evil.example",
    "http://[::ffff:10.0.0.7]", "http://0x7f.evil.example", "ftp://facilitator.example", "file:///etc/passwd",
    "facilitator.example", "https://"];
  for (const url of bad) {
    await t.test(url, async () => {
      const { code, stderr, stdout } = await check([url]);
      assert.notEqual(code, 0, stdout);
      assert.match(stderr + stdout, /gateway\.toml:\d+/, "the place is named");
    });
  }
  for (const good of ["https://facilitator.example", "http://127.0.0.1:4020", "http://localhost:4020",
    { url: "http://facilitator.example", insecure: true }]) {
    const { code, stderr } = await check([good]);
    assert.equal(code, 0, `${JSON.stringify(good)}: ${stderr}`);
  }
});

// The payer's own transaction, or anybody's: it proves no settlement of ours.
async function settleAsStranger({ payload: { authorization, signature } }) {
  const { from, to, value, validAfter, validBefore, nonce } = authorization;
  const abi = parseAbi(["function transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,bytes)"]);
  const args = [from, to, BigInt(value), BigInt(validAfter), BigInt(validBefore), nonce, signature];
  return world.transact({ to: world.usdc, data: encodeFunctionData({ abi, args }) });
}

// Fails when "the authorization is used" is taken for "we were paid": the proof is a transfer of that
// facilitator's own signers after our intent.
test("attack 44: after an open settlement neither a fake transaction nor a stranger's transfer is proof", async () => {
  const fake = nextPayer();
  const unsettled = (count) => (count > 1
    ? { body: failed("invalid_exact_evm_nonce_already_used", { transaction: TX }) } : "cut");
  rows.set(fake.address, unsettled);
  const first = await payFor(at("/after"), fake);
  assert.equal(first.status, 409, brief(first));
  const stranger = nextPayer();
  rows.set(stranger.address, unsettled);
  const second = await payFor(at("/after"), stranger);
  await settleAsStranger(second.payment);
  assert.equal((await chain.transfers({ from: stranger.address })).length, 1);
  await world.mine(80); // all of it is final
  for (const { payment } of [first, second]) {
    for (let i = 0; i < 3; ++i) {
      const got = await sendPaid(at("/after"), payment);
      assert.deepEqual([got.status, isServed(got), got.required], [409, false, undefined], brief(got));
    }
  }
});

// Whoever is configured as facilitator is believed when it says success; its lie buys one answer and no
// more. Fails when the lie is granted twice, or is not left in the books for the operator to compare.
test("attack 44: a success with a transaction that does not exist buys one answer, and is written down", async () => {
  const payer = nextPayer();
  const lie = `0x${"de".repeat(32)}`;
  rows.set(payer.address, () => ({ body: good({ transaction: lie }) }));
  const runs = upstream.seen.length;
  const revenue = () => metric(gateway, "x402_revenue_atomic_total", { route: "GET /after" });
  const before = await revenue();
  const got = await payFor(at("/after"), payer);
  assert.equal(got.status, 200, brief(got));
  assert.equal(got.settlement.transaction, lie, "the transaction is told as it was given");
  assert.equal((await revenue()) - before, 1000);
  for (let i = 0; i < 3; ++i) assert.equal((await sendPaid(at("/after"), got.payment)).settlement.transaction, lie);
  const again = await exactPayment(payer, (await wireRequest(at("/after"))).required.accepts[0], {
    authorization: { nonce: got.payment.payload.authorization.nonce } });
  assert.equal((await sendPaid(at("/after"), again)).status, 409, "the same authorization buys nothing more");
  assert.equal(upstream.seen.length - runs, 1);
  assert.equal((await chain.transfers({ from: payer.address })).length, 0);
});
