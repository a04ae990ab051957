import type { JSX } from "react";
import type { Variable } from "../gen/flytelike/core/interface_pb";
import { typeWords } from "../lib/types";

interface Props {
  readonly title: string;
  readonly variables: Readonly<Record<string, Variable>>;
}

/** The inputs or outputs of something, with their types. */
export function Interface({ title, variables }: Props): JSX.Element {
  const place = ({ span }: Variable): number => (span?.line ?? 0) * 1000 + (span?.column ?? 0);
  const entries = Object.entries(variables).sort(([, a], [, b]) => place(a) - place(b));
  return (
    <section className="card" aria-label={title}>
      <h2>{title}</h2>
      {entries.length === 0 && <p className="soft">none</p>}
      <table>
        <tbody>
          {entries.map(([name, variable]) => (
            <tr key={name}>
              <td>
                <code>{name}</code>
              </td>
              <td>
                <code className="soft">{typeWords(variable.type)}</code>
              </td>
              <td className="soft">{variable.description}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
