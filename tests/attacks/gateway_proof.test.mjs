// SPDX-License-Identifier: Apache-2.0
//
// A facilitator whose word is not enough: with proof = "chain" the gateway asks the network itself, through an
// endpoint of its operator, before a payment counts as settled. A lie then buys nothing, whatever transaction it
// names; honest facilitators, ours and the reference's, are served as before.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { encodeFunctionData, parseAbi } from "viem";
import { startWorld } from "../devnet/world.mjs";
import { startRefFacilitator } from "../interop/roles.mjs";
import { Chain } from "../lib/chain.mjs";
import { eventually } from "../lib/check.mjs";
import { FAST, brief, isServed, metric, startLiar, valid } from "../lib/gw_kit.mjs";
import { House, houseOf } from "../lib/house.mjs";
import { exactPayment } from "../lib/payments.mjs";
import { payFor, sendPaid, startRelay, startUpstream, wireRequest } from "../lib/wire.mjs";
import { paidRoute, startFacilitator, startGateway } from "../lib/x402bin.mjs";

const MADE_UP = `0x${"de".repeat(32)}`;
const FINAL = 66; // so many blocks later the local chain calls a block final
const LONG = 3000; // seconds; a block that is mined by hand moves the chain's clock ahead
const house = new House();
let world, chain, upstream, payers;

before(async () => {
  world = await house.add(startWorld({ payers: 20 }));
  chain = new Chain(world);
  payers = world.payers[Symbol.iterator]();
  upstream = await house.add(startUpstream((request, response) => response.end(`SECRET ${request.url}`)));
});

after(() => house.close());

const nextPayer = () => payers.next().value;
const good = (transaction) => ({ body: { success: true, transaction, network: world.network, amount: "1000" } });

// A gateway that believes the chain and not this facilitator.
const startProving = (parts, url, { pendingWait = "1s", network } = {}) =>
  parts.add(startGateway(world, {
    upstream: upstream.url,
    facilitators: [{ url, proof: "chain" }],
    network,
    routes: [paidRoute(world, { match: "GET /after", max_timeout_seconds: LONG }),
      paidRoute(world, { match: "GET /before", settle: "before", max_timeout_seconds: LONG })],
    config: { pending_wait: pendingWait },
  }));

function assertPending(got) {
  assert.deepEqual([got.status, isServed(got), got.required], [409, false, undefined], brief(got));
  assert.equal(got.body.error.code, "settlement_pending");
  assert.ok(Number(got.headers["retry-after"]) >= 1);
  assert.deepEqual([got.settlement.success, got.settlement.errorReason], [false, "settlement_pending"]);
  assert.equal(got.headers["set-cookie"], undefined);
}

// A real transfer of the same payer, recipient and amount, by an authorization of its own.
async function transferOnce(payer, offer) {
  const { payload: { authorization, signature } } = await exactPayment(payer, offer);
  const { from, to, value, validAfter, validBefore, nonce } = authorization;
  const abi = parseAbi(["function transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,bytes)"]);
  const args = [from, to, BigInt(value), BigInt(validAfter), BigInt(validBefore), nonce, signature];
  return world.transact({ to: world.usdc, data: encodeFunctionData({ abi, args }) });
}

// What the liar names: nothing that is there, or a real transfer that paid for something else.
const LIES = {
  "a transaction that does not exist": () => MADE_UP,
  "another transfer of the same payer": async (payer, offer) => (await transferOnce(payer, offer)).transactionHash,
};

