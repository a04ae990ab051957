// Schedules and backfills as people read and write them. Times are UTC, as schedules are.
import { type Timestamp, timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { Schedule } from "../gen/flytelike/admin/schedule_pb";
import { FixedRateUnit } from "../gen/flytelike/admin/schedule_pb";
import { type BackfillCount, BackfillPhase, BackfillRunPhase } from "../gen/flytelike/service/schedules_pb";
import type { Look, Tone } from "./phases";
import { ms } from "./time";

const UNITS: Readonly<Record<FixedRateUnit, string>> = { [FixedRateUnit.MINUTE]: "minute", [FixedRateUnit.HOUR]: "hour", [FixedRateUnit.DAY]: "day" };

/** A schedule in words: `cron 0 6 * * *`, `every 10 minutes`; empty where there is none. */
export function scheduleWords(schedule: Schedule | undefined): string {
  const expression = schedule?.ScheduleExpression;
  if (expression?.case === "cronSchedule") return `cron ${expression.value.schedule}${expression.value.offset ? `, ${expression.value.offset} later` : ""}`;
  if (expression?.case !== "rate") return "";
  const { value, unit } = expression.value;
  return value === 1 ? `every ${UNITS[unit]}` : `every ${String(value)} ${UNITS[unit]}s`;
}

const WRITTEN = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2})?))?\s*(?:Z|UTC)?$/;

/** What somebody wrote as a day or a time, UTC; undefined for what is none. */
export function instantOf(text: string): Timestamp | undefined {
  const match = WRITTEN.exec(text.trim());
  if (!match) return undefined;
  const at = Date.parse(`${match[1] ?? ""}T${match[2] ?? "00:00"}Z`);
  // A day that its month has not is another one to some browsers.
  const same = !Number.isNaN(at) && new Date(at).toISOString().startsWith(match[1] ?? "");
  return same ? timestampFromMs(at) : undefined;
}

/** An instant as schedules are written: `2026-01-31 06:00`. */
export function utc(at: Timestamp | undefined): string {
  const instant = ms(at);
  if (instant === undefined) return "–";
  const text = new Date(instant).toISOString();
  return `${text.slice(0, 10)} ${text.slice(11, text.slice(17, 19) === "00" ? 16 : 19)}`;
}

const look = (word: string, sign: string, tone: Tone, ended = true): Look => ({ word, sign, tone, ended });

const PHASES: Readonly<Record<BackfillPhase, Look>> = {
  [BackfillPhase.UNSPECIFIED]: look("unknown", "·", "idle"),
  [BackfillPhase.RUNNING]: look("running", "●", "busy", false),
  [BackfillPhase.SUCCEEDED]: look("succeeded", "✓", "good"),
  [BackfillPhase.FAILED]: look("failed", "✗", "bad"),
  [BackfillPhase.CANCELLED]: look("cancelled", "■", "odd"),
};

const RUNS: Readonly<Record<BackfillRunPhase, Look>> = {
  [BackfillRunPhase.UNSPECIFIED]: look("unknown", "·", "idle"),
  [BackfillRunPhase.WAITING]: look("waiting", "○", "idle", false),
  [BackfillRunPhase.RUNNING]: look("running", "●", "busy", false),
  [BackfillRunPhase.SUCCEEDED]: look("succeeded", "✓", "good"),
  [BackfillRunPhase.FAILED]: look("failed", "✗", "bad"),
  [BackfillRunPhase.REFUSED]: look("not started", "✗", "bad"),
  [BackfillRunPhase.EXISTING]: look("existed before", "✓", "cached"),
  [BackfillRunPhase.CANCELLED]: look("cancelled", "■", "odd"),
};

export const backfillLook = (phase: BackfillPhase): Look => PHASES[phase];
export const backfillRunLook = (phase: BackfillRunPhase): Look => RUNS[phase];

export interface Part {
  readonly look: Look;
  readonly count: number;
}

/** How far a backfill is: what has ended first, then what runs, then what waits. */
export function progress(counts: readonly BackfillCount[]): { readonly parts: readonly Part[]; readonly total: number; readonly done: number } {
  const parts = counts.map(({ phase, count }) => ({ look: RUNS[phase], count, waits: phase === BackfillRunPhase.WAITING }));
  const rank = (part: (typeof parts)[number]): number => (part.look.ended ? 0 : part.waits ? 2 : 1);
  parts.sort((one, other) => rank(one) - rank(other));
  const total = parts.reduce((sum, { count }) => sum + count, 0);
  const done = parts.reduce((sum, { look: { ended }, count }) => sum + (ended ? count : 0), 0);
  return { parts: parts.map(({ look: shown, count }) => ({ look: shown, count })), total, done };
}
