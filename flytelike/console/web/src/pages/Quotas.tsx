import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { type JSX, type SubmitEvent, useState } from "react";
import { tenancy } from "../api/client";
import { keys } from "../api/keys";
import type { QuotaPlace, QuotaUse } from "../gen/flytelike/service/tenancy_pb";
import { RESOURCES, amount, amountFrom, share } from "../lib/amounts";
import { Empty, Fault } from "../parts/Fault";
import { useTitle } from "../parts/title";

const PAGE = 500;
const AGAIN_MS = 10_000;

/** What the project, its team and the platform may use, and what they use now. */
export function Quotas(): JSX.Element {
  const place = useParams({ from: "/p/$project/$domain/quotas" });
  useTitle(`Quotas · ${place.project}`);
  const found = useQuery({
    queryKey: keys.quotas(place),
    queryFn: () => tenancy.listQuotas({ limit: PAGE, used: true }),
    refetchInterval: AGAIN_MS,
  });
  const team = found.data?.quotas.find(({ quota }) => quota?.place?.project === place.project)?.team;
  const mine = found.data?.quotas.filter(({ quota }) => concerns(quota?.place, place.project, team)) ?? [];
  return (
    <div className="page wide">
      <h1>Quotas</h1>
      <p className="soft">Whatever runs here counts for the domain, the project, its team and the platform.</p>
      <Fault error={found.error} />
      {found.data && mine.length === 0 && (
        <Empty command={`flytelike quota set ${place.project} --limit attempts=20`}>Nothing bounds this project, and nothing of it runs.</Empty>
      )}
      {mine.map((use) => (
        <PlaceUse key={named(use.quota?.place)} use={use} />
      ))}
    </div>
  );
}

function concerns(of: QuotaPlace | undefined, project: string, team: string | undefined): boolean {
  if (of === undefined || (of.project === "" && of.team === "")) return true;
  return of.project === project || (of.team !== "" && of.team === team);
}

function named(of: QuotaPlace | undefined): string {
  if (of?.team) return `team ${of.team}`;
  if (of?.domain) return `${of.project} / ${of.domain}`;
  return of?.project ? `project ${of.project}` : "the platform";
}

function PlaceUse({ use }: { readonly use: QuotaUse }): JSX.Element {
  const limits = use.quota?.limits ?? {};
  const guaranteed = use.quota?.guaranteed ?? {};
  const resources = [...new Set([...Object.keys(limits), ...Object.keys(guaranteed), ...Object.keys(use.used)])].sort();
  const name = named(use.quota?.place);
  return (
    <section className="card" style={{ marginTop: 12 }} aria-label={name}>
      <h2>
        {name} <span className="soft">{use.waiting > 0 ? `${String(use.waiting)} waiting` : ""}</span>
      </h2>
      <table>
        <thead>
          <tr>
            <th scope="col">Resource</th>
            <th scope="col" className="right">
              Used
            </th>
            <th scope="col" className="right">
              Limit
            </th>
            <th scope="col" className="right">
              Guaranteed
            </th>
            <th scope="col" aria-label="Share of the limit" />
          </tr>
        </thead>
        <tbody>
          {resources.map((resource) => (
            <Row key={resource} resource={resource} used={use.used[resource]} limit={limits[resource]} guaranteed={guaranteed[resource]} />
          ))}
        </tbody>
      </table>
      <Change use={use} name={name} />
    </section>
  );
}

/** Sets or takes away one limit; whether one may is the server's to say. */
function Change({ use, name }: { readonly use: QuotaUse; readonly name: string }): JSX.Element {
  const client = useQueryClient();
  const [resource, setResource] = useState<string>(RESOURCES[0]);
  const [text, setText] = useState("");
  const isEmpty = text.trim() === "";
  const isBound = use.quota?.limits[resource] !== undefined;
  const set = useMutation({
    mutationFn: async () => {
      const others = Object.entries(use.quota?.limits ?? {}).filter(([each]) => each !== resource);
      const limits = Object.fromEntries(isEmpty ? others : [...others, [resource, amountFrom(resource, text)]]);
      const quota = { place: use.quota?.place ?? {}, limits, guaranteed: { ...use.quota?.guaranteed }, weight: use.quota?.weight ?? 0 };
      await tenancy.applyTenancy({ wishes: [{ wish: { case: "quota", value: { quota } } }] });
    },
    onSuccess: () => setText(""),
    onSettled: () => client.invalidateQueries({ queryKey: ["quotas"] }),
  });
  const send = (event: SubmitEvent): void => {
    event.preventDefault();
    set.mutate();
  };
  return (
    <form className="row" style={{ marginTop: 10 }} aria-label={`Change the limits of ${name}`} onSubmit={send}>
      <select aria-label="Resource" value={resource} onChange={(event) => setResource(event.target.value)}>
        {[...new Set([...RESOURCES, ...Object.keys(use.quota?.limits ?? {})])].map((each) => (
          <option key={each}>{each}</option>
        ))}
      </select>
      <input aria-label="Limit" placeholder="no limit" size={10} value={text} onChange={(event) => setText(event.target.value)} />
      <button type="submit" disabled={set.isPending || (isEmpty && !isBound)}>
        {isEmpty && isBound ? "Take the limit away" : "Set the limit"}
      </button>
      <Fault error={set.error} />
    </form>
  );
}

interface RowProps {
  readonly resource: string;
  readonly used: bigint | undefined;
  readonly limit: bigint | undefined;
  readonly guaranteed: bigint | undefined;
}

function Row({ resource, used, limit, guaranteed }: RowProps): JSX.Element {
  const part = share(used ?? 0n, limit);
  const shown = (value: bigint | undefined): string => (value === undefined ? "–" : amount(resource, value));
  return (
    <tr>
      <td>{resource}</td>
      <td className="right num">{shown(used)}</td>
      <td className="right num">{shown(limit)}</td>
      <td className="right num">{shown(guaranteed)}</td>
      <td>
        {part !== undefined && (
          <div className="meter" title={`${String(Math.round(part * 100))} % of the limit`}>
            <i className={part >= 1 ? "full" : ""} style={{ width: `${String(part * 100)}%` }} />
          </div>
        )}
      </td>
    </tr>
  );
}
