import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { JSX } from "react";
import { pages } from "../api/client";
import { keys } from "../api/keys";
import type { HomeDomain, HomeProject } from "../gen/flytelike/service/console_pb";
import { Empty, Fault } from "../parts/Fault";
import { Ago } from "../parts/Time";
import { useTitle } from "../parts/title";

/** All projects with how it goes in them, by the teams that own them. */
export function Home(): JSX.Element {
  useTitle("Projects");
  const home = useQuery({ queryKey: keys.home, queryFn: () => pages.getHome({}), refetchOnWindowFocus: true });
  const projects = home.data?.projects ?? [];
  const teams = [...new Set(projects.map((project) => project.team))].sort();
  return (
    <div className="page">
      <h1 style={{ marginBottom: 12 }}>Projects</h1>
      <Fault error={home.error} />
      {home.data?.projects.length === 0 && <Empty command="flytelike execute FILE.py WORKFLOW">There is no project yet.</Empty>}
      {teams.map((team) => (
        <section key={team} aria-label={`Team ${team}`} style={{ marginBottom: 16 }}>
          {teams.length > 1 && (
            <h2>
              <Link to="/teams/$team" params={{ team }}>
                Team {team}
              </Link>
            </h2>
          )}
          <div className="cards">
            {projects
              .filter((project) => project.team === team)
              .map((project) => (
                <ProjectCard key={project.id} project={project} />
              ))}
          </div>
        </section>
      ))}
    </div>
  );
}

function ProjectCard({ project }: { readonly project: HomeProject }): JSX.Element {
  return (
    <section className="card" aria-label={project.name || project.id}>
      <h3 className="title">{project.name || project.id}</h3>
      {project.description && <p className="soft">{project.description}</p>}
      <table>
        <thead>
          <tr>
            <th scope="col">Domain</th>
            <th scope="col" className="right">
              Running
            </th>
            <th scope="col" className="right">
              Failed, 24 h
            </th>
            <th scope="col" className="right">
              Last one
            </th>
          </tr>
        </thead>
        <tbody>
          {project.domains.map((domain) => (
            <DomainRow key={domain.id} project={project.id} domain={domain} />
          ))}
        </tbody>
      </table>
    </section>
  );
}

function DomainRow({ project, domain }: { readonly project: string; readonly domain: HomeDomain }): JSX.Element {
  return (
    <tr>
      <td>
        <Link to="/p/$project/$domain" params={{ project, domain: domain.id }}>
          {domain.id}
        </Link>
      </td>
      <td className={`right num ${domain.running ? "t-busy" : "soft"}`}>{domain.running}</td>
      <td className={`right num ${domain.failed ? "t-bad" : "soft"}`}>{domain.failed}</td>
      <td className="right soft">
        <Ago at={domain.lastAt} />
      </td>
    </tr>
  );
}
