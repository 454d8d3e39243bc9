// SPDX-License-Identifier: Apache-2.0
//
// Tokens of Token-2022 that keep a part of what is sent, ask somebody else whether it may be sent, or freeze it
// on arrival. All of them are refused by their extension, before anything is signed; the same program
// without such an extension is as good as the old one.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { assertRefused } from "../lib/attack.mjs";
import { House } from "../lib/house.mjs";
import { askFacilitator } from "../lib/payments.mjs";
import { USUAL_FEE } from "../lib/svm.mjs";
import { MEMO, TOKEN_2022, svmAccount, transferChecked } from "../lib/svm_codec.mjs";
import { SvmDesk, assertPurses, svmCode } from "../lib/svm_kit.mjs";

const AMOUNT = 10_000n;
const house = new House();
let desk, world, chain, payer, at;

before(async () => {
  desk = await SvmDesk.open(house, { payers: 1 });
  ({ world, chain } = desk);
  payer = desk.payer();
  at = await desk.facilitator(house, { network: { any_token: true } });
});

after(() => house.close());

// A mint with these extensions, money of it for the payer, an account of it for the merchant, and terms.
async function termsIn(name, mint) {
  const asset = await world.createMint({ name, program: TOKEN_2022, ...mint });
  await world.mint(payer.address, 100n * AMOUNT, asset);
  await world.mint(desk.merchant.address, 0n, asset);
  return { ...desk.terms, asset, amount: `${AMOUNT}` };
}

const stranger = svmAccount("stranger").address;
const EXTENSIONS = {
  "a transfer fee of one percent": { transferFee: { bps: 100 } },
  "a transfer fee of nothing that its authority may raise": { transferFee: { bps: 0, authority: stranger } },
  "a transfer fee of all": { transferFee: { bps: 10_000 } },
  "a transfer hook with a program": { transferHook: MEMO },
  "no transfers at all": { nonTransferable: true },
  "accounts that begin frozen": { defaultState: 2 },
  "a permanent delegate": { permanentDelegate: stranger },
  "an extension that nobody knows": { unknown: 4000 },
};

// Broken by: comparing the amount that was sent with the one asked for, instead of what arrived.
for (const [name, extensions] of Object.entries(EXTENSIONS)) {
  test(`attack 14: a Token-2022 mint with ${name}: refused by its extension, not a lamport less`, async () => {
    const terms = await termsIn(name, { extensions });
    const payment = await desk.pay(payer, {}, terms);
    await assertRefused(at, payment, svmCode("mint_extension_not_allowed"));
    assert.equal(await chain.balanceOf(desk.merchant.address, terms.asset), 0n);
  });
}

test("attack 14: a mint that gets a transfer fee after it was first seen is refused from then on", async () => {
  const terms = await termsIn("a mint that changes", {});
  const first = await askFacilitator(at.url, "settle", await desk.pay(payer, {}, terms));
  assert.equal(first.body.success, true, JSON.stringify(first.body));
  await world.createMint({ address: terms.asset, extensions: { transferFee: { bps: 5000 } } });
  await world.mint(payer.address, 100n * AMOUNT, terms.asset);
  await world.mint(desk.merchant.address, AMOUNT, terms.asset);
  const { body } = await askFacilitator(at.url, "settle", await desk.pay(payer, {}, terms));
  // Mints may be remembered for a while: then what has arrived decides.
  if (body.success) assert.equal(await chain.balanceOf(desk.merchant.address, terms.asset), 2n * AMOUNT);
  assert.notEqual(body.success, true, JSON.stringify(body));
});

test("attack 14: a frozen account of the recipient or of the payer is refused unsigned", async () => {
  const terms = await termsIn("a mint that freezes", {});
  await world.mint(desk.merchant.address, 0n, terms.asset, { state: 2 });
  await assertRefused(at, await desk.pay(payer, {}, terms), [svmCode("recipient_token_account_unusable")]);
  await world.mint(desk.merchant.address, 0n, terms.asset);
  await world.mint(payer.address, AMOUNT, terms.asset, { state: 2 });
  await assertRefused(at, await desk.pay(payer, {}, terms), svmCode("transaction_simulation_failed"));
});

// An amount that is right at the moment of the check, of a token that is not the one asked for.
test("attack 14: the token of another program under the same terms is refused", async () => {
  const terms = await termsIn("of the new program", {});
  const old = await world.createMint({ name: "of the old program" });
  await world.mint(payer.address, AMOUNT, old);
  const options = { instructions: ({ limit, price, details, memo }) =>
    [limit, price, transferChecked({ ...details, mint: old }), memo] };
  await assertRefused(at, await desk.pay(payer, options, terms), svmCode("payload_mint_mismatch"));
});

test("attack 14: a Token-2022 mint without such an extension is paid in to the unit", async () => {
  const terms = await termsIn("plain", {});
  const { body } = await assertPurses(at, { [desk.signer.name]: USUAL_FEE }, async () =>
    askFacilitator(at.url, "settle", await desk.pay(payer, {}, terms)));
  assert.equal(body.success, true, JSON.stringify(body));
  assert.equal(await chain.balanceOf(desk.merchant.address, terms.asset), AMOUNT);
  assert.equal(await chain.balanceOf(payer.address, terms.asset), 99n * AMOUNT);
});
