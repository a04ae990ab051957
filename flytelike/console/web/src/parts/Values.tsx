import { useQuery } from "@tanstack/react-query";
import { type JSX, useMemo } from "react";
import { type RunId, pages } from "../api/client";
import { keys } from "../api/keys";
import type { ValuesPreview } from "../gen/flytelike/service/console_pb";
import { type Plain, isStored, json, plain } from "../lib/literals";
import { size } from "../lib/time";
import { Fault } from "./Fault";
import { OwnerOfValues, StoredValue } from "./StoredValue";
import { Tree, isDeep } from "./Tree";

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

/** One value, as suits its type. */
export function Value({ value }: { readonly value: Plain }): JSX.Element {
  if (isStored(value)) return <StoredValue value={value} />;
  if (typeof value === "object" && value !== null) {
    return (
      // Long values scroll, by keyboard too.
      // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
      <div className="json" tabIndex={0} role="group" aria-label="value">
        {isDeep(value) && !holdsStored(value) ? <Tree value={value} /> : holdsStored(value) ? <Several value={value} /> : <pre>{json(value)}</pre>}
      </div>
    );
  }
  return <pre className="json">{typeof value === "string" ? value : json(value)}</pre>;
}

const entriesOf = (value: object): [string, Plain][] => Object.entries(value) as [string, Plain][];

/** Whether some of what a list or map holds lies in the store. */
const holdsStored = (value: Plain): value is readonly Plain[] | Readonly<Record<string, Plain>> =>
  typeof value === "object" && value !== null && !isStored(value) && entriesOf(value).some(([, item]) => isStored(item));

const SEVERAL = 10;

/** Files and tables of a list or map, each as it would stand by itself. */
function Several({ value }: { readonly value: object }): JSX.Element {
  const found = entriesOf(value);
  return (
    <>
      {found.slice(0, SEVERAL).map(([key, item]) => (
        <div className="value" key={key}>
          <code>{key}</code>
          <Value value={item} />
        </div>
      ))}
      {found.length > SEVERAL && <p className="soft">and {(found.length - SEVERAL).toLocaleString()} more</p>}
    </>
  );
}
