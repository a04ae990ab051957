import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { JSX, KeyboardEvent } from "react";
import { tenancy } from "../api/client";
import { keys } from "../api/keys";
import type { QuotaPlace, QuotaQueueEntry } from "../gen/flytelike/service/tenancy_pb";
import { asksWords, shortfallWords } from "../lib/waits";
import { Fault } from "./Fault";
import { Ago } from "./Time";

const ROWS = 50;
const AGAIN_MS = 10_000;
const TURN = "its turn: what it asks for is free, and others come first by fair shares";

interface Props {
  readonly place: QuotaPlace | undefined;
  readonly name: string;
  readonly opened: boolean;
}

/** Who waits at a place and below it, and for what: who is next in each line stands first. */
export function Queue({ place, name, opened }: Props): JSX.Element {
  const { team = "", project = "", domain = "" } = place ?? {};
  const found = useInfiniteQuery({
    queryKey: keys.queue(team, project, domain),
    queryFn: ({ pageParam }) => tenancy.listQuotaQueue({ place: { team, project, domain }, limit: ROWS, token: pageParam }),
    initialPageParam: "",
    getNextPageParam: (last) => last.token || undefined,
    refetchInterval: AGAIN_MS,
  });
  // Whoever moves on between two pages stands on both.
  const entries = [...new Map(found.data?.pages.flatMap((page) => page.entries).map((entry) => [named(entry), entry])).values()];
  const { waiting = 0, unnamed = 0 } = found.data?.pages.at(-1) ?? {};
  const left = waiting - unnamed - entries.length;
  if (found.error) return <Fault error={found.error} />;
  if (!found.data) return <p className="soft queue">Looking who waits…</p>;
  if (waiting === 0) return <p className="soft queue">Nobody waits here.</p>;
  return (
    <details className="queue" open={opened}>
      <summary>
        <strong className="num">{waiting.toLocaleString()}</strong> {waiting === 1 ? "waits" : "wait"}
        {unnamed > 0 && <span className="soft">, {unnamed.toLocaleString()} of them in projects that you may not read</span>}
      </summary>
      {entries.length > 0 && <Entries entries={entries} name={name} domain={domain} />}
      {found.hasNextPage ? (
        <button type="button" disabled={found.isFetchingNextPage} onClick={() => void found.fetchNextPage()}>
          Show more of {left.toLocaleString()}
        </button>
      ) : (
        left > 0 && <p className="soft">{left.toLocaleString()} more wait, of these executions and others.</p>
      )}
    </details>
  );
}

const named = ({ execution, wait }: QuotaQueueEntry): string =>
  [execution?.project, execution?.domain, execution?.name, wait?.nodeId, wait?.attempt].join("/");

function Entries({ entries, name, domain }: { readonly entries: readonly QuotaQueueEntry[]; readonly name: string; readonly domain: string }): JSX.Element {
  return (
    // The table takes keys as a whole; each row has a link.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions, jsx-a11y/no-noninteractive-tabindex
    <div className="scroll" onKeyDown={move} tabIndex={0} role="group" aria-label={`Who waits at ${name}`}>
      <table>
        <thead>
          <tr>
            <th scope="col">Place</th>
            <th scope="col">Execution</th>
            <th scope="col" className="right hide">
              Priority
            </th>
            <th scope="col">Since</th>
            <th scope="col" className="hide">
              Asks for
            </th>
            <th scope="col" className="hide">
              In its way
            </th>
          </tr>
        </thead>
        <tbody>
          {entries.map((entry) => (
            <Entry key={named(entry)} entry={entry} inDomain={domain !== ""} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Entry({ entry, inDomain }: { readonly entry: QuotaQueueEntry; readonly inDomain: boolean }): JSX.Element {
  const { execution, wait } = entry;
  const { project = "", domain = "", name = "" } = execution ?? {};
  const asks = asksWords(wait?.asks ?? {});
  const inTheWay = wait?.shortfalls.length ? wait.shortfalls.map((short, index) => <div key={index}>{shortfallWords(short)}</div>) : <span className="soft">{TURN}</span>;
  return (
    <tr>
      <td className="num">
        <span style={{ whiteSpace: "nowrap" }}>
          {wait?.place.toLocaleString()} of {wait?.of.toLocaleString()}
        </span>
      </td>
      <td className="name">
        <Link to="/p/$project/$domain/executions/$name" params={{ project, domain, name }} search={wait?.nodeId ? { node: wait.nodeId } : {}} data-wait="">
          {name}
        </Link>{" "}
        <span className="soft mono">{wait?.nodeId ? attemptWords(wait.nodeId, wait.attempt) : "the execution"}</span>
        {!inDomain && (
          <div className="soft">
            {project} / {domain}
          </div>
        )}
        <div className="narrow">
          <div className="soft">{asks}</div>
          {inTheWay}
        </div>
      </td>
      <td className="right num hide">{wait?.priority}</td>
      <td className="soft">
        <Ago at={wait?.since} />
      </td>
      <td className="soft hide">{asks}</td>
      <td className="hide">{inTheWay}</td>
    </tr>
  );
}

const attemptWords = (node: string, attempt: number): string => (attempt > 0 ? `${node}, attempt ${String(attempt + 1)}` : node);

/** Goes from row to row by j, k and arrows. */
function move(event: KeyboardEvent<HTMLElement>): void {
  const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[event.key];
  if (step === undefined || event.metaKey || event.ctrlKey) return;
  event.preventDefault();
  const links = [...event.currentTarget.querySelectorAll<HTMLElement>("a[data-wait]")];
  const at = links.findIndex((link) => link === document.activeElement);
  links[at < 0 ? 0 : at + step]?.focus();
}
