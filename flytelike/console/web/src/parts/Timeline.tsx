import { type JSX, useCallback } from "react";
import type { RunId } from "../api/client";
import type { NodeFilter } from "../api/nodes";
import type { RunNode, RunRow } from "../gen/flytelike/service/console_pb";
import { nodeLook } from "../lib/phases";
import { spans } from "../lib/spans";
import { duration, ms } from "../lib/time";
import { NodeList } from "./NodeList";
import { useNow } from "./Time";

interface Props {
  readonly id: RunId;
  readonly run: RunRow;
  readonly filter: NodeFilter;
  readonly selected: string | undefined;
  readonly onSelect: (path: string) => void;
}

const TICKS = [0, 0.25, 0.5, 0.75, 1];

/** When each node waited and ran, on one axis. */
export function Timeline({ id, run, filter, selected, onSelect }: Props): JSX.Element {
  const now = useNow();
  const from = ms(run.createdAt) ?? now;
  const span = Math.max((ms(run.endedAt) ?? now) - from, 1);
  // What has ended is drawn once, whatever the clock says.
  const at = run.endedAt ? from + span : now;
  const row = useCallback((node: RunNode) => <Track node={node} from={from} span={span} now={at} />, [from, span, at]);
  return (
    <NodeList
      id={id}
      filter={filter}
      selected={selected}
      onSelect={onSelect}
      columns="lines"
      head={
        <>
          <span>Node</span>
          <span className="axis num" style={{ overflow: "visible" }}>
            {TICKS.map((part) => (
              <span key={part} className={part === 0.25 || part === 0.75 ? "hide" : ""} style={{ left: `${100 * part}%`, top: 6 }}>
                {duration(part * span)}
              </span>
            ))}
          </span>
        </>
      }
      row={row}
    />
  );
}

interface TrackProps {
  readonly node: RunNode;
  readonly from: number;
  readonly span: number;
  readonly now: number;
}

function Track({ node, from, span, now }: TrackProps): JSX.Element {
  const look = nodeLook(node.phase, node.cacheStatus);
  const { created, began, ran, ended, waited, worked } = spans(node, now);
  const place = (at: number): number => (100 * Math.min(Math.max(at - from, 0), span)) / span;
  const words = [
    look.word,
    `queued ${duration(began - created)}`,
    ...(waited ? [`waited ${duration(ran - began)}`] : []),
    ...(worked ? [`ran ${duration(ended - ran)}`] : []),
  ].join(", ");
  return (
    <span className="track" title={words} role="img" aria-label={words}>
      <span className="queue" style={{ left: `${place(created)}%`, width: `${place(began) - place(created)}%` }} />
      {ran > began && <span className="wait" style={{ left: `${place(began)}%`, width: `${place(ran) - place(began)}%` }} />}
      {(worked || node.endedAt) && (
        <span className={`f-${look.tone}`} style={{ left: `${place(ran)}%`, width: `${place(ended) - place(ran)}%` }} />
      )}
    </span>
  );
}
