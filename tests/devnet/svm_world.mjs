// SPDX-License-Identifier: Apache-2.0
//
// The local Solana world: a surfnet that stands for devnet, with a dollar token at the address of
// devnet's USDC, and named accounts whose keys are the same in every run. Merchant and payers have
// token accounts; only facilitators own SOL.

import { setTimeout as sleep } from "node:timers/promises";
import { LOOKUP_TABLES, SYSTEM, TOKEN, TOKEN_2022, lookupTableData, mintData, nonceData, svmAccount, tokenAccountOf,
  tokenData } from "../lib/svm_codec.mjs";
import { startSurfpool, svmRequest } from "./surfpool.mjs";

export const SVM_NETWORK = "solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1";
export const SVM_USDC = "4zMMC9srt5Ri5X14GAgXhaHii3GnPAEERYPJgZJDncDU";
const LAMPORTS = 10n ** 9n;
const RENT = 10_000_000; // more than any account here needs to live for ever

function namedAccounts(facilitators, payers) {
  const names = ["merchant"];
  for (let i = 1; i <= facilitators; ++i) names.push(`facilitator${i}`);
  for (let i = 1; i <= payers; ++i) names.push(`payer${i}`);
  return Object.fromEntries(names.map((name) => [name, svmAccount(name)]));
}

export class SvmWorld {
  // mint -> { program, decimals, extensions }
  #mints = new Map();

  constructor(node, { slotMs = 100 }, accounts) {
    this.node = node;
    this.slotMs = slotMs;
    this.rpc = node.rpc;
    this.network = SVM_NETWORK;
    this.usdc = SVM_USDC;
    this.accounts = accounts;
  }

  get payers() {
    return Object.values(this.accounts).filter(({ name }) => name.startsWith("payer"));
  }

  get facilitators() {
    return Object.values(this.accounts).filter(({ name }) => name.startsWith("facilitator"));
  }

  request(method, params) {
    return svmRequest(this.rpc, method, params);
  }

  async setAccount(address, { data = Buffer.alloc(0), owner = SYSTEM, lamports = RENT }) {
    const account = { lamports: Number(lamports), data: Buffer.from(data).toString("hex"), owner };
    await this.request("surfnet_setAccount", [address, account]);
    return address;
  }

  // lamports in all, not more of them
  fund(address, lamports = 10n * LAMPORTS) {
    return this.setAccount(address, { lamports });
  }

  // Of SPL Token or, with extensions (see svm_codec.mjs), of Token-2022. Returns its address.
  async createMint({ address, name = "mint", program, decimals = 6, extensions, ...more } = {}) {
    const mint = address ?? svmAccount(`${name} ${this.#mints.size}`).address;
    const kind = { program: program ?? (extensions ? TOKEN_2022 : TOKEN), decimals, extensions };
    this.#mints.set(mint, kind);
    return this.setAccount(mint, { data: mintData({ decimals, extensions, ...more }), owner: kind.program });
  }

  programOf(mint) {
    return this.#mints.get(mint).program;
  }

  tokenAccountOf(owner, mint = this.usdc) {
    return tokenAccountOf(owner, mint, this.programOf(mint));
  }

  // The token account of an owner with this amount, made where it is missing. Returns its address.
  async mint(owner, amount, mint = this.usdc, more = {}) {
    const { program, extensions } = this.#mints.get(mint);
    const account = more.account ?? (await this.tokenAccountOf(owner, mint));
    return this.setAccount(account, { data: tokenData({ mint, owner, amount, extensions, ...more }), owner: program });
  }

  createLookupTable(addresses, name = "lookup table") {
    return this.setAccount(svmAccount(name).address, { data: lookupTableData(addresses), owner: LOOKUP_TABLES });
  }

  createNonce(authority, blockhash, name = "nonce") {
    return this.setAccount(svmAccount(name).address, { data: nonceData(authority, blockhash) });
  }

  slot(commitment = "processed") {
    return this.request("getSlot", [{ commitment }]);
  }

  async blockhash() {
    return (await this.request("getLatestBlockhash", [{ commitment: "confirmed" }])).value.blockhash;
  }

  // Blocks without waiting for them. A far step of slots is one block only, so they are taken singly.
  async passBlocks(count) {
    const goal = (await this.height()) + count;
    let now = { absoluteSlot: await this.slot(), blockHeight: 0 };
    while (now.blockHeight < goal) now = await this.#travel(now.absoluteSlot + 1);
  }

  // After 150 blocks no transaction signed before can land; after 32 more that is final.
  passLifetime() {
    return this.passBlocks(185);
  }

  // The chain's clock runs ahead for good, and what it shows is final.
  async passTime(seconds) {
    await this.#travel((await this.slot()) + Math.ceil((seconds * 1000) / this.slotMs));
    await this.passBlocks(35);
  }

  height(commitment = "processed") {
    return this.request("getBlockHeight", [{ commitment }]);
  }

  // Transactions are accepted and none is executed, until release().
  hold() {
    return this.request("surfnet_pauseClock");
  }

  release() {
    return this.request("surfnet_resumeClock");
  }

  // The clock ticks beside us: where the chain has been there already, it is told where it is now.
  async #travel(absoluteSlot) {
    try {
      return await this.request("surfnet_timeTravel", [{ absoluteSlot }]);
    } catch (error) {
      if (!/past slot/.test(error.message)) throw error;
      return { absoluteSlot: await this.slot(), blockHeight: await this.height() };
    }
  }

  toJSON() {
    const accounts = Object.fromEntries(
      Object.values(this.accounts).map(({ name, address, key }) => [name, { address, key }]),
    );
    const { rpc, network, usdc } = this;
    return { rpc, network, usdc, accounts };
  }

  stop() {
    return this.node.stop();
  }
}

// options: payers (3), facilitators (4), dollars per payer (1000), slotMs (100).
export async function startSvmWorld({ payers = 3, facilitators = 4, dollars = 1000, ...options } = {}) {
  const accounts = namedAccounts(facilitators, payers);
  const node = await startSurfpool(options);
  try {
    const world = new SvmWorld(node, options, accounts);
    await world.createMint({ address: SVM_USDC });
    const amount = BigInt(dollars) * 1_000_000n;
    await world.mint(accounts.merchant.address, 0n);
    for (const { address } of world.payers) await world.mint(address, amount);
    for (const { address } of world.facilitators) await world.fund(address);
    // Before its first block a surfnet tells heights and a blockhash that are gone with it.
    while ((await world.slot("confirmed")) < 32) await sleep(10);
    return world;
  } catch (error) {
    await node.stop();
    throw error;
  }
}
