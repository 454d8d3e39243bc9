// SPDX-License-Identifier: Apache-2.0
//
// Numbers of repeated measurements: the middle, the range, and how they are written. A shared
// machine is noisy, so no single run and no average is ever told alone.

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

// The value below which the given share of all values lies; 0 where there are none.
export function percentile(values, share) {
  if (values.length === 0) return 0;
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)];
}

export function spread(values) {
  const known = values.filter((value) => Number.isFinite(value));
  if (known.length === 0) return undefined;
  return { min: Math.min(...known), median: median(known), max: Math.max(...known) };
}

// Three significant digits where there are few, whole numbers with thousands apart where many.
export function show(value) {
  if (!Number.isFinite(value)) return "-";
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString("en-US");
  if (Number.isInteger(value)) return `${value}`;
  if (Math.abs(value) >= 100) return value.toFixed(0);
  return Math.abs(value) >= 10 ? value.toFixed(1) : value.toFixed(2);
}

export function showSpread(range) {
  if (!range) return "-";
  return range.min === range.max
    ? show(range.median)
    : `${show(range.median)} (${show(range.min)} to ${show(range.max)})`;
}
