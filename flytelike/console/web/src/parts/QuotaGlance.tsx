import { Link } from "@tanstack/react-router";
import type { JSX } from "react";
import type { Place } from "../api/client";
import { useQuotas } from "../api/quotas";
import { amount } from "../lib/amounts";
import { tightest } from "../lib/tightest";
import { placeWords } from "../lib/waits";

const ROWS = 6;

/** The limits that hold here and are used most, and how many wait; nothing where nothing is bounded. */
export function QuotaGlance({ place }: { readonly place: Place }): JSX.Element | null {
  const { uses = [] } = useQuotas(place.project);
  const bounds = tightest(uses, place.domain);
  const waiting = uses.find(({ quota }) => quota?.place?.project === place.project && quota.place.domain === place.domain)?.waiting ?? 0;
  if (bounds.length === 0) return null;
  return (
    <section className="card" aria-label="Quota use">
      <div className="row">
        <h2 className="grow">Quota use</h2>
        <Link to="/p/$project/$domain/quotas" params={place}>
          {waiting > 0 ? `${waiting.toLocaleString()} ${waiting === 1 ? "waits" : "wait"} here` : "All quotas"}
        </Link>
      </div>
      <table className="quota">
        <tbody>
          {bounds.slice(0, ROWS).map((bound) => (
            <tr key={`${placeWords(bound.place)} ${bound.resource}`}>
              <td>
                {bound.resource} <span className="soft">{placeWords(bound.place)}</span>
              </td>
              <td className="right num">
                {amount(bound.resource, bound.used)} of {amount(bound.resource, bound.limit)}
              </td>
              <td>
                <div className="meter" title={`${String(Math.round(bound.part * 100))} % of the limit`}>
                  <i className={bound.part >= 1 ? "full" : ""} style={{ width: `${String(bound.part * 100)}%` }} />
                </div>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
