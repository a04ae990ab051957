import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, getRouteApi } from "@tanstack/react-router";
import { type JSX, Suspense, lazy, useCallback, useState } from "react";
import { type RunId, admin, pages } from "../api/client";
import { keys } from "../api/keys";
import { useLiveRun } from "../api/live";
import type { NodeFilter } from "../api/nodes";
import type { GetRunResponse, GraphNode } from "../gen/flytelike/service/console_pb";
import { NODE_FILTERS, runLook } from "../lib/phases";
import { Derive } from "../parts/Derive";
import { Fault } from "../parts/Fault";
import { Gates } from "../parts/Gates";
import { NodeList, nodeRow } from "../parts/NodeList";
import { NodePanel } from "../parts/NodePanel";
import { NodeMeter, Phase } from "../parts/Phase";
import { Tabs } from "../parts/Tabs";
import { Ago, Took } from "../parts/Time";
import { Timeline } from "../parts/Timeline";
import { Trace } from "../parts/Trace";
import { Values } from "../parts/Values";
import { useTitle } from "../parts/title";

const Graph = lazy(() => import("../parts/Graph"));
const route = getRouteApi("/p/$project/$domain/executions/$name");

export const VIEWS = [
  ["nodes", "Nodes"],
  ["graph", "Graph"],
  ["timeline", "Timeline"],
  ["values", "Inputs and outputs"],
] as const;

export type View = (typeof VIEWS)[number][0];

/** An execution: its nodes three ways, and one of them down to its bytes. */
export function Execution(): JSX.Element {
  const id = route.useParams();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const found = useQuery({ queryKey: keys.run(id), queryFn: () => pages.getRun({ id }) });
  const look = found.data?.run && runLook(found.data.run.phase);
  useTitle(look ? `${look.sign} ${id.name}` : id.name);
  const liveness = useLiveRun(id, found.data?.sequence, look?.ended ?? false);
  const select = useCallback(
    (path: string | undefined) => void navigate({ search: (old) => ({ ...old, node: path }), replace: true }),
    [navigate],
  );
  const close = useCallback(() => select(undefined), [select]);
  const open = useCallback(
    (path: string | undefined) => void navigate({ search: (old) => ({ ...old, scope: path, node: undefined }) }),
    [navigate],
  );
  if (found.error) {
    return (
      <div className="page">
        <Fault error={found.error} />
      </div>
    );
  }
  const view = search.view ?? "nodes";
  return (
    <>
      {found.data ? <Head id={id} data={found.data} liveness={liveness} onNode={select} /> : <div className="head" style={{ minHeight: 76 }} />}
      <Tabs label="Views of the execution" value={view} tabs={VIEWS} onChange={(next) => void navigate({ search: (old) => ({ ...old, view: next as View }) })}>
        <div className="split">
          <div className="left">{found.data && <Body id={id} data={found.data} view={view} onSelect={select} onScope={open} />}</div>
          {search.node !== undefined && <NodePanel key={search.node} id={id} path={search.node} onClose={close} onScope={open} />}
        </div>
      </Tabs>
    </>
  );
}

interface BodyProps {
  readonly id: RunId;
  readonly data: GetRunResponse;
  readonly view: View;
  readonly onSelect: (path: string | undefined) => void;
  readonly onScope: (path: string | undefined) => void;
}

function Body({ id, data, view, onSelect, onScope }: BodyProps): JSX.Element {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const filter: NodeFilter = {
    phases: NODE_FILTERS.find(({ word }) => word === search.phase)?.phases ?? [],
    text: search.text ?? "",
    parent: search.scope,
  };
  if (view === "values") {
    return (
      <div className="page">
        <div className="columns">
          <Values id={id} path="" state={String(data.run?.phase)} />
        </div>
      </div>
    );
  }
  return (
    <>
      {view !== "graph" && (
        <div className="bar" role="search">
          <input type="search" aria-label="Node" placeholder="Node" value={search.text ?? ""} onChange={(event) => void navigate({ search: (old) => ({ ...old, text: event.target.value || undefined }), replace: true })} />
          {NODE_FILTERS.map(({ word }) => (
            <button key={word} type="button" aria-pressed={search.phase === word} onClick={() => void navigate({ search: (old) => ({ ...old, phase: old.phase === word ? undefined : word }), replace: true })}>
              {word}
            </button>
          ))}
        </div>
      )}
      {search.scope !== undefined && (
        <div className="bar">
          <button type="button" onClick={() => onScope(undefined)}>
            All nodes
          </button>
          <span className="soft">in</span> <code>{search.scope}</code>
        </div>
      )}
      {view === "nodes" && (
        <NodeList
          id={id}
          filter={filter}
          selected={search.node}
          onSelect={onSelect}
          columns="nodes"
          head={
            <>
              <span>Node</span>
              <span>Phase</span>
              <span className="right">Ran</span>
              <span>Kind</span>
              <span>What it says</span>
            </>
          }
          row={nodeRow}
        />
      )}
      {view === "timeline" && data.run && <Timeline id={id} run={data.run} filter={filter} selected={search.node} onSelect={onSelect} />}
      {view === "graph" && <RunGraph id={id} scope={search.scope ?? ""} selected={search.node} onSelect={onSelect} onScope={onScope} />}
    </>
  );
}

interface GraphProps {
  readonly id: RunId;
  readonly scope: string;
  readonly selected: string | undefined;
  readonly onSelect: (path: string | undefined) => void;
  readonly onScope: (path: string | undefined) => void;
}

