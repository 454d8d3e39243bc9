// SPDX-License-Identifier: Apache-2.0
//
// One authorization, many requests: at once, in other clothes, at several gateways, by whoever read it
// from the chain, and again after its answer was lost. There is one transfer, one run of the upstream,
// and the answer for whoever paid.

import assert from "node:assert/strict";
import { request as httpRequest } from "node:http";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { decodeFunctionData, parseAbi } from "viem";
import { startWorld } from "../devnet/world.mjs";
import { Chain } from "../lib/chain.mjs";
import { eventually } from "../lib/check.mjs";
import { FAST, brief, isServed, otherClothes, sendHeader } from "../lib/gw_kit.mjs";
import { House, houseOf } from "../lib/house.mjs";
import { encodeHeader, exactPayment, exactRequirements } from "../lib/payments.mjs";
import { payFor, sendPaid, startRelay, startUpstream, wireRequest } from "../lib/wire.mjs";
import { paidRoute, startFacilitator, startGateway } from "../lib/x402bin.mjs";

const PARALLEL = 200;
const TRANSFER = parseAbi([
  "function transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,uint8,bytes32,bytes32)",
  "function transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,bytes)",
  "function aggregate3((address target, bool allowFailure, bytes callData)[])",
]);
const house = new House();
let world, chain, upstream, facilitator, relay, gateway, payers;

before(async () => {
  world = await house.add(startWorld({ payers: 60 }));
  chain = new Chain(world);
  payers = world.payers[Symbol.iterator]();
  upstream = await house.add(startUpstream((request, response, body) =>
    response.end(`SECRET ${request.method} ${request.url} ${body}`)));
  facilitator = await house.add(startFacilitator(world, { network: FAST }));
  relay = await house.add(startRelay(facilitator.url));
  const routes = [paidRoute(world, { match: "GET /after" }), paidRoute(world, { match: "GET /same-price" }),
    paidRoute(world, { match: "POST /after" }), paidRoute(world, { match: "GET /before", settle: "before" })];
  gateway = await house.add(startGateway(world, {
    upstream: upstream.url, facilitators: [relay.url], routes, config: { pending_wait: "10s" } }));
});

after(() => house.close());

const at = (path) => `${gateway.url}${path}`;
const nextPayer = () => payers.next().value;
const offerOf = async (path, options) => (await wireRequest(at(path), options)).required.accepts[0];
const transfersOf = ({ address }) => chain.transfers({ from: address });
const slowly = ({ url }) => (url === "/settle" ? sleep(700).then(() => "pass") : "pass");

// Fails when two requests pass between look-up and claim: a second run, a second 200, a second transfer.
async function storm(path, headerOf) {
  const payer = nextPayer();
  const payment = await exactPayment(payer, await offerOf(path));
  const runs = upstream.seen.length;
  const asked = relay.seen.length;
  relay.decide = slowly;
  const headers = await Promise.all(Array.from({ length: PARALLEL }, (_, i) => headerOf(payment, i)));
  const answers = await Promise.all(headers.map((header) => sendHeader(at(path), header, { agent: false })));
  relay.decide = () => "pass";
  const served = answers.filter(isServed);
  assert.equal(served.length, 1, `${served.length} of ${PARALLEL} were served`);
  assert.equal(served[0].status, 200);
  for (const answer of answers.filter((each) => !isServed(each))) {
    assert.equal(answer.status, 409, brief(answer));
    assert.match(answer.body.error.code, /^payment_(in_progress|already_used)$/);
    assert.equal(answer.required, undefined, "no invitation to pay again");
  }
  assert.equal(upstream.seen.length - runs, 1, "one run of the upstream");
  const settles = relay.seen.slice(asked).filter(({ url }) => url === "/settle");
  assert.equal(new Set(settles.map(({ headers: all }) => all["idempotency-key"])).size, 1, "one settlement");
  const transfers = await transfersOf(payer);
  assert.equal(transfers.length, 1, "one transfer");
  assert.equal(transfers[0].transaction, served[0].settlement.transaction);
}

for (const path of ["/after", "/before"]) {
  test(`attack 1: ${PARALLEL} parallel requests with one payment, ${path}: one 200, one run, one transfer`, () =>
    storm(path, (payment) => encodeHeader(payment)));
}

