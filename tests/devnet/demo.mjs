// SPDX-License-Identifier: Apache-2.0
//
// The demo: two local chains, a facilitator and a gateway that serve both, a sample API, and an agent that
// pays for calls on either.
// Every message between them passes a relay that shows it as it happens, for somebody who has never seen x402.
// DEMO_ONESHOT=1 ends after the steps; otherwise the world stays up until Ctrl-C, and goes on showing what
// is done with it.

import { startSampleApi } from "../interop/roles.mjs";
import { House } from "../lib/house.mjs";
import { decodeHeader, encodeHeader } from "../lib/payments.mjs";
import { startRelay, wireRequest } from "../lib/wire.mjs";
import { newFolder, paidRoute, startFacilitator, startGateway, x402Pay } from "../lib/x402bin.mjs";
import { startSides } from "./demo_chains.mjs";
import { bold, detail, dim, green, message, note, say, title, usd } from "./demo_print.mjs";

// ---------------------------------------------------------------- what the relays see

const STATUS = { 200: "OK", 402: "Payment Required", 409: "Conflict" };
const statusLine = (status) => bold(`${status} ${STATUS[status] ?? ""}`.trim());
const bodyOf = ({ bytes }) => JSON.parse(bytes.toString("utf8"));

let termsShown = false;
function showTerms({ accepts }) {
  if (termsShown) {
    for (const { scheme, amount, network } of accepts)
      detail(`The same terms: ${scheme}, ${usd(amount)} in USDC on ${network}`);
    return;
  }
  termsShown = true;
  detail("The terms, which a machine can read (header PAYMENT-REQUIRED); any one of them will do:");
  for (const { scheme, amount, asset, network, payTo, maxTimeoutSeconds } of accepts) {
    detail(`  scheme   ${scheme}: exactly this amount moves, no more`);
    detail(`  amount   ${amount} units of USDC (${usd(amount)}), the token at ${asset}`);
    detail(`  network  ${network}, to ${payTo}`);
    detail(`  valid    a payment must be good for ${maxTimeoutSeconds} s`);
  }
}

// Between the agent and the gateway.
const watchAgent = (sideOf) => ({ method, url, headers }) => {
  const payment = decodeHeader(headers["payment-signature"]);
  if (payment) sideOf(payment.accepted.network).showSigned(payment);
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
};

// Between the gateway and the API.
function watchApi({ method, url, headers }) {
  if (headers["payment-signature"]) throw new Error("the API was shown a payment");
  message("gateway", "->", "API", `${bold(`${method} ${url}`)}, as any other request: it never sees the payment`);
  return ({ status, bytes }) =>
    message("gateway", "<-", "API", `${statusLine(status)}, ${bytes.length} bytes, held back until the money has moved`);
}

const QUESTIONS = {
  "/verify": "POST /verify: would the chain take this payment?",
  "/settle": "POST /settle: move the money",
};

