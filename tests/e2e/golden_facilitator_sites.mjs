// SPDX-License-Identifier: Apache-2.0
//
// The facilitators whose refusals are golden: one that serves everybody, and others that refuse by
// policy, by their limits, or because their network does not do what it is told.

import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { encodeFunctionData, parseAbi } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { askFacilitator, exactPayment } from "../lib/payments.mjs";
import { rpcMethods, startRelay } from "../lib/wire.mjs";
import { startFacilitator } from "../lib/x402bin.mjs";

const TOKEN = "the-token-of-a-caller";
const SENDS = "eth_sendRawTransaction";
const SERVER_DRAIN_MS = 30_000; // how long a stopping facilitator waits for those it has let in
const TRICKLE_MS = 9_000; // shorter than the longest pause that is allowed in a body

export const BEARER = ["Authorization", `Bearer ${TOKEN}`];

const isSend = (body) => rpcMethods(body).includes(SENDS);

// A relay to the chain that forgets every transaction: what is sent stays without an end.
const forgetful = (world) => startRelay(world.rpc, ({ body }) => (isSend(body) ? "drop" : "pass"));

// The payer takes the payment back at the last moment: between the facilitator's last look and the
// arrival of its transaction. Then time passes until nothing can be undone.
async function startBetrayed(world) {
  const relay = await startRelay(world.rpc);
  relay.watch = async ({ body }) => {
    if (!isSend(body) || relay.victim === undefined) return undefined;
    const { payer, payment } = relay.victim;
    relay.victim = undefined;
    await cancel(world, payer, payment);
    return () => world.mine(70);
  };
  return relay;
}

export async function cancel(world, payer, { accepted, payload: { authorization } }) {
  const signature = await privateKeyToAccount(payer.key).signTypedData({
    domain: { ...accepted.extra, chainId: world.chainId, verifyingContract: world.usdc },
    types: { CancelAuthorization: [{ name: "authorizer", type: "address" }, { name: "nonce", type: "bytes32" }] },
    primaryType: "CancelAuthorization",
    message: { authorizer: payer.address, nonce: authorization.nonce },
  });
  const abi = parseAbi(["function cancelAuthorization(address,bytes32,bytes)"]);
  const args = [payer.address, authorization.nonce, signature];
  await world.transact({ to: world.usdc, data: encodeFunctionData({ abi, args }) });
}

// Every site: { url, log }, and `relay` where one stands before its chain.
export async function startSites(world, house) {
  const [open, lax, idle, crowd, betrayed, stopping] = world.facilitators;
  const start = async (signer, { network, relay, ...options } = {}) => {
    const rpc = relay ? { rpc: [relay.url] } : {};
    const all = { signers: [signer], network: { poll: "20ms", ...rpc, ...network }, args: ["--log", "debug"] };
    const site = await house.add(startFacilitator(world, { ...all, ...options }));
    return Object.assign(site, { relay });
  };
  const relays = {
    crowd: await house.add(forgetful(world)),
    betrayed: await house.add(startBetrayed(world)),
    stopping: await house.add(forgetful(world)),
    dead: await house.add(startRelay(world.rpc)),
  };
  const rules = { callers: ["env:TOKEN"], pay_to_allow: [world.accounts.merchant.address] };
  const limits = { max_pending: 2, max_pending_per_payer: 1 };
  return {
    open: await start(open),
    lax: await start(lax, { network: { any_token: true, settle_wait: "5s" } }),
    guarded: await start(idle, { config: rules, env: { TOKEN }, network: { min_amount: "$0.0005" } }),
    hasty: await start(idle, { config: { rate: 1 } }),
    poor: await start(idle, { network: { daily_gas_budget: "1" } }),
    dead: await start(idle, { relay: relays.dead, network: { settle_wait: "1s" } }),
    crowd: await start(crowd, { relay: relays.crowd, config: limits, network: { settle_wait: "3s" } }),
    betrayed: await start(betrayed, { relay: relays.betrayed, network: { settle_wait: "30s" } }),
    stopping: await start(stopping, { relay: relays.stopping, network: { settle_wait: "3s" } }),
  };
}

// A request that was let in before the stop and is whole only after the server has waited for it in
// vain. An undecided settlement keeps the facilitator from ending meanwhile.
export async function askWhileItStops(site, [payer, other], terms) {
  const pending = await askFacilitator(site.url, "settle", await exactPayment(payer, terms));
  if (pending.body.errorReason !== "settlement_pending") throw new Error(JSON.stringify(pending.body));
  const paymentPayload = await exactPayment(other, terms);
  const body = JSON.stringify({ x402Version: 2, paymentPayload, paymentRequirements: terms });
  const { hostname, port, host } = new URL(site.url);
  const socket = connect(Number(port), hostname);
  const chunks = [];
  const letIn = new Promise((resolve) => socket.once("data", resolve));
  const ended = new Promise((resolve) => socket.once("close", resolve));
  socket.on("error", () => {});
  const length = `Content-Length: ${body.length}\r\nExpect: 100-continue`;
  socket.write(`POST /settle HTTP/1.1\r\nHost: ${host}\r\n${length}\r\n\r\n`);
  const go = `${await letIn}`;
  if (!go.startsWith("HTTP/1.1 100")) throw new Error(go);
  socket.on("data", (chunk) => chunks.push(chunk));
  process.kill(site.pid, "SIGTERM");
  let sent = 0;
  for (const until = performance.now() + SERVER_DRAIN_MS + 2000; performance.now() < until; sent += 1) {
    await sleep(Math.min(TRICKLE_MS, Math.max(0, until - performance.now())));
    socket.write(body[sent]);
  }
  socket.write(body.slice(sent));
  await ended;
  return parseAnswer(Buffer.concat(chunks).toString("utf8"));
}

function parseAnswer(text) {
  const [head, body] = text.split("\r\n\r\n");
  const [first, ...lines] = head.split("\r\n");
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 1).trim()]),
  );
  return { status: Number(first.split(" ")[1]), headers, body: JSON.parse(body) };
}
