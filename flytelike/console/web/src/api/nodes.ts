// The nodes of an execution, of which only the pages that are looked at are fetched.
import { keepPreviousData, useQueries, useQuery } from "@tanstack/react-query";
import type { NodePhase } from "../lib/phases";
import type { RunNode } from "../gen/flytelike/service/console_pb";
import { type RunId, pages } from "./client";
import { keys } from "./keys";

export const PAGE = 100;

export interface NodeFilter {
  readonly phases: readonly NodePhase[];
  readonly text: string;
  /** Only the nodes in this one; undefined for nodes at any depth. */
  readonly parent: string | undefined;
}

export interface NodePages {
  readonly total: number;
  readonly pending: boolean;
  readonly error: Error | null;
  readonly at: (index: number) => RunNode | undefined;
}

/** The nodes on the pages from `first` to `last` of those that a filter lets through. */
export function useNodePages(id: RunId, filter: NodeFilter, first: number, last: number): NodePages {
  const query = (page: number) => ({
    queryKey: [...keys.nodes(id), filter, page],
    queryFn: () =>
      pages.listRunNodes({
        id,
        phases: [...filter.phases],
        text: filter.text,
        parent: filter.parent ?? "",
        deep: filter.parent === undefined,
        offset: page * PAGE,
        limit: PAGE,
      }),
    placeholderData: keepPreviousData,
  });
  const top = useQuery(query(0));
  const total = top.data?.total ?? 0;
  const to = Math.min(last, Math.floor(Math.max(0, total - 1) / PAGE));
  const numbers = Array.from({ length: Math.max(0, to - first + 1) }, (_, index) => first + index);
  const found = useQueries({ queries: numbers.map(query) });
  const byPage = new Map(numbers.map((page, index) => [page, found[index]?.data?.nodes]));
  return {
    total,
    pending: top.isPending,
    error: top.error,
    at: (index) => byPage.get(Math.floor(index / PAGE))?.[index % PAGE],
  };
}
