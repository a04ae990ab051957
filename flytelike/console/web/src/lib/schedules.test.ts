import { create, fromJson } from "@bufbuild/protobuf";
import { describe, expect, it, test } from "vitest";
import { FixedRateUnit, ScheduleSchema } from "../gen/flytelike/admin/schedule_pb";
import { BackfillCountSchema, BackfillPhase, BackfillRunPhase } from "../gen/flytelike/service/schedules_pb";
import { backfillLook, backfillRunLook, instantOf, progress, scheduleWords, utc } from "./schedules";

describe("schedules", () => {
  const rate = (value: number, unit: FixedRateUnit) => fromJson(ScheduleSchema, { rate: { value, unit } });

  it("are told in the words of the command line", () => {
    expect(scheduleWords(fromJson(ScheduleSchema, { cronSchedule: { schedule: "0 6 * * *" } }))).toBe("cron 0 6 * * *");
    expect(scheduleWords(fromJson(ScheduleSchema, { cronSchedule: { schedule: "@daily", offset: "PT1H" } }))).toBe("cron @daily, PT1H later");
    expect(scheduleWords(rate(1, FixedRateUnit.HOUR))).toBe("every hour");
    expect(scheduleWords(rate(10, FixedRateUnit.MINUTE))).toBe("every 10 minutes");
    expect(scheduleWords(undefined)).toBe("");
  });
});

describe("times of backfills", () => {
  test.each([
    ["2026-01-31", "2026-01-31 00:00"],
    [" 2026-01-31T06:30 ", "2026-01-31 06:30"],
    ["2026-01-31 06:30:05Z", "2026-01-31 06:30:05"],
    ["2024-02-29", "2024-02-29 00:00"],
  ])("%s is %s", (text, shown) => expect(utc(instantOf(text))).toBe(shown));

  test.each(["", "yesterday", "2026-02-30", "2026-13-01", "2026-01-31T25:00", "31.01.2026", "2026-01-31T06:00+01:00"])("%s is none", (text) => expect(instantOf(text)).toBeUndefined());

  it("that are not there are shown as such", () => expect(utc(undefined)).toBe("–"));
});

describe("backfills", () => {
  const counts = (...of: [BackfillRunPhase, number][]) => of.map(([phase, count]) => create(BackfillCountSchema, { phase, count }));

  it("tell how far they are, what has ended first", () => {
    const found = progress(counts([BackfillRunPhase.WAITING, 5], [BackfillRunPhase.RUNNING, 2], [BackfillRunPhase.FAILED, 1], [BackfillRunPhase.EXISTING, 2]));
    expect([found.done, found.total]).toEqual([3, 10]);
    expect(found.parts.map(({ look, count }) => `${String(count)} ${look.word}`)).toEqual(["1 failed", "2 existed before", "2 running", "5 waiting"]);
  });

  it("have a sign beside each colour", () => {
    const phases = [BackfillRunPhase.WAITING, BackfillRunPhase.RUNNING, BackfillRunPhase.SUCCEEDED, BackfillRunPhase.FAILED, BackfillRunPhase.REFUSED, BackfillRunPhase.EXISTING, BackfillRunPhase.CANCELLED];
    expect(new Set(phases.map((phase) => backfillRunLook(phase).word)).size).toBe(phases.length);
    expect(backfillLook(BackfillPhase.RUNNING).ended).toBe(false);
    expect(backfillLook(BackfillPhase.CANCELLED).sign).not.toBe("");
  });
});
