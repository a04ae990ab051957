import type { RunNode } from "../gen/flytelike/service/console_pb";
import { ms } from "./time";

/** When a node was created, when its turn came, when its work began, and when it ended, in milliseconds; until now where it has not. */
export interface Spans {
  readonly created: number;
  readonly began: number;
  readonly ran: number;
  readonly ended: number;
}

/** The instants of a node in their order. Between its turn and its work it waits: for a worker, a pod, room under a quota, an approval. */
export function spans(node: Pick<RunNode, "createdAt" | "startedAt" | "ranAt" | "endedAt" | "waits">, now: number): Spans {
  const created = ms(node.createdAt) ?? now;
  const ended = Math.max(ms(node.endedAt) ?? now, created);
  const began = between(created, ms(node.startedAt) ?? ended, ended);
  const waits = node.waits !== "" && !node.endedAt;
  return { created, began, ran: between(began, ms(node.ranAt) ?? (waits ? ended : began), ended), ended };
}

const between = (least: number, value: number, most: number): number => Math.min(Math.max(value, least), most);
