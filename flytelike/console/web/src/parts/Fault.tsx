import type { JSX } from "react";
import { faults } from "../api/client";

/** What went wrong, with what to do about it. */
export function Fault({ error }: { readonly error: unknown }): JSX.Element | null {
  if (!error) return null;
  return (
    <div className="fault" role="alert">
      {faults(error).map(({ code, text, help }, index) => (
        <div key={index}>
          <strong>{text}</strong> <code className="soft">{code}</code>
          {help.map((line) => (
            <div key={line} className="soft">
              {line}
            </div>
          ))}
        </div>
      ))}
    </div>
  );
}

/** What stands where nothing is yet: what it would be, and the command that makes one. */
export function Empty({ children, command }: { readonly children: string; readonly command?: string }): JSX.Element {
  return (
    <div className="empty">
      <p>{children}</p>
      {command && <code>{command}</code>}
    </div>
  );
}
