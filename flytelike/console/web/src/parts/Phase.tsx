import type { JSX } from "react";
import type { NodePhaseCount } from "../gen/flytelike/service/console_pb";
import { type Look, NODE_FILTERS } from "../lib/phases";

/** A phase: its sign and its word. */
export function Phase({ look, bare = false }: { readonly look: Look; readonly bare?: boolean }): JSX.Element {
  return (
    <span className={`phase t-${look.tone}`} title={bare ? look.word : undefined}>
      <i aria-hidden="true">{look.sign}</i>
      <span className={bare ? "sr" : undefined}>{look.word}</span>
    </span>
  );
}

/** How many nodes are how, as a bar with its words. */
export function NodeMeter({ counts }: { readonly counts: readonly NodePhaseCount[] }): JSX.Element {
  const total = counts.reduce((sum, { count }) => sum + count, 0);
  const parts = NODE_FILTERS.map(({ word, tone, phases }) => ({
    word,
    tone,
    count: counts.reduce((sum, { phase, count }) => sum + (phases.includes(phase) ? count : 0), 0),
  })).filter(({ count }) => count > 0);
  const said = parts.map(({ word, count }) => `${count} ${word}`).join(", ");
  return (
    <span className="row">
      <span className="meter" style={{ width: 160 }} aria-hidden="true">
        {parts.map(({ word, tone, count }) => (
          <span key={word} className={`f-${tone}`} style={{ width: `${(100 * count) / total}%` }} />
        ))}
      </span>
      <span className="soft num">{said || "no nodes yet"}</span>
    </span>
  );
}
