// News of nodes among the pages that are kept.
import type { ListRunNodesResponse, RunNode } from "../gen/flytelike/service/console_pb";

type Pages = readonly (readonly [readonly unknown[], ListRunNodesResponse | undefined])[];

/** Pages of nodes with changed ones put in their places; `fresh` tells that some stand on no page. */
export function patched(found: Pages, nodes: readonly RunNode[]): { pages: Pages; fresh: boolean } {
  const news = new Map(nodes.map((node) => [node.path, node]));
  const seen = new Set<string>();
  const out = found.flatMap(([key, page]) => {
    if (!page?.nodes.some((node) => news.has(node.path))) return [];
    const changed = page.nodes.map((node) => {
      const other = news.get(node.path);
      if (other) seen.add(node.path);
      return other && other.sequence >= node.sequence ? other : node;
    });
    return [[key, { ...page, nodes: changed }] as const];
  });
  return { pages: out, fresh: seen.size < news.size };
}
