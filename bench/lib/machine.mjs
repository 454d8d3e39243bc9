// SPDX-License-Identifier: Apache-2.0
//
// What the figures were measured on: figures without their machine say nothing.

import { readFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { join } from "node:path";
import { ROOT, run } from "../../tests/lib/proc.mjs";

const MODULES = join(ROOT, "tests/node_modules");

// Some programs tell their version on stderr, and some with an exit code of failure.
async function firstMatch(command, args, pattern) {
  try {
    const { stdout, stderr } = await run(command, args);
    return pattern.exec(stdout + stderr)?.[1] ?? "unknown";
  } catch {
    return "absent";
  }
}

function packageVersion(name) {
  return JSON.parse(readFileSync(join(MODULES, name, "package.json"), "utf8")).version;
}

function processor() {
  const { model } = cpus()[0];
  return { model: model.trim(), cores: cpus().length };
}

// [[what, value], ...] in the order in which they are told.
export async function describeMachine() {
  const { model, cores } = processor();
  const [compiler, nginx, wrk, commit] = await Promise.all([
    firstMatch("g++", ["--version"], /^g\+\+ .*?(\d+\.\d+\.\d+)/),
    firstMatch("/usr/sbin/nginx", ["-v"], /nginx\/(\S+)/),
    firstMatch("wrk", ["-v"], /wrk (\S+)/),
    firstMatch("git", ["-C", ROOT, "rev-parse", "--short=12", "HEAD"], /^([0-9a-f]{12})$/m),
  ]);
  return [
    ["processor", `${model}, ${cores} cores`],
    ["memory", `${(totalmem() / 2 ** 30).toFixed(1)} GiB`],
    ["kernel", `Linux ${release()}`],
    ["compiler", `g++ ${compiler}, the release preset`],
    ["source", `commit ${commit}`],
    ["nginx", nginx],
    ["wrk", wrk],
    ["node", process.versions.node],
    ["anvil", packageVersion("@foundry-rs/anvil-linux-amd64")],
    ["surfnet", packageVersion("@solana/surfpool-linux-x64-gnu")],
    ["reference", `@x402/core and @x402/evm ${packageVersion("@x402/evm")}`],
    ["reference on Solana", `@x402/svm ${packageVersion("@x402/svm")}`],
    ["measured", new Date().toISOString().slice(0, 10)],
  ];
}
