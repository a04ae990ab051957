import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { type JSX, Suspense, lazy, useCallback } from "react";
import { type Place, admin, pages } from "../api/client";
import { keys } from "../api/keys";
import { LaunchPlanState } from "../gen/flytelike/admin/launch_plan_pb";
import { Sort_Direction } from "../gen/flytelike/admin/common_pb";
import type { Variable } from "../gen/flytelike/core/interface_pb";
import { ResourceType } from "../gen/flytelike/core/identifier_pb";
import type { GraphNode } from "../gen/flytelike/service/console_pb";
import { scheduleWords } from "../lib/schedules";
import { Fault } from "../parts/Fault";
import { Interface } from "../parts/Interface";
import { Schedule } from "../parts/Schedule";
import { Source } from "../parts/Source";
import { Ago } from "../parts/Time";
import { Versions } from "../parts/Versions";
import { useTitle } from "../parts/title";
import { type Kind } from "./Entities";

const Graph = lazy(() => import("../parts/Graph"));
const VERSIONS = 50;

export interface EntitySearch {
  readonly version?: string | undefined;
  readonly against?: string | undefined;
  readonly sub?: string | undefined;
}

export interface Version {
  readonly version: string;
  readonly createdAt: Parameters<typeof Ago>[0]["at"];
  readonly inputs: Readonly<Record<string, Variable>>;
  readonly outputs: Readonly<Record<string, Variable>>;
  readonly description: string;
  readonly active?: boolean;
  readonly facts: readonly (readonly [string, string])[];
}

async function versionsOf(kind: Kind, place: Place, name: string): Promise<Version[]> {
  const request = {
    id: { ...place, name },
    limit: VERSIONS,
    sortBy: { key: "created_at", direction: Sort_Direction.DESCENDING },
  };
  if (kind.type === ResourceType.WORKFLOW) {
    const { workflows } = await admin.listWorkflows(request);
    return workflows.map(({ id, closure, shortDescription }) => {
      const template = closure?.compiledWorkflow?.primary?.template;
      return {
        version: id?.version ?? "",
        createdAt: closure?.createdAt,
        inputs: template?.interface?.inputs?.variables ?? {},
        outputs: template?.interface?.outputs?.variables ?? {},
        description: shortDescription,
        facts: [],
      };
    });
  }
  if (kind.type === ResourceType.TASK) {
    const { tasks } = await admin.listTasks(request);
    return tasks.map(({ id, closure, shortDescription }) => {
      const template = closure?.compiledTask?.template;
      const target = template?.target;
      const resources = target?.case === "container" ? target.value.resources : undefined;
      const asked = resources?.requests.map((one) => `${one.value} ${NAMES[one.name] ?? ""}`).join(", ") ?? "";
      const facts: [string, string][] = [["Kind", template?.type ?? ""]];
      if (target?.case === "container") facts.push(["Image", target.value.image]);
      if (asked) facts.push(["Asks for", asked]);
      if (template?.metadata?.discoverable) facts.push(["Cached", `version ${template.metadata.discoveryVersion || "by its code"}`]);
      if (template?.metadata?.retries?.retries) facts.push(["Retries", String(template.metadata.retries.retries)]);
      return {
        version: id?.version ?? "",
        createdAt: closure?.createdAt,
        inputs: template?.interface?.inputs?.variables ?? {},
        outputs: template?.interface?.outputs?.variables ?? {},
        description: shortDescription,
        facts,
      };
    });
  }
  const { launchPlans } = await admin.listLaunchPlans(request);
  return launchPlans.map(({ id, spec, closure }) => {
    const inputs = Object.entries(closure?.expectedInputs?.parameters ?? {});
    const schedule = scheduleWords(spec?.entityMetadata?.schedule);
    const facts: [string, string][] = [["Workflow", spec?.workflowId?.name ?? ""]];
    if (schedule) facts.push(["Schedule", schedule]);
    const fixed = Object.keys(spec?.fixedInputs?.literals ?? {});
    if (fixed.length > 0) facts.push(["Fixed inputs", fixed.join(", ")]);
    return {
      version: id?.version ?? "",
      createdAt: closure?.createdAt,
      inputs: Object.fromEntries(inputs.flatMap(([name, { var: found }]) => (found ? [[name, found]] : []))),
      outputs: closure?.expectedOutputs?.variables ?? {},
      description: "",
      active: closure?.state === LaunchPlanState.ACTIVE,
      facts,
    };
  });
}

const NAMES: Readonly<Record<number, string>> = { 1: "CPU", 2: "GPU", 3: "memory", 4: "storage", 5: "ephemeral storage" };

