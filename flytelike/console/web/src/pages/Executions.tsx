import { keepPreviousData, useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { Link, getRouteApi, useNavigate } from "@tanstack/react-router";
import { type JSX, type KeyboardEvent, useCallback, useDeferredValue, useMemo, useRef, useState } from "react";
import { admin, pages } from "../api/client";
import { keys } from "../api/keys";
import { useLiveDomain } from "../api/live";
import type { RunRow } from "../gen/flytelike/service/console_pb";
import { type RunSearch, SINCE, runFilters } from "../lib/filters";
import { RUN_FILTERS, runLook } from "../lib/phases";
import { Empty, Fault } from "../parts/Fault";
import { Phase } from "../parts/Phase";
import { Rows } from "../parts/Rows";
import { SavedViews } from "../parts/SavedViews";
import { Ago, Took } from "../parts/Time";
import { useTitle } from "../parts/title";

const route = getRouteApi("/p/$project/$domain/executions");
const AHEAD = 30;
const COUNTED_MAX = 10_000;

/** The executions of a domain; what is shown is in the address. */
export function Executions(): JSX.Element {
  const place = route.useParams();
  const search = route.useSearch();
  const navigate = useNavigate();
  const client = useQueryClient();
  useTitle(`Executions in ${place.project} / ${place.domain}`);
  const liveness = useLiveDomain(place);
  const text = useDeferredValue(search.text ?? "");
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const found = useInfiniteQuery({
    queryKey: [...keys.domain(place), "runs", { ...search, text }],
    queryFn: ({ pageParam }) => pages.listRuns({ place, text, filters: runFilters(search, Date.now()), limit: 100, token: pageParam }),
    initialPageParam: "",
    getNextPageParam: (last) => last.token || undefined,
    placeholderData: keepPreviousData,
  });
  const abort = useMutation({
    mutationFn: (names: readonly string[]) =>
      Promise.all(names.map((name) => admin.terminateExecution({ id: { ...place, name }, cause: "aborted in the console" }))),
    onSettled: () => {
      setChosen(new Set());
      void client.invalidateQueries({ queryKey: keys.domain(place) });
    },
  });
  const rows = useMemo(() => found.data?.pages.flatMap((page) => page.runs) ?? [], [found.data]);
  const total = found.data?.pages[0]?.total ?? 0;
  const box = useRef<HTMLDivElement>(null);
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = found;
  const seen = useCallback(
    (_first: number, last: number) => {
      if (last >= rows.length - AHEAD && hasNextPage && !isFetchingNextPage) void fetchNextPage();
    },
    [rows.length, hasNextPage, isFetchingNextPage, fetchNextPage],
  );
  const change = (more: RunSearch): void => {
    void navigate({ to: ".", search: { ...search, ...more }, replace: true });
  };
  const move = (event: KeyboardEvent<HTMLDivElement>): void => {
    const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const links = [...event.currentTarget.querySelectorAll<HTMLElement>("a[data-run]")];
    const at = (link: Element | null): number => Number(link?.closest("[data-row]")?.getAttribute("data-row") ?? Number.NaN);
    const current = at(document.activeElement);
    // From outside of the rows one comes to the first that there is.
    const next = Number.isNaN(current) ? Math.min(...links.map(at)) : current + step;
    links.find((link) => at(link) === next)?.focus();
  };
  const draw = useCallback(
    (run: RunRow) => <Run run={run} chosen={chosen.has(run.name)} onToggle={setChosen} place={place} />,
    [chosen, place],
  );
  return (
    <>
      <h1 className="sr">Executions</h1>
      <Filters search={search} onChange={change} />
      <div className="bar soft num" role="status" style={{ paddingTop: 4, paddingBottom: 4, minHeight: 37 }}>
        {total >= COUNTED_MAX ? `more than ${COUNTED_MAX.toLocaleString()}` : total.toLocaleString()} executions
        {liveness === "lost" && ", connecting again"}
        <SavedViews key={`${place.project}/${place.domain}`} place={place} search={search} onOpen={(next) => void navigate({ to: ".", search: next })} />
        {chosen.size > 0 && (
          <button type="button" className="danger" disabled={abort.isPending} onClick={() => abort.mutate([...chosen])}>
            Abort {chosen.size}
          </button>
        )}
      </div>
      <Fault error={found.error ?? abort.error} />
      {/* The list takes keys as a whole; each row has a link. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions, jsx-a11y/no-noninteractive-tabindex */}
      <div className="list" ref={box} onKeyDown={move} tabIndex={0} role="group" aria-label="Executions">
        <div className="list-head runs">
          <span />
          <span>Phase</span>
          <span>Execution</span>
          <span>Launched</span>
          <span>Created</span>
          <span className="right">Took</span>
          <span>Error</span>
        </div>
        {found.isSuccess && rows.length === 0 && (
          <Empty command={`flytelike execute FILE.py WORKFLOW --project ${place.project} --domain ${place.domain}`}>No execution is like that.</Empty>
        )}
        <Rows box={box} count={rows.length} at={(index) => rows[index]} draw={draw} columns="runs" isOn={(run) => chosen.has(run.name)} onSeen={seen} />
      </div>
    </>
  );
}

interface RunProps {
  readonly run: RunRow;
  readonly chosen: boolean;
  readonly onToggle: (change: (old: ReadonlySet<string>) => ReadonlySet<string>) => void;
  readonly place: { readonly project: string; readonly domain: string };
}

function Run({ run, chosen, onToggle, place }: RunProps): JSX.Element {
  const look = runLook(run.phase);
  const toggle = (): void =>
    onToggle((old) => {
      const next = new Set(old);
      if (!next.delete(run.name)) next.add(run.name);
      return next;
    });
  return (
    <>
      <input type="checkbox" aria-label={`Choose ${run.name}`} checked={chosen} disabled={look.ended} onChange={toggle} />
      <Phase look={look} />
      <Link to="/p/$project/$domain/executions/$name" params={{ ...place, name: run.name }} className="cut" data-run="">
        {run.name}
      </Link>
      <span className="soft cut" title={run.launched?.name}>
        {run.launched?.name}
      </span>
      <span className="soft">
        <Ago at={run.createdAt} />
      </span>
      <span className="right">
        <Took from={run.startedAt} to={run.endedAt} />
      </span>
      <span className="bad cut" title={run.message}>
        {run.message}
      </span>
    </>
  );
}

interface FiltersProps {
  readonly search: RunSearch;
  readonly onChange: (more: RunSearch) => void;
}

function Filters({ search, onChange }: FiltersProps): JSX.Element {
  return (
    <div className="bar" role="search">
      <input type="search" aria-label="Name" placeholder="Name" value={search.text ?? ""} onChange={(event) => onChange({ text: event.target.value || undefined })} />
      {RUN_FILTERS.map(({ word }) => (
        <button key={word} type="button" aria-pressed={search.phase === word} onClick={() => onChange({ phase: search.phase === word ? undefined : word })}>
          {word}
        </button>
      ))}
      <select aria-label="Created within" value={search.since ?? ""} onChange={(event) => onChange({ since: event.target.value || undefined })}>
        <option value="">any time</option>
        {SINCE.map(({ word }) => (
          <option key={word}>{word}</option>
        ))}
      </select>
      {search.workflow && (
        <button type="button" onClick={() => onChange({ workflow: undefined })}>
          {search.workflow} <span aria-label="remove">✕</span>
        </button>
      )}
      <button type="button" aria-pressed={search.children === true} onClick={() => onChange({ children: search.children ? undefined : true })}>
        with children
      </button>
      <button type="button" aria-pressed={search.archived === true} onClick={() => onChange({ archived: search.archived ? undefined : true })}>
        archived
      </button>
    </div>
  );
}
