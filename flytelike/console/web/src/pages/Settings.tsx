import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { type JSX, type SubmitEvent, useState } from "react";
import { type Place, access, admin, isMissing } from "../api/client";
import { keys } from "../api/keys";
import { MatchableResource } from "../gen/flytelike/admin/matchable_resource_pb";
import type { AccessGrant, AccessToken } from "../gen/flytelike/service/access_pb";
import { type Plain } from "../lib/literals";
import { Fault } from "../parts/Fault";
import { Ago } from "../parts/Time";
import { Tree } from "../parts/Tree";
import { useTitle } from "../parts/title";

const PAGE = 200;
const DAY_S = 86_400;
const ROLES = ["viewer", "launcher", "contributor", "admin"] as const;

/** What one may set: one's own tokens, who may do what in the project, and what holds for its executions. */
export function Settings(): JSX.Element {
  const place = useParams({ from: "/p/$project/$domain/settings" });
  useTitle(`Settings · ${place.project}`);
  return (
    <div className="page wide">
      <h1>Settings</h1>
      <Tokens />
      <Members project={place.project} />
      <Attributes place={place} />
    </div>
  );
}

function Tokens(): JSX.Element {
  const client = useQueryClient();
  const me = useQuery({ queryKey: keys.me, queryFn: () => access.getAccess({}), staleTime: 300_000, retry: false });
  const user = me.data?.user ?? "";
  const found = useQuery({ queryKey: keys.tokens, queryFn: () => access.listTokens({ user, limit: PAGE }), enabled: me.data !== undefined });
  const [name, setName] = useState("");
  const [days, setDays] = useState("90");
  const create = useMutation({
    mutationFn: () => access.createToken({ name, expiresIn: { seconds: BigInt(Math.round(Number(days) * DAY_S)) } }),
    onSuccess: () => {
      setName("");
      return client.invalidateQueries({ queryKey: keys.tokens });
    },
  });
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    create.mutate();
  };
  const valid = found.data?.tokens.filter((token) => !token.revokedAt) ?? [];
  return (
    <section className="card" style={{ marginTop: 12 }} aria-label="Your tokens">
      <h2>Your tokens</h2>
      <p className="soft">
        Programs say with a token who they are{user && `: here, ${user}`}. A token is shown once, when it is made.
      </p>
      <Fault error={found.error ?? me.error} />
      {valid.length > 0 && (
        <div className="scroll">
          <table>
            <thead>
              <tr>
                <th scope="col">Name</th>
                <th scope="col">Created</th>
                <th scope="col">Used</th>
                <th scope="col">Ends</th>
                <th scope="col" aria-label="Revoke" />
              </tr>
            </thead>
            <tbody>
              {valid.map((token) => (
                <TokenRow key={token.id} token={token} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      <form className="row" onSubmit={submit} aria-label="Create a token" style={{ marginTop: 10 }}>
        <input aria-label="Name of the token" placeholder="Name" value={name} onChange={(event) => setName(event.target.value)} />
        <label className="row">
          for <input aria-label="Days" inputMode="numeric" style={{ width: 64 }} value={days} onChange={(event) => setDays(event.target.value)} /> days
        </label>
        <button type="submit" disabled={create.isPending || !/^\d{1,4}$/.test(days)}>
          Create a token
        </button>
      </form>
      {create.data && (
        <div className="notice" role="status">
          <p>Copy it now: it is not shown again.</p>
          <code className="uri" style={{ fontSize: 13 }}>
            {create.data.token}
          </code>
        </div>
      )}
      <Fault error={create.error} />
    </section>
  );
}

function TokenRow({ token }: { readonly token: AccessToken }): JSX.Element {
  const client = useQueryClient();
  const revoke = useMutation({ mutationFn: () => access.revokeToken({ tokenId: token.id }), onSettled: () => client.invalidateQueries({ queryKey: keys.tokens }) });
  return (
    <tr>
      <td>
        {token.name || <span className="soft">no name</span>} <code className="soft">{token.id}</code>
        <Fault error={revoke.error} />
      </td>
      <td className="soft">
        <Ago at={token.createdAt} />
      </td>
      <td className="soft">{token.usedAt ? <Ago at={token.usedAt} /> : "never"}</td>
      <td className="soft">{token.expiresAt ? <Ago at={token.expiresAt} /> : "when it is revoked"}</td>
      <td className="right">
        <button type="button" className="danger" disabled={revoke.isPending} aria-label={`Revoke ${token.name || token.id}`} onClick={() => revoke.mutate()}>
          Revoke
        </button>
      </td>
    </tr>
  );
}

const subjectOf = (grant: AccessGrant): string => {
  const found = grant.subject?.subject;
  return found?.case ? `${found.case}:${found.value}` : "";
};

function scopeOf({ scope }: AccessGrant): string {
  if (scope?.team) return `team ${scope.team}`;
  if (scope?.domain) return `${scope.project} / ${scope.domain}`;
  return scope?.project ? `project ${scope.project}` : "the platform";
}

function Members({ project }: { readonly project: string }): JSX.Element {
  const client = useQueryClient();
  const me = useQuery({ queryKey: keys.me, queryFn: () => access.getAccess({}), staleTime: 300_000, retry: false });
  const found = useQuery({ queryKey: keys.grants, queryFn: () => access.listGrants({}) });
  const [who, setWho] = useState("");
  const [role, setRole] = useState<string>("viewer");
  const again = (): Promise<void> => client.invalidateQueries({ queryKey: keys.grants });
  const add = useMutation({
    mutationFn: () => access.createGrant({ grant: { subject: { subject: subject(who) }, role, scope: { project } } }),
    onSuccess: () => {
      setWho("");
      return again();
    },
  });
  const remove = useMutation({ mutationFn: (grant: AccessGrant) => access.deleteGrant({ grant }), onSettled: again });
  const here = found.data?.grants.filter(({ scope }) => !scope?.project || scope.project === project) ?? [];
  const mayGive = me.data?.everything === true || me.data?.grants.some((grant) => grant.role === "admin" && !grant.scope?.domain && (!grant.scope?.project || grant.scope.project === project)) === true;
  return (
    <section className="card" style={{ marginTop: 12 }} aria-label="Members">
      <h2>Members</h2>
      <p className="soft">Who may do what here, as far as you may see it. A role in the platform or a team holds in its projects, too.</p>
      <Fault error={found.error ?? add.error ?? remove.error} />
      {found.data && here.length === 0 && <p className="soft">Nobody has a role here.</p>}
      {here.length > 0 && (
        <div className="scroll">
          <table>
            <thead>
              <tr>
                <th scope="col">Who</th>
                <th scope="col">Role</th>
                <th scope="col">Where</th>
                <th scope="col" aria-label="Take away" />
              </tr>
            </thead>
            <tbody>
              {here.map((grant) => (
                <tr key={`${subjectOf(grant)} ${grant.role} ${scopeOf(grant)}`}>
                  <td>{subjectOf(grant)}</td>
                  <td>{grant.role}</td>
                  <td className="soft">{scopeOf(grant)}</td>
                  <td className="right">
                    {mayGive && grant.scope?.project === project && (
                      <button type="button" className="danger" aria-label={`Take ${grant.role} from ${subjectOf(grant)}`} disabled={remove.isPending} onClick={() => remove.mutate(grant)}>
                        Take away
                      </button>
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {mayGive && (
        <form
          className="row"
          aria-label="Give a role"
          style={{ marginTop: 10 }}
          onSubmit={(event: SubmitEvent) => {
            event.preventDefault();
            add.mutate();
          }}
        >
          <input aria-label="Who" placeholder="user:ann or group:data" value={who} onChange={(event) => setWho(event.target.value)} />
          <select aria-label="Role" value={role} onChange={(event) => setRole(event.target.value)}>
            {ROLES.map((one) => (
              <option key={one}>{one}</option>
            ))}
          </select>
          <button type="submit" disabled={add.isPending || who.trim() === ""}>
            Give the role
          </button>
        </form>
      )}
    </section>
  );
}

/** Who is meant by `user:ann`, `group:data` or `ann`. */
function subject(text: string): { case: "user" | "group"; value: string } {
  const [kind, ...rest] = text.trim().split(":");
  if (kind === "group" || kind === "user") return { case: kind, value: rest.join(":") };
  return { case: "user", value: text.trim() };
}

const RESOURCES: readonly (readonly [MatchableResource, string])[] = [
  [MatchableResource.TASK_RESOURCE, "Resources of tasks"],
  [MatchableResource.CLUSTER_RESOURCE, "Values for cluster resources"],
  [MatchableResource.EXECUTION_QUEUE, "Queues"],
  [MatchableResource.EXECUTION_CLUSTER_LABEL, "Cluster label"],
  [MatchableResource.QUALITY_OF_SERVICE_SPECIFICATION, "Quality of service"],
  [MatchableResource.PLUGIN_OVERRIDE, "Plugin overrides"],
  [MatchableResource.WORKFLOW_EXECUTION_CONFIG, "Executions"],
];

function Attributes({ place }: { readonly place: Place }): JSX.Element {
  const found = useQuery({
    queryKey: keys.attributes(place),
    queryFn: () => Promise.all(RESOURCES.map(async ([resource, words]) => [words, await attributeOf(place, resource)] as const)),
  });
  const set = found.data?.filter(([, value]) => value !== undefined) ?? [];
  return (
    <section className="card" style={{ marginTop: 12 }} aria-label="Attributes">
      <h2>Attributes</h2>
      <p className="soft">
        What holds for executions in {place.project} / {place.domain} unless they say otherwise.
      </p>
      <Fault error={found.error} />
      {found.data && set.length === 0 && <p className="soft">None are set: the platform’s defaults hold.</p>}
      {set.map(([words, value]) => (
        <div className="value" key={words}>
          <h3>{words}</h3>
          <Tree value={value ?? null} />
        </div>
      ))}
    </section>
  );
}

/** What is set for a domain of a project; undefined where nothing is. */
async function attributeOf(place: Place, resourceType: MatchableResource): Promise<Plain | undefined> {
  try {
    const { attributes } = await admin.getProjectDomainAttributes({ ...place, resourceType });
    const target = attributes?.matchingAttributes?.target;
    return target?.case ? plainOf(target.value) : undefined;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** A message as a plain value, without what the generated client adds. */
function plainOf(value: unknown): Plain {
  if (Array.isArray(value)) return value.map(plainOf);
  if (typeof value !== "object" || value === null) return value as Plain;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, item]) => !key.startsWith("$") && item !== undefined && item !== "")
      .map(([key, item]) => [key, plainOf(item)]),
  );
}
