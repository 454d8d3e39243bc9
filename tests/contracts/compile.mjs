// SPDX-License-Identifier: Apache-2.0
//
// Compiles every .sol file of this folder with the pinned solc package and keeps the result under
// build/contracts. The compiler alone takes seconds to load, so it is touched only when a source,
// a setting or the compiler's version changed.
//
//   tests/node.sh tests/contracts/compile.mjs      compiles and lists the contracts

import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const HERE = dirname(fileURLToPath(import.meta.url));
const OUT = join(HERE, "../../build/contracts");
const require = createRequire(import.meta.url);

// Cancun runs on every chain we care about; newer opcodes would tie the tests to one anvil.
const SETTINGS = {
  evmVersion: "cancun",
  optimizer: { enabled: true, runs: 10_000 },
  outputSelection: { "*": { "*": ["abi", "evm.bytecode.object", "evm.deployedBytecode.object"] } },
};

function readSources() {
  const files = readdirSync(HERE)
    .filter((file) => file.endsWith(".sol"))
    .sort();
  return Object.fromEntries(
    files.map((file) => [file, { content: readFileSync(join(HERE, file), "utf8") }]),
  );
}

function fingerprint(sources) {
  const compiler = require("solc/package.json").version;
  return createHash("sha256").update(JSON.stringify({ compiler, SETTINGS, sources })).digest("hex");
}

function readCache(hash) {
  try {
    const cached = JSON.parse(readFileSync(join(OUT, "contracts.json"), "utf8"));
    return cached.hash === hash ? cached.contracts : undefined;
  } catch {
    return undefined; // absent, or written by a run that was interrupted
  }
}

// Several test files may compile at the same moment: each writes its own file and renames it.
function writeCache(hash, contracts) {
  mkdirSync(OUT, { recursive: true });
  const temporary = join(OUT, `contracts.json.${process.pid}`);
  writeFileSync(temporary, JSON.stringify({ hash, contracts }));
  renameSync(temporary, join(OUT, "contracts.json"));
}

function runSolc(sources) {
  const solc = require("solc");
  const input = { language: "Solidity", sources, settings: SETTINGS };
  const findImport = (path) => ({ contents: sources[path.replace(/^\.\//, "")]?.content });
  const output = JSON.parse(solc.compile(JSON.stringify(input), { import: findImport }));
  const problems = (output.errors ?? []).map((entry) => entry.formattedMessage);
  if (problems.length > 0) throw new Error(`Solidity: ${problems.join("\n")}`);
  return collect(output.contracts);
}

function collect(files) {
  const contracts = {};
  for (const named of Object.values(files)) {
    for (const [name, { abi, evm }] of Object.entries(named)) {
      contracts[name] = {
        abi,
        bytecode: `0x${evm.bytecode.object}`,
        deployedBytecode: `0x${evm.deployedBytecode.object}`,
      };
    }
  }
  return contracts;
}

// { ContractName: { abi, bytecode, deployedBytecode } }. Warnings are errors.
export function compiledContracts() {
  const sources = readSources();
  const hash = fingerprint(sources);
  const cached = readCache(hash);
  if (cached) return cached;
  const contracts = runSolc(sources);
  writeCache(hash, contracts);
  return contracts;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [name, { deployedBytecode }] of Object.entries(compiledContracts())) {
    console.log(`${name}: ${(deployedBytecode.length - 2) / 2} bytes`);
  }
}
