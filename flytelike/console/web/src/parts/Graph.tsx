import "@xyflow/react/dist/style.css";
import { useQuery } from "@tanstack/react-query";
import { Background, Controls, type Edge, Handle, type Node, type NodeProps, Position, ReactFlow } from "@xyflow/react";
import { type JSX, useMemo, useSyncExternalStore } from "react";
import type { DrawGraphResponse, GraphNode } from "../gen/flytelike/service/console_pb";
import { NODE_FILTERS, nodeLook } from "../lib/phases";
import { Phase } from "./Phase";
import { type Direction, NODE_WIDTH, layout } from "./layout";

interface Props {
  readonly graph: DrawGraphResponse;
  readonly selected?: string | undefined;
  readonly onSelect: (node: GraphNode) => void;
  readonly onOpen?: ((node: GraphNode) => void) | undefined;
}

type Card = Node<{ readonly of: GraphNode; readonly direction: Direction; readonly on: boolean; readonly select: () => void; readonly open: (() => void) | undefined }>;

const TYPES = { card: CardNode };

const narrow = matchMedia("(max-width: 860px)");

/** Which way graphs go: down where the window is narrow, or nodes would be too small to be read. */
function useDirection(): Direction {
  const isNarrow = useSyncExternalStore(
    (told) => {
      narrow.addEventListener("change", told);
      return () => narrow.removeEventListener("change", told);
    },
    () => narrow.matches,
  );
  return isNarrow ? "DOWN" : "RIGHT";
}

/** A graph, laid out. Nodes are buttons; large groups of like ones are folded. */
export default function Graph({ graph, selected, onSelect, onOpen }: Props): JSX.Element {
  const shape = JSON.stringify([graph.nodes.map(({ id }) => id), graph.edges.map(({ source, target }) => [source, target])]);
  const direction = useDirection();
  const places = useQuery({
    queryKey: ["layout", shape, direction],
    queryFn: async () => {
      const [nodes, edges] = JSON.parse(shape) as [string[], [string, string][]];
      return await layout(nodes, edges, direction);
    },
    staleTime: Infinity,
  });
  const nodes = useMemo<Card[]>(
    () =>
      graph.nodes.map((of) => ({
        id: of.id,
        type: "card",
        position: places.data?.get(of.id) ?? { x: 0, y: 0 },
        data: {
          of,
          direction,
          on: selected !== undefined && of.path === selected,
          select: () => onSelect(of),
          open: onOpen && (of.nested || of.phases.length > 0) ? () => onOpen(of) : undefined,
        },
      })),
    [graph, places.data, direction, selected, onSelect, onOpen],
  );
  const edges = useMemo<Edge[]>(
    () => graph.edges.map(({ source, target }) => ({ id: `${source}>${target}`, source, target })),
    [graph],
  );
  if (!places.data) return <div className="graph empty">Laying out…</div>;
  return (
    <div className="graph">
      <ReactFlow
        key={direction}
        nodes={nodes}
        edges={edges}
        nodeTypes={TYPES}
        fitView
        fitViewOptions={{ maxZoom: 1, padding: direction === "RIGHT" ? 0.15 : 0.03 }}
        minZoom={0.05}
        maxZoom={1.6}
        nodesDraggable={false}
        nodesConnectable={false}
        nodesFocusable={false}
        edgesFocusable={false}
        elementsSelectable={false}
        onNodeClick={(_event, node) => node.data.select()}
        onNodeDoubleClick={(_event, node) => node.data.open?.()}
        onlyRenderVisibleElements
        aria-label="Graph"
      >
        <Background gap={22} size={1} />
        <Controls showInteractive={false} />
      </ReactFlow>
    </div>
  );
}

function CardNode({ data }: NodeProps<Card>): JSX.Element {
  const { of, on } = data;
  const across = data.direction === "RIGHT";
  const worst = NODE_FILTERS.find(({ word, phases }) => word !== "queued" && of.phases.some((it) => phases.includes(it.phase)));
  const phase = of.phases.find((it) => worst?.phases.includes(it.phase))?.phase ?? of.phases[0]?.phase;
  const look = phase === undefined ? undefined : nodeLook(phase);
  const many = of.count > 1 ? `${of.count.toLocaleString()} × ` : "";
  const words = of.condition || (of.kind === "group" ? groupWords(of) : of.kind);
  return (
    <>
      <Handle type="target" position={across ? Position.Left : Position.Top} isConnectable={false} />
      <button
        type="button"
        style={{ width: NODE_WIDTH[data.direction] }}
        className={`gnode nopan b-${look?.tone ?? "none"}${on ? " on" : ""}${of.count > 1 ? " group" : ""}`}
        title={[of.target?.name, of.condition, of.file && `${of.file}:${of.line}`].filter(Boolean).join("\n")}
      >
        <span className="row" style={{ flexWrap: "nowrap", gap: 4 }}>
          {look && <Phase look={look} bare />}
          <strong className="cut">
            {many}
            {of.name}
          </strong>
        </span>
        <span className="soft cut" style={{ display: "block" }}>
          {words}
        </span>
      </button>
      <Handle type="source" position={across ? Position.Right : Position.Bottom} isConnectable={false} />
    </>
  );
}

function groupWords(node: GraphNode): string {
  const parts = NODE_FILTERS.map(({ word, phases }) => {
    const count = node.phases.reduce((sum, it) => sum + (phases.includes(it.phase) ? it.count : 0), 0);
    return count > 0 ? `${count.toLocaleString()} ${word}` : "";
  });
  return parts.filter(Boolean).join(", ") || "group";
}
