// SPDX-License-Identifier: Apache-2.0
//
// Keeps a fixed number of POST /settle in flight until time or payments are used up, then waits for
// what is still unanswered. Notes how each payment ended, by the facilitator's own words.

import { Agent, request } from "node:http";

function post(agent, url, body, signal) {
  return new Promise((resolve, reject) => {
    const headers = {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(body),
    };
    const asked = request(url, { method: "POST", agent, headers, signal }, (answer) => {
      let text = "";
      answer.setEncoding("utf8");
      answer.on("data", (chunk) => (text += chunk));
      answer.on("error", reject);
      answer.on("end", () => resolve({ status: answer.statusCode, text }));
    });
    asked.on("error", reject);
    asked.end(body);
  });
}

// "settled", or why not.
function outcomeOf({ status, text }) {
  let body;
  try {
    body = JSON.parse(text);
  } catch {
    return `${status} without JSON`;
  }
  if (status === 200 && body.success === true) return "settled";
  const reason = body.errorReason ?? body.error?.code ?? body.error ?? "no reason";
  return `${status} ${reason}`.slice(0, 120);
}

// Answers by payment index: { outcome, ms }. Each caller takes the next payment when it is free.
class Load {
  answers = [];
  #next = 0;

  constructor(url, bodies, { inFlight, drainMs }) {
    this.url = `${url}/settle`;
    this.bodies = bodies;
    this.inFlight = inFlight;
    this.drainMs = drainMs;
    this.agent = new Agent({ keepAlive: true, maxSockets: inFlight });
    this.abort = new AbortController();
  }

  // The end comes by the clock, whether or not a caller is free to notice it: all of them may be
  // waiting for answers that never come.
  async run(milliseconds, onStopped) {
    const timer = setTimeout(() => this.#stop(onStopped), milliseconds);
    const callers = Array.from({ length: this.inFlight }, () => this.#caller(onStopped));
    await Promise.all(callers);
    clearTimeout(timer);
    clearTimeout(this.drainTimer);
    this.agent.destroy();
    await this.stopped;
    return this.answers;
  }

  #stop(onStopped) {
    if (this.stopped) return;
    this.drainTimer = setTimeout(() => this.abort.abort(), this.drainMs);
    this.stopped = onStopped();
  }

  async #caller(onStopped) {
    while (!this.stopped && this.#next < this.bodies.length) {
      const index = this.#next;
      this.#next += 1;
      this.answers[index] = await this.#ask(this.bodies[index]);
    }
    this.#stop(onStopped);
  }

  async #ask(body) {
    const began = performance.now();
    let outcome;
    try {
      outcome = outcomeOf(await post(this.agent, this.url, body, this.abort.signal));
    } catch (error) {
      outcome = this.abort.signal.aborted ? "no answer" : `connection: ${error.code}`;
    }
    return { outcome, ms: performance.now() - began };
  }
}

// options: milliseconds, inFlight, drainMs (how long unanswered requests are waited for at the
// end), onStopped (called once, when time or payments are used up). Resolves with one
// { outcome, ms } for each payment that was sent, in the order of bodies.
export function settleAll(url, bodies, { milliseconds, onStopped, ...options }) {
  return new Load(url, bodies, options).run(milliseconds, onStopped);
}

// The outcomes other than settled, the most frequent first: "12 x 200 reason".
export function reasonsOf(answers) {
  const counts = new Map();
  for (const { outcome } of answers)
    if (outcome !== "settled") counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  return [...counts]
    .sort(([, a], [, b]) => b - a)
    .slice(0, 3)
    .map(([outcome, count]) => `${count} x ${outcome}`)
    .join("; ");
}
