// How phases look: a sign, a word and a tone, so that colour never carries the meaning alone. The words are the CLI's.
import { CatalogCacheStatus } from "../gen/flytelike/core/catalog_pb";
import {
  NodeExecution_Phase as NodePhase,
  TaskExecution_Phase as TaskPhase,
  WorkflowExecution_Phase as RunPhase,
} from "../gen/flytelike/core/execution_pb";

export { NodePhase, RunPhase, TaskPhase };

export type Tone = "good" | "bad" | "busy" | "idle" | "odd" | "cached";

export interface Look {
  readonly word: string;
  readonly sign: string;
  readonly tone: Tone;
  readonly ended: boolean;
}

const look = (word: string, sign: string, tone: Tone, ended = false): Look => ({ word, sign, tone, ended });

const UNKNOWN = look("undefined", "·", "idle");

const RUNS: Readonly<Record<RunPhase, Look>> = {
  [RunPhase.UNDEFINED]: UNKNOWN,
  [RunPhase.QUEUED]: look("queued", "○", "idle"),
  [RunPhase.RUNNING]: look("running", "●", "busy"),
  [RunPhase.SUCCEEDING]: look("succeeding", "●", "busy"),
  [RunPhase.SUCCEEDED]: look("succeeded", "✓", "good", true),
  [RunPhase.FAILING]: look("failing", "✗", "bad"),
  [RunPhase.FAILED]: look("failed", "✗", "bad", true),
  [RunPhase.ABORTED]: look("aborted", "■", "odd", true),
  [RunPhase.TIMED_OUT]: look("timed out", "✗", "bad", true),
  [RunPhase.ABORTING]: look("aborting", "■", "odd"),
};

const NODES: Readonly<Record<NodePhase, Look>> = {
  [NodePhase.UNDEFINED]: UNKNOWN,
  [NodePhase.QUEUED]: look("queued", "○", "idle"),
  [NodePhase.RUNNING]: look("running", "●", "busy"),
  [NodePhase.SUCCEEDED]: look("succeeded", "✓", "good", true),
  [NodePhase.FAILING]: look("failing", "✗", "bad"),
  [NodePhase.FAILED]: look("failed", "✗", "bad", true),
  [NodePhase.ABORTED]: look("aborted", "■", "odd", true),
  [NodePhase.SKIPPED]: look("skipped", "–", "idle", true),
  [NodePhase.TIMED_OUT]: look("timed out", "✗", "bad", true),
  [NodePhase.DYNAMIC_RUNNING]: look("running", "●", "busy"),
  [NodePhase.RECOVERED]: look("reused", "✓", "good", true),
};

const TASKS: Readonly<Record<TaskPhase, Look>> = {
  [TaskPhase.UNDEFINED]: look("waiting", "·", "idle"),
  [TaskPhase.QUEUED]: look("queued", "○", "idle"),
  [TaskPhase.RUNNING]: look("running", "●", "busy"),
  [TaskPhase.SUCCEEDED]: look("succeeded", "✓", "good", true),
  [TaskPhase.ABORTED]: look("aborted", "■", "odd", true),
  [TaskPhase.FAILED]: look("failed", "✗", "bad", true),
  [TaskPhase.INITIALIZING]: look("starting", "○", "busy"),
  [TaskPhase.WAITING_FOR_RESOURCES]: look("waiting", "○", "idle"),
  [TaskPhase.RETRYABLE_FAILED]: look("failed, tried again", "✗", "bad", true),
};

export const runLook = (phase: RunPhase): Look => RUNS[phase];
export const taskLook = (phase: TaskPhase): Look => TASKS[phase];

export const CACHED = look("cached", "✓", "cached", true);

/** How a node looks: one that the cache served says so. */
export const nodeLook = (phase: NodePhase, cache?: CatalogCacheStatus): Look =>
  phase === NodePhase.SUCCEEDED && cache === CatalogCacheStatus.CACHE_HIT ? CACHED : NODES[phase];

/** What the cache had to say of a node, in words. */
export const cacheWords: Readonly<Record<CatalogCacheStatus, string>> = {
  [CatalogCacheStatus.CACHE_DISABLED]: "not cached",
  [CatalogCacheStatus.CACHE_MISS]: "miss",
  [CatalogCacheStatus.CACHE_HIT]: "hit",
  [CatalogCacheStatus.CACHE_POPULATED]: "computed and kept",
  [CatalogCacheStatus.CACHE_LOOKUP_FAILURE]: "the catalog could not be asked",
  [CatalogCacheStatus.CACHE_PUT_FAILURE]: "the result could not be kept",
  [CatalogCacheStatus.CACHE_SKIPPED]: "skipped",
  [CatalogCacheStatus.CACHE_EVICTED]: "evicted",
};

export const RUN_FILTERS: readonly { readonly word: string; readonly tone: Tone; readonly phases: readonly RunPhase[] }[] = [
  { word: "running", tone: "busy", phases: [RunPhase.QUEUED, RunPhase.RUNNING, RunPhase.SUCCEEDING, RunPhase.FAILING, RunPhase.ABORTING] },
  { word: "succeeded", tone: "good", phases: [RunPhase.SUCCEEDED] },
  { word: "failed", tone: "bad", phases: [RunPhase.FAILED, RunPhase.TIMED_OUT] },
  { word: "aborted", tone: "odd", phases: [RunPhase.ABORTED] },
];

export const NODE_FILTERS: readonly { readonly word: string; readonly tone: Tone; readonly phases: readonly NodePhase[] }[] = [
  { word: "running", tone: "busy", phases: [NodePhase.RUNNING, NodePhase.DYNAMIC_RUNNING, NodePhase.FAILING] },
  { word: "queued", tone: "idle", phases: [NodePhase.UNDEFINED, NodePhase.QUEUED] },
  { word: "failed", tone: "bad", phases: [NodePhase.FAILED, NodePhase.TIMED_OUT] },
  { word: "succeeded", tone: "good", phases: [NodePhase.SUCCEEDED, NodePhase.RECOVERED] },
  { word: "other", tone: "odd", phases: [NodePhase.SKIPPED, NodePhase.ABORTED] },
];
