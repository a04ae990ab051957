import { useQuery } from "@tanstack/react-query";
import type { JSX } from "react";
import { type Place, pages } from "../api/client";
import type { Kind } from "../pages/Entities";
import type { EntitySearch, Version } from "../pages/Entity";
import { Fault } from "./Fault";
import { Ago } from "./Time";

interface Props {
  readonly kind: Kind;
  readonly place: Place;
  readonly entity: string;
  readonly versions: readonly Version[];
  readonly shown: string;
  readonly against: string | undefined;
  readonly onChange: (more: EntitySearch) => void;
}

/** The versions there are, and what changed between two of them. */
export function Versions({ kind, place, entity, versions, shown, against, onChange }: Props): JSX.Element {
  return (
    <section className="card" style={{ marginTop: 14 }} aria-label="Versions">
      <h2>Versions</h2>
      {against !== undefined && against !== shown && <Difference kind={kind} place={place} entity={entity} old={against} now={shown} />}
      <div className="scroll">
        <table>
          <tbody>
            {versions.map(({ version, createdAt, active }) => (
              <tr key={version}>
                <td>
                  <code>{version}</code> {active && <span className="tag">active</span>}
                </td>
                <td className="soft">
                  <Ago at={createdAt} />
                </td>
                <td className="right">
                  {version === shown ? (
                    <span className="soft">shown</span>
                  ) : (
                    <span className="row" style={{ justifyContent: "flex-end" }}>
                      <button type="button" aria-label={`Show ${version}`} onClick={() => onChange({ version, against: undefined })}>
                        Show
                      </button>
                      <button type="button" aria-label={`Compare with ${version}`} aria-pressed={against === version} onClick={() => onChange({ version: shown, against: version })}>
                        Compare
                      </button>
                    </span>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

interface DifferenceProps {
  readonly kind: Kind;
  readonly place: Place;
  readonly entity: string;
  readonly old: string;
  readonly now: string;
}

/** What changed from one version to another. */
export function Difference({ kind, place, entity, old, now }: DifferenceProps): JSX.Element {
  const id = (version: string) => ({ resourceType: kind.type, ...place, name: entity, version });
  const found = useQuery({
    queryKey: ["difference", kind.type, place, entity, old, now],
    queryFn: () => pages.compareVersions({ old: id(old), new: id(now) }),
    staleTime: Infinity,
  });
  const breaking = found.data?.changes.filter((change) => change.breaking).length ?? 0;
  return (
    <section aria-label="Difference" style={{ marginBottom: 12 }}>
      <h3>
        From <code>{old}</code> to <code>{now}</code>
      </h3>
      <Fault error={found.error} />
      {found.data && (
        <p role="status">
          {found.data.changes.length === 0 ? "No changes." : `${found.data.changes.length} changes; `}
          {found.data.changes.length > 0 && (breaking > 0 ? <span className="bad">{breaking} break callers</span> : "no caller breaks")}
        </p>
      )}
      <table>
        <tbody>
          {found.data?.changes.map((change, index) => (
            <tr key={index}>
              <td className={change.breaking ? "bad" : "soft"}>{change.breaking ? "! breaks" : "~"}</td>
              <td>
                <code>{change.name}</code>
              </td>
              <td className="soft">{change.part}</td>
              <td>{change.text}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
