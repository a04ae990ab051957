import { useMutation, useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type JSX, useState } from "react";
import { type RunId, admin, derivation } from "../api/client";
import { Sort_Direction } from "../gen/flytelike/admin/common_pb";
import { type Identifier, ResourceType } from "../gen/flytelike/core/identifier_pb";
import { type DerivedNode, DerivedNode_Action as Action, DeriveRequest_Runs as Runs } from "../gen/flytelike/service/derivation_pb";
import { Dialog } from "./Dialog";
import { Fault } from "./Fault";

const VERSIONS = 20;

interface Props {
  readonly id: RunId;
  /** What it executed. */
  readonly launched: Identifier | undefined;
  readonly onClose: () => void;
}

const WORDS: Readonly<Record<Action, string>> = {
  [Action.UNSPECIFIED]: "",
  [Action.REUSE]: "✓ reuse",
  [Action.PARTLY]: "◐ partly",
  [Action.RUN]: "▶ run",
  [Action.NEW]: "+ new",
  [Action.GONE]: "– gone",
  [Action.LEFT_OUT]: "· left out",
};

/** What an execution made from this one would run and what it would reuse; then it is made. */
export function Derive({ id, launched, onClose }: Props): JSX.Element {
  const navigate = useNavigate();
  const [runs, setRuns] = useState(Runs.WHAT_IS_NEEDED);
  const [version, setVersion] = useState(launched?.version ?? "");
  const versions = useQuery({
    queryKey: ["derive", "versions", launched?.project, launched?.domain, launched?.name],
    queryFn: () =>
      admin.listLaunchPlans({
        id: { project: launched?.project ?? "", domain: launched?.domain ?? "", name: launched?.name ?? "" },
        limit: VERSIONS,
        sortBy: { key: "created_at", direction: Sort_Direction.DESCENDING },
      }),
    enabled: launched?.resourceType === ResourceType.LAUNCH_PLAN,
  });
  const others = versions.data?.launchPlans.map((found) => found.id?.version ?? "").filter((found) => found !== launched?.version) ?? [];
  const what = { id, runs, ...(launched && version !== launched.version && { launchPlan: { ...launched, version } }) };
  const plan = useQuery({
    queryKey: ["derive", id, runs, version],
    queryFn: () => derivation.derive({ ...what, dryRun: true }),
    staleTime: 0,
    retry: false,
  });
  const make = useMutation({
    mutationFn: () => derivation.derive(what),
    onSuccess: (made) => {
      onClose();
      if (made.id) void navigate({ to: "/p/$project/$domain/executions/$name", params: { ...id, name: made.id.name } });
    },
  });
  const nodes = plan.data?.nodes ?? [];
  const reused = nodes.filter(({ action }) => action === Action.REUSE).length;
  return (
    <Dialog label="Execute again" onClose={onClose}>
      <div className="body">
        <h2>Execute {id.name} again</h2>
        <div className="row" role="group" aria-label="Which nodes run">
          <button type="button" aria-pressed={runs === Runs.WHAT_IS_NEEDED} onClick={() => setRuns(Runs.WHAT_IS_NEEDED)}>
            Recover: what is needed
          </button>
          <button type="button" aria-pressed={runs === Runs.ALL} onClick={() => setRuns(Runs.ALL)}>
            Relaunch: all of it
          </button>
        </div>
        {launched && others.length > 0 && (
          <label className="row" style={{ marginTop: 8 }}>
            with the code of version
            <select value={version} onChange={(event) => setVersion(event.target.value)}>
              <option value={launched.version}>{launched.version} (as before)</option>
              {others.map((other) => (
                <option key={other}>{other}</option>
              ))}
            </select>
          </label>
        )}
        <Fault error={plan.error ?? make.error} />
        {plan.isSuccess && (
          <p className="soft" style={{ marginTop: 8 }} role="status">
            {runs === Runs.ALL ? "All nodes run; nothing is reused." : `${reused} of ${nodes.length} nodes are reused, the others run.`}
          </p>
        )}
        {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
        <div className="scroll" style={{ maxHeight: "44vh" }} tabIndex={0} role="group" aria-label="Plan">
          <table>
            <thead>
              <tr>
                <th scope="col">Node</th>
                <th scope="col">What is done</th>
                <th scope="col">Why</th>
              </tr>
            </thead>
            <tbody>
              {nodes.map((node) => (
                <PlanRow key={`${node.path}/${node.earlier}`} node={node} />
              ))}
            </tbody>
          </table>
        </div>
        <div className="row" style={{ marginTop: 12 }}>
          <button type="button" className="primary" disabled={!plan.isSuccess || make.isPending} onClick={() => make.mutate()}>
            Execute
          </button>
          <button type="button" onClick={onClose}>
            Cancel
          </button>
        </div>
      </div>
    </Dialog>
  );
}

function PlanRow({ node }: { readonly node: DerivedNode }): JSX.Element {
  return (
    <tr>
      <td>
        <code>{node.path || node.earlier}</code> <span className="soft">{node.called.replaceAll("`", "").split(".").at(-1)}</span>
      </td>
      <td style={{ whiteSpace: "nowrap" }}>{WORDS[node.action]}</td>
      <td className="soft">{[node.reason, node.detail].filter(Boolean).join(": ")}</td>
    </tr>
  );
}
