// SPDX-License-Identifier: Apache-2.0
//
// The tools that lose messages and read metrics must themselves be right: a relay that passes what
// it should lose would make every test of a lost answer pass.

import assert from "node:assert/strict";
import { test } from "node:test";
import { houseOf } from "./house.mjs";
import { encodeHeader } from "./payments.mjs";
import { requiredOf, respond402, startSeller } from "./seller.mjs";
import { metricSum, readMetrics, startRelay, startUpstream, wireBytes, wireRequest } from "./wire.mjs";

test("a house stops its parts in reverse, all of them, and tells the first trouble", async (t) => {
  const stopped = [];
  const part = (name, trouble) => ({ stop: async () => {
    stopped.push(name);
    if (trouble) throw new Error(name);
  } });
  const house = houseOf(t);
  for (const one of [part("a"), part("b", true), part("c")]) await house.add(Promise.resolve(one));
  await assert.rejects(house.close(), /^Error: b$/);
  assert.deepEqual(stopped, ["c", "b", "a"]);
  await house.close(); // what was stopped stays so
});

test("wireRequest sends paths, repeated headers and bodies as they are", async (t) => {
  const upstream = await houseOf(t).add(startUpstream((request, response) => response.end(request.url)));
  const path = "//a/../b%2Fc;x=1?y";
  const headers = ["X-Twice", "1", "X-Twice", "2"];
  const got = await wireRequest(upstream.url, { method: "POST", path, headers, body: "abc" });
  assert.deepEqual([got.status, got.body], [200, path]);
  const [seen] = upstream.seen;
  assert.deepEqual([seen.method, seen.headers["x-twice"], seen.body.toString()], ["POST", "1, 2", "abc"]);
  assert.equal(seen.headers["content-length"], "3");
  const text = await wireBytes(upstream.url, "GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  assert.match(text, /^HTTP\/1\.1 200 OK[^]*\/x/);
});

test("a relay passes, drops, loses, answers and is watched", async (t) => {
  const house = houseOf(t);
  const upstream = await house.add(startUpstream((_request, response) => response.end("answer")));
  const relay = await house.add(startRelay(upstream.url));
  const ask = () => wireRequest(relay.url, { agent: false }).then(({ status, body }) => `${status} ${body}`, () =>
      "cut");
  const rows = [["pass", "200 answer", 1], ["lose", "cut", 1], ["drop", "cut", 0], [{ status: 503, body: "busy" },
      "503 busy", 0]];
  for (const [how, want, runs] of rows) {
    relay.decide = () => how;
    const before = upstream.seen.length;
    assert.equal(await ask(), want, `${how.status ?? how}`);
    assert.equal(upstream.seen.length - before, runs, `${how.status ?? how}`);
  }
  relay.decide = () => "pass";
  const watched = [];
  relay.watch = ({ method }) => {
    watched.push(method);
    return ({ status }) => watched.push(status);
  };
  await ask();
  assert.deepEqual(watched, ["GET", 200]);
  assert.equal(relay.count, 5);
});

test("metrics are read with their labels, and summed over those that fit", () => {
  const page = '# HELP a b\na_total{x="1",y="p \\"q\\""} 2\na_total{x="2"} 3.5\nb 1e3\n';
  assert.deepEqual(readMetrics(page)[1], { name: "a_total", labels: { x: "2" }, value: 3.5 });
  assert.deepEqual([metricSum(page, "a_total"), metricSum(page, "a_total", { x: "1" }), metricSum(page, "b")],
      [5.5, 2, 1000]);
  assert.equal(metricSum(page, "nothing"), 0);
});

test("a seller tells its terms and remembers what it was sent", async (t) => {
  const terms = requiredOf([{ scheme: "exact" }]);
  const seller = await houseOf(t).add(startSeller({ unpaid: (_request, response) => respond402(response, terms) }));
  const unpaid = await wireRequest(seller.url);
  assert.deepEqual([unpaid.status, unpaid.required, unpaid.body], [402, terms, terms]);
  const paid = await wireRequest(seller.url, { headers: ["PAYMENT-SIGNATURE", encodeHeader({ a: 1 })] });
  assert.deepEqual([paid.status, paid.body, seller.payments], [200, "bought", [{ a: 1 }]]);
});