// Fails when a success of the facilitator alone is a grant, when it is granted on a repeat, or when the payer is
// invited to sign again while the first payment may still be taken.
test("attack 44: where the chain is asked, a success that it does not show buys nothing", async (t) => {
  const parts = houseOf(t);
  let lie;
  let asked = 0;
  const liar = await parts.add(startLiar(world, { verify: () => valid, settle: () => {
    asked += 1;
    return good(lie);
  } }));
  const gateway = await startProving(parts, liar.url);
  for (const [name, lieOf] of Object.entries(LIES)) {
    for (const path of ["/after", "/before"]) {
      await t.test(`${name}, ${path}`, async () => {
        const payer = nextPayer();
        const url = `${gateway.url}${path}`;
        lie = await lieOf(payer, (await wireRequest(url)).required.accepts[0]);
        const moved = (await chain.transfers({ from: payer.address })).length;
        const runs = upstream.seen.length;
        asked = 0;
        const got = await payFor(url, payer);
        assertPending(got);
        await world.mine(FINAL);
        for (let i = 0; i < 2; ++i) assertPending(await sendPaid(url, got.payment));
        assertPending(await payFor(url, payer));
        assert.equal(asked, 1, "who has said yes has nothing to add");
        assert.equal(upstream.seen.length - runs, path === "/before" ? 0 : 1, "work that was done");
        assert.equal((await chain.transfers({ from: payer.address })).length, moved, "the chain agrees");
      });
    }
  }
  assert.equal(await metric(gateway, "x402_revenue_atomic_total"), 0);
  assert.equal(await metric(gateway, "x402_unpaid_served_total"), 0);
  assert.equal(await metric(gateway, "x402_pending_settlements"), 4, "and the operator sees it");
});

// Fails when the check makes honest payments impossible, or when it is skipped: the answer names what is there.
for (const [name, start] of Object.entries({
  ours: async (parts) => (await parts.add(startFacilitator(world, { network: FAST }))).url,
  "the reference's": async (parts) =>
    (await parts.add(startRefFacilitator(world, { signer: world.accounts.facilitator2 }))).info.url,
})) {
  test(`attack 44: where the chain is asked, an honest facilitator (${name}) is served as before`, async (t) => {
    const parts = houseOf(t);
    const gateway = await startProving(parts, await start(parts), { pendingWait: "10s" });
    for (const path of ["/after", "/before"]) {
      const payer = nextPayer();
      const got = await payFor(`${gateway.url}${path}`, payer); // nothing of it is final yet
      assert.deepEqual([got.status, isServed(got), got.settlement.success], [200, true, true], brief(got));
      const [{ transaction, value }] = await chain.transfers({ from: payer.address });
      assert.deepEqual([got.settlement.transaction, value], [transaction, 1000n]);
    }
  });
}

// Fails when an endpoint that is down is taken for a yes or for a no.
test("attack 44: while the chain cannot be asked nothing is granted, and the same payment is served later",
    async (t) => {
  const parts = houseOf(t);
  const facilitator = await parts.add(startFacilitator(world, { network: FAST }));
  const rpc = await parts.add(startRelay(world.rpc));
  const gateway = await startProving(parts, facilitator.url, { network: { rpc: [rpc.url] } });
  rpc.decide = () => "drop";
  const payer = nextPayer();
  const url = `${gateway.url}/after`;
  const got = await payFor(url, payer);
  assertPending(got);
  const [{ transaction }] = await chain.transfers({ from: payer.address });
  assert.equal(got.settlement.transaction, transaction, "what the facilitator told is passed on");
  await world.mine(FINAL);
  assertPending(await sendPaid(url, got.payment));
  rpc.decide = () => "pass";
  const served = await eventually(async () => {
    const answered = await sendPaid(url, got.payment);
    assert.notEqual(answered.status, 402, brief(answered));
    return answered.status === 200 && answered;
  }, { deadlineMs: 60_000, everyMs: 200, what: "the answer" });
  assert.ok(isServed(served));
  assert.equal(served.settlement.transaction, transaction);
  assert.equal((await chain.transfers({ from: payer.address })).length, 1);
});

// Only now may another payment be signed: the first cannot be taken any more. It moves the chain's clock.
test("attack 44: a success that the chain disproves is told as failed when nothing can be taken any more",
    async (t) => {
  const parts = houseOf(t);
  const liar = await parts.add(startLiar(world, { verify: () => valid, settle: () => good(MADE_UP) }));
  const gateway = await startProving(parts, liar.url, { pendingWait: "20s" });
  const answer = payFor(`${gateway.url}/after`, nextPayer());
  await eventually(() => liar.seen.some(({ url }) => url === "/settle"), { what: "the lie" });
  await world.mine(1, LONG + 600);
  await world.mine(FINAL);
  const got = await answer;
  assert.deepEqual([got.status, isServed(got)], [402, false], brief(got));
  assert.deepEqual([got.settlement.success, got.settlement.transaction], [false, ""], "there is no transaction");
  assert.ok(got.required.accepts.length > 0);
  assert.equal(await metric(gateway, "x402_disproved_total"), 1);
});
