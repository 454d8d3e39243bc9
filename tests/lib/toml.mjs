// SPDX-License-Identifier: Apache-2.0
//
// Writes a plain object as TOML in the shape of our config files: top-level keys first, then
// [networks."X"] and [assets.X] as tables, then [[routes]]. Deeper values become inline tables.

const isTable = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

function keyOf(name) {
  return /^[A-Za-z0-9_-]+$/.test(name) ? name : JSON.stringify(name);
}

function valueOf(value) {
  if (Array.isArray(value)) return `[${value.map(valueOf).join(", ")}]`;
  if (isTable(value)) {
    const pairs = entries(value).map(([name, inner]) => `${keyOf(name)} = ${valueOf(inner)}`);
    return pairs.length > 0 ? `{ ${pairs.join(", ")} }` : "{}";
  }
  if (typeof value === "string") return JSON.stringify(value);
  return `${value}`; // numbers, bigints and booleans read the same in TOML
}

function entries(table) {
  return Object.entries(table).filter(([, value]) => value !== undefined);
}

function lines(table) {
  return entries(table).map(([name, value]) => `${keyOf(name)} = ${valueOf(value)}`);
}

// A table of tables, such as networks and assets, gets a header for each of its tables.
const isTableOfTables = (value) =>
  isTable(value) && Object.values(value).length > 0 && Object.values(value).every(isTable);
const isArrayOfTables = (value) => Array.isArray(value) && value.length > 0 && value.every(isTable);

export function toToml(config) {
  const plain = {};
  const sections = [];
  for (const [name, value] of entries(config)) {
    if (isTableOfTables(value)) {
      for (const [inner, table] of entries(value)) {
        sections.push([`[${keyOf(name)}.${keyOf(inner)}]`, ...lines(table)]);
      }
    } else if (name === "routes" && isArrayOfTables(value)) {
      for (const table of value) sections.push([`[[${name}]]`, ...lines(table)]);
    } else {
      plain[name] = value;
    }
  }
  return `${[lines(plain), ...sections].map((part) => part.join("\n")).join("\n\n")}\n`;
}
