// SPDX-License-Identifier: Apache-2.0
//
// Our reading of Solana's formats held against @solana/kit, over random cases from a seed (SVM_DIFF_SEED for another
// one): transactions, the same with a byte changed, derived addresses, signatures, base58. The program x402_svm_diff
// answers for us.

import assert from "node:assert/strict";
import { createPrivateKey, createPublicKey, sign, verify } from "node:crypto";
import { join } from "node:path";
import { test } from "node:test";
import {
  appendTransactionMessageInstructions,
  compileTransactionMessage,
  compressTransactionMessageUsingAddressLookupTables,
  createTransactionMessage,
  decompileTransactionMessage,
  getBase58Decoder,
  getBase58Encoder,
  getCompiledTransactionMessageDecoder,
  getCompiledTransactionMessageEncoder,
  getProgramDerivedAddress,
  getTransactionDecoder,
  isAddress,
  isOffCurveAddress,
  isSignerRole,
  isWritableRole,
  setTransactionMessageFeePayer,
  setTransactionMessageLifetimeUsingBlockhash,
} from "@solana/kit";
import { ROOT, run } from "../lib/proc.mjs";
import { ATA, TOKEN, TOKEN_2022, bytesOf, base58, sha256, tokenAccountOf } from "../lib/svm_codec.mjs";

const BUILD = process.env.X402_BUILD ?? join(ROOT, "build/release");
const PROGRAM = process.env.X402_SVM_DIFF ?? join(BUILD, "tests/svm_diff/x402_svm_diff");
const SEED = Number(process.env.SVM_DIFF_SEED ?? 402);
const LIMIT = 1232;
const PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex");
const SPKI = Buffer.from("302a300506032b6570032100", "hex");

// ---------------------------------------------------------------- chance

// xorshift: the same cases for the same seed on every machine.
class Chance {
  #state;
  constructor(seed) {
    this.#state = BigInt.asUintN(64, BigInt(seed) * 0x9e3779b97f4a7c15n + 1n);
  }
  word() {
    let x = this.#state;
    x ^= BigInt.asUintN(64, x << 13n);
    x ^= x >> 7n;
    x ^= BigInt.asUintN(64, x << 17n);
    this.#state = x;
    return Number(x >> 32n);
  }
  below(limit) {
    return this.word() % limit;
  }
  bytes(count) {
    return Buffer.from(Array.from({ length: count }, () => this.below(256)));
  }
  pick(list) {
    return list[this.below(list.length)];
  }
  address() {
    return base58(this.bytes(32));
  }
}

async function ask(questions) {
  const input = questions.map((question) => `${JSON.stringify(question)}\n`).join("");
  const { code, signal, stdout, stderr } = await run(PROGRAM, [], { input, deadlineMs: 120_000 });
  assert.equal(signal, null, stderr);
  assert.equal(code, 0, stderr);
  const answers = stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
  assert.equal(answers.length, questions.length);
  return answers;
}

// ---------------------------------------------------------------- random transactions

function randomInstruction(chance, programs, accounts) {
  const picked = Array.from({ length: chance.below(7) }, () => ({
    address: chance.pick(accounts),
    role: chance.pick([0, 0, 0, 1, 1, 1, 2, 3]),
  }));
  return {
    programAddress: chance.pick(programs),
    accounts: picked,
    data: new Uint8Array(chance.bytes(chance.below(20) === 0 ? chance.below(900) : chance.below(24))),
  };
}

// A message's parts: legacy or version 0, some of its accounts in lookup tables, sometimes too large for the wire.
function randomParts(chance) {
  const programs = Array.from({ length: 1 + chance.below(3) }, () => chance.address());
  const accounts = Array.from({ length: 1 + chance.below(12) }, () => chance.address());
  const feePayer = chance.below(4) === 0 ? accounts[0] : chance.address();
  const instructions = Array.from({ length: chance.below(6) }, () => randomInstruction(chance, programs, accounts));
  const version = chance.below(3) === 0 ? "legacy" : 0;
  const tables = {};
  if (version === 0) {
    for (let i = chance.below(3); i > 0; i -= 1) {
      const strangers = Array.from({ length: chance.below(8) }, () => chance.address());
      const mine = accounts.filter(() => chance.below(2) === 0);
      tables[chance.address()] = [...strangers, ...mine].sort();
    }
  }
  return { feePayer, instructions, version, tables, blockhash: chance.address() };
}

