// Sending a file to the platform's store, folder or bucket: the server takes it, for pages speak to nobody else.
import { plainName } from "../lib/filenames";
import { type Place, dataProxy } from "./client";

const NAME_BYTES = 10;

/** Sends a file; returns its uri. */
export async function upload(place: Place, file: File): Promise<string> {
  const folder = [...crypto.getRandomValues(new Uint8Array(NAME_BYTES))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const where = await dataProxy.createUploadLocation({ ...place, filename: plainName(file.name), filenameRoot: folder, throughPlatform: true });
  // The address is this server's own, by whatever name it is called here.
  const signed = new URL(where.signedUrl, location.origin);
  const answer = await fetch(signed.pathname + signed.search, { method: "PUT", body: file, headers: where.headers });
  if (!answer.ok) throw new Error(`the file was not taken: ${(await answer.text()) || String(answer.status)}`);
  return where.nativeUrl;
}
