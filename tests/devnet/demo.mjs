// SPDX-License-Identifier: Apache-2.0
//
// The demo: a local chain, a facilitator, a gateway in front of a sample API, and an agent that pays for calls.
// Every step is shown as it happens, for somebody who has never seen x402. DEMO_ONESHOT=1 ends after the steps;
// otherwise the world stays up until Ctrl-C.

import { startWorld } from "./world.mjs";
import { Chain } from "../lib/chain.mjs";
import { request } from "../lib/payments.mjs";
import { newFolder, paidRoute, startFacilitator, startGateway, x402Pay } from "../lib/x402bin.mjs";
import { startSampleApi } from "../interop/roles.mjs";

const color = process.stdout.isTTY && !process.env.NO_COLOR;
const paint = (code, text) => (color ? `\x1b[${code}m${text}\x1b[0m` : text);
const bold = (text) => paint("1", text);
const dim = (text) => paint("2", text);
const dollars = (atomic) => `$${(Number(atomic) / 1e6).toFixed(6)}`;

let step = 0;
function title(text) {
  step += 1;
  console.log(`\n${bold(`${step}. ${text}`)}`);
}
const say = (text) => console.log(`   ${text}`);
const note = (text) => console.log(`   ${dim(text)}`);

async function showBalances(chain, world, names) {
  for (const name of names) {
    const { address } = world.accounts[name];
    say(`${name.padEnd(13)} ${address}  ${dollars(await chain.balanceOf(address))} USDC`);
  }
}

async function showUnpaid(url) {
  title("The agent asks for the weather, without paying");
  note(`GET ${url}`);
  const { status, required } = await request(url);
  const [offer] = required.accepts;
  say(`HTTP ${status} Payment Required. The terms, which a machine can read (header PAYMENT-REQUIRED):`);
  say(`  scheme ${offer.scheme}: exactly this amount moves, no more`);
  say(`  amount ${offer.amount} atomic units of ${offer.asset} (${dollars(offer.amount)})`);
  say(`  on     ${offer.network}, to ${offer.payTo}, within ${offer.maxTimeoutSeconds} s`);
}

async function showPaid(world, chain, url, { payer, home, label }) {
  title(label);
  note(`x402 pay ${url}`);
  const paid = await x402Pay(world, url, { payer, home });
  const [result] = paid.results;
  if (!result || result.outcome !== "settled") {
    throw new Error(`the payment did not settle: ${paid.stdout}\n${paid.stderr}`);
  }
  const { transaction } = result.payment;
  const receipt = await chain.receipt(transaction);
  say(`signed:   an EIP-3009 authorization. The agent needs no gas and sends no transaction.`);
  say(`verified: the gateway asked the facilitator whether the chain would take it.`);
  say(`settled:  transaction ${transaction}`);
  say(`          in block ${receipt.blockNumber}, ${receipt.gasUsed} gas, paid by the facilitator`);
  say(`answer:   HTTP ${result.status} in ${result.ms} ms  ${JSON.stringify(result.body)}`);
}

async function showRefusal(world, url, payer) {
  title("A budget that is too small: the agent refuses by itself and signs nothing");
  note(`x402 pay ${url} --max '$0.0001'`);
  const refused = await x402Pay(world, url, { payer, args: ["--max", "$0.0001"] });
  const [result] = refused.results;
  say(`outcome ${result.outcome}, exit code ${refused.code}: ${result.error?.message ?? ""}`);
}

async function main() {
  const parts = [];
  const start = async (promise) => {
    const part = await promise;
    parts.push(part);
    return part;
  };
  const stop = async () => {
    for (const part of parts.reverse()) await part.stop();
  };
  try {
    title("A world of our own starts on this machine");
    const world = await start(startWorld());
    const chain = new Chain(world);
    say(`chain        a real EVM node at ${world.rpc}, with a USDC-like token at ${world.usdc}`);
    const api = await start(startSampleApi());
    say(`API          ${api.info.url}: knows nothing of payments`);
    const facilitator = await start(startFacilitator(world));
    say(`facilitator  ${facilitator.url}: verifies and settles`);
    const routes = [paidRoute(world), { match: "GET /count", free: true }];
    const gateway = await start(startGateway(world, { upstream: api.info.url, facilitators: [facilitator.url], routes }));
    say(`gateway      ${gateway.url}: asks for payment in front of the API`);
    const url = `${gateway.url}/weather`;
    const payer = world.accounts.payer1;

    title("Who has what");
    await showBalances(chain, world, ["payer1", "merchant", "facilitator1"]);
    await showUnpaid(url);
    const home = newFolder("home");
    await showPaid(world, chain, url, { payer, home, label: "The agent pays and asks again" });
    await showPaid(world, chain, url, { payer, home, label: "And once more: a payment is never used twice" });
    await showRefusal(world, url, payer);
    title("Who has what now");
    await showBalances(chain, world, ["payer1", "merchant", "facilitator1"]);
    say(`Two calls at $0.001 have moved on the chain; the gateway and the facilitator never held the money.`);

    if (process.env.DEMO_ONESHOT === "1") return;
    console.log(`\n${bold("The world stays up until Ctrl-C.")} Try it yourself:`);
    console.log(`   export X402_EVM_KEY=${payer.key}   ${dim("a key of this local world only")}`);
    console.log(`   build/release/x402 pay ${url} --rpc ${world.network}=${world.rpc}`);
    console.log(`   curl -i ${url}`);
    console.log(`   curl ${gateway.admin}/metrics`);
    await new Promise((resolve) => {
      process.once("SIGINT", resolve);
      process.once("SIGTERM", resolve);
    });
  } finally {
    await stop();
  }
}

await main().catch((error) => {
  console.error(`demo: ${error.stack ?? error}`);
  process.exitCode = 1;
});
