// SPDX-License-Identifier: Apache-2.0
//
// One request that two readers read as two, or as another: payments given twice, bodies framed twice,
// headers that only the gateway may say. The upstream here keeps the bytes, and a strict reader looks at
// them: what left the gateway has one framing, one Host, and no word that a client put in its mouth.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startWorld } from "../devnet/world.mjs";
import { Chain } from "../lib/chain.mjs";
import { FAST, brief, isServed } from "../lib/gw_kit.mjs";
import { readStrictly, startRecorder } from "../lib/gw_raw.mjs";
import { House } from "../lib/house.mjs";
import { encodeHeader, exactPayment } from "../lib/payments.mjs";
import { sendPaid, wireBytes, wireRequest } from "../lib/wire.mjs";
import { paidRoute, startGateway } from "../lib/x402bin.mjs";

const house = new House();
let world, chain, recorder, gateway, payers;

before(async () => {
  world = await house.add(startWorld({ payers: 12 }));
  chain = new Chain(world);
  payers = world.payers[Symbol.iterator]();
  recorder = await house.add(startRecorder());
  const routes = [paidRoute(world, { match: "GET /premium" }), paidRoute(world, { match: "POST /premium" }),
    { match: "* /open", free: true }];
  gateway = await house.add(startGateway(world, { upstream: recorder.url, routes, network: FAST,
    config: { pending_wait: "5s" } }));
});

after(() => house.close());

const nextPayer = () => payers.next().value;
const at = (path) => `${gateway.url}${path}`;
const offerOf = async (path, options) => (await wireRequest(at(path), options)).required.accepts[0];

// ---------------------------------------------------------------- payments given twice

const PAYMENT = "PAYMENT-SIGNATURE";
const TWICE = {
  "the same twice": (one) => [PAYMENT, one, PAYMENT, one],
  "two different ones": (one, two) => [PAYMENT, one, PAYMENT, two],
  "in another spelling": (one, two) => [PAYMENT, one, "Payment-Signature", two],
  "of version 2 and of version 1": (one, two) => [PAYMENT, one, "X-PAYMENT", two],
  "of version 1 twice": (one, two) => ["X-PAYMENT", one, "X-PAYMENT", two],
  "joined by a comma": (one, two) => [PAYMENT, `${one},${two}`],
  "joined by comma and space": (one, two) => [PAYMENT, `${one}, ${two}`],
  "joined by a semicolon": (one, two) => [PAYMENT, `${one};${two}`],
  "joined by a space": (one, two) => [PAYMENT, `${one} ${two}`],
  "joined by nothing": (one, two) => [PAYMENT, `${one}${two}`],
  "an empty one before": (one) => [PAYMENT, "", PAYMENT, one],
  "an empty one after": (one) => [PAYMENT, one, PAYMENT, ""],
  "an empty one of version 1": (one) => [PAYMENT, one, "X-PAYMENT", ""],
};

// Fails when one reader takes the first and another the last of them.
test("attack 26: two payments in one request are 400, and neither is used", async (t) => {
  const offer = await offerOf("/premium");
  const payments = await Promise.all([nextPayer(), nextPayer()].map((payer) => exactPayment(payer, offer)));
  const [one, two] = payments.map(encodeHeader);
  recorder.streams();
  for (const [name, headersOf] of Object.entries(TWICE)) {
    await t.test(name, async () => {
      const got = await wireRequest(at("/premium"), { headers: headersOf(one, two), agent: false });
      assert.equal(got.status, 400, brief(got));
      assert.match(got.body.error.code, /^(ambiguous|malformed)_payment$/);
      assert.equal(isServed(got), false);
    });
  }
  assert.deepEqual(recorder.streams(), [], "the upstream saw nothing");
  for (const payment of payments) {
    const paid = await sendPaid(at("/premium"), payment, { agent: false });
    assert.deepEqual([paid.status, isServed(paid)], [200, true], "it is still good");
  }
});

// ---------------------------------------------------------------- headers that are ours to say

const OURS = ["X402-Payment-Key", "X402-Payer", "X402-Session", "x402-amount", "X402_Payer", "X_402_PAYER",
  "X-402-Payer",
  "X-402-Payment-Key", "PAYMENT-RESPONSE", "X-PAYMENT-RESPONSE", "PAYMENT-REQUIRED", "SETTLEMENT-OVERRIDES",
  "Settlement_Overrides", "EXTENSION-RESPONSES", "SIGN-IN-WITH-X", "Payment_Signature", "X_PAYMENT"];
