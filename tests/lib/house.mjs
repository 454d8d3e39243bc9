// SPDX-License-Identifier: Apache-2.0
//
// What a test has started, stopped in reverse order when it ends. A part is anything with stop().
//
//   const house = new House();
//   before(async () => { world = await house.add(startWorld()); });
//   after(() => house.close());

export class House {
  #parts = [];

  async add(starting) {
    const part = await starting;
    this.#parts.push(part);
    return part;
  }

  // Every part is stopped, also after one that could not be; the first trouble is told at the end.
  async close() {
    const troubles = [];
    for (const part of this.#parts.splice(0).reverse()) {
      try {
        await part.stop();
      } catch (error) {
        troubles.push(error);
      }
    }
    if (troubles.length > 0) throw troubles[0];
  }
}

// A house that a single test owns.
export function houseOf(t) {
  const house = new House();
  t.after(() => house.close());
  return house;
}