// Fails when the claim is keyed by anything that the sender may vary: here each request has a quote of its own.
test("attack 1: the same authorization under 200 different quotes is one grant", async () => {
  const offers = await Promise.all(Array.from({ length: PARALLEL }, () => offerOf("/after")));
  assert.equal(new Set(offers.map(({ extra }) => extra.quote)).size, PARALLEL);
  await storm("/after", (payment, i) => encodeHeader({ ...payment, accepted: offers[i] }));
});

// Fails when a claim is kept by route, method or moment of settlement, and not by the authorization alone.
test("attack 1: the same authorization at four routes at once, 50 times each, is one grant", async () => {
  const payer = nextPayer();
  const places = [["/after", "GET"], ["/same-price", "GET"], ["/after", "POST"], ["/before", "GET"]];
  const offers = await Promise.all(places.map(([path, method]) => offerOf(path, { method })));
  const payment = await exactPayment(payer, offers[0]);
  const runs = upstream.seen.length;
  relay.decide = slowly;
  const answers = await Promise.all(Array.from({ length: PARALLEL }, (_, i) => {
    const [path, method] = places[i % places.length];
    return sendPaid(at(path), { ...payment, accepted: offers[i % places.length] }, { method, agent: false });
  }));
  relay.decide = () => "pass";
  assert.equal(answers.filter(isServed).length, 1);
  assert.ok(answers.every(({ status }) => [200, 402, 409].includes(status)));
  assert.equal(upstream.seen.length - runs, 1);
  assert.equal((await transfersOf(payer)).length, 1);
});

// Fails when the key is made of bytes of the header, of the signature or of letters' case.
test("attack 3: a payment that is spent stays spent in other clothes", async (t) => {
  const payer = nextPayer();
  const paid = await payFor(at("/after"), payer);
  assert.equal(paid.status, 200, brief(paid));
  const runs = upstream.seen.length;
  for (const [name, header] of Object.entries(otherClothes(paid.payment))) {
    await t.test(name, async () => {
      const got = await sendHeader(at("/after"), header);
      // Whoever has the quote gets the stored answer or nothing; a header that cannot be read is 4xx.
      assert.ok(got.status === 200 || (got.status >= 400 && got.status < 500), brief(got));
      if (got.status === 200) assert.equal(got.settlement.transaction, paid.settlement.transaction);
      const elsewhere = await sendHeader(at("/same-price"), header);
      assert.ok(!isServed(elsewhere) && elsewhere.status >= 400 && elsewhere.status < 500, brief(elsewhere));
    });
  }
  assert.equal(upstream.seen.length, runs, "the upstream was not asked again");
  assert.equal((await transfersOf(payer)).length, 1);
});

// Fails when two encodings of one authorization are two claims.
test("attack 3: all clothes of one payment at once are one grant", async () => {
  const payer = nextPayer();
  const payment = await exactPayment(payer, await offerOf("/after"));
  const runs = upstream.seen.length;
  relay.decide = slowly;
  const headers = [encodeHeader(payment), ...Object.values(otherClothes(payment))];
  const answers = await Promise.all(headers.map((header) => sendHeader(at("/after"), header, { agent: false })));
  relay.decide = () => "pass";
  assert.equal(answers.filter(isServed).length, 1, answers.map(brief).join("\n"));
  assert.equal(upstream.seen.length - runs, 1);
  assert.equal((await transfersOf(payer)).length, 1);
});

