// SPDX-License-Identifier: Apache-2.0
//
// What a stranger may send where a payment belongs: numbers that are none, texts that burst, times that
// never end, offers that were never made. All of it is 4xx with a code, costs the gateway little memory,
// touches no chain and no upstream, and leaves no secret in a log.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { startWorld } from "../devnet/world.mjs";
import { Chain } from "../lib/chain.mjs";
import { FAST, brief, isServed, memoryOf, sendHeader, startGatewayWith } from "../lib/gw_kit.mjs";
import { House } from "../lib/house.mjs";
import { encodeHeader, exactPayment } from "../lib/payments.mjs";
import { payFor, sendPaid, startRelay, startUpstream, wireBytes, wireRequest } from "../lib/wire.mjs";
import { paidRoute, startFacilitator } from "../lib/x402bin.mjs";

const TOKEN = "a-token-of-the-seller-5f1d";
const house = new House();
let world, chain, upstream, facilitator, relay, gateway, payers, asset;

before(async () => {
  world = await house.add(startWorld({ payers: 30 }));
  chain = new Chain(world);
  payers = world.payers[Symbol.iterator]();
  upstream = await house.add(startUpstream((request, response) => response.end("SECRET")));
  facilitator = await house.add(startFacilitator(world, { network: FAST, config: { callers: ["env:FAC_TOKEN"] },
    env: { FAC_TOKEN: TOKEN } }));
  relay = await house.add(startRelay(facilitator.url));
  asset = await world.deployToken("TestUsd", "Other", "2");
  const routes = [paidRoute(world, { match: "GET /a" }), paidRoute(world, { match: "GET /cheap", price: "$0.0001" }),
    paidRoute(world, { match: "GET /dear", price: "$0.01" }), paidRoute(world, { match: "POST /a" })];
  const facilitators = [{ url: relay.url, token: "env:FAC_TOKEN" }];
  const options = { upstream: upstream.url, facilitators, routes, config: { pending_wait: "5s" },
    env: { FAC_TOKEN: TOKEN } };
  gateway = await house.add(startGatewayWith(world, { ...options, args: ["--log", "debug"] }));
});

after(() => house.close());

const nextPayer = () => payers.next().value;
const at = (path) => `${gateway.url}${path}`;
const offerOf = async (path) => (await wireRequest(at(path))).required.accepts[0];
const base64 = (value) => Buffer.from(value).toString("base64");

function assertRefused(got, statuses = [400, 402, 413, 431]) {
  assert.ok(statuses.includes(got.status), brief(got));
  assert.equal(isServed(got), false);
  const code = got.body.error?.code ?? got.required?.error;
  assert.match(code, /^[a-z0-9_]+$/, `a code: ${brief(got)}`);
}

const NUMBERS = ["1e3", "1E3", "0x3e8", "0x10", "-1", "-1000", "+1000", "0", "00", "", " ", "01000", "1000.0", "0.02",
  "1_000",
  "1,000", " 1000", "1000 ", "1000\n", "1000\0", "NaN", "Infinity", "null", "٣", "１０００", "१०००",
    `${2n ** 256n}`,
  `${2n ** 256n + 1000n}`, "9".repeat(300), "1000n", "0b1111101000", "0o1750"];
const VALUES = [...NUMBERS, 1000, 1000.5, 1e21, -1000, true, null, [], ["1000"], {}, { value: "1000" }, undefined];

// Fails when a number is read by anything but decimal digits in a text, or a misreading matches the price.
test("attack 28: what is no amount is 4xx in every place where one stands", async (t) => {
  const payer = nextPayer();
  const payment = await exactPayment(payer, await offerOf("/a"));
  const places = {
    "accepted.amount": (value) => ({ ...payment, accepted: { ...payment.accepted, amount: value } }),
    "authorization.value": (value) => inside(payment, "value", value),
    "both": (value) => ({ ...inside(payment, "value", value), accepted: { ...payment.accepted, amount: value } }),
    "authorization.validBefore": (value) => inside(payment, "validBefore", value),
    "authorization.validAfter": (value) => (["0", "00"].includes(value) ? undefined : inside(payment, "validAfter",
      value)),
    "accepted.maxTimeoutSeconds": (value) => (value === 300 ? undefined
      : { ...payment, accepted: { ...payment.accepted, maxTimeoutSeconds: value } }),
    "x402Version": (value) => ({ ...payment, x402Version: value }),
  };
  const runs = upstream.seen.length;
  for (const [place, put] of Object.entries(places)) {
    await t.test(place, async () => {
      for (const value of VALUES) {
        const changed = put(value);
        if (changed) assertRefused(await sendPaid(at("/a"), changed));
      }
    });
  }
  assert.equal(upstream.seen.length, runs);
  assert.equal((await chain.transfers({ from: payer.address })).length, 0);
  assert.equal((await sendPaid(at("/a"), payment)).status, 200, "the payment itself was never harmed");
});

