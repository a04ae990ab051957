import { type UseQueryResult, useQuery } from "@tanstack/react-query";
import type { ListQuotasResponse, QuotaPlace, QuotaUse } from "../gen/flytelike/service/tenancy_pb";
import { tenancy } from "./client";
import { keys } from "./keys";

const PAGE = 500;
const AGAIN_MS = 10_000;

interface Found {
  readonly answer: UseQueryResult<ListQuotasResponse>;
  /** Of the platform, the project's team, the project, and its domains. */
  readonly uses: readonly QuotaUse[] | undefined;
}

/** What counts for whatever runs in a project, and what is used of it, again and again. */
export function useQuotas(project: string): Found {
  const answer = useQuery({
    queryKey: keys.quotas,
    queryFn: () => tenancy.listQuotas({ limit: PAGE, used: true }),
    refetchInterval: AGAIN_MS,
  });
  const team = answer.data?.quotas.find(({ quota }) => quota?.place?.project === project)?.team;
  return { answer, uses: answer.data?.quotas.filter(({ quota }) => concerns(quota?.place, project, team)) };
}

function concerns(of: QuotaPlace | undefined, project: string, team: string | undefined): boolean {
  if (of === undefined || (of.project === "" && of.team === "")) return true;
  return of.project === project || (of.team !== "" && of.team === team);
}
