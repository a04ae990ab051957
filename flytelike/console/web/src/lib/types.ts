// Literal types in an author's words.
import { BlobType_BlobDimensionality, type LiteralType, SimpleType, type UnionType } from "../gen/flytelike/core/types_pb";

const SIMPLE: Readonly<Record<SimpleType, string>> = {
  [SimpleType.NONE]: "None",
  [SimpleType.INTEGER]: "int",
  [SimpleType.FLOAT]: "float",
  [SimpleType.STRING]: "str",
  [SimpleType.BOOLEAN]: "bool",
  [SimpleType.DATETIME]: "datetime",
  [SimpleType.DURATION]: "timedelta",
  [SimpleType.BINARY]: "binary",
  [SimpleType.ERROR]: "error",
  [SimpleType.STRUCT]: "dict",
};

/** The class that a structured type stands for, as its JSON schema names it. */
export function schemaOf(type: LiteralType): JsonSchema | undefined {
  return type.metadata;
}

export interface JsonSchema {
  readonly title?: string;
  readonly type?: string | readonly string[];
  readonly format?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
  readonly additionalProperties?: boolean | JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, JsonSchema>>;
  readonly definitions?: Readonly<Record<string, JsonSchema>>;
}

/** A type as its author would write it: `list[int]`, `str | None`, `Options`. */
export function typeWords(type: LiteralType | undefined): string {
  if (type === undefined) return "?";
  const kind = type.type;
  switch (kind.case) {
    case "simple":
      return kind.value === SimpleType.STRUCT ? (schemaOf(type)?.title ?? "dict") : SIMPLE[kind.value];
    case "collectionType":
      return `list[${typeWords(kind.value)}]`;
    case "mapValueType":
      return `dict[str, ${typeWords(kind.value)}]`;
    case "blob":
      return kind.value.dimensionality === BlobType_BlobDimensionality.MULTIPART ? "FlyteDirectory" : "FlyteFile";
    case "enumType":
      return kind.value.values.map((value) => JSON.stringify(value)).join(" | ");
    case "structuredDatasetType":
      return "StructuredDataset";
    case "unionType":
      return unionWords(kind.value);
    case "schema":
      return "FlyteSchema";
    default:
      return "?";
  }
}

const unionWords = (union: UnionType): string => union.variants.map(typeWords).join(" | ");

/** The member that a union has beside None, when there is just one. */
export function optionalOf(type: LiteralType): LiteralType | undefined {
  if (type.type.case !== "unionType") return undefined;
  const some = type.type.value.variants.filter((variant) => !isNone(variant));
  return some.length === 1 && some.length < type.type.value.variants.length ? some[0] : undefined;
}

export const isNone = (type: LiteralType): boolean =>
  type.type.case === "simple" && type.type.value === SimpleType.NONE;
