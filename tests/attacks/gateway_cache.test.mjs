// SPDX-License-Identifier: Apache-2.0
//
// A shared cache in front of the gateway keeps what it may. Nobody who did not pay gets a paid answer
// from it, and nobody who pays gets somebody else's offer or refusal.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, before, test } from "node:test";
import { startWorld } from "../devnet/world.mjs";
import { eventually } from "../lib/check.mjs";
import { FAST, brief, isServed } from "../lib/gw_kit.mjs";
import { startNginxCache, startTinyCache } from "../lib/gw_cache.mjs";
import { House } from "../lib/house.mjs";
import { payFor, sendPaid, startUpstream, wireRequest } from "../lib/wire.mjs";
import { newFolder, paidRoute, startGateway } from "../lib/x402bin.mjs";

const NGINX = "/usr/sbin/nginx";
const house = new House();
const caches = {};
let world, upstream, gateway, payer, count = 0;

// The upstream says what the query asks it to say: it was written before anybody sold it.
function answer(request, response) {
  const query = new URL(request.url, "http://x").searchParams;
  const headers = JSON.parse(query.get("say") ?? "{}");
  response.writeHead(Number(query.get("status") ?? 200), { "content-type": "text/plain", ...headers });
  response.end(`SECRET ${++count}`);
}

before(async () => {
  world = await house.add(startWorld());
  [payer] = world.payers;
  upstream = await house.add(startUpstream(answer));
  const routes = [paidRoute(world, { match: "GET /after" }), paidRoute(world, { match: "GET /before",
    settle: "before" }),
    { match: "GET /free", free: true }];
  gateway = await house.add(startGateway(world, { upstream: upstream.url, routes, network: FAST }));
  caches["a small cache"] = await house.add(startTinyCache(gateway.url));
  if (existsSync(NGINX)) caches.nginx = await house.add(startNginxCache(gateway.url, newFolder("nginx")));
});

after(() => house.close());

const year = new Date(Date.now() + 365 * 86_400_000).toUTCString();
const SAID = {
  "nothing": {},
  "public": { "cache-control": "public, max-age=3600" },
  "s-maxage": { "cache-control": "s-maxage=3600" },
  "immutable": { "cache-control": "max-age=31536000, immutable", etag: '"1"',
    "last-modified": "Mon, 01 Jan 2024 00:00:00 GMT" },
  "Expires": { expires: year },
  "for content networks": { "cdn-cache-control": "max-age=600", "surrogate-control": "max-age=600" },
  "for nginx": { "x-accel-expires": "600" },
  "private for one header only": { "cache-control": 'private="set-cookie", max-age=3600' },
  "private in a quoted text": { "cache-control": 'no-cache="x-a, private, x-b", public, max-age=3600' },
  "private and public": { "cache-control": "public, private, max-age=3600" },
  "in capitals": { "cache-control": "PUBLIC, MAX-AGE=3600" },
  "another Vary": { "cache-control": "public, max-age=3600", vary: "Accept-Encoding" },
};

// Without it the tests below would say nothing: these caches do keep what they may.
test("attack 27: the caches of this test do keep a free answer", async () => {
  for (const [name, { url }] of Object.entries(caches)) {
    const path = `/free?cache=${encodeURIComponent(name)}&say=${encodeURIComponent(JSON.stringify(SAID.public))}`;
    const [first, second] = [await wireRequest(url, { path, agent: false }), await wireRequest(url, { path,
      agent: false })];
    assert.equal(first.body, second.body, `${name} kept it`);
    assert.match(first.body, /SECRET/);
  }
});

// Fails when a paid answer leaves with a word that lets a shared cache keep it, or without Vary.
test("attack 27: a paid GET through a shared cache, then an unpaid one: 402", async (t) => {
  for (const [name, { url }] of Object.entries(caches)) {
    for (const path of ["/after", "/before"]) {
      for (const [word, headers] of Object.entries(SAID)) {
        await t.test(`${name}, ${path}, the upstream says ${word}`, async () => {
          const target = `${path}?n=${encodeURIComponent(name)}&say=${encodeURIComponent(JSON.stringify(headers))}`;
          const ask = (more) => wireRequest(url, { path: target, agent: false, ...more });
          const unpaid = await ask();
          assert.equal(unpaid.status, 402, brief(unpaid));
          const paid = await payFor(url + target, payer, { agent: false });
          assert.deepEqual([paid.status, isServed(paid)], [200, true], "an offer was not kept in place of the answer");
          for (const method of ["GET", "HEAD"]) {
            const again = await ask({ method });
            assert.deepEqual([again.status, isServed(again)], [402, false], brief(again));
          }
          // The delivery is written down right after it: a repeat in that moment is told to come again.
          const repeat = await eventually(async () => {
            const got = await sendPaid(url + target, paid.payment, { agent: false });
            return got.status !== 409 && got;
          }, { what: "the repeat's answer" });
          assert.deepEqual([repeat.status, repeat.body], [200, paid.body], "the payer's own repeat, from the gateway");
          assert.equal((await ask()).status, 402, "nor was the repeat's answer kept");
        });
      }
    }
  }
});

// Caches of this kind obey these before Cache-Control, and some of them know no Vary. (RFC 9213)
const TARGETED = ["CDN-Cache-Control", "Surrogate-Control", "X-Accel-Expires", "Cloudflare-CDN-Cache-Control",
  "Vercel-CDN-Cache-Control", "Netlify-CDN-Cache-Control", "Edge-Control", "Expires", "Age"];

// Fails when the upstream's word for one kind of cache outlives the payment wall.
test("attack 27: words of the upstream for one kind of cache do not reach it with a paid answer", async (t) => {
  for (const name of TARGETED) {
    await t.test(name, async () => {
      const target = `/after?say=${encodeURIComponent(JSON.stringify({ [name]: name === "Expires" ? year : "600" }))}`;
      const paid = await payFor(gateway.url + target, payer);
      assert.deepEqual([paid.status, paid.headers[name.toLowerCase()]], [200, undefined]);
    });
  }
});

// Fails when a refusal or an error on a paid path may be kept and then stands in a payer's way.
test("attack 27: what is not paid for is not kept either: offers, refusals, the upstream's errors", async (t) => {
  const tiny = caches["a small cache"];
  for (const status of [404, 410, 301, 500]) {
    await t.test(`${status}`, async () => {
      const target = `/after?status=${status}&say=${encodeURIComponent(JSON.stringify(SAID.public))}`;
      const hits = tiny.hits();
      const first = await payFor(tiny.url + target, payer, { agent: false });
      assert.equal(first.status, status);
      if (status !== 301) assert.match(first.headers["cache-control"], /no-store/);
      assert.equal((await wireRequest(tiny.url, { path: target, agent: false })).status, 402);
      assert.equal(tiny.hits(), hits);
    });
  }
  const offers = await Promise.all([1, 2].map(() => wireRequest(tiny.url, { path: "/after", agent: false })));
  assert.notEqual(offers[0].required.accepts[0].extra.quote, offers[1].required.accepts[0].extra.quote);
});
