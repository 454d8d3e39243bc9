// SPDX-License-Identifier: Apache-2.0
//
// How the demo speaks: numbered steps, and messages between the parties in a column of their own.

import { formatUnits } from "viem";

const color = process.stdout.isTTY && !process.env.NO_COLOR;
const paint = (code, text) => (color ? `\x1b[${code}m${text}\x1b[0m` : text);
export const bold = (text) => paint("1", text);
export const dim = (text) => paint("2", text);
export const green = (text) => paint("32", text);
export const usd = (atomic) => `$${formatUnits(BigInt(atomic), 6)}`;
export const thousands = (count) => `${count}`.replace(/\B(?=(\d{3})+$)/g, ",");
export const clock = (seconds) => new Date(Number(seconds) * 1000).toISOString().slice(11, 19);

let step = 0;
export function title(text) {
  step += 1;
  console.log(`\n${bold(`${step}. ${text}`)}`);
}
export const say = (text) => console.log(`   ${text}`);
export const note = (text) => say(dim(text));
export const detail = (text) => say(`${" ".repeat(28)}${text}`);

// "agent -> gateway" in a column of its own, then what is said.
export function message(from, arrow, to, text) {
  say(`${from} ${arrow} ${to}`.padEnd(28) + text);
}
