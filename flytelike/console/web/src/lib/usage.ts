// What an attempt asked of its machine, and what it used of that, in words.
import type { AskedResources, AttemptUse } from "../gen/flytelike/core/usage_pb";
import { amount } from "./amounts";

/** One resource of an attempt. `part` is how much of the most it may use it used, from 0 to 1; undefined if unknown. */
export interface Use {
  readonly name: string;
  readonly text: string;
  readonly part?: number;
}

interface Attempt {
  readonly asked?: AskedResources | undefined;
  readonly used?: AttemptUse | undefined;
  /** How long it ran; undefined while it has not ended, and if it never began. */
  readonly tookMs?: number | undefined;
}

const NOT_MEASURED = "not measured";

/** Returns what there is to say of an attempt, resource by resource. */
export function uses({ asked, used, tookMs }: Attempt): Use[] {
  const requests = asked?.requests;
  const limits = asked?.limits;
  const hasEnded = tookMs !== undefined;
  const peak = used?.memoryPeakBytes ?? 0n;
  const most = limits?.memoryBytes || requests?.memoryBytes || 0n;
  const found: Use[] = [];
  const memory = said(peak ? amount("memory", peak) : unknown(hasEnded), wanted("memory", requests?.memoryBytes, limits?.memoryBytes));
  if (memory) found.push({ name: "Memory", text: memory, ...(peak && most ? { part: Math.min(1, Number(peak) / Number(most)) } : {}) });
  const processor = said(used ? busy(used.processorNs, tookMs ?? 0) : unknown(hasEnded), wanted("cpu", requests?.cpuMilli, limits?.cpuMilli));
  if (processor) found.push({ name: "Processor", text: processor });
  const gpus = wanted("gpu", requests?.gpus, 0n);
  if (gpus) found.push({ name: "GPUs", text: gpus });
  const disk = wanted("memory", requests?.ephemeralStorageBytes, limits?.ephemeralStorageBytes);
  if (disk) found.push({ name: "Disk", text: disk });
  return found;
}

const unknown = (hasEnded: boolean): string => (hasEnded ? NOT_MEASURED : "");

function wanted(resource: string, request = 0n, limit = 0n): string {
  if (!request) return "";
  return `${amount(resource, request)} asked${limit ? ` (limit ${amount(resource, limit)})` : ""}`;
}

function said(used: string, asked: string): string {
  if (!used || !asked) return used || asked;
  return used === NOT_MEASURED ? `${used}; ${asked}` : `${used} of ${asked}`;
}

function busy(processorNs: bigint, tookMs: number): string {
  const seconds = Number(processorNs) / 1e9;
  const text = span(seconds);
  return tookMs > 0 ? `${text} over ${span(tookMs / 1000)} = ${short((seconds * 1000) / tookMs)} CPU` : text;
}

const span = (seconds: number): string => (seconds < 1 ? `${short(seconds * 1000)} ms` : `${short(seconds)} s`);

/** A number with two digits, or all of its whole ones. */
const short = (value: number): string => (value >= 10 ? String(Math.round(value)) : String(Number(value.toPrecision(2))));
