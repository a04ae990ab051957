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

/** Returns how much of a limit is used, from 0 to 1; undefined where there is no limit. */
export function share(used: bigint, limit: bigint | undefined): number | undefined {
  if (limit === undefined) return undefined;
  if (limit === 0n) return 1;
  return Math.min(1, Number(used) / Number(limit));
}
