import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, getRouteApi } from "@tanstack/react-router";
import { type JSX, type SubmitEvent, useState } from "react";
import { type Place, schedules } from "../api/client";
import { keys } from "../api/keys";
import type { Backfill, CreateBackfillResponse } from "../gen/flytelike/service/schedules_pb";
import { backfillLook, instantOf, utc } from "../lib/schedules";
import { BackfillMeter, BackfillRuns } from "../parts/BackfillRuns";
import { Empty, Fault } from "../parts/Fault";
import { Phase } from "../parts/Phase";
import { Ago } from "../parts/Time";
import { useTitle } from "../parts/title";

const route = getRouteApi("/p/$project/$domain/backfills");
const AGAIN_MS = 3_000;
const LIMIT = 100;

/** Backfills of a domain, and beginning one. */
export function Backfills(): JSX.Element {
  const place = route.useParams();
  const { plan = "" } = route.useSearch();
  useTitle(`Backfills in ${place.project} / ${place.domain}`);
  const found = useQuery({
    queryKey: keys.backfills(place),
    queryFn: () => schedules.listBackfills({ ...place, limit: LIMIT }),
    refetchInterval: AGAIN_MS,
  });
  return (
    <div className="page">
      <h1>Backfills</h1>
      <p className="soft">Executions of a launch plan for past times of its schedule. Each time has one, however often one asks.</p>
      <Begin key={plan} place={place} plan={plan} />
      <Fault error={found.error} />
      {found.data?.backfills.length === 0 && <Empty command="flytelike backfill LAUNCH_PLAN --from 2026-01-01 --dry-run">Nothing was backfilled here yet.</Empty>}
      {found.data && found.data.backfills.length > 0 && (
        <div className="scroll" style={{ marginTop: 14 }}>
          <table>
            <thead>
              <tr>
                <th scope="col">Phase</th>
                <th scope="col">Backfill</th>
                <th scope="col" className="hide">
                  Launch plan
                </th>
                <th scope="col" className="hide">
                  Times (UTC)
                </th>
                <th scope="col">Executions</th>
                <th scope="col" className="hide">
                  Begun
                </th>
              </tr>
            </thead>
            <tbody>
              {found.data.backfills.map((one) => (
                <Row key={one.name} place={place} one={one} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </div>
  );
}

function Row({ place, one }: { readonly place: Place; readonly one: Backfill }): JSX.Element {
  return (
    <tr>
      <td>
        <Phase look={backfillLook(one.phase)} />
      </td>
      <td className="name">
        <Link to="/p/$project/$domain/backfills/$backfill" params={{ ...place, backfill: one.name }}>
          {one.name}
        </Link>
        <div className="soft narrow">
          {one.launchPlan?.name}, {utc(one.begin)} – {utc(one.end)} UTC
        </div>
      </td>
      <td className="hide">{one.launchPlan?.name}</td>
      <td className="num hide">
        {utc(one.begin)} – {utc(one.end)}
      </td>
      <td>
        <BackfillMeter counts={one.counts} />
      </td>
      <td className="soft hide">
        <Ago at={one.createdAt} />, by {one.createdBy}
      </td>
    </tr>
  );
}

function Begin({ place, plan }: { readonly place: Place; readonly plan: string }): JSX.Element {
  const client = useQueryClient();
  const navigate = route.useNavigate();
  const plans = useQuery({ queryKey: [...keys.schedules(place), "all"], queryFn: () => schedules.listSchedules({ ...place, limit: 1000 }) });
  const [launchPlan, setLaunchPlan] = useState(plan);
  const [begin, setBegin] = useState("");
  const [end, setEnd] = useState("");
  const [parallel, setParallel] = useState("1");
  const [newestFirst, setNewestFirst] = useState(false);
  const [again, setAgain] = useState(false);
  const names = plans.data?.schedules.map(({ id }) => id?.name ?? "") ?? [];
  const chosen = launchPlan || (names[0] ?? "");
  const from = instantOf(begin);
  const to = end.trim() === "" ? undefined : instantOf(end);
  const sound = from !== undefined && (end.trim() === "" || to !== undefined) && /^[1-9]\d{0,3}$/.test(parallel) && chosen !== "";
  const send = (dryRun: boolean): Promise<CreateBackfillResponse> =>
    schedules.createBackfill({ ...place, launchPlan: chosen, ...(from && { begin: from }), ...(to && { end: to }), parallel: Number(parallel), newestFirst, again, dryRun });
  const dry = useMutation({ mutationFn: () => send(true) });
  const start = useMutation({
    mutationFn: () => send(false),
    onSuccess: async (told) => {
      await client.invalidateQueries({ queryKey: keys.backfills(place) });
      await navigate({ to: "/p/$project/$domain/backfills/$backfill", params: { ...place, backfill: told.backfill?.name ?? "" } });
    },
  });
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    dry.mutate();
  };
  const change = (set: (text: string) => void) => (event: { target: { value: string } }) => {
    set(event.target.value);
    dry.reset();
  };
  const tick = (set: (on: boolean) => void) => (event: { target: { checked: boolean } }) => {
    set(event.target.checked);
    dry.reset();
  };
  if (plans.data && names.length === 0) return <p className="soft">No launch plan here has a schedule.</p>;
  return (
    <section className="card" aria-label="Begin a backfill">
      <form className="row" onSubmit={submit} style={{ flexWrap: "wrap", gap: 10 }}>
        <label>
          Launch plan{" "}
          <select value={chosen} onChange={change(setLaunchPlan)}>
            {names.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
        <label>
          From <input placeholder="2026-01-31 06:00" value={begin} onChange={change(setBegin)} aria-invalid={begin !== "" && from === undefined} />
        </label>
        <label>
          To <input placeholder="now" value={end} onChange={change(setEnd)} aria-invalid={end !== "" && to === undefined} />
        </label>
        <span className="soft">UTC</span>
        <label>
          At once <input inputMode="numeric" style={{ width: 56 }} value={parallel} onChange={change(setParallel)} />
        </label>
        <label className="row">
          <input type="checkbox" checked={newestFirst} onChange={tick(setNewestFirst)} /> latest first
        </label>
        <label className="row">
          <input type="checkbox" checked={again} onChange={tick(setAgain)} /> what failed anew
        </label>
        <button type="submit" disabled={!sound || dry.isPending}>
          Show what it would do
        </button>
        <button type="button" className="primary" disabled={!dry.data || start.isPending} onClick={() => start.mutate()}>
          Begin
        </button>
      </form>
      <Fault error={plans.error ?? dry.error ?? start.error} />
      {dry.data && <BackfillRuns place={place} runs={dry.data.runs} dryRun />}
    </section>
  );
}
