import { useQuery } from "@tanstack/react-query";
import { type JSX, type MouseEvent, useEffect, useMemo, useRef, useState } from "react";
import { type RunId, pages, watch } from "../api/client";
import { keys } from "../api/keys";
import { ELEMENT_KINDS, type ElementKind, cells, countKinds, indexesOf } from "../lib/elements";
import { Fault } from "./Fault";
import { Log } from "./Log";
import { Trace } from "./Trace";

const CELLS_MAX = 4000;
const SHOWN_MAX = 200;
const PER_LINE = 60;
const TONES: Readonly<Record<ElementKind, string>> = {
  failed: "--bad-fill", running: "--busy-fill", waiting: "--line-strong", succeeded: "--good-fill", cached: "--cached-fill", aborted: "--odd-fill",
};

/** The elements of an array: a strip of all of them, a filter by state, and one element down to its log. */
export function Elements({ id, path }: { readonly id: RunId; readonly path: string }): JSX.Element {
  const key = { executionId: id, nodeId: path };
  const found = useQuery({ queryKey: keys.elements(id, path), queryFn: () => pages.getElementStates({ id: key }) });
  const [kind, setKind] = useState<ElementKind>();
  const [chosen, setChosen] = useState<number>();
  const states = useMemo(() => found.data?.states ?? new Uint8Array(), [found.data]);
  const counts = useMemo(() => countKinds(states), [states]);
  const shown = kind ? indexesOf(states, kind, SHOWN_MAX) : [];
  if (found.error) return <Fault error={found.error} />;
  return (
    <section aria-label="Elements">
      <h2>{(found.data?.length ?? 0).toLocaleString()} elements</h2>
      <div className="chips">
        {ELEMENT_KINDS.filter((word) => counts[word] > 0).map((word) => (
          <button type="button" key={word} aria-pressed={kind === word} onClick={() => setKind(kind === word ? undefined : word)}>
            <span aria-hidden="true" style={{ width: 9, height: 9, borderRadius: 2, background: `var(${TONES[word]})` }} />
            {counts[word].toLocaleString()} {word}
          </button>
        ))}
      </div>
      <Strip states={states} onChoose={setChosen} />
      {kind && (
        <div className="chips" role="group" aria-label={`${kind} elements`} style={{ maxHeight: 96, overflow: "auto" }}>
          {shown.map((index) => (
            <button type="button" key={index} aria-pressed={chosen === index} onClick={() => setChosen(index)}>
              {index}
            </button>
          ))}
          {counts[kind] > shown.length && <span className="soft">and {(counts[kind] - shown.length).toLocaleString()} more</span>}
        </div>
      )}
      {chosen !== undefined && <OneElement key={chosen} id={id} path={path} index={chosen} />}
    </section>
  );
}

interface StripProps {
  readonly states: Uint8Array;
  readonly onChoose: (index: number) => void;
}

function Strip({ states, onChoose }: StripProps): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null);
  const drawn = useMemo(() => cells(states, CELLS_MAX), [states]);
  const perLine = Math.min(PER_LINE, Math.max(drawn.kinds.length, 1));
  const lines = Math.ceil(drawn.kinds.length / perLine);
  useEffect(() => {
    const target = canvas.current?.getContext("2d");
    if (!target || !canvas.current) return;
    const style = getComputedStyle(document.documentElement);
    target.clearRect(0, 0, canvas.current.width, canvas.current.height);
    drawn.kinds.forEach((kind, index) => {
      target.fillStyle = style.getPropertyValue(TONES[kind]);
      target.fillRect((index % perLine) * 8, Math.floor(index / perLine) * 8, 7, 7);
    });
  }, [drawn, perLine]);
  const choose = (event: MouseEvent<HTMLCanvasElement>): void => {
    const box = event.currentTarget.getBoundingClientRect();
    const column = Math.floor(((event.clientX - box.left) / box.width) * perLine);
    const line = Math.floor(((event.clientY - box.top) / box.height) * lines);
    const first = (line * perLine + column) * drawn.per;
    if (first < states.length) onChoose(first);
  };
  return (
    // The buttons above and below do by keyboard what the strip does by mouse.
     
    <canvas
      ref={canvas}
      role="img"
      aria-label={drawn.per > 1 ? `Elements, ${drawn.per} a cell` : "Elements, one a cell"}
      width={perLine * 8}
      height={Math.max(lines, 1) * 8}
      style={{ width: "100%", maxWidth: perLine * 8, display: "block", margin: "8px 0", cursor: "pointer" }}
      onClick={choose}
    />
  );
}

interface OneProps {
  readonly id: RunId;
  readonly path: string;
  readonly index: number;
}

function OneElement({ id, path, index }: OneProps): JSX.Element {
  const found = useQuery({
    queryKey: [...keys.elements(id, path), index],
    queryFn: () => watch.listElements({ id: { executionId: id, nodeId: path }, first: index, limit: 1 }),
  });
  const element = found.data?.elements.find((one) => one.index === index);
  return (
    <section aria-label={`Element ${index}`} style={{ marginTop: 10 }}>
      <h2>
        Element {index}
        {element && element.attempt > 0 ? `, attempt ${element.attempt + 1}` : ""}
      </h2>
      <Trace error={element?.error} />
      {element && <Log id={id} path={`${path}.0.${index}`} attempt={element.attempt} />}
    </section>
  );
}