function RunGraph({ id, scope, selected, onSelect, onScope }: GraphProps): JSX.Element {
  const navigate = route.useNavigate();
  const found = useQuery({
    queryKey: [...keys.graph(id), scope],
    queryFn: () => pages.drawGraph({ of: { case: "run", value: { executionId: id, nodeId: scope } } }),
  });
  const select = useCallback(
    (node: GraphNode) => {
      if (node.count > 1) void navigate({ search: (old) => ({ ...old, view: "nodes", text: node.name === "nodes" ? undefined : node.name }) });
      else if (node.path) onSelect(node.path);
    },
    [navigate, onSelect],
  );
  const open = useCallback((node: GraphNode) => node.path && onScope(node.path), [onScope]);
  if (found.error) return <Fault error={found.error} />;
  if (!found.data) return <div className="graph empty">Loading…</div>;
  return (
    <Suspense fallback={<div className="graph empty">Loading…</div>}>
      {found.data.total > found.data.nodes.length && (
        <div className="bar soft">
          {found.data.total.toLocaleString()} nodes, like ones folded into {found.data.nodes.length}
        </div>
      )}
      <Graph graph={found.data} selected={selected} onSelect={select} onOpen={open} />
    </Suspense>
  );
}

interface HeadProps {
  readonly id: RunId;
  readonly data: GetRunResponse;
  readonly liveness: string;
  readonly onNode: (path: string) => void;
}

function Head({ id, data, liveness, onNode }: HeadProps): JSX.Element | null {
  const [deriving, setDeriving] = useState(false);
  const client = useQueryClient();
  const abort = useMutation({
    mutationFn: () => admin.terminateExecution({ id, cause: "aborted in the console" }),
    onSettled: () => client.invalidateQueries({ queryKey: keys.run(id) }),
  });
  const run = data.run;
  if (!run) return null;
  const look = runLook(run.phase);
  const place = { project: id.project, domain: id.domain };
  return (
    <>
      <div className="head">
        <div style={{ minWidth: 0 }}>
          <h1>{run.name}</h1>
          <div className="soft">
            <Link to="/p/$project/$domain/workflows/$entity" params={{ ...place, entity: data.workflow?.name ?? "" }} search={{ version: data.workflow?.version }}>
              {run.launched?.name}
            </Link>{" "}
            <span className="tag" title={run.launched?.version}>
              {run.launched?.version.slice(0, 12)}
            </span>{" "}
            by {run.user || "nobody known"}
          </div>
        </div>
        <span className="grow" />
        <Phase look={look} />
        {liveness === "lost" && <span className="soft">connecting again</span>}
        <span className="soft">
          <Took from={run.startedAt} to={run.endedAt} />, <Ago at={run.createdAt} />
        </span>
        <NodeMeter counts={data.nodes} />
        {look.ended ? (
          <button type="button" onClick={() => setDeriving(true)}>
            Execute again
          </button>
        ) : (
          <button type="button" className="danger" disabled={abort.isPending} onClick={() => abort.mutate()}>
            Abort
          </button>
        )}
        <Link className="button" to="/p/$project/$domain/launch/$entity" params={{ ...place, entity: run.launched?.name ?? "" }} search={{ version: run.launched?.version, like: run.name }}>
          Launch like this
        </Link>
      </div>
      <About id={id} data={data} onNode={onNode} />
      <Fault error={abort.error} />
      {deriving && <Derive id={id} launched={run.launched} onClose={() => setDeriving(false)} />}
    </>
  );
}

/** What is out of the ordinary: errors, gates, where it came from and what came of it. */
function About({ id, data, onNode }: Omit<HeadProps, "liveness">): JSX.Element {
  const [whole, setWhole] = useState(false);
  const run = data.run;
  const others = [
    ...(run?.parent ? [["called by", run.parent] as const] : []),
    ...(run?.reference ? [["made from", run.reference] as const] : []),
    ...data.derived.slice(0, 3).map((name) => ["made from this", name] as const),
  ];
  return (
    <div style={{ padding: "0 14px" }}>
      {others.length > 0 && (
        <p className="row soft">
          {others.map(([words, name]) => (
            <span key={name}>
              {words}{" "}
              <Link to="/p/$project/$domain/executions/$name" params={{ ...id, name }}>
                {name}
              </Link>
              {words === "made from this" && (
                <>
                  {" "}
                  (
                  <Link to="/p/$project/$domain/compare" params={id} search={{ a: id.name, b: name }}>
                    compare
                  </Link>
                  )
                </>
              )}
            </span>
          ))}
        </p>
      )}
      {data.abortCause && <p className="notice">Aborted: {data.abortCause}</p>}
      {!data.abortCause && run?.message && (
        <div className="fault row" role="status">
          <strong className="mono grow" style={{ overflowWrap: "anywhere" }}>
            {run.message}
          </strong>
          {data.failedPath && (
            <button type="button" onClick={() => onNode(data.failedPath)}>
              Show the node
            </button>
          )}
          <button type="button" className="plain" aria-expanded={whole} onClick={() => setWhole(!whole)}>
            {whole ? "Less" : "More"}
          </button>
        </div>
      )}
      {whole && (
        <div style={{ maxHeight: "40vh", overflow: "auto" }}>
          <Trace error={data.error} />
        </div>
      )}
      {run && !run.endedAt && <Gates id={id} state={String(data.sequence)} />}
    </div>
  );
}
