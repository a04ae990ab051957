import { create } from "@bufbuild/protobuf";
import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import type { JSX } from "react";
import { pages, tenancy } from "../api/client";
import { keys } from "../api/keys";
import { QuotaUseSchema } from "../gen/flytelike/service/tenancy_pb";
import { placeWords } from "../lib/waits";
import { Fault } from "../parts/Fault";
import { PlaceQuota } from "../parts/PlaceQuota";
import { useTitle } from "../parts/title";

const PAGE = 500;
const AGAIN_MS = 10_000;

/** A team: its projects, what they may use together and each, and who of all of them waits for what. */
export function Team(): JSX.Element {
  const { team } = useParams({ from: "/teams/$team" });
  useTitle(`Team ${team}`);
  const told = useQuery({ queryKey: keys.team(team), queryFn: () => tenancy.listTeams({ name: team }) });
  const home = useQuery({ queryKey: keys.home, queryFn: () => pages.getHome({}), staleTime: 60_000 });
  const found = useQuery({
    queryKey: [...keys.quotas, team],
    queryFn: () => tenancy.listQuotas({ team, limit: PAGE, used: true }),
    refetchInterval: AGAIN_MS,
  });
  const projects = home.data?.projects.filter((project) => project.team === team) ?? [];
  const own = found.data?.quotas.find(({ quota }) => quota?.place?.team === team);
  const below = found.data?.quotas.filter((use) => use !== own) ?? [];
  // A team without a quota has its card, too: those who wait stand there, and limits are set there.
  const whole = own ?? create(QuotaUseSchema, { team, quota: { place: { team } } });
  return (
    <div className="page wide">
      <h1>Team {team}</h1>
      {told.data?.teams.length === 0 ? <p className="soft">There is no such team, or none that you may know of.</p> : <p className="soft">{told.data?.teams[0]?.description}</p>}
      {projects.length > 0 && (
        <p className="row">
          <span className="soft">Projects:</span>
          {projects.map(({ id, name, domains }) => (
            <Link key={id} to="/p/$project/$domain" params={{ project: id, domain: domains[0]?.id ?? "" }}>
              {name || id}
            </Link>
          ))}
        </p>
      )}
      <Fault error={found.error ?? told.error} />
      {found.data && told.data?.teams.length !== 0 && [whole, ...below].map((use) => <PlaceQuota key={placeWords(use.quota?.place)} use={use} opened={use === whole} />)}
    </div>
  );
}
