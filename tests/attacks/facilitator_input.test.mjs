// SPDX-License-Identifier: Apache-2.0
//
// Bytes made to hurt: too many, too deep, twice, in the wrong alphabet. Each is the sender's fault and
// told as that, and memory stays where it was. Then the other direction: what came in with a payment
// and is nobody's business must not come out in a log, a journal or an answer.

import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { gzipSync } from "node:zlib";
import { after, before, test } from "node:test";
import { startWorld } from "../devnet/world.mjs";
import { purseOf, rssOf, traces } from "../lib/attack.mjs";
import { Chain } from "../lib/chain.mjs";
import { House } from "../lib/house.mjs";
import { encodeHeader, exactPayment, exactRequirements } from "../lib/payments.mjs";
import { startRelay, startUpstream, wireBytes, wireRequest } from "../lib/wire.mjs";
import { startFacilitator, startGateway } from "../lib/x402bin.mjs";

const MIB = 2 ** 20;
const house = new House();
const tokens = { FACILITATOR_TOKEN: "facilitator-token-5d0c2f", OTHER_TOKEN: "other-token-77aa01" };
let world, chain, terms, payer, open, guarded, signers;

before(async () => {
  world = await house.add(startWorld({ payers: 4 }));
  chain = new Chain(world);
  payer = world.payers[0];
  terms = exactRequirements(world, { payTo: world.accounts.merchant.address });
  signers = [world.accounts.facilitator1];
  const network = { poll: "20ms" };
  open = await house.add(startFacilitator(world, { signers, network }));
  guarded = await house.add(startFacilitator(world, { signers: [world.accounts.facilitator2], network,
    config: { callers: ["env:FACILITATOR_TOKEN", "env:OTHER_TOKEN"] }, env: tokens, args: ["--log", "debug"] }));
});

after(() => house.close());

const wrap = (payment, requirements = terms) =>
  ({ x402Version: 2, paymentPayload: payment, paymentRequirements: requirements });
const post = (endpoint, body, headers = []) => wireRequest(`${open.url}/${endpoint}`, { method: "POST",
  headers: ["Content-Type", "application/json", ...headers], body, agent: false });
const nested = (depth, [left, right] = "[]") => left.repeat(depth) + right.repeat(depth);

// Each makes a request body out of a good one. The mark is where the text's "extensions" begin.
const SHAPES = {
  "nothing": () => "",
  "a null": () => "null",
  "bytes that are no UTF-8": ({ text }) => Buffer.concat([Buffer.from(text.slice(0, -1)), Buffer.from([0xff, 0xfe, 0x7d])]),
  "UTF-16": ({ text }) => Buffer.from(text, "utf16le"),
  "a zero byte": ({ text }) => text.replace('"exact"', '"exact\u0000"'),
  "a byte order mark": ({ text }) => `\ufeff${text}`,
  "a comment": ({ text }) => `/* x */${text}`,
  "something behind it": ({ text }) => `${text}{}`,
  "a comma too much": ({ text }) => `${text.slice(0, -1)},}`,
  "10,000 levels of lists": ({ mark }) => mark(nested(10_000)),
  "10,000 levels of objects": ({ mark }) => mark(`${'{"a":'.repeat(10_000)}1${"}".repeat(10_000)}`),
  "10,000 brackets that never close": ({ mark }) => mark("[".repeat(10_000)),
  "33 levels": ({ mark }) => mark(nested(33)),
  "a key twice at the top": ({ text }) => text.replace("{", '{"x402Version":2,'),
  "a key twice in the payload": ({ text }) => text.replace('"signature":', '"signature":"0x00","signature":'),
  "a key twice in the authorization": ({ text }) => text.replace('"value":', '"value":"1","value":'),
  "a key twice, once escaped": ({ text }) => text.replace('"value":', '"val\\u0075e":"1","value":'),
  "a key twice in the requirements": ({ text }) => text.replaceAll('"payTo":', '"payTo":"0x00","payTo":'),
  "a key twice in what nobody reads": ({ mark }) => mark('{"a":1,"a":2}'),
  "half a surrogate": ({ mark }) => mark('"\\ud800"'),
  "a number of 50,000 digits": ({ mark }) => mark("9".repeat(50_000)),
  "1e999999999": ({ text }) => text.replace('"x402Version":2', '"x402Version":1e999999999'),
  "x402Version 2.5": ({ text }) => text.replace('"x402Version":2', '"x402Version":2.5'),
  "x402Version \"2\"": ({ text }) => text.replace('"x402Version":2', '"x402Version":"2"'),
  "129 KiB": ({ mark }) => mark(`"${"a".repeat(129 * 1024)}"`),
  "1 MiB": ({ mark }) => mark(`"${"a".repeat(MIB)}"`),
  "1 MiB of base64": ({ text }) => Buffer.from(text.padEnd(MIB)).toString("base64"),
};

