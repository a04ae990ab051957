import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import type { JSX } from "react";
import { tenancy } from "../api/client";
import { keys } from "../api/keys";
import type { QuotaPlace } from "../gen/flytelike/service/tenancy_pb";
import { placeWords } from "../lib/waits";
import { Empty, Fault } from "../parts/Fault";
import { PlaceQuota } from "../parts/PlaceQuota";
import { useTitle } from "../parts/title";

const PAGE = 500;
const AGAIN_MS = 10_000;

/** What the project, its team and the platform may use, what they use now, and who waits there. */
export function Quotas(): JSX.Element {
  const place = useParams({ from: "/p/$project/$domain/quotas" });
  useTitle(`Quotas · ${place.project}`);
  const found = useQuery({
    queryKey: keys.quotas,
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
        <PlaceQuota key={placeWords(use.quota?.place)} use={use} opened={use.quota?.place?.project === place.project && use.quota.place.domain === ""} />
      ))}
    </div>
  );
}

function concerns(of: QuotaPlace | undefined, project: string, team: string | undefined): boolean {
  if (of === undefined || (of.project === "" && of.team === "")) return true;
  return of.project === project || (of.team !== "" && of.team === team);
}
