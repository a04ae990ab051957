import { type JSX, type ReactNode, createContext, useContext, useState } from "react";
import { type Plain, type Stored, json, storedIn } from "../lib/literals";

const OPEN_DEPTH = 2;
const SHOWN = 100;
const OPEN_MAX = 10;

/** How what lies in the store is shown within a tree; without it, as what it is stored as. */
export const StoredInTree = createContext<((value: Stored) => ReactNode) | undefined>(undefined);

/** A nested value as a tree that opens and closes; of long lists the first entries, and more when asked for. */
export function Tree({ value, depth = 0 }: { readonly value: Plain; readonly depth?: number }): JSX.Element {
  const [shown, setShown] = useState(SHOWN);
  if (typeof value !== "object" || value === null) return <Leaf value={value} />;
  const entries = Array.isArray(value) ? value.map((item: Plain, index) => [String(index), item] as const) : Object.entries(value as Readonly<Record<string, Plain>>);
  return (
    <ul className="tree">
      {entries.slice(0, shown).map(([key, item]) => (
        <li key={key}>
          <Entry name={key} value={item} depth={depth} many={entries.length > OPEN_MAX} />
        </li>
      ))}
      {entries.length > shown && (
        <li>
          <button type="button" className="plain" onClick={() => setShown((old) => old * 10)}>
            {(entries.length - shown).toLocaleString()} more
          </button>
        </li>
      )}
    </ul>
  );
}

interface EntryProps {
  readonly name: string;
  readonly value: Plain;
  readonly depth: number;
  /** Whether it is one of many: what each shows is fetched when it is opened. */
  readonly many: boolean;
}

function Entry({ name, value, depth, many }: EntryProps): JSX.Element {
  const showStored = useContext(StoredInTree);
  const stored = showStored && storedIn(value);
  const [open, setOpen] = useState(depth < OPEN_DEPTH && !(stored && many));
  if (showStored && stored) {
    return (
      <details open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>
          <span className="soft">{name}</span> <span className="tag">{stored.stored}</span>
        </summary>
        {open && showStored(stored)}
      </details>
    );
  }
  if (typeof value !== "object" || value === null || size(value) === 0) {
    return (
      <>
        <span className="soft">{name}</span> <Leaf value={value} />
      </>
    );
  }
  return (
    <details open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <span className="soft">{name}</span> <span className="tag">{Array.isArray(value) ? `${size(value).toLocaleString()} items` : `${size(value).toLocaleString()} fields`}</span>
      </summary>
      {open && <Tree value={value} depth={depth + 1} />}
    </details>
  );
}

const size = (value: object): number => (Array.isArray(value) ? value.length : Object.keys(value).length);

function Leaf({ value }: { readonly value: Plain }): JSX.Element {
  return <code className={`leaf-${value === null ? "null" : typeof value}`}>{json(value)}</code>;
}

/** Whether a value is worth a tree: it holds something that holds something, or much. */
export function isDeep(value: Plain): boolean {
  if (typeof value !== "object" || value === null) return false;
  const inner: Plain[] = Array.isArray(value) ? (value as Plain[]) : Object.values(value as Readonly<Record<string, Plain>>);
  return inner.length > 12 || inner.some((item) => typeof item === "object" && item !== null);
}
