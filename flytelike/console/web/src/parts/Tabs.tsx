import { Tabs as Radix } from "radix-ui";
import type { JSX, ReactNode } from "react";

interface Props {
  readonly label: string;
  readonly value: string;
  readonly tabs: readonly (readonly [value: string, words: string])[];
  readonly onChange: (value: string) => void;
  readonly children?: ReactNode;
}

/** Tabs that say which of several views is shown. */
export function Tabs({ label, value, tabs, onChange, children }: Props): JSX.Element {
  return (
    <Radix.Root value={value} onValueChange={onChange} style={{ display: "contents" }}>
      <Radix.List className="tabs" aria-label={label}>
        {tabs.map(([key, words]) => (
          <Radix.Trigger key={key} value={key}>
            {words}
          </Radix.Trigger>
        ))}
      </Radix.List>
      <Radix.Content value={value} style={{ display: "contents" }} tabIndex={-1}>
        {children}
      </Radix.Content>
    </Radix.Root>
  );
}
