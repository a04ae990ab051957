import { create } from "@bufbuild/protobuf";
import { describe, expect, it, test } from "vitest";
import { QuotaPlaceSchema, QuotaShortfallSchema, QuotaUseSchema } from "../gen/flytelike/service/tenancy_pb";
import { amountWords } from "./amounts";
import { tightest } from "./tightest";
import { asksWords, placeWords, shortfallWords } from "./waits";

const GI = 1024n ** 3n;

test.each([
  ["map_elements", 1n, "1 map element"],
  ["map_elements", 0n, "0 map elements"],
  ["stored_bytes", GI, "1 GiB of stored data"],
])("an amount of %s, %d, is %s", (resource, value, words) => expect(amountWords(resource, value)).toBe(words));

describe("who waits for what", () => {
  test.each([
    [{}, "the platform"],
    [{ team: "ml" }, "team ml"],
    [{ project: "vision" }, "project vision"],
    [{ project: "vision", domain: "staging" }, "vision / staging"],
  ])("%o is a place", (place, words) => expect(placeWords(create(QuotaPlaceSchema, place))).toBe(words));

  test.each([
    [{}, ""],
    [{ memory: 2n * GI, attempts: 1n, cpu: 1500n }, "1 attempt, 1.5 CPU, 2 GiB of memory"],
    [{ "gpu/a100": 2n, gpu: 2n, unheard: 1n }, "2 GPU, 2 GPU of type a100, 1 unheard"],
  ])("%o is asked for", (asks, words) => expect(asksWords(asks)).toBe(words));

  const short = { place: { team: "ml" }, resource: "cpu", asked: 2000n, used: 8000n, limit: 8000n };
  it("tells whose limit it is and who has what of it", () => {
    const held = [
      { name: "vision", amount: 6000n },
      { name: "", amount: 2000n },
    ];
    expect(shortfallWords(create(QuotaShortfallSchema, { ...short, held }))).toBe("team ml: 8 of 8 CPU in use (vision has 6, others have 2)");
    expect(shortfallWords(create(QuotaShortfallSchema, short))).toBe("team ml: 8 of 8 CPU in use");
  });
  it("tells what can never be", () => {
    const told = shortfallWords(create(QuotaShortfallSchema, { ...short, used: 0n, asked: 9000n, never: true }));
    expect(told).toBe("team ml: 0 of 8 CPU in use, and 9 are asked for: more than there may ever be");
  });
});

describe("the limits that hold in a domain", () => {
  const use = (place: object, limits: Record<string, bigint>, used: Record<string, bigint>) =>
    create(QuotaUseSchema, { quota: { place, limits }, used });
  const uses = [
    use({}, { attempts: 10n }, { attempts: 4n, cpu: 4000n }),
    use({ team: "ml" }, { cpu: 4000n, memory: 0n }, { cpu: 4000n }),
    use({ project: "vision", domain: "staging" }, { attempts: 1n }, { attempts: 1n }),
    use({ project: "vision", domain: "production" }, { attempts: 8n }, {}),
    create(QuotaUseSchema, { used: { gpu: 1n } }),
  ];
  it("come by how much of them is used; what has no limit is left out", () => {
    const told = tightest(uses, "production").map(({ place, resource, used, limit }) => [placeWords(place), resource, used, limit]);
    expect(told).toEqual([
      ["team ml", "cpu", 4000n, 4000n],
      ["team ml", "memory", 0n, 0n],
      ["the platform", "attempts", 4n, 10n],
      ["vision / production", "attempts", 0n, 8n],
    ]);
  });
});