function compiledOf({ feePayer, instructions, version, tables, blockhash }) {
  let message = createTransactionMessage({ version });
  message = setTransactionMessageFeePayer(feePayer, message);
  message = setTransactionMessageLifetimeUsingBlockhash({ blockhash, lastValidBlockHeight: 0n }, message);
  message = appendTransactionMessageInstructions(instructions, message);
  if (version === 0) message = compressTransactionMessageUsingAddressLookupTables(message, tables);
  return compileTransactionMessage(message);
}

function wireOf(chance, compiled) {
  const bytes = Buffer.from(getCompiledTransactionMessageEncoder().encode(compiled));
  const count = compiled.header.numSignerAccounts;
  const signatures = chance.below(2) === 0 ? Buffer.alloc(64 * count) : chance.bytes(64 * count);
  return { bytes, wire: Buffer.concat([Buffer.from([count]), signatures, bytes]) };
}

const headerOf = ({ header }) =>
  [header.numSignerAccounts, header.numReadonlySignerAccounts, header.numReadonlyNonSignerAccounts];
const hex = (bytes) => Buffer.from(bytes ?? []).toString("hex");

// What x402_svm_diff says of a message, out of kit's form.
function toldOf(compiled) {
  return {
    version: compiled.version,
    header: headerOf(compiled),
    keys: [...compiled.staticAccounts],
    blockhash: compiled.lifetimeToken,
    instructions: compiled.instructions.map((each) => ({
      program: each.programAddressIndex,
      accounts: [...(each.accountIndices ?? [])],
      data: hex(each.data),
    })),
    lookups: (compiled.addressTableLookups ?? []).map((each) => ({
      table: each.lookupTableAddress,
      writable: [...each.writableIndexes],
      readonly: [...each.readonlyIndexes],
    })),
  };
}

function partOf(answer) {
  const { version, header, keys, blockhash, instructions, lookups } = answer;
  return { version, header, keys, blockhash, instructions, lookups };
}

// Instructions with their roles as the message gives them, in our words.
function resolvedOf(compiled, tables) {
  const { instructions } = decompileTransactionMessage(compiled, { addressesByLookupTableAddress: tables });
  return instructions.map((each) => ({
    program: each.programAddress,
    accounts: (each.accounts ?? []).map(({ address, role }) => [address, role]),
    data: hex(each.data),
  }));
}

test("transactions read, hash, resolve and are written back as kit says", async () => {
  const chance = new Chance(SEED);
  const cases = Array.from({ length: 2500 }, () => {
    const parts = randomParts(chance);
    const compiled = compiledOf(parts);
    return { parts, compiled, ...wireOf(chance, compiled) };
  });
  const answers = await ask(cases.map(({ parts, wire }) =>
    ({ do: "transaction", wire: wire.toString("base64"), tables: parts.tables })));
  const seen = { legacy: 0, plain: 0, lookups: 0, large: 0 };
  for (const [i, answer] of answers.entries()) {
    const { parts, compiled, bytes, wire } = cases[i];
    if (wire.length > LIMIT) {
      seen.large += 1;
      assert.match(answer.refused, /too_large/);
      continue;
    }
    assert.equal(answer.refused, undefined, wire.toString("base64"));
    assert.deepEqual(partOf(answer), toldOf(compiled));
    assert.equal(answer.hash, sha256(bytes));
    assert.equal(answer.written, wire.toString("base64"));
    assert.equal(answer.message, bytes.toString("base64"));
    assert.equal(answer.signatures.join(""), hex(wire.subarray(1, wire.length - bytes.length)));
    assert.deepEqual(answer.resolved, resolvedOf(compiled, parts.tables), wire.toString("base64"));
    const looks = compiled.addressTableLookups?.length > 0;
    seen[parts.version === "legacy" ? "legacy" : looks ? "lookups" : "plain"] += 1;
  }
  for (const [kind, count] of Object.entries(seen)) assert.ok(count >= 20, `${kind}: ${count}`);
});