/** One task, workflow or launch plan: its versions, and one of them in full. */
export function Entity({ kind }: { readonly kind: Kind }): JSX.Element {
  const { entity = "", ...rest } = useParams({ strict: false });
  const { project = "", domain = "" } = rest;
  const place = { project, domain };
  const search: EntitySearch = useSearch({ strict: false });
  const navigate = useNavigate();
  useTitle(entity);
  const found = useQuery({ queryKey: ["versions", kind.type, place, entity], queryFn: () => versionsOf(kind, place, entity) });
  const shown = found.data?.find(({ version }) => version === search.version) ?? found.data?.[0];
  const change = (more: EntitySearch): void => void navigate({ to: ".", search: { ...search, ...more } });
  return (
    <div className="page">
      <div className="row" style={{ marginBottom: 12 }}>
        <h1 className="grow">
          {entity} <span className="tag">{kind.word}</span>
        </h1>
        {shown && kind.type === ResourceType.LAUNCH_PLAN && <Activation place={place} entity={entity} shown={shown} />}
        <Link className="button" to="/p/$project/$domain/executions" params={place} search={{ workflow: entity }}>
          Executions
        </Link>
        {shown && (
          <Link className="button primary" to="/p/$project/$domain/launch/$entity" params={{ ...place, entity }} search={{ version: shown.version, ...(kind.type === ResourceType.TASK && { task: true }) }}>
            Launch
          </Link>
        )}
      </div>
      <Fault error={found.error} />
      {found.data?.length === 0 && <p className="empty">Nothing is registered under this name.</p>}
      {shown && (
        <>
          {shown.description && <p>{shown.description}</p>}
          <dl className="facts" style={{ marginBottom: 12 }}>
            <dt>Version</dt>
            <dd>
              <code>{shown.version}</code>{" "}
              <span className="soft">
                registered <Ago at={shown.createdAt} />
              </span>
            </dd>
            {shown.facts.map(([name, value]) => (
              <div key={name} style={{ display: "contents" }}>
                <dt>{name}</dt>
                <dd>{value}</dd>
              </div>
            ))}
          </dl>
          <div className="columns">
            <Interface title="Inputs" variables={shown.inputs} />
            <Interface title="Outputs" variables={shown.outputs} />
          </div>
          {kind.type === ResourceType.LAUNCH_PLAN && <Schedule place={place} entity={entity} />}
          {kind.type === ResourceType.WORKFLOW && <WorkflowGraph place={place} entity={entity} version={shown.version} sub={search.sub ?? ""} onSub={(sub) => change({ sub })} />}
          {kind.type !== ResourceType.LAUNCH_PLAN && <Source type={kind.type} place={place} entity={entity} version={shown.version} />}
          <Versions kind={kind} place={place} entity={entity} versions={found.data ?? []} shown={shown.version} against={search.against} onChange={change} />
        </>
      )}
    </div>
  );
}

interface ActivationProps {
  readonly place: Place;
  readonly entity: string;
  readonly shown: Version;
}

function Activation({ place, entity, shown }: ActivationProps): JSX.Element {
  const client = useQueryClient();
  const set = useMutation({
    mutationFn: () =>
      admin.updateLaunchPlan({
        id: { resourceType: ResourceType.LAUNCH_PLAN, ...place, name: entity, version: shown.version },
        state: shown.active ? LaunchPlanState.INACTIVE : LaunchPlanState.ACTIVE,
      }),
    onSettled: async () => {
      await client.invalidateQueries({ queryKey: ["versions"] });
      await client.invalidateQueries({ queryKey: keys.schedules(place) });
    },
  });
  return (
    <button type="button" disabled={set.isPending} onClick={() => set.mutate()} title={set.error?.message}>
      {shown.active ? "Deactivate" : "Activate"}
    </button>
  );
}

interface GraphProps {
  readonly place: Place;
  readonly entity: string;
  readonly version: string;
  readonly sub: string;
  readonly onSub: (name: string | undefined) => void;
}

function WorkflowGraph({ place, entity, version, sub, onSub }: GraphProps): JSX.Element {
  const navigate = useNavigate();
  const found = useQuery({
    queryKey: ["drawing", place, entity, version, sub],
    queryFn: () =>
      pages.drawGraph({
        of: { case: "workflow", value: { resourceType: ResourceType.WORKFLOW, ...place, name: entity, version } },
        subWorkflow: sub,
      }),
    staleTime: Infinity,
  });
  const select = useCallback(
    (node: GraphNode) => {
      if (node.nested) onSub(node.target?.name);
      else if (node.target?.resourceType === ResourceType.TASK) {
        const { project, domain, name } = node.target;
        void navigate({ to: "/p/$project/$domain/tasks/$entity", params: { project, domain, entity: name }, search: { version: node.target.version } });
      }
    },
    [navigate, onSub],
  );
  return (
    <section className="card" style={{ marginTop: 14 }} aria-label="Graph">
      <div className="row">
        <h2 className="grow" style={{ margin: 0 }}>
          Graph{sub && ` of ${sub}`}
        </h2>
        {sub && (
          <button type="button" onClick={() => onSub(undefined)}>
            Back to {entity}
          </button>
        )}
      </div>
      <Fault error={found.error} />
      <div style={{ height: 320, display: "flex" }}>
        <Suspense fallback={<div className="graph empty">Loading…</div>}>{found.data && <Graph graph={found.data} onSelect={select} />}</Suspense>
      </div>
    </section>
  );
}
