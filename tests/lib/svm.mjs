// SPDX-License-Identifier: Apache-2.0
//
// x402 payments on Solana, right or wrong in any part, and a reader of the local chain for a test's last
// word. The chain has the methods of the EVM one (chain.mjs), so that assertions serve both.

import { randomBytes } from "node:crypto";
import { getBase64Encoder } from "@solana/kit";
import { svmRequest } from "../devnet/surfpool.mjs";
import { TOKEN, base58, computeLimit, computePrice, memo, messageOf, sha256, signedTransaction, takeApart,
  tokenAccountOf, transferChecked } from "./svm_codec.mjs";

// What landing a payment of the usual form costs its fee payer: two signatures, and a priority fee of
// one microlamport for each of 20,000 units, rounded up.
export const USUAL_FEE = 10_001n;
export const ZERO_SIGNATURE = Buffer.alloc(64);

// world: { network, usdc, accounts }. Any field can be overridden; extra is merged.
export function svmRequirements(world, { payTo, amount = "1000", feePayer, extra, ...overrides }) {
  return {
    scheme: "exact",
    network: world.network,
    asset: world.usdc,
    amount,
    payTo,
    maxTimeoutSeconds: 60,
    extra: { feePayer: feePayer ?? world.accounts.facilitator1.address, ...extra },
    ...overrides,
  };
}

// The instructions of a correct payment by name, which a test may change before they are joined.
async function usualParts(world, payer, requirements, { units, price, text, ...changes }) {
  const { asset: mint, payTo, amount, extra } = requirements;
  const program = changes.program ?? world.programOf?.(mint) ?? TOKEN;
  const transfer = {
    source: await tokenAccountOf(payer.address, mint, program),
    mint,
    destination: await tokenAccountOf(payTo, mint, program),
    authority: payer.address,
    amount,
    program,
    ...changes.transfer,
  };
  return {
    limit: computeLimit(units ?? 20_000),
    price: computePrice(price ?? 1),
    transfer: transferChecked(transfer),
    memo: memo(text ?? extra.memo ?? randomBytes(16).toString("hex")),
    details: { ...transfer, payer: payer.address, feePayer: extra.feePayer },
  };
}

// A payment for the requirements, signed by its payer and not by its fee payer. payer: { address, seed }.
// options: units, price, text (the memo's), transfer (fields of the transfer), instructions(parts) -> list,
// blockhash, version, tables, signers (further accounts that sign), feePayer (of the message).
export async function svmPayment(world, payer, requirements, options = {}) {
  const parts = await usualParts(world, payer, requirements, options);
  const list = options.instructions?.(parts) ?? [parts.limit, parts.price, parts.transfer, parts.memo];
  const message = messageOf({
    feePayer: options.feePayer ?? requirements.extra.feePayer,
    instructions: list,
    blockhash: options.blockhash ?? (await world.blockhash()),
    version: options.version,
    tables: options.tables,
  });
  return paymentOf(requirements, signedTransaction(message, [payer, ...(options.signers ?? [])]), options);
}

export function paymentOf(requirements, wire, { resource, extensions } = {}) {
  const transaction = Buffer.from(wire).toString("base64");
  return { x402Version: 2, resource, accepted: requirements, payload: { transaction }, extensions };
}

export const wireOf = ({ payload }) => Buffer.from(getBase64Encoder().encode(payload.transaction));

// The same signed message under another word in a signature's place; 0 is the fee payer's.
export function withSignature(payment, signature, place = 0) {
  const wire = Buffer.from(wireOf(payment));
  signature.copy(wire, 1 + 64 * place);
  return { ...payment, payload: { transaction: wire.toString("base64") } };
}

export const messageHashOf = (payment) => sha256(takeApart(wireOf(payment)).message);

// The name of a payment as the facilitator tells it.
export function svmKeyOf(payment) {
  const [, reference] = payment.accepted.network.split(":");
  return `svm~${reference.toLowerCase()}~${messageHashOf(payment)}`;
}

