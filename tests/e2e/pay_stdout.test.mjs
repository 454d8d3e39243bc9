// SPDX-License-Identifier: Apache-2.0
//
// `x402 pay` whose stdout does not take the answer: a full disk, a closed stream, a reader that is
// gone. The payment was made and its answer is still owed: exit 1 with a sentence, no further
// request of the batch, and the next run of the same command gets the answer for the same payment.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { startWorld } from "../devnet/world.mjs";
import { Chain } from "../lib/chain.mjs";
import { eventually } from "../lib/check.mjs";
import { House, houseOf } from "../lib/house.mjs";
import { exactRequirements } from "../lib/payments.mjs";
import { run, spawnBound } from "../lib/proc.mjs";
import { requiredOf, respond402, startSeller } from "../lib/seller.mjs";
import { startUpstream } from "../lib/wire.mjs";
import { X402, newFolder, paidRoute, startGateway, x402 } from "../lib/x402bin.mjs";

const PARALLEL = 4;
const LARGE = "0123456789abcdef".repeat(64 * 1024);
const CODE = /not_handed_over/;
const house = new House();
let world, chain, gateway;
let buyers = 0;
let runs = 0;

before(async () => {
  world = await house.add(startWorld({ payers: 12 }));
  chain = new Chain(world);
  const upstream = await house.add(startUpstream((request, response) => {
    runs += 1;
    if (request.url.startsWith("/large")) return response.end(LARGE);
    return response.end(`answer ${runs}`);
  }));
  gateway = await house.add(startGateway(world, { upstream: upstream.url, network: { poll: "20ms" },
    routes: [paidRoute(world), paidRoute(world, { match: "GET /large" })] }));
});

after(() => house.close());

// A buyer with a journal of its own. into: where a shell sends stdout; it tells the exit code itself.
function buyer(path = "/weather") {
  const payer = world.payers[buyers++];
  const home = newFolder("home");
  const args = ["pay", `${gateway.url}${path}?buyer=${buyers}`, "--home", home];
  const env = { X402_EVM_KEY: payer.key };
  return {
    home,
    shell: async (into, more = []) => {
      const told = await run("sh", ["-c", `{ "$@"; echo "exit $?" >&2; } ${into}`, "sh", X402, ...args, ...more], { env });
      return { ...told, exit: Number(/^exit (\d+)$/m.exec(told.stderr)[1]) };
    },
    pay: (more = []) => x402([...args, ...more], { env }),
    transfers: () => chain.transfers({ from: payer.address }),
    history: async () => {
      const { stdout } = await x402(["wallet", "history", "--json", "--home", home]);
      return stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
    },
  };
}

async function checkOwed(who, got) {
  assert.equal(got.exit, 1, got.stderr);
  assert.match(got.stderr, CODE);
  assert.match(got.stderr, /run the same command again/);
  const made = await who.transfers();
  assert.equal(made.length, 1, got.stderr);
  assert.ok(got.stderr.includes(made[0].transaction), got.stderr);
  assert.deepEqual((await who.history()).map(({ delivered }) => delivered), [false]);
  return made[0].transaction;
}

async function checkPaidOnce(who, transaction) {
  assert.deepEqual((await who.transfers()).map((each) => each.transaction), [transaction]);
  const records = await who.history();
  assert.deepEqual(records.map((each) => [each.outcome, each.delivered, each.transaction]), [["settled", true, transaction]]);
}

const SINKS = [
  ["a full disk", "> /dev/full"],
  ["no stdout at all", ">&-"],
  ["a reader that is gone", "| true"],
];

describe("stdout does not take the answer", { concurrency: PARALLEL }, () => {
  for (const [name, into] of SINKS) {
    for (const args of [[], ["--json"]]) {
      test([name, ...args].join(", "), async () => {
        const who = buyer();
        const transaction = await checkOwed(who, await who.shell(into, args));
        const again = await who.pay(args);
        assert.equal(again.code, 0, again.stderr);
        assert.match(again.stdout, /answer \d/);
        await checkPaidOnce(who, transaction);
      });
    }
  }
  test("a batch stops, and what is left of it is not paid for", async () => {
    const who = buyer();
    const transaction = await checkOwed(who, await who.shell("> /dev/full", ["-n", "5"]));
    assert.equal((await who.pay()).code, 0);
    await checkPaidOnce(who, transaction);
  });
  test("a large answer of which a part was taken comes whole the next time", async () => {
    const who = buyer("/large");
    const transaction = await checkOwed(who, await who.shell("| head -c 100000 > /dev/null"));
    const file = join(who.home, "answer");
    const again = await who.shell(`> ${file}`);
    assert.equal(again.exit, 0, again.stderr);
    assert.equal(readFileSync(file, "utf8"), LARGE);
    await checkPaidOnce(who, transaction);
  });
});

test("a request of the batch that is still at its offer when stdout breaks is not paid for", async (t) => {
  const terms = exactRequirements(world, { payTo: world.accounts.merchant.address });
  let asked = 0;
  let release;
  const held = new Promise((resolve) => { release = resolve; });
  const seller = await houseOf(t).add(startSeller({
    unpaid: async (_request, response) => {
      asked += 1;
      if (asked > 1) await held;
      respond402(response, requiredOf([terms]));
    },
    paid: (_request, response) => response.end("bought"),
  }));
  const payer = world.payers[buyers++];
  const child = spawnBound("sh", ["-c", `"$@" > /dev/full`, "sh", X402, "pay", seller.url, "-n", "4", "-c", "2",
    "--home", newFolder("home")], { env: { X402_EVM_KEY: payer.key }, stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.on("data", (piece) => { said += piece; });
  const ended = new Promise((resolve) => child.on("close", resolve));
  await eventually(() => asked === 2 && CODE.test(said), { what: "the first answer that nobody takes" });
  release();
  assert.equal(await ended, 1, said);
  assert.deepEqual([asked, seller.headers.length], [2, 1], said);
});

test("an answer that nobody paid for and that is not taken is exit 1 as well", async () => {
  const got = await run("sh", ["-c", `"$@" > /dev/full; echo "exit $?" >&2`, "sh", X402, "pay", `${gateway.url}/weather`,
    "--max", "$0.0001", "--home", newFolder("home")], { env: { X402_EVM_KEY: world.payers[0].key } });
  assert.match(got.stderr, /could not be written/);
  assert.match(got.stderr, /^exit [14]$/m);
});