// ---------------------------------------------------------------- changed bytes

// The runtime's demands of a message, on kit's form of it.
function isSane(compiled) {
  const [signers, readonlySigners, readonlyOthers] = headerOf(compiled);
  const keys = compiled.staticAccounts;
  const lookups = compiled.addressTableLookups ?? [];
  const counts = lookups.map((each) => each.writableIndexes.length + each.readonlyIndexes.length);
  const total = keys.length + counts.reduce((sum, count) => sum + count, 0);
  return (compiled.version === "legacy" || compiled.version === 0) &&
    signers >= 1 && readonlySigners < signers && signers + readonlyOthers <= keys.length &&
    new Set(keys).size === keys.length && total <= 256 && counts.every((count) => count > 0) &&
    compiled.instructions.every((each) =>
      each.programAddressIndex > 0 && each.programAddressIndex < keys.length &&
      (each.accountIndices ?? []).every((index) => index < total));
}

// Kit's own reading, but of one text for one meaning, and sane. Kit alone takes more.
function readByKit(wire) {
  let compiled, messageBytes;
  try {
    ({ messageBytes } = getTransactionDecoder().decode(wire));
    compiled = getCompiledTransactionMessageDecoder().decode(messageBytes);
    const again = Buffer.from(getCompiledTransactionMessageEncoder().encode(compiled));
    if (!again.equals(messageBytes)) return { kit: true };
  } catch {
    return { kit: false };
  }
  const signers = compiled.header.numSignerAccounts;
  const whole = wire[0] === signers && wire.length === 1 + 64 * signers + messageBytes.length;
  const good = whole && wire.length <= LIMIT && isSane(compiled);
  return { kit: true, compiled: good ? compiled : undefined };
}

function changed(chance, wire, bytes) {
  // Most of a wire is signatures and keys, where a change changes no structure.
  const start = wire.length - bytes.length;
  const keys = bytes[0] & 0x80 ? 5 : 4;
  const afterKeys = start + keys + 32 * bytes[keys - 1] + 32;
  const place = chance.pick([0, 0, 1, 2, 2, 2, 2]);
  const at = place === 0 ? chance.pick([0, start, start + 1, start + 2, start + 3, start + 4])
    : place === 1 ? chance.below(wire.length) : afterKeys + chance.below(Math.max(1, wire.length - afterKeys));
  const value = chance.pick([0, 1, 0x7f, 0x80, 0x81, 0xff, chance.below(256), chance.below(8)]);
  const kind = chance.below(4);
  if (kind === 0) return Buffer.concat([wire.subarray(0, at), Buffer.from([value]), wire.subarray(at)]);
  if (kind === 1) return Buffer.concat([wire.subarray(0, at), wire.subarray(at + 1)]);
  const out = Buffer.from(wire);
  out[Math.min(at, out.length - 1)] = kind === 2 ? value : wire[Math.min(at, wire.length - 1)] ^ (1 << chance.below(8));
  return out;
}

test("of changed bytes exactly what kit reads as sane and as one text is taken", async () => {
  const chance = new Chance(SEED + 1);
  const cases = Array.from({ length: 400 }, () => {
    const { bytes, wire } = wireOf(chance, compiledOf(randomParts(chance)));
    return wire.length > LIMIT ? [] : Array.from({ length: 20 }, () => changed(chance, wire, bytes));
  }).flat();
  const answers = await ask(cases.map((wire) => ({ do: "transaction", wire: wire.toString("base64") })));
  const seen = { taken: 0, stricter: 0, refused: 0 };
  for (const [i, answer] of answers.entries()) {
    const { kit, compiled } = readByKit(cases[i]);
    const text = cases[i].toString("base64");
    assert.equal(answer.refused === undefined, compiled !== undefined, `${answer.refused}: ${text}`);
    if (compiled) {
      assert.deepEqual(partOf(answer), toldOf(compiled), text);
      assert.equal(answer.written, text);
    }
    seen[compiled ? "taken" : kit ? "stricter" : "refused"] += 1;
  }
  for (const [kind, count] of Object.entries(seen)) assert.ok(count >= 100, `${kind}: ${count}`);
});

