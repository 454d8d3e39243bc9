// SPDX-License-Identifier: Apache-2.0
//
// The local EVM world: an anvil that answers as Base Sepolia, with a dollar token at USDC's real
// address (the reference client pays in no other without being told), Multicall3 at its usual
// place, and named accounts whose keys are the same in every run.

import { setTimeout as sleep } from "node:timers/promises";
import {
  encodeDeployData,
  encodeFunctionData,
  keccak256,
  parseEther,
  parseUnits,
  stringToHex,
  toHex,
} from "viem";
import { privateKeyToAddress } from "viem/accounts";
import { compiledContracts } from "../contracts/compile.mjs";
import { batch, request, startAnvil } from "./anvil.mjs";

export const CHAIN_ID = 84532;
export const NETWORK = `eip155:${CHAIN_ID}`;
export const USDC = "0x036CbD53842c5426634e7929541eC2318f3dCF7e";
export const MULTICALL3 = "0xcA11bde05977b3631167028862bE2a173976CA11";

// Minting 200 balances in one transaction stays far below the cap of 16,777,216 gas.
const MINTS_PER_TRANSACTION = 200;

// The key is made from the name, so tests agree on it without passing it around.
export function account(name) {
  const key = keccak256(stringToHex(`x402-cpp devnet ${name}`));
  return { name, key, address: privateKeyToAddress(key) };
}

function namedAccounts(facilitators, payers) {
  const names = ["merchant"];
  for (let i = 1; i <= facilitators; ++i) names.push(`facilitator${i}`);
  for (let i = 1; i <= payers; ++i) names.push(`payer${i}`);
  return Object.fromEntries(names.map((name) => [name, account(name)]));
}

export class World {
  constructor(anvil, options, accounts) {
    this.anvil = anvil;
    this.rpc = anvil.rpc;
    this.chainId = CHAIN_ID;
    this.network = NETWORK;
    this.usdc = USDC;
    this.multicall3 = MULTICALL3;
    this.accounts = accounts;
    this.mineByHand = Boolean(options.blockTime);
    this.contracts = compiledContracts();
  }

  get payers() {
    return Object.values(this.accounts).filter(({ name }) => name.startsWith("payer"));
  }

  get facilitators() {
    return Object.values(this.accounts).filter(({ name }) => name.startsWith("facilitator"));
  }

  request(method, params) {
    return request(this.rpc, method, params);
  }

  // Sends from anvil's own unlocked account and returns the receipt.
  async transact({ to, data }) {
    const [from] = await this.request("eth_accounts");
    const hash = await this.request("eth_sendTransaction", [{ from, to, data }]);
    if (this.mineByHand) await this.mine();
    const receipt = await this.#receipt(hash);
    if (receipt.status !== "0x1") throw new Error(`transaction ${hash} reverted`);
    return receipt;
  }

  // Anvil answers a send before it has mined the block.
  async #receipt(hash) {
    for (const deadline = performance.now() + 5000; performance.now() < deadline; await sleep(5)) {
      const receipt = await this.request("eth_getTransactionReceipt", [hash]);
      if (receipt) return receipt;
    }
    throw new Error(`transaction ${hash} was not mined`);
  }

  // With secondsBetween the chain's clock runs ahead by that much per block, for good.
  mine(blocks = 1, secondsBetween) {
    const interval = secondsBetween === undefined ? [] : [toHex(secondsBetween)];
    return this.request("anvil_mine", [toHex(blocks), ...interval]);
  }

  fund(address, ether = "100") {
    return this.request("anvil_setBalance", [address, toHex(parseEther(ether))]);
  }

  // amount in atomic units
  mint(address, amount, token = USDC) {
    return this.transact({
      to: token,
      data: this.encode("TestUsd", "mint", [address, BigInt(amount)]),
    });
  }

  encode(contract, functionName, args) {
    return encodeFunctionData({ abi: this.contracts[contract].abi, functionName, args });
  }

  // An ordinary deployment at an address of the chain's choice, e.g. deploy("Wallet1271", [owner]).
  async deploy(contract, args = []) {
    const { abi, bytecode } = this.contracts[contract];
    const receipt = await this.transact({ data: encodeDeployData({ abi, bytecode, args }) });
    return receipt.contractAddress;
  }

  // A token under its own EIP-712 name. contract: TestUsd, SilentToken, FeeToken or NoLogToken.
  async deployToken(contract, name = contract, version = "2") {
    const address = await this.deploy(contract);
    await this.transact({
      to: address,
      data: this.encode(contract, "initialize", [name, version]),
    });
    return address;
  }

  toJSON() {
    const accounts = Object.fromEntries(
      Object.values(this.accounts).map(({ name, address, key }) => [name, { address, key }]),
    );
    const { rpc, chainId, network, usdc, multicall3 } = this;
    return { rpc, chainId, network, usdc, multicall3, accounts };
  }

  stop() {
    return this.anvil.stop();
  }
}

async function placeContracts(world) {
  const { contracts, rpc, accounts } = world;
  const funds = toHex(parseEther("100"));
  await batch(rpc, [
    ["anvil_setCode", [USDC, contracts.TestUsd.deployedBytecode]],
    ["anvil_setCode", [MULTICALL3, contracts.Multicall3.deployedBytecode]],
    ...Object.values(accounts).map(({ address }) => ["anvil_setBalance", [address, funds]]),
  ]);
}

// Names the token and fills all balances through Multicall3: one transaction, with thousands of
// payers a few.
async function fillToken(world, dollars) {
  const amount = parseUnits(`${dollars}`, 6);
  const datas = [
    world.encode("TestUsd", "initialize", ["USDC", "2"]),
    ...world.payers.map(({ address }) => world.encode("TestUsd", "mint", [address, amount])),
  ];
  for (let i = 0; i < datas.length; i += MINTS_PER_TRANSACTION) {
    const calls = datas
      .slice(i, i + MINTS_PER_TRANSACTION)
      .map((callData) => ({ target: USDC, allowFailure: false, callData }));
    await world.transact({
      to: MULTICALL3,
      data: world.encode("Multicall3", "aggregate3", [calls]),
    });
  }
}

// options: payers (3), facilitators (4), dollars per payer (1000), and those of startAnvil:
// blockTime, gasLimit, txGasLimit, port.
export async function startWorld({
  payers = 3,
  facilitators = 4,
  dollars = 1000,
  ...options
} = {}) {
  const accounts = namedAccounts(facilitators, payers);
  const anvil = await startAnvil({ chainId: CHAIN_ID, ...options });
  try {
    const world = new World(anvil, options, accounts);
    await placeContracts(world);
    await fillToken(world, dollars);
    return world;
  } catch (error) {
    await anvil.stop();
    throw error;
  }
}
