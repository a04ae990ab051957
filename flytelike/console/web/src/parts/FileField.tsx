import { useMutation } from "@tanstack/react-query";
import { type JSX, createContext, useContext, useId } from "react";
import type { Place } from "../api/client";
import { upload } from "../api/upload";
import { Fault } from "./Fault";

/** Where files are uploaded to. */
export const UploadPlace = createContext<Place | undefined>(undefined);

interface Props {
  readonly about: Readonly<Record<string, unknown>> & { readonly id: string };
  readonly value: unknown;
  readonly onChange: (value: unknown) => void;
}

/** A file or table: its address, or a file of this machine that is sent to the platform. */
export function FileField({ about, value, onChange }: Props): JSX.Element {
  const place = useContext(UploadPlace);
  const chosen = useId();
  const send = useMutation({ mutationFn: (file: File) => upload(place ?? { project: "", domain: "" }, file), onSuccess: onChange });
  return (
    <>
      <input {...about} type="text" placeholder="uri, such as s3://bucket/file.csv" value={typeof value === "string" ? value : ""} onChange={(event) => onChange(event.target.value)} />
      {place && (
        <label className="row hint" htmlFor={chosen} style={{ fontWeight: 400, marginTop: 4 }}>
          or upload
          <input
            id={chosen}
            type="file"
            disabled={send.isPending}
            onChange={(event) => {
              const file = event.target.files?.[0];
              if (file) send.mutate(file);
            }}
          />
          <span role="status">{send.isPending ? "sending…" : send.isSuccess ? "sent" : ""}</span>
        </label>
      )}
      <Fault error={send.error} />
    </>
  );
}
