// SPDX-License-Identifier: Apache-2.0
//
// `x402 pay` as a new user meets it: what goes to stdout and to stderr, the exit codes, the JSON
// line, the limits, the choice between offers, and that --dry-run signs nothing.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { startWorld } from "../devnet/world.mjs";
import { Chain } from "../lib/chain.mjs";
import { assertMoves } from "../lib/check.mjs";
import { House } from "../lib/house.mjs";
import { startUpstream } from "../lib/wire.mjs";
import { newFolder, paidRoute, startGateway, x402, x402Pay } from "../lib/x402bin.mjs";

const PICTURE = Buffer.from(Array.from({ length: 1024 }, (_, i) => i % 256));
const house = new House();
let world, chain, gateway, payer, token;

function answer(request, response, body) {
  const [path] = request.url.split("?");
  if (path === "/picture") return response.end(PICTURE);
  if (path === "/missing") return response.writeHead(404).end("no such thing");
  if (path === "/echo") return response.end(`${request.method} ${request.headers["x-note"] ?? ""} ` +
    `${request.headers["content-type"]} ${body}`);
  return response.end("sunny\n");
}

before(async () => {
  world = await house.add(startWorld());
  chain = new Chain(world);
  payer = world.accounts.payer1;
  token = await world.deployToken("TestUsd", "HUSD");
  await world.mint(payer.address, 5_000_000, token);
  const upstream = await house.add(startUpstream(answer));
  const husd = { network: world.network, address: token, decimals: 6, eip712: { name: "HUSD", version: "2" } };
  const payTo = world.accounts.merchant.address;
  const paid = (match, price = "$0.001", more = {}) => paidRoute(world, { match, price, ...more });
  gateway = await house.add(startGateway(world, {
    upstream: upstream.url,
    network: { poll: "20ms" },
    assets: { husd },
    routes: [paid("GET /weather"), paid("GET /picture"), paid("POST /echo"), paid("PUT /echo"), paid("GET /dear", "$2"),
      paid("GET /missing"), { match: "GET /free", free: true }, { match: "GET /both", price: "$0.001", description: "x",
        accepts: [{ asset: "USDC", network: world.network, pay_to: payTo }, { asset: "husd", pay_to: payTo,
          price: 1000n }] }],
  }));
});

after(() => house.close());

const at = (path) => `${gateway.url}${path}`;
const pay = (path, ...args) => x402Pay(world, at(path), { payer, args });
const plain = (path, ...args) =>
  x402(["pay", at(path), "--home", newFolder("home"), ...args], { env: { X402_EVM_KEY: payer.key } });
const moves = (want, action) => assertMoves(chain, world.accounts, want, action);

test("the body goes to stdout, what was paid to stderr", async () => {
  const got = await moves({ payer1: -1000n, merchant: 1000n }, () => plain("/weather"));
  assert.deepEqual([got.code, got.stdout], [0, "sunny\n"], got.stderr);
  assert.match(got.stderr, /^x402: paid 0\.001 USDC on eip155:84532 to 0x[0-9a-fA-F]{40} \(transaction 0x[0-9a-f]{64}\)\n$/);
  assert.ok(!got.stderr.includes(payer.key.slice(2)), "no key in any output");
});

test("a body of any bytes arrives as it is", async () => {
  const got = await pay("/picture");
  assert.equal(got.code, 0, got.stderr);
  assert.deepEqual(Buffer.from(got.results[0].body_base64, "base64"), PICTURE);
  const raw = await plain("/picture");
  assert.equal(Buffer.from(raw.stdout, "utf8").length, Buffer.from(PICTURE.toString("utf8"), "utf8").length);
});

test("--json prints one line per request with every member of the contract", async () => {
  const { code, stdout, results, stderr } = await pay("/weather");
  assert.equal(code, 0, stderr);
  assert.equal(stdout.trimEnd().split("\n").length, 1);
  const [{ accepted, payment, ms, ...rest }] = results;
  assert.deepEqual(rest, { status: 200, outcome: "settled", proven: false, attempts: 1, body: "sunny\n" });
  assert.deepEqual([accepted.scheme, accepted.network, accepted.amount], ["exact", world.network, "1000"]);
  assert.deepEqual([payment.success, payment.network, payment.payer], [true, world.network, payer.address]);
  assert.equal((await chain.receipt(payment.transaction)).status, "success");
  assert.ok(Number.isInteger(ms) && ms >= 0);
});

