// The elements of an array: a byte each, as the server sends them.

export const FROM_CACHE = 16;
export const FROM_EARLIER = 32;
const PHASE = 15;

export type ElementKind = "waiting" | "running" | "succeeded" | "cached" | "failed" | "aborted";

export const ELEMENT_KINDS: readonly ElementKind[] = ["failed", "running", "waiting", "succeeded", "cached", "aborted"];

const BY_PHASE: readonly ElementKind[] = [
  "waiting", "waiting", "running", "succeeded", "aborted", "failed", "running", "waiting", "failed",
];

/** What an element's byte says. */
export function kindOf(state: number): ElementKind {
  const kind = BY_PHASE[state & PHASE] ?? "waiting";
  return kind === "succeeded" && (state & (FROM_CACHE | FROM_EARLIER)) !== 0 ? "cached" : kind;
}

/** How many elements there are of each kind. */
export function countKinds(states: Uint8Array): Record<ElementKind, number> {
  const out: Record<ElementKind, number> = { waiting: 0, running: 0, succeeded: 0, cached: 0, failed: 0, aborted: 0 };
  for (const state of states) out[kindOf(state)] += 1;
  return out;
}

const URGENCY: readonly ElementKind[] = ["failed", "aborted", "running", "waiting", "succeeded", "cached"];

/** What the cells of a strip show: each stands for some elements and shows the most urgent of them. */
export function cells(states: Uint8Array, most: number): { readonly per: number; readonly kinds: readonly ElementKind[] } {
  const per = Math.max(1, Math.ceil(states.length / most));
  const kinds: ElementKind[] = [];
  for (let first = 0; first < states.length; first += per) {
    let worst = URGENCY.length - 1;
    for (let index = first; index < Math.min(first + per, states.length); index += 1) {
      worst = Math.min(worst, URGENCY.indexOf(kindOf(states[index] ?? 0)));
    }
    kinds.push(URGENCY[worst] ?? "waiting");
  }
  return { per, kinds };
}

/** The indexes of the elements of a kind, from one on. */
export function indexesOf(states: Uint8Array, kind: ElementKind, most: number): number[] {
  const out: number[] = [];
  for (let index = 0; index < states.length && out.length < most; index += 1) {
    if (kindOf(states[index] ?? 0) === kind) out.push(index);
  }
  return out;
}
