// SPDX-License-Identifier: Apache-2.0
//
// Measures x402-cpp against its peers.
//
//   tests/node.sh bench/run.mjs [402] [proxy] [verify] [settle] [idle] [start] [paid]
//       [svm-verify] [svm-settle] [--pairs 5] [--seconds S] [--only ours|peers] [--out FILE]
//
// Without names everything is measured, in under half an hour, and bench/RESULTS.md is written;
// a part, a shorter run or one side alone only prints. --seconds is the length of one measurement.
// --out writes the report of any run to a file. Exit 1: a measurement was not sound, for instance
// because answers were wrong or a server did not start; then RESULTS.md keeps what it has where a
// benchmark is missing. An aim that is missed is told and is no failure.

import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ROOT } from "../tests/lib/proc.mjs";
import { X402 } from "../tests/lib/x402bin.mjs";
import { writeBuildTimes } from "./build_times.mjs";
import { benchmark as challenge } from "./challenge.mjs";
import { benchmark as idle } from "./idle.mjs";
import { describeMachine } from "./lib/machine.mjs";
import { faultsOf, measurePairs } from "./lib/pairs.mjs";
import { results, section } from "./lib/report.mjs";
import { benchmark as paid } from "./paid.mjs";
import { benchmark as proxy } from "./proxy.mjs";
import { benchmark as settle } from "./settle.mjs";
import { benchmark as start } from "./start.mjs";
import { svmSettle, svmVerify } from "./svm.mjs";
import { benchmark as verify } from "./verify.mjs";

const ALL = [challenge, proxy, verify, settle, idle, start, paid, svmVerify, svmSettle];
const NAMES = ALL.map(({ name }) => name);

class Usage extends Error {}

// A folder of that name, as a build may leave behind, is no binary.
function haveBinary() {
  return statSync(X402, { throwIfNoEntry: false })?.isFile() ?? false;
}

function atLeastOne(text, flag) {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Usage(`${flag} wants a whole number from 1`);
  return value;
}

function parse() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        pairs: { type: "string" },
        seconds: { type: "string" },
        only: { type: "string" },
        out: { type: "string" },
      },
    });
  } catch (error) {
    throw new Usage(error.message);
  }
}

function readOptions() {
  const { positionals, values } = parse();
  const unknown = positionals.find((name) => !NAMES.includes(name));
  if (unknown) throw new Usage(`there is no benchmark "${unknown}", only ${NAMES.join(", ")}`);
  if (values.only && values.only !== "ours" && values.only !== "peers")
    throw new Usage("--only wants ours or peers");
  if (values.only !== "peers" && !haveBinary()) throw new Usage(`${X402} is missing: make build`);
  return {
    chosen: ALL.filter(({ name }) => positionals.length === 0 || positionals.includes(name)),
    pairs: values.pairs === undefined ? 5 : atLeastOne(values.pairs, "--pairs"),
    seconds: values.seconds === undefined ? undefined : atLeastOne(values.seconds, "--seconds"),
    only: values.only,
    out: values.out,
    isFull: positionals.length === 0 && Object.keys(values).length === 0,
  };
}

// A benchmark that breaks takes nothing away from the others.
async function measureAll(chosen, options) {
  const measured = [];
  for (const benchmark of chosen) {
    try {
      measured.push(await measurePairs(benchmark, { ...options, log: console.log }));
    } catch (error) {
      console.error(`${benchmark.name} broke off:`, error);
    }
  }
  return measured;
}

async function main() {
  const { chosen, isFull, out, ...options } = readOptions();
  const began = performance.now();
  const machine = await describeMachine();
  const measured = await measureAll(chosen, options);
  console.log(`\n${measured.map(section).join("\n\n")}\n`);
  const isWhole = measured.length === chosen.length;
  const file = isFull ? join(ROOT, "bench/RESULTS.md") : out;
  if (file && isWhole) writeFileSync(file, results(machine, measured));
  if (isFull) await writeBuildTimes(machine);
  const minutes = ((performance.now() - began) / 60_000).toFixed(1);
  console.log(`${minutes} minutes${file && isWhole ? `, written to ${file}` : ""}`);
  return isWhole && measured.flatMap(faultsOf).length === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Usage ? `bench: ${error.message}` : error);
  process.exitCode = error instanceof Usage ? 2 : 1;
}
