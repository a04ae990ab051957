import { create } from "@bufbuild/protobuf";
import { describe, expect, it, test } from "vitest";
import { CatalogCacheStatus } from "../gen/flytelike/core/catalog_pb";
import { type LiteralType, LiteralTypeSchema, SimpleType } from "../gen/flytelike/core/types_pb";
import { AskedResourcesSchema, AttemptUseSchema } from "../gen/flytelike/core/usage_pb";
import { RunNodeSchema } from "../gen/flytelike/service/console_pb";
import { amount, amountFrom } from "./amounts";
import { cells, countKinds, indexesOf, kindOf } from "./elements";
import { type Wrong, encode, secondsOf } from "./encode";
import { runFilters, runSearch } from "./filters";
import { plainName } from "./filenames";
import { json, plain, storedIn } from "./literals";
import { unpack } from "./msgpack";
import { pack } from "./pack";
import { pastedInputs } from "./pasted";
import { patched } from "./patched";
import { NODE_FILTERS, NodePhase, RUN_FILTERS, RunPhase, nodeLook, runLook } from "./phases";
import { pieces } from "./python";
import { inSlots, slotsFor } from "./slots";
import { spans } from "./spans";
import { ago, duration, size } from "./time";
import { parseTrace } from "./trace";
import { typeWords } from "./types";
import { uses } from "./usage";
import { dropView, sameSearch, saveView, views } from "./views";

const simple = (value: SimpleType): LiteralType => create(LiteralTypeSchema, { type: { case: "simple", value } });
const listOf = (value: LiteralType): LiteralType => create(LiteralTypeSchema, { type: { case: "collectionType", value } });
const union = (...variants: LiteralType[]): LiteralType => create(LiteralTypeSchema, { type: { case: "unionType", value: { variants } } });
const INT = simple(SimpleType.INTEGER);

describe("what a node's time went by with", () => {
  const at = (ms?: number) => (ms === undefined ? undefined : { seconds: 0n, nanos: ms * 1_000_000 });
  test.each([
    ["waited for a worker and ran", { c: 100, s: 110, r: 150, e: 190 }, [100, 110, 150, 190], "waited, ran"],
    ["has not had its turn", { c: 100 }, [100, 900, 900, 900], ""],
    ["runs, since when is not told yet", { c: 100, s: 110 }, [100, 110, 110, 900], "ran"],
    ["waits for room", { c: 100, s: 110, waits: "4 cpu" }, [100, 110, 900, 900], "waited"],
    ["runs", { c: 100, s: 110, r: 400 }, [100, 110, 400, 900], "waited, ran"],
    ["ran for less than a millisecond", { c: 100, s: 110, r: 150, e: 150 }, [100, 110, 150, 150], "waited, ran"],
    ["waited for less than a millisecond", { c: 100, s: 110, r: 110, e: 190 }, [100, 110, 110, 190], "waited, ran"],
    ["was never run", { c: 100, e: 120 }, [100, 120, 120, 120], ""],
    ["ended while it waited", { c: 100, s: 110, e: 190, waits: "4 cpu" }, [100, 110, 110, 190], "ran"],
    ["was told of by clocks that differ", { c: 100, s: 90, r: 300, e: 250 }, [100, 100, 250, 250], "waited, ran"],
  ] as const)("one that %s", (_, { c, s, r, e, waits }: { c: number; s?: number; r?: number; e?: number; waits?: string }, wanted, did) => {
    const node = create(RunNodeSchema, { createdAt: at(c), startedAt: at(s), ranAt: at(r), endedAt: at(e), waits: waits ?? "" });
    const found = spans(node, 900);
    expect([found.created, found.began, found.ran, found.ended]).toEqual(wanted);
    expect([...(found.waited ? ["waited"] : []), ...(found.worked ? ["ran"] : [])].join(", ")).toBe(did);
  });
});

