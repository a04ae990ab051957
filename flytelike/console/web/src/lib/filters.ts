// What the address says of a list, and the same in the API's filter language.
import { RUN_FILTERS } from "./phases";

export interface RunSearch {
  readonly phase?: string | undefined;
  readonly text?: string | undefined;
  readonly workflow?: string | undefined;
  readonly user?: string | undefined;
  readonly since?: string | undefined;
  readonly children?: boolean | undefined;
  readonly archived?: boolean | undefined;
}

const word = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? value : typeof value === "number" ? String(value) : undefined;

/** What an address says; anything that is not understood is left out. */
export const runSearch = (search: Record<string, unknown>): RunSearch => ({
  phase: RUN_FILTERS.some((filter) => filter.word === search["phase"]) ? word(search["phase"]) : undefined,
  text: word(search["text"]),
  workflow: word(search["workflow"]),
  user: word(search["user"]),
  since: SINCE.some((choice) => choice.word === search["since"]) ? word(search["since"]) : undefined,
  children: search["children"] === true ? true : undefined,
  archived: search["archived"] === true ? true : undefined,
});

export const SINCE: readonly { readonly word: string; readonly hours: number }[] = [
  { word: "1h", hours: 1 },
  { word: "24h", hours: 24 },
  { word: "7d", hours: 24 * 7 },
  { word: "30d", hours: 24 * 30 },
];

/** The filters of a search, as ListRuns takes them. */
export function runFilters(search: RunSearch, now: number): string {
  const parts: string[] = [];
  const phases = RUN_FILTERS.find((filter) => filter.word === search.phase)?.phases;
  if (phases) parts.push(`value_in(phase,${phases.join(";")})`);
  if (search.workflow) parts.push(`eq(launch_plan.name,${search.workflow})`);
  if (search.user) parts.push(`eq(user,${search.user})`);
  const since = SINCE.find((choice) => choice.word === search.since);
  if (since) parts.push(`gte(created_at,${new Date(now - since.hours * 3_600_000).toISOString()})`);
  if (!search.children) parts.push("eq(parent_execution_name,)");
  parts.push(`eq(state,${search.archived ? 1 : 0})`);
  return parts.join("+");
}
