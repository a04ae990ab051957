import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { type JSX, useSyncExternalStore } from "react";
import { ago, duration, exact, ms } from "../lib/time";

// One clock for all that shows relative times.
let now = Date.now();
const watchers = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

function subscribe(watcher: () => void): () => void {
  watchers.add(watcher);
  timer ??= setInterval(() => {
    if (document.hidden) return;
    now = Date.now();
    for (const each of watchers) each();
  }, 1000);
  return () => {
    watchers.delete(watcher);
    if (watchers.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}

export const useNow = (): number => useSyncExternalStore(subscribe, () => now);

/** How long ago; the exact instant on hover. */
export function Ago({ at }: { readonly at: Timestamp | undefined }): JSX.Element {
  const current = useNow();
  const instant = ms(at);
  if (instant === undefined) return <span className="soft">–</span>;
  return (
    <time className="num" dateTime={new Date(instant).toISOString()} title={exact(instant)}>
      {ago(instant, current)}
    </time>
  );
}

interface Span {
  readonly from: Timestamp | undefined;
  readonly to: Timestamp | undefined;
}

/** How long something took, or has been going on. */
export function Took({ from, to }: Span): JSX.Element {
  const began = ms(from);
  if (began === undefined) return <span className="soft">–</span>;
  const ended = ms(to);
  // What has ended needs no clock: lists have many of these.
  return ended === undefined ? <Since began={began} /> : <span className="num">{duration(ended - began)}</span>;
}

function Since({ began }: { readonly began: number }): JSX.Element {
  return <span className="num">{duration(useNow() - began)}</span>;
}