const FORWARDED = ["X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Prefix",
  "X-Forwarded-Server", "X-Forwarded-Uri", "X-Forwarded-Method", "X_Forwarded_For", "X_Forwarded_Host", "Forwarded",
  "X-Forwarded-User", "X-Forwarded-Email", "X-Forwarded-Ssl", "X-Forwarded-Scheme", "X-Forwarded-Path",
  "X-Forwarded-Client-Cert", "X-Real-IP", "X_Real_IP", "X-Original-URL", "X-Rewrite-URL", "X-HTTP-Method-Override",
  "X-Envoy-Original-Path", "X-Envoy-Original-Method"];
const HOP = ["Keep-Alive", "Proxy-Connection", "Proxy-Authorization", "Proxy-Authenticate", "TE", "Trailer",
  "Upgrade", "Transfer_Encoding", "Content_Length", "Proxy_Connection"];

// Fails when an upstream that trusts the gateway can be told by a client who paid, from where it came or
// how to read what follows.
test("attack 26: what only the gateway may say is taken out of a client's request, free or paid", async (t) => {
  const say = "told-by-the-client";
  const send = async (path, extra) => {
    recorder.streams();
    const head = `GET ${path} HTTP/1.1\r\nHost: gateway.test\r\nConnection: close\r\n`;
    const text = await wireBytes(gateway.url, `${head}${extra}\r\n`);
    assert.match(text, /^HTTP\/1\.1 200 /);
    const [{ headers }, ...more] = recorder.streams().flatMap(readStrictly);
    assert.deepEqual(more, []);
    return headers;
  };
  const payment = encodeHeader(await exactPayment(nextPayer(), await offerOf("/premium")));
  const all = [...OURS, ...FORWARDED, ...HOP];
  const told = all.map((name) => `${name}: ${say}\r\n`).join("");
  const free = await send("/open", told);
  // The payment header itself cannot be said twice, so its other spellings go alone here.
  const paid = await send("/premium", `${PAYMENT}: ${payment}\r\n${told}`);
  for (const name of all) {
    await t.test(name, () => {
      for (const headers of [free, paid]) {
        const reached = headers.filter(([each, value]) => each === name.toLowerCase() && value.includes(say));
        assert.deepEqual(reached, [], "it reached the upstream");
      }
    });
  }
  assert.ok(!JSON.stringify(paid).includes(payment.slice(0, 60)), "the payment itself stays here");
});

test("attack 26: headers that Connection names do not take the gateway's own away", async () => {
  recorder.streams();
  const named = "close, X-Forwarded-For, X-Forwarded-Host, Host, X-Mine";
  const head = `GET /open HTTP/1.1\r\nHost: gateway.test\r\nConnection: ${named}\r\n`;
  await wireBytes(gateway.url, `${head}X-Mine: 1\r\nX-Kept: 1\r\n\r\n`);
  const [{ headers }] = recorder.streams().flatMap(readStrictly);
  const all = new Map(headers);
  assert.deepEqual([all.get("x-forwarded-for"), all.get("x-forwarded-host"), all.get("x-mine"), all.get("x-kept")],
    ["127.0.0.1", "gateway.test", undefined, "1"]);
});

// ---------------------------------------------------------------- bodies framed twice

const SMUGGLED = "GET /premium HTTP/1.1\r\nHost: gateway.test\r\n\r\n";
const post = (headers, body, { path = "/open", version = "1.1" } = {}) =>
  `POST ${path} HTTP/${version}\r\nHost: gateway.test\r\n${headers.map((each) => `${each}\r\n`).join("")}\r\n${body}`;
const LENGTH = `Content-Length: ${SMUGGLED.length}`;
const CHUNKED = "Transfer-Encoding: chunked";
const NOTHING = `0\r\n\r\n${SMUGGLED}`;

