// SPDX-License-Identifier: Apache-2.0
//
// The demo: a local chain, a facilitator, a gateway in front of a sample API, and an agent that pays for calls.
// Every message between them passes a relay that shows it as it happens, for somebody who has never seen x402.
// DEMO_ONESHOT=1 ends after the steps; otherwise the world stays up until Ctrl-C, and goes on showing what
// is done with it.

import { formatEther, formatGwei, formatUnits } from "viem";
import { startSampleApi } from "../interop/roles.mjs";
import { Chain } from "../lib/chain.mjs";
import { House } from "../lib/house.mjs";
import { decodeHeader, encodeHeader } from "../lib/payments.mjs";
import { startRelay, wireRequest } from "../lib/wire.mjs";
import { newFolder, paidRoute, startFacilitator, startGateway, x402Pay } from "../lib/x402bin.mjs";
import { startWorld } from "./world.mjs";

const color = process.stdout.isTTY && !process.env.NO_COLOR;
const paint = (code, text) => (color ? `\x1b[${code}m${text}\x1b[0m` : text);
const bold = (text) => paint("1", text);
const dim = (text) => paint("2", text);
const green = (text) => paint("32", text);
const usd = (atomic) => `$${formatUnits(BigInt(atomic), 6)}`;
const thousands = (count) => `${count}`.replace(/\B(?=(\d{3})+$)/g, ",");
const clock = (seconds) => new Date(Number(seconds) * 1000).toISOString().slice(11, 19);

let step = 0;
function title(text) {
  step += 1;
  console.log(`\n${bold(`${step}. ${text}`)}`);
}
const say = (text) => console.log(`   ${text}`);
const note = (text) => say(dim(text));
const detail = (text) => say(`${" ".repeat(28)}${text}`);

// "agent -> gateway" in a column of its own, then what is said.
function message(from, arrow, to, text) {
  say(`${from} ${arrow} ${to}`.padEnd(28) + text);
}

// ---------------------------------------------------------------- what the relays see

const STATUS = { 200: "OK", 402: "Payment Required", 409: "Conflict" };
const statusLine = (status) => bold(`${status} ${STATUS[status] ?? ""}`.trim());
const bodyOf = ({ bytes }) => JSON.parse(bytes.toString("utf8"));

let termsShown = false;
function showTerms({ accepts }) {
  if (termsShown) {
    for (const { scheme, amount, extra, network } of accepts)
      detail(`The same terms: ${scheme}, ${usd(amount)} in ${extra.name} on ${network}`);
    return;
  }
  termsShown = true;
  detail("The terms, which a machine can read (header PAYMENT-REQUIRED):");
  for (const { scheme, amount, asset, network, payTo, maxTimeoutSeconds, extra } of accepts) {
    detail(`  scheme   ${scheme}: exactly this amount moves, no more`);
    detail(`  amount   ${amount} units of ${extra.name} (${usd(amount)}), the token at ${asset}`);
    detail(`  network  ${network}, to ${payTo}`);
    detail(`  valid    a payment must be good for ${maxTimeoutSeconds} s`);
  }
}

function showSigned({ payload: { authorization, signature }, accepted }) {
  const { from, to, value, validAfter, validBefore, nonce } = authorization;
  message("agent", "  ", "", "signs an EIP-3009 authorization. It needs no gas and sends no transaction.");
  detail(`  from         ${from}`);
  detail(`  to           ${to}`);
  detail(`  value        ${value} (${usd(value)})`);
  detail(`  validAfter   ${validAfter === "0" ? "0: at once" : clock(validAfter)}`);
  detail(`  validBefore  ${validBefore} (${clock(validBefore)} UTC)`);
  detail(`  nonce        ${nonce}`);
  const short = `${signature.slice(0, 20)}...${signature.slice(-8)}`;
  detail(`  signature    ${short} for "${accepted.extra.name}" on ${accepted.network}`);
}

// Between the agent and the gateway.
function watchAgent({ method, url, headers }) {
  const payment = decodeHeader(headers["payment-signature"]);
  if (payment) showSigned(payment);
  const more = payment ? ", with the payment in PAYMENT-SIGNATURE" : "";
  message("agent", "->", "gateway", bold(`${method} ${url}`) + more);
  return (answer) => {
    message("agent", "<-", "gateway", statusLine(answer.status));
    const required = decodeHeader(answer.headers["payment-required"]);
    if (required) showTerms(required);
    const receipt = decodeHeader(answer.headers["payment-response"]);
    if (receipt) detail(`PAYMENT-RESPONSE: success ${receipt.success}, transaction ${receipt.transaction}`);
    if (answer.status !== 402) detail(`body: ${answer.bytes.toString("utf8").slice(0, 160)}`);
  };
}

