import { type JSX, type SubmitEvent, useState } from "react";
import type { Place } from "../api/client";
import { type RunSearch } from "../lib/filters";
import { dropView, sameSearch, saveView, views } from "../lib/views";

interface Props {
  readonly place: Place;
  readonly search: RunSearch;
  readonly onOpen: (search: RunSearch) => void;
}

/** Filters that somebody gave a name, to come back to them; kept in this browser. */
export function SavedViews({ place, search, onOpen }: Props): JSX.Element | null {
  const { project, domain } = place;
  const [saved, setSaved] = useState(() => views(localStorage, project, domain));
  const [naming, setNaming] = useState<string>();
  const here = saved.find((one) => sameSearch(one.search, search));
  const filtered = Object.values(search).some((value) => value !== undefined);
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const name = naming?.trim();
    if (name) setSaved(saveView(localStorage, project, domain, { name, search }));
    setNaming(undefined);
  };
  if (saved.length === 0 && !filtered) return null;
  return (
    <div className="row" role="group" aria-label="Saved views">
      {saved.map((one) => (
        <button key={one.name} type="button" aria-pressed={one === here} onClick={() => onOpen(one.search)}>
          {one.name}
        </button>
      ))}
      {here && (
        <button type="button" className="plain" onClick={() => setSaved(dropView(localStorage, project, domain, here.name))}>
          Forget “{here.name}”
        </button>
      )}
      {!here && filtered && naming === undefined && (
        <button type="button" className="plain" onClick={() => setNaming("")}>
          Save this view
        </button>
      )}
      {naming !== undefined && (
        <form className="row" onSubmit={submit}>
          {/* It was just asked for. */}
          {/* eslint-disable-next-line jsx-a11y/no-autofocus */}
          <input aria-label="Name of the view" placeholder="Name of the view" autoFocus value={naming} onChange={(event) => setNaming(event.target.value)} />
          <button type="submit">Save</button>
        </form>
      )}
    </div>
  );
}
