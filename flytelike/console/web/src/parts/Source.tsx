import { useQuery } from "@tanstack/react-query";
import { type JSX, useMemo } from "react";
import { type Place, pages } from "../api/client";
import type { ResourceType } from "../gen/flytelike/core/identifier_pb";
import type { GetSourceResponse, SourceMark } from "../gen/flytelike/service/console_pb";
import { pieces } from "../lib/python";
import { Fault } from "./Fault";

interface Props {
  readonly type: ResourceType;
  readonly place: Place;
  readonly entity: string;
  readonly version: string;
}

/** The lines in which a version of a task or workflow was written, with the nodes that each of them makes. */
export function Source({ type, place, entity, version }: Props): JSX.Element {
  const found = useQuery({
    queryKey: ["source", type, place, entity, version],
    queryFn: () => pages.getSource({ id: { resourceType: type, ...place, name: entity, version } }),
    staleTime: Infinity,
  });
  const shown = found.data;
  return (
    <section className="card" style={{ marginTop: 14 }} aria-label="Source">
      <div className="row" style={{ marginBottom: 8 }}>
        <h2 style={{ margin: 0 }}>Source</h2>
        {shown?.file && (
          <code className="soft" style={{ overflowWrap: "anywhere" }}>
            {shown.file}:{shown.line}
          </code>
        )}
      </div>
      <Fault error={found.error} />
      {shown?.note && <p className="soft">{shown.note}</p>}
      {shown && shown.lines.length > 0 && <Lines shown={shown} />}
      {shown?.cut && <p className="soft">There is more of it.</p>}
    </section>
  );
}

function Lines({ shown }: { readonly shown: GetSourceResponse }): JSX.Element {
  const marks = useMemo(() => nodesByLine(shown.marks), [shown.marks]);
  return (
    // Long lines scroll, by keyboard too.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className="source" tabIndex={0} role="group" aria-label={`lines of ${shown.file}`}>
      {shown.lines.map((line, index) => {
        const number = shown.firstLine + index;
        const nodes = marks.get(number);
        return (
          <div key={number} className={nodes ? "line on" : "line"}>
            <span className="number num">{number}</span>
            <code>
              {pieces(line).map((piece, at) => (
                <span key={at} className={`py-${piece.look}`}>
                  {piece.text}
                </span>
              ))}
              {line === "" && "\n"}
            </code>
            {nodes && (
              <span className="tag" title={nodes.join(", ")}>
                {nodes.length > NAMED ? `${nodes.slice(0, NAMED).join(", ")} and ${nodes.length - NAMED} more` : nodes.join(", ")}
              </span>
            )}
          </div>
        );
      })}
    </div>
  );
}

const NAMED = 3;

function nodesByLine(marks: readonly SourceMark[]): ReadonlyMap<number, readonly string[]> {
  const out = new Map<number, string[]>();
  for (const { node, line } of marks) out.set(line, [...(out.get(line) ?? []), node]);
  return out;
}