async function good() {
  const payment = { ...(await exactPayment(payer, terms)), extensions: { mark: "here" } };
  const text = JSON.stringify(wrap(payment));
  return { payment, text, mark: (json) => text.replace('"here"', () => json) };
}

const isFault = ({ status, body }) => status >= 400 && status < 500 && typeof body.error?.code === "string";

// Broken by: a 5xx, a judgement about something that could not be read, or an answer that is none.
for (const endpoint of ["verify", "settle"]) {
  test(`attack 28: /${endpoint}: what cannot be read is a 4xx with a code`, async (t) => {
    const before = await purseOf(chain, signers);
    for (const [name, make] of Object.entries(SHAPES)) {
      await t.test(name, async () => {
        const answer = await post(endpoint, make(await good()));
        assert.ok(isFault(answer), `${answer.status} ${answer.bytes.toString().slice(0, 300)}`);
        assert.deepEqual([answer.body.isValid, answer.body.success], [undefined, undefined]);
      });
    }
    assert.deepEqual(await purseOf(chain, signers), before);
  });
}

const NUMBERS = ["1e3", "1E3", "0x10", "0X3e8", `${2n ** 256n}`, `${10n ** 400n}`, "-1", "-0", "0", "0.02", "1000.0", "1,000",
  "1_000", " 1000", "1000 ", "+1000", "", "NaN", "Infinity", "\uff11\uff10\uff10\uff10", "\u0661\u0660\u0660\u0660", "1000\u0000",
  "\u0967000", 1000, 1e3, -1, 0.02, null, true, [], {}, ["1000"]];

// The amount asked for, in the requirements and in what was accepted; then each number that was
// signed. Broken by: a number that is read as something else than decimal digits, or a crash.
test("attack 28: an amount is decimal digits in a string, everything else is refused with a code", async (t) => {
  const before = await purseOf(chain, signers);
  for (const number of NUMBERS) {
    await t.test(`amount ${JSON.stringify(number)?.slice(0, 40)}`, async () => {
      const payment = await exactPayment(payer, terms);
      const requirements = { ...terms, amount: number };
      for (const endpoint of ["verify", "settle"]) {
        const answer = await post(endpoint, JSON.stringify(wrap({ ...payment, accepted: requirements }, requirements)));
        const judged = answer.status === 200 && (answer.body.isValid === false || answer.body.success === false);
        // Zero is a number, and no price: judged, not unreadable.
        assert.ok(number === "0" || number === "-0" ? judged || isFault(answer) : isFault(answer),
          `${endpoint}: ${answer.status} ${answer.bytes}`);
      }
    });
  }
  assert.deepEqual(await purseOf(chain, signers), before);
});

test("attack 28: a signed number that is none is refused with a code", async (t) => {
  const before = await purseOf(chain, signers);
  for (const field of ["value", "validAfter", "validBefore", "nonce", "from"]) {
    await t.test(field, async () => {
      for (const number of NUMBERS) {
        if (field === "validAfter" && number === "0") continue; // the usual one
        const payment = await exactPayment(payer, terms);
        payment.payload.authorization[field] = number;
        const answer = await post("settle", JSON.stringify(wrap(payment)));
        const judged = answer.status === 200 && answer.body.success === false && answer.body.errorReason.length > 3;
        assert.ok(judged || isFault(answer), `${JSON.stringify(number)}: ${answer.status} ${answer.bytes}`);
      }
    });
  }
  assert.deepEqual(await purseOf(chain, signers), before);
});

