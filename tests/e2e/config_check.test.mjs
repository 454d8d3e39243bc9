// SPDX-License-Identifier: Apache-2.0
//
// `--check` of both roles: every mistake is told as file:line, field, what is wrong and what to
// write instead, with exit code 2 and before anything starts. The texts are golden: whoever changes
// a message changes it here too.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { newFolder, x402 } from "../lib/x402bin.mjs";

const ENV = { S: `0x${"22".repeat(32)}`, BAD: "0x12", TOKEN: "t" };
const PAY_TO = "0x585003787377AC7f34761a83C25aE39e31c7B112";
const SENT = "0x5FbDB2315678afecb367f032d93F642f64180aa3";

// The lines of a good file; a row changes, adds or removes some, and names the line of its mistake
// by a piece of its text.
const GATEWAY = ['listen = "127.0.0.1:0"', 'admin = "127.0.0.1:0"', 'origin = "http://127.0.0.1:4021"',
  'upstream = "http://127.0.0.1:3000"', `pay_to = { eip155 = "${PAY_TO}" }`, "#top", '[networks."eip155:84532"]',
  'rpc = ["http://127.0.0.1:8545"]', 'signers = ["env:S"]', "[[routes]]", 'match = "GET /a"', 'price = "$0.001"',
    "#route"];
const FACILITATOR = ['listen = "127.0.0.1:0"', "#top", '[networks."eip155:84532"]', 'rpc = ["http://127.0.0.1:8545"]',
  'signers = ["env:S"]', "#network"];
const ASSET = ["[assets.x]", 'network = "eip155:84532"', `address = "${SENT}"`, "decimals = 6"];

// One line for another; "" removes it.
const swap = (from, to) => (lines) => lines.flatMap((line) =>
    (line.startsWith(from) ? (to === "" ? [] : [to].flat()) : [line]));

const price = (text) => swap("price", `price = ${text}`);
const accepts = (rest) => swap("price",
  `accepts = [{ asset = "USDC", network = "eip155:84532", price = "0.001 USDC", ${rest} }]`);
const route = (line) => swap("#route", line);
const top = (...lines) => swap("#top", lines);
const network = (line) => swap("#network", line);
const FORMS = 'write it like "$0.01", "0.01 USDC" or, in atomic units, "10000"';

