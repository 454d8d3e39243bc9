// SPDX-License-Identifier: Apache-2.0
//
// What is bent in each golden conversation with a facilitator, as data: the good request is made by
// the runner, and each key of `bend` changes one layer of it.
//
//   site      which facilitator (open)
//   ask       ["POST /verify", "POST /settle"] unless said otherwise
//   by        who pays (payer1)
//   terms     the requirements, before they are signed
//   signed    the authorization, before it is signed; domain: the token's domain
//   sent      the payload's members after signing; authorization: the authorization's
//   accepted, asked   what is accepted, what is asked for, after signing
//   payment, request  members of the payment, of the whole body; null takes one away
//   text      the body as it stands
//   headers   of the request, name, value, name, value
//   v1        the same in version 1's words
//   first     what happens before, by name (see the runner)

import { BEARER } from "./golden_facilitator_sites.mjs";

export const ELSEWHERE = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
const LONG_NAME = "x".concat("\u00e9".repeat(100)); // what is shown of it is cut, and not within a letter
const NOBODY = `0x${"0".repeat(40)}`;
const VERIFY = ["POST /verify"];
const SETTLE = ["POST /settle"];
const KEYED = ["Idempotency-Key"];
const soon = (seconds) => `${Math.floor(Date.now() / 1000) + seconds}`;

// What the HTTP server understands and the facilitator does not.
const HTTP = {
  "a path that there is not": { ask: ["GET /nothing", "POST /nothing"] },
  "a verb that the path does not take": {
    ask: ["GET /verify", "DELETE /settle", "POST /supported", "PUT /settlements/x", "POST /metrics"],
  },
  "a body that is no JSON": { text: "payment please" },
  "an empty body": { text: "" },
  "a body that is no object": { text: "[]" },
  "a body that is cut": { text: '{"x402Version":2' },
  "a body too large": { text: `"${"x".repeat(200_000)}"`, shown: "200,002 bytes" },
  "a body too deep": { text: "[".repeat(10_000), shown: "10,000 times [" },
  "a member twice": { text: '{"x402Version":2,"x402Version":2}' },
  "a long name twice": { text: `{"${LONG_NAME}":1,"${LONG_NAME}":2}` },
  "two Idempotency-Keys": { ask: SETTLE, headers: [...KEYED, "a", ...KEYED, "b"] },
  "an Idempotency-Key of 257 bytes": { ask: SETTLE, headers: [...KEYED, "k".repeat(257)], shown: "257 times k" },
  "a key that is none": { ask: ["GET /settlements/", "GET /settlements/a%2fb", "GET /settlements/a/b"] },
  "a key that is too long": { ask: [`GET /settlements/${"k".repeat(1025)}`] },
  "a wait that is none": { ask: ["GET /settlements/a?wait=x", "GET /settlements/a?wait=-1", "GET /settlements/a?b=1"] },
  "a key that nobody knows": { ask: ["GET /settlements/eip3009~nobody", "GET /settlements/eip3009~nobody?wait=1"] },
};

// What is no request for a judgement.
const FORM = {
  "version 3": { request: { x402Version: 3 }, payment: { x402Version: 3 } },
  "a version that is text": { request: { x402Version: "2" }, payment: { x402Version: "2" } },
  "two versions": { request: { x402Version: 1 } },
  "no payment": { request: { paymentPayload: null } },
  "a payment that is text": { request: { paymentPayload: "x" } },
  "no requirements": { request: { paymentRequirements: null } },
  "a payment without its payload": { payment: { payload: null } },
  "a payment without accepted": { payment: { accepted: null } },
  "requirements without an amount": { asked: { amount: null } },
  "an amount that is a number": { asked: { amount: 1000 } },
  "an amount with a fraction": { asked: { amount: "0.02" } },
  "an amount beyond 256 bits": { asked: { amount: `${2n ** 256n}` } },
  "a network that is no CAIP-2 id": { asked: { network: "base sepolia" } },
  "requirements without payTo": { asked: { payTo: null } },
  "a timeout of nothing": { asked: { maxTimeoutSeconds: 0 } },
};

// Who may ask for what, and how much.
const POLICY = {
  "no caller's token": { site: "guarded" },
  "an unknown token": { site: "guarded", ask: ["GET /supported", "GET /settlements/x"], headers: ["Authorization", "Bearer ?"] },
  "two tokens": { site: "guarded", ask: VERIFY, headers: [...BEARER, ...BEARER], shown: "the right token twice" },
  "a recipient that is not allowed": { site: "guarded", headers: BEARER, shown: "the right token", terms: { payTo: ELSEWHERE } },
  "an amount below the least": { site: "guarded", headers: BEARER, shown: "the right token", terms: { amount: "499" } },
  "too many requests": { site: "hasty", ask: ["GET /supported"], first: "spend the burst" },
  "a budget that is spent": { site: "poor", ask: SETTLE },
  "a payment without an end yet": { site: "crowd", ask: SETTLE },
  "a payer with an undecided payment": { site: "crowd", ask: SETTLE },
  "too many undecided payments": { site: "crowd", ask: SETTLE, by: "payer3", first: "another payer's payment stays undecided" },
  "a network that does not answer": { site: "dead", first: "the network falls silent" },
};

