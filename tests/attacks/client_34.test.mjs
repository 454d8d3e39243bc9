// SPDX-License-Identifier: Apache-2.0
//
// Addresses that a payer's machine can reach and a seller must not: named in a URL, by a redirect, or
// by a name that resolves to one. Each is refused after resolving, before a byte is sent; --allow-host
// opens one by name.

import assert from "node:assert/strict";
import { lookup } from "node:dns/promises";
import { hostname } from "node:os";
import { after, before, test } from "node:test";
import { House, houseOf } from "../lib/house.mjs";
import { Shop, told } from "../lib/pay_kit.mjs";

const house = new House();
let shop;

before(async () => (shop = await Shop.open(house, { payers: 32 })));
after(() => house.close());

const redirect = (location, status = 302) => (_request, response) => response.writeHead(status, { location }).end();

const PRIVATE = ["http://169.254.169.254/latest/meta-data/", "http://[::1]:PORT/", "http://127.0.0.2:PORT/",
  "http://10.0.0.1/", "http://172.16.0.1/", "http://192.168.1.1/", "http://100.64.0.1/", "http://0.0.0.0:PORT/",
  "http://[::]:PORT/", "http://[::ffff:127.0.0.1]:PORT/", "http://[::ffff:169.254.169.254]/",
  "http://[64:ff9b::a9fe:a9fe]/", "http://[fe80::1]/", "http://[fd00:ec2::254]/", "http://localhost:PORT/",
  "http://other.localhost:PORT/", "http://127.1:PORT/", "http://2130706434:PORT/",
  "http://0x7f.2:PORT/", "http://0177.0.0.2:PORT/"];

for (const target of PRIVATE) {
  test(`attack 34: a redirect to ${target} is not followed`, async (t) => {
    const own = houseOf(t);
    const customer = shop.customer();
    const inner = await shop.seller(own, {});
    const port = new URL(inner.url).port;
    const seller = await shop.seller(own, { unpaid: redirect(target.replace("PORT", port)) });
    const got = await customer.pay(seller.url, { args: ["-m", "5"] });
    assert.ok([1, 4].includes(got.code), got.stdout);
    assert.ok(["private_address", "invalid"].includes(got.results[0].error?.code), got.stdout);
    assert.deepEqual([inner.seen.length, seller.headers.length], [0, 0], "not a byte reached it");
  });
}

test("attack 34: an address that a person typed is guarded too, unless it is loopback", async () => {
  const customer = shop.customer();
  for (const target of ["http://169.254.169.254/", "http://10.0.0.1/", "http://[fe80::1]/", "http://[fd00::1]/"]) {
    assert.deepEqual(told(await customer.pay(target, { args: ["-m", "5"] })), [4, "refused", "private_address"]);
  }
});

// The machine's own name stands in its hosts file; where it does not, no name does that we could use.
async function namesOfThisMachine() {
  const names = [hostname(), "ip6-localhost", "localhost"];
  const found = await Promise.all(names.map((name) => lookup(name, { family: 4 }).then(({ address }) =>
    address.startsWith("127.") && name, () => false)));
  return found.filter(Boolean);
}

test("attack 34: a name that resolves to loopback is refused, and --allow-host opens it", async (t) => {
  const own = houseOf(t);
  const inner = await shop.seller(own, {});
  for (const name of await namesOfThisMachine()) {
    const customer = shop.customer();
    const there = inner.url.replace("127.0.0.1", name);
    const seller = await shop.seller(own, { unpaid: redirect(there) });
    const before = inner.seen.length;
    assert.deepEqual(told(await customer.pay(seller.url)), [4, "refused", "private_address"], name);
    if (name !== "localhost") {
      assert.deepEqual(told(await customer.pay(there)), [4, "refused", "private_address"], name);
    }
    assert.equal(inner.seen.length, before, `${name}: not a byte reached it`);
    const opened = await customer.pay(there, { args: ["--allow-host", name] });
    assert.deepEqual([opened.code, opened.results[0].outcome], [0, "settled"], opened.stdout);
  }
});

test("attack 34: --allow-host opens the host that it names and no other", async (t) => {
  const own = houseOf(t);
  const customer = shop.customer();
  const inner = await shop.seller(own, { unpaid: (_request, response) => response.end("inner") });
  const seller = await shop.seller(own, { unpaid: redirect(inner.url.replace("127.0.0.1", "localhost")) });
  for (const other of ["example.com", "127.0.0.2", "ocalhost", "localhost.example", "*"]) {
    const got = await customer.pay(seller.url, { args: ["--allow-host", other] });
    assert.deepEqual(told(got), [4, "refused", "private_address"], other);
  }
  const got = await customer.pay(seller.url, { args: ["--allow-host", "LocalHost"] });
  assert.deepEqual([got.code, got.results[0].body], [0, "inner"], got.stdout);
});

test("attack 34: a redirect after the payment reaches nothing inside", async (t) => {
  const own = houseOf(t);
  for (const host of ["localhost", "127.0.0.1", "[::1]"]) {
    const customer = shop.customer();
    const inner = await shop.seller(own, {});
    const location = `${inner.url.replace("127.0.0.1", host)}/steal`;
    const seller = await shop.seller(own, { paid: redirect(location, 307) });
    const got = await customer.pay(seller.url, { args: ["--allow-host", "localhost"] });
    assert.notEqual(got.code, 0);
    assert.deepEqual([inner.seen.length, seller.headers.length], [0, 1], host);
  }
});

test("attack 34: a proxy of the environment is no way around the guard", async (t) => {
  const own = houseOf(t);
  const customer = shop.customer();
  const proxy = await shop.seller(own, {});
  const env = { http_proxy: proxy.url, HTTP_PROXY: proxy.url, all_proxy: proxy.url };
  const got = await customer.pay("http://169.254.169.254/", { args: ["-m", "5"], env });
  assert.deepEqual(told(got), [4, "refused", "private_address"], got.stdout);
  assert.equal(proxy.seen.length, 0);
});
