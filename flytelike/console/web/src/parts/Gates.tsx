import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type JSX, type SubmitEvent, useState } from "react";
import { type RunId, signals } from "../api/client";
import { keys } from "../api/keys";
import type { WaitingGate } from "../gen/flytelike/admin/gate_pb";
import type { Signal } from "../gen/flytelike/admin/signal_pb";
import type { Literal } from "../gen/flytelike/core/literals_pb";
import { type Wrong, encode } from "../lib/encode";
import { Fault } from "./Fault";
import { Field } from "./Fields";
import { Ago } from "./Time";

interface Props {
  readonly id: RunId;
  /** Only the gates of this node; undefined for those of the whole execution. */
  readonly path?: string;
  readonly state: string;
}

/** The gates that wait for somebody, each with the form that answers it. */
export function Gates({ id, path, state }: Props): JSX.Element | null {
  const found = useQuery({
    queryKey: [...keys.run(id), "signals", state],
    queryFn: () => signals.listSignals({ workflowExecutionId: id, limit: 100 }),
    // Or a form would go, with what is typed into it, whenever something else in the execution changes.
    placeholderData: keepPreviousData,
  });
  const waiting = (found.data?.signals ?? []).flatMap((signal) =>
    signal.value ? [] : signal.gates.filter((gate) => path === undefined || gate.nodeId === path).map((gate) => ({ signal, gate })),
  );
  if (waiting.length === 0) return null;
  return (
    <>
      {waiting.map(({ signal, gate }) => (
        <GateForm key={gate.nodeId} id={id} signal={signal} gate={gate} />
      ))}
    </>
  );
}

interface FormProps {
  readonly id: RunId;
  readonly signal: Signal;
  readonly gate: WaitingGate;
}

function GateForm({ id, signal, gate }: FormProps): JSX.Element | null {
  const client = useQueryClient();
  const [value, setValue] = useState<unknown>(undefined);
  const [wrong, setWrong] = useState<string>();
  const name = signal.id?.signalId ?? "";
  const give = useMutation({
    mutationFn: (literal: Literal) => signals.setSignal({ id: { executionId: id, signalId: name }, value: literal }),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.run(id) }),
  });
  const type = signal.type;
  if (!type) return null;
  const send = (given: unknown): void => {
    const faults: Wrong[] = [];
    const literal = encode(given, type, name, faults);
    setWrong(faults[0]?.text);
    if (literal && faults.length === 0) give.mutate(literal);
  };
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    send(value);
  };
  return (
    <form className="notice" onSubmit={submit} aria-label={`Answer ${name}`}>
      <p>
        <strong>{gate.approval ? `Approve “${name}”?` : `“${name}” is waited for`}</strong>{" "}
        <span className="soft">
          asked <Ago at={gate.since} />
          {gate.until && (
            <>
              , ends <Ago at={gate.until} />
            </>
          )}
        </span>
      </p>
      {gate.approval ? (
        <div className="row">
          <button type="button" className="primary" disabled={give.isPending} onClick={() => send(true)}>
            Approve
          </button>
          <button type="button" className="danger" disabled={give.isPending} onClick={() => send(false)}>
            Reject
          </button>
        </div>
      ) : (
        <div className="form">
          <Field name={name} type={type} required value={value} fault={wrong} onChange={setValue} />
          <div>
            <button type="submit" className="primary" disabled={give.isPending}>
              Answer
            </button>
          </div>
        </div>
      )}
      <Fault error={give.error} />
    </form>
  );
}
