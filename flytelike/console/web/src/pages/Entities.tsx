import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { type JSX, useDeferredValue } from "react";
import { type Place, pages } from "../api/client";
import { keys } from "../api/keys";
import { useLiveDomain } from "../api/live";
import { ResourceType } from "../gen/flytelike/core/identifier_pb";
import type { EntityRow } from "../gen/flytelike/service/console_pb";
import { Empty, Fault } from "../parts/Fault";
import { RunDots } from "../parts/RunRows";
import { Ago } from "../parts/Time";
import { useTitle } from "../parts/title";

export interface Kind {
  readonly type: ResourceType;
  readonly title: string;
  readonly word: string;
  readonly to: "/p/$project/$domain/workflows/$entity" | "/p/$project/$domain/tasks/$entity" | "/p/$project/$domain/launch-plans/$entity";
}

export const KINDS: Readonly<Record<"workflows" | "tasks" | "launch-plans", Kind>> = {
  workflows: { type: ResourceType.WORKFLOW, title: "Workflows", word: "workflow", to: "/p/$project/$domain/workflows/$entity" },
  tasks: { type: ResourceType.TASK, title: "Tasks", word: "task", to: "/p/$project/$domain/tasks/$entity" },
  "launch-plans": { type: ResourceType.LAUNCH_PLAN, title: "Launch plans", word: "launch plan", to: "/p/$project/$domain/launch-plans/$entity" },
};

const LIMIT = 200;

/** Tasks, workflows or launch plans by name, with how their last executions went. */
export function Entities({ kind }: { readonly kind: Kind }): JSX.Element {
  const place = useParams({ from: "/p/$project/$domain" });
  const search: { text?: string } = useSearch({ strict: false });
  const navigate = useNavigate();
  useTitle(`${kind.title} in ${place.project} / ${place.domain}`);
  useLiveDomain(place);
  const text = useDeferredValue(search.text ?? "");
  const found = useQuery({
    queryKey: [...keys.domain(place), "entities", kind.type, text],
    queryFn: () => pages.listEntities({ place, kind: kind.type, text, limit: LIMIT }),
    placeholderData: keepPreviousData,
  });
  return (
    <>
      <div className="bar" role="search">
        <h1 className="grow">{kind.title}</h1>
        <input type="search" aria-label="Name" placeholder="Name" value={search.text ?? ""} onChange={(event) => void navigate({ to: ".", search: { text: event.target.value || undefined }, replace: true })} />
        <span className="soft num">{found.data?.total.toLocaleString()}</span>
      </div>
      <div className="page" style={{ paddingTop: 0 }}>
        <Fault error={found.error} />
        {found.data?.entities.length === 0 && <Empty command={`flytelike register FILE.py --project ${place.project} --domain ${place.domain}`}>{`No ${kind.word} is registered here under such a name.`}</Empty>}
        {found.data && found.data.entities.length > 0 && (
          <div className="scroll">
            <table>
              <thead>
                <tr>
                  <th scope="col">Name</th>
                  <th scope="col" className="hide">Newest version</th>
                  {kind.type === ResourceType.LAUNCH_PLAN && <th scope="col">Active</th>}
                  <th scope="col">Last executions</th>
                  <th scope="col" className="hide">
                    Description
                  </th>
                </tr>
              </thead>
              <tbody>
                {found.data.entities.map((entity) => (
                  <Row key={entity.name} place={place} kind={kind} entity={entity} />
                ))}
              </tbody>
            </table>
          </div>
        )}
      </div>
    </>
  );
}

interface RowProps {
  readonly place: Place;
  readonly kind: Kind;
  readonly entity: EntityRow;
}

function Row({ place, kind, entity }: RowProps): JSX.Element {
  return (
    <tr>
      <td className="name">
        <Link to={kind.to} params={{ ...place, entity: entity.name }}>
          {entity.name}
        </Link>
      </td>
      <td className="hide">
        <code>{entity.version.slice(0, 12)}</code>{" "}
        <span className="soft">
          <Ago at={entity.registeredAt} />
          {entity.versions > 1 && `, ${entity.versions} versions`}
        </span>
      </td>
      {kind.type === ResourceType.LAUNCH_PLAN && <td>{entity.activeVersion ? <code>{entity.activeVersion.slice(0, 12)}</code> : <span className="soft">no</span>}</td>}
      <td>
        <RunDots place={place} runs={entity.runs} />
      </td>
      <td className="soft hide">{entity.description}</td>
    </tr>
  );
}