// what, the change, the text of the line that is named, the field, what is wrong, the remedy
const GATEWAY_ROWS = [
  ["a misspelt key", top('lisen = "x"'), "lisen", "lisen", "unknown key", "did you mean `listen`?"],
  ["a misspelt key of a route", route('prise = "$1"'), "prise", "routes[0].prise", "unknown key",
      "did you mean `price`?"],
  ["no routes", (lines) => lines.slice(0, -4), "listen", "", "no routes",
      'add [[routes]] with match = "GET /path" and price = "$0.01"'],
  ["no upstream", swap("upstream", ""), "[[routes]]", "routes[0]", "no upstream is named",
    'add upstream = "http://127.0.0.1:3000" at the top'],
  ["a price as a float", price("0.001"), "price", "routes[0].price", "this kind of value has no meaning here",
    'write money as text, such as "$0.01"'],
  ["a price between two units", price('"$0.0000015"'), "price", "routes[0].price",
    "the amount has more than the 6 decimal places of its asset", "write 0.000001 or 0.000002"],
  ["a price of zero", price('"$0"'), "price", "routes[0].price", "the price is zero",
      "mark the route with free = true"],
  ["a negative price", price('"$-1"'), "price", "routes[0].price", "the price is not a plain decimal number", FORMS],
  ["a price with an exponent", price('"$1e-3"'), "price", "routes[0].price",
      "the price is not a plain decimal number", FORMS],
  ["a price in no known asset", price('"0.1 DOGE"'), "price", "routes[0].price",
    "the asset DOGE is not known on eip155:84532", "add [assets.NAME] for it, or write accepts = [...]"],
  ["a route without a price", swap("price", ""), "[[routes]]", "routes[0]", "this route has no price",
    'add price = "$0.01", or free = true'],
  ["an extra that is no table", accepts('extra = "memo"'), "accepts", "routes[0].accepts[0].extra",
    "extra is a table", 'write extra = { memo = "order-17" }'],
  ["an extra within an extra", accepts("extra = { memo = { a = 1 } }"), "accepts",
    "routes[0].accepts[0].extra.memo", "a member of extra is a text, an integer or a boolean",
    'write extra = { memo = "order-17" }'],
  ["a quote of one's own", accepts('extra = { quote = "q" }'), "accepts", "routes[0].accepts[0].extra.quote",
    "the gateway writes the quote itself", "remove it"],
  ["a transfer in extra", accepts('extra = { assetTransferMethod = "permit2" }'), "accepts",
    "routes[0].accepts[0].extra.assetTransferMethod", "how the money is moved has a key of its own",
    'write transfer = "..." in the offer'],
  ["a payment flow in extra", accepts('extra = { paymentFlow = "upfront" }'), "accepts",
    "routes[0].accepts[0].extra.paymentFlow", "when the money is moved has a key of its own",
    'write settle = "before" in the route'],
  ["free and priced", route("free = true"), "price", "routes[0].price", "a free route has no price",
      "remove one of both"],
  ["a route without a verb", swap("match", 'match = "/a"'), "match", "routes[0].match",
      "a route needs a verb and a path",
    'write a verb and a path, such as "GET /items/:id" or "POST /api/*"'],
  ["a route without a match", swap("match", ""), "[[routes]]", "routes[0]", "the key `match` is missing",
      'add match = "..."'],
  ["a route that is never reached", swap("match", ['match = "GET /*"', 'price = "$1"', "[[routes]]",
      'match = "GET /a/b"']),
    "[[routes]]+1", "routes[1].match", '"GET /a/b" is never reached, because "GET /*" above it takes its requests',
    "put the more special route first"],
  ["an unknown moment", route('settle = "later"'), "settle", "routes[0].settle", 'settle is "before" or "after"',
      "choose one"],
  ["a payment too short for the waits", route("max_timeout_seconds = 30"), "[[routes]]", "routes[0]",
    "a payment of 30 s may expire before it is settled: upstream_timeout + pending_wait + 10 s is 100 s",
    "set max_timeout_seconds = 100 or more, or shorten the waits"],
  ["a duration without a unit", route('upstream_timeout = "30"'), "upstream_timeout", "routes[0].upstream_timeout",
    "expected a duration", 'write a whole number and ms, s, m, h or d: "30s"'],
  ["a size in MB", route('max_held = "8MB"'), "max_held", "routes[0].max_held", "expected a size",
    'write bytes, or a whole number and KiB, MiB or GiB: "8MiB"'],
  ["an unknown network", route('networks = ["base-sepolja"]'), "networks =", "routes[0].networks[0]",
    'unknown network "base-sepolja"', 'write a CAIP-2 id such as "eip155:8453"'],
  ["a section of a later build", top("sessions = { cookie = false }"), "sessions", "sessions",
    "this build does not have `sessions` yet", "remove it"],
  ["a price of a later build", price('{ formula = "1" }'), "price", "routes[0].price",
    "this build has no prices that are decided per request yet", 'write a price such as "$0.01"'],
  ["an upstream in the clear", swap("upstream", 'upstream = "http://api.example.com"'), "upstream", "upstream",
    "plain http to another machine", 'use https, or write { url = "http://api.example.com", insecure = true }'],
  ["44: a facilitator in the clear", top('facilitators = ["http://fac.example.com"]'), "facilitators",
      "facilitators[0]",
    "plain http to another machine: http://fac.example.com", "use https, or say insecure = true at this facilitator"],
  ["44: proof by a chain that nobody named", (lines) => swap("rpc", "")(
    top('facilitators = [{ url = "https://fac.example.com", proof = "chain" }]')(lines)), "facilitators",
    "facilitators[0].proof", '"chain" asks eip155:84532 itself what was paid, and no rpc of it is named',
    'add [networks."eip155:84532"] with rpc = ["https://..."], '
      + "or say by networks = [...] what this facilitator is for"],
  ["another word for proof", top('facilitators = [{ url = "https://fac.example.com", proof = "rpc" }]'), "facilitators",
    "facilitators[0].proof", 'proof is "facilitator" or "chain"', "choose one"],
  ["an origin with a path", swap("origin", 'origin = "https://a.example/x"'), "origin", "origin",
    '"https://a.example/x" is no origin', 'write scheme and host only, such as "https://api.example.com"'],
  ["a recipient with a typing error", swap("pay_to", `pay_to = { eip155 = "${PAY_TO.slice(0, -1)}3" }`), "pay_to",
    "pay_to.eip155", "the checksum of the address is wrong (EIP-55)",
    "compare it with its source; with the right checksum it is 0x585003787377ac7f34761a83C25aE39E31C7b113"],
  ["nobody to be paid", swap("pay_to", ""), "[[routes]]", "routes[0]", "nobody is named to be paid on eip155:84532",
    'add pay_to = { eip155 = "..." }'],
  ["no signers and no facilitator", swap("signers", ""), "[networks", "networks", "no network has signers",
    'add signers = ["env:X402_SIGNER"]'],
  ["another store", top('store = "postgres://x"'), "store", "store", 'this build has no store "postgres://x"',
    'write store = "sqlite:gateway.db"'],
  ["another default", top('default = "paid"'), "default", "default", 'default can only be "free"',
    "leave it out: then 404 for what is not routed"],
  ["a listener without a port", swap("listen", 'listen = "localhost"'), "listen", "listen", '"localhost" is no address',
    'write host:port, such as "127.0.0.1:4021"'],
];

