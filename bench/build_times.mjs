// SPDX-License-Identifier: Apache-2.0
//
// Writes bench/BUILD.md from build/times.txt, in which tools/build.sh notes how long each build
// took ("build PRESET SECONDS TARGETS"):
//
//   tests/node.sh bench/build_times.mjs

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../tests/lib/proc.mjs";
import { describeMachine } from "./lib/machine.mjs";
import { median } from "./lib/stats.mjs";

const SOURCE = join(ROOT, "build/times.txt");
const TARGET = join(ROOT, "bench/BUILD.md");
const TOLD = new Set(["processor", "memory", "kernel", "compiler", "source", "measured"]);

// [{ preset, targets, seconds: [...] }], in the order of first appearance. A line of another shape
// is an error: a figure is not left out in silence.
export function readTimes(text) {
  const builds = new Map();
  for (const line of text.split("\n").filter((one) => one !== "")) {
    const match = /^build (\S+) (\d+)(?: (.*))?$/.exec(line);
    if (!match) throw new Error(`${SOURCE} has a line that is no build: ${line}`);
    const [, preset, seconds, targets = "all"] = match;
    const key = `${preset} ${targets}`;
    const build = builds.get(key) ?? { preset, targets, seconds: [] };
    build.seconds.push(Number(seconds));
    builds.set(key, build);
  }
  return [...builds.values()];
}

function rowOf({ preset, targets, seconds }) {
  const cells = [preset, targets, seconds.length, Math.max(...seconds), median(seconds)];
  return `| ${[...cells, seconds.at(-1)].join(" | ")} |`;
}

export function buildReport(machine, builds) {
  const told = machine.filter(([what]) => TOLD.has(what));
  const facts = told.map(([what, value]) => `- ${what}: ${value}`);
  return `<!-- SPDX-License-Identifier: Apache-2.0 -->
# How long set-up, builds and tests take

Written by \`bench/build_times.mjs\` from the seconds that \`make setup\`, \`tools/build.sh\` and
\`make test\` have noted on this machine. The longest of a step is normally the one from nothing;
later ones build what has changed, with ccache where it is installed.

${facts.join("\n")}

| step | of | times | longest | median | last |
| --- | --- | --- | --- | --- | --- |
${builds.map(rowOf).join("\n")}
`;
}

// Resolves with false where no build was noted.
export async function writeBuildTimes(machine) {
  if (!existsSync(SOURCE)) return false;
  writeFileSync(TARGET, buildReport(machine, readTimes(readFileSync(SOURCE, "utf8"))));
  return true;
}

if (import.meta.filename === process.argv[1]) {
  const written = await writeBuildTimes(await describeMachine());
  console.log(written ? `written to ${TARGET}` : `${SOURCE} is missing: no build was noted`);
  process.exitCode = written ? 0 : 1;
}
