import { useQuery } from "@tanstack/react-query";
import type { JSX } from "react";
import { type RunId, pages } from "../api/client";
import { keys } from "../api/keys";
import type { ValuesPreview } from "../gen/flytelike/service/console_pb";
import { type Plain, type Stored, isStored, json, plain } from "../lib/literals";
import { size } from "../lib/time";
import { Fault } from "./Fault";

interface Props {
  readonly id: RunId;
  readonly path: string;
  /** Changes when there may be more to see. */
  readonly state: string;
}

/** What went into an execution or a node, and what came out. */
export function Values({ id, path, state }: Props): JSX.Element {
  const found = useQuery({
    queryKey: [...keys.values(id, path), state],
    queryFn: () =>
      pages.previewValues({
        of: path ? { case: "node", value: { executionId: id, nodeId: path } } : { case: "execution", value: id },
      }),
  });
  if (found.error) return <Fault error={found.error} />;
  return (
    <>
      <Preview title="Inputs" preview={found.data?.inputs} pending={found.isPending} />
      <Preview title="Outputs" preview={found.data?.outputs} pending={found.isPending} />
    </>
  );
}

interface PreviewProps {
  readonly title: string;
  readonly preview: ValuesPreview | undefined;
  readonly pending: boolean;
}

function Preview({ title, preview, pending }: PreviewProps): JSX.Element {
  const values = Object.entries(preview?.values?.literals ?? {}).sort(([a], [b]) => a.localeCompare(b));
  const large = Object.entries(preview?.large ?? {});
  return (
    <section aria-label={title}>
      <h2>{title}</h2>
      {values.map(([name, literal]) => (
        <div className="value" key={name}>
          <code>{name}</code>
          <Value value={plain(literal)} />
        </div>
      ))}
      {large.map(([name, bytes]) => (
        <div className="value" key={name}>
          <code>{name}</code> <span className="soft">{size(Number(bytes))}: too large to be shown here</span>
        </div>
      ))}
      {!pending && values.length + large.length === 0 && (
        <p className="soft">{preview?.sizeBytes ? `${size(Number(preview.sizeBytes))}: too large to be shown here` : "none"}</p>
      )}
    </section>
  );
}

/** One value, as suits its type. */
export function Value({ value }: { readonly value: Plain }): JSX.Element {
  if (isStored(value)) return <StoredValue value={value} />;
  if (typeof value === "object" && value !== null) {
    return (
      // Long values scroll, by keyboard too.
      // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
      <div className="json" tabIndex={0} role="group" aria-label="value">
        <pre>{json(value)}</pre>
      </div>
    );
  }
  return <pre className="json">{typeof value === "string" ? value : json(value)}</pre>;
}

function StoredValue({ value }: { readonly value: Stored }): JSX.Element {
  return (
    <div className="json">
      <span className="tag">{value.format ? `${value.stored}, ${value.format}` : value.stored}</span>{" "}
      <code>{value.uri}</code>
      {value.columns && value.columns.length > 0 && (
        <div className="soft">columns: {value.columns.map(({ name }) => name).join(", ")}</div>
      )}
    </div>
  );
}
