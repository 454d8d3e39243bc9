// SPDX-License-Identifier: Apache-2.0
//
// Our roles and the reference's in every combination, exact on Solana: a real runtime, to the unit of the
// token and to the lamport of whoever pays the fee.

import assert from "node:assert/strict";
import { test } from "node:test";
import { startSvmWorld } from "../devnet/svm_world.mjs";
import { assertMoves } from "../lib/check.mjs";
import { SvmChain, USUAL_FEE } from "../lib/svm.mjs";
import { PRICE, clients, defineCells } from "./cells.mjs";
import { startRefServer } from "./roles.mjs";

// Only the fee payer's lamports move, by exactly the fee: nobody makes or closes accounts.
async function around({ chain, world, signer }, pay) {
  const names = Object.keys(world.accounts);
  const purses = () => Promise.all(names.map((name) => chain.lamportsOf(world.accounts[name].address)));
  const before = await purses();
  const answer = await pay();
  const after = await purses();
  const spent = names.map((name, i) => [name, before[i] - after[i]]).filter(([, lamports]) => lamports !== 0n);
  assert.deepEqual(spent, [[signer.name, USUAL_FEE]]);
  return answer;
}

const shared = defineCells({
  async open(house) {
    const world = await house.add(startSvmWorld({ facilitators: 4 }));
    return { world, chain: new SvmChain(world) };
  },
  sameAddress: (a, b) => a === b,
  around,
});

// The reference server may put a blockhash into its terms, another one each time: what it offers and what
// a payment says was accepted then differ in those fields, and in nothing that matters.
for (const client of ["ours", "theirs"]) {
  test(`client ${client}, a server whose terms carry a blockhash`, async () => {
    const { house, world, chain, facilitators } = shared;
    const { payer2 } = world.accounts;
    const options = { facilitator: facilitators.theirs.url, blockhashRpc: world.rpc };
    const server = await house.add(startRefServer(world, options));
    const answer = await assertMoves(chain, world.accounts, { payer2: -PRICE, merchant: PRICE },
      () => clients[client](world, `${server.info.url}/weather`, payer2));
    assert.equal(answer.status, 200);
    assert.equal(answer.payment.success, true);
  });
}
