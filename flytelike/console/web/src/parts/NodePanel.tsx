import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type JSX, useEffect, useRef, useState } from "react";
import { type RunId, maintenance, pages } from "../api/client";
import { keys } from "../api/keys";
import { CatalogCacheStatus } from "../gen/flytelike/core/catalog_pb";
import type { GetRunNodeResponse, RunAttempt } from "../gen/flytelike/service/console_pb";
import { cacheWords, nodeLook, taskLook } from "../lib/phases";
import { ms } from "../lib/time";
import { type Use, uses } from "../lib/usage";
import { Elements } from "./Elements";
import { Fault } from "./Fault";
import { Gates } from "./Gates";
import { Log } from "./Log";
import { Phase } from "./Phase";
import { Tabs } from "./Tabs";
import { Ago, Took } from "./Time";
import { Trace } from "./Trace";
import { Values } from "./Values";

interface Props {
  readonly id: RunId;
  readonly path: string;
  readonly onClose: () => void;
  readonly onScope: (path: string) => void;
}

/** All that is known of a node. */
export function NodePanel({ id, path, onClose, onScope }: Props): JSX.Element {
  const found = useQuery({
    queryKey: keys.node(id, path),
    queryFn: () => pages.getRunNode({ id: { executionId: id, nodeId: path } }),
    placeholderData: (old, query) => (query?.queryKey[4] === path ? keepPreviousData(old) : undefined),
  });
  const title = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    const close = (event: KeyboardEvent): void => {
      if (event.key === "Escape" && !document.querySelector("dialog[open]")) onClose();
    };
    document.addEventListener("keydown", close);
    return () => document.removeEventListener("keydown", close);
  }, [onClose]);
  const node = found.data?.node;
  return (
    <aside className="side" aria-label="Node">
      <div className="head" style={{ flexWrap: "nowrap" }}>
        <div className="grow">
          <h1 ref={title}>{node ? node.name || node.id : path}</h1>
          <code className="soft">{path}</code>
        </div>
        {node && <Phase look={nodeLook(node.phase, node.cacheStatus)} />}
        {node && (node.isParent || node.isDynamic) && (
          <button type="button" onClick={() => onScope(path)}>
            Open
          </button>
        )}
        <button type="button" className="plain" onClick={onClose} aria-label="Close">
          ✕
        </button>
      </div>
      {found.error ? <Fault error={found.error} /> : found.data && <Views key={path} id={id} path={path} data={found.data} />}
    </aside>
  );
}

interface ViewsProps {
  readonly id: RunId;
  readonly path: string;
  readonly data: GetRunNodeResponse;
}

function Views({ id, path, data }: ViewsProps): JSX.Element {
  const array = data.node?.elements !== undefined;
  const [view, setView] = useState(array ? "elements" : "summary");
  const [attempt, setAttempt] = useState<number>();
  const last = data.attempts.at(-1)?.number;
  const shown = attempt ?? last;
  const tabs: (readonly [string, string])[] = [["summary", "Summary"]];
  if (array) tabs.push(["elements", "Elements"]);
  else if (last !== undefined) tabs.push(["log", "Log"]);
  tabs.push(["values", "Inputs and outputs"]);
  if (data.deckUrl) tabs.push(["deck", "Report"]);
  return (
    <Tabs label="Views of the node" value={view} tabs={tabs} onChange={setView}>
      <div className="body">
        {view === "summary" && <Summary id={id} path={path} data={data} />}
        {view === "elements" && <Elements id={id} path={path} />}
        {view === "log" && shown !== undefined && (
          <>
            {data.attempts.length > 1 && (
              <div className="chips" style={{ marginBottom: 8 }}>
                {data.attempts.map((one) => (
                  <button type="button" key={one.number} aria-pressed={shown === one.number} onClick={() => setAttempt(one.number)}>
                    Attempt {one.number + 1}
                  </button>
                ))}
              </div>
            )}
            <Log key={shown} id={id} path={path} attempt={shown} />
          </>
        )}
        {view === "values" && <Values id={id} path={path} state={data.hasOutputs ? "ended" : "begun"} />}
        {view === "deck" && <iframe className="deck" title="Report" sandbox="allow-scripts" src={sameOrigin(data.deckUrl)} />}
      </div>
    </Tabs>
  );
}

/** The report's address on the host that the page came from, whatever name the platform gives itself. */
const sameOrigin = (url: string): string => {
  const found = new URL(url, location.origin);
  return found.pathname + found.search;
};