describe("durations and instants", () => {
  test.each([
    [0, "0ms"],
    [999, "999ms"],
    [3_240, "3.2s"],
    [59_999, "59.9s"],
    [60_000, "1m00s"],
    [3_600_000 * 2 + 180_000, "2h03m"],
    [86_400_000 * 3 + 3_600_000 * 4, "3d4h"],
    [-5, "0ms"],
  ])("%d ms is %s", (ms, words) => expect(duration(ms)).toBe(words));

  test.each([
    [0, "just now"],
    [42_000, "42s ago"],
    [3_700_000, "1h ago"],
    [-120_000, "in 2m"],
  ])("%d ms before now is %s", (ms, words) => expect(ago(1e12 - ms, 1e12)).toBe(words));

  it("counts bytes in thousands", () => expect([999, 1_500, 2e9].map(size)).toEqual(["999 B", "1.5 kB", "2.0 GB"]));
});

describe("phases", () => {
  it("each has a word and a sign", () => {
    for (const phase of Object.values(RunPhase).filter((it) => typeof it === "number")) expect(runLook(phase).word).not.toBe("");
    for (const phase of Object.values(NodePhase).filter((it) => typeof it === "number")) expect(nodeLook(phase).sign).not.toBe("");
  });
  it("each is in one filter", () => {
    const all = NODE_FILTERS.flatMap(({ phases }) => phases);
    expect(all.sort((a, b) => a - b)).toEqual(Object.values(NodePhase).filter((it) => typeof it === "number"));
    expect(new Set(RUN_FILTERS.flatMap(({ phases }) => phases)).size).toBe(9);
  });
  it("a cache hit says so", () => expect(nodeLook(NodePhase.SUCCEEDED, CatalogCacheStatus.CACHE_HIT).word).toBe("cached"));
});

describe("MessagePack", () => {
  test.each([
    null, true, false, 0, 127, 128, -1, -32, -33, 65_536, -2_147_483_649, 1.5, "", "ä".repeat(40), [1, [2, "x"]],
    { a: 1, b: { c: [null, 2.5] } }, Array.from({ length: 20 }, (_, index) => index), Number.MAX_SAFE_INTEGER,
  ])("%j comes back as it was", (value) => expect(unpack(pack(value))).toEqual(value));
  it("keeps whole numbers beyond JavaScript's", () => expect(unpack(pack(2n ** 60n + 1n))).toBe(2n ** 60n + 1n));
  it("says what it cannot read", () => expect(unpack(Uint8Array.of(0xd9, 200))).toBe("2 bytes"));
});

describe("literals", () => {
  const round = (value: unknown, type: LiteralType): unknown => {
    const faults: Wrong[] = [];
    const literal = encode(value, type, "x", faults);
    expect(faults).toEqual([]);
    return plain(literal);
  };
  test.each([
    [7, INT],
    [[1, 2], listOf(INT)],
    [null, union(INT, simple(SimpleType.NONE))],
    [3, union(simple(SimpleType.NONE), INT)],
    ["a", simple(SimpleType.STRING)],
    [{ a: [1] }, simple(SimpleType.STRUCT)],
    ["2026-01-31T12:00:00.000Z", simple(SimpleType.DATETIME)],
  ])("%j comes back as it was", (value, type) => expect(round(value, type)).toEqual(value));

  test.each([
    ["many", INT, 'expected int, got "many"'],
    [1.5, INT, "expected int, got 1.5"],
    [undefined, INT, "expected int"],
    ["x", union(INT, simple(SimpleType.NONE)), 'expected int | None, got "x"'],
    ["soon", simple(SimpleType.DURATION), 'expected a duration such as "90s", "5m" or "2h"'],
  ])("%j is refused", (value, type, text) => {
    const faults: Wrong[] = [];
    encode(value, type, "x", faults);
    expect(faults).toEqual([{ path: "x", text }]);
  });

  it("tells all faults with their paths", () => {
    const faults: Wrong[] = [];
    encode([1, "b", "c"], listOf(INT), "xs", faults);
    expect(faults.map(({ path }) => path)).toEqual(["xs[1]", "xs[2]"]);
  });

  it("understands durations", () => expect(["90s", "1h30m", "1.5d", "x", ""].map(secondsOf)).toEqual([90, 5400, 129_600, undefined, undefined]));
  it("writes large whole numbers exactly", () => expect(json({ a: 2n ** 60n }, 0)).toBe('{"a":1152921504606846976}'));
  it("names types as authors do", () => expect(typeWords(listOf(union(INT, simple(SimpleType.NONE))))).toBe("list[int | None]"));
});

