// Sending a file to the platform's store: the server says where to, and the browser puts it there.
import { plainName } from "../lib/filenames";
import { type Place, dataProxy } from "./client";

const NAME_BYTES = 10;

/** Sends a file; returns its uri. */
export async function upload(place: Place, file: File): Promise<string> {
  const folder = [...crypto.getRandomValues(new Uint8Array(NAME_BYTES))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const where = await dataProxy.createUploadLocation({ ...place, filename: plainName(file.name), filenameRoot: folder });
  const signed = new URL(where.signedUrl, location.origin);
  // Addresses that the platform signs itself are its own, by whatever name it is called here.
  if (!signed.pathname.startsWith("/uploads/")) {
    throw new Error("this platform keeps files in a bucket, to which pages may not send: put the file there, and give its address");
  }
  const answer = await fetch(signed.pathname + signed.search, { method: "PUT", body: file, headers: where.headers });
  if (!answer.ok) throw new Error(`the file was not taken: ${(await answer.text()) || String(answer.status)}`);
  return where.nativeUrl;
}
