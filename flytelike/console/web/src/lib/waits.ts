// What somebody waits for, in words: whose limit is in the way, what of it is in use, and who has it.
import type { QuotaPlace, QuotaShortfall } from "../gen/flytelike/service/tenancy_pb";
import { RESOURCES, amount, amountWords, unitWords } from "./amounts";

/** A place where quotas hold, as people call it. */
export function placeWords(place: QuotaPlace | undefined): string {
  if (place?.team) return `team ${place.team}`;
  if (place?.domain) return `${place.project} / ${place.domain}`;
  return place?.project ? `project ${place.project}` : "the platform";
}

/** What is asked for: `1 attempt, 2 CPU`; in the order in which quotas name it. */
export function asksWords(asks: Readonly<Record<string, bigint>>): string {
  const order = (resource: string): number => {
    const index = RESOURCES.findIndex((it) => it === resource.split("/")[0]);
    return index < 0 ? RESOURCES.length : index;
  };
  return Object.entries(asks)
    .sort(([one], [other]) => order(one) - order(other) || one.localeCompare(other))
    .map(([resource, value]) => amountWords(resource, value))
    .join(", ");
}

/** A limit that is in the way: `team ml: 8 of 8 CPU in use (vision has 6, others have 2)`. */
export function shortfallWords(short: QuotaShortfall): string {
  const held = short.held.map((it) => `${it.name ? `${it.name} has` : "others have"} ${amount(short.resource, it.amount)}`).join(", ");
  const asked = short.never ? `, and ${amount(short.resource, short.asked)} are asked for: more than there may ever be` : "";
  const used = `${amount(short.resource, short.used)} of ${amount(short.resource, short.limit)} ${unitWords(short.resource, short.limit === 1n)} in use`;
  return `${placeWords(short.place)}: ${used}${held && ` (${held})`}${asked}`;
}