// Between the gateway and the API.
function watchApi({ method, url, headers }) {
  if (headers["payment-signature"]) throw new Error("the API was shown a payment");
  message("gateway", "->", "API", `${bold(`${method} ${url}`)}, as any other request: it never sees the payment`);
  return ({ status, bytes }) =>
    message("gateway", "<-", "API", `${statusLine(status)}, ${bytes.length} bytes, held back until the money has moved`);
}

async function showTransaction(chain, hash) {
  const { blockNumber, gasUsed, effectiveGasPrice, from } = await chain.receipt(hash);
  message("facilitator", "->", "chain", `transaction ${hash}`);
  detail(`in block ${blockNumber}, sent and paid for by ${from}`);
  const cost = formatEther(gasUsed * effectiveGasPrice);
  detail(`${thousands(gasUsed)} gas x ${formatGwei(effectiveGasPrice)} gwei = ${cost} ETH`);
}

const QUESTIONS = {
  "/verify": "POST /verify: would the chain take this payment?",
  "/settle": "POST /settle: move the money",
};

// Between the gateway and the facilitator.
function watchFacilitator(chain) {
  return ({ url }) => {
    if (!QUESTIONS[url]) return undefined;
    message("gateway", "->", "facilitator", bold(QUESTIONS[url]));
    const asked = performance.now();
    return async (answer) => {
      const { isValid, invalidReason, success, errorReason, transaction } = bodyOf(answer);
      const ms = dim(`(${Math.round(performance.now() - asked)} ms)`);
      if (transaction) await showTransaction(chain, transaction);
      const verified = `isValid ${isValid} ${invalidReason ?? ""}`;
      const word = url === "/verify" ? verified : `success ${success} ${errorReason ?? ""}`;
      message("gateway", "<-", "facilitator", `${word.trim()} ${ms}`);
    };
  };
}

// ---------------------------------------------------------------- the steps

class Demo {
  house = new House();

  async start() {
    title("A world of our own starts on this machine");
    this.world = await this.house.add(startWorld());
    this.chain = new Chain(this.world);
    say(`chain        a real EVM node at ${this.world.rpc}, with a USDC-like token`);
    const api = await this.house.add(startSampleApi());
    say(`API          ${api.info.url}: sells weather reports and knows nothing of payments`);
    const facilitator = await this.house.add(startFacilitator(this.world));
    say(`facilitator  ${facilitator.url}: checks payments and brings them to the chain`);
    const apiRelay = await this.#relay(api.info.url, watchApi);
    const facilitatorRelay = await this.#relay(facilitator.url, watchFacilitator(this.chain));
    const routes = [paidRoute(this.world), { match: "GET /count", free: true }];
    const options = { upstream: apiRelay.url, facilitators: [facilitatorRelay.url], routes };
    this.gateway = await this.house.add(startGateway(this.world, options));
    say(`gateway      ${this.gateway.url}: stands in front of the API and asks for $0.001 a report`);
    this.front = await this.#relay(this.gateway.url, watchAgent);
    note("The agent reaches the gateway through a relay that shows each message here.");
    this.url = `${this.front.url}/weather`;
    this.agent = this.world.accounts.payer1;
    this.home = newFolder("home");
  }