function inside(payment, name, value) {
  const authorization = { ...payment.payload.authorization, [name]: value };
  return { ...payment, payload: { ...payment.payload, authorization } };
}

const HEX = ["", "0x", "0x0", "0X", "0xzz", "zz", " ", "0x" + "00".repeat(31), "0x" + "00".repeat(33),
  "0x" + "0".repeat(63),
  "0x" + "00".repeat(8000), "0x" + "é".repeat(32), 7, null, [], {}, true, "0x" + "00".repeat(20) + "\0"];

test("attack 28: what is no address, nonce or signature is 4xx", async (t) => {
  const payment = await exactPayment(nextPayer(), await offerOf("/a"));
  const places = {
    "from": (value) => inside(payment, "from", value),
    "to": (value) => inside(payment, "to", value),
    "nonce": (value) => inside(payment, "nonce", value),
    "signature": (value) => ({ ...payment, payload: { ...payment.payload, signature: value } }),
    "accepted.asset": (value) => ({ ...payment, accepted: { ...payment.accepted, asset: value } }),
    "accepted.payTo": (value) => ({ ...payment, accepted: { ...payment.accepted, payTo: value } }),
    "accepted.network": (value) => ({ ...payment, accepted: { ...payment.accepted, network: value } }),
    "accepted.scheme": (value) => ({ ...payment, accepted: { ...payment.accepted, scheme: value } }),
    "accepted.extra": (value) => (typeof value === "object" && !Array.isArray(value) && value !== null ? undefined
      : { ...payment, accepted: { ...payment.accepted, extra: value } }),
    "accepted": (value) => ({ ...payment, accepted: value }),
    "payload": (value) => ({ ...payment, payload: value }),
    "authorization": (value) => ({ ...payment, payload: { ...payment.payload, authorization: value } }),
  };
  for (const [place, put] of Object.entries(places)) {
    await t.test(place, async () => {
      for (const changed of HEX.map(put)) if (changed) assertRefused(await sendPaid(at("/a"), changed));
    });
  }
});

// Fails when anything is decoded before its size is known.
test("attack 28: bombs are refused before they burst, and the memory stays bounded", async (t) => {
  const payment = await exactPayment(nextPayer(), await offerOf("/a"));
  const text = JSON.stringify(payment);
  const deep = (n, open, close) => base64(`{"x402Version":2,"a":${open.repeat(n)}${close.repeat(n)}}`);
  const rows = {
    "1 MiB of base64": "A".repeat(1024 * 1024),
    "33 KiB of base64": "A".repeat(33 * 1024),
    "60 KiB that are JSON": base64(`${text.slice(0, -1)},"x":"${"y".repeat(45_000)}"}`),
    "10,000 levels of arrays": deep(10_000, "[", "]"),
    "3,000 levels of objects": deep(3_000, '{"a":', "}").replace("}}", "}}"),
    "11,000 open brackets": base64("[".repeat(11_000)),
    "5,000 members": base64(`{${Array.from({ length: 2500 }, (_, i) => `"k${i}":1`).join(",")}}`),
    "10,000 numbers": base64(`{"a":[${"1,".repeat(10_000)}1]}`),
    "a number of 20,000 digits": base64(`{"x402Version":${"9".repeat(20_000)}}`),
    "an exponent": base64('{"x402Version":2e999999999}'),
    "keys twice": base64(text.replace('"payload":', '"payload":{},"payload":')),
    "keys twice, deep": base64(text.replace('"nonce":', '"nonce":"0x00","nonce":')),
    "keys twice, escaped": base64(text.replace('"nonce":', '"n\\u006fnce":"0x00","nonce":')),
    "half a surrogate": base64(text.replace('"x402Version"', '"\\ud800":1,"x402Version"')),
    "overlong UTF-8": Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xc0, 0xaf]),
      Buffer.from('"}')]).toString("base64"),
    "a NUL in the text": base64(`${text}\0`),
    "gzip": "H4sIAAAAAAAAA+3BMQEAAADCoPVPbQwfoAAAAAAAAAAAAAAAAAAAAIC3AYbSVKsAQAAA",
    "padding in the middle": `${base64(text).slice(0, 40)}====${base64(text).slice(40)}`,
    "base64 of base64": base64(base64(text)),
    "percent-encoded": encodeURIComponent(encodeHeader(payment)),
    "nothing": "",
    "JSON as it is": text,
  };
  await wireRequest(at("/a"));
  const { now } = memoryOf(gateway.pid);
  const runs = upstream.seen.length;
  for (const [name, header] of Object.entries(rows)) {
    await t.test(name, async () => {
      for (let i = 0; i < 5; ++i) {
        // A head above the cap is cut off: its sender may see the answer, or a broken pipe.
        const got = await sendHeader(at("/a"), header, { agent: false }).catch((error) => {
          assert.match(error.code, /ECONNRESET|EPIPE/);
          return undefined;
        });
        if (got) assertRefused(got, [400, 402, 413, 431]);
      }
    });
  }
  await Promise.all(Array.from({ length: 60 }, () => sendHeader(at("/a"), "A".repeat(1024 * 1024), { agent: false })
    .catch(() => {})));
  const { peak } = memoryOf(gateway.pid);
  assert.ok(peak - now < 64 * 1024 * 1024, `${Math.round((peak - now) / 1024 / 1024)} MiB more at the peak`);
  assert.equal(upstream.seen.length, runs);
  assert.equal((await sendPaid(at("/a"), payment)).status, 200, "and it still serves");
});

