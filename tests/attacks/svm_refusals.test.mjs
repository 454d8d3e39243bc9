// SPDX-License-Identifier: Apache-2.0
//
// Transactions that would take more from their fee payer than a fee, or pay something else than was asked
// for. All but a few would succeed on the chain if we signed them: lib/svm.test.mjs proves it. They are
// refused before we sign, by both doors alike, and cost not one lamport, also where smart wallets are
// accepted.

import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { assertRefused } from "../lib/attack.mjs";
import { assertMoves } from "../lib/check.mjs";
import { House } from "../lib/house.mjs";
import { askFacilitator } from "../lib/payments.mjs";
import { USUAL_FEE, wireOf } from "../lib/svm.mjs";
import { memo } from "../lib/svm_codec.mjs";
import { assertPurses, svmCode } from "../lib/svm_kit.mjs";
import { Bait, computeMutations, feePayerMutations, tableMutations, termsMutations } from "../lib/svm_mutations.mjs";

const house = new House();
let bait, desk, plain, wallets;

before(async () => {
  bait = await Bait.lay(house, { payers: 4 });
  ({ desk } = bait);
  const network = { any_token: true };
  plain = await desk.facilitator(house, { network });
  wallets = await desk.facilitator(house, { network: { ...network, smart_wallets: true },
    signers: [desk.signer] });
});

after(() => house.close());

// Neither money nor signature: the payer's and the fee payer's tokens and lamports stay where they are.
async function assertAllRefused(t, at, mutations) {
  const accounts = { payer: bait.payer, feePayer: { address: bait.feePayer }, merchant: desk.merchant,
    stranger: bait.stranger };
  for (const mutation of mutations) {
    await t.test(mutation.name, async () => {
      const payment = await bait.payment(mutation);
      const codes = at === wallets ? [...mutation.code, ...walletCodes] : mutation.code;
      const { outcome } = await assertMoves(desk.chain, accounts, {}, () => assertRefused(at, payment, codes));
      const said = JSON.stringify(outcome);
      assert.ok(outcome.extra?.error?.message?.length > 10 || outcome.errorMessage?.length > 10, said);
      assert.ok(!said.includes(wireOf(payment).toString("base64").slice(0, 80)), "the payment is not handed around");
    });
  }
}

// A facilitator that accepts smart wallets may put the same refusal into that path's words.
const walletCodes = ["program_not_allowed", "fee_payer_not_isolated", "compute_budget_violation",
  "unsupported_compute_budget_instruction", "compute_units_too_high", "priority_fee_too_high"]
  .map((word) => svmCode(`smart_wallet_${word}`));

for (const [name, which] of [["a plain facilitator", () => plain], ["one that accepts smart wallets", () => wallets]]) {
  // Broken by: signing what a check of the programs alone lets through.
  test(`attack 18: ${name}: the fee payer in any part of a payment but the fee: refused unsigned, not a lamport less`,
    (t) => assertAllRefused(t, which(), feePayerMutations(bait)));

  // Broken by: judging the accounts that stand in the message, or a table once read and kept.
  test(`attack 18: ${name}: accounts behind lookup tables are judged by what the table holds, or refused`,
    async (t) => assertAllRefused(t, which(), await tableMutations(bait)));

  // Broken by: reading the first price where the chain reads the last, or no limit where it takes 1.4 million.
  test(`attack 19: ${name}: two prices, no limit, a price above the cap: refused unsigned, not a lamport less`,
    (t) => assertAllRefused(t, which(), computeMutations()));

  // Broken by: looking for one good transfer, or for at least the amount.
  test(`attack 21: ${name}: two transfers, too much, too little, another recipient, another memo: refused unsigned`,
    (t) => assertAllRefused(t, which(), termsMutations(bait)));
}

// The bounds are what they say: at the bound it is accepted, and costs exactly that.
test("attack 19: the dearest payment that is allowed costs its fee payer exactly the allowed fee", async () => {
  const payer = desk.payer();
  const payment = await desk.pay(payer, { units: 400_000, price: 225_000 }); // 90,000 and two signatures
  const { body } = await assertPurses(plain, { [desk.signer.name]: 100_000n }, () =>
    askFacilitator(plain.url, "settle", payment));
  assert.equal(body.success, true, JSON.stringify(body));
  assert.equal((await desk.chain.receipt(body.transaction)).fee, 100_000n);
  const above = await desk.pay(payer, { units: 400_000, price: 225_003 });
  await assertRefused(plain, above, svmCode("payload_transaction_instructions_compute_price_instruction_too_high"));
});

test("attack 21: the seller's memo as it was asked for is accepted, and stands on the chain", async () => {
  const terms = { ...desk.terms, extra: { ...desk.terms.extra, memo: "order 7" } };
  const payment = await desk.pay(desk.payer(), {}, terms);
  const { body } = await assertPurses(plain, { [desk.signer.name]: USUAL_FEE }, () =>
    askFacilitator(plain.url, "settle", payment));
  assert.equal(body.success, true, JSON.stringify(body));
  const { meta } = await desk.chain.transaction(body.transaction);
  assert.ok(meta.logMessages.some((line) => line.includes("order 7")), meta.logMessages.join("\n"));
  assert.equal(Buffer.from(memo("order 7").data).toString(), "order 7");
});
