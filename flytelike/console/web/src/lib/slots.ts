// Which rows of a long list there are, and in which order their elements stand.

const EXTRA = 2;

/** How many rows there are at once: those that fit into a height, the two that are cut, and some above and below. */
export const slotsFor = (height: number, row: number, overscan: number): number => Math.ceil(height / row) + EXTRA + 2 * overscan;

export interface Shown {
  readonly first: number;
  readonly indexes: readonly number[];
}

/**
 * The rows from `wanted` on, as many as there are slots; row i stands in slot i modulo their number. `bySlot` orders them so that
 * elements stay where they are while rows come and go, otherwise they have the order of the rows.
 */
export function inSlots(wanted: number, slots: number, count: number, bySlot: boolean): Shown {
  const first = Math.max(0, Math.min(wanted, count - slots));
  const indexes = Array.from({ length: Math.min(slots, count) }, (_, offset) => first + offset);
  return { first, indexes: bySlot ? indexes.sort((a, b) => (a % slots) - (b % slots)) : indexes };
}