test("methods, bodies and headers as in curl", async () => {
  const file = join(newFolder("body"), "order.json");
  writeFileSync(file, '{"n":1}');
  const posted = await plain("/echo", "-d", `@${file}`, "-H", "X-Note: hello");
  assert.deepEqual([posted.code, posted.stdout], [0, 'POST hello application/json {"n":1}'], posted.stderr);
  const joined = await plain("/echo", "-d", "a=1", "-d", "b=2");
  assert.equal(joined.stdout, "POST  application/x-www-form-urlencoded a=1&b=2");
  const put = await x402(["pay", at("/echo"), "-X", "PUT", "-d", "@-", "--home", newFolder("home")],
    { env: { X402_EVM_KEY: payer.key }, input: "from stdin" });
  assert.equal(put.stdout, "PUT  application/x-www-form-urlencoded from stdin");
});

test("exit code 0 and 1 without a payment; --fail=never", async () => {
  const free = await pay("/free");
  assert.deepEqual([free.code, free.results[0].outcome, free.results[0].attempts], [0, "none", 0]);
  assert.deepEqual([free.results[0].accepted, free.results[0].payment], [null, null]);
  const unknown = await pay("/nothing-here");
  assert.deepEqual([unknown.code, unknown.results[0].status, unknown.results[0].outcome], [1, 404, "none"]);
  assert.equal((await pay("/nothing-here", "--fail=never")).code, 0);
  const dead = await x402Pay(world, "http://127.0.0.1:9/", { payer });
  assert.deepEqual([dead.code, dead.results[0].status, dead.results[0].outcome], [1, 0, "none"]);
  assert.ok(dead.results[0].error.message);
});

test("an upstream that fails after the offer costs nothing", async () => {
  const got = await moves({}, () => pay("/missing"));
  assert.deepEqual([got.code, got.results[0].status], [1, 404]);
  assert.equal(got.results[0].body, "no such thing");
});

test("exit code 2: what was typed is wrong, said in one sentence with a remedy", async (t) => {
  const key = { X402_EVM_KEY: payer.key };
  const rows = [["no URL", []], ["an unknown flag", [at("/weather"), "--colour"]],
    ["a limit without a unit", [at("/weather"), "--max", "0.05"]], ["a limit that is none", [at("/weather"),
        "--max", "much"]],
    ["a budget by the week", [at("/weather"), "--budget", "$1/week"]], ["a budget in euro", [at("/weather"),
        "--budget", "1 EUR"]],
    ["a header without a colon", [at("/weather"), "-H", "nonsense"]], ["-n 0", [at("/weather"), "-n", "0"]],
    ["an unknown word to avoid", [at("/weather"), "--avoid", "atlantis"]], ["a file that is not there",
        [at("/weather"), "-d", "@/nope"]],
    ["an asset that is no CAIP-19 name", [at("/weather"), "--allow-asset", "USDC"]],
    ["an endpoint without a network", [at("/weather"), "--rpc", "http://127.0.0.1:1"]], ["a URL that is none",
        ["http://"]],
    ["a key that is none", [at("/weather"), "--key", "env:BAD"], { BAD: "0x1234" }],
    ["a key on the command line", [at("/weather"), "--key", payer.key]],
    ["a variable that is not set", [at("/weather"), "--key", "env:NOT_SET"]]];
  for (const [name, args, env = key] of rows) {
    await t.test(name, async () => {
      const got = await moves({}, () => x402(["pay", ...args, "--home", newFolder("home")], { env }));
      assert.deepEqual([got.code, got.stdout], [2, ""], got.stderr);
      assert.ok(got.stderr.length > 10);
      assert.ok(!got.stderr.includes(payer.key.slice(2)), "a key typed by mistake is not repeated");
    });
  }
});

