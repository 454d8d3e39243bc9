// SPDX-License-Identifier: Apache-2.0
//
// What tests on Solana share: a facilitator on a surfnet, asked and held against the chain, to the
// lamport of its fee payer.

import assert from "node:assert/strict";
import { startSvmWorld } from "../devnet/svm_world.mjs";
import { eventually } from "./check.mjs";
import { askFacilitator } from "./payments.mjs";
import { SvmChain, svmKeyOf, svmPayment, svmRequirements } from "./svm.mjs";
import { wireRequest } from "./wire.mjs";
import { startFacilitator } from "./x402bin.mjs";

export const svmCode = (name) => `invalid_exact_svm_${name}`;

export class SvmDesk {
  #spent = 0;

  // options: those of startSvmWorld.
  static async open(house, options = {}) {
    const desk = new SvmDesk();
    desk.world = await house.add(startSvmWorld(options));
    desk.chain = new SvmChain(desk.world);
    desk.merchant = desk.world.accounts.merchant;
    desk.signer = desk.world.accounts.facilitator1;
    desk.terms = svmRequirements(desk.world, { payTo: desk.merchant.address });
    return desk;
  }

  // A payer that no other test uses.
  payer() {
    const payer = this.world.payers[this.#spent++];
    assert.ok(payer, "the world has too few payers");
    return payer;
  }

  // A facilitator as assertRefused of attack.mjs wants it: { chain, url, signers }, and what starts it.
  async facilitator(house, { network, signers = [this.signer], ...options } = {}) {
    const settings = { poll: "20ms", ...network };
    const role = await house.add(startFacilitator(this.world, { ...options, signers, network: settings }));
    return { ...role, chain: this.chain, signers };
  }

  pay(payer, options, terms = this.terms) {
    return svmPayment(this.world, payer, terms, options);
  }

  async statusOf(url, payment) {
    return (await wireRequest(`${url}/settlements/${svmKeyOf(payment)}`, { agent: false })).body;
  }

  // Asks until the payment is judged; between() is done before each try.
  judged(url, payment, { between = () => {}, deadlineMs = 20_000 } = {}) {
    return eventually(async () => {
      await between();
      const { status, body } = await settleOrNot(url, payment);
      return status === 200 && body.errorReason !== "settlement_pending" && body;
    }, { what: "a judged settlement", deadlineMs, everyMs: 100 });
  }
}

// status 0 where the connection broke.
export const settleOrNot = (url, payment) =>
  askFacilitator(url, "settle", payment).catch((error) => ({ status: 0, body: { error: `${error}` } }));

// Runs action() and asserts what each signer lost, in lamports, and how many transactions it paid for.
// spent: name of the account -> lamports; sent: -> transactions, 1 where lamports are named.
export async function assertPurses({ chain, signers }, spent, action, sent = {}) {
  const look = () => Promise.all(signers.map(async ({ address }) =>
    [await chain.lamportsOf(address), await chain.nonceOf(address)]));
  const before = await look();
  const result = await action();
  const after = await look();
  const told = signers.map(({ name }, i) => [name, before[i][0] - after[i][0], after[i][1] - before[i][1]]);
  const wanted = signers.map(({ name }) => [name, spent[name] ?? 0n, sent[name] ?? (spent[name] ? 1 : 0)]);
  assert.deepEqual(told, wanted, "lamports spent, transactions paid for");
  return result;
}