const FACILITATOR_ROWS = [
  ["others can reach it and nobody said who may", swap("listen", 'listen = "0.0.0.0:4020"'), "listen", "",
    "others can reach 0.0.0.0:4020, and nothing says who may ask",
    'add callers = ["env:TOKEN"], pay_to_allow = [...], or open = true'],
  ["a token that is not set", top('callers = ["env:NOPE"]'), "callers", "callers",
    "a caller's token could not be read: the environment variable is not set", "export NOPE=... before the start"],
  ["a token in the file", top('callers = ["secret-token"]'), "callers", "callers",
    "a caller's token could not be read: a secret is given by reference, not written out",
      "write env:NAME or file:PATH"],
  ["a key in the file", swap("signers", `signers = ["${ENV.S}"]`), "signers", "networks.eip155:84532.signers",
    "a secret is given by reference, not written out", "write env:NAME or file:PATH"],
  ["a key that is none", swap("signers", 'signers = ["env:BAD"]'), "signers", "networks.eip155:84532.signers",
    "an EVM key is 0x and 64 hex digits", "check what the environment variable or file holds"],
  ["a signer twice", swap("signers", 'signers = ["env:S", "env:S"]'), "signers", "networks.eip155:84532.signers",
    "the signer 0x1563915e194D8CfBA1943570603F7606A3115508 is named twice", "give every lane a key of its own"],
  ["no signers", swap("signers", ""), "[networks", "networks.eip155:84532", "a facilitator's network needs signers",
    'add signers = ["env:X402_SIGNER"]'],
  ["no endpoint", (lines) => swap("[networks", '[networks."eip155:31337"]')(swap("rpc", "")(lines)), "[networks",
    "networks.eip155:31337", "no RPC endpoint is known for eip155:31337", 'set rpc = ["https://..."]'],
  ["a network that is none", swap("[networks", '[networks."eip155:abc"]'), "[networks", "networks.eip155:abc",
    "eip155:abc is no EVM network", "write eip155: and the chain's number"],
  ["no networks", (lines) => lines.slice(0, 1), "listen", "", "no network is configured",
    'add [networks."eip155:84532"] with rpc and signers'],
  ["no confirmations", network("confirmations = 0"), "confirmations", "networks.eip155:84532.confirmations",
    "confirmations must be from 1 to 1000", "confirmations = 1"],
  ["a word for a gas price", network('max_gas_price = "fast"'), "max_gas_price", "networks.eip155:84532.max_gas_price",
    'this is no gas price: "fast"', 'write "50gwei" or an integer of wei'],
  ["a misspelt key of a network", network("confirmation = 1"), "confirmation", "networks.eip155:84532.confirmation",
    "unknown key", "did you mean `confirmations`?"],
  ["a recipient that is none", top('pay_to_allow = ["bob"]'), "pay_to_allow", "pay_to_allow",
    '"bob" is no address of a network of this build', 'write an address, or "eip155:8453:0x..."'],
  ["a text for true", top('open = "yes"'), "open", "open", "expected true or false", "write it without quotes"],
  ["another store", top('store = "mysql:x"'), "store", "store", 'this build has no store "mysql:x"',
    'write store = "sqlite:facilitator.db"'],
  ["an asset with too many decimals", (lines) => [...lines, ...swap("decimals", "decimals = 300")(ASSET)], "[assets",
    "assets.x", "decimals must be a whole number from 0 to 36", "decimals = 6 for USDC"],
  ["a key of another family", (lines) => [...lines, ...ASSET, 'token_program = "x"'], "token_program",
    "assets.x.token_program", "unknown key", "remove it"],
];