// ---------------------------------------------------------------- messages of ours

function keysByRole(compiled) {
  const [signers, readonlySigners, readonlyOthers] = headerOf(compiled);
  const keys = compiled.staticAccounts;
  const cuts = [1, signers - readonlySigners, signers, keys.length - readonlyOthers, keys.length];
  return cuts.map((end, i) => keys.slice(i === 0 ? 0 : cuts[i - 1], end).sort());
}

test("what we compile is what kit compiles, but for the order within a role", async () => {
  const chance = new Chance(SEED + 2);
  const cases = Array.from({ length: 800 }, () => ({ ...randomParts(chance), version: 0, tables: {} }));
  const answers = await ask(cases.map(({ feePayer, blockhash, instructions }) => ({
    do: "compile",
    feePayer,
    blockhash,
    instructions: instructions.map((each) => ({
      program: each.programAddress,
      accounts: each.accounts.map(({ address, role }) => [address, role]),
      data: hex(each.data),
    })),
  })));
  for (const [i, answer] of answers.entries()) {
    const theirs = compiledOf(cases[i]);
    const ours = getCompiledTransactionMessageDecoder().decode(Buffer.from(answer.message, "base64"));
    assert.deepEqual(headerOf(ours), headerOf(theirs));
    assert.deepEqual(keysByRole(ours), keysByRole(theirs));
    assert.equal(ours.lifetimeToken, theirs.lifetimeToken);
    const resolved = resolvedOf(ours, {});
    assert.deepEqual(resolved, resolvedOf(theirs, {}));
    for (const [k, each] of cases[i].instructions.entries()) {
      for (const [n, { address, role }] of each.accounts.entries()) {
        const [got, gotRole] = resolved[k].accounts[n];
        assert.equal(got, address);
        assert.ok(isSignerRole(gotRole) || !isSignerRole(role));
        assert.ok(isWritableRole(gotRole) || !isWritableRole(role));
      }
    }
  }
});

// ---------------------------------------------------------------- addresses and keys

test("derived addresses and token accounts", async () => {
  const chance = new Chance(SEED + 3);
  const derived = Array.from({ length: 400 }, () => ({
    program: chance.address(),
    seeds: Array.from({ length: chance.below(17) }, () =>
      chance.bytes(chance.below(40) === 0 ? 33 : chance.below(33))),
  }));
  const accounts = Array.from({ length: 200 }, () =>
    ({ owner: chance.address(), mint: chance.address(), program: chance.pick([TOKEN, TOKEN_2022]) }));
  const answers = await ask([
    ...derived.map(({ program, seeds }) => ({ do: "derive", program, seeds: seeds.map(hex) })),
    ...accounts.map((each) => ({ do: "tokenAccount", ...each })),
  ]);
  let refused = 0;
  for (const [i, { program, seeds }] of derived.entries()) {
    const want = await getProgramDerivedAddress({ programAddress: program, seeds }).catch(() => undefined);
    if (want) assert.deepEqual([answers[i].address, answers[i].bump], want);
    else assert.equal(answers[i].refused, "seeds");
    refused += want ? 0 : 1;
  }
  assert.ok(refused > 10 && refused < 200, `${refused} refused`);
  for (const [i, { owner, mint, program }] of accounts.entries()) {
    assert.equal(answers[derived.length + i].address, await tokenAccountOf(owner, mint, program));
  }
  const [known] = await ask([{ do: "derive", program: ATA, seeds: [] }]);
  assert.deepEqual([known.address, known.bump], await getProgramDerivedAddress({ programAddress: ATA, seeds: [] }));
});