describe("tracebacks", () => {
  it("are taken apart", () => {
    const text = 'Traceback (most recent call last):\n  File "a.py", line 7, in f\n    g(1)\n    ~^^^\n  File "b.py", line 2, in g\n    raise ValueError("no")\nValueError: no\nbecause of this';
    const { frames, headline, rest } = parseTrace(text);
    expect(frames.map(({ file, line, called }) => [file, line, called])).toEqual([["a.py", 7, "f"], ["b.py", 2, "g"]]);
    expect(frames[0]?.source).toEqual(["g(1)", "~^^^"]);
    expect([headline, rest]).toEqual(["ValueError: no", "because of this"]);
  });
  it("may be missing", () => expect(parseTrace("out of memory\nkilled")).toEqual({ frames: [], headline: "out of memory", rest: "killed" }));
});

describe("elements", () => {
  const states = Uint8Array.from([3, 3 + 16, 3 + 32, 5, 2, 0, 4]);
  it("say how they are", () => expect([...states].map(kindOf)).toEqual(["succeeded", "cached", "cached", "failed", "running", "waiting", "aborted"]));
  it("are counted", () => expect(countKinds(states)).toEqual({ succeeded: 1, cached: 2, failed: 1, running: 1, waiting: 1, aborted: 1 }));
  it("share cells, which show the most urgent", () => {
    const many = new Uint8Array(100_000).fill(3);
    many[77_777] = 5;
    const { per, kinds } = cells(many, 4000);
    expect([per, kinds.length, kinds.filter((kind) => kind === "failed").length]).toEqual([25, 4000, 1]);
    expect(indexesOf(many, "failed", 10)).toEqual([77_777]);
  });
});

describe("filters", () => {
  it("stand in the address, and nothing else does", () =>
    expect(runSearch({ phase: "failed", since: "1y", text: 7, other: "x", children: "yes" })).toEqual({ phase: "failed", text: "7" }));
  it("are told in the API's language", () => {
    const text = runFilters({ phase: "failed", workflow: "a.b", since: "1h" }, Date.UTC(2026, 0, 1, 12));
    expect(text).toBe("value_in(phase,6;8)+eq(launch_plan.name,a.b)+gte(created_at,2026-01-01T11:00:00.000Z)+eq(parent_execution_name,)+eq(state,0)");
  });
});

describe("what a stream tells", () => {
  const node = (path: string, sequence: bigint) => create(RunNodeSchema, { path, sequence });
  const page = { nodes: [node("n0", 1n), node("n1", 5n)], total: 2 } as never;
  it("takes the place of what was known, but for older news", () => {
    const { pages, fresh } = patched([[["k"], page]], [node("n0", 2n), node("n1", 4n)]);
    expect(pages[0]?.[1]?.nodes.map(({ sequence }) => sequence)).toEqual([2n, 5n]);
    expect(fresh).toBe(false);
  });
  it("may be of nodes that no page has", () => expect(patched([[["k"], page]], [node("n9", 9n)])).toEqual({ pages: [], fresh: true }));
});

