// SPDX-License-Identifier: Apache-2.0
//
// A gateway whose facilitators lie, stutter, forget or die. Without a settlement that makes sense
// nothing is handed out; what may have been settled is never called failed, and is proven by the
// chain where the facilitator cannot say it.

import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { startWorld } from "../devnet/world.mjs";
import { Chain } from "../lib/chain.mjs";
import { eventually } from "../lib/check.mjs";
import { House, houseOf } from "../lib/house.mjs";
import { exactPayment, exactRequirements } from "../lib/payments.mjs";
import { payFor, sendPaid, startRelay, startUpstream, wireRequest } from "../lib/wire.mjs";
import { paidRoute, startFacilitator, startGateway } from "../lib/x402bin.mjs";

const FAST = { poll: "20ms" };
const house = new House();
let world, chain, upstream, fake, gateway, payers;
let say; // what the fake facilitator answers: { verify, settle }, each (request body) => answer

before(async () => {
  world = await house.add(startWorld({ payers: 100 }));
  chain = new Chain(world);
  payers = world.payers[Symbol.iterator]();
  upstream = await house.add(startUpstream((_request, response) => response.end("SECRET")));
  fake = await house.add(startUpstream(answerAsFacilitator));
  const routes = [paidRoute(world), paidRoute(world, { match: "GET /first", settle: "before" })];
  gateway = await house.add(startGateway(world, {
    upstream: upstream.url, facilitators: [fake.url], routes, config: { pending_wait: "1s" } }));
});

beforeEach(() => (say = { verify: () => ({ body: { isValid: true, payer: "0x" } }) }));
after(() => house.close());

const nextPayer = () => payers.next().value;
const secret = ({ bytes }) => bytes.toString().includes("SECRET");

async function answerAsFacilitator(request, response, body) {
  const kinds = [{ x402Version: 2, scheme: "exact", network: world.network }];
  const signers = { "eip155:*": [world.accounts.facilitator1.address] };
  let answer = { status: 404, body: {} };
  if (request.url === "/supported") answer = { body: { kinds, extensions: [], signers } };
  if (request.url === "/verify") answer = say.verify(JSON.parse(body));
  if (request.url === "/settle") answer = say.settle?.(JSON.parse(body)) ?? "cut";
  if (answer === "hang") return;
  if (answer === "cut") return response.destroy();
  const { status = 200, body: told, headers = { "content-type": "application/json" } } = answer;
  response.writeHead(status, headers);
  response.end(typeof told === "string" ? told : JSON.stringify(told));
}

const html = { "content-type": "text/html" };
const TX = `0x${"ab".repeat(32)}`;

const VERIFY_TROUBLE = {
  "an empty object": { body: {} },
  "isValid as text": { body: { isValid: "true" } },
  "an array": { body: [] },
  "half a JSON": { body: '{"isValid":tr' },
  "HTML": { status: 200, body: "<html>ok</html>", headers: html },
  "500": { status: 500, body: { error: "x" } },
  "503 HTML": { status: 503, body: "<html>busy</html>", headers: html },
  "401": { status: 401, body: { error: "who are you" } },
  "429": { status: 429, body: "slow down" },
  "a redirect": { status: 302, body: "", headers: { location: "http://127.0.0.1:9/" } },
  "a cut": "cut",
  "10 MiB": { body: `{"isValid":true,"x":"${"a".repeat(10 * 1024 * 1024)}"}` },
  "its own trouble, judged": { body: { isValid: false, invalidReason: "unexpected_verify_error" } },
};

test("18: trouble at /verify is a 5xx to try again, never the payer's fault, and nothing is worked or written",
    async (t) => {
  const runs = upstream.seen.length;
  for (const [name, answer] of Object.entries(VERIFY_TROUBLE)) {
    await t.test(name, async () => {
      say.verify = () => answer;
      const got = await payFor(`${gateway.url}/weather`, nextPayer());
      assert.ok([500, 502, 503].includes(got.status), `${got.status} ${JSON.stringify(got.body)}`);
      assert.ok(Number(got.headers["retry-after"]) >= 1, "the same payment may be sent again");
      assert.equal(got.required, undefined, "no invitation to sign another");
      say.verify = () => ({ body: { isValid: false, invalidReason: "insufficient_funds" } });
      assert.equal((await sendPaid(`${gateway.url}/weather`, got.payment)).status, 402, "and it is judged anew");
    });
  }
  assert.equal(upstream.seen.length, runs);
});

