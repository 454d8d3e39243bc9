// SPDX-License-Identifier: Apache-2.0
//
// A JSON-RPC proxy in front of a Solana node that does what bad nodes do: loses questions or answers,
// swallows transactions, is late, behind or ahead, has no history, or denies what it knows. A test puts
// as many of them before one node as the operator has endpoints.

import { startRelay } from "./wire.mjs";
import { base58, takeApart } from "./svm_codec.mjs";
import { svmRequest } from "../devnet/surfpool.mjs";
import { setTimeout as sleep } from "node:timers/promises";

export const SEND = "sendTransaction";
const HISTORY = ["getSignatureStatuses", "getTransaction", "getSignaturesForAddress"];

const answered = (id, body) => ({
  status: 200,
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ jsonrpc: "2.0", id, ...body }),
});

class SvmProxy {
  #rules = new Map(); // method -> rule
  #shift = { slots: 0, heights: 0 };

  constructor(target) {
    this.target = target;
    this.calls = []; // { method, params } as they came
    this.sent = []; // base58 ids of every transaction that was to be sent, swallowed or not
  }

  // rule({ method, params, pass }) -> a result | { error: { code, message } } | "drop" (the question
  // never arrives) | "lose" (it arrives, its answer does not), or a promise of one; pass() asks the node
  // and returns its result. Results that are objects are given as { result }.
  on(method, rule) {
    this.#rules.set(method, rule);
    return this;
  }

  // As a good node again.
  clear() {
    this.#rules.clear();
    this.#shift = { slots: 0, heights: 0 };
    return this;
  }

  callsOf(method) {
    return this.calls.filter((call) => call.method === method);
  }

  // Says that it has taken transactions and tells nobody of them.
  swallow() {
    return this.on(SEND, ({ params }) => ({ result: idOf(params) }));
  }

  drop(...methods) {
    methods.forEach((method) => this.on(method, () => "drop"));
    return this;
  }

  lose(...methods) {
    methods.forEach((method) => this.on(method, () => "lose"));
    return this;
  }

  delay(ms, ...methods) {
    methods.forEach((method) => this.on(method, async ({ pass }) => {
      await sleep(ms);
      return { result: await pass() };
    }));
    return this;
  }

  fail(message, ...methods) {
    methods.forEach((method) => this.on(method, () => ({ error: { code: -32603, message } })));
    return this;
  }

  // A node whose slots and heights are ahead (or behind) by that much: its numbers are a lie, its other
  // words are true.
  ahead({ slots = 0, heights = 0 }) {
    this.#shift = { slots, heights };
    return this;
  }

  // One of many behind a load balancer that is far behind: it does not know new blockhashes and
  // transactions, and says from which slot it speaks.
  stale(slot) {
    const context = { apiVersion: "4.1.2", slot };
    return this.on("isBlockhashValid", () => ({ result: { context, value: false } }))
      .on("getSignatureStatuses", ({ params }) => ({ result: { context, value: params[0].map(() => null) } }))
      .on("getTransaction", () => ({ result: null }))
      .on("getSignaturesForAddress", () => ({ result: [] }));
  }

  // Keeps no history and says so.
  withoutHistory() {
    const error = { code: -32011, message: "Transaction history is not available from this node" };
    HISTORY.forEach((method) => this.on(method, () => ({ error })));
    return this;
  }

  // Denies every transaction.
  denyHistory() {
    return this.on("getSignatureStatuses", async ({ params, pass }) => {
      const { context } = await pass();
      return { result: { context, value: params[0].map(() => null) } };
    }).on("getTransaction", () => ({ result: null })).on("getSignaturesForAddress", () => ({ result: [] }));
  }

  // ---- for startRelay

  async decide({ body }) {
    const { id, method, params = [] } = JSON.parse(body.toString("utf8"));
    this.calls.push({ method, params });
    if (method === SEND) this.sent.push(idOf(params));
    const rule = this.#rules.get(method);
    const { slots, heights } = this.#shift;
    if (!rule && slots === 0 && heights === 0) return "pass";
    const pass = async () => this.#shifted(method, await svmRequest(this.target, method, params));
    try {
      const what = rule ? await rule({ method, params, pass }) : { result: await pass() };
      if (what === "drop" || what === "lose") return what;
      if (what !== null && typeof what === "object" && (what.error || "result" in what)) return answered(id, what);
      return answered(id, { result: what });
    } catch ({ code = -32603, message, data }) {
      return answered(id, { error: { code, message, data } });
    }
  }

  #shifted(method, result) {
    const { slots, heights } = this.#shift;
    if (method === "getSlot") return result + slots;
    if (method === "getBlockHeight") return result + heights;
    if (method === "getEpochInfo")
      return { ...result, absoluteSlot: result.absoluteSlot + slots, blockHeight: result.blockHeight + heights };
    if (result?.context) return { ...result, context: { ...result.context, slot: result.context.slot + slots } };
    return result;
  }
}

const idOf = ([transaction]) => base58(takeApart(Buffer.from(transaction, "base64")).signatures[0]);

// Adds { url, stop() }.
export async function startSvmProxy(target) {
  const proxy = new SvmProxy(target);
  const relay = await startRelay(target, (asked) => proxy.decide(asked));
  proxy.url = relay.url;
  proxy.stop = () => relay.stop();
  return proxy;
}