// Fails when a gateway works, or serves, before it knows that this settlement is its own.
test("attack 5: one authorization at three gateways: the one that settles serves, the others do not work",
    async (t) => {
  const parts = houseOf(t);
  const works = [];
  const start = async (i, options) => {
    const own = await parts.add(startUpstream((_request, response) => response.end("SECRET")));
    works.push(own);
    return parts.add(startGateway(world, { upstream: own.url, routes: [paidRoute(world, { settle: "before" })],
      config: { pending_wait: "1s", origin: `http://shop${i}.test` }, ...options }));
  };
  // Two share a facilitator, the third has one inside.
  const gateways = [await start(1, { facilitators: [facilitator.url] }),
    await start(2, { facilitators: [facilitator.url] }),
    await start(3, { signers: [world.accounts.facilitator2], network: FAST })];
  const { paymentFlow } = (await wireRequest(`${gateways[0].url}/weather`)).required.accepts[0].extra;
  const payer = nextPayer();
  const terms = exactRequirements(world, { payTo: world.accounts.merchant.address,
    extra: { name: "USDC", version: "2", paymentFlow } });
  const payment = await exactPayment(payer, terms);
  const answers = await Promise.all(gateways.map(({ url }) => sendPaid(`${url}/weather`, payment)));
  assert.equal(answers.filter(isServed).length, 1, answers.map(brief).join("\n"));
  const served = answers.findIndex(isServed);
  assert.deepEqual(works.map(({ seen }) => seen.length), answers.map((_, i) => (i === served ? 1 : 0)));
  for (const [i, answer] of answers.entries()) {
    if (i !== served) assert.ok(answer.status === 409 || answer.status === 402, brief(answer));
  }
  assert.equal((await transfersOf(payer)).length, 1);
  // And later, at each of the losers again.
  for (const [i, { url }] of gateways.entries()) {
    if (i !== served) assert.ok(!isServed(await sendPaid(`${url}/weather`, payment)), "a loser serves it later");
  }
  assert.equal(works.reduce((sum, { seen }) => sum + seen.length, 0), 1);
});

// Under settle = "after" the losers have worked; fails when one of them hands out what it has.
test("attack 5: the same at two gateways that settle after the work: one of them serves", async (t) => {
  const parts = houseOf(t);
  const start = () => parts.add(startGateway(world, { upstream: upstream.url, facilitators: [facilitator.url],
    config: { pending_wait: "1s" } }));
  const gateways = [await start(), await start()];
  const payer = nextPayer();
  const payment = await exactPayment(payer, exactRequirements(world, { payTo: world.accounts.merchant.address }));
  const ask = () => Promise.all(gateways.map(({ url }) => sendPaid(`${url}/weather`, payment)));
  const answers = await ask();
  assert.equal(answers.filter(isServed).length, 1, answers.map(brief).join("\n"));
  assert.equal((await ask()).filter(isServed).length, 0, "without a quote it is good once");
  assert.equal((await transfersOf(payer)).length, 1);
});

// Fails when a payment is bound to less than method, path, query and body.
test("attack 6: a payment buys nothing on a sibling of the same price, by another method, query or body", async (t) => {
  const paid = await payFor(at("/after"), nextPayer(), { method: "POST", body: "mine" });
  assert.equal(paid.status, 200, brief(paid));
  const rows = {
    "a sibling": ["/same-price", {}],
    "another method": ["/after", {}],
    "another query": ["/after?x=1", { method: "POST", body: "mine" }],
    "another body": ["/after", { method: "POST", body: "yours" }],
    "a body in chunks": ["/after", { method: "POST", body: (async function* () { yield "your"; yield "s"; })() }],
  };
  const runs = upstream.seen.length;
  for (const [name, [path, options]] of Object.entries(rows)) {
    await t.test(name, async () => {
      const got = await sendPaid(at(path), paid.payment, options);
      assert.deepEqual([got.status, got.body.error.code, isServed(got)], [409, "payment_already_used", false]);
    });
  }
  // Before it is used it is bound by its quote.
  const unused = await exactPayment(nextPayer(), await offerOf("/after"));
  const sibling = await sendPaid(at("/same-price"), unused);
  assert.deepEqual([sibling.status, isServed(sibling)], [402, false], brief(sibling));
  assert.equal(upstream.seen.length, runs);
});

// What stands on the chain: the authorization and its signature, from the calldata of the settlement.
async function readFromChain(hash) {
  const { input } = await chain.client.getTransaction({ hash });
  let { functionName, args } = decodeFunctionData({ abi: TRANSFER, data: input });
  if (functionName === "aggregate3") ({ args } = decodeFunctionData({ abi: TRANSFER, data: args[0][0].callData }));
  const [from, to, value, validAfter, validBefore, nonce, v, r, s] = args;
  const signature = r === undefined ? v : `${r}${s.slice(2)}${v.toString(16)}`;
  const authorization = { from, to, value: `${value}`, validAfter: `${validAfter}`, validBefore: `${validBefore}`,
    nonce };
  return { signature, authorization };
}