test("an unknown reason is told by its code; its sentence never", async () => {
  say.verify = () => ({ body: { isValid: false, invalidReason: "house_rule_7",
    invalidMessage: "<script>pay me</script>" } });
  const got = await payFor(`${gateway.url}/weather`, nextPayer());
  assert.equal(got.status, 402);
  assert.ok(got.bytes.toString().includes("house_rule_7"));
  say.verify = () => ({ body: { isValid: false, invalidReason: "<script>", invalidMessage: "<script>" } });
  const evil = await payFor(`${gateway.url}/weather`, nextPayer());
  assert.ok(!evil.bytes.toString().includes("<script>") && evil.status === 402);
});

const good = () => ({ success: true, transaction: TX, network: world.network, amount: "1000" });

// A settlement that is no settlement: nothing is handed out, and no fresh signature is invited.
const SETTLE_TROUBLE = {
  "an empty object": () => ({ body: {} }),
  "no success": () => ({ body: { ...good(), success: undefined } }),
  "success as text": () => ({ body: { ...good(), success: "true" } }),
  "success as a number": () => ({ body: { ...good(), success: 1 } }),
  "no transaction": () => ({ body: { ...good(), transaction: "" } }),
  "another network": () => ({ body: { ...good(), network: "eip155:1" } }),
  "another payer": () => ({ body: { ...good(), payer: `0x${"11".repeat(20)}` } }),
  "half a JSON": () => ({ body: JSON.stringify(good()).slice(0, 40) }),
  "an answer without measure": () => ({ body: JSON.stringify(good()) + " ".repeat(32 * 1024 * 1024) }),
  "sent, then refused in a word of its own": () => ({ body: { ...good(), success: false, errorReason: "house_rule_7" } }),
  "another amount": () => ({ body: { ...good(), amount: "1" } }),
  "HTML": () => ({ body: "<html>", headers: html }),
  "503 HTML": () => ({ status: 503, body: "<html>busy</html>", headers: html }),
  "a cut": () => "cut",
  "no answer": () => "hang",
  "success:false, then pending": (count) => ({ body: { success: false, transaction: TX, network: world.network,
    errorReason: count > 1 ? "invalid_transaction_state" : "settlement_pending" } }),
  "trouble, then success:false": (count) => (count > 1
    ? { body: { success: false, errorReason: "invalid_exact_evm_nonce_already_used", transaction: "",
      network: world.network } }
    : { status: 503, body: "<html>", headers: html }),
};

for (const path of ["/weather", "/first"]) {
  test(`9, 10: ${path}: what is no settlement hands out nothing and is not called failed`, { concurrency: 8 },
      async (t) => {
    const counts = new Map();
    const rows = new Map();
    say.settle = ({ paymentPayload }) => {
      const { from } = paymentPayload.payload.authorization;
      counts.set(from, (counts.get(from) ?? 0) + 1);
      return rows.get(from)(counts.get(from));
    };
    await Promise.all(Object.entries(SETTLE_TROUBLE).map(([name, answer]) => t.test(name, async () => {
      const payer = nextPayer();
      rows.set(payer.address, answer);
      const got = await payFor(`${gateway.url}${path}`, payer);
      assert.equal(secret(got), false, "nothing is handed out");
      assert.ok([409, 502, 503].includes(got.status), `${got.status} ${JSON.stringify(got.body)}`);
      assert.equal(got.required, undefined, "no invitation to sign another");
      const again = await sendPaid(`${gateway.url}${path}`, got.payment);
      assert.ok([409, 502, 503].includes(again.status), `again ${again.status} ${JSON.stringify(again.body)}`);
    })));
  });
}

test("10: the pending of two dialects is waited for with the same payment and the same key", async (t) => {
  const pending = (status) => ({ status, body: { success: false, errorReason: "settlement_pending",
      transaction: TX, network: world.network } });
  const there = await houseOf(t).add(startGateway(world, { upstream: upstream.url, facilitators: [fake.url] }));
  for (const status of [200, 500]) {
    await t.test(`HTTP ${status}`, async () => {
      const payer = nextPayer();
      const settles = [];
      // The settlements of the tests above are still being asked for: only this payer's count.
      say.settle = ({ paymentPayload }) => {
        if (paymentPayload.payload.authorization.from !== payer.address) return pending(200);
        settles.push(fake.seen.at(-1));
        return settles.length < 3 ? pending(status) : { body: good() };
      };
      const got = await payFor(`${there.url}/weather`, payer);
      assert.deepEqual([got.status, got.settlement.transaction], [200, TX], JSON.stringify(got.body));
      assert.equal(settles.length, 3);
      assert.equal(new Set(settles.map(({ body }) => body.toString())).size, 1, "byte for byte the same");
      assert.equal(new Set(settles.map(({ headers }) => headers["idempotency-key"])).size, 1);
      assert.match(settles[0].headers["idempotency-key"], /^[0-9a-f]{32}$/);
    });
  }
});

