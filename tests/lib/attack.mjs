// SPDX-License-Identifier: Apache-2.0
//
// What an attacker has that the other helpers do not give: payments that anybody may send to the
// chain himself, transactions of a stranger, the pool, and a look at what a process has written
// and how much memory it holds.

import assert from "node:assert/strict";
import { readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { createWalletClient, encodeFunctionData, http, parseGwei } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { setTimeout as sleep } from "node:timers/promises";
import { chainOf } from "./chain.mjs";
import { eventually } from "./check.mjs";
import { askFacilitator } from "./payments.mjs";
import { rpcMethods } from "./wire.mjs";

export const SEND = "eth_sendRawTransaction";

// The name of a payment as the facilitator tells it.
export function keyOf({ accepted, payload: { authorization } }) {
  const [family, chain] = accepted.network.split(":");
  return ["eip3009", family, chain, accepted.asset, authorization.from, authorization.nonce].join("~").toLowerCase();
}

// The call that moves the money of a signed payment: whoever has seen it can make it.
export function transferData(world, { payload: { authorization, signature } }) {
  const { from, to, value, validAfter, validBefore, nonce } = authorization;
  const args = [from, to, BigInt(value), BigInt(validAfter), BigInt(validBefore), nonce, signature];
  return encodeFunctionData({ abi: world.contracts.TestUsd.abi, functionName: "transferWithAuthorization", args });
}

export async function cancelData(world, payer, payment) {
  const { authorization } = payment.payload;
  const { name, version } = payment.accepted.extra;
  const signature = await privateKeyToAccount(payer.key).signTypedData({
    domain: { name, version, chainId: world.chainId, verifyingContract: payment.accepted.asset },
    types: { CancelAuthorization: [{ name: "authorizer", type: "address" }, { name: "nonce", type: "bytes32" }] },
    primaryType: "CancelAuthorization",
    message: { authorizer: authorization.from, nonce: authorization.nonce },
  });
  const args = [authorization.from, authorization.nonce, signature];
  return encodeFunctionData({ abi: world.contracts.TestUsd.abi, functionName: "cancelAuthorization", args });
}

// What the facilitator's purses have spent: pending nonces and ether.
export async function purseOf(chain, signers) {
  const each = async ({ address }) => [address, await chain.nonceOf(address, "pending"), await chain.etherOf(address)];
  return Promise.all(signers.map(each));
}

// Refused by both doors with one code, judged and not with an error, and nothing spent for it. at: {
// chain, url, signers }. code: a text, or a list of those that may be told. Returns both answers.
export async function assertRefused({ chain, url, signers }, payment, code, requirements = payment.accepted) {
  const before = await purseOf(chain, signers);
  const verdict = await askFacilitator(url, "verify", payment, requirements);
  assert.equal(verdict.status, 200, JSON.stringify(verdict.body));
  assert.equal(verdict.body.isValid, false, JSON.stringify(verdict.body));
  assert.ok([code].flat().includes(verdict.body.invalidReason), `${verdict.body.invalidReason}, not ${code}`);
  const outcome = await askFacilitator(url, "settle", payment, requirements);
  assert.equal(outcome.status, 200, JSON.stringify(outcome.body));
  assert.deepEqual([outcome.body.success, outcome.body.errorReason, outcome.body.transaction],
    [false, verdict.body.invalidReason, ""], "settle says what verify says");
  assert.deepEqual(await purseOf(chain, signers), before, "a refused payment costs nothing");
  return { verdict: verdict.body, outcome: outcome.body };
}

// A transaction of `from` straight to the node; the tip decides who comes first in a block. Returns
// its hash, mined or not.
export function sendAs(world, from, { tip = "50", ...call }) {
  const wallet = createWalletClient({ account: privateKeyToAccount(from.key), chain: chainOf(world.rpc),
    transport: http(world.rpc) });
  const fee = parseGwei(tip);
  return wallet.sendTransaction({ gas: 1_000_000n, maxFeePerGas: fee, maxPriorityFeePerGas: fee, ...call });
}

// The pool's transactions of an account by nonce.
export async function pooled(world, { address }) {
  const { pending, queued } = await world.request("txpool_content", []);
  const mine = (part) => Object.entries(part).find(([from]) => from.toLowerCase() === address.toLowerCase())?.[1] ?? {};
  return { ...mine(queued), ...mine(pending) };
}

export function firstInPool(world, account) {
  return eventually(async () => Object.values(await pooled(world, account))[0], { everyMs: 10, what: "a send" });
}

// On a chain that is mined by hand: mines until the promise is settled, and returns what it holds.
export async function mineUntil(world, promise, { deadlineMs = 20_000, everyMs = 40, blocks = 1 } = {}) {
  let open = true;
  const done = () => (open = false);
  promise.then(done, done);
  for (const end = performance.now() + deadlineMs; open && performance.now() < end; await sleep(everyMs))
    await world.mine(blocks);
  return promise;
}

// A promise and its resolve, for a relay that waits for the test.
export function latch() {
  let open;
  const opened = new Promise((resolve) => (open = resolve));
  return { opened, open };
}

export const sends = ({ body }) => rpcMethods(body).includes(SEND);

// Resident memory in MiB.
export function rssOf(pid) {
  const pages = Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]);
  return (pages * 4096) / 2 ** 20;
}

// Everything a role has put into words or files: [[name, bytes]], its configuration left out.
export function traces(role) {
  const files = readdirSync(role.dir)
    .filter((name) => !name.endsWith(".toml") && statSync(join(role.dir, name)).isFile())
    .map((name) => [name, readFileSync(join(role.dir, name))]);
  return [...files, ["stderr", readFileSync(role.log)], ["stdout", Buffer.from(role.lines.join("\n"))]];
}
