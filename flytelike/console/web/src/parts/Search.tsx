import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type JSX, type KeyboardEvent, useDeferredValue, useState } from "react";
import { type Place, pages } from "../api/client";
import type { SearchHit } from "../gen/flytelike/service/console_pb";
import { runLook } from "../lib/phases";
import { Dialog } from "./Dialog";
import { Phase } from "./Phase";

interface Props {
  readonly place: Place | undefined;
  readonly onClose: () => void;
}

/** Search over projects, workflows, tasks, launch plans and executions. */
export function Search({ place, onClose }: Props): JSX.Element {
  const navigate = useNavigate();
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const wanted = useDeferredValue(text.trim());
  const found = useQuery({
    queryKey: ["search", wanted, place],
    queryFn: () => pages.search({ text: wanted, ...(place && { place }) }),
    enabled: wanted !== "",
    placeholderData: keepPreviousData,
  });
  const hits = wanted === "" ? [] : (found.data?.hits ?? []);
  const go = (hit: SearchHit | undefined): void => {
    if (!hit) return;
    onClose();
    void navigate({ to: addressOf(hit) });
  };
  const keyed = (event: KeyboardEvent): void => {
    if (event.key === "ArrowDown") setAt(Math.min(at + 1, hits.length - 1));
    else if (event.key === "ArrowUp") setAt(Math.max(at - 1, 0));
    else if (event.key === "Enter") go(hits[at]);
    else return;
    event.preventDefault();
  };
  return (
    <Dialog label="Search" onClose={onClose}>
      <input
        className="search-input"
        type="text"
        role="combobox"
        aria-label="Search"
        aria-expanded={hits.length > 0}
        aria-controls="hits"
        aria-activedescendant={hits.length > 0 ? `hit-${at}` : undefined}
        placeholder="Find a project, workflow, execution …"
        autoComplete="off"
        value={text}
        onChange={(event) => { setText(event.target.value); setAt(0); }}
        onKeyDown={keyed}
      />
      <ul className="hits" id="hits" role="listbox" aria-label="Found">
        {hits.map((hit, index) => (
          // The combobox above has the keys.
          // eslint-disable-next-line jsx-a11y/click-events-have-key-events
          <li key={`${hit.kind}/${hit.place?.project ?? ""}/${hit.place?.domain ?? ""}/${hit.name}`} id={`hit-${index}`} role="option" aria-selected={index === at} onClick={() => go(hit)}>
            {hit.kind === "execution" ? <Phase look={runLook(hit.phase)} bare /> : <span className="tag">{hit.kind}</span>}
            <span className="cut">{hit.name}</span>
            <span className="soft cut grow">{hit.launched}</span>
            {hit.place && (
              <span className="soft">
                {hit.place.project}/{hit.place.domain}
              </span>
            )}
          </li>
        ))}
      </ul>
      {wanted !== "" && found.isSuccess && hits.length === 0 && <p className="empty">Nothing has “{wanted}” in its name.</p>}
    </Dialog>
  );
}

const FOLDERS: Readonly<Record<string, string>> = { task: "tasks", workflow: "workflows", "launch plan": "launch-plans", execution: "executions" };

/** Where something that was found is shown. */
export function addressOf(hit: Pick<SearchHit, "kind" | "name" | "place">): string {
  if (!hit.place) return `/p/${hit.name}/development`;
  return `/p/${hit.place.project}/${hit.place.domain}/${FOLDERS[hit.kind] ?? "executions"}/${encodeURIComponent(hit.name)}`;
}
