import { useQuery } from "@tanstack/react-query";
import { type JSX, createContext, useContext } from "react";
import { type RunId, pages } from "../api/client";
import { keys } from "../api/keys";
import type { PreviewStoredResponse } from "../gen/flytelike/service/console_pb";
import { type Plain, type Stored } from "../lib/literals";
import { LONG_NUMBER } from "../lib/pasted";
import { size } from "../lib/time";
import { Fault } from "./Fault";
import { StoredInTree, Tree } from "./Tree";

interface Owner {
  readonly id: RunId;
  readonly path: string;
}

/** Whose values are shown: what they refer to is looked into by naming who refers to it. */
export const OwnerOfValues = createContext<Owner | undefined>(undefined);

/** A file, folder or table: where it lies, and how it begins. */
export function StoredValue({ value }: { readonly value: Stored & { readonly guessed?: boolean } }): JSX.Element {
  const owner = useContext(OwnerOfValues);
  const found = useQuery({
    queryKey: [...(owner ? keys.values(owner.id, owner.path) : []), "stored", value.uri],
    queryFn: () =>
      pages.previewStored({
        uri: value.uri,
        of: owner?.path ? { case: "node", value: { executionId: owner.id, nodeId: owner.path } } : { case: "execution", value: owner?.id ?? {} },
      }),
    enabled: owner !== undefined && value.uri !== "" && value.stored !== "value",
    staleTime: 600_000,
    retry: false,
  });
  const name = value.uri.slice(value.uri.lastIndexOf("/") + 1);
  const shown = found.data;
  // What only looks like a file or table is shown as what it is, without a complaint.
  if (value.guessed && found.error) return <code className="uri">{value.uri}</code>;
  return (
    <div className="json">
      <div className="row" style={{ marginBottom: 6 }}>
        <span className="tag">{value.format ? `${value.stored}, ${value.format}` : value.stored}</span>
        {shown && <span className="soft num">{size(Number(shown.sizeBytes))}</span>}
        {shown?.url && (
          <a href={here(shown.url)} download={name}>
            Download
          </a>
        )}
      </div>
      {found.isLoading && <p className="soft">Loading…</p>}
      {/* What a file holds refers to nothing: of JSON in it no address is looked into. */}
      <StoredInTree value={undefined}>{shown && <Beginning shown={shown} name={name} />}</StoredInTree>
      {!shown && value.columns && value.columns.length > 0 && <p className="soft">columns: {value.columns.map((one) => one.name).join(", ")}</p>}
      <code className="soft uri">{value.uri}</code>
      <Fault error={found.error} />
    </div>
  );
}

/** An address of the platform's on the host that the page came from, whatever name the platform gives itself. */
const here = (url: string): string => {
  const found = new URL(url, location.origin);
  return found.pathname + found.search;
};

function Beginning({ shown, name }: { readonly shown: PreviewStoredResponse; readonly name: string }): JSX.Element {
  return (
    <>
      {shown.kind === "image" && <img className="picture" src={here(shown.url)} alt={name} />}
      {shown.kind === "text" && <TextOf shown={shown} />}
      {shown.kind === "folder" && <Files shown={shown} />}
      {shown.kind === "table" && shown.columns.length > 0 && <TableOf shown={shown} />}
      {shown.note && <p className="soft">{shown.note}</p>}
    </>
  );
}

function TextOf({ shown }: { readonly shown: PreviewStoredResponse }): JSX.Element {
  const tree = parsed(shown);
  return (
    <>
      {tree === undefined ? <pre className="text">{shown.text}</pre> : <Tree value={tree} />}
      {shown.cut && <p className="soft">There is more of it.</p>}
    </>
  );
}

function parsed(shown: PreviewStoredResponse): Plain | undefined {
  if (shown.cut || !/^\s*[[{]/.test(shown.text) || LONG_NUMBER.test(shown.text)) return undefined;
  try {
    return JSON.parse(shown.text) as Plain;
  } catch {
    return undefined;
  }
}

function Files({ shown }: { readonly shown: PreviewStoredResponse }): JSX.Element {
  return (
    <ul className="tree">
      {shown.files.map((file) => (
        <li key={file.path}>
          <code>{file.path}</code> <span className="soft num">{size(Number(file.sizeBytes))}</span>
        </li>
      ))}
      {shown.cut && <li className="soft">and more</li>}
    </ul>
  );
}

function TableOf({ shown }: { readonly shown: PreviewStoredResponse }): JSX.Element {
  const rows = Number(shown.rowCount);
  return (
    <>
      {/* Wide tables scroll, by keyboard too. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <div className="scroll" tabIndex={0} role="group" aria-label={`the first rows of ${rows.toLocaleString()}`}>
        <table className="data">
          <thead>
            <tr>
              {shown.columns.map((column) => (
                <th key={column.name} scope="col" title={column.type}>
                  {column.name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.rows.map((row, index) => (
              <tr key={index}>
                {row.cells.map((cell, at) => (
                  <td key={at}>{cell}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p className="soft num">
        {shown.rows.length.toLocaleString()} of {rows.toLocaleString()} rows{shown.cut && ", some columns left out"}
      </p>
    </>
  );
}
