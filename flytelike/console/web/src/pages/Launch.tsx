import { useMutation, useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { type JSX, type SubmitEvent, useState } from "react";
import { admin, pages } from "../api/client";
import { Sort_Direction } from "../gen/flytelike/admin/common_pb";
import type { Parameter } from "../gen/flytelike/core/interface_pb";
import type { Identifier } from "../gen/flytelike/core/identifier_pb";
import type { Literal } from "../gen/flytelike/core/literals_pb";
import { type Wrong, encode } from "../lib/encode";
import { type Plain, isStored, json, plain } from "../lib/literals";
import { pastedInputs } from "../lib/pasted";
import { Fault } from "../parts/Fault";
import { Field } from "../parts/Fields";
import { UploadPlace } from "../parts/FileField";
import { useTitle } from "../parts/title";

const route = getRouteApi("/p/$project/$domain/launch/$entity");

interface Launched {
  readonly id: Identifier;
  readonly inputs: readonly (readonly [string, Parameter])[];
  readonly values: Readonly<Record<string, unknown>>;
}

/** The form that launches a launch plan or a task, made of its interface. */
export function Launch(): JSX.Element {
  const { entity, ...place } = route.useParams();
  const search = route.useSearch();
  useTitle(`Launch ${entity}`);
  const found = useQuery({
    queryKey: ["launched", place, entity, search],
    staleTime: Infinity,
    queryFn: async (): Promise<Launched | null> => {
      const request = {
        id: { ...place, name: entity },
        limit: 1,
        filters: search.version ? `eq(version,${search.version})` : "",
        sortBy: { key: "created_at", direction: Sort_Direction.DESCENDING },
      };
      const like = search.like ? await pages.previewValues({ of: { case: "execution", value: { ...place, name: search.like } } }) : undefined;
      const given = like?.inputs?.values?.literals ?? {};
      const plan = search.task ? undefined : (await admin.listLaunchPlans(request)).launchPlans[0];
      if (plan?.id) {
        const inputs = Object.entries(plan.closure?.expectedInputs?.parameters ?? {}).sort(bySpan);
        return { id: plan.id, inputs, values: startingValues(inputs, given) };
      }
      const task = (await admin.listTasks(request)).tasks[0];
      if (!task?.id) return null;
      const variables = Object.entries(task.closure?.compiledTask?.template?.interface?.inputs?.variables ?? {});
      const inputs = variables.map(([name, variable]) => [name, { var: variable, behavior: { case: "required", value: true } } as Parameter] as const);
      return { id: task.id, inputs, values: startingValues(inputs, given) };
    },
  });
  return (
    <div className="page">
      <h1 style={{ marginBottom: 12 }}>Launch {entity}</h1>
      <Fault error={found.error} />
      {found.data === null && <p className="empty">No launch plan or task has this name and version.</p>}
      <UploadPlace value={place}>{found.data && <Form key={found.data.id.version} launched={found.data} place={place} />}</UploadPlace>
    </div>
  );
}

const line = (parameter: Parameter): number => (parameter.var?.span?.line ?? 0) * 1000 + (parameter.var?.span?.column ?? 0);
const bySpan = (a: readonly [string, Parameter], b: readonly [string, Parameter]): number => line(a[1]) - line(b[1]);

function startingValues(inputs: Launched["inputs"], given: Readonly<Record<string, Literal>>): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [name, { behavior }] of inputs) {
    const literal = given[name] ?? (behavior.case === "default" ? behavior.value : undefined);
    if (literal === undefined) continue;
    const value = plain(literal);
    values[name] = isStored(value) ? value.uri : value;
  }
  return values;
}

interface FormProps {
  readonly launched: Launched;
  readonly place: { readonly project: string; readonly domain: string };
}

function Form({ launched, place }: FormProps): JSX.Element {
  const navigate = route.useNavigate();
  const [values, setValues] = useState<Readonly<Record<string, unknown>>>(launched.values);
  const [pasted, setPasted] = useState<string>();
  const [wrong, setWrong] = useState<readonly Wrong[]>([]);
  const [name, setName] = useState("");
  const [overwrite, setOverwrite] = useState(false);
  const launch = useMutation({
    mutationFn: (literals: Record<string, Literal>) =>
      admin.createExecution({
        ...place,
        name,
        inputs: { literals },
        spec: { launchPlan: launched.id, overwriteCache: overwrite },
      }),
    onSuccess: ({ id }) => {
      if (id) void navigate({ to: "/p/$project/$domain/executions/$name", params: { ...place, name: id.name } });
    },
  });
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    if (pasted === undefined) check(values);
    else pastedInputs(pasted).then(check, (error: unknown) => setWrong([{ path: "", text: error instanceof Error ? error.message : String(error) }]));
  };
  const check = (given: Readonly<Record<string, unknown>>): void => {
    const faults: Wrong[] = [];
    const literals: Record<string, Literal> = {};
    for (const [input, { var: variable, behavior }] of launched.inputs) {
      const value = given[input];
      if (value === undefined && behavior.case !== "required") continue;
      const literal = variable?.type && encode(value, variable.type, input, faults);
      if (literal) literals[input] = literal;
    }
    for (const input of Object.keys(given)) {
      if (!launched.inputs.some(([known]) => known === input)) faults.push({ path: input, text: "there is no such input" });
    }
    setWrong(faults);
    if (faults.length === 0) launch.mutate(literals);
  };
  const others = wrong.filter(({ path }) => pasted !== undefined || !launched.inputs.some(([input]) => path === input));
  return (
    <form className="form" onSubmit={submit} noValidate>
      <p className="soft" style={{ margin: 0 }}>
        version <code>{launched.id.version}</code>
      </p>
      <div className="row" role="group" aria-label="How inputs are given">
        <button type="button" aria-pressed={pasted === undefined} onClick={() => setPasted(undefined)}>
          Form
        </button>
        <button type="button" aria-pressed={pasted !== undefined} onClick={() => setPasted(json(values as Plain))}>
          JSON or YAML
        </button>
      </div>
      {pasted !== undefined ? (
        <textarea aria-label="Inputs as JSON or YAML" rows={14} value={pasted} onChange={(event) => setPasted(event.target.value)} />
      ) : (
        launched.inputs.map(
          ([input, { var: variable, behavior }]) =>
            variable?.type && (
              <Field
                key={input}
                name={input}
                type={variable.type}
                description={variable.description}
                required={behavior.case === "required"}
                value={values[input]}
                fault={wrong.find(({ path }) => path === input)?.text}
                onChange={(value) => setValues((old) => ({ ...old, [input]: value }))}
              />
            ),
        )
      )}
      {launched.inputs.length === 0 && <p className="soft">It has no inputs.</p>}
      {others.map(({ path, text }) => (
        <div key={path + text} className="bad" role="alert">
          {path && <code>{path}</code>} {text}
        </div>
      ))}
      <details>
        <summary>Options</summary>
        <div className="form" style={{ marginTop: 10 }}>
          <div className="field">
            <label htmlFor="launch-name">Name of the execution</label>
            <input id="launch-name" value={name} placeholder="made by the platform" onChange={(event) => setName(event.target.value)} />
          </div>
          <label className="row">
            <input type="checkbox" checked={overwrite} onChange={(event) => setOverwrite(event.target.checked)} />
            Compute what is cached again
          </label>
        </div>
      </details>
      <Fault error={launch.error} />
      <div>
        <button type="submit" className="primary" disabled={launch.isPending}>
          Launch
        </button>
      </div>
    </form>
  );
}
