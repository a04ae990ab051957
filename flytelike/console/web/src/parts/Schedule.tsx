import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { JSX } from "react";
import { type Place, isMissing, schedules } from "../api/client";
import { keys } from "../api/keys";
import type { ScheduledPlan, ScheduledRun } from "../gen/flytelike/service/schedules_pb";
import { runLook } from "../lib/phases";
import { utc } from "../lib/schedules";
import { Fault } from "./Fault";
import { Phase } from "./Phase";
import { Ago } from "./Time";

const AGAIN_MS = 10_000;
const NEXT = 5;
const ROWS = 10;

/** When a launch plan starts executions next, and what came of the last times; nothing where it has no schedule. */
export function Schedule({ place, entity }: { readonly place: Place; readonly entity: string }): JSX.Element | null {
  const found = useQuery({
    queryKey: [...keys.schedules(place), entity],
    queryFn: () => schedules.getSchedule({ ...place, name: entity, next: NEXT, last: NEXT }),
    refetchInterval: AGAIN_MS,
    retry: false,
  });
  if (isMissing(found.error)) return null;
  const plan = found.data?.schedule;
  return (
    <section className="card" style={{ marginTop: 14 }} aria-label="Schedule">
      <div className="row">
        <h2 className="grow">
          Schedule <span className="tag">{plan?.words}</span>
        </h2>
        <Link className="button" to="/p/$project/$domain/backfills" params={place} search={{ plan: entity }}>
          Backfill
        </Link>
      </div>
      <Fault error={found.error} />
      {plan && <State plan={plan} />}
      {plan && (
        <div className="columns">
          <div>
            <h3>{plan.active ? "Next" : "Would be next"}</h3>
            {plan.next.length === 0 && <p className="soft">It never comes again.</p>}
            <table>
              <tbody>
                {plan.next.map((at) => (
                  <tr key={utc(at)}>
                    <td className="num">{utc(at)} UTC</td>
                    <td className="right soft">
                      <Ago at={at} />
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          <div>
            <h3>Last</h3>
            {plan.last.length === 0 && <p className="soft">Nothing was started yet.</p>}
            <table>
              <tbody>
                {plan.last.map((run) => (
                  <tr key={utc(run.at)}>
                    <td className="num">{utc(run.at)} UTC</td>
                    <td>
                      <Outcome place={place} run={run} />
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </div>
      )}
    </section>
  );
}

function State({ plan }: { readonly plan: ScheduledPlan }): JSX.Element {
  return (
    <>
      <p className="soft">
        {plan.active ? (
          <>
            Active with version <code>{plan.id?.version.slice(0, 12)}</code> since <Ago at={plan.activeSince} />, by {plan.activatedBy || "somebody"}.
          </>
        ) : (
          "Not active: nothing starts by itself."
        )}
        {plan.late && " Times have passed that nobody has started yet."}
      </p>
      {plan.missedTo && (
        <p className="notice">
          From {utc(plan.missedFrom)} to {utc(plan.missedTo)} UTC nobody started it, too often to be caught up: a backfill does it.
        </p>
      )}
    </>
  );
}

function Outcome({ place, run }: { readonly place: Place; readonly run: ScheduledRun }): JSX.Element {
  if (run.fault) return <span className="t-bad">✗ not started: {run.fault}</span>;
  return (
    <span className="row">
      <Phase look={runLook(run.phase)} />
      <Link to="/p/$project/$domain/executions/$name" params={{ ...place, name: run.execution }}>
        {run.execution}
      </Link>
    </span>
  );
}

/** What starts next in a domain by itself; nothing where no schedule is active. */
export function SchedulesNext({ place }: { readonly place: Place }): JSX.Element | null {
  const found = useQuery({
    queryKey: [...keys.schedules(place), "next"],
    queryFn: () => schedules.listSchedules({ ...place, next: 1, last: 1, limit: ROWS }),
    refetchInterval: AGAIN_MS,
  });
  const active = found.data?.schedules.filter((plan) => plan.active) ?? [];
  if (active.length === 0) return found.error ? <Fault error={found.error} /> : null;
  return (
    <section className="card" style={{ marginTop: 14 }} aria-label="Schedules next">
      <h2>Schedules next</h2>
      <div className="scroll">
        <table>
          <tbody>
            {active.map((plan) => (
              <tr key={plan.id?.name}>
                <td>
                  <Link to="/p/$project/$domain/launch-plans/$entity" params={{ ...place, entity: plan.id?.name ?? "" }}>
                    {plan.id?.name}
                  </Link>{" "}
                  <span className="soft">{plan.words}</span>
                </td>
                <td className="num">
                  {utc(plan.next[0])} UTC <span className="soft"><Ago at={plan.next[0]} /></span>
                </td>
                <td>{plan.last[0] && <Outcome place={place} run={plan.last[0]} />}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
