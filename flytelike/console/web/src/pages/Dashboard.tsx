import { useQuery } from "@tanstack/react-query";
import { Link, getRouteApi } from "@tanstack/react-router";
import type { JSX } from "react";
import { type Place, pages } from "../api/client";
import { keys } from "../api/keys";
import { useLiveDomain } from "../api/live";
import type { DashboardBar, GetDashboardResponse, PhaseCount } from "../gen/flytelike/service/console_pb";
import { RUN_FILTERS } from "../lib/phases";
import { duration, exact, ms } from "../lib/time";
import { Empty, Fault } from "../parts/Fault";
import { QuotaGlance } from "../parts/QuotaGlance";
import { RunTable } from "../parts/RunRows";
import { SchedulesNext } from "../parts/Schedule";
import { Ago } from "../parts/Time";
import { useTitle } from "../parts/title";

const route = getRouteApi("/p/$project/$domain/");
const LAST = 6;
const WINDOWS: readonly (readonly [hours: number, words: string])[] = [
  [1, "1h"],
  [24, "24h"],
  [24 * 7, "7d"],
  [24 * 30, "30d"],
];

/** How it goes in a domain of a project. */
export function Dashboard(): JSX.Element {
  const place = route.useParams();
  const { hours = 24 } = route.useSearch();
  const navigate = route.useNavigate();
  useTitle(`${place.project} / ${place.domain}`);
  useLiveDomain(place);
  const found = useQuery({
    queryKey: [...keys.domain(place), "dashboard", hours],
    queryFn: () => pages.getDashboard({ place, hours }),
  });
  return (
    <div className="page">
      <div className="row" style={{ marginBottom: 12 }}>
        <h1 className="grow">
          {place.project} / {place.domain}
        </h1>
        <div className="row" role="group" aria-label="Window">
          {WINDOWS.map(([each, words]) => (
            <button key={each} type="button" aria-pressed={hours === each} onClick={() => void navigate({ search: { hours: each } })}>
              {words}
            </button>
          ))}
        </div>
      </div>
      <Fault error={found.error} />
      {found.data && <Board place={place} data={found.data} />}
      <SchedulesNext place={place} />
    </div>
  );
}

function Board({ place, data }: { readonly place: Place; readonly data: GetDashboardResponse }): JSX.Element {
  const total = data.phases.reduce((sum, { count }) => sum + count, 0);
  if (total === 0 && data.running === 0) {
    return <Empty command={`flytelike execute FILE.py WORKFLOW --project ${place.project} --domain ${place.domain}`}>Nothing was executed here in this window.</Empty>;
  }
  return (
    <>
      <section className="card" aria-label="Executions">
        <div className="row" style={{ gap: 28, marginBottom: 10 }}>
          {RUN_FILTERS.map(({ word, tone }) => (
            <Link key={word} to="/p/$project/$domain/executions" params={place} search={{ phase: word }} style={{ color: "inherit" }}>
              <div className={`big t-${tone}`}>
                {(word === "running" ? data.running : countOf(data.phases, word)).toLocaleString()}
              </div>
              <div className="soft">{word}</div>
            </Link>
          ))}
        </div>
        <Bars bars={data.bars} />
      </section>
      <div className="columns" style={{ marginTop: 14 }}>
        <section className="card" aria-label="Waiting for somebody">
          <h2>Waiting for somebody</h2>
          {data.waiting.length === 0 && <p className="soft">Nothing waits for an approval or a value.</p>}
          <table>
            <tbody>
              {data.waiting.map((gate) => (
                <tr key={`${gate.execution}/${gate.path}`}>
                  <td>
                    <Link to="/p/$project/$domain/executions/$name" params={{ ...place, name: gate.execution }} search={{ node: gate.path }}>
                      {gate.approval ? "approve" : "give"} “{gate.signal}”
                    </Link>
                    <div className="soft">{gate.execution}</div>
                  </td>
                  <td className="right soft">
                    <Ago at={gate.since} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
        <section className="card" aria-label="Last failures">
          <h2>Last failures</h2>
          {data.failures.length === 0 ? <p className="soft">Nothing has failed.</p> : <RunTable place={place} runs={data.failures} />}
        </section>
        <LastRuns place={place} />
        <QuotaGlance place={place} />
      </div>
      <section className="card" style={{ marginTop: 14 }} aria-label="Most executed">
        <h2>Most executed</h2>
        <div className="scroll">
          <table>
            <thead>
              <tr>
                <th scope="col">Launched</th>
                <th scope="col" className="right">
                  Executions
                </th>
                <th scope="col" className="right">
                  Failed
                </th>
                <th scope="col" className="right">
                  Mean
                </th>
              </tr>
            </thead>
            <tbody>
              {data.workflows.map((one) => (
                <tr key={one.name}>
                  <td>
                    <Link to="/p/$project/$domain/executions" params={place} search={{ workflow: one.name }}>
                      {one.name}
                    </Link>
                  </td>
                  <td className="right num">{one.runs}</td>
                  <td className={`right num ${one.failed ? "t-bad" : "soft"}`}>{one.failed}</td>
                  <td className="right num">{one.meanSeconds ? duration(one.meanSeconds * 1000) : "–"}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </section>
    </>
  );
}

/** What was executed last, whatever became of it. */
function LastRuns({ place }: { readonly place: Place }): JSX.Element {
  const found = useQuery({
    queryKey: [...keys.domain(place), "last"],
    queryFn: () => pages.listRuns({ place, limit: LAST }),
  });
  return (
    <section className="card" aria-label="Last executions">
      <div className="row">
        <h2 className="grow">Last executions</h2>
        <Link to="/p/$project/$domain/executions" params={place}>
          All executions
        </Link>
      </div>
      <Fault error={found.error} />
      <RunTable place={place} runs={found.data?.runs ?? []} />
    </section>
  );
}

const countOf = (counts: readonly PhaseCount[], word: string): number => {
  const phases = RUN_FILTERS.find((filter) => filter.word === word)?.phases ?? [];
  return counts.reduce((sum, { phase, count }) => sum + (phases.includes(phase) ? count : 0), 0);
};

/** Executions over the window, a bar for each part of it. */
function Bars({ bars }: { readonly bars: readonly DashboardBar[] }): JSX.Element {
  const most = Math.max(1, ...bars.map(({ phases }) => phases.reduce((sum, { count }) => sum + count, 0)));
  const first = ms(bars[0]?.since);
  return (
    <>
      <div className="bars" role="img" aria-label={`Executions over time, at most ${most} in a bar`}>
        {bars.map((bar) => (
          <div key={ms(bar.since)} title={barWords(bar)}>
            {RUN_FILTERS.map(({ word, tone }) => {
              const count = countOf(bar.phases, word);
              return count > 0 && <span key={word} className={`f-${tone}`} style={{ height: `${(100 * count) / most}%` }} />;
            })}
          </div>
        ))}
      </div>
      <div className="row soft num" style={{ justifyContent: "space-between", fontSize: 12 }}>
        <span>{first !== undefined && exact(first)}</span>
        <span>now</span>
      </div>
    </>
  );
}

function barWords(bar: DashboardBar): string {
  const parts = RUN_FILTERS.map(({ word }) => [countOf(bar.phases, word), word] as const).filter(([count]) => count > 0);
  return `${exact(ms(bar.since) ?? 0)}: ${parts.map(([count, word]) => `${count} ${word}`).join(", ") || "none"}`;
}
