// Tracebacks of Python, taken apart: frames with their source lines, the error itself, and notes behind it.

export interface Frame {
  readonly file: string;
  readonly line: number;
  readonly called: string;
  readonly source: readonly string[];
}

export interface Trace {
  readonly frames: readonly Frame[];
  readonly headline: string;
  readonly rest: string;
}

const FRAME = /^\s*File "(.+)", line (\d+), in (.+)$/;

/** A message taken apart; one without a traceback has no frames and is all headline. */
export function parseTrace(message: string): Trace {
  const lines = message.trimEnd().split("\n");
  const frames: { file: string; line: number; called: string; source: string[] }[] = [];
  let index = lines.findIndex((line) => line.trimStart().startsWith("Traceback (most recent call last)"));
  if (index < 0) {
    const [first = "", ...more] = lines;
    return { frames: [], headline: first.trim(), rest: more.join("\n") };
  }
  for (index += 1; index < lines.length; index += 1) {
    const line = lines[index] ?? "";
    const found = FRAME.exec(line);
    if (found) {
      frames.push({ file: found[1] ?? "", line: Number(found[2]), called: found[3] ?? "", source: [] });
    } else if (/^\s/.test(line) && frames.length > 0) {
      frames.at(-1)?.source.push(line.replace(/^ {1,4}/, ""));
    } else if (line.trim()) {
      break;
    }
  }
  return { frames, headline: (lines[index] ?? "").trim(), rest: lines.slice(index + 1).join("\n") };
}