test("exit code 4: refused by policy, nothing signed, with code and next step", async (t) => {
  const rows = [["above --max", "/weather", ["--max", "$0.0009"], "over_limit"], ["above the default of $1",
      "/dear", [], "over_limit"],
    ["above --budget", "/weather", ["--budget", "$0.0005"], "over_budget"], ["another asset", "/weather",
        ["--asset", "EURC"], "asset_not_chosen"],
    ["an avoided network", "/weather", ["--avoid", "testnet"], "avoided"], ["an avoided scheme", "/weather",
        ["--avoid", "exact"], "avoided"]];
  for (const [name, path, args, code] of rows) {
    await t.test(name, async () => {
      const got = await moves({}, () => pay(path, ...args));
      const [{ outcome, attempts, error }] = got.results;
      assert.deepEqual([got.code, outcome, attempts, error.code], [4, "refused", 0, code], got.stdout);
    });
  }
  const keyless = await x402(["pay", at("/weather"), "--json", "--home", newFolder("home")],
      { env: { X402_EVM_KEY: "" } });
  assert.equal(keyless.code, 4, keyless.stdout);
  const [{ error }] = keyless.stdout.trim().split("\n").map((line) => JSON.parse(line));
  assert.equal(error.code, "no_wallet");
  assert.match(error.next, /X402_EVM_KEY/);
});

test("exactly the limit is within the limit; $2 pass with --max", async () => {
  assert.equal((await moves({ payer1: -1000n, merchant: 1000n }, () => pay("/weather", "--max", "$0.001"))).code, 0);
  assert.equal((await moves({ payer1: -2_000_000n, merchant: 2_000_000n }, () => pay("/dear", "--max", "$2"))).code, 0);
});

test("-n and -c: as many payments, one line each; --budget holds for the command", async () => {
  const five = await moves({ payer1: -5000n, merchant: 5000n }, () => pay("/weather", "-n", "5", "-c", "5"));
  assert.equal(five.code, 0, five.stderr);
  assert.equal(new Set(five.results.map(({ payment }) => payment.transaction && payment.extra?.paymentKey)).size, 5);
  const some = await moves({ payer1: -3000n, merchant: 3000n }, () =>
    pay("/weather", "-n", "6", "-c", "3", "--budget", "$0.003"));
  assert.equal(some.code, 4);
  const outcomes = some.results.map(({ outcome }) => outcome).sort();
  assert.deepEqual(outcomes, ["refused", "refused", "refused", "settled", "settled", "settled"]);
});

test("--dry-run shows what would be paid and signs nothing", async () => {
  const got = await moves({}, () => plain("/weather", "--dry-run"));
  assert.deepEqual([got.code, got.stdout], [0, ""], got.stderr);
  assert.match(got.stderr, /would pay 0\.001 USDC on eip155:84532 to 0x.*nothing was signed/);
  const dear = await moves({}, () => plain("/dear", "--dry-run", "--json"));
  const shown = JSON.parse(dear.stdout);
  assert.deepEqual([dear.code, shown.would_pay, shown.offers[0].error.code], [4, null, "over_limit"]);
  const keyless = await x402(["pay", at("/weather"), "--dry-run", "--home", newFolder("home")],
      { env: { X402_EVM_KEY: "" } });
  assert.equal(keyless.code, 0, keyless.stderr);
  assert.equal((await plain("/free", "--dry-run")).code, 0);
});

test("--prefer, --avoid, --asset and --allow-asset choose between offers", async () => {
  const id = `${world.network}/erc20:${token}`;
  const chosen = async (...args) => {
    const { code, results, stdout } = await pay("/both", ...args);
    return code === 0 ? results[0].accepted.asset.toLowerCase() : `${code} ${results[0]?.error?.code ?? stdout}`;
  };
  const usdc = world.usdc.toLowerCase();
  const husd = token.toLowerCase();
  assert.equal(await chosen(), usdc, "a token that nobody knows is not paid in by itself");
  assert.equal(await chosen("--prefer", "HUSD"), usdc);
  assert.equal(await chosen("--allow-asset", id, "--prefer", "HUSD"), husd);
  assert.equal(await chosen("--allow-asset", id, "--asset", "HUSD"), husd);
  assert.equal(await chosen("--allow-asset", id, "--avoid", "USDC"), husd);
  assert.equal(await chosen("--asset", "USDC", "--prefer", "mainnet"), usdc);
  // The reason told is that of the offer that came furthest.
  assert.equal(await chosen("--asset", "HUSD"), "4 asset_not_chosen");
  assert.equal(await chosen("--avoid", "USDC"), "4 avoided");
});
