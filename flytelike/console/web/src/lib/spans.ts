import type { RunNode } from "../gen/flytelike/service/console_pb";
import { ms } from "./time";

/** When a node was created, when its turn came, when its work began, and when it ended, in milliseconds; until now where it has not. */
export interface Spans {
  readonly created: number;
  readonly began: number;
  readonly ran: number;
  readonly ended: number;
  /** Whether it waited for what it runs on, though it may have been for less than a millisecond. */
  readonly waited: boolean;
  /** Whether it began its work, as a node without attempts does when its turn comes. */
  readonly worked: boolean;
}

/** The instants of a node in their order. Between its turn and its work it waits: for a worker, a pod, room under a quota, an approval. */
export function spans(node: Pick<RunNode, "createdAt" | "startedAt" | "ranAt" | "endedAt" | "waits">, now: number): Spans {
  const created = ms(node.createdAt) ?? now;
  const ended = Math.max(ms(node.endedAt) ?? now, created);
  const began = between(created, ms(node.startedAt) ?? ended, ended);
  const waits = node.waits !== "" && !node.endedAt;
  const told = node.ranAt !== undefined;
  const ran = between(began, ms(node.ranAt) ?? (waits ? ended : began), ended);
  return { created, began, ran, ended, waited: told || waits, worked: told || (!waits && node.startedAt !== undefined) };
}

const between = (least: number, value: number, most: number): number => Math.min(Math.max(value, least), most);
