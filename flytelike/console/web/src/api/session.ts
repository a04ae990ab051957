// Signing in: the token goes to the server once, and stays where no script can read it.

const ADDRESS = "/api/session";

/** Signs in with a token; returns why that failed, if it did. */
export async function signIn(token: string): Promise<string | undefined> {
  const answer = await fetch(ADDRESS, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ token }) });
  if (answer.ok) return undefined;
  try {
    const told: unknown = await answer.json();
    if (typeof told === "object" && told !== null && "message" in told && typeof told.message === "string") return told.message;
  } catch {
    // It is told by its number then.
  }
  return `the server answered ${String(answer.status)}`;
}

/** Has the browser forget the token. */
export async function signOut(): Promise<void> {
  await fetch(ADDRESS, { method: "DELETE" });
}
