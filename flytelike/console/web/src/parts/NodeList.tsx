import { type JSX, type KeyboardEvent, type ReactNode, useCallback, useEffect, useRef, useState } from "react";
import type { RunId } from "../api/client";
import { type NodeFilter, PAGE, useNodePages } from "../api/nodes";
import type { ElementCounts, RunNode } from "../gen/flytelike/service/console_pb";
import { nodeLook } from "../lib/phases";
import { Empty, Fault } from "./Fault";
import { Rows, type Scrolling } from "./Rows";
import { Took } from "./Time";

const REST_MS = 80;

interface Props {
  readonly id: RunId;
  readonly filter: NodeFilter;
  readonly selected: string | undefined;
  /** Must stay the same function, as `row`: rows are drawn again when it is another one. */
  readonly onSelect: (path: string) => void;
  readonly columns: "nodes" | "lines";
  readonly head: ReactNode;
  readonly row: (node: RunNode) => ReactNode;
}

/** Nodes row by row; only those that are seen are there. Arrows and j/k go through them. */
export function NodeList({ id, filter, selected, onSelect, columns, head, row }: Props): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const scrolling = useRef<Scrolling>(null);
  const [pages, seen] = usePages();
  const found = useNodePages(id, filter, pages[0], pages[1]);
  const current = useRef(-1);
  useEffect(() => {
    if (selected === undefined) current.current = -1;
  }, [selected]);
  const draw = useCallback(
    (node: RunNode, index: number) => (
      <>
        <NodeName node={node} onSelect={() => { current.current = index; onSelect(node.path); }} />
        {row(node)}
      </>
    ),
    [onSelect, row],
  );
  const move = (event: KeyboardEvent): void => {
    const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[event.key];
    if (step === undefined || event.metaKey || event.ctrlKey) return;
    event.preventDefault();
    const next = Math.min(Math.max(current.current + step, 0), found.total - 1);
    const node = found.at(next);
    if (!node) return;
    current.current = next;
    scrolling.current?.to(next);
    onSelect(node.path);
  };
  if (found.error) return <Fault error={found.error} />;
  return (
    // The list takes keys as a whole; each row is a button as well.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions, jsx-a11y/no-noninteractive-tabindex
    <div className="list" ref={box} onKeyDown={move} tabIndex={0} role="group" aria-label="Nodes">
      <div className={`list-head ${columns}`}>{head}</div>
      {!found.pending && found.total === 0 && <Empty>No node is like that.</Empty>}
      <Rows box={box} count={found.total} at={found.at} draw={draw} columns={columns} isOn={(node) => node.path === selected} scrolling={scrolling} onSeen={seen} />
    </div>
  );
}

/** Which pages are fetched: at once when the next one comes into sight, after a rest when the list is dragged far. */
function usePages(): readonly [readonly [number, number], (first: number, last: number) => void] {
  const [pages, setPages] = useState<readonly [number, number]>([0, 0]);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const now = useRef(pages);
  useEffect(() => () => clearTimeout(timer.current), []);
  const seen = useCallback((first: number, last: number) => {
    const next = [Math.floor(first / PAGE), Math.floor(last / PAGE)] as const;
    clearTimeout(timer.current);
    if (next[0] === now.current[0] && next[1] === now.current[1]) return;
    const far = Math.abs(next[0] - now.current[0]) > 1;
    const take = (): void => {
      now.current = next;
      setPages(next);
    };
    if (far) timer.current = setTimeout(take, REST_MS);
    else take();
  }, []);
  return [pages, seen];
}

function NodeName({ node, onSelect }: { readonly node: RunNode; readonly onSelect: () => void }): JSX.Element {
  const { sign, tone } = nodeLook(node.phase, node.cacheStatus);
  return (
    // The sign stands here, where eyes go down the list; its word stands beside.
    <button type="button" className="plain cut" onClick={onSelect} title={node.path}>
      <i className={`sign t-${tone}`} aria-hidden="true">
        {sign}
      </i>
      {node.name || node.id} <span className="soft mono">{node.path}</span>
    </button>
  );
}

/** What a node's row says beside its name. */
export function nodeRow(node: RunNode): ReactNode {
  const look = nodeLook(node.phase, node.cacheStatus);
  const counts = node.elements;
  const said = (node.waits && `waits for ${node.waits}`) || (counts ? elementWords(counts) : "") || node.message || node.note;
  return (
    <>
      <span className={`phase t-${look.tone}`}>{look.word}</span>
      <span className="right">
        <Took from={node.ranAt ?? node.startedAt} to={node.endedAt} />
      </span>
      <span className="soft">{kindOf(node)}</span>
      <span className={node.message ? "bad cut" : "soft cut"} title={said}>
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
