import type { QuotaPlace, QuotaUse } from "../gen/flytelike/service/tenancy_pb";
import { share } from "./amounts";

/** A limit, and what is used of it. */
export interface Bound {
  readonly place: QuotaPlace | undefined;
  readonly resource: string;
  readonly used: bigint;
  readonly limit: bigint;
  readonly part: number;
}

/** The limits that hold in a domain, those most used first. */
export function tightest(uses: readonly QuotaUse[], domain: string): Bound[] {
  const found = uses
    .filter(({ quota }) => !quota?.place?.domain || quota.place.domain === domain)
    .flatMap((use) =>
      Object.entries(use.quota?.limits ?? {}).map(([resource, limit]) => {
        const used = use.used[resource] ?? 0n;
        return { place: use.quota?.place, resource, used, limit, part: share(used, limit) ?? 0 };
      }),
    );
  return found.sort((one, other) => other.part - one.part);
}
