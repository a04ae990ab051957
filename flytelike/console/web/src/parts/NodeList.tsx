import { useVirtualizer } from "@tanstack/react-virtual";
import { type JSX, type KeyboardEvent, type ReactNode, useEffect, useRef, useState } from "react";
import type { RunId } from "../api/client";
import { type NodeFilter, useNodePages } from "../api/nodes";
import type { ElementCounts, RunNode } from "../gen/flytelike/service/console_pb";
import { nodeLook } from "../lib/phases";
import { Empty, Fault } from "./Fault";
import { Phase } from "./Phase";
import { Took } from "./Time";

const ROW = 32;

interface Props {
  readonly id: RunId;
  readonly filter: NodeFilter;
  readonly selected: string | undefined;
  readonly onSelect: (path: string) => void;
  readonly columns: "nodes" | "lines";
  readonly head: ReactNode;
  readonly row: (node: RunNode) => ReactNode;
}

/** Nodes row by row; only those that are seen are there. Arrows and j/k go through them. */
export function NodeList({ id, filter, selected, onSelect, columns, head, row }: Props): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const [range, setRange] = useState<readonly [number, number]>([0, 60]);
  const found = useNodePages(id, filter, range[0], range[1]);
   
  const rows = useVirtualizer({
    count: found.total,
    getScrollElement: () => box.current,
    estimateSize: () => ROW,
    overscan: 12,
    scrollPaddingStart: ROW,
    onChange: (instance) => {
      const seen = instance.range;
      if (seen) setRange((old) => (old[0] === seen.startIndex && old[1] === seen.endIndex ? old : [seen.startIndex, seen.endIndex]));
    },
  });
  const current = useRef(-1);
  useEffect(() => {
    if (selected === undefined) current.current = -1;
  }, [selected]);
  const move = (event: KeyboardEvent): void => {
    const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[event.key];
    if (step === undefined || event.metaKey || event.ctrlKey) return;
    event.preventDefault();
    const next = Math.min(Math.max(current.current + step, 0), found.total - 1);
    const node = found.at(next);
    if (!node) return;
    current.current = next;
    rows.scrollToIndex(next);
    onSelect(node.path);
  };
  if (found.error) return <Fault error={found.error} />;
  return (
    // The list takes keys as a whole; each row is a button as well.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions, jsx-a11y/no-noninteractive-tabindex
    <div className="list" ref={box} onKeyDown={move} tabIndex={0} role="group" aria-label="Nodes">
      <div className={`list-head ${columns}`}>{head}</div>
      {!found.pending && found.total === 0 && <Empty>No node is like that.</Empty>}
      <div style={{ height: rows.getTotalSize(), position: "relative" }}>
        {rows.getVirtualItems().map((item) => {
          const node = found.at(item.index);
          return (
            <div
              key={item.key}
              className={`list-row ${columns}${node && node.path === selected ? " on" : ""}`}
              style={{ transform: `translateY(${item.start}px)` }}
            >
              {node ? (
                <>
                  <NodeName node={node} onSelect={() => { current.current = item.index; onSelect(node.path); }} />
                  {row(node)}
                </>
              ) : (
                <span className="soft">…</span>
              )}
            </div>
          );
        })}
      </div>
    </div>
  );
}

function NodeName({ node, onSelect }: { readonly node: RunNode; readonly onSelect: () => void }): JSX.Element {
  return (
    <span>
      <button type="button" className="plain" style={{ maxWidth: "100%", padding: 0, minHeight: 24 }} onClick={onSelect} title={node.path}>
        <Phase look={nodeLook(node.phase, node.cacheStatus)} bare />
        <span className="cut">{node.name || node.id}</span>
        <span className="soft mono cut">{node.path}</span>
      </button>
    </span>
  );
}

/** What a node's row says beside its name. */
export function nodeRow(node: RunNode): ReactNode {
  const counts = node.elements;
  const said = (node.waits && `waits for ${node.waits}`) || (counts ? elementWords(counts) : "") || node.message || node.note;
  return (
    <>
      <Phase look={nodeLook(node.phase, node.cacheStatus)} />
      <span className="right">
        <Took from={node.startedAt} to={node.endedAt} />
      </span>
      <span className="soft">{kindOf(node)}</span>
      <span className={node.message ? "bad" : "soft"} title={said}>
        {said}
      </span>
    </>
  );
}

function elementWords({ length, succeeded, failed, cached }: ElementCounts): string {
  const more = [cached && `${cached.toLocaleString()} cached`, failed && `${failed.toLocaleString()} failed`].filter(Boolean);
  return `${succeeded.toLocaleString()} of ${length.toLocaleString()}${more.length > 0 ? `, ${more.join(", ")}` : ""}`;
}

function kindOf(node: RunNode): string {
  if (node.elements) return "map";
  if (node.isDynamic) return "dynamic";
  if (node.child) return "launch plan";
  return node.isParent ? "workflow" : "";
}