describe("saved views", () => {
  const kept = new Map<string, string>();
  const storage = { getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, value: string) => void kept.set(key, value) } as Storage;

  it("come back as they were saved, the newest first, one for each name", () => {
    saveView(storage, "p", "d", { name: "failures", search: { phase: "failed" } });
    saveView(storage, "p", "d", { name: "mine", search: { user: "ann" } });
    saveView(storage, "p", "d", { name: "failures", search: { phase: "failed", since: "7d" } });
    expect(views(storage, "p", "d").map(({ name }) => name)).toEqual(["failures", "mine"]);
    expect(sameSearch(views(storage, "p", "d")[0]?.search ?? {}, { since: "7d", phase: "failed" })).toBe(true);
    expect(views(storage, "p", "other")).toEqual([]);
    expect(dropView(storage, "p", "d", "failures").map(({ name }) => name)).toEqual(["mine"]);
  });

  it("leave out what nobody wrote", () => {
    kept.set("flytelike-views/p/d", '[1, {"name": "x"}, {"name": "good", "search": {"phase": "never", "text": "a"}}]');
    expect(views(storage, "p", "d").map(({ search }) => search.text)).toEqual(["a"]);
    kept.set("flytelike-views/p/d", "no JSON");
    expect(views(storage, "p", "d")).toEqual([]);
  });
});

describe("pasted inputs", () => {
  it.each([
    ['{"rows": 2}', { rows: 2 }],
    ["rows: 2\noptions:\n  tags: [a, b]\n  strict: no\n", { rows: 2, options: { tags: ["a", "b"], strict: "no" } }],
    ["big: 12345678901234567890", { big: 12345678901234567890n }],
    ['{"big": [12345678901234567890]}', { big: [12345678901234567890n] }],
    ["", {}],
  ])("are JSON or YAML: %s", async (text, value) => {
    expect(await pastedInputs(text)).toEqual(value);
  });

  it.each(["- 1", "{", "a: [1", "just words"])("are told to be wrong: %s", async (text) => {
    await expect(pastedInputs(text)).rejects.toThrow();
  });
});

describe("uploaded files", () => {
  it.each([
    ["sales 2024.csv", "sales_2024.csv"],
    ["../../etc/passwd", "_.._etc_passwd"],
    ["…", "_"],
    ["", "file"],
  ])("have plain names: %s", (given, plain) => {
    expect(plainName(given)).toBe(plain);
  });
});

describe("rows of a long list", () => {
  it("are as many as fit, with some above and below", () => {
    expect(slotsFor(320, 32, 8)).toBe(10 + 2 + 16);
  });

  it("stand in the order in which they are seen", () => {
    expect(inSlots(7, 4, 1000, false)).toEqual({ first: 7, indexes: [7, 8, 9, 10] });
  });

  it("keep their elements while they scroll", () => {
    const slots = 4;
    const before = inSlots(7, slots, 1000, true).indexes;
    const after = inSlots(9, slots, 1000, true).indexes;
    expect(before.map((index) => index % slots)).toEqual([0, 1, 2, 3]);
    expect(after.map((index) => index % slots)).toEqual([0, 1, 2, 3]);
    expect(after.filter((index) => before.includes(index))).toEqual([9, 10]);
  });

  it("end with the last one", () => {
    expect(inSlots(-8, 4, 1000, false).indexes).toEqual([0, 1, 2, 3]);
    expect(inSlots(999, 4, 1000, false).indexes).toEqual([996, 997, 998, 999]);
    expect(inSlots(5, 4, 2, true)).toEqual({ first: 0, indexes: [0, 1] });
  });
});

describe("a line of Python", () => {
  it("is shown in pieces", () => {
    expect(pieces('    return f"# {x}"  # ten').map(({ look, text }) => [look, text])).toEqual([
      ["plain", "    "], ["word", "return"], ["plain", " "], ["text", 'f"# {x}"'], ["plain", "  "], ["comment", "# ten"],
    ]);
    expect(pieces("@task(cache=True)").map(({ look }) => look)).toEqual(["mark", "plain", "word", "plain"]);
  });

  it.each(["", "x = a @ b", "it's", String.raw`"\"`, "    "])("is all there: %s", (line) => {
    expect(pieces(line).map(({ text }) => text).join("")).toBe(line);
  });
});

