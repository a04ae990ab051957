import { useQueryClient } from "@tanstack/react-query";
import { type JSX, type SyntheticEvent, useState } from "react";
import { signIn } from "../api/session";
import { useTitle } from "../parts/title";

/** What is shown instead of all pages to those of whom the server does not know who they are. */
export function SignIn(): JSX.Element {
  useTitle("Sign in");
  const client = useQueryClient();
  const [token, setToken] = useState("");
  const [why, setWhy] = useState("");
  const [busy, setBusy] = useState(false);
  const send = async (event: SyntheticEvent): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    const found = await signIn(token.trim()).catch(() => "the server does not answer");
    setBusy(false);
    if (found === undefined) await client.resetQueries();
    else setWhy(found);
  };
  return (
    <div className="page">
      <form className="card sign-in" onSubmit={(event) => void send(event)} aria-label="Sign in">
        <h1>Sign in</h1>
        <p className="soft">This server must know who calls.</p>
        <label>
          Token
          <input
            type="password"
            value={token}
            autoComplete="current-password"
            spellCheck={false}
            onChange={(event) => setToken(event.target.value)}
          />
        </label>
        {why && (
          <p className="bad" role="alert">
            {why}
          </p>
        )}
        <p className="soft">
          Where you are logged in, <code>flytelike token create</code> gives you one.
        </p>
        <button type="submit" className="primary" disabled={busy || token.trim() === ""}>
          Sign in
        </button>
      </form>
    </div>
  );
}
