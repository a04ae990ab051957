import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type JSX, type SubmitEvent, useState } from "react";
import { tenancy } from "../api/client";
import { keys } from "../api/keys";
import type { QuotaUse } from "../gen/flytelike/service/tenancy_pb";
import { RESOURCES, amount, amountFrom, share } from "../lib/amounts";
import { placeWords } from "../lib/waits";
import { Fault } from "./Fault";
import { Queue } from "./Queue";

interface Props {
  readonly use: QuotaUse;
  /** Whether those who wait are shown from the start: the page is this place's own. */
  readonly opened: boolean;
}

/** What a place may use and uses, who waits there, and a form for its limits. */
export function PlaceQuota({ use, opened }: Props): JSX.Element {
  const limits = use.quota?.limits ?? {};
  const guaranteed = use.quota?.guaranteed ?? {};
  const resources = [...new Set([...Object.keys(limits), ...Object.keys(guaranteed), ...Object.keys(use.used)])].sort();
  const place = use.quota?.place;
  const name = placeWords(place);
  return (
    <section className="card" style={{ marginTop: 12 }} aria-label={name}>
      <h2>
        {place?.team && !opened ? (
          <Link to="/teams/$team" params={{ team: place.team }}>
            {name}
          </Link>
        ) : (
          name
        )}
      </h2>
      {resources.length > 0 && (
        <table className="quota">
          <thead>
            <tr>
              <th scope="col">Resource</th>
              <th scope="col" className="right">
                Used
              </th>
              <th scope="col" className="right">
                Limit
              </th>
              <th scope="col" className="right">
                Guaranteed
              </th>
              <th scope="col" aria-label="Share of the limit" />
            </tr>
          </thead>
          <tbody>
            {resources.map((resource) => (
              <Row key={resource} resource={resource} used={use.used[resource]} limit={limits[resource]} guaranteed={guaranteed[resource]} />
            ))}
          </tbody>
        </table>
      )}
      {resources.length === 0 && <p className="soft">Nothing bounds it, and nothing of it runs.</p>}
      <Change use={use} name={name} />
      <Queue place={place} name={name} opened={opened} />
    </section>
  );
}

/** Sets or takes away one limit; whether one may is the server's to say. */
function Change({ use, name }: { readonly use: QuotaUse; readonly name: string }): JSX.Element {
  const client = useQueryClient();
  const [resource, setResource] = useState<string>(RESOURCES[0]);
  const [text, setText] = useState("");
  const isEmpty = text.trim() === "";
  const isBound = use.quota?.limits[resource] !== undefined;
  const set = useMutation({
    mutationFn: async () => {
      const others = Object.entries(use.quota?.limits ?? {}).filter(([each]) => each !== resource);
      const limits = Object.fromEntries(isEmpty ? others : [...others, [resource, amountFrom(resource, text)]]);
      const quota = { place: use.quota?.place ?? {}, limits, guaranteed: { ...use.quota?.guaranteed }, weight: use.quota?.weight ?? 0 };
      await tenancy.applyTenancy({ wishes: [{ wish: { case: "quota", value: { quota } } }] });
    },
    onSuccess: () => setText(""),
    onSettled: () => client.invalidateQueries({ queryKey: keys.quotas }),
  });
  const send = (event: SubmitEvent): void => {
    event.preventDefault();
    set.mutate();
  };
  return (
    <form className="row" style={{ marginTop: 10 }} aria-label={`Change the limits of ${name}`} onSubmit={send}>
      <select aria-label="Resource" value={resource} onChange={(event) => setResource(event.target.value)}>
        {[...new Set([...RESOURCES, ...Object.keys(use.quota?.limits ?? {})])].map((each) => (
          <option key={each}>{each}</option>
        ))}
      </select>
      <input aria-label="Limit" placeholder="no limit" size={10} value={text} onChange={(event) => setText(event.target.value)} />
      <button type="submit" disabled={set.isPending || (isEmpty && !isBound)}>
        {isEmpty && isBound ? "Take the limit away" : "Set the limit"}
      </button>
      <Fault error={set.error} />
    </form>
  );
}

interface RowProps {
  readonly resource: string;
  readonly used: bigint | undefined;
  readonly limit: bigint | undefined;
  readonly guaranteed: bigint | undefined;
}

function Row({ resource, used, limit, guaranteed }: RowProps): JSX.Element {
  const part = share(used ?? 0n, limit);
  const shown = (value: bigint | undefined): string => (value === undefined ? "–" : amount(resource, value));
  return (
    <tr>
      <td>{resource}</td>
      <td className="right num">{shown(used)}</td>
      <td className="right num">{shown(limit)}</td>
      <td className="right num">{shown(guaranteed)}</td>
      <td>
        {part !== undefined && (
          <div className="meter" title={`${String(Math.round(part * 100))} % of the limit`}>
            <i className={part >= 1 ? "full" : ""} style={{ width: `${String(part * 100)}%` }} />
          </div>
        )}
      </td>
    </tr>
  );
}
