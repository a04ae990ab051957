// Filters of a list under a name of one's own. They are kept in this browser: nothing of them is secret.
import { type RunSearch, runSearch } from "./filters";

export interface View {
  readonly name: string;
  readonly search: RunSearch;
}

const VIEWS_MAX = 30;
const key = (project: string, domain: string): string => `flytelike-views/${project}/${domain}`;

/** The saved views of a domain; what is not understood is left out. */
export function views(storage: Storage, project: string, domain: string): readonly View[] {
  try {
    const found: unknown = JSON.parse(storage.getItem(key(project, domain)) ?? "[]");
    return Array.isArray(found) ? found.flatMap(view).slice(0, VIEWS_MAX) : [];
  } catch {
    return [];
  }
}

function view(found: unknown): View[] {
  if (typeof found !== "object" || found === null || !("name" in found) || !("search" in found)) return [];
  const { name, search } = found;
  if (typeof name !== "string" || name === "" || typeof search !== "object" || search === null) return [];
  return [{ name, search: runSearch(search as Record<string, unknown>) }];
}

/** Saves a view, in place of one of the same name; the newest is the first. */
export function saveView(storage: Storage, project: string, domain: string, saved: View): readonly View[] {
  const kept = [saved, ...views(storage, project, domain).filter(({ name }) => name !== saved.name)].slice(0, VIEWS_MAX);
  storage.setItem(key(project, domain), JSON.stringify(kept));
  return kept;
}

/** Forgets a view. */
export function dropView(storage: Storage, project: string, domain: string, name: string): readonly View[] {
  const kept = views(storage, project, domain).filter((one) => one.name !== name);
  storage.setItem(key(project, domain), JSON.stringify(kept));
  return kept;
}

/** Whether two searches ask for the same. */
export const sameSearch = (a: RunSearch, b: RunSearch): boolean => JSON.stringify(runSearch({ ...a })) === JSON.stringify(runSearch({ ...b }));
