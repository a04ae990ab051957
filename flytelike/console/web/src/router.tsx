// The addresses of pages: everything that is shown can be linked to.
import { createRootRoute, createRoute, createRouter } from "@tanstack/react-router";
import { runSearch } from "./lib/filters";
import { NODE_FILTERS } from "./lib/phases";
import { Audit } from "./pages/Audit";
import { Backfill } from "./pages/Backfill";
import { Backfills } from "./pages/Backfills";
import { Compare } from "./pages/Compare";
import { Dashboard } from "./pages/Dashboard";
import { Entities, KINDS } from "./pages/Entities";
import { Entity, type EntitySearch } from "./pages/Entity";
import { Execution, VIEWS, type View } from "./pages/Execution";
import { Executions } from "./pages/Executions";
import { Home } from "./pages/Home";
import { Launch } from "./pages/Launch";
import { Quotas } from "./pages/Quotas";
import { Settings } from "./pages/Settings";
import { Shell } from "./pages/Shell";
import { Team } from "./pages/Team";
import { Fault } from "./parts/Fault";

type Search = Record<string, unknown>;

const word = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? value : typeof value === "number" ? String(value) : undefined;

const root = createRootRoute({
  component: Shell,
  errorComponent: ({ error }) => (
    <div className="page">
      <Fault error={error} />
    </div>
  ),
  notFoundComponent: () => <p className="empty">There is no such page.</p>,
});

const home = createRoute({ getParentRoute: () => root, path: "/", component: Home });
const team = createRoute({ getParentRoute: () => root, path: "/teams/$team", component: Team });
const place = createRoute({ getParentRoute: () => root, path: "/p/$project/$domain" });

const dashboard = createRoute({
  getParentRoute: () => place,
  path: "/",
  component: Dashboard,
  validateSearch: (search: Search): { hours?: number } => (typeof search["hours"] === "number" && search["hours"] > 0 ? { hours: search["hours"] } : {}),
});

const executions = createRoute({ getParentRoute: () => place, path: "/executions", component: Executions, validateSearch: runSearch });

interface ExecutionSearch {
  readonly view?: View | undefined;
  readonly node?: string | undefined;
  readonly scope?: string | undefined;
  readonly phase?: string | undefined;
  readonly text?: string | undefined;
}

const execution = createRoute({
  getParentRoute: () => place,
  path: "/executions/$name",
  component: Execution,
  validateSearch: (search: Search): ExecutionSearch => ({
    view: VIEWS.find(([view]) => view === search["view"])?.[0],
    node: word(search["node"]),
    scope: word(search["scope"]),
    phase: NODE_FILTERS.find((filter) => filter.word === search["phase"])?.word,
    text: word(search["text"]),
  }),
});

const named = (search: Search): { text?: string | undefined } => ({ text: word(search["text"]) });
const versioned = (search: Search): EntitySearch => ({ version: word(search["version"]), against: word(search["against"]), sub: word(search["sub"]) });

const workflows = createRoute({ getParentRoute: () => place, path: "/workflows", component: () => <Entities key="workflows" kind={KINDS.workflows} />, validateSearch: named });
const workflow = createRoute({ getParentRoute: () => place, path: "/workflows/$entity", component: () => <Entity kind={KINDS.workflows} />, validateSearch: versioned });
const tasks = createRoute({ getParentRoute: () => place, path: "/tasks", component: () => <Entities key="tasks" kind={KINDS.tasks} />, validateSearch: named });
const task = createRoute({ getParentRoute: () => place, path: "/tasks/$entity", component: () => <Entity kind={KINDS.tasks} />, validateSearch: versioned });
const plans = createRoute({ getParentRoute: () => place, path: "/launch-plans", component: () => <Entities key="plans" kind={KINDS["launch-plans"]} />, validateSearch: named });
const plan = createRoute({ getParentRoute: () => place, path: "/launch-plans/$entity", component: () => <Entity kind={KINDS["launch-plans"]} />, validateSearch: versioned });

interface LaunchSearch {
  readonly version?: string | undefined;
  readonly like?: string | undefined;
  readonly task?: boolean | undefined;
}

const launch = createRoute({
  getParentRoute: () => place,
  path: "/launch/$entity",
  component: Launch,
  validateSearch: (search: Search): LaunchSearch => ({ version: word(search["version"]), like: word(search["like"]), task: search["task"] === true ? true : undefined }),
});

const compare = createRoute({
  getParentRoute: () => place,
  path: "/compare",
  component: Compare,
  validateSearch: (search: Search): { a: string; b: string } => ({ a: word(search["a"]) ?? "", b: word(search["b"]) ?? "" }),
});

const backfills = createRoute({
  getParentRoute: () => place,
  path: "/backfills",
  component: Backfills,
  validateSearch: (search: Search): { plan?: string | undefined } => ({ plan: word(search["plan"]) }),
});
const backfill = createRoute({ getParentRoute: () => place, path: "/backfills/$backfill", component: Backfill });

const quotas = createRoute({ getParentRoute: () => place, path: "/quotas", component: Quotas });
const audit = createRoute({ getParentRoute: () => place, path: "/audit", component: Audit });

const settings = createRoute({ getParentRoute: () => place, path: "/settings", component: Settings });

const tree = root.addChildren([
  home,
  team,
  place.addChildren([dashboard, executions, execution, workflows, workflow, tasks, task, plans, plan, launch, compare, backfills, backfill, quotas, audit, settings]),
]);

export const router = createRouter({ routeTree: tree, basepath: "/console", defaultPreload: false, scrollRestoration: true });

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
