// Where the nodes of a graph stand: computed by ELK in a worker, so that the page stays quick.
import type { ELK, ElkNode } from "elkjs/lib/elk-api";
import ElkApi from "elkjs/lib/elk-api.js";
import workerUrl from "elkjs/lib/elk-worker.min.js?url";

const NODE_HEIGHT = 46;

let elk: ELK | undefined;

export type Direction = "RIGHT" | "DOWN";

/** How wide nodes are: less where they stand beside each other on a narrow screen, or they would be too small to be read. */
export const NODE_WIDTH: Readonly<Record<Direction, number>> = { RIGHT: 190, DOWN: 140 };

/** The places of nodes by id, laid out from left to right, or where there is no room for that from above. */
export async function layout(
  nodes: readonly string[],
  edges: readonly (readonly [source: string, target: string])[],
  direction: Direction,
): Promise<ReadonlyMap<string, { readonly x: number; readonly y: number }>> {
  elk ??= new ElkApi({ workerFactory: () => new Worker(workerUrl) });
  const graph: ElkNode = {
    id: "root",
    layoutOptions: {
      "elk.algorithm": "layered",
      "elk.direction": direction,
      "elk.layered.spacing.nodeNodeBetweenLayers": direction === "RIGHT" ? "56" : "34",
      "elk.spacing.nodeNode": direction === "RIGHT" ? "18" : "10",
      "elk.layered.considerModelOrder.strategy": "NODES_AND_EDGES",
    },
    children: nodes.map((id) => ({ id, width: NODE_WIDTH[direction], height: NODE_HEIGHT })),
    edges: edges.map(([source, target], index) => ({ id: `e${index}`, sources: [source], targets: [target] })),
  };
  const done = await elk.layout(graph);
  return new Map((done.children ?? []).map((node) => [node.id, { x: node.x ?? 0, y: node.y ?? 0 }]));
}
