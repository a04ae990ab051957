// Amounts of quotas, as the server counts them: thousandths of a processor, bytes, or a number.

const UNITS = ["", "Ki", "Mi", "Gi", "Ti", "Pi"] as const;

/** Returns an amount as people read it. */
export function amount(resource: string, value: bigint): string {
  if (resource === "cpu") return String(Number(value) / 1000);
  if (resource !== "memory" && resource !== "stored_bytes") return String(value);
  let number = Number(value);
  let unit = 0;
  while (number >= 1024 && unit < UNITS.length - 1) {
    number /= 1024;
    unit += 1;
  }
  return `${number >= 100 || Number.isInteger(number) ? String(Math.round(number)) : number.toFixed(1)} ${UNITS[unit] ?? ""}B`;
}

const WORDS: Readonly<Record<string, string>> = { cpu: "CPU", memory: "of memory", stored_bytes: "of stored data", gpu: "GPU" };

/** Returns what an amount is of: `CPU`, `of memory`, `attempts`, of one `attempt`. */
export function unitWords(resource: string, isOne: boolean): string {
  if (resource.startsWith("gpu/")) return `GPU of type ${resource.slice(4)}`;
  const plural = resource.replaceAll("_", " ");
  return WORDS[resource] ?? (isOne ? plural.replace(/s$/, "") : plural);
}

/** Returns an amount and what it is of, as the command line writes them: `1.5 CPU`, `2 GiB of memory`, `1 attempt`. */
export const amountWords = (resource: string, value: bigint): string => `${amount(resource, value)} ${unitWords(resource, value === 1n)}`;

/** Returns how much of a limit is used, from 0 to 1; undefined where there is no limit. */
export function share(used: bigint, limit: bigint | undefined): number | undefined {
  if (limit === undefined) return undefined;
  if (limit === 0n) return 1;
  return Math.min(1, Number(used) / Number(limit));
}

/** What quotas bound, beside the types of GPU. */
export const RESOURCES = ["attempts", "cpu", "memory", "gpu", "map_elements", "executions", "stored_bytes"] as const;

const WRITTEN = /^(\d+)(?:\.(\d{1,3}))?\s*(?:(Ki|Mi|Gi|Ti|Pi)B?|B)?$/;

/** Returns an amount as the server counts it, of what people write: `1.5` processors, `64Gi` of memory, `10` attempts. Throws RangeError. */
export function amountFrom(resource: string, text: string): bigint {
  const found = WRITTEN.exec(text.trim());
  const isBytes = resource === "memory" || resource === "stored_bytes";
  const [, whole = "", part = "", unit = ""] = found ?? [];
  if (!found || (unit && !isBytes)) throw new RangeError(`${JSON.stringify(text)} is no amount of ${resource}: write ${isBytes ? "64Gi" : "10"}, say`);
  const thousandths = BigInt(whole) * 1000n + BigInt(part.padEnd(3, "0"));
  if (resource === "cpu") return thousandths;
  const factor = 1024n ** BigInt(UNITS.findIndex((it) => it === unit));
  const exact = thousandths * factor;
  if (exact % 1000n !== 0n && !isBytes) throw new RangeError(`${JSON.stringify(text)} is no whole number`);
  return (exact + 999n) / 1000n;
}
