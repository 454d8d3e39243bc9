// SPDX-License-Identifier: Apache-2.0
//
// What attacks on the gateway share: a facilitator that says whatever a test wants, money that leaves
// between two calls, a gateway with further arguments or another configuration while it runs, its
// memory and its numbers.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encodeFunctionData, parseAbi } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { eventually } from "./check.mjs";
import { encodeHeader } from "./payments.mjs";
import { startRole } from "./proc.mjs";
import { toToml } from "./toml.mjs";
import { metricSum, startUpstream, wireRequest } from "./wire.mjs";
import { X402, gatewayConfig, newFolder } from "./x402bin.mjs";

export const FAST = { poll: "20ms" };
export const SECRET = "SECRET";

// Whether an answer of wireRequest holds what is sold.
export const isServed = ({ bytes }) => bytes.toString("latin1").includes(SECRET);

export const brief = ({ status, body, settlement }) =>
  `${status} ${JSON.stringify(settlement)} ${JSON.stringify(body)?.slice(0, 300)}`;

// ---------------------------------------------------------------- a facilitator that lies

// say: { verify, settle, settlements }, each (request body, node request) => answer or a promise of
// one. An answer is "hang", "cut", or { status, body, headers, raw }: body as text stands as it is,
// anything else becomes JSON; raw replaces the whole answer on the socket.
export async function startLiar(world, say) {
  const liar = { say, signers: [world.accounts.facilitator1.address] };
  const kinds = [{ x402Version: 2, scheme: "exact", network: world.network }];
  const server = await startUpstream(async (request, response, body) => {
    const path = new URL(request.url, "http://x").pathname;
    const asked = () => JSON.parse(body.toString("utf8"));
    let answer = { status: 404, body: {} };
    if (path === "/supported")
      answer = { body: { kinds, extensions: [], signers: { "eip155:*": liar.signers } } };
    if (path === "/verify") answer = await liar.say.verify(asked(), request);
    if (path === "/settle") answer = await liar.say.settle(asked(), request);
    if (path.startsWith("/settlements/") && liar.say.settlements)
      answer = await liar.say.settlements(path, request);
    sendAnswer(request, response, answer);
  });
  return Object.assign(liar, server);
}

function sendAnswer(request, response, answer) {
  if (answer === "hang") return;
  if (answer === "cut") return request.socket.destroy();
  if (answer.raw !== undefined) return request.socket.end(answer.raw);
  const { status = 200, body, headers = { "content-type": "application/json" } } = answer;
  response.writeHead(status, headers);
  response.end(typeof body === "string" || Buffer.isBuffer(body) ? body : JSON.stringify(body));
}

export const valid = { body: { isValid: true, payer: "0x0000000000000000000000000000000000000001" } };
export const payerOf = ({ paymentPayload }) => paymentPayload.payload.authorization.from;

// ---------------------------------------------------------------- money that leaves

const CANCEL = parseAbi(["function cancelAuthorization(address,bytes32,bytes)"]);

// The payer takes an authorization back on the chain, before anybody uses it.
export async function cancelAuthorization(world, { address, key }, nonce) {
  const signature = await privateKeyToAccount(key).signTypedData({
    domain: { name: "USDC", version: "2", chainId: world.chainId, verifyingContract: world.usdc },
    types: { CancelAuthorization: [{ name: "authorizer", type: "address" }, { name: "nonce", type: "bytes32" }] },
    primaryType: "CancelAuthorization",
    message: { authorizer: address, nonce },
  });
  return world.transact({
    to: world.usdc,
    data: encodeFunctionData({ abi: CANCEL, args: [address, nonce, signature] }),
  });
}

// All of an account's tokens go elsewhere; resolves with how many there were.
export async function drain(world, chain, { address }, to = world.accounts.facilitator4.address) {
  const amount = await chain.balanceOf(address);
  const data = world.encode("TestUsd", "transfer", [to, amount]);
  await world.request("anvil_impersonateAccount", [address]);
  const hash = await world.request("eth_sendTransaction", [{ from: address, to: world.usdc, data }]);
  await eventually(() => chain.receipt(hash), { everyMs: 5, what: "the drain" });
  return amount;
}

// ---------------------------------------------------------------- a gateway under observation