// Each is refused, or is one request with one framing; never is SMUGGLED a request to the upstream.
const FRAMINGS = {
  "length and chunks": post(["Content-Length: 5", CHUNKED], NOTHING),
  "chunks and length": post([CHUNKED, "Content-Length: 5"], NOTHING),
  "two lengths": post(["Content-Length: 0", LENGTH], SMUGGLED),
  "the same length twice": post([LENGTH, LENGTH], SMUGGLED),
  "a list of lengths": post([`Content-Length: 0, ${SMUGGLED.length}`], SMUGGLED),
  "a list of one length": post([`Content-Length: ${SMUGGLED.length}, ${SMUGGLED.length}`], SMUGGLED),
  "a length with +": post([`Content-Length: +${SMUGGLED.length}`], SMUGGLED),
  "a length with -": post(["Content-Length: -0"], SMUGGLED),
  "a length with zeros": post([`Content-Length: 000${SMUGGLED.length}`], SMUGGLED),
  "a length in hex": post([`Content-Length: 0x${SMUGGLED.length.toString(16)}`], SMUGGLED),
  "a length with a space": post([`Content-Length: ${SMUGGLED.length} 0`], SMUGGLED),
  "a length with a dot": post([`Content-Length: ${SMUGGLED.length}.0`], SMUGGLED),
  "a length of 2^64": post(["Content-Length: 18446744073709551616"], SMUGGLED),
  "a length that is empty": post(["Content-Length:"], SMUGGLED),
  "a length in other digits": post(["Content-Length: \xd9\xa3"], SMUGGLED),
  "Content_Length": post([`Content_Length: ${SMUGGLED.length}`], SMUGGLED),
  "chunks in odd letters": post(["Transfer-Encoding: cHuNkEd"], NOTHING),
  "the header in odd letters": post(["tRANSFER-eNCODING: chunked", "Content-Length: 5"], NOTHING),
  "chunks after a tab": post(["Transfer-Encoding:\tchunked"], NOTHING),
  "chunks and a tab after": post(["Transfer-Encoding: chunked\t", "Content-Length: 5"], NOTHING),
  "chunks and a vertical tab": post(["Transfer-Encoding: chunked\x0b", "Content-Length: 5"], NOTHING),
  "a vertical tab and chunks": post(["Transfer-Encoding: \x0bchunked"], NOTHING),
  "chunks in quotes": post(['Transfer-Encoding: "chunked"', "Content-Length: 5"], NOTHING),
  "xchunked": post(["Transfer-Encoding: xchunked", "Content-Length: 5"], NOTHING),
  "chunked with a parameter": post(["Transfer-Encoding: chunked;q=1"], NOTHING),
  "chunked twice": post([CHUNKED, CHUNKED], NOTHING),
  "chunked, chunked": post(["Transfer-Encoding: chunked, chunked"], NOTHING),
  "chunked, identity": post(["Transfer-Encoding: chunked, identity"], NOTHING),
  "identity, chunked": post(["Transfer-Encoding: identity, chunked"], NOTHING),
  "identity": post(["Transfer-Encoding: identity", LENGTH], SMUGGLED),
  "gzip, chunked": post(["Transfer-Encoding: gzip, chunked"], NOTHING),
  "an empty encoding": post(["Transfer-Encoding:", "Content-Length: 5"], NOTHING),
  "a comma": post(["Transfer-Encoding: ,chunked"], NOTHING),
  "space before the colon": post(["Transfer-Encoding : chunked", "Content-Length: 5"], NOTHING),
  "a folded encoding": post(["Transfer-Encoding:\r\n chunked", "Content-Length: 5"], NOTHING),
  "a folded header": post(["X-A: 1\r\n Transfer-Encoding: chunked"], SMUGGLED),
  "a header that begins with a space": post([" Transfer-Encoding: chunked", "Content-Length: 5"], NOTHING),
  "a bare LF": post(["X-A: 1\nTransfer-Encoding: chunked", "Content-Length: 5"], NOTHING),
  "a bare CR": post(["X-A: 1\rTransfer-Encoding: chunked", "Content-Length: 5"], NOTHING),
  "bare LFs throughout": `POST /open HTTP/1.1\nHost: gateway.test\nContent-Length: 0\n\n${SMUGGLED}`,
  "a NUL in the name": post(["Transfer-Encoding\0: chunked", "Content-Length: 5"], NOTHING),
  "Transfer_Encoding": post(["Transfer_Encoding: chunked", "Content-Length: 5"], NOTHING.slice(0, 5)),
  "chunks under HTTP/1.0": post([CHUNKED], NOTHING, { version: "1.0" }),
  "chunks under HTTP/1.10": post([CHUNKED], NOTHING, { version: "1.10" }),
  "a chunk size with a sign": post([CHUNKED], `+5\r\nhello\r\n${NOTHING}`),
  "a chunk size with 0x": post([CHUNKED], `0x5\r\nhello\r\n${NOTHING}`),
  "a chunk size with a space": post([CHUNKED], `5 \r\nhello\r\n${NOTHING}`),
  "a chunk size of 2^64": post([CHUNKED], `10000000000000005\r\nhello\r\n${NOTHING}`),
  "a negative chunk": post([CHUNKED], `-1\r\nhello\r\n${NOTHING}`),
  "a chunk that ends in LF": post([CHUNKED], `5\nhello\n0\n\n${SMUGGLED}`),
  "a chunk longer than it says": post([CHUNKED], `5\r\nhello!!\r\n${NOTHING}`),
  "a chunk extension": post([CHUNKED], `5;a=b\r\nhello\r\n${NOTHING}`),
  "a chunk extension with LF": post([CHUNKED], `5;a=\nb\r\nhello\r\n${NOTHING}`),
  "a chunk extension with a quoted CRLF": post([CHUNKED], `5;a="\r\nhello\r\n${NOTHING}`),
  "a chunk extension of 100 KiB": post([CHUNKED], `5;${"a".repeat(100 * 1024)}\r\nhello\r\n${NOTHING}`),
  "trailers": post([CHUNKED, "Trailer: Content-Length"], `0\r\nContent-Length: 5\r\nX402-Payer: me\r\n\r\n${SMUGGLED}`),
  "a trailer that is folded": post([CHUNKED], `0\r\nX-A: 1\r\n b\r\n\r\n${SMUGGLED}`),
  "a GET with a body": SMUGGLED.replace("/premium", "/open").replace("\r\n\r\n", `\r\n${LENGTH}\r\n\r\n${SMUGGLED}`),
  "a length too short": post([`Content-Length: ${SMUGGLED.length - 4}`], SMUGGLED),
  "Expect and a body": post(["Expect: 100-continue", LENGTH], SMUGGLED),
  "an unknown Expect": post(["Expect: 200-ok", LENGTH], SMUGGLED),
  "an upgrade": post(["Connection: Upgrade", "Upgrade: websocket", LENGTH], SMUGGLED),
  "an upgrade to h2c": post(["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk",
    LENGTH], SMUGGLED),
  "two Hosts": post(["Host: evil.test", LENGTH], SMUGGLED),
};

