// SPDX-License-Identifier: Apache-2.0
//
// The results as Markdown: for bench/RESULTS.md, and with less around it for the terminal.

import { faultsOf, spreadOf, verdicts } from "./pairs.mjs";
import { showSpread } from "./stats.mjs";

function table(head, rows) {
  const line = (cells) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

function figureTable(measured) {
  const { figures } = measured.benchmark;
  const rows = measured.sides.map(({ id, label }) => [
    label,
    ...figures.map(({ key }) => showSpread(spreadOf(measured, id, key))),
  ]);
  return table(["", ...figures.map(({ label }) => label)], rows);
}

function verdictTable(measured) {
  const rows = verdicts(measured).map(({ label, range, aim, met }) => [
    label,
    showSpread(range),
    aim ?? "",
    aim ? (met ? "met" : "missed") : "",
  ]);
  return rows.length > 0 ? table(["compared", "result", "aim", ""], rows) : "";
}

// What the peers said instead of success, from the last round that has something.
function reasonLines(measured) {
  return measured.sides.flatMap(({ id, label }) => {
    const reasons = measured.rounds.map((round) => round[id].reasons).filter(Boolean);
    return reasons.length > 0 ? [`- ${label}, not settled: ${reasons.at(-1)}`] : [];
  });
}

// One benchmark: its figures, what they are compared with, and what went wrong.
export function section(measured) {
  const { title, name, about, isTimed = true } = measured.benchmark;
  const length = isTimed ? `, ${measured.seconds} s for each side` : "";
  const parts = [
    `## ${title}`,
    `${about} Rounds: ${measured.rounds.length}${length} (\`bench/run.mjs ${name}\`).`,
    ...measured.notes,
    figureTable(measured),
    verdictTable(measured),
    reasonLines(measured).join("\n"),
    faultsOf(measured)
      .map((fault) => `- FAULT: ${fault}`)
      .join("\n"),
  ];
  return parts.filter((part) => part !== "").join("\n\n");
}

export function results(machine, all) {
  const intro =
    "Written by `make bench`. Ours and the peers were measured in alternation in one run on one " +
    "machine that is shared and pins nothing; a figure is the median of all rounds with the " +
    "lowest and the highest in parentheses, a ratio is taken within each round. Ratios carry " +
    "over to other machines, figures do not.";
  const rows = machine.map(([what, value]) => [what, value]);
  return (
    [
      "<!-- SPDX-License-Identifier: Apache-2.0 -->\n# Benchmarks",
      intro,
      table(["machine", ""], rows),
      ...all.map(section),
    ].join("\n\n") + "\n"
  );
}
