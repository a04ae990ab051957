import { Link } from "@tanstack/react-router";
import type { JSX } from "react";
import type { Place } from "../api/client";
import type { RunRow } from "../gen/flytelike/service/console_pb";
import { runLook } from "../lib/phases";
import { exact, ms } from "../lib/time";
import { Phase } from "./Phase";
import { Ago, Took } from "./Time";

/** The last executions of something, a stripe each. */
export function RunDots({ place, runs }: { readonly place: Place; readonly runs: readonly RunRow[] }): JSX.Element {
  return (
    <span className="dots">
      {[...runs].reverse().map((run) => {
        const look = runLook(run.phase);
        return (
          <Link
            key={run.name}
            to="/p/$project/$domain/executions/$name"
            params={{ ...place, name: run.name }}
            className={`f-${look.tone}`}
            title={`${run.name}: ${look.word}, ${exact(ms(run.createdAt) ?? 0)}`}
            aria-label={`${run.name}, ${look.word}`}
          />
        );
      })}
    </span>
  );
}

/** A few executions as a table. */
export function RunTable({ place, runs }: { readonly place: Place; readonly runs: readonly RunRow[] }): JSX.Element {
  return (
    <div className="scroll">
      <table>
        <tbody>
          {runs.map((run) => (
            <tr key={run.name}>
              <td style={{ width: 24 }}>
                <Phase look={runLook(run.phase)} bare />
              </td>
              <td>
                <Link to="/p/$project/$domain/executions/$name" params={{ ...place, name: run.name }}>
                  {run.name}
                </Link>
                <div className="soft">{run.launched?.name}</div>
                <div className="bad narrow">{run.message}</div>
              </td>
              <td className={run.message ? "bad hide" : "hide"} style={{ overflowWrap: "anywhere" }}>
                {run.message}
              </td>
              <td className="right soft">
                <Ago at={run.createdAt} />
                <div>
                  <Took from={run.startedAt} to={run.endedAt} />
                </div>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
