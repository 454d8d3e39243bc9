// SPDX-License-Identifier: Apache-2.0
//
// Runs the local world until SIGTERM, SIGINT or the death of whoever started it.
//
//   tests/node.sh tests/devnet/start.mjs [--payers 3] [--facilitators 4] [--dollars 1000]
//       [--block-time SECONDS] [--gas-limit GAS] [--tx-gas-limit] [--port 0]
//
// Prints one line: {"ready":true,"rpc","chainId","network","usdc","multicall3","accounts"}.

import { parseArgs } from "node:util";
import { watchParent } from "../lib/proc.mjs";
import { startWorld } from "./world.mjs";

const number = (text) => (text === undefined ? undefined : Number(text));

function readOptions() {
  const { values } = parseArgs({
    options: {
      payers: { type: "string", default: "3" },
      facilitators: { type: "string", default: "4" },
      dollars: { type: "string", default: "1000" },
      port: { type: "string", default: "0" },
      "block-time": { type: "string" },
      "gas-limit": { type: "string" },
      "tx-gas-limit": { type: "boolean" },
    },
  });
  return {
    payers: number(values.payers),
    facilitators: number(values.facilitators),
    dollars: number(values.dollars),
    port: number(values.port),
    blockTime: number(values["block-time"]),
    gasLimit: number(values["gas-limit"]),
    txGasLimit: values["tx-gas-limit"],
  };
}

const starting = startWorld(readOptions());
let stopping = false;

async function stop(code) {
  if (stopping) return;
  stopping = true;
  await starting.then(
    (world) => world.stop(),
    () => {},
  );
  process.exit(code);
}

process.on("SIGTERM", () => stop(0));
process.on("SIGINT", () => stop(0));
watchParent(() => stop(1));

const world = await starting;
world.anvil.exited.then(() => stop(1)); // a world without its chain is no world
console.log(JSON.stringify({ ready: true, ...world.toJSON() }));