test("points of the curve", async () => {
  const chance = new Chance(SEED + 4);
  // Around the prime, too: y is taken modulo it.
  const prime = Array.from({ length: 19 }, (_, i) =>
    Buffer.concat([Buffer.from([0xed + i]), Buffer.alloc(30, 0xff), Buffer.from([0x7f])]));
  const cases = [...prime, ...Array.from({ length: 1500 }, () => chance.bytes(32))];
  const answers = await ask(cases.map((bytes) => ({ do: "onCurve", bytes: hex(bytes) })));
  for (const [i, { on }] of answers.entries()) assert.equal(on, !isOffCurveAddress(base58(cases[i])), hex(cases[i]));
});

test("signatures", async () => {
  const chance = new Chance(SEED + 5);
  const cases = Array.from({ length: 300 }, (_, i) => ({ seed: chance.bytes(32), message: chance.bytes(i * 4) }));
  const made = await ask(cases.map(({ seed, message }) => ({ do: "sign", seed: hex(seed), message: hex(message) })));
  const checks = [];
  for (const [i, { seed, message }] of cases.entries()) {
    const key = createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: "der", type: "pkcs8" });
    const publicKey = createPublicKey(key).export({ format: "der", type: "spki" }).subarray(-32);
    const signature = sign(null, message, key);
    assert.equal(made[i].key, base58(publicKey));
    assert.equal(made[i].signature, hex(signature));
    const other = { key: Buffer.from(publicKey), message: Buffer.from(message), signature: Buffer.from(signature) };
    const touched = other[chance.pick(["key", "signature", message.length > 0 ? "message" : "key"])];
    touched[chance.below(touched.length)] ^= 1 << chance.below(8);
    checks.push({ key: publicKey, message, signature }, other);
  }
  const verdicts = await ask(checks.map(({ key, message, signature }) =>
    ({ do: "verify", key: hex(key), message: hex(message), signature: hex(signature) })));
  for (const [i, { key, message, signature }] of checks.entries()) {
    const spki = createPublicKey({ key: Buffer.concat([SPKI, key]), format: "der", type: "spki" });
    assert.equal(verdicts[i].good, verify(null, message, spki, signature));
    assert.equal(verdicts[i].good, i % 2 === 0);
  }
});

test("base58 and addresses", async () => {
  const chance = new Chance(SEED + 6);
  const alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
  const values = Array.from({ length: 600 }, () => {
    const zeros = chance.pick([0, 0, 1, 3]);
    return Buffer.concat([Buffer.alloc(zeros), chance.bytes(chance.below(126))]);
  });
  const texts = Array.from({ length: 600 }, () => {
    const text = Array.from({ length: chance.below(50) }, () => chance.pick(alphabet));
    if (text.length > 0 && chance.below(4) === 0) text[chance.below(text.length)] = chance.pick("0OIl +/=-_é");
    return text.join("");
  });
  const addresses = Array.from({ length: 600 }, () => {
    const text = [...base58(chance.bytes(chance.pick([31, 32, 32, 32, 33])))];
    if (chance.below(2) === 0) text[chance.below(text.length)] = chance.pick(alphabet);
    return text.join("");
  });
  const answers = await ask([
    ...values.map((bytes) => ({ do: "base58", bytes: hex(bytes) })),
    ...texts.map((text) => ({ do: "unbase58", text })),
    ...addresses.map((text) => ({ do: "address", text })),
  ]);
  for (const [i, bytes] of values.entries()) assert.equal(answers[i].text, getBase58Decoder().decode(bytes));
  for (const [i, text] of texts.entries()) {
    let want;
    try {
      want = hex(getBase58Encoder().encode(text));
    } catch {
      want = undefined;
    }
    assert.equal(answers[values.length + i].bytes, want, text);
  }
  for (const [i, text] of addresses.entries()) {
    const { bytes } = answers[values.length + texts.length + i];
    assert.equal(bytes !== undefined, isAddress(text), text);
    if (bytes) assert.equal(bytes, hex(bytesOf(text)));
  }
});