  async #relay(target, watch) {
    const relay = await this.house.add(startRelay(target));
    relay.watch = watch;
    return relay;
  }

  async balances() {
    const { payer1, merchant, facilitator1 } = this.world.accounts;
    const [agent, seller, gas] = await Promise.all([
      this.chain.balanceOf(payer1.address),
      this.chain.balanceOf(merchant.address),
      this.chain.etherOf(facilitator1.address),
    ]);
    return { agent, seller, gas };
  }

  showBalances(now, before) {
    const change = (name, show) => {
      const moved = before ? now[name] - before[name] : 0n;
      return moved === 0n ? "" : green(`  (${moved > 0n ? "+" : "-"}${show(moved > 0n ? moved : -moved)})`);
    };
    const { payer1, merchant, facilitator1 } = this.world.accounts;
    const ether = (wei) => `${formatEther(wei)} ETH`;
    say(`agent        ${payer1.address}  ${usd(now.agent)} USDC${change("agent", usd)}`);
    say(`seller       ${merchant.address}  ${usd(now.seller)} USDC${change("seller", usd)}`);
    say(`facilitator  ${facilitator1.address}  ${ether(now.gas)} for gas${change("gas", ether)}`);
  }

  async unpaid() {
    title("Somebody asks for the weather without paying");
    note(`curl -i ${this.url}`);
    await wireRequest(this.url);
  }

  async pay(label) {
    title(label);
    const before = await this.balances();
    note(`x402 pay ${this.url}`);
    const { results, stdout, stderr } = await x402Pay(this.world, this.url, { payer: this.agent, home: this.home });
    const [result] = results;
    if (result?.outcome !== "settled") throw new Error(`the payment did not settle: ${stdout}\n${stderr}`);
    say(`The agent has its answer after ${result.ms} ms, and a receipt. Before and after:`);
    this.showBalances(await this.balances(), before);
  }

  async replay() {
    title("A thief who has seen the payment sends it again");
    note("What was signed stands on the chain for everybody to read. It buys nothing twice.");
    const { headers } = this.front.seen.findLast((asked) => asked.headers["payment-signature"]);
    const payment = decodeHeader(headers["payment-signature"]);
    delete payment.accepted.extra.quote; // the gateway's own mark, which never reaches the chain
    const { status } = await this.#quietly(() =>
      wireRequest(this.url, { headers: ["PAYMENT-SIGNATURE", encodeHeader(payment)] }));
    if (status !== 409) throw new Error(`a copied payment was answered with ${status}`);
  }

  // The signed fields were shown before.
  async #quietly(action) {
    const { watch } = this.front;
    this.front.watch = ({ method, url }) => {
      message("thief", "->", "gateway", `${bold(`${method} ${url}`)}, with the agent's payment`);
      return ({ status, bytes }) => {
        message("thief", "<-", "gateway", statusLine(status));
        const { error } = bodyOf({ bytes });
        detail(`${error.code}: ${error.message}`);
      };
    };
    try {
      return await action();
    } finally {
      this.front.watch = watch;
    }
  }

  async refuse() {
    title("A budget that is too small: the agent refuses by itself and signs nothing");
    note(`x402 pay ${this.url} --max '$0.0001'`);
    const args = ["--max", "$0.0001"];
    const { code, results } = await x402Pay(this.world, this.url, { payer: this.agent, args });
    const [{ outcome, error }] = results;
    if (outcome !== "refused") throw new Error(`the agent paid more than its limit: ${outcome}`);
    say(`outcome "${outcome}", exit code ${code}: ${error.message}`);
  }

  async stay() {
    console.log(`\n${bold("The world stays up until Ctrl-C.")} Try it yourself; what happens is shown here:`);
    console.log(`   export X402_EVM_KEY=${this.agent.key}   ${dim("a key of this local world only")}`);
    console.log(`   build/release/x402 pay ${this.url} --rpc ${this.world.network}=${this.world.rpc}`);
    console.log(`   curl -i ${this.url}`);
    console.log(`   curl ${this.gateway.admin}/metrics`);
    await new Promise((resolve) => {
      process.once("SIGINT", resolve);
      process.once("SIGTERM", resolve);
    });
  }
}

async function main() {
  const demo = new Demo();
  try {
    await demo.start();
    title("Who has what");
    const before = await demo.balances();
    demo.showBalances(before);
    await demo.unpaid();
    await demo.pay("The agent asks, reads the terms, pays and asks again: one command");
    await demo.pay("And once more: a new authorization with a new nonce");
    await demo.replay();
    await demo.refuse();
    title("What it came to");
    demo.showBalances(await demo.balances(), before);
    say("Two reports at $0.001 have moved on the chain. Gateway and facilitator never held the money.");
    note("The gas is the facilitator's cost; on Base such a transaction costs about a tenth of a cent.");
    if (process.env.DEMO_ONESHOT !== "1") await demo.stay();
  } finally {
    await demo.house.close();
  }
}

await main().catch((error) => {
  console.error(`demo: ${error.stack ?? error}`);
  process.exitCode = 1;
});
