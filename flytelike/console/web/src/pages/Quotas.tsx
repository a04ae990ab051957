import { useParams } from "@tanstack/react-router";
import type { JSX } from "react";
import { useQuotas } from "../api/quotas";
import { placeWords } from "../lib/waits";
import { Empty, Fault } from "../parts/Fault";
import { PlaceQuota } from "../parts/PlaceQuota";
import { useTitle } from "../parts/title";

/** What the project, its team and the platform may use, what they use now, and who waits there. */
export function Quotas(): JSX.Element {
  const place = useParams({ from: "/p/$project/$domain/quotas" });
  useTitle(`Quotas · ${place.project}`);
  const { answer, uses } = useQuotas(place.project);
  return (
    <div className="page wide">
      <h1>Quotas</h1>
      <p className="soft">Whatever runs here counts for the domain, the project, its team and the platform.</p>
      <Fault error={answer.error} />
      {uses?.length === 0 && (
        <Empty command={`flytelike quota set ${place.project} --limit attempts=20`}>Nothing bounds this project, and nothing of it runs.</Empty>
      )}
      {uses?.map((use) => (
        <PlaceQuota key={placeWords(use.quota?.place)} use={use} opened={use.quota?.place?.project === place.project && use.quota.place.domain === ""} />
      ))}
    </div>
  );
}