// Fails when time is read with fewer bits than a payer may sign, or when too little of it is left.
test("attack 29: a payment that lives too shortly, too long or not yet is refused, and no work is done", async (t) => {
  const now = Math.floor(Date.now() / 1000);
  const rows = {
    "expired": { validBefore: `${now - 1}` },
    "expires now": { validBefore: `${now}` },
    "expires in a second": { validBefore: `${now + 1}` },
    "less than upstream_timeout + pending_wait + 10 s": { validBefore: `${now + 40}` },
    "never began": { validBefore: "0" },
    "longer than maxTimeoutSeconds": { validBefore: `${now + 3600}` },
    "the year 9999": { validBefore: "253402300799" },
    "2^31": { validBefore: `${2n ** 31n}` },
    "2^32 + now": { validBefore: `${2n ** 32n + BigInt(now + 300)}` },
    "2^63": { validBefore: `${2n ** 63n}` },
    "2^64 + now": { validBefore: `${2n ** 64n + BigInt(now + 300)}` },
    "2^255": { validBefore: `${2n ** 255n}` },
    "2^256 - 1": { validBefore: `${2n ** 256n - 1n}` },
    "not yet": { validAfter: `${now + 60}` },
    "not for a long time": { validAfter: `${2n ** 64n}` },
    "after its end": { validAfter: `${now + 299}` },
  };
  const runs = upstream.seen.length;
  const offer = await offerOf("/a");
  for (const [name, authorization] of Object.entries(rows)) {
    await t.test(name, async () => {
      const payer = nextPayer();
      const got = await sendPaid(at("/a"), await exactPayment(payer, offer, { authorization }));
      assertRefused(got, [402]);
      if (name.startsWith("less")) {
        assert.equal(got.required.error, "payment_expires_too_soon", brief(got));
        assert.match(JSON.stringify(got.required), /valid until \d+/, "the difference is told");
      }
      assert.equal((await chain.transfers({ from: payer.address })).length, 0);
    });
  }
  assert.equal(upstream.seen.length, runs);
});