// What the scheme judges.
const SCHEME = {
  "a scheme that is not served": { terms: { scheme: "upto" } },
  "another scheme accepted": { accepted: { scheme: "upto" } },
  "a network that is not served": { terms: { network: "eip155:8453" } },
  "another network accepted": { accepted: { network: "eip155:8453" } },
  "no token name": { terms: { extra: { version: "2" } } },
  "no token version": { terms: { extra: { name: "USDC" } } },
  "Permit2, which is not served": { terms: { extra: { name: "USDC", version: "2", assetTransferMethod: "permit2" } } },
  "an asset that is no address": { asked: { asset: "USDC" } },
  "a payTo that is no address": { asked: { payTo: "merchant.eth" } },
  "nothing to pay": { asked: { amount: "0" } },
  "a token that is not known": { site: "open", terms: { asset: "<fee token>", extra: { name: "FeeToken", version: "2" } } },
  "no signature": { sent: { signature: null } },
  "a signature that is no hex": { sent: { signature: "0xzz" } },
  "no authorization": { sent: { authorization: null } },
  "a nonce of 31 bytes": { authorization: { nonce: `0x${"1".repeat(62)}` } },
  "an address of 19 bytes": { authorization: { from: `0x${"1".repeat(38)}` } },
  "a value that is a number": { authorization: { value: 1000 } },
  "a wallet that is not deployed": { sent: { signature: `0x${"00".repeat(96)}${"6492".repeat(16)}` } },
  "signed by another": { by: "payer1", key: "payer2" },
  "signed for another chain": { domain: { chainId: 1 } },
  "signed for another recipient": { signed: { to: ELSEWHERE } },
  "signed for less": { signed: { value: "999" } },
  "signed for more": { signed: { value: "1001" } },
  "expired": { signed: { validBefore: "1000000000" } },
  "about to expire": () => ({ signed: { validBefore: soon(3) } }),
  "not yet valid": () => ({ signed: { validAfter: soon(60) } }),
  "valid for too long": { signed: { validBefore: "253402300000" } },
  "a token of another name": { terms: { extra: { name: "USD Coin", version: "2" } } },
  "a token of another version": { terms: { extra: { name: "USDC", version: "1" } } },
  "a payer without money": { by: "pauper" },
  "a transfer that the token refuses": { terms: { payTo: NOBODY } },
  "no contract at the asset": { site: "lax", terms: { asset: `0x${"34".repeat(20)}` } },
  "a contract that is no token": { site: "lax", terms: { asset: "<multicall3>" } },
  "a token that keeps a part": { site: "lax", terms: { asset: "<fee token>", extra: { name: "FeeToken", version: "2" } } },
  "a payment that was taken back": { first: "the payer cancels" },
  "a payment that is taken back while it is sent": { site: "betrayed", ask: SETTLE, first: "the payer will cancel" },
  "a payment that was settled": { first: "it is settled" },
  "a settled payment for other terms": { ask: SETTLE, asked: { amount: "1" }, first: "it is settled" },
  "a settled payment with another key": { ask: SETTLE, headers: [...KEYED, "b"], first: "it is settled" },
  "a settled payment at another facilitator": { site: "lax", first: "it is settled and final" },
};

const VERSION_1 = {
  "v1: a short name that nobody knows": { v1: true, asked: { network: "moonbase" } },
  "v1: a network that is not served": { v1: true, asked: { network: "base" }, payment: { network: "base" } },
  "v1: another network in the payment": { v1: true, payment: { network: "base" } },
  "v1: another scheme in the payment": { v1: true, payment: { scheme: "upto" } },
  "v1: a scheme that is not served": { v1: true, asked: { scheme: "upto" }, payment: { scheme: "upto" } },
  "v1: version 2's member": { v1: true, asked: { maxAmountRequired: null, amount: "1000" } },
  "v1: signed by another": { v1: true, key: "payer2" },
  "v1: signed for less": { v1: true, signed: { value: "999" } },
  "v1: expired": { v1: true, signed: { validBefore: "1000000000" } },
  "v1: a payment that was settled": { v1: true, ask: SETTLE, first: "it is settled" },
};

export const TALKS = { ...HTTP, ...FORM, ...POLICY, ...SCHEME, ...VERSION_1 };

// Reasons that our sources can name and no caller can provoke, and why.
export const UNPROVOKED = {
  invalid_payload: "a plan that fails after the same payload was verified; a scheme would have to contradict itself",
  authorization_expired: "a transaction that finality has ruled out, and not through the caller's doing: " +
    "somebody else must use the signer's key; the unit tests of finality show it",
  invalid_transaction_state: "as above, with a payment that was taken back meanwhile",
};