test("attack 28: headers: 1 MiB, a thousand of them, and none that unpacks a bomb", async (t) => {
  const { text } = await good();
  await t.test("one header of 1 MiB", async () => {
    const got = await wireBytes(open.url, `GET /supported HTTP/1.1\r\nHost: x\r\nPAYMENT-SIGNATURE: ${"A".repeat(MIB)}\r\n\r\n`)
      .catch((error) => error.code);
    assert.ok(/^HTTP\/1\.1 4\d\d /.test(got) || ["ECONNRESET", "EPIPE"].includes(got), got.slice(0, 100));
  });
  await t.test("a thousand headers", async () => {
    const many = Array.from({ length: 1000 }, (_, i) => `X-${i}: y\r\n`).join("");
    const got = await wireBytes(open.url, `GET /supported HTTP/1.1\r\nHost: x\r\n${many}\r\n`);
    assert.match(got, /^HTTP\/1\.1 4\d\d /);
  });
  await t.test("64 MiB in 64 KiB of gzip", async () => {
    const bomb = gzipSync(Buffer.alloc(64 * MIB, " "));
    const rss = rssOf(open.pid);
    for (const encoding of ["gzip", "deflate", "br"])
      assert.ok(isFault(await post("settle", bomb, ["Content-Encoding", encoding])));
    assert.ok(rssOf(open.pid) - rss < 32, "nothing was unpacked");
  });
  await t.test("a length that is not kept", async () => {
    const head = `POST /verify HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n${text}`;
    assert.match(await wireBytes(open.url, head), /^HTTP\/1\.1 4\d\d /);
    const both = `POST /settle HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`;
    assert.match(await wireBytes(open.url, both), /^HTTP\/1\.1 4\d\d /);
  });
});

const anyOf = (socket, ...events) =>
  new Promise((resolve) => events.forEach((event) => socket.once(event, resolve)));

