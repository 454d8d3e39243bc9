// SPDX-License-Identifier: Apache-2.0
//
// Solana in bytes, right or wrong as a test wants it: keys, instructions, wire transactions, and the
// accounts of mints and tokens with their extensions.

import { createHash, createPrivateKey, createPublicKey, sign } from "node:crypto";
import {
  appendTransactionMessageInstructions,
  compileTransactionMessage,
  compressTransactionMessageUsingAddressLookupTables,
  createTransactionMessage,
  getAddressEncoder,
  getBase58Decoder,
  getBase58Encoder,
  getCompiledTransactionMessageEncoder,
  getProgramDerivedAddress,
  setTransactionMessageFeePayer,
  setTransactionMessageLifetimeUsingBlockhash,
} from "@solana/kit";

export const TOKEN = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA";
export const TOKEN_2022 = "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb";
export const SYSTEM = "11111111111111111111111111111111";
export const MEMO = "MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr";
export const COMPUTE_BUDGET = "ComputeBudget111111111111111111111111111111";
export const ATA = "ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL";
export const LOOKUP_TABLES = "AddressLookupTab1e1111111111111111111111111";
const RECENT_BLOCKHASHES = "SysvarRecentB1ockHashes11111111111111111111";

export const base58 = (bytes) => getBase58Decoder().decode(bytes);
export const bytesOf = (text) => Buffer.from(getBase58Encoder().encode(text));
const addressBytes = (address) => Buffer.from(getAddressEncoder().encode(address));

// ---------------------------------------------------------------- keys

const PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex");
const privateKeyOf = (seed) => createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: "der", type: "pkcs8" });

// A key of its own for a name, the same in every run. key is what a user writes: base58 of 64 bytes.
export function svmAccount(name) {
  const seed = createHash("sha256").update(`x402-cpp devnet ${name}`).digest();
  const publicKey = createPublicKey(privateKeyOf(seed)).export({ format: "der", type: "spki" }).subarray(-32);
  return { name, seed, address: base58(publicKey), key: base58(Buffer.concat([seed, publicKey])) };
}

export const signWith = ({ seed }, bytes) => sign(null, bytes, privateKeyOf(seed));

export async function tokenAccountOf(owner, mint, program = TOKEN) {
  const seeds = [owner, program, mint].map(addressBytes);
  const [address] = await getProgramDerivedAddress({ programAddress: ATA, seeds });
  return address;
}

// ---------------------------------------------------------------- instructions

const READ = 0, WRITE = 1, SIGN = 2, SIGN_WRITE = 3;
const at = (address, role) => ({ address, role });

function packed(...parts) {
  const bytes = parts.map(([kind, value]) => {
    if (kind === "key") return addressBytes(value);
    const buffer = Buffer.alloc({ u8: 1, u16: 2, u32: 4, u64: 8 }[kind]);
    if (kind === "u8") buffer.writeUInt8(value);
    if (kind === "u16") buffer.writeUInt16LE(value);
    if (kind === "u32") buffer.writeUInt32LE(value);
    if (kind === "u64") buffer.writeBigUInt64LE(BigInt(value));
    return buffer;
  });
  return new Uint8Array(Buffer.concat(bytes));
}

const instruction = (programAddress, accounts, data) => ({ programAddress, accounts, data });

export const computeLimit = (units) => instruction(COMPUTE_BUDGET, [], packed(["u8", 2], ["u32", units]));
export const computePrice = (price) => instruction(COMPUTE_BUDGET, [], packed(["u8", 3], ["u64", price]));
export const heapFrame = (bytes) => instruction(COMPUTE_BUDGET, [], packed(["u8", 1], ["u32", bytes]));

export function memo(text, signers = []) {
  return instruction(MEMO, signers.map((address) => at(address, SIGN)), new Uint8Array(Buffer.from(text)));
}

export function transferChecked({ source, mint, destination, authority, amount, decimals = 6, program = TOKEN }) {
  const accounts = [at(source, WRITE), at(mint, READ), at(destination, WRITE), at(authority, SIGN)];
  return instruction(program, accounts, packed(["u8", 12], ["u64", amount], ["u8", decimals]));
}

// Without the mint: nobody checks what is moved.
export function transferUnchecked({ source, destination, authority, amount, program = TOKEN }) {
  const accounts = [at(source, WRITE), at(destination, WRITE), at(authority, SIGN)];
  return instruction(program, accounts, packed(["u8", 3], ["u64", amount]));
}

export function approve({ source, delegate, owner, amount, program = TOKEN }) {
  const accounts = [at(source, WRITE), at(delegate, READ), at(owner, SIGN)];
  return instruction(program, accounts, packed(["u8", 4], ["u64", amount]));
}

// kind: 2, the owner of a token account.
export function setAuthority({ account, owner, next, kind = 2, program = TOKEN }) {
  const accounts = [at(account, WRITE), at(owner, SIGN)];
  return instruction(program, accounts, packed(["u8", 6], ["u8", kind], ["u8", 1], ["key", next]));
}

export function closeAccount({ account, destination, owner, program = TOKEN }) {
  return instruction(program, [at(account, WRITE), at(destination, WRITE), at(owner, SIGN)], packed(["u8", 9]));
}

export function systemTransfer({ from, to, lamports }) {
  return instruction(SYSTEM, [at(from, SIGN_WRITE), at(to, WRITE)], packed(["u32", 2], ["u64", lamports]));
}

export function createAccount({ from, to, lamports, space = 0, owner = SYSTEM }) {
  const data = packed(["u32", 0], ["u64", lamports], ["u64", space], ["key", owner]);
  return instruction(SYSTEM, [at(from, SIGN_WRITE), at(to, SIGN_WRITE)], data);
}

