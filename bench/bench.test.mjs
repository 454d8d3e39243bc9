// SPDX-License-Identifier: Apache-2.0
//
// The parts of the benchmarks that could flatter: a missed aim that reads as met, a failure that is
// not counted, a window with a block too many, a load that stops early.

import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { test } from "node:test";
import { readTimes } from "./build_times.mjs";
import { callAll } from "./lib/calls.mjs";
import { cpuMs } from "./lib/cpu.mjs";
import { keepConnections } from "./lib/keepers.mjs";
import { residentBytes } from "./lib/memory.mjs";
import { quoted, startNginx, staticLocation } from "./lib/nginx.mjs";
import { faultsOf, measurePairs, spreadOf, verdicts } from "./lib/pairs.mjs";
import { section } from "./lib/report.mjs";
import { sampleAnswer } from "./lib/sample.mjs";
import { settleAll } from "./lib/settle_load.mjs";
import { median, percentile, show, spread } from "./lib/stats.mjs";
import { auditSvm, simulationOf } from "./lib/svm_signed.mjs";
import { wrk } from "./lib/wrk.mjs";
import { newFolder } from "../tests/lib/x402bin.mjs";

const haveNginx = existsSync("/usr/sbin/nginx");
const haveWrk = existsSync("/usr/bin/wrk");

