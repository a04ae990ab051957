import { useQueries } from "@tanstack/react-query";
import { Link, getRouteApi } from "@tanstack/react-router";
import type { JSX } from "react";
import { type Place, pages } from "../api/client";
import { keys } from "../api/keys";
import type { GetRunResponse, PreviewValuesResponse, ValuesPreview } from "../gen/flytelike/service/console_pb";
import { json, plain } from "../lib/literals";
import { runLook } from "../lib/phases";
import { Fault } from "../parts/Fault";
import { Phase } from "../parts/Phase";
import { Took } from "../parts/Time";
import { Difference } from "../parts/Versions";
import { useTitle } from "../parts/title";
import { KINDS } from "./Entities";

const route = getRouteApi("/p/$project/$domain/compare");

/** Two executions side by side: how they went, what went in, what came out, and what changed of their code. */
export function Compare(): JSX.Element {
  const place = route.useParams();
  const { a, b } = route.useSearch();
  useTitle(`Compare ${a} with ${b}`);
  const both = useQueries({
    queries: [a, b].map((name) => ({
      queryKey: keys.run({ ...place, name }),
      queryFn: () => pages.getRun({ id: { ...place, name } }),
    })),
  });
  const values = useQueries({
    queries: [a, b].map((name) => ({
      queryKey: keys.values({ ...place, name }, ""),
      queryFn: () => pages.previewValues({ of: { case: "execution" as const, value: { ...place, name } } }),
    })),
  });
  const [one, other] = [both[0]?.data, both[1]?.data];
  return (
    <div className="page">
      <h1 style={{ marginBottom: 12 }}>Two executions compared</h1>
      <Fault error={both[0]?.error ?? both[1]?.error} />
      {one && other && <Sides place={place} one={one} other={other} values={[values[0]?.data, values[1]?.data]} />}
    </div>
  );
}

interface SidesProps {
  readonly place: Place;
  readonly one: GetRunResponse;
  readonly other: GetRunResponse;
  readonly values: readonly [PreviewValuesResponse | undefined, PreviewValuesResponse | undefined];
}

function Sides({ place, one, other, values }: SidesProps): JSX.Element {
  const sides = [one, other];
  const same = one.workflow?.name === other.workflow?.name;
  return (
    <>
      <div className="scroll card">
        <table className="facing">
          <thead>
            <tr>
              <th scope="col">
                <span className="sr">What</span>
              </th>
              {sides.map(({ run }) => (
                <th scope="col" key={run?.name}>
                  <Link to="/p/$project/$domain/executions/$name" params={{ ...place, name: run?.name ?? "" }}>
                    {run?.name}
                  </Link>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            <tr>
              <th scope="row">Phase</th>
              {sides.map(({ run }) => (
                <td key={run?.name}>{run && <Phase look={runLook(run.phase)} />}</td>
              ))}
            </tr>
            <tr>
              <th scope="row">Took</th>
              {sides.map(({ run }) => (
                <td key={run?.name}>
                  <Took from={run?.startedAt} to={run?.endedAt} />
                </td>
              ))}
            </tr>
            <tr>
              <th scope="row">Launched</th>
              {sides.map(({ run }) => (
                <td key={run?.name}>
                  {run?.launched?.name} <code className="soft">{run?.launched?.version}</code>
                </td>
              ))}
            </tr>
            <Rows title="input" one={values[0]?.inputs} other={values[1]?.inputs} />
            <Rows title="output" one={values[0]?.outputs} other={values[1]?.outputs} />
          </tbody>
        </table>
      </div>
      {same && one.workflow && other.workflow && !one.alone && one.workflow.version !== other.workflow.version && (
        <div className="card" style={{ marginTop: 14 }}>
          <Difference kind={KINDS.workflows} place={place} entity={one.workflow.name} old={one.workflow.version} now={other.workflow.version} />
        </div>
      )}
    </>
  );
}

interface RowsProps {
  readonly title: string;
  readonly one: ValuesPreview | undefined;
  readonly other: ValuesPreview | undefined;
}

function Rows({ title, one, other }: RowsProps): JSX.Element {
  const [left, right] = [one?.values?.literals ?? {}, other?.values?.literals ?? {}];
  const names = [...new Set([...Object.keys(left), ...Object.keys(right)])].sort();
  return (
    <>
      {names.map((name) => {
        const texts = [left[name], right[name]].map((literal) => (literal ? json(plain(literal)) : "–"));
        const differs = texts[0] !== texts[1];
        return (
          <tr key={name}>
            <th scope="row">
              {title} <code>{name}</code> {differs && <span className="tag">differs</span>}
            </th>
            {texts.map((text, index) => (
              <td key={index}>
                <pre style={{ maxHeight: 200, overflow: "auto" }}>{text}</pre>
              </td>
            ))}
          </tr>
        );
      })}
    </>
  );
}
