// The names under which answers are kept.
import type { Place, RunId } from "./client";

export const keys = {
  me: ["me"] as const,
  home: ["home"] as const,
  tokens: ["tokens"] as const,
  grants: ["grants"] as const,
  attributes: (place: Place) => ["attributes", place.project, place.domain] as const,
  quotas: ["quotas"] as const,
  queue: (team: string, project: string, domain: string) => ["quotas", "queue", team, project, domain] as const,
  team: (team: string) => ["team", team] as const,
  schedules: (place: Place) => ["schedules", place.project, place.domain] as const,
  backfills: (place: Place) => ["backfills", place.project, place.domain] as const,
  audit: (project: string) => ["audit", project] as const,
  domain: (place: Place) => ["domain", place.project, place.domain] as const,
  run: (id: RunId) => ["run", id.project, id.domain, id.name] as const,
  nodes: (id: RunId) => ["nodes", id.project, id.domain, id.name] as const,
  node: (id: RunId, path: string) => ["node", id.project, id.domain, id.name, path] as const,
  graph: (id: RunId) => ["graph", id.project, id.domain, id.name] as const,
  elements: (id: RunId, path: string) => ["elements", id.project, id.domain, id.name, path] as const,
  values: (id: RunId, path: string) => ["values", id.project, id.domain, id.name, path] as const,
};