const send = async (bytes) => {
  try {
    return await wireBytes(gateway.url, Buffer.from(bytes, "latin1"), { silentMs: 400 });
  } catch (error) {
    if (!["ECONNRESET", "EPIPE"].includes(error.code)) throw error;
    return "";
  }
};

// Fails when the gateway and an upstream can disagree about where a request ends.
test("attack 26: no framing carries a request of its own past the wall", { concurrency: 1 }, async (t) => {
  for (const [name, bytes] of Object.entries(FRAMINGS)) {
    await t.test(name, async () => {
      recorder.streams();
      const text = await send(bytes);
      const statuses = [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
      assert.ok(statuses.every((status) => status < 500 || status === 501 || status === 505), `${statuses}`);
      // What was cut in the middle of a body need not be whole; everything else is read strictly.
      const cut = statuses.includes(400) || statuses.length === 0;
      for (const stream of recorder.streams()) {
        for (const { line, headers } of readStrictly(stream, { cut })) {
          assert.match(line, /^(POST|GET) \/open HTTP\/1\.1$/);
          for (const hidden of ["upgrade", "http2-settings", "x402-payer", "trailer", "expect"])
            assert.ok(!headers.some(([header]) => header === hidden), hidden);
        }
      }
    });
  }
});

// Fails when a paid request can carry a second, unpaid one through to the upstream.
test("attack 26: a paid upload carries nothing but itself", async (t) => {
  const rows = { "a length": (text) => [`Content-Length: ${text.length}`, text],
    "chunks": (text) => [CHUNKED, `${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`] };
  for (const [name, frame] of Object.entries(rows)) {
    await t.test(name, async () => {
      const payer = nextPayer();
      const payment = encodeHeader(await exactPayment(payer, await offerOf("/premium", { method: "POST", body: "" })));
      const [header, body] = frame(SMUGGLED);
      recorder.streams();
      const text = await send(post([`${PAYMENT}: ${payment}`, header], body + SMUGGLED, { path: "/premium" }));
      assert.match(text, /^HTTP\/1\.1 200 /);
      assert.match(text, /HTTP\/1\.1 402 /, "the request behind it is one of its own, and unpaid");
      const seen = recorder.streams().flatMap(readStrictly);
      assert.deepEqual(seen.map(({ line, body: got }) => [line, got]), [["POST /premium HTTP/1.1", SMUGGLED]]);
      assert.equal((await chain.transfers({ from: payer.address })).length, 1);
    });
  }
});
