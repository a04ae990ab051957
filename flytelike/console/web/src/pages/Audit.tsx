import { useInfiniteQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import type { JSX } from "react";
import { access } from "../api/client";
import { keys } from "../api/keys";
import type { AuditEntry } from "../gen/flytelike/service/access_pb";
import { Empty, Fault } from "../parts/Fault";
import { Ago } from "../parts/Time";
import { useTitle } from "../parts/title";

const PAGE = 100;

/** Who changed what in a project. */
export function Audit(): JSX.Element {
  const { project } = useParams({ from: "/p/$project/$domain/audit" });
  useTitle(`Audit log · ${project}`);
  const found = useInfiniteQuery({
    queryKey: keys.audit(project),
    initialPageParam: "",
    queryFn: ({ pageParam }) => access.listAuditEntries({ project, limit: PAGE, token: pageParam }),
    getNextPageParam: (last) => last.next || undefined,
  });
  const entries = found.data?.pages.flatMap((page) => page.entries) ?? [];
  return (
    <div className="page wide">
      <h1>Audit log</h1>
      <p className="soft">Each change in {project}, and each attempt at one that was refused.</p>
      <Fault error={found.error} />
      {found.data && entries.length === 0 && (
        <Empty>Nothing is written down yet. Changes are, where the server knows who calls.</Empty>
      )}
      {entries.length > 0 && (
        <table>
          <thead>
            <tr>
              <th scope="col">When</th>
              <th scope="col">Who</th>
              <th scope="col">What</th>
              <th scope="col">Which</th>
              <th scope="col">Outcome</th>
              <th scope="col">From</th>
            </tr>
          </thead>
          <tbody>
            {entries.map((entry) => (
              <EntryRow key={String(entry.id)} entry={entry} />
            ))}
          </tbody>
        </table>
      )}
      {found.hasNextPage && (
        <button type="button" disabled={found.isFetchingNextPage} onClick={() => void found.fetchNextPage()}>
          Older ones
        </button>
      )}
    </div>
  );
}

function EntryRow({ entry }: { readonly entry: AuditEntry }): JSX.Element {
  const fine = entry.outcome === "OK";
  return (
    <tr>
      <td>
        <Ago at={entry.at} />
      </td>
      <td title={`by ${entry.via} ${entry.credential}`}>{entry.actor}</td>
      <td>{entry.method.slice(entry.method.indexOf("/") + 1)}</td>
      <td className="mono">{entry.target}</td>
      <td className={fine ? "t-good" : "t-bad"} title={entry.detail}>
        {fine ? "✓ done" : `✕ ${entry.outcome.toLowerCase().replaceAll("_", " ")}`}
      </td>
      <td className="soft" title={`request ${entry.requestId}`}>
        {entry.peer}
      </td>
    </tr>
  );
}
