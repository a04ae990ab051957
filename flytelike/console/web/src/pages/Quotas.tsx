import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import type { JSX } from "react";
import { tenancy } from "../api/client";
import { keys } from "../api/keys";
import type { QuotaPlace, QuotaUse } from "../gen/flytelike/service/tenancy_pb";
import { amount, share } from "../lib/amounts";
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
    </section>
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
