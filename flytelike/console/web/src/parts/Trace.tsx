import type { JSX } from "react";
import type { ExecutionError } from "../gen/flytelike/core/execution_pb";
import { parseTrace } from "../lib/trace";

/** An error with its source lines. */
export function Trace({ error }: { readonly error: ExecutionError | undefined }): JSX.Element | null {
  if (!error?.message && !error?.code) return null;
  const { frames, headline, rest } = parseTrace(error.message);
  return (
    <section className="fault" aria-label="Error">
      <strong className="mono">{headline || error.code}</strong> {headline && <code className="soft">{error.code}</code>}
      {frames.map((frame, index) => (
        <div className="frame" key={index}>
          <div className="soft">
            <code>
              {frame.file}:{frame.line}
            </code>{" "}
            in <code>{frame.called}</code>
          </div>
          {frame.source.length > 0 && <pre>{frame.source.join("\n")}</pre>}
        </div>
      ))}
      {rest.trim() && <pre className="soft">{rest}</pre>}
    </section>
  );
}
