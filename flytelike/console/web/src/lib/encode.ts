// What somebody typed, as literals of a type; all faults at once, each with its path.
import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { type Literal, LiteralSchema } from "../gen/flytelike/core/literals_pb";
import { type LiteralType, SimpleType } from "../gen/flytelike/core/types_pb";
import { pack } from "./pack";
import { isNone, typeWords } from "./types";

export interface Wrong {
  readonly path: string;
  readonly text: string;
}

class Mismatch extends Error {}

/** A plain value (as JSON has them) as a literal of a type; what is wrong is added to `faults`. */
export function encode(value: unknown, type: LiteralType, path: string, faults: Wrong[]): Literal | undefined {
  try {
    return literal(value, type, path, faults);
  } catch (error) {
    if (!(error instanceof Mismatch)) throw error;
    faults.push({ path, text: error.message });
    return undefined;
  }
}

function literal(value: unknown, type: LiteralType, path: string, faults: Wrong[]): Literal {
  const kind = type.type;
  switch (kind.case) {
    case "simple":
      return simple(value, kind.value, type);
    case "enumType":
      if (typeof value !== "string" || !kind.value.values.includes(value)) throw wrong(type, value);
      return primitive({ case: "stringValue", value });
    case "collectionType": {
      if (!Array.isArray(value)) throw wrong(type, value);
      const inner = kind.value;
      const literals = value.map((item, index) => encode(item, inner, `${path}[${index}]`, faults));
      return create(LiteralSchema, { value: { case: "collection", value: { literals: literals.filter((it) => it !== undefined) } } });
    }
    case "mapValueType": {
      if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrong(type, value);
      const literals: Record<string, Literal> = {};
      for (const [key, item] of Object.entries(value)) {
        const found = encode(item, kind.value, `${path}.${key}`, faults);
        if (found) literals[key] = found;
      }
      return create(LiteralSchema, { value: { case: "map", value: { literals } } });
    }
    case "blob":
      if (typeof value !== "string" || value === "") throw wrong(type, value);
      return scalar({ case: "blob", value: { uri: value, metadata: { type: kind.value } } });
    case "structuredDatasetType":
      if (typeof value !== "string" || value === "") throw wrong(type, value);
      return scalar({ case: "structuredDataset", value: { uri: value, metadata: { structuredDatasetType: kind.value } } });
    case "unionType":
      return union(value, type, kind.value.variants);
    default:
      throw new Mismatch(`values of type ${typeWords(type)} cannot be given here; use the command line`);
  }
}

function union(value: unknown, type: LiteralType, variants: readonly LiteralType[]): Literal {
  for (const variant of variants) {
    if ((value === null) !== isNone(variant)) continue;
    const faults: Wrong[] = [];
    const found = encode(value, variant, "", faults);
    if (found && faults.length === 0) return scalar({ case: "union", value: { value: found, type: variant } });
  }
  throw wrong(type, value);
}

function simple(value: unknown, kind: SimpleType, type: LiteralType): Literal {
  switch (kind) {
    case SimpleType.NONE:
      if (value !== null) throw wrong(type, value);
      return scalar({ case: "noneType", value: {} });
    case SimpleType.INTEGER:
      if (typeof value === "bigint") return primitive({ case: "integer", value });
      if (typeof value !== "number" || !Number.isInteger(value)) throw wrong(type, value);
      return primitive({ case: "integer", value: BigInt(value) });
    case SimpleType.FLOAT:
      if (typeof value !== "number") throw wrong(type, value);
      return primitive({ case: "floatValue", value });
    case SimpleType.STRING:
      if (typeof value !== "string") throw wrong(type, value);
      return primitive({ case: "stringValue", value });
    case SimpleType.BOOLEAN:
      if (typeof value !== "boolean") throw wrong(type, value);
      return primitive({ case: "boolean", value });
    case SimpleType.DATETIME: {
      const at = typeof value === "string" ? new Date(value) : undefined;
      if (!at || Number.isNaN(at.getTime())) throw wrong(type, value);
      return primitive({ case: "datetime", value: timestampFromDate(at) });
    }
    case SimpleType.DURATION: {
      const seconds = typeof value === "number" ? value : secondsOf(typeof value === "string" ? value : "");
      if (seconds === undefined) throw new Mismatch('expected a duration such as "90s", "5m" or "2h"');
      return primitive({
        case: "duration",
        value: { seconds: BigInt(Math.trunc(seconds)), nanos: Math.round((seconds % 1) * 1e9) },
      });
    }
    case SimpleType.STRUCT:
      if (typeof value !== "object" || value === null) throw wrong(type, value);
      return scalar({ case: "binary", value: { value: pack(value), tag: "msgpack" } });
    default:
      throw new Mismatch(`values of type ${typeWords(type)} cannot be given here`);
  }
}

const UNITS: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400 };

/** The seconds of a text such as `90s` or `1h30m`. */
export function secondsOf(text: string): number | undefined {
  const parts = [...text.trim().matchAll(/(\d+(?:\.\d+)?)(ms|[smhd])/g)];
  if (parts.length === 0 || parts.map(([all]) => all).join("") !== text.replace(/\s/g, "")) return undefined;
  return parts.reduce((sum, [, number, unit]) => sum + Number(number) * (UNITS[unit ?? ""] ?? 0), 0);
}

type ScalarValue = Parameters<typeof create<typeof LiteralSchema>>[1] extends infer Init ? Init : never;

const scalar = (value: unknown): Literal =>
  create(LiteralSchema, { value: { case: "scalar", value: { value } } } as ScalarValue);
const primitive = (value: unknown): Literal => scalar({ case: "primitive", value: { value } });

const wrong = (type: LiteralType, value: unknown): Mismatch =>
  new Mismatch(value === undefined || value === "" ? `expected ${typeWords(type)}` : `expected ${typeWords(type)}, got ${JSON.stringify(value)}`);