// Between the gateway and the facilitator.
function watchFacilitator(sideOf) {
  return ({ url }) => {
    if (!QUESTIONS[url]) return undefined;
    message("gateway", "->", "facilitator", bold(QUESTIONS[url]));
    const asked = performance.now();
    return async (answer) => {
      const { isValid, invalidReason, success, errorReason, transaction, network } = bodyOf(answer);
      const ms = dim(`(${Math.round(performance.now() - asked)} ms)`);
      if (transaction) await sideOf(network).showTransaction(transaction);
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
    this.sides = await startSides(this.house);
    this.worlds = this.sides.map(({ world }) => world);
    for (const { title: name, about, world } of this.sides) say(`${name.padEnd(13)}${about(world)}`);
    const api = await this.house.add(startSampleApi());
    say(`API          ${api.info.url}: sells weather reports and knows nothing of payments`);
    const facilitator = await this.house.add(startFacilitator(this.worlds));
    say(`facilitator  ${facilitator.url}: checks payments and brings them to either chain`);
    const sideOf = (network) => this.sides.find(({ world }) => world.network === network);
    const apiRelay = await this.#relay(api.info.url, watchApi);
    const facilitatorRelay = await this.#relay(facilitator.url, watchFacilitator(sideOf));
    const routes = [paidRoute(this.worlds), { match: "GET /count", free: true }];
    const options = { upstream: apiRelay.url, facilitators: [facilitatorRelay.url], routes };
    this.gateway = await this.house.add(startGateway(this.worlds, options));
    say(`gateway      ${this.gateway.url}: stands in front of the API and asks for $0.001 a report`);
    this.front = await this.#relay(this.gateway.url, watchAgent(sideOf));
    note("The agent reaches the gateway through a relay that shows each message here.");
    this.url = `${this.front.url}/weather`;
    this.agents = this.sides.map(({ agent }) => agent);
    this.home = newFolder("home");
  }

  async #relay(target, watch) {
    const relay = await this.house.add(startRelay(target));
    relay.watch = watch;
    return relay;
  }

  async balancesOf({ chain, world: { accounts } }) {
    const [agent, seller, gas] = await Promise.all([
      chain.balanceOf(accounts.payer1.address),
      chain.balanceOf(accounts.merchant.address),
      chain.etherOf(accounts.facilitator1.address),
    ]);
    return { agent, seller, gas };
  }

  balances() {
    return Promise.all(this.sides.map((side) => this.balancesOf(side)));
  }

  showBalances(side, now, before) {
    const change = (name, show) => {
      const moved = before ? now[name] - before[name] : 0n;
      return moved === 0n ? "" : green(`  (${moved > 0n ? "+" : "-"}${show(moved > 0n ? moved : -moved)})`);
    };
    const { payer1, merchant, facilitator1 } = side.world.accounts;
    say(`on ${side.title}`);
    say(`agent        ${payer1.address}  ${usd(now.agent)} USDC${change("agent", usd)}`);
    say(`seller       ${merchant.address}  ${usd(now.seller)} USDC${change("seller", usd)}`);
    say(`facilitator  ${facilitator1.address}  ${side.costOf(now.gas)} for fees${change("gas", side.costOf)}`);
  }

  async unpaid() {
    title("Somebody asks for the weather without paying");
    note(`curl -i ${this.url}`);
    await wireRequest(this.url);
  }

  async pay(side, label) {
    title(label);
    const before = await this.balancesOf(side);
    note(`x402 pay ${this.url} --prefer ${side.prefer}`);
    const options = { payer: this.agents, home: this.home, args: ["--prefer", side.prefer] };
    const { results, stdout, stderr } = await x402Pay(this.worlds, this.url, options);
    const [result] = results;
    if (result?.outcome !== "settled") throw new Error(`the payment did not settle: ${stdout}\n${stderr}`);
    if (result.payment.network !== side.world.network) throw new Error(`paid on ${result.payment.network}`);
    say(`The agent has its answer after ${result.ms} ms, and a receipt. Before and after:`);
    this.showBalances(side, await this.balancesOf(side), before);
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
    const { code, results } = await x402Pay(this.worlds, this.url, { payer: this.agents, args });
    const [{ outcome, error }] = results;
    if (outcome !== "refused") throw new Error(`the agent paid more than its limit: ${outcome}`);
    say(`outcome "${outcome}", exit code ${code}: ${error.message}`);
  }

  async stay() {
    console.log(`\n${bold("The world stays up until Ctrl-C.")} Try it yourself; what happens is shown here:`);
    for (const { agent, flags } of this.sides)
      console.log(`   export ${flags(agent.key)}   ${dim("a key of this local world only")}`);
    const rpcs = this.worlds.map(({ network, rpc }) => `--rpc ${network}=${rpc}`);
    console.log(`   build/release/x402 pay ${this.url} --prefer solana ${rpcs.join(" ")}`);
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
    demo.sides.forEach((side, i) => demo.showBalances(side, before[i]));
    await demo.unpaid();
    const [base, solana] = demo.sides;
    await demo.pay(base, "The agent asks, reads the terms, pays on Base and asks again: one command");
    await demo.pay(solana, "And once more, on Solana: another chain, the same command");
    await demo.replay();
    await demo.refuse();
    title("What it came to");
    const now = await demo.balances();
    demo.sides.forEach((side, i) => demo.showBalances(side, now[i], before[i]));
    say("Two reports at $0.001 have moved, one on each chain. Gateway and facilitator never held the money.");
    note("The fees are the facilitator's cost: about a tenth of a cent for such a transaction on Base or Solana.");
    if (process.env.DEMO_ONESHOT !== "1") await demo.stay();
  } finally {
    await demo.house.close();
  }
}

await main().catch((error) => {
  console.error(`demo: ${error.stack ?? error}`);
  process.exitCode = 1;
});
