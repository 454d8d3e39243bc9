// SPDX-License-Identifier: Apache-2.0
//
// Measures the sides of a benchmark in alternation: each round is every side once, and the order
// turns round from one to the next. A ratio is taken inside a round, so that what the machine does
// to both of them cancels out.

import { show, spread } from "./stats.mjs";

const columns = (figures, result) =>
  figures.map(({ key, label }) => `${label} ${show(result[key])}`).join(", ");

function tell(log, label, figures, result) {
  log(`  ${label}: ${columns(figures, result)}`);
  if (result.reasons) log(`    not settled: ${result.reasons}`);
  for (const fault of result.faults) log(`    FAULT: ${fault}`);
}

async function measureRounds(benchmark, bench, { sides, pairs, seconds, log }) {
  const rounds = [];
  for (let i = 0; i < pairs; ++i) {
    const round = {};
    const order = i % 2 === 0 ? sides : sides.toReversed();
    log(` round ${i + 1} of ${pairs}`);
    for (const { id, label } of order) {
      round[id] = await bench.measure(id, seconds);
      tell(log, label, benchmark.figures, round[id]);
    }
    rounds.push(round);
  }
  return rounds;
}

// options: pairs, seconds, only ("ours" or "peers"), log. Resolves with { benchmark, sides, notes,
// rounds, seconds }: rounds holds { side id: figures } for each round.
export async function measurePairs(benchmark, { pairs, seconds, only, log }) {
  const wanted = ({ id }) => !only || (id === "ours") === (only === "ours");
  const sides = benchmark.sides.filter(wanted);
  const secondsEach = seconds ?? benchmark.seconds;
  log(`${benchmark.name}: ${benchmark.title}`);
  const bench = await benchmark.open(
    sides.map(({ id }) => id),
    secondsEach,
  );
  try {
    for (const note of bench.notes) log(` ${note}`);
    if (benchmark.warmUpSeconds > 0)
      for (const { id } of sides) await bench.measure(id, benchmark.warmUpSeconds);
    const options = { sides, pairs, seconds: secondsEach, log };
    const rounds = await measureRounds(benchmark, bench, options);
    return { benchmark, sides, notes: bench.notes, rounds, seconds: secondsEach };
  } finally {
    await bench.close();
  }
}

// The spread of one figure of one side over all rounds.
export function spreadOf(measured, id, key) {
  return spread(measured.rounds.map((round) => round[id][key]));
}

function meets(value, { atLeast, atMost }) {
  return (atLeast === undefined || value >= atLeast) && (atMost === undefined || value <= atMost);
}

function aimText({ atLeast, atMost }) {
  if (atLeast !== undefined) return `at least ${show(atLeast)}`;
  return atMost === undefined ? undefined : `at most ${show(atMost)}`;
}

const hasSide = (measured, id) => measured.sides.some((side) => side.id === id);

// [{ label, range, aim, met }] of what is compared or aimed at; aim and met are absent for what is
// only told.
export function verdicts(measured) {
  const { ratios = [], aims = [] } = measured.benchmark;
  if (!hasSide(measured, "ours")) return [];
  const compared = ratios
    .filter(({ peer }) => hasSide(measured, peer))
    .map((ratio) => {
      const range = spread(
        measured.rounds.map(({ ours, [ratio.peer]: peer }) => ours[ratio.key] / peer[ratio.key]),
      );
      return { ...ratio, range, value: range?.median };
    });
  const reached = aims.map((aim) => {
    const range = spreadOf(measured, "ours", aim.key);
    return { ...aim, range, value: range?.[aim.of] };
  });
  return [...compared, ...reached].map(({ label, range, value, ...aim }) => {
    const text = aimText(aim);
    return { label, range, aim: text, met: text && value !== undefined && meets(value, aim) };
  });
}

// Every fault of every measurement, with the side that had it.
export function faultsOf(measured) {
  return measured.sides.flatMap(({ id, label }) =>
    measured.rounds.flatMap((round) => round[id].faults.map((fault) => `${label}: ${fault}`)),
  );
}
