// Streams that go on: resumed where they were after a cut, closed while nobody looks (a browser has six connections).
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import type { GetRunResponse, ListRunNodesResponse, WatchRunResponse } from "../gen/flytelike/service/console_pb";
import { type Place, type RunId, pages } from "./client";
import { patched } from "../lib/patched";
import { keys } from "./keys";

const PAUSE_MS = 1000;
const PAUSE_MS_MAX = 15_000;

export type Liveness = "live" | "paused" | "lost" | "over";

/**
 * Reads a stream until it ends by itself, again and again after cuts; `read` resumes where it was. Pauses while the
 * page is hidden.
 */
export function useStream(enabled: boolean, key: string, read: (signal: AbortSignal) => Promise<void>): Liveness {
  const [state, setState] = useState<Liveness>("paused");
  const reader = useRef(read);
  useEffect(() => {
    reader.current = read;
  });
  useEffect(() => {
    if (!enabled) {
      setState("over");
      return;
    }
    let abort: AbortController | undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let pause = PAUSE_MS;
    let over = false;
    const open = async (): Promise<void> => {
      const own = new AbortController();
      abort = own;
      setState("live");
      const began = Date.now();
      try {
        await reader.current(own.signal);
        over = true;
        setState("over");
      } catch {
        if (own.signal.aborted) return;
        setState("lost");
        pause = Date.now() - began > PAUSE_MS_MAX ? PAUSE_MS : Math.min(2 * pause, PAUSE_MS_MAX);
        timer = setTimeout(() => void open(), pause);
      }
    };
    const close = (): void => {
      clearTimeout(timer);
      abort?.abort();
    };
    const look = (): void => {
      close();
      if (over) return;
      if (document.hidden) setState("paused");
      else void open();
    };
    look();
    document.addEventListener("visibilitychange", look);
    return () => {
      document.removeEventListener("visibilitychange", look);
      close();
    };
  }, [enabled, key]);
  return state;
}

/** Keeps an execution's page up to date. */
export function useLiveRun(id: RunId, since: bigint | undefined, ended: boolean): Liveness {
  const client = useQueryClient();
  const position = useRef(0n);
  useEffect(() => {
    if (since !== undefined && since > position.current) position.current = since;
  }, [since]);
  return useStream(since !== undefined && !ended, `${id.project}/${id.domain}/${id.name}`, async (signal) => {
    for await (const news of pages.watchRun({ id, since: position.current }, { signal })) {
      position.current = news.sequence;
      client.setQueryData<GetRunResponse>(keys.run(id), (old) => old && withNews(old, news));
      if (news.nodes.length === 0) continue;
      const known = patched(client.getQueriesData<ListRunNodesResponse>({ queryKey: keys.nodes(id) }), news.nodes);
      for (const [key, page] of known.pages) client.setQueryData(key, page);
      if (known.fresh) void client.invalidateQueries({ queryKey: keys.nodes(id) });
      void client.invalidateQueries({ queryKey: keys.graph(id) });
      for (const node of news.nodes) {
        void client.invalidateQueries({ queryKey: keys.node(id, node.path) });
        if (node.elements) void client.invalidateQueries({ queryKey: keys.elements(id, node.path) });
      }
    }
    await client.invalidateQueries({ queryKey: keys.run(id) });
  });
}

function withNews(old: GetRunResponse, news: WatchRunResponse): GetRunResponse {
  return { ...old, run: news.run ?? old.run, nodes: news.counts, sequence: news.sequence };
}

/** Keeps the lists of a domain up to date. */
export function useLiveDomain(place: Place): Liveness {
  const client = useQueryClient();
  const first = useRef(true);
  return useStream(true, `${place.project}/${place.domain}`, async (signal) => {
    for await (const news of pages.watchDomain({ place }, { signal })) {
      // The first answer says that the stream stands; what was missed before it is looked for once.
      if (first.current && news.executions.length === 0) {
        first.current = false;
        continue;
      }
      void client.invalidateQueries({ queryKey: keys.domain(place) });
    }
  });
}
