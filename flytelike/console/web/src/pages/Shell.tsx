import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, Outlet, useLocation, useNavigate, useParams } from "@tanstack/react-router";
import { type JSX, useCallback, useEffect, useRef, useState } from "react";
import { access, isUnknownCaller, type Place, pages } from "../api/client";
import { keys } from "../api/keys";
import { signOut } from "../api/session";
import { Dialog } from "../parts/Dialog";
import { Search } from "../parts/Search";
import { SignIn } from "./SignIn";

type Shown = "search" | "keys" | undefined;

/** What all pages have: the way back, the search, the colours. */
export function Shell(): JSX.Element {
  const params: { project?: string; domain?: string } = useParams({ strict: false });
  const place = params.project && params.domain ? { project: params.project, domain: params.domain } : undefined;
  const [shown, setShown] = useState<Shown>();
  const me = useQuery({ queryKey: keys.me, queryFn: () => access.getAccess({}), staleTime: 300_000, retry: false });
  const stranger = isUnknownCaller(me.error);
  const close = useCallback(() => setShown(undefined), []);
  useEffect(() => {
    const press = (event: KeyboardEvent): void => {
      const typing = event.target instanceof HTMLElement && event.target.closest("input, textarea, select, [contenteditable]") !== null;
      if (event.key.toLowerCase() === "k" && (event.metaKey || event.ctrlKey)) setShown("search");
      else if (!typing && event.key === "/") setShown("search");
      else if (!typing && event.key === "?") setShown("keys");
      else return;
      event.preventDefault();
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, []);
  return (
    <div className="app">
      <a className="skip" href="#main">
        To the page’s content
      </a>
      <header className="top">
        <Link to="/" className="brand" aria-label="Flytelike, all projects">
          <img src={`${import.meta.env.BASE_URL}mark.svg`} alt="" width="22" height="22" />
          <span className="hide">Flytelike</span>
        </Link>
        <nav aria-label="Place">{place && <Where place={place} />}</nav>
        <span className="grow" />
        <button type="button" onClick={() => setShown("search")}>
          <span aria-hidden="true">⌕</span>
          <span className="hide-text">Search</span> <span className="kbd hide">Ctrl K</span>
        </button>
        {me.data && me.data.via !== "nobody" && <Me user={me.data.user} />}
        <Theme />
        <button type="button" className="plain hide" onClick={() => setShown("keys")} aria-label="Keys">
          ?
        </button>
      </header>
      {place && !stranger && <Sections place={place} />}
      <main id="main">{stranger ? <SignIn /> : <Outlet />}</main>
      {shown === "search" && <Search place={place} onClose={close} />}
      {shown === "keys" && <Keys onClose={close} />}
    </div>
  );
}

function Me({ user }: { readonly user: string }): JSX.Element {
  const client = useQueryClient();
  const leave = (): void => {
    void signOut().then(() => client.resetQueries());
  };
  return (
    <>
      <span className="soft cut hide" title="Who you are to the platform">
        {user}
      </span>
      <button type="button" className="plain" onClick={leave}>
        Sign out
      </button>
    </>
  );
}

function Where({ place }: { readonly place: Place }): JSX.Element {
  const home = useQuery({ queryKey: keys.home, queryFn: () => pages.getHome({}), staleTime: 60_000 });
  const navigate = useNavigate();
  const domains = home.data?.projects.find(({ id }) => id === place.project)?.domains ?? [];
  return (
    <>
      <span aria-hidden="true">/</span>
      <Link to="/p/$project/$domain" params={place}>
        {place.project}
      </Link>
      <span aria-hidden="true">/</span>
      <select
        aria-label="Domain"
        value={place.domain}
        onChange={(event) => void navigate({ to: "/p/$project/$domain", params: { project: place.project, domain: event.target.value } })}
      >
        {domains.length === 0 && <option>{place.domain}</option>}
        {domains.map(({ id }) => (
          <option key={id}>{id}</option>
        ))}
      </select>
    </>
  );
}

function Sections({ place }: { readonly place: Place }): JSX.Element {
  const tabs = useRef<HTMLElement>(null);
  const path = useLocation({ select: (location) => location.pathname });
  useEffect(() => {
    // Where not all sections fit, the one that is shown is to be seen.
    tabs.current?.querySelector('[aria-current="page"]')?.scrollIntoView({ block: "nearest", inline: "center" });
  }, [path]);
  return (
    <nav ref={tabs} className="tabs" aria-label="Sections">
      <Link to="/p/$project/$domain" params={place} activeOptions={{ exact: true }}>
        Overview
      </Link>
      <Link to="/p/$project/$domain/executions" params={place} activeOptions={{ includeSearch: false }}>
        Executions
      </Link>
      <Link to="/p/$project/$domain/workflows" params={place} activeOptions={{ includeSearch: false }}>
        Workflows
      </Link>
      <Link to="/p/$project/$domain/tasks" params={place} activeOptions={{ includeSearch: false }}>
        Tasks
      </Link>
      <Link to="/p/$project/$domain/launch-plans" params={place} activeOptions={{ includeSearch: false }}>
        Launch plans
      </Link>
      <Link to="/p/$project/$domain/backfills" params={place} activeOptions={{ includeSearch: false }}>
        Backfills
      </Link>
      <Link to="/p/$project/$domain/quotas" params={place}>
        Quotas
      </Link>
      <Link to="/p/$project/$domain/audit" params={place}>
        Audit log
      </Link>
      <Link to="/p/$project/$domain/settings" params={place}>
        Settings
      </Link>
    </nav>
  );
}

function Theme(): JSX.Element {
  const [theme, setTheme] = useState(() => localStorage.getItem("flytelike-theme") ?? "system");
  const next = theme === "system" ? "light" : theme === "light" ? "dark" : "system";
  const change = (): void => {
    setTheme(next);
    if (next === "system") {
      localStorage.removeItem("flytelike-theme");
      delete document.documentElement.dataset["theme"];
    } else {
      localStorage.setItem("flytelike-theme", next);
      document.documentElement.dataset["theme"] = next;
    }
  };
  const sign = theme === "light" ? "☀" : theme === "dark" ? "☾" : "◐";
  return (
    <button type="button" className="plain" onClick={change} aria-label={`Colours: ${theme}; change to ${next}`} title={`Colours: ${theme}`}>
      {sign}
    </button>
  );
}

const KEYS: readonly (readonly [string, string])[] = [
  ["Ctrl K, /", "search"],
  ["j, k, arrows", "to the next and the previous row"],
  ["Enter", "open"],
  ["Esc", "close what is open"],
  ["?", "these keys"],
];

function Keys({ onClose }: { readonly onClose: () => void }): JSX.Element {
  return (
    <Dialog label="Keys" onClose={onClose}>
      <div className="body">
        <h2>Keys</h2>
        <dl className="facts">
          {KEYS.map(([key, what]) => (
            <div key={key} style={{ display: "contents" }}>
              <dt>
                <span className="kbd">{key}</span>
              </dt>
              <dd>{what}</dd>
            </div>
          ))}
        </dl>
      </div>
    </Dialog>
  );
}