// Fails when `accepted` is believed instead of the gateway's own offers.
test("attack 30: an offer that was never made, or was made for something else, is 402 with the true offers",
    async (t) => {
  const [offer, cheap] = [await offerOf("/a"), await offerOf("/cheap")];
  const payer = nextPayer();
  const rows = {
    "cheaper by one": { ...offer, amount: "999" },
    "the cheaper path's offer": cheap,
    "the cheaper path's amount": { ...offer, amount: cheap.amount },
    "dearer": { ...offer, amount: "1001" },
    "another token": { ...offer, asset, extra: { ...offer.extra, name: "Other" } },
    "another payTo": { ...offer, payTo: payer.address },
    "another chain": { ...offer, network: "eip155:8453" },
    "the chain in other words": { ...offer, network: "base-sepolia" },
    "a pattern of chains": { ...offer, network: "eip155:*" },
    "another scheme": { ...offer, scheme: "upto" },
    "more time": { ...offer, maxTimeoutSeconds: 86_400 },
    "a member more": { ...offer, discount: "all" },
    "another name of the token": { ...offer, extra: { ...offer.extra, name: "USD Coin" } },
    "another version of the token": { ...offer, extra: { ...offer.extra, version: "1" } },
    "no extra": { ...offer, extra: {} },
  };
  const runs = upstream.seen.length;
  for (const [name, accepted] of Object.entries(rows)) {
    await t.test(name, async () => {
      // A network in words that have no chain id is signed for the true one.
      const signable = /^eip155:\d+$/.test(accepted.network) ? accepted : offer;
      const got = await sendPaid(at("/a"), { ...(await exactPayment(payer, signable)), accepted });
      assertRefused(got, accepted.network.startsWith("eip155:8") ? [402] : [400, 402]);
      if (got.status === 402) assert.deepEqual(got.required.accepts.map(({ amount, payTo }) => [amount, payTo]),
        [["1000", world.accounts.merchant.address]]);
    });
  }
  // Signed for less than it says that it accepts, and the other way round.
  for (const [signed, said] of [[{ ...offer, amount: "1" }, offer], [offer, { ...offer, amount: "1" }],
    [{ ...offer, payTo: payer.address }, offer], [{ ...offer, asset }, offer]]) {
    const payment = { ...(await exactPayment(payer, signed)), accepted: said };
    assertRefused(await sendPaid(at("/a"), payment), [402]);
  }
  assert.equal(upstream.seen.length, runs);
  assert.equal((await chain.transfers({ from: payer.address })).length, 0);
  // Two fields are the payer's: our quote, and what the scheme declares to differ from offer to offer.
  const { quote, ...extra } = offer.extra;
  assert.ok(quote);
  const plain = await sendPaid(at("/a"), await exactPayment(payer, { ...offer, extra }));
  assert.equal(plain.status, 200, brief(plain));
});

// Fails when anything that a log or a record of the gateway writes down holds a secret of a request.
test("attack 42: no query, token, payment, quote or key is in a log, a metric or a store", async () => {
  const payer = nextPayer();
  const url = at("/a?api_key=very-private-1&mail=jane%40private.example#x");
  const headers = ["Authorization", "Bearer very-private-2", "Cookie", "session=very-private-3", "X-Api-Key",
    "very-private-4"];
  const paid = await payFor(url, payer, { method: "POST", body: '{"card":"very-private-5"}', headers });
  assert.equal(paid.status, 200, brief(paid));
  // Everything that can be refused is refused once, with the same secrets around it.
  const options = { method: "POST", body: "other very-private-5", headers };
  await sendPaid(url, paid.payment, options);
  await sendPaid(at("/dear?api_key=very-private-1"), paid.payment, { headers });
  await sendHeader(url, "very-private-6".repeat(3), options);
  await sendPaid(url, { ...paid.payment, accepted: { ...paid.offer, amount: "999" } }, options);
  await wireRequest(at("/nowhere?api_key=very-private-1"), { headers });
  await wireBytes(gateway.url, "GET /a?api_key=very-private-1 HTTP/1.1\r\nCookie: very-private-3\r\nX : 1\r\n\r\n");
  relay.decide = () => "drop";
  await payFor(url, nextPayer(), options).catch(() => {});
  relay.decide = () => "pass";
  const { signature, authorization } = paid.payment.payload;
  const { quote } = paid.offer.extra;
  const inLogs = ["very-private", "private.example", TOKEN, signature.slice(2, 60), quote,
    encodeHeader(paid.payment).slice(0, 80),
    payer.key.slice(2), "card"];
  const page = (await wireRequest(`${gateway.admin}/metrics`)).body;
  for (const [name, text] of [["its log", readFileSync(gateway.log, "utf8")], ["its stdout", gateway.lines.join("\n")],
    ["its metrics", page], ["the facilitator's log", readFileSync(facilitator.log, "utf8")]]) {
    for (const word of inLogs) assert.ok(!text.includes(word), `${word.slice(0, 20)} in ${name}`);
  }
  assert.ok(readFileSync(gateway.log, "utf8").includes(authorization.nonce), "the log of this test does say something");
  // A settlement that is asked for again after a crash needs the payment; nothing needs these.
  for (const { dir } of [gateway, facilitator]) {
    for (const file of readdirSync(dir)) {
      const text = readFileSync(join(dir, file), "latin1");
      for (const word of ["very-private", "private.example", TOKEN, payer.key.slice(2)])
        assert.ok(!text.includes(word), `${word} in ${file}`);
    }
  }
  const { input } = await chain.client.getTransaction({ hash: paid.settlement.transaction });
  assert.ok(!Buffer.from(input.slice(2), "hex").toString("latin1").includes("very-private"));
});