// Announces a gigabyte in chunks and pushes until it is turned away.
async function pushBody(url, most) {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on("error", () => {});
  await once(socket, "connect");
  socket.write("POST /settle HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  const piece = Buffer.from(`10000\r\n${"a".repeat(65_536)}\r\n`);
  let answer = "";
  socket.on("data", (bytes) => (answer += bytes.toString("latin1")));
  let pushed = 0;
  while (pushed < most && !answer && !socket.destroyed) {
    pushed += 65_536;
    if (!socket.write(piece)) await anyOf(socket, "drain", "close", "data");
  }
  if (!answer && !socket.destroyed) await anyOf(socket, "close", "data");
  socket.destroy();
  return { answer, pushed };
}

// Broken by: reading first and counting afterwards.
test("attack 28: bodies without end are cut early, and memory stays bounded under forty of them", async () => {
  const rss = rssOf(open.pid);
  const all = await Promise.all(Array.from({ length: 40 }, () => pushBody(open.url, 256 * MIB)));
  for (const { answer, pushed } of all) {
    assert.ok(pushed < 64 * MIB, `${pushed} bytes were taken`);
    assert.ok(answer === "" || answer.startsWith("HTTP/1.1 413 "), answer.slice(0, 100));
  }
  assert.ok(all.some(({ answer }) => answer.startsWith("HTTP/1.1 413 ")));
  const deep = '{"a":'.repeat(20_000);
  await Promise.all(Array.from({ length: 200 }, () => post("verify", deep)));
  const grown = rssOf(open.pid) - rss;
  assert.ok(grown < 96, `${grown.toFixed(0)} MiB more`);
  const { text } = await good();
  assert.equal((await post("verify", text.replace(',"extensions":{"mark":"here"}', ""))).body.isValid, true,
    "and it still works");
});

// What must not leave. Each is unlike anything else that a role could say.
const SECRETS = { query: "sk_live_QUERYSECRET9f31", user: "userinfoSECRET77", fragment: "fragmentSECRET55",
  description: "patient Jane Roe, born 1970-01-02", extension: "extensionSECRET33", header: "headerSECRET11",
  path: "resetSECRET42" };
const resource = { url: `https://${SECRETS.user}:pw@api.test/reset?token=${SECRETS.query}#${SECRETS.fragment}`,
  description: SECRETS.description, mimeType: "application/json" };

// Keys as they were given, without 0x, and as bytes.
function keysOf(accounts) {
  return accounts.flatMap(({ name, key }) => [[`key of ${name}`, Buffer.from(key.slice(2), "hex")],
    [`key of ${name} in hex`, Buffer.from(key.slice(2))]]);
}

function assertClean(role, secrets, what) {
  const found = traces(role).flatMap(([file, bytes]) =>
    secrets.filter(([, secret]) => bytes.includes(secret)).map(([name]) => `${name} in ${file}`));
  assert.deepEqual(found, [], what);
}

const texts = (values) => Object.entries(values).map(([name, text]) => [name, Buffer.from(text)]);

// A payment that settles, one that is refused, one that cannot be read, and one from a stranger; all
// of them carry secrets. Resolves with the bytes of every answer.
async function secretive() {
  const authorized = ["Authorization", `Bearer ${tokens.FACILITATOR_TOKEN}`, "X-Secret", SECRETS.header];
  const ask = (path, body, headers = authorized) => wireRequest(guarded.url + path, { method: body ? "POST" : "GET", headers,
    body });
  const more = { resource, extensions: { notes: { info: { note: SECRETS.extension }, schema: {} } } };
  const paid = await exactPayment(payer, terms, more);
  const poor = await exactPayment(payer, { ...terms, amount: "999999999999999" }, more);
  const answers = [];
  for (const payment of [paid, poor]) {
    for (const path of ["/verify", "/settle", "/settle"])
      answers.push(await ask(path, JSON.stringify(wrap(payment, payment.accepted))));
  }
  assert.equal(answers[1].body.success, true, JSON.stringify(answers[1].body));
  answers.push(await ask("/settle", `${JSON.stringify(wrap(paid)).slice(0, -2)}`));
  answers.push(await ask("/verify", JSON.stringify(wrap(paid)), ["Authorization", `Bearer ${tokens.OTHER_TOKEN}x`]));
  answers.push(await ask(`/settlements/${answers[1].headers["x402-payment-key"]}?wait=0`));
  answers.push(await ask("/settlements/nothing"));
  answers.push(await ask("/supported"), await ask("/metrics"), await ask("/health"), await ask("/ready"));
  return Buffer.concat(answers.map(({ bytes, rawHeaders }) => Buffer.concat([bytes, Buffer.from(rawHeaders.join("\n"))])));
}

test("attack 42: keys, callers' tokens and what came with a payment never stand in a log or an answer", async () => {
  const said = await secretive();
  const secrets = [...texts(SECRETS), ...texts(tokens), ...keysOf([world.accounts.facilitator2])];
  assert.deepEqual(secrets.filter(([, secret]) => said.includes(secret)).map(([name]) => name), [], "in an answer");
  const logs = traces(guarded).filter(([file]) => file === "stderr" || file === "stdout");
  assert.ok(logs.some(([, bytes]) => bytes.includes("settlement_ended")), "the log is where we look for it");
  const found = logs.flatMap(([file, bytes]) => secrets.filter(([, secret]) => bytes.includes(secret))
    .map(([name]) => `${name} in ${file}`));
  assert.deepEqual(found, [], "at --log debug");
});

// Broken by: journalling the request as it came. What is needed again after a crash is the
// authorization and the terms; the rest is the payer's business, and a backup is read by many.
test("attack 42: the facilitator's journal holds no key, no token, and nothing of the resource's url", async () => {
  await secretive();
  assertClean(guarded, [...texts(tokens), ...keysOf([world.accounts.facilitator2])], "keys and tokens");
  assertClean(guarded, texts(SECRETS), "what came with the payment");
});

// The address that a payer asks for carries a secret in its query. Broken by: a query that is logged,
// or handed on to the facilitator and written down there.
test("attack 42: a secret in the query of a paid request stays between the client and the seller", async (t) => {
  const relay = await house.add(startRelay(guarded.url));
  const upstream = await house.add(startUpstream((_request, response) => response.end("bought")));
  const gateway = await house.add(startGateway(world, { upstream: upstream.url, args: ["--log", "debug"],
    facilitators: [{ url: relay.url, token: "env:FACILITATOR_TOKEN" }], env: tokens,
    routes: [{ match: "GET /reset/*", price: "$0.001", networks: [world.network] }] }));
  const url = `${gateway.url}/reset/now?token=${SECRETS.path}`;
  const headers = ["Cookie", `session=${SECRETS.header}`];
  const { required } = await wireRequest(url, { headers });
  const payment = await exactPayment(world.payers[1], required.accepts[0], { resource: required.resource });
  const paid = await wireRequest(url, { headers: [...headers, "PAYMENT-SIGNATURE", encodeHeader(payment)] });
  assert.equal(paid.status, 200, paid.bytes.toString());
  assert.ok(upstream.seen.at(-1).url.includes(SECRETS.path), "the seller gets it");
  const secrets = [...texts({ path: SECRETS.path, header: SECRETS.header }), ...texts(tokens)];
  await t.test("the gateway's log and files", () => assertClean(gateway, secrets, "the gateway"));
  await t.test("the facilitator's log and files", () => assertClean(guarded, secrets, "the facilitator"));
  await t.test("what the facilitator is sent", () => {
    const sent = Buffer.concat(relay.seen.map(({ body }) => body));
    const [[, query], [, cookie]] = secrets;
    assert.deepEqual([sent.includes(query), sent.includes(cookie)], [false, false]);
  });
  await t.test("the answer's payment headers", () => {
    assert.ok(!JSON.stringify(paid.settlement).includes(SECRETS.path));
  });
});
