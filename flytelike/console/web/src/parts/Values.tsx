import { useQuery } from "@tanstack/react-query";
import { type JSX, useMemo } from "react";
import { type RunId, pages } from "../api/client";
import { keys } from "../api/keys";
import type { ValuesPreview } from "../gen/flytelike/service/console_pb";
import { type Plain, type Stored, json, plain, storedIn } from "../lib/literals";
import { size } from "../lib/time";
import { Fault } from "./Fault";
import { OwnerOfValues, StoredValue } from "./StoredValue";
import { StoredInTree, Tree, isDeep } from "./Tree";

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
  const owner = useMemo(() => ({ id, path }), [id, path]);
  if (found.error) return <Fault error={found.error} />;
  return (
    <OwnerOfValues value={owner}>
      <Preview title="Inputs" preview={found.data?.inputs} pending={found.isPending} />
      <Preview title="Outputs" preview={found.data?.outputs} pending={found.isPending} />
    </OwnerOfValues>
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

const showStored = (value: Stored): JSX.Element => <StoredValue value={value} />;

/** One value, as suits its type. */
export function Value({ value }: { readonly value: Plain }): JSX.Element {
  const stored = storedIn(value);
  if (stored) return <StoredValue value={stored} />;
  if (typeof value === "object" && value !== null) {
    return (
      // Long values scroll, by keyboard too.
      // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
      <div className="json" tabIndex={0} role="group" aria-label="value">
        <StoredInTree value={showStored}>{isDeep(value) ? <Tree value={value} /> : <pre>{json(value)}</pre>}</StoredInTree>
      </div>
    );
  }
  return <pre className="json">{typeof value === "string" ? value : json(value)}</pre>;
}