export function advanceNonce({ nonce, authority }) {
  const accounts = [at(nonce, WRITE), at(RECENT_BLOCKHASHES, READ), at(authority, SIGN)];
  return instruction(SYSTEM, accounts, packed(["u32", 4]));
}

// An associated token account, paid for by `payer`; once: also where it exists already.
export function createTokenAccount({ payer, account, owner, mint, program = TOKEN, once = true }) {
  const accounts = [at(payer, SIGN_WRITE), at(account, WRITE), at(owner, READ), at(mint, READ), at(SYSTEM, READ),
    at(program, READ)];
  return instruction(ATA, accounts, packed(["u8", once ? 1 : 0]));
}

// ---------------------------------------------------------------- transactions

// The bytes that all signers sign, and who they are, the fee payer first. tables: address of a lookup
// table -> its addresses.
export function messageOf({ feePayer, instructions, blockhash, version = 0, tables }) {
  let message = createTransactionMessage({ version });
  message = setTransactionMessageFeePayer(feePayer, message);
  message = setTransactionMessageLifetimeUsingBlockhash({ blockhash, lastValidBlockHeight: 0n }, message);
  message = appendTransactionMessageInstructions(instructions, message);
  if (tables) message = compressTransactionMessageUsingAddressLookupTables(message, tables);
  const compiled = compileTransactionMessage(message);
  const bytes = Buffer.from(getCompiledTransactionMessageEncoder().encode(compiled));
  return { bytes, signers: compiled.staticAccounts.slice(0, compiled.header.numSignerAccounts) };
}

// The wire transaction; who has no key in `keys` (accounts) leaves 64 zero bytes.
export function signedTransaction({ bytes, signers }, keys) {
  const slots = signers.map((address) => {
    const key = keys.find((account) => account.address === address);
    return key ? signWith(key, bytes) : Buffer.alloc(64);
  });
  return Buffer.concat([Buffer.from([slots.length]), ...slots, bytes]);
}

// { signatures: [64 bytes...], message } of a wire transaction with fewer than 128 signatures.
export function takeApart(wire) {
  const count = wire[0];
  const signatures = Array.from({ length: count }, (_, i) => wire.subarray(1 + 64 * i, 65 + 64 * i));
  return { signatures, message: wire.subarray(1 + 64 * count) };
}

export const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

// ---------------------------------------------------------------- accounts

const option = (address) => (address ? [["u32", 1], ["key", address]] : [["u32", 0], ["key", SYSTEM]]);

// The extensions of a Token-2022 mint, by the names used here: [type, data].
const MINT_EXTENSIONS = {
  transferFee: ({ bps, max = 2n ** 60n, authority = SYSTEM }) => {
    const fee = [["u64", 0], ["u64", max], ["u16", bps]];
    return [1, packed(["key", authority], ["key", authority], ["u64", 0], ...fee, ...fee)];
  },
  closeAuthority: (address) => [3, packed(["key", address])],
  defaultState: (state) => [6, packed(["u8", state])], // 2: frozen
  nonTransferable: () => [9, packed()],
  permanentDelegate: (address) => [12, packed(["key", address])],
  transferHook: (program) => [14, packed(["key", SYSTEM], ["key", program])],
  unknown: (type) => [type, packed(["u64", 0])],
};
// What an account of such a mint must carry itself.
const ACCOUNT_EXTENSIONS = {
  transferFee: () => [2, packed(["u64", 0])],
  nonTransferable: () => [13, packed()],
  transferHook: () => [15, packed(["u8", 0])],
};

function withExtensions(base, accountType, entries) {
  if (entries.length === 0) return base;
  const parts = entries.map(([type, data]) => Buffer.concat([packed(["u16", type], ["u16", data.length]), data]));
  return Buffer.concat([base, Buffer.alloc(165 - base.length), Buffer.from([accountType]), ...parts]);
}

export function mintData({ decimals = 6, supply = 10n ** 15n, authority, freeze, extensions = {} } = {}) {
  const base = packed(...option(authority), ["u64", supply], ["u8", decimals], ["u8", 1], ...option(freeze));
  const entries = Object.entries(extensions).map(([name, value]) => MINT_EXTENSIONS[name](value));
  return withExtensions(Buffer.from(base), 1, entries);
}

// state: 1 usable, 2 frozen. delegate: may move all of it. extensions: those of its mint.
export function tokenData({ mint, owner, amount, state = 1, delegate, extensions = {} }) {
  const delegated = delegate ? amount : 0n;
  const base = packed(["key", mint], ["key", owner], ["u64", amount], ...option(delegate), ["u8", state], ["u32", 0],
    ["u64", 0], ["u64", delegated], ...option(undefined));
  const entries = Object.keys(extensions).filter((name) => ACCOUNT_EXTENSIONS[name])
    .map((name) => ACCOUNT_EXTENSIONS[name]());
  return withExtensions(Buffer.from(base), 2, entries);
}

// A lookup table that is in use and holds these addresses.
export function lookupTableData(addresses) {
  const head = packed(["u32", 1], ["u64", 2n ** 64n - 1n], ["u64", 1], ["u8", 0], ["u8", 0], ["key", SYSTEM],
    ["u16", 0]);
  return Buffer.concat([head, ...addresses.map(addressBytes)]);
}

// A durable nonce of `authority`, holding `blockhash`.
export function nonceData(authority, blockhash) {
  return Buffer.from(packed(["u32", 1], ["u32", 1], ["key", authority], ["key", blockhash], ["u64", 5000]));
}
