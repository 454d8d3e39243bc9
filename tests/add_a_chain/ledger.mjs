// SPDX-License-Identifier: Apache-2.0
//
// The network that x402/chains/_template speaks to: balances, and transfers that their payers signed, over JSON-RPC.
// It believes nobody: signatures, expiry and balance are checked here as a chain would, and a message lands once.

import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { recoverPublicKey } from "viem";
import { privateKeyToAccount } from "viem/accounts";

const sha256 = (data) => createHash("sha256").update(data).digest();

function refuse(message) {
  throw new Error(message);
}

export class Ledger {
  constructor(family) {
    this.family = family;
    this.network = `${family}:local`;
    this.balances = new Map();
    this.receipts = new Map();
  }

  // An account with a key in the form that the family's wallet reads.
  account(name, coins = 0n) {
    const secret = sha256(`add_a_chain ${name}`);
    const { publicKey } = privateKeyToAccount(`0x${secret.toString("hex")}`);
    const address = this.#addressOf(publicKey);
    this.balances.set(address, coins);
    return { name, key: `${this.family}-${secret.toString("hex")}`, address };
  }

  get transfers() {
    return [...this.receipts.values()].filter(({ executed }) => executed);
  }

  // publicKey: 0x04, then both coordinates.
  #addressOf(publicKey) {
    const hash = sha256(Buffer.from(publicKey.slice(4), "hex")).toString("hex");
    return `${this.family}1${hash.slice(0, 40)}`;
  }

  async #signerOf(text, signature) {
    const hash = `0x${sha256(text).toString("hex")}`;
    const last = signature.endsWith("00") ? "1b" : "1c";
    const publicKey = await recoverPublicKey({ hash, signature: `0x${signature.slice(0, 128)}${last}` });
    return this.#addressOf(publicKey);
  }

  async #submit(envelope) {
    const { transfer, sender, signature } = JSON.parse(envelope);
    const { asset, from, to, amount, expires, nonce } = transfer;
    const message = [this.network, asset, from, to, amount, expires, nonce].join("\n");
    const id = sha256(message).toString("hex");
    if ((await this.#signerOf(message, transfer.signature)) !== from) refuse("not signed by the payer");
    if ((await this.#signerOf(`send\n${id}\n${sender}`, signature)) !== sender)
      refuse("not signed by the sender");
    if (this.receipts.has(id)) refuse("this message has landed");
    if (Date.now() >= expires) refuse("this message has expired");
    const value = BigInt(amount);
    const executed = asset === "coin" && (this.balances.get(from) ?? 0n) >= value;
    if (executed) {
      this.balances.set(from, this.balances.get(from) - value);
      this.balances.set(to, (this.balances.get(to) ?? 0n) + value);
    }
    const block = this.receipts.size + 1;
    this.receipts.set(id, { id, from, to, amount, sender, executed, block, at: Date.now() });
    return id;
  }

  #answer(method, [first, second]) {
    switch (method) {
      case "ledger_network":
        return this.network;
      case "ledger_time":
        return Date.now();
      case "ledger_balance":
        return `${second === "coin" ? (this.balances.get(first) ?? 0n) : 0n}`;
      case "ledger_receipt":
        return this.receipts.get(first) ?? null;
      case "ledger_submit":
        return this.#submit(first);
      default:
        return refuse(`no method ${method}`);
    }
  }

  async #reply(body) {
    const { id, method, params } = JSON.parse(body);
    try {
      return { jsonrpc: "2.0", id, result: await this.#answer(method, params) };
    } catch (error) {
      return { jsonrpc: "2.0", id, error: { code: -32000, message: error.message } };
    }
  }

  // Resolves with the URL.
  start() {
    this.server = createServer((request, response) => {
      const chunks = [];
      request.on("data", (chunk) => chunks.push(chunk));
      request.on("end", async () => {
        const reply = await this.#reply(Buffer.concat(chunks).toString("utf8"));
        response.setHeader("content-type", "application/json");
        response.end(JSON.stringify(reply));
      });
    });
    return new Promise((resolve) => {
      this.server.listen(0, "127.0.0.1", () => {
        resolve(`http://127.0.0.1:${this.server.address().port}`);
      });
    });
  }

  stop() {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(resolve));
  }
}
