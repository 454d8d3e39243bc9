// SPDX-License-Identifier: Apache-2.0
//
// One surfnet, a local Solana node, in a process of its own: it is a native addon, and what happens to
// it must not happen to a test. Prints one line: {"ready":true,"rpc","ws"}; ends on SIGTERM or with
// its parent.
//
//   tests/node.sh tests/devnet/surfnet_main.mjs [SLOT_MS]

import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";
import { watchParent } from "../lib/proc.mjs";

const { Surfnet } = createRequire(import.meta.url)("@solana/surfpool-linux-x64-gnu");
const slotTimeMs = Number(process.argv[2] ?? 400);

// It picks free ports and binds them a moment later; somebody else may have been faster.
async function start(attempts = 3) {
  try {
    // Without "clock" a slot passes only with a transaction.
    return await Surfnet.startWithConfig({ offline: true, blockProductionMode: "clock", slotTimeMs, airdropSol: 0 });
  } catch (error) {
    if (attempts <= 1) throw error;
    await sleep(50);
    return start(attempts - 1);
  }
}

process.on("SIGTERM", () => process.exit(0));
process.on("SIGINT", () => process.exit(0));
watchParent(() => process.exit(1));

const surfnet = await start();
// Its events wait in memory for whoever reads them.
setInterval(() => surfnet.drainEvents(), 500);
console.log(JSON.stringify({ ready: true, rpc: surfnet.rpcUrl, ws: surfnet.wsUrl }));