function Summary({ id, path, data }: ViewsProps): JSX.Element {
  const { node, attempts } = data;
  const queued = useQuery({
    queryKey: [...keys.node(id, path), "queued"],
    queryFn: () => maintenance.listQueued({ id }),
    enabled: node !== undefined && !node.endedAt,
  });
  const inLine = queued.data?.attempts.find((one) => one.nodeId === path || one.nodeId.startsWith(`${path}.`));
  if (!node) return <></>;
  return (
    <>
      {node.waits && !inLine && (
        <div className="notice" role="status">
          Waits for {node.waits}
        </div>
      )}
      {inLine && (
        <div className="notice" role="status">
          Waits for {inLine.what}: {inLine.place} of {inLine.of} in line
        </div>
      )}
      <Gates id={id} path={path} state={String(node.sequence)} />
      <Trace error={data.error} />
      <dl className="facts">
        <dt>Created</dt>
        <dd>
          <Ago at={node.createdAt} />
        </dd>
        <dt>Waited</dt>
        <dd>
          <Took from={node.createdAt} to={node.ranAt ?? node.startedAt ?? node.endedAt} />
        </dd>
        <dt>Ran</dt>
        <dd>
          <Took from={node.ranAt ?? node.startedAt} to={node.endedAt} />
        </dd>
        {attempts[0]?.task && (
          <>
            <dt>Task</dt>
            <dd>
              <Link
                to="/p/$project/$domain/tasks/$entity"
                params={{ project: attempts[0].task.project || id.project, domain: attempts[0].task.domain || id.domain, entity: attempts[0].task.name }}
                search={{ version: attempts[0].task.version }}
              >
                {attempts[0].task.name}
              </Link>
            </dd>
          </>
        )}
        {node.child && (
          <>
            <dt>Execution</dt>
            <dd>
              <Link to="/p/$project/$domain/executions/$name" params={{ ...id, name: node.child }}>
                {node.child}
              </Link>
            </dd>
          </>
        )}
        {node.cacheStatus !== CatalogCacheStatus.CACHE_DISABLED && (
          <>
            <dt>Cache</dt>
            <dd>
              {cacheWords[node.cacheStatus]}
              {data.cacheWhy && `: ${data.cacheWhy}`}
              {data.cacheSource && (
                <>
                  , computed by{" "}
                  <Link to="/p/$project/$domain/executions/$name" params={{ ...id, name: data.cacheSource }}>
                    {data.cacheSource}
                  </Link>
                </>
              )}
            </dd>
          </>
        )}
        {node.note && (
          <>
            <dt>Note</dt>
            <dd>{node.note}</dd>
          </>
        )}
      </dl>
      {attempts.length > 0 && <Attempts attempts={attempts} />}
    </>
  );
}

function Attempts({ attempts }: { readonly attempts: readonly RunAttempt[] }): JSX.Element {
  return (
    <>
      <h3>Attempts</h3>
      <div className="scroll">
        <table>
          <thead>
            <tr>
              <th scope="col">#</th>
              <th scope="col">Phase</th>
              <th scope="col">Began</th>
              <th scope="col">Took</th>
              <th scope="col">Error</th>
            </tr>
          </thead>
          <tbody>
            {attempts.map((one) => (
              <tr key={one.number}>
                <td>{one.number + 1}</td>
                <td>
                  <Phase look={taskLook(one.phase)} />
                </td>
                <td>
                  <Ago at={one.startedAt} />
                </td>
                <td>
                  <Took from={one.startedAt} to={one.endedAt} />
                </td>
                <td>{one.error?.code}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {attempts.map((one) => (
        <Resources key={one.number} attempt={one} alone={attempts.length === 1} />
      ))}
    </>
  );
}

/** What an attempt asked of its machine, and what it used. */
function Resources({ attempt, alone }: { readonly attempt: RunAttempt; readonly alone: boolean }): JSX.Element {
  const began = ms(attempt.startedAt);
  const ended = ms(attempt.endedAt);
  const tookMs = began === undefined || ended === undefined ? undefined : ended - began;
  const found = uses({ asked: attempt.asked, used: attempt.used, tookMs });
  if (found.length === 0) return <></>;
  const title = alone ? "Resources" : `Resources of attempt ${String(attempt.number + 1)}`;
  return (
    <section aria-label={title}>
      <h3>{title}</h3>
      <dl className="facts">
        {found.map((use) => (
          <Fact key={use.name} use={use} />
        ))}
      </dl>
    </section>
  );
}

function Fact({ use: { name, text, part } }: { readonly use: Use }): JSX.Element {
  return (
    <>
      <dt>{name}</dt>
      <dd className="num">
        {text}
        {part !== undefined && (
          <div className="meter" aria-hidden="true" title={`${String(Math.round(part * 100))} % of the most it may use`} style={{ maxWidth: 220, marginTop: 3 }}>
            <i className={part >= 0.9 ? "full" : ""} style={{ width: `${String(part * 100)}%` }} />
          </div>
        )}
      </dd>
    </>
  );
}