async function serving(t, handler) {
  const server = createServer(handler);
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${server.address().port}`;
}

// A benchmark whose figures are scripted: { side: [value of each round] }.
function scripted(values, more) {
  const calls = [];
  const rounds = {};
  const benchmark = {
    name: "scripted",
    title: "Scripted",
    about: "Nothing is measured.",
    sides: Object.keys(values).map((id) => ({ id, label: id })),
    figures: [{ key: "rate", label: "rate" }],
    seconds: 1,
    warmUpSeconds: 0,
    open: async () => ({
      notes: [],
      close: async () => calls.push("close"),
      measure: async (id) => {
        calls.push(id);
        rounds[id] = (rounds[id] ?? -1) + 1;
        const rate = values[id][rounds[id]];
        if (rate instanceof Error) throw rate;
        return { rate, faults: [] };
      },
    }),
    ...more,
  };
  return { benchmark, calls };
}

const quiet = { pairs: 3, log: () => {} };

test("the middle is the middle, also of an even number of values", () => {
  assert.equal(median([9, 1, 5]), 5);
  assert.equal(median([4, 1, 3, 2]), 2.5);
  assert.equal(percentile([5, 1, 4, 2, 3], 0.5), 3);
  assert.equal(percentile([5, 1, 4, 2, 3], 0.99), 5);
  assert.deepEqual(spread([3, NaN, 1, 2]), { min: 1, median: 2, max: 3 });
  assert.equal(spread([NaN]), undefined);
});

test("numbers are shown with three digits or with thousands apart", () => {
  const table = [
    [1234567.8, "1,234,568"],
    [128, "128"],
    [123.456, "123"],
    [12.345, "12.3"],
    [0.987, "0.99"],
    [0, "0"],
    [NaN, "-"],
  ];
  for (const [value, text] of table) assert.equal(show(value), text);
});

test("the order of the sides turns round from one round to the next", async () => {
  const { benchmark, calls } = scripted({ ours: [1, 1, 1], peer: [1, 1, 1] });
  await measurePairs(benchmark, quiet);
  assert.deepEqual(calls, ["ours", "peer", "peer", "ours", "ours", "peer", "close"]);
});

test("what was opened is closed when a measurement throws", async () => {
  const { benchmark, calls } = scripted({ ours: [new Error("broken")] });
  await assert.rejects(measurePairs(benchmark, quiet), /broken/);
  assert.equal(calls.at(-1), "close");
});

test("ratios are taken within each round, aims on the median or on the worst round", async () => {
  const { benchmark } = scripted(
    { ours: [10, 40, 90], peer: [10, 20, 30] },
    {
      ratios: [
        { label: "enough", key: "rate", peer: "peer", atLeast: 2 },
        { label: "too little", key: "rate", peer: "peer", atLeast: 2.01 },
        { label: "too much", key: "rate", peer: "peer", atMost: 1.99 },
        { label: "only told", key: "rate", peer: "peer" },
      ],
      aims: [
        { label: "worst", key: "rate", of: "max", atMost: 89 },
        { label: "middle", key: "rate", of: "median", atMost: 40 },
      ],
    },
  );
  const measured = await measurePairs(benchmark, quiet);
  const found = Object.fromEntries(verdicts(measured).map((one) => [one.label, one]));
  assert.deepEqual(found.enough.range, { min: 1, median: 2, max: 3 });
  assert.equal(found.enough.met, true);
  assert.equal(found["too little"].met, false);
  assert.equal(found["too much"].met, false);
  assert.equal(found["only told"].aim, undefined);
  assert.equal(found.worst.met, false);
  assert.equal(found.middle.met, true);
  assert.match(section(measured), /\| too little \| 2 \(1 to 3\) \| at least 2\.01 \| missed \|/);
});

test("a benchmark that no clock ends tells no seconds", async () => {
  const timed = await measurePairs(scripted({ ours: [1, 1, 1] }).benchmark, quiet);
  assert.match(section(timed), /Rounds: 3, 1 s for each side \(`/);
  const untimed = scripted({ ours: [1, 1, 1] }, { isTimed: false });
  assert.match(section(await measurePairs(untimed.benchmark, quiet)), /Rounds: 3 \(`/);
});

test("a figure that could not be measured meets no aim", async () => {
  const { benchmark } = scripted(
    { ours: [NaN, NaN, NaN] },
    { aims: [{ label: "rate", key: "rate", of: "max", atMost: 5 }] },
  );
  const measured = await measurePairs(benchmark, quiet);
  assert.equal(verdicts(measured)[0].met, false);
  assert.equal(spreadOf(measured, "ours", "rate"), undefined);
});

test("one side alone is measured alone, and compared with nothing", async () => {
  const ratios = [{ label: "ratio", key: "rate", peer: "peer", atLeast: 1 }];
  const ours = scripted({ ours: [1, 1, 1], peer: [1, 1, 1] }, { ratios });
  const measured = await measurePairs(ours.benchmark, { ...quiet, only: "ours" });
  assert.deepEqual(new Set(ours.calls), new Set(["ours", "close"]));
  assert.deepEqual(verdicts(measured), []);
  const peers = scripted({ ours: [1, 1, 1], peer: [1, 1, 1] }, { ratios });
  await measurePairs(peers.benchmark, { ...quiet, only: "peers" });
  assert.deepEqual(new Set(peers.calls), new Set(["peer", "close"]));
});

test("a fault of any round is told with its side", async () => {
  const { benchmark } = scripted({ ours: [1, 1, 1] });
  const measured = await measurePairs(benchmark, quiet);
  measured.rounds[1].ours.faults.push("3 answers were wrong");
  assert.deepEqual(faultsOf(measured), ["ours: 3 answers were wrong"]);
  assert.match(section(measured), /FAULT: ours: 3 answers were wrong/);
});

test("each way of not settling is a failure with its reason", async (t) => {
  const answers = [
    [200, '{"success":true}', "settled"],
    [200, '{"success":false,"errorReason":"insufficient_funds"}', "200 insufficient_funds"],
    [503, '{"error":{"code":"overloaded"}}', "503 overloaded"],
    [500, '{"error":"boom"}', "500 boom"],
    [200, '{"success":"true"}', "200 no reason"],
    [500, '{"success":true}', "500 no reason"],
    [200, "settled", "200 without JSON"],
  ];
  const url = await serving(t, (asked, answer) => {
    let text = "";
    asked.on("data", (chunk) => (text += chunk));
    asked.on("end", () => {
      const [status, body] = answers[Number(text)];
      answer.writeHead(status).end(body);
    });
  });
  let stops = 0;
  const found = await settleAll(
    url,
    answers.map((_, i) => `${i}`),
    { milliseconds: 10_000, inFlight: 3, drainMs: 5000, onStopped: async () => (stops += 1) },
  );
  assert.deepEqual(
    found.map(({ outcome }) => outcome),
    answers.map(([, , outcome]) => outcome),
  );
  assert.equal(stops, 1);
});

test("what was told of settlements on Solana is held against the chain", () => {
  const memos = ["a 0", "a 1", "a 2"];
  const answersOf = (...outcomes) => outcomes.map((outcome) => ({ outcome }));
  const row = (memo, err = null) => ({ memo: `[${memo.length}] ${memo}`, err });
  const all = answersOf("settled", "settled", "settled");
  const told = answersOf("settled", "200 no", "no answer");
  const audit = (answers, rows, balance) => auditSvm({ memos, answers, rows, balance });
  const good = audit(all, memos.map((memo) => row(memo)), 3000n);
  assert.deepEqual(good, { faults: [], settled: 3, untold: 0 });
  const untold = audit(told, [row("a 0"), row("a 2")], 2000n);
  assert.deepEqual(untold, { faults: [], settled: 1, untold: 1 });
  const failed = audit(told, [row("a 0", "failed"), row("a 1")], 1000n);
  assert.deepEqual([failed.settled, failed.untold, failed.faults.length], [1, 1, 1]);
  assert.match(failed.faults[0], /^1 successes were told without/);
  const twice = audit(told, [row("a 0"), row("a 0")], 2000n);
  assert.match(twice.faults[0], /2000; 2 transfers, 1 payments/);
  assert.match(audit(told, [row("a 0")], 999n).faults[0], /999; 1 transfers/);
  assert.equal(audit([], [], 0n).settled, 0);
});

test("the node alone is asked to simulate the very transaction of a payment", () => {
  const body = {
    paymentPayload: { payload: { transaction: "AAAA" } },
    paymentRequirements: { extra: { feePayer: "F" } },
  };
  const { method, params } = JSON.parse(simulationOf(JSON.stringify(body)));
  assert.equal(method, "simulateTransaction");
  assert.equal(params[0], "AAAA");
  assert.deepEqual(params[1].accounts.addresses, ["F"]);
});

test("what is never answered is a failure, and so is a closed connection", async (t) => {
  const url = await serving(t, (asked) => {
    let text = "";
    asked.on("data", (chunk) => (text += chunk));
    asked.on("end", () => text === "cut" && asked.socket.destroy());
  });
  const found = await settleAll(url, ["hang", "cut", "hang"], {
    milliseconds: 10,
    inFlight: 2,
    drainMs: 50,
    onStopped: async () => {},
  });
  assert.equal(found[0].outcome, "no answer");
  assert.equal(found[1].outcome, "connection: ECONNRESET");
});

test("the given number of requests is in flight, never more", async (t) => {
  let open = 0;
  let most = 0;
  const waiting = [];
  const url = await serving(t, (asked, answer) => {
    open += 1;
    most = Math.max(most, open);
    waiting.push(answer);
    if (waiting.length < 4) return; // nobody is answered before all four callers are here
    for (const one of waiting.splice(0)) {
      open -= 1;
      one.end('{"success":true}');
    }
  });
  const bodies = Array.from({ length: 40 }, () => "x");
  const options = { milliseconds: 10_000, inFlight: 4, drainMs: 5000, onStopped: async () => {} };
  const found = await settleAll(url, bodies, options);
  assert.equal(most, 4);
  assert.equal(found.filter(({ outcome }) => outcome === "settled").length, 40);
});

test("calls are counted by how each of them ended", async (t) => {
  let open = 0;
  let most = 0;
  const url = await serving(t, (asked, answer) => {
    open += 1;
    most = Math.max(most, open);
    setImmediate(() => {
      open -= 1;
      if (asked.headers.mode === "cut") asked.socket.destroy();
      else answer.writeHead(asked.headers.mode === "good" ? 200 : 402).end("x");
    });
  });
  const modes = [..."gbgcgbgg"].map((c) => ({ g: "good", b: "bad", c: "cut" })[c]);
  const headers = modes.map((mode) => ({ mode }));
  const outcomes = await callAll(url, headers, { inFlight: 3 });
  assert.deepEqual([...outcomes].sort().map(String), ["200,5", "402,2", "ECONNRESET,1"]);
  assert.ok(most <= 3, `${most} at a time`);
});

test("a kept connection that the server closes is not counted as open", async (t) => {
  let served = 0;
  const sockets = [];
  const url = await serving(t, (asked, answer) => {
    served += 1;
    sockets.push(asked.socket);
    const body = "x".repeat(70_000);
    answer.writeHead(served % 2 === 0 ? 402 : 200, { "content-length": body.length }).end(body);
  });
  const kept = await keepConnections(url, 6);
  t.after(() => kept.close());
  assert.deepEqual([...kept.statuses].sort().map(String), ["200,3", "402,3"]);
  assert.equal(kept.open, 6);
  sockets[0].destroy();
  for (let i = 0; i < 500 && kept.open === 6; ++i) await new Promise((r) => setTimeout(r, 10));
  assert.equal(kept.open, 5);
});

test("a connection that gets no whole answer is an error", async (t) => {
  const url = await serving(t, (_asked, answer) => {
    answer.writeHead(200, { "content-length": 10 }).write("x");
  });
  await assert.rejects(keepConnections(url, 2, { deadlineMs: 50 }), /no answer/);
});

test("resident memory grows with what is held", () => {
  const before = residentBytes(process.pid);
  const held = Buffer.alloc(64 * 1024 * 1024, 1);
  const grown = residentBytes(process.pid) - before;
  assert.equal(held[held.length - 1], 1);
  assert.ok(grown > 48 * 1024 * 1024, `${grown} bytes`);
});

test("processor time grows with work", () => {
  const before = cpuMs(process.pid);
  const until = before + 30;
  let rounds = 0;
  while (cpuMs(process.pid) < until && rounds < 1e6) rounds += 1;
  assert.ok(rounds < 1e6, "the account stands still");
});

test("build times are grouped by preset and targets, and a broken line is refused", () => {
  assert.deepEqual(readTimes("build release 300 x402\nbuild dev 9\nbuild release 4 x402\n"), [
    { preset: "release", targets: "x402", seconds: [300, 4] },
    { preset: "dev", targets: "all", seconds: [9] },
  ]);
  assert.throws(() => readTimes("build release fast x402\n"), /no build/);
});

test("nginx sends the answer it was given", { skip: !haveNginx }, async (t) => {
  const body = '{"price":"$0.001","quote":"\\"x\\""}';
  const answer = { status: 402, headers: [["PAYMENT-REQUIRED", "eyJ4IjoxfQ=="]], body };
  const nginx = await startNginx({ location: staticLocation(answer) });
  t.after(() => nginx.stop());
  const found = await sampleAnswer(`${nginx.url}/weather`);
  assert.equal(found.status, 402);
  assert.equal(found.body, body.replace("$", "S"));
  const [header] = found.headers.filter(([name]) => name === "PAYMENT-REQUIRED");
  assert.equal(header[1], "eyJ4IjoxfQ==");
  assert.equal(quoted('a"b\\c$d'), '"a\\"b\\\\cSd"');
});

test("wrk counts what is not valid and keeps a sample", { skip: !haveWrk }, async (t) => {
  const url = await serving(t, (asked, answer) => {
    let text = "";
    asked.on("data", (chunk) => (text += chunk));
    asked.on("end", () => {
      const isValid = text === "good";
      answer.writeHead(200, { "content-type": "application/json" });
      answer.end(JSON.stringify({ isValid, invalidReason: isValid ? undefined : 'a "bad" one' }));
    });
  });
  const file = join(newFolder("bench"), "bodies.jsonl");
  writeFileSync(file, "good\nbad\n");
  const found = await wrk(url, {
    script: "verify.lua",
    connections: 1,
    seconds: 1,
    args: [file],
  });
  assert.ok(found.valid > 0);
  assert.ok(Math.abs(found.valid - found.invalid) <= 1, `${found.valid} and ${found.invalid}`);
  assert.match(found.sample, /^200 .*isValid.*false/);
});

test("wrk asks another path and counts another word", { skip: !haveWrk }, async (t) => {
  const paths = new Set();
  const url = await serving(t, (asked, answer) => {
    paths.add(asked.url);
    answer.end('{"err":null}');
  });
  const file = join(newFolder("bench"), "bodies.jsonl");
  writeFileSync(file, "x\n");
  const options = { script: "verify.lua", connections: 1, seconds: 1 };
  const found = await wrk(url, { ...options, args: [file, "/", '"err":null'] });
  assert.deepEqual([found.invalid, [...paths]], [0, ["/"]]);
  assert.ok(found.valid > 0);
});

test("wrk keeps the rate it was told", { skip: !haveWrk }, async (t) => {
  const url = await serving(t, (_asked, answer) => answer.end("x"));
  const options = { script: "paced.lua", connections: 4, seconds: 2, args: [200] };
  const { perSecond } = await wrk(url, options);
  assert.ok(perSecond > 180 && perSecond < 210, `${perSecond} a second`);
});
