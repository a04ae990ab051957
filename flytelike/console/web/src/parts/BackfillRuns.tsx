import { Link } from "@tanstack/react-router";
import type { JSX } from "react";
import type { Place } from "../api/client";
import { type BackfillCount, type BackfillRun, BackfillRunPhase } from "../gen/flytelike/service/schedules_pb";
import { RunPhase, runLook } from "../lib/phases";
import { backfillRunLook, progress, utc } from "../lib/schedules";
import { Phase } from "./Phase";

const SHOWN = 500;

/** How many times of a backfill are how, as a bar with its words. */
export function BackfillMeter({ counts }: { readonly counts: readonly BackfillCount[] }): JSX.Element {
  const { parts, total } = progress(counts);
  return (
    <span className="row">
      <span className="meter" style={{ width: 120 }} aria-hidden="true">
        {parts.map(({ look, count }) => (
          <span key={look.word} className={`f-${look.tone}`} style={{ width: `${String((100 * count) / total)}%` }} />
        ))}
      </span>
      <span className="soft num">{parts.map(({ look, count }) => `${count.toLocaleString()} ${look.word}`).join(", ") || "no times"}</span>
    </span>
  );
}

interface Props {
  readonly place: Place;
  readonly runs: readonly BackfillRun[];
  readonly dryRun?: boolean;
}

/** The times of a backfill with their executions; of a dry run, those that there are or would be. */
export function BackfillRuns({ place, runs, dryRun = false }: Props): JSX.Element {
  const would = runs.filter(({ phase }) => phase === BackfillRunPhase.WAITING).length;
  const summary = `It would start ${would.toLocaleString()} executions; ${(runs.length - would).toLocaleString()} existed before.`;
  return (
    <>
      {dryRun && <p role="status">{summary}</p>}
      {runs.length > SHOWN && <p className="soft">The first {SHOWN} of {runs.length.toLocaleString()} times:</p>}
      <div className="scroll">
        <table>
          <thead>
            <tr>
              <th scope="col">Time (UTC)</th>
              <th scope="col">Execution</th>
              <th scope="col">State</th>
            </tr>
          </thead>
          <tbody>
            {runs.slice(0, SHOWN).map((run) => (
              <Row key={utc(run.at)} place={place} run={run} dryRun={dryRun} />
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

function Row({ place, run, dryRun }: { readonly place: Place; readonly run: BackfillRun; readonly dryRun: boolean }): JSX.Element {
  const there = run.executionPhase !== RunPhase.UNDEFINED;
  return (
    <tr>
      <td className="num">{utc(run.at)}</td>
      <td>
        {there ? (
          <Link to="/p/$project/$domain/executions/$name" params={{ ...place, name: run.execution }}>
            {run.execution}
          </Link>
        ) : (
          <code className="soft">{run.execution}</code>
        )}
      </td>
      <td>
        {dryRun && run.phase === BackfillRunPhase.WAITING ? (
          "would start"
        ) : (
          <span className="row">
            <Phase look={backfillRunLook(run.phase)} />
            {there && run.phase === BackfillRunPhase.EXISTING && <Phase look={runLook(run.executionPhase)} />}
            {run.fault && <span className="t-bad">{run.fault}</span>}
          </span>
        )}
      </td>
    </tr>
  );
}