// The transaction's id in base58, once its fee payer has signed.
export const signatureOf = (wire) => base58(takeApart(wire).signatures[0]);

// ---------------------------------------------------------------- the chain

export class SvmChain {
  // world: anything with { rpc, usdc }; programs of other tokens are known to an SvmWorld only.
  constructor(world) {
    this.world = world;
    this.usdc = world.usdc;
  }

  request(method, params) {
    return svmRequest(this.world.rpc, method, params);
  }

  #account(owner, mint) {
    return this.world.tokenAccountOf?.(owner, mint) ?? tokenAccountOf(owner, mint);
  }

  // Atomic units in the owner's associated account, as bigint; none where there is no account.
  async balanceOf(owner, mint = this.usdc) {
    const account = await this.#account(owner, mint);
    const { value } = await this.request("getAccountInfo", [account, { encoding: "base64" }]);
    return value ? Buffer.from(value.data[0], "base64").readBigUInt64LE(64) : 0n;
  }

  async lamportsOf(address) {
    return BigInt((await this.request("getBalance", [address])).value);
  }

  // As the EVM chain's: what a signer has to spend, and how often it was made to sign.
  etherOf(address) {
    return this.lamportsOf(address);
  }

  async nonceOf(address) {
    return (await this.signaturesOf(address)).length;
  }

  // Oldest first; failed transactions are among them.
  async signaturesOf(address) {
    return (await this.request("getSignaturesForAddress", [address, { limit: 1000 }])).reverse();
  }

  transaction(signature) {
    const options = { encoding: "json", commitment: "confirmed", maxSupportedTransactionVersion: 0 };
    return this.request("getTransaction", [signature, options]);
  }

  // null while the transaction is unknown. { status, slot, fee }: fee is what its payer has lost, which
  // the node's own meta.fee does not tell in full.
  async receipt(signature) {
    const found = await this.transaction(signature);
    if (!found) return null;
    const { err, preBalances, postBalances } = found.meta;
    const fee = BigInt(preBalances[0] - postBalances[0]);
    return { status: err === null ? "success" : "failed", slot: found.slot, fee };
  }

  // What came into an owner's associated account, oldest first: [{ from, to, value, transaction }]. from is
  // the owner whose account lost it.
  async transfers({ from, to, token = this.usdc } = {}) {
    const account = await this.#account(to ?? from, token);
    const rows = (await this.signaturesOf(account)).filter(({ err }) => err === null);
    const moves = await Promise.all(rows.map(({ signature }) => this.#move(signature, token)));
    return moves.flat().filter((move) => (!from || move.from === from) && (!to || move.to === to));
  }

  async #move(signature, token) {
    const { meta } = await this.transaction(signature);
    const changes = new Map();
    const add = (list, sign) => list.filter(({ mint }) => mint === token).forEach(({ owner, uiTokenAmount }) =>
      changes.set(owner, (changes.get(owner) ?? 0n) + sign * BigInt(uiTokenAmount.amount)));
    add(meta.preTokenBalances, -1n);
    add(meta.postTokenBalances, 1n);
    const from = [...changes].find(([, change]) => change < 0n)?.[0];
    return [...changes].filter(([, change]) => change > 0n)
      .map(([to, value]) => ({ from, to, value, transaction: signature }));
  }

  // "processed", "confirmed", "finalized", or null.
  async statusOf(signature) {
    const { value } = await this.request("getSignatureStatuses", [[signature], { searchTransactionHistory: true }]);
    return value[0]?.confirmationStatus ?? null;
  }

  // A stranger's transaction straight to the node; returns its signature at once.
  send(wire) {
    const options = { encoding: "base64", skipPreflight: true, maxRetries: 0 };
    return this.request("sendTransaction", [Buffer.from(wire).toString("base64"), options]);
  }
}
