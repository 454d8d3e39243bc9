// SPDX-License-Identifier: Apache-2.0
//
// One payment header sent sixteen times at once: one 200, one call of the upstream, one transfer; the others are
// told to wait, or that the payment was used, and get no body of the seller's.

import assert from "node:assert/strict";
import { test } from "node:test";
import { startWorld } from "../devnet/world.mjs";
import { Chain } from "../lib/chain.mjs";
import { exactPayment, request } from "../lib/payments.mjs";
import { paidRoute, startFacilitator, startGateway } from "../lib/x402bin.mjs";
import { startSampleApi } from "../interop/roles.mjs";

for (const settle of ["after", "before"]) {
  test(`sixteen times the same header, settle = "${settle}"`, async (t) => {
    const world = await startWorld({ blockTime: 1 });
    t.after(() => world.stop());
    const api = await startSampleApi();
    t.after(() => api.stop());
    const facilitator = await startFacilitator(world);
    t.after(() => facilitator.stop());
    const routes = [paidRoute(world, { settle })];
    const gateway = await startGateway(world, { upstream: api.info.url, facilitators: [facilitator.url], routes });
    t.after(() => gateway.stop());
    const chain = new Chain(world);
    const url = `${gateway.url}/weather`;

    const { required } = await request(url);
    const [offer] = required.accepts;
    assert.equal(offer.extra.paymentFlow, settle === "before" ? "upfront" : undefined);
    const payment = await exactPayment(world.payers[0], offer);
    const answers = await Promise.all(Array.from({ length: 16 }, () => request(url, { payment })));

    const served = answers.filter(({ status }) => status === 200);
    const told = answers.filter(({ status }) => status === 409);
    assert.equal(served.length, 1, JSON.stringify(answers.map(({ status, body }) => [status, body])));
    assert.equal(told.length, 15);
    for (const { body } of told) assert.equal(body.report, undefined);
    const counts = (await request(`${api.info.url}/count`)).body;
    assert.equal(counts.weather ?? counts["/weather"] ?? counts["GET /weather"], 1, JSON.stringify(counts));
    assert.equal((await chain.transfers({ from: world.payers[0].address })).length, 1);
  });
}