test("a settlement that is judged failed at once is 402 with fresh offers, and the payment is free again", async () => {
  say.settle = () => ({ body: { success: false, errorReason: "insufficient_funds", transaction: "",
    network: world.network } });
  const got = await payFor(`${gateway.url}/weather`, nextPayer());
  assert.deepEqual([got.status, secret(got), got.settlement.success], [402, false, false]);
  assert.ok(got.required.accepts.length > 0);
  say.settle = () => ({ body: good() });
  assert.equal((await sendPaid(`${gateway.url}/weather`, got.payment)).status, 200);
});

test("what a forgetful facilitator has settled is proven by the chain, once that is final", async (t) => {
  const parts = houseOf(t);
  const signers = [world.accounts.facilitator1];
  const real = await parts.add(startFacilitator(world, { signers, network: FAST }));
  const relay = await parts.add(startRelay(real.url));
  const there = await parts.add(startGateway(world, {
    upstream: upstream.url, facilitators: [relay.url], config: { pending_wait: "1s" } }));
  const json = { "content-type": "application/json" };
  let settles = 0;
  relay.decide = ({ url }) => {
    if (url.startsWith("/settlements/")) return { status: 404, body: "{}", headers: json };
    if (url !== "/settle") return "pass";
    settles += 1;
    if (settles === 1) return "lose"; // it settles, and nobody hears of it
    return { status: 200, headers: json, body: JSON.stringify({ success: false, transaction: "", network: world.network,
      errorReason: "invalid_exact_evm_nonce_already_used" }) };
  };
  const payer = nextPayer();
  const first = await payFor(`${there.url}/weather`, payer);
  assert.deepEqual([first.status, secret(first), first.required], [409, false, undefined], JSON.stringify(first.body));
  await world.mine(80);
  const got = await eventually(async () => {
    const answer = await sendPaid(`${there.url}/weather`, first.payment);
    assert.notEqual(answer.status, 402);
    return answer.status === 200 && answer;
  }, { deadlineMs: 20_000, everyMs: 200, what: "proof" });
  const [transfer, ...more] = await chain.transfers({ from: payer.address });
  assert.deepEqual([got.settlement.transaction, more.length], [transfer.transaction, 0]);
});

test("a facilitator that is not there: 503 with Retry-After for offers and payments, and it recovers", async (t) => {
  const parts = houseOf(t);
  const relay = await parts.add(startRelay(fake.url, () => "drop"));
  const there = await parts.add(startGateway(world, { upstream: upstream.url, facilitators: [relay.url] }));
  const unpaid = await wireRequest(`${there.url}/weather`);
  assert.deepEqual([unpaid.status, unpaid.body.error.code], [503, "facilitator_unavailable"]);
  assert.ok(Number(unpaid.headers["retry-after"]) >= 1);
  assert.equal((await wireRequest(`${there.admin}/ready`)).status, 503);
  assert.equal((await wireRequest(`${there.admin}/health`)).status, 200);
  relay.decide = () => "pass";
  await eventually(async () => (await wireRequest(`${there.url}/weather`)).status === 402, { deadlineMs: 20_000,
      what: "offers" });
  relay.decide = () => "drop";
  const runs = upstream.seen.length;
  const got = await payFor(`${there.url}/weather`, nextPayer());
  assert.deepEqual([got.status, got.required, upstream.seen.length], [503, undefined, runs]);
});

test("5: one authorization at two gateways at once is served by one of them", async (t) => {
  const parts = houseOf(t);
  const start = (name) => parts.add(startGateway(world, {
    upstream: upstream.url, signers: [world.accounts[name]], network: FAST, routes: [paidRoute(world,
      { settle: "before" })],
    config: { pending_wait: "1s" } })); // the loser waits that long for proof
  const gateways = [await start("facilitator2"), await start("facilitator3")];
  for (let i = 0; i < 3; ++i) {
    const payer = nextPayer();
    const { paymentFlow } = (await wireRequest(`${gateways[0].url}/weather`)).required.accepts[0].extra;
    const terms = exactRequirements(world, { payTo: world.accounts.merchant.address, extra: { name: "USDC",
        version: "2", paymentFlow } });
    const payment = await exactPayment(payer, terms);
    const runs = upstream.seen.length;
    const answers = await Promise.all(gateways.map(({ url }) => sendPaid(`${url}/weather`, payment)));
    assert.equal(answers.filter(secret).length, 1, JSON.stringify(answers.map(({ status, body }) => [status, body])));
    assert.equal(upstream.seen.length - runs, 1, "no work on the loser");
    assert.equal((await chain.transfers({ from: payer.address })).length, 1);
  }
});