describe("files and tables inside of dataclasses", () => {
  it("are known by their fields", () => {
    expect(storedIn({ path: "s3://b/k.csv", metadata: { digest: "1" } })).toMatchObject({ stored: "file", uri: "s3://b/k.csv" });
    expect(storedIn({ uri: "/data/frame", file_format: "parquet" })).toMatchObject({ stored: "table", format: "parquet" });
  });

  it.each([[{ path: "relative" }], [{ path: "/a", mode: 1 }], [{ uri: 1 }], [["s3://b"]], ["s3://b"], [null], [{}]])("are nothing else: %j", (value) => {
    expect(storedIn(value)).toBeUndefined();
  });
});

describe("amounts of quotas", () => {
  it.each([
    ["cpu", "1.5", 1500n],
    ["memory", "64Gi", 64n * 1024n ** 3n],
    ["memory", "1.5 KiB", 1536n],
    ["memory", "0.1Ki", 103n],
    ["attempts", " 10 ", 10n],
    ["executions", "0", 0n],
  ])("are read as people write them: %s %s", (resource, text, value) => {
    expect(amountFrom(resource, text)).toBe(value);
  });

  it.each([["attempts", "1.5"], ["attempts", "1Ki"], ["cpu", "much"], ["memory", ""], ["cpu", "-1"], ["memory", "1GB"]])("are refused: %s %s", (resource, text) => {
    expect(() => amountFrom(resource, text)).toThrow(RangeError);
  });

  it("are shown as they are read", () => {
    for (const [resource, text] of [["cpu", "1.5"], ["memory", "64 GiB"], ["attempts", "10"]] as const) expect(amount(resource, amountFrom(resource, text))).toBe(text);
  });
});

describe("what attempts asked for and used", () => {
  const MIB = 1024n * 1024n;
  const asked = create(AskedResourcesSchema, {
    requests: { cpuMilli: 1000n, memoryBytes: 500n * MIB },
    limits: { memoryBytes: 1024n * MIB },
  });
  const used = create(AttemptUseSchema, { memoryPeakBytes: 312n * MIB, processorNs: 1_800_000_000n });

  it("is told beside each other, with the part of the limit", () => {
    expect(uses({ asked, used, tookMs: 2000 })).toEqual([
      { name: "Memory", text: "312 MiB of 500 MiB asked (limit 1 GiB)", part: 312 / 1024 },
      { name: "Processor", text: "1.8 s over 2 s = 0.9 CPU of 1 asked" },
    ]);
  });

  it("says what was not measured, and what was not asked for says nothing", () => {
    expect(uses({ asked, used: undefined, tookMs: 2000 }).map((use) => use.text)).toEqual([
      "not measured; 500 MiB asked (limit 1 GiB)",
      "not measured; 1 asked",
    ]);
    expect(uses({ used, tookMs: 0 })).toEqual([
      { name: "Memory", text: "312 MiB" },
      { name: "Processor", text: "1.8 s" },
    ]);
  });

  it("tells only what was asked for while the attempt runs", () => {
    expect(uses({ asked }).map((use) => use.text)).toEqual(["500 MiB asked (limit 1 GiB)", "1 asked"]);
    expect(uses({})).toEqual([]);
  });

  it("tells devices and disk where they were asked for", () => {
    const more = create(AskedResourcesSchema, { requests: { gpus: 2n, ephemeralStorageBytes: 10n * 1024n * MIB } });
    expect(uses({ asked: more }).map((use) => `${use.name}: ${use.text}`)).toEqual(["GPUs: 2 asked", "Disk: 10 GiB asked"]);
  });

  it("counts short times in milliseconds", () => {
    const little = create(AttemptUseSchema, { processorNs: 2_140_000n });
    expect(uses({ used: little, tookMs: 6 })).toEqual([
      { name: "Memory", text: "not measured" },
      { name: "Processor", text: "2.1 ms over 6 ms = 0.36 CPU" },
    ]);
  });

  it("never draws more than the whole", () => {
    const much = create(AttemptUseSchema, { memoryPeakBytes: 4096n * MIB });
    expect(uses({ asked, used: much, tookMs: 1 })[0]?.part).toBe(1);
  });
});