// "text" names the first line that starts so, "text+1" the second.
function lineOf(lines, mark) {
  const [text, later] = mark.split("+");
  const found = lines.flatMap((line, i) => (line.startsWith(text) ? [i + 1] : []));
  return found[Number(later ?? 0)];
}

async function check(role, lines, { args = [], env = ENV } = {}) {
  const dir = newFolder("check");
  const file = join(dir, `${role}.toml`);
  writeFileSync(file, `${lines.join("\n")}\n`);
  return { file, dir, ...(await x402([role, "--config", file, "--check", ...args], { env, cwd: dir })) };
}

for (const [role, good, rows] of [["gateway", GATEWAY, GATEWAY_ROWS], ["facilitator", FACILITATOR, FACILITATOR_ROWS]]) {
  test(`${role}: every mistake is told with its place and its remedy`, { concurrency: 4 }, async (t) => {
    await Promise.all(rows.map(([name, change, mark, field, what, next]) => t.test(name, async () => {
      const lines = change(good);
      const got = await check(role, lines);
      const place = `${got.file}:${lineOf(lines, mark)}: ${field === "" ? "" : `${field}: `}`;
      assert.equal(got.stderr, `x402: ${place}${what}\n  next: ${next}\n`);
      assert.deepEqual([got.code, got.stdout], [2, ""]);
    })));
  });

  test(`${role}: a good file is good, and a start would say the same as --check`, async () => {
    const got = await check(role, good);
    assert.deepEqual([got.code, got.stdout, got.stderr], [0, `${got.file}: good\n`, ""]);
    const json = await check(role, good, { args: ["--json"] });
    assert.deepEqual([json.code, JSON.parse(json.stdout)], [0, { ok: true }]);
    const [, change] = rows[1];
    const bad = await check(role, change(good), { args: ["--json"] });
    const { error } = JSON.parse(bad.stderr);
    assert.deepEqual([bad.code, Object.keys(error).sort()], [2, ["code", "field", "message", "next"]]);
    const started = await x402([role, "--config", bad.file], { env: ENV, cwd: bad.dir });
    assert.equal(started.code, 2, "nothing starts from a bad file");
  });
}

test("TOML that is none is told by line and column, a file that is missing by its name", async () => {
  const got = await check("gateway", ["listen = ["]);
  assert.equal(got.code, 2);
  assert.match(got.stderr, /gateway\.toml:\d+:\d+: .+\n {2}next: correct the TOML at this place\n$/);
  const twice = await check("gateway", ['listen = "127.0.0.1:0"', ...GATEWAY]);
  assert.match(twice.stderr, /gateway\.toml:2:\d+: .*listen/);
  const missing = await x402(["gateway", "--config", "/nowhere/gateway.toml", "--check"]);
  assert.equal(missing.code, 2);
  assert.match(missing.stderr, /\/nowhere\/gateway\.toml cannot be read\n {2}next: /);
});

test("a configured asset without a symbol is called by its name in the file", async () => {
  const offer = [...ASSET, "[[routes]]", 'match = "GET /x"', 'accepts = [{ asset = "x", price = "0.001 x" }]'];
  const got = await check("gateway", [...GATEWAY, ...offer]);
  assert.deepEqual([got.code, got.stderr], [0, ""]);
});
