// Inputs as somebody pasted them: JSON, or YAML, of which the reader is loaded when it is needed.

/** Digits of a number that JSON's reader may round; the one of YAML keeps it, and JSON is YAML. */
export const LONG_NUMBER = /\d{16}/;

/** The inputs in a text; raises an error that says what is wrong with it. */
export async function pastedInputs(text: string): Promise<Readonly<Record<string, unknown>>> {
  if (text.trim() === "") return {};
  const value = /^\s*\{/.test(text) && !LONG_NUMBER.test(text) ? (JSON.parse(text) as unknown) : await yaml(text);
  if (value === null || value === undefined) return {};
  if (typeof value !== "object" || Array.isArray(value)) throw new Error("the inputs are an object: one entry for each");
  return value as Record<string, unknown>;
}

const ALIASES_MAX = 100;

async function yaml(text: string): Promise<unknown> {
  const { parse } = await import("yaml");
  // Whole numbers beyond JavaScript's stay exact where they are large; others are numbers as in JSON.
  const value: unknown = parse(text, { intAsBigInt: true, maxAliasCount: ALIASES_MAX, schema: "core", prettyErrors: true });
  return small(value);
}

function small(value: unknown): unknown {
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (Array.isArray(value)) return value.map(small);
  if (typeof value === "object" && value !== null) return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, small(item)]));
  return value;
}
