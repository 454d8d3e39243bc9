// SPDX-License-Identifier: Apache-2.0
//
// What tests that attack `x402 pay` share: a world with payers to spend, a facilitator that a hostile
// seller settles with behind the payer's back, and the counts that decide: distinct signatures that
// left the machine, records in the journal, transfers on the chain.

import assert from "node:assert/strict";
import { startWorld } from "../devnet/world.mjs";
import { Chain } from "./chain.mjs";
import { askFacilitator, encodeHeader, exactRequirements } from "./payments.mjs";
import { requiredOf, respond402, startSeller } from "./seller.mjs";
import { newFolder, startFacilitator, x402, x402Pay } from "./x402bin.mjs";

export class Shop {
  #spent = 0;

  static async open(house, { payers = 12 } = {}) {
    const shop = new Shop();
    shop.world = await house.add(startWorld({ payers }));
    shop.chain = new Chain(shop.world);
    shop.facilitator = await house.add(startFacilitator(shop.world, { network: { poll: "20ms" } }));
    shop.terms = exactRequirements(shop.world, { payTo: shop.world.accounts.merchant.address });
    return shop;
  }

  // A payer that no other test uses, with a journal of its own.
  customer() {
    const payer = this.world.payers[this.#spent++];
    assert.ok(payer, "the world has too few payers");
    const home = newFolder("home");
    return {
      payer,
      home,
      pay: (url, { args, ...more } = {}) => x402Pay(this.world, url, { payer, home, args, ...more }),
      plain: (url, args = []) =>
        x402(["pay", url, "--home", home, "--rpc", `${this.world.network}=${this.world.rpc}`, ...args],
          { env: { X402_EVM_KEY: payer.key } }),
      transfers: () => this.chain.transfers({ from: payer.address }),
      history: async () => {
        const { stdout } = await x402(["wallet", "history", "--json", "--home", home]);
        return stdout.split("\n").filter((line) => line.startsWith("{")).map((line) => JSON.parse(line));
      },
    };
  }

  // A seller; unpaid: terms or a handler, paid: a handler. Settling twice is the facilitator's to
  // refuse, so a seller may try as often as it likes.
  async seller(house, { unpaid = [this.terms], paid } = {}) {
    const ask = Array.isArray(unpaid) ? this.demand(unpaid) : unpaid;
    return house.add(startSeller({ unpaid: ask, paid }));
  }

  demand(accepts, more) {
    return (_request, response) => respond402(response, requiredOf(accepts, more));
  }

  // The answer of the facilitator; the first one of a payment is kept and given again.
  async settle(payment) {
    this.settled ??= new Map();
    const { nonce } = payment.payload.authorization;
    if (!this.settled.has(nonce)) {
      this.settled.set(nonce, askFacilitator(this.facilitator.url, "settle", payment));
    }
    const { body } = await this.settled.get(nonce);
    assert.equal(body.success, true, JSON.stringify(body));
    return body;
  }
}

export const receiptHeader = (settlement) => ({ "payment-response": encodeHeader(settlement) });
export const distinct = (seller) => new Set(seller.headers).size;
export const told = ({ code, results }) => [code, results[0]?.outcome, results[0]?.error?.code];

// Nothing was signed: no payment came to the seller, none stands in the journal.
export async function assertUnsigned(customer, seller, got, code) {
  assert.deepEqual(told(got), [4, "refused", code], got.stdout + got.stderr);
  const [result] = got.results;
  assert.deepEqual([result.attempts, result.accepted, result.payment], [0, null, null]);
  assert.ok(result.error.message.length > 10, "and a sentence says why");
  assert.deepEqual([seller.headers.length, (await customer.history()).length], [0, 0]);
  assert.equal((await customer.transfers()).length, 0);
}
