// SPDX-License-Identifier: Apache-2.0
//
// What differs between the demo's two chains: how their worlds start, what a payment looks like before
// and after it stands on the chain, and what that costs the facilitator.

import { getCompiledTransactionMessageDecoder } from "@solana/kit";
import { formatEther, formatGwei, formatUnits } from "viem";
import { Chain } from "../lib/chain.mjs";
import { SvmChain, wireOf } from "../lib/svm.mjs";
import { COMPUTE_BUDGET, MEMO, base58, takeApart } from "../lib/svm_codec.mjs";
import { clock, detail, message, thousands, usd } from "./demo_print.mjs";
import { startSvmWorld } from "./svm_world.mjs";
import { startWorld } from "./world.mjs";

const short = (text) => (text.length > 40 ? `${text.slice(0, 20)}...${text.slice(-8)}` : text);

// ---------------------------------------------------------------- an EVM chain

const evm = {
  family: "eip155",
  title: "Base",
  prefer: "base-sepolia",
  about: (world) => `a real EVM node at ${world.rpc}, with a USDC-like token`,

  showSigned({ payload: { authorization, signature }, accepted }) {
    const { from, to, value, validAfter, validBefore, nonce } = authorization;
    message("agent", "  ", "", "signs an EIP-3009 authorization. It needs no gas and sends no transaction.");
    detail(`  from         ${from}`);
    detail(`  to           ${to}`);
    detail(`  value        ${value} (${usd(value)})`);
    detail(`  validAfter   ${validAfter === "0" ? "0: at once" : clock(validAfter)}`);
    detail(`  validBefore  ${validBefore} (${clock(validBefore)} UTC)`);
    detail(`  nonce        ${nonce}`);
    detail(`  signature    ${short(signature)} for "${accepted.extra.name}" on ${accepted.network}`);
  },

  async showTransaction(hash) {
    const { blockNumber, gasUsed, effectiveGasPrice, from } = await this.chain.receipt(hash);
    message("facilitator", "->", "chain", `transaction ${hash}`);
    detail(`in block ${blockNumber}, sent and paid for by ${from}`);
    const cost = formatEther(gasUsed * effectiveGasPrice);
    detail(`${thousands(gasUsed)} gas x ${formatGwei(effectiveGasPrice)} gwei = ${cost} ETH`);
  },

  costOf: (wei) => `${formatEther(wei)} ETH`,
  flags: (key) => `X402_EVM_KEY=${key}`,
};

// ---------------------------------------------------------------- Solana

const sol = (lamports) => `${formatUnits(lamports, 9)} SOL`;

function readMessage(payment) {
  const { signatures, message: bytes } = takeApart(wireOf(payment));
  const { staticAccounts, instructions, lifetimeToken } = getCompiledTransactionMessageDecoder().decode(bytes);
  const list = instructions.map(({ programAddressIndex, accountIndices = [], data = [] }) => ({
    program: staticAccounts[programAddressIndex],
    accounts: accountIndices.map((index) => staticAccounts[index]),
    data: Buffer.from(data),
  }));
  return { signatures, feePayer: staticAccounts[0], lifetimeToken, list };
}

const svm = {
  family: "solana",
  title: "Solana",
  prefer: "solana",
  about: (world) => `a real Solana runtime at ${world.rpc}, with a token at devnet's USDC address`,

  showSigned(payment) {
    const { signatures, feePayer, lifetimeToken, list } = readMessage(payment);
    message("agent", "  ", "", "signs one transfer. It needs no SOL: the facilitator signs as fee payer and sends it.");
    detail(`  fee payer    ${feePayer}, whose signature is still missing`);
    for (const { program, accounts, data } of list) {
      const number = data.length >= 9 ? data.readBigUInt64LE(1) : 0n;
      const isLimit = program === COMPUTE_BUDGET && data[0] === 2;
      if (isLimit) detail(`  units        ${thousands(data.readUInt32LE(1))} at most`);
      else if (program === COMPUTE_BUDGET) detail(`  unit price   ${number} microlamport`);
      else if (program === MEMO) detail(`  memo         ${data.toString("utf8")}, so no two payments are the same`);
      else detail(`  transfer     ${number} (${usd(number)}) to account ${accounts[2]}`);
    }
    detail(`  blockhash    ${lifetimeToken}: it dies after 150 blocks, about a minute`);
    detail(`  signature    ${short(base58(signatures[1]))} for ${payment.accepted.network}`);
  },

  async showTransaction(signature) {
    const { slot, fee } = await this.chain.receipt(signature);
    message("facilitator", "->", "chain", `transaction ${short(signature)}`);
    detail(`in slot ${slot}, for a fee of ${thousands(fee)} lamports = ${sol(fee)}`);
  },

  costOf: sol,
  flags: (key) => `X402_SVM_KEY=${key}`,
};

// Both worlds, each with its chain: { family, title, world, chain, agent, ... }.
export async function startSides(house) {
  const evmWorld = await house.add(startWorld());
  const svmWorld = await house.add(startSvmWorld({ slotMs: 400 })); // as on the public network
  return [
    { ...evm, world: evmWorld, chain: new Chain(evmWorld), agent: evmWorld.accounts.payer1 },
    { ...svm, world: svmWorld, chain: new SvmChain(svmWorld), agent: svmWorld.accounts.payer1 },
  ];
}
