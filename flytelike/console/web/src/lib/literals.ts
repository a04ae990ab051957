// Literals as plain values, to be shown.
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { unpack } from "./msgpack";
import { BlobType_BlobDimensionality } from "../gen/flytelike/core/types_pb";
import type { Literal, Scalar } from "../gen/flytelike/core/literals_pb";

/** A value that lies in the store: a file, a folder, a table, or one that is too large. */
export interface Stored {
  readonly stored: "file" | "folder" | "table" | "value";
  readonly uri: string;
  readonly format: string;
  readonly bytes?: number;
  readonly columns?: readonly { readonly name: string; readonly type: string }[];
}

export type Plain = null | boolean | number | bigint | string | Stored | readonly Plain[] | { readonly [key: string]: Plain };

export const isStored = (value: Plain): value is Stored =>
  typeof value === "object" && value !== null && "stored" in value && "uri" in value;

const FILE_FIELDS: readonly string[] = ["path", "metadata"];
const TABLE_FIELDS: readonly string[] = ["uri", "file_format"];
const ADDRESS = /^(\/|[a-z][a-z0-9+.-]*:\/\/)/;

/**
 * What of the store a value is: it may lie in a dataclass, where files are `{path}`, tables `{uri, file_format}`, and nothing tells
 * them from dictionaries that look like them.
 */
export function storedIn(value: Plain): (Stored & { readonly guessed?: boolean }) | undefined {
  if (isStored(value)) return value;
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const fields = value as Readonly<Record<string, Plain>>;
  const names = Object.keys(fields);
  const { path, uri, file_format: format } = fields;
  if (typeof path === "string" && ADDRESS.test(path) && names.every((name) => FILE_FIELDS.includes(name)))
    return { stored: "file", uri: path, format: "", guessed: true };
  if (typeof uri === "string" && ADDRESS.test(uri) && names.every((name) => TABLE_FIELDS.includes(name)))
    return { stored: "table", uri, format: typeof format === "string" ? format : "", guessed: true };
  return undefined;
}

/** A literal as a plain value. */
export function plain(literal: Literal | undefined): Plain {
  const value = literal?.value;
  switch (value?.case) {
    case "scalar":
      return scalar(value.value);
    case "collection":
      return value.value.literals.map(plain);
    case "map":
      return Object.fromEntries(Object.entries(value.value.literals).map(([key, item]) => [key, plain(item)]));
    case "offloadedMetadata":
      return { stored: "value", uri: value.value.uri, format: "", bytes: Number(value.value.sizeBytes) };
    default:
      return null;
  }
}

function scalar(found: Scalar): Plain {
  const value = found.value;
  switch (value.case) {
    case "primitive": {
      const inner = value.value.value;
      switch (inner.case) {
        case "datetime":
          return timestampDate(inner.value).toISOString();
        case "duration":
          return `${Number(inner.value.seconds) + inner.value.nanos / 1e9}s`;
        case "integer":
          return Number.isSafeInteger(Number(inner.value)) ? Number(inner.value) : inner.value;
        case undefined:
          return null;
        default:
          return inner.value;
      }
    }
    case "blob":
      return {
        stored: value.value.metadata?.type?.dimensionality === BlobType_BlobDimensionality.MULTIPART ? "folder" : "file",
        uri: value.value.uri,
        format: value.value.metadata?.type?.format ?? "",
      };
    case "binary":
      return value.value.tag === "msgpack" ? (unpack(value.value.value) as Plain) : `${value.value.value.length} bytes`;
    case "generic":
      return value.value;
    case "structuredDataset": {
      const type = value.value.metadata?.structuredDatasetType;
      const columns = type?.columns.map((column) => ({ name: column.name, type: column.literalType?.type.case ?? "" }));
      return { stored: "table", uri: value.value.uri, format: type?.format ?? "", columns: columns ?? [] };
    }
    case "schema":
      return { stored: "table", uri: value.value.uri, format: "schema" };
    case "union":
      return plain(value.value.value);
    case "error":
      return value.value.message;
    default:
      return null;
  }
}

/** A plain value as JSON text; whole numbers beyond JavaScript's stay exact. */
export function json(value: Plain | undefined, indent = 2): string {
  const big: string[] = [];
  const text = JSON.stringify(
    value,
    (_key, item: unknown) => {
      if (typeof item !== "bigint") return item;
      big.push(item.toString());
      return `\u0000big${big.length - 1}`;
    },
    indent,
  );
  return (text as string | undefined)?.replace(/"\\u0000big(\d+)"/g, (_all, index: string) => big[Number(index)] ?? "") ?? "";
}