// Fails when knowing the authorization is taken for having paid: its bytes are public once it is settled.
test("a stranger who reads a payment from the chain and repeats the request gets no body and no token", async (t) => {
  for (const path of ["/after", "/before"]) {
    const paid = await payFor(at(path), nextPayer());
    assert.equal(paid.status, 200, brief(paid));
    const payload = await readFromChain(paid.settlement.transaction);
    assert.equal(payload.signature.toLowerCase(), paid.payment.payload.signature.toLowerCase(), "it is all public");
    const fresh = await offerOf(path);
    const { quote, ...open } = fresh.extra;
    const rows = {
      "with a fresh quote": fresh,
      "without a quote": { ...fresh, extra: open },
      "with an empty quote": { ...fresh, extra: { ...open, quote: "" } },
      "with a quote of its own making": { ...fresh, extra: { ...open, quote: `${quote.slice(0, -4)}AAAA` } },
    };
    const runs = upstream.seen.length;
    for (const [name, accepted] of Object.entries(rows)) {
      await t.test(`${path} ${name}`, async () => {
        const got = await sendPaid(at(path), { x402Version: 2, accepted, payload });
        assert.deepEqual([got.status, got.body.error?.code], [409, "payment_already_used"], brief(got));
        assert.deepEqual([isServed(got), got.settlement, got.required], [false, undefined, undefined]);
        for (const name of ["set-cookie", "authorization", "x402-payment-key"])
          assert.equal(got.headers[name], undefined, name);
      });
    }
    assert.equal(upstream.seen.length, runs);
    // The payer, who has the quote, still gets the answer.
    const own = await sendPaid(at(path), paid.payment);
    assert.deepEqual([own.status, isServed(own)], [200, true], brief(own));
  }
});

// Fails when a lost answer costs a second payment, or the work twice.
test("attack 11: settled, then the connection breaks: the same payment gets the answer, nothing is paid twice",
    async () => {
  for (const path of ["/after", "/before"]) {
    const payer = nextPayer();
    const payment = await exactPayment(payer, await offerOf(path));
    let settled;
    const mayAnswer = new Promise((resolve) => (settled = resolve));
    relay.watch = ({ url }) => (url === "/settle" ? () => mayAnswer : undefined);
    const runs = upstream.seen.length;
    const gone = httpRequest(at(path), { headers: { "payment-signature": encodeHeader(payment) }, agent: false });
    gone.on("error", () => {});
    gone.end();
    await eventually(async () => (await transfersOf(payer)).length === 1, { what: "the transfer" });
    gone.destroy();
    await sleep(50);
    settled();
    relay.watch = undefined;
    const got = await eventually(async () => {
      const answer = await sendPaid(at(path), payment);
      assert.notEqual(answer.status, 402, brief(answer));
      return answer.status === 200 && answer;
    }, { what: "the answer" });
    assert.ok(isServed(got));
    const [transfer, ...more] = await transfersOf(payer);
    assert.deepEqual([more.length, got.settlement.transaction], [0, transfer.transaction]);
    assert.ok(upstream.seen.length - runs <= (path === "/after" ? 1 : 2), "no work beyond what was paid for");
  }
});

// Fails when a facilitator's broken answer after the money moved is told as failure, or asked for twice.
test("attack 11: settled, and the facilitator's answer is lost, garbled or a 502: one payment, one answer",
    async (t) => {
  const rows = { lost: "lose", garbled: { status: 200, body: "<html>" }, "a 502": { status: 502,
    body: "bad gateway" } };
  for (const [name, trouble] of Object.entries(rows)) {
    await t.test(name, async () => {
      const payer = nextPayer();
      let first = true;
      relay.watch = undefined;
      relay.decide = async ({ url, body }) => {
        if (url !== "/settle" || !first) return "pass";
        first = false;
        if (trouble === "lose") return "lose";
        await fetch(`${facilitator.url}/settle`, { method: "POST", body, // it settles, and says something else
          headers: { "content-type": "application/json",
            "idempotency-key": relay.seen.at(-1).headers["idempotency-key"] } });
        return trouble;
      };
      const got = await payFor(at("/after"), payer);
      relay.decide = () => "pass";
      const answer = got.status === 200 ? got : await sendPaid(at("/after"), got.payment);
      assert.deepEqual([answer.status, isServed(answer)], [200, true], brief(answer));
      const [transfer, ...more] = await transfersOf(payer);
      assert.deepEqual([more.length, answer.settlement.transaction], [0, transfer.transaction]);
    });
  }
});