// As startGateway of x402bin.mjs, with further arguments of the command line.
export async function startGatewayWith(world, { args = [], dir = newFolder("gateway"), ...options }) {
  const { config, env } = gatewayConfig(world, options);
  const file = join(dir, "gateway.toml");
  writeFileSync(file, toToml(config));
  const role = { name: "x402-gateway", command: X402, args: ["gateway", "--config", file, ...args], cwd: dir };
  const started = await startRole({ ...role, env: { ...env, ...options.env } });
  const { listen, admin } = started.info;
  return { ...started, dir, url: `http://${listen}`, admin: `http://${admin}` };
}

// Another file for a running gateway; the options are those it was started with, changed.
export function rewriteConfig(world, gateway, options) {
  writeFileSync(join(gateway.dir, "gateway.toml"), toToml(gatewayConfig(world, options).config));
}

// SIGHUP, and waits until the log says what came of it.
export async function reload(gateway, word = "reloaded") {
  const count = () => readFileSync(gateway.log, "utf8").split(`"event":"${word}"`).length;
  const before = count();
  process.kill(gateway.pid, "SIGHUP");
  await eventually(() => count() > before, { what: `"${word}" in the log` });
}

export async function metric(role, name, labels) {
  const page = (await wireRequest(`${role.admin ?? role.url}/metrics`, { agent: false })).body;
  return metricSum(page, name, labels);
}

// What a process holds in memory now, and the most it ever held, in bytes.
export function memoryOf(pid) {
  const text = readFileSync(`/proc/${pid}/status`, "utf8");
  const of = (name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text)[1]) * 1024;
  return { now: of("VmRSS"), peak: of("VmHWM") };
}

// ---------------------------------------------------------------- payments in other clothes

// The same request with a payment header as it stands.
export function sendHeader(url, header, { headers = [], ...request } = {}) {
  return wireRequest(url, { ...request, headers: [...headers, "PAYMENT-SIGNATURE", header] });
}

const base64 = (text) => Buffer.from(text).toString("base64");
const reversed = (value) => {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).reverse().map(([key, inner]) => [key, reversed(inner)]));
};
const withHex = (payment, change) => {
  const { signature, authorization } = payment.payload;
  const changed = { ...authorization };
  for (const name of ["from", "to", "nonce"]) changed[name] = change(authorization[name]);
  return { ...payment, payload: { signature: change(signature), authorization: changed } };
};

const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

// The other signature of the same message by the same key: s is mirrored, v is the other one.
export function mirrored(signature) {
  const s = BigInt(`0x${signature.slice(66, 130)}`);
  const v = Number.parseInt(signature.slice(130), 16) === 27 ? "1c" : "1b";
  return `${signature.slice(0, 66)}${(ORDER - s).toString(16).padStart(64, "0")}${v}`;
}

// name -> header: one payment in other words. All of them are the same authorization.
export function otherClothes(payment) {
  const upper = (text) => `0x${text.slice(2).toUpperCase()}`;
  const encoded = encodeHeader(payment);
  const signature = mirrored(payment.payload.signature);
  const { v } = { v: Number.parseInt(payment.payload.signature.slice(130), 16) - 27 };
  const shortV = `${payment.payload.signature.slice(0, 130)}0${v}`;
  const encode = (value) => encodeHeader(value);
  return {
    "keys in another order": encode(reversed(payment)),
    "white space": base64(JSON.stringify(payment, null, 3)),
    "no padding": encoded.replace(/=+$/, ""),
    "the alphabet of URLs": encoded.replaceAll("+", "-").replaceAll("/", "_"),
    "lower case": encode(withHex(payment, (text) => text.toLowerCase())),
    "upper case": encode(withHex(payment, upper)),
    "escaped letters": base64(JSON.stringify(payment).replace('"nonce"', '"n\\u006fnce"')),
    "an extension more": encode({ ...payment, extensions: { "x-more": { info: { a: 1 } } } }),
    "a member more": encode({ ...payment, memo: "again" }),
    "a member of the payload more": encode({ ...payment, payload: { ...payment.payload, memo: "again" } }),
    "another resource": encode({ ...payment, resource: { url: "http://other.test/" } }),
    "no resource": encode({ ...payment, resource: undefined }),
    "a mirrored signature": encode({ ...payment, payload: { ...payment.payload, signature } }),
    "v of 0 or 1": encode({ ...payment, payload: { ...payment.payload, signature: shortV } }),
    "a broken signature": encode({ ...payment, payload: { ...payment.payload, signature: `0x${"11".repeat(65)}` } }),
  };
}
