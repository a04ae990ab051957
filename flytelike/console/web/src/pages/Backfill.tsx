import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, getRouteApi } from "@tanstack/react-router";
import type { JSX } from "react";
import { type Place, schedules } from "../api/client";
import { keys } from "../api/keys";
import type { Backfill as Told } from "../gen/flytelike/service/schedules_pb";
import { backfillLook, utc } from "../lib/schedules";
import { BackfillMeter, BackfillRuns } from "../parts/BackfillRuns";
import { Fault } from "../parts/Fault";
import { Phase } from "../parts/Phase";
import { Took } from "../parts/Time";
import { useTitle } from "../parts/title";

const route = getRouteApi("/p/$project/$domain/backfills/$backfill");
const AGAIN_MS = 2_000;

/** One backfill: how far it is, and its times. */
export function Backfill(): JSX.Element {
  const { backfill, ...place } = route.useParams();
  useTitle(`Backfill ${backfill}`);
  const found = useQuery({
    queryKey: [...keys.backfills(place), backfill],
    queryFn: () => schedules.getBackfill({ ...place, name: backfill }),
    refetchInterval: ({ state }) => (state.data?.backfill && backfillLook(state.data.backfill.phase).ended ? false : AGAIN_MS),
    retry: false,
  });
  const told = found.data?.backfill;
  return (
    <div className="page">
      <div className="row" style={{ marginBottom: 12 }}>
        <h1 className="grow">
          {backfill} <span className="tag">backfill</span>
        </h1>
        {told && !backfillLook(told.phase).ended && <Cancel place={place} name={backfill} />}
      </div>
      <Fault error={found.error} />
      {told && <Facts place={place} told={told} />}
      {found.data && <BackfillRuns place={place} runs={found.data.runs} />}
    </div>
  );
}

function Facts({ place, told }: { readonly place: Place; readonly told: Told }): JSX.Element {
  return (
    <dl className="facts" style={{ marginBottom: 12 }}>
      <dt>Phase</dt>
      <dd>
        <Phase look={backfillLook(told.phase)} /> {told.cancelledBy && <span className="soft">by {told.cancelledBy}</span>}
      </dd>
      <dt>Launch plan</dt>
      <dd>
        <Link to="/p/$project/$domain/launch-plans/$entity" params={{ ...place, entity: told.launchPlan?.name ?? "" }} search={{ version: told.launchPlan?.version }}>
          {told.launchPlan?.name}
        </Link>{" "}
        <code className="soft">{told.launchPlan?.version}</code>
      </dd>
      <dt>Times</dt>
      <dd>
        {utc(told.begin)} – {utc(told.end)} UTC, {told.newestFirst ? "the latest first" : "in order"}, {told.parallel} at once{told.again && ", what failed anew"}
      </dd>
      <dt>Executions</dt>
      <dd>
        <BackfillMeter counts={told.counts} />
      </dd>
      <dt>Took</dt>
      <dd>
        <Took from={told.createdAt} to={told.endedAt} /> <span className="soft">begun by {told.createdBy}</span>
      </dd>
    </dl>
  );
}

function Cancel({ place, name }: { readonly place: Place; readonly name: string }): JSX.Element {
  const client = useQueryClient();
  const cancel = useMutation({
    mutationFn: (abort: boolean) => schedules.cancelBackfill({ ...place, name, abort }),
    onSettled: () => client.invalidateQueries({ queryKey: keys.backfills(place) }),
  });
  return (
    <>
      <Fault error={cancel.error} />
      <button type="button" disabled={cancel.isPending} onClick={() => cancel.mutate(false)}>
        Start no more
      </button>
      <button type="button" className="danger" disabled={cancel.isPending} onClick={() => cancel.mutate(true)}>
        Cancel and abort what runs
      </button>
    </>
  );
}
