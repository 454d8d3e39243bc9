// SPDX-License-Identifier: Apache-2.0
//
// A copy of the source tree with one more chain in it, and its binary. The copy is configured and its new objects are
// compiled by its own CMake; rooms that are byte for byte the same as here are taken from the build that is here, so
// that the test takes seconds and not a whole build. Without such a build the copy is built whole.

import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { ROOT, run } from "../lib/proc.mjs";

const HOME = join(ROOT, "build/add_a_chain");
const TREE = join(HOME, "tree");
const BUILD = join(HOME, "build");
const HERE = process.env.X402_BUILD ?? join(ROOT, "build/release");
const SOURCES = /^(x402|apps|cmake)\/.*(\.(cpp|hpp|def|in|cmake)|CMakeLists\.txt)$|^CMakeLists\.txt$/;

async function sourceFiles() {
  const { code, stdout, stderr } = await run("git", ["ls-files", "-co", "--exclude-standard"], { cwd: ROOT });
  if (code !== 0) throw new Error(stderr);
  return stdout.split("\n").filter((path) => path !== "" && existsSync(join(ROOT, path)));
}

function filesBelow(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)));
}

const hashOf = (path) => createHash("sha256").update(readFileSync(path)).digest("hex");

// Copies the tree and makes x402/chains/NAME of the template by replacing its names, as its README says. `files` holds
// each file's hash from before the new chain came.
export async function copyTree(name) {
  rmSync(HOME, { recursive: true, force: true });
  const files = new Map();
  for (const path of await sourceFiles()) {
    mkdirSync(dirname(join(TREE, path)), { recursive: true });
    cpSync(join(ROOT, path), join(TREE, path));
    files.set(path, hashOf(join(TREE, path)));
  }
  const template = join(TREE, "x402/chains/_template");
  const chain = join(TREE, "x402/chains", name);
  for (const path of filesBelow(template)) {
    const text = readFileSync(join(template, path), "utf8");
    const renamed = text
      .replaceAll("_template", name)
      .replaceAll("mychain", name)
      .replaceAll("MYCHAIN", name.toUpperCase());
    mkdirSync(dirname(join(chain, path)), { recursive: true });
    writeFileSync(join(chain, path), renamed);
  }
  return { tree: TREE, files };
}

// What has changed in the copy outside the new chain's folder: must be nothing.
export function differences({ files }, name) {
  const mine = `x402/chains/${name}/`;
  const after = filesBelow(TREE).filter((path) => !path.startsWith(mine) && !path.includes("__pycache__"));
  const found = after.filter((path) => !files.has(path)).map((path) => `added ${path}`);
  for (const [path, hash] of files) {
    if (!existsSync(join(TREE, path))) found.push(`removed ${path}`);
    else if (hashOf(join(TREE, path)) !== hash) found.push(`changed ${path}`);
  }
  return found;
}

async function must(command, args, options) {
  const done = await run(command, args, options);
  if (done.code !== 0) {
    throw new Error(`${command} ${args.join(" ")}\n${done.stdout.slice(-6000)}\n${done.stderr.slice(-3000)}`);
  }
  return done.stdout;
}

function cacheFlags() {
  const cache = join(HERE, "CMakeCache.txt");
  if (!existsSync(cache)) return ["-DCMAKE_BUILD_TYPE=Release"];
  const wanted = /^(CMAKE_BUILD_TYPE|CMAKE_CXX_FLAGS_DEBUG|CMAKE_CXX_COMPILER|X402_SANITIZE):[A-Z]+=(.*)$/gm;
  return [...readFileSync(cache, "utf8").matchAll(wanted)].map(([, key, value]) => `-D${key}=${value}`);
}

// The binary of a build folder: beside everything in a release, with its objects in the others.
function binaryOf(build) {
  const paths = [join(build, "x402"), join(build, "apps/x402/x402")];
  return paths.find((path) => statSync(path, { throwIfNoEntry: false })?.isFile());
}

// True when the binary here was made from what is here.
function isCurrent({ files }) {
  const binary = binaryOf(HERE);
  if (!binary) return false;
  const made = statSync(binary).mtimeMs;
  return [...files.keys()]
    .filter((path) => SOURCES.test(path) && !path.includes("/_template/") && !path.endsWith("_test.cpp"))
    .every((path) => statSync(join(ROOT, path)).mtimeMs <= made);
}

// The command that linked the binary here, with the copy's objects in front of all archives.
async function linkCommand(objects, binary) {
  const commands = (await must("ninja", ["-C", HERE, "-t", "commands", "x402"])).trimEnd().split("\n");
  const link = commands.at(-1).split(" && ").find((part) => / -o (apps\/x402\/)?x402 /.test(part));
  if (!link) throw new Error(`no link command in ${HERE}`);
  const words = link.trim().split(/\s+/);
  words[words.indexOf("-o") + 1] = binary;
  const firstArchive = words.findIndex((word) => word.endsWith(".a"));
  words.splice(firstArchive, 0, ...objects.map((object) => join(BUILD, object)));
  return words;
}

// Builds the copy's x402. Resolves with { binary, whole }: whole says that nothing was taken from here.
export async function buildCopy(copy, name) {
  await must("cmake", ["-S", TREE, "-B", BUILD, "-G", "Ninja", "-DX402_TESTS=OFF", ...cacheFlags()], {
    deadlineMs: 120_000,
  });
  if (!isCurrent(copy)) {
    await must("ninja", ["-C", BUILD, "x402"], { deadlineMs: 850_000 });
    return { binary: binaryOf(BUILD), whole: true };
  }
  const mine = new RegExp(`^((?:rooms|x402)/(?:chains/${name}|plugin)/.*\\.cpp\\.o):`);
  const targets = (await must("ninja", ["-C", BUILD, "-t", "targets", "all"])).split("\n");
  const objects = targets.map((line) => mine.exec(line)?.[1]).filter(Boolean);
  if (!objects.some((path) => path.includes(`/${name}/`))) throw new Error(`CMake did not find x402/chains/${name}`);
  await must("ninja", ["-C", BUILD, ...objects], { deadlineMs: 400_000 });
  const binary = join(HOME, "x402");
  const [linker, ...words] = await linkCommand(objects, binary);
  await must(linker, words, { cwd: HERE, deadlineMs: 120_000 });
  return { binary, whole: false };
}
