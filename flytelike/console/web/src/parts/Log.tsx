import { useVirtualizer } from "@tanstack/react-virtual";
import { type JSX, useEffect, useMemo, useRef, useState } from "react";
import { type RunId, isMissing, watch } from "../api/client";
import { useStream } from "../api/live";

const LINES_MAX = 100_000;
const LINE = 18;

interface Props {
  readonly id: RunId;
  readonly path: string;
  readonly attempt: number;
}

/** What an attempt printed, as it prints it. */
export function Log({ id, path, attempt }: Props): JSX.Element {
  const [text, setText] = useState<readonly string[]>([""]);
  const [wanted, setWanted] = useState("");
  const [tail, setTail] = useState(true);
  const position = useRef(0n);
  const decoder = useMemo(() => new TextDecoder(), []);
  const state = useStream(true, `${id.name}/${path}/${attempt}`, async (signal) => {
    const key = { nodeExecutionId: { executionId: id, nodeId: path }, retryAttempt: attempt };
    try {
      for await (const part of watch.streamTaskLogs({ id: key, offset: position.current, follow: true }, { signal })) {
        position.current = part.nextOffset;
        const [first = "", ...more] = decoder.decode(part.data, { stream: true }).split("\n");
        setText((old) => [...old.slice(0, -1), (old.at(-1) ?? "") + first, ...more].slice(-LINES_MAX));
      }
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  });
  const lines = useMemo(() => {
    const found = wanted ? text.filter((line) => line.toLowerCase().includes(wanted.toLowerCase())) : text;
    return found.at(-1) === "" ? found.slice(0, -1) : found;
  }, [text, wanted]);
  const box = useRef<HTMLDivElement>(null);
   
  const rows = useVirtualizer({ count: lines.length, getScrollElement: () => box.current, estimateSize: () => LINE, overscan: 20 });
  useEffect(() => {
    if (tail && lines.length > 0) rows.scrollToIndex(lines.length - 1);
  }, [tail, lines.length, rows]);
  const save = (): void => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text.join("\n")], { type: "text/plain" }));
    link.download = `${id.name}-${path}-${attempt}.log`;
    link.click();
    URL.revokeObjectURL(link.href);
  };
  return (
    <section aria-label="Log">
      <div className="row" style={{ marginBottom: 6 }}>
        <input type="search" aria-label="Search the log" placeholder="Search the log" value={wanted} onChange={(event) => setWanted(event.target.value)} />
        <button type="button" aria-pressed={tail} onClick={() => setTail(!tail)}>
          Follow
        </button>
        <button type="button" onClick={save} disabled={lines.length === 0}>
          Download
        </button>
        <span className="soft num" role="status">
          {lines.length === 1 ? "1 line" : `${lines.length.toLocaleString()} lines`}{state === "live" ? ", live" : state === "lost" ? ", connecting again" : ""}
        </span>
      </div>
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <div className="log" ref={box} tabIndex={0} role="group" aria-label="Lines of the log">
        {lines.length === 0 && <p className="empty">{state === "live" ? "Nothing was printed yet." : "Nothing was printed."}</p>}
        <div style={{ height: rows.getTotalSize(), position: "relative" }}>
          {rows.getVirtualItems().map((row) => (
            <div key={row.key} className="ln" style={{ transform: `translateY(${row.start}px)` }}>
              <Marked text={lines[row.index] ?? ""} wanted={wanted} />
            </div>
          ))}
        </div>
      </div>
    </section>
  );
}

function Marked({ text, wanted }: { readonly text: string; readonly wanted: string }): JSX.Element {
  const at = wanted ? text.toLowerCase().indexOf(wanted.toLowerCase()) : -1;
  if (at < 0) return <>{text}</>;
  return (
    <>
      {text.slice(0, at)}
      <mark>{text.slice(at, at + wanted.length)}</mark>
      {text.slice(at + wanted.length)}
    </>
  );
}
