import { type JSX, useId, useState } from "react";
import { type LiteralType, SimpleType } from "../gen/flytelike/core/types_pb";
import { FileField } from "./FileField";
import { type JsonSchema, optionalOf, schemaOf, typeWords } from "../lib/types";

interface Props {
  readonly name: string;
  readonly type: LiteralType;
  readonly description?: string;
  readonly required: boolean;
  readonly value: unknown;
  readonly fault?: string | undefined;
  readonly onChange: (value: unknown) => void;
}

/** One input, by its type. */
export function Field({ name, type, description, required, value, fault, onChange }: Props): JSX.Element {
  const id = useId();
  const some = optionalOf(type);
  return (
    <div className="field">
      <label htmlFor={id}>
        {name} <code className="soft">{typeWords(type)}</code> {required && <span className="soft">required</span>}
      </label>
      {some && (
        <label className="row" style={{ fontWeight: 400 }}>
          <input type="checkbox" checked={value === null} onChange={(event) => onChange(event.target.checked ? null : undefined)} />
          None
        </label>
      )}
      {!(some && value === null) && <Control id={id} type={some ?? type} value={value} onChange={onChange} invalid={fault !== undefined} />}
      {description && <div className="hint">{description}</div>}
      {fault && (
        <div className="bad" id={`${id}-fault`} role="alert">
          {fault}
        </div>
      )}
    </div>
  );
}

interface ControlProps {
  readonly id: string;
  readonly type: LiteralType;
  readonly value: unknown;
  readonly invalid: boolean;
  readonly onChange: (value: unknown) => void;
}

function Control({ id, type, value, invalid, onChange }: ControlProps): JSX.Element {
  const about = { id, "aria-invalid": invalid, ...(invalid && { "aria-describedby": `${id}-fault` }) };
  const kind = type.type;
  if (kind.case === "enumType") {
    return (
      <select {...about} value={typeof value === "string" ? value : ""} onChange={(event) => onChange(event.target.value)}>
        <option value="" disabled>
          choose
        </option>
        {kind.value.values.map((one) => (
          <option key={one}>{one}</option>
        ))}
      </select>
    );
  }
  if (kind.case === "blob" || kind.case === "structuredDatasetType") {
    return <FileField about={about} value={value} onChange={onChange} />;
  }
  if (kind.case !== "simple") return <Json about={about} value={value} onChange={onChange} />;
  switch (kind.value) {
    case SimpleType.BOOLEAN:
      return <input {...about} type="checkbox" checked={value === true} onChange={(event) => onChange(event.target.checked)} />;
    case SimpleType.INTEGER:
      return <Numeric about={about} whole value={value} onChange={onChange} />;
    case SimpleType.FLOAT:
      return <Numeric about={about} whole={false} value={value} onChange={onChange} />;
    case SimpleType.STRING:
      return <Text about={about} value={value} onChange={onChange} />;
    case SimpleType.DATETIME:
      return <Text about={about} value={value} placeholder="2026-01-31T12:00:00Z" onChange={onChange} />;
    case SimpleType.DURATION:
      return <Text about={about} value={value} placeholder="90s, 5m, 2h" onChange={onChange} />;
    case SimpleType.STRUCT: {
      const schema = schemaOf(type);
      if (schema?.properties) return <Struct schema={schema} root={schema} value={value} onChange={onChange} />;
      return <Json about={about} value={value} onChange={onChange} />;
    }
    default:
      return <Json about={about} value={value} onChange={onChange} />;
  }
}

interface About {
  readonly id: string;
}

interface InputProps {
  readonly about: About;
  readonly value: unknown;
  readonly placeholder?: string;
  readonly onChange: (value: unknown) => void;
}

function Text({ about, value, placeholder, onChange }: InputProps): JSX.Element {
  return <input {...about} type="text" placeholder={placeholder} value={typeof value === "string" ? value : ""} onChange={(event) => onChange(event.target.value)} />;
}

function Numeric({ about, whole, value, onChange }: InputProps & { readonly whole: boolean }): JSX.Element {
  const [text, setText] = useState(value === undefined || value === null ? "" : String(value as number));
  const change = (typed: string): void => {
    setText(typed);
    const number = Number(typed);
    if (typed.trim() === "") onChange(undefined);
    else if (whole && /^[+-]?\d+$/.test(typed.trim())) onChange(Number.isSafeInteger(number) ? number : BigInt(typed.trim()));
    else onChange(Number.isNaN(number) ? typed : number);
  };
  return <input {...about} type="text" inputMode={whole ? "numeric" : "decimal"} value={text} onChange={(event) => change(event.target.value)} />;
}

function Json({ about, value, onChange }: InputProps): JSX.Element {
  const [text, setText] = useState(value === undefined ? "" : JSON.stringify(value, null, 2));
  const [fault, setFault] = useState("");
  const change = (typed: string): void => {
    setText(typed);
    try {
      onChange(typed.trim() === "" ? undefined : JSON.parse(typed));
      setFault("");
    } catch (error) {
      setFault(error instanceof Error ? error.message : "this is no JSON");
    }
  };
  return (
    <>
      <textarea {...about} rows={Math.min(10, Math.max(2, text.split("\n").length))} placeholder="JSON" value={text} onChange={(event) => change(event.target.value)} />
      {fault && <div className="bad">{fault}</div>}
    </>
  );
}

interface StructProps {
  readonly schema: JsonSchema;
  readonly root: JsonSchema;
  readonly value: unknown;
  readonly onChange: (value: unknown) => void;
}

/** The fields of a dataclass, nested ones inside. */
function Struct({ schema, root, value, onChange }: StructProps): JSX.Element {
  const values = typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  return (
    <div className="nested">
      {Object.entries(schema.properties ?? {}).map(([name, found]) => (
        <Property key={name} name={name} schema={resolved(found, root)} root={root} value={values[name]} onChange={(next) => onChange({ ...values, [name]: next })} />
      ))}
    </div>
  );
}

function Property({ name, schema, root, value, onChange }: StructProps & { readonly name: string }): JSX.Element {
  const id = useId();
  const about = { id };
  const shown = value === undefined ? schema.default : value;
  const kind = typeof schema.type === "string" ? schema.type : "";
  return (
    <div className="field">
      <label htmlFor={id}>
        {name} <code className="soft">{schema.title ?? kind}</code>
      </label>
      {schema.enum ? (
        <select id={id} value={String(shown)} onChange={(event) => onChange(event.target.value)}>
          {schema.enum.map((one) => (
            <option key={String(one)}>{String(one)}</option>
          ))}
        </select>
      ) : kind === "boolean" ? (
        <input id={id} type="checkbox" checked={shown === true} onChange={(event) => onChange(event.target.checked)} />
      ) : kind === "integer" || kind === "number" ? (
        <Numeric about={about} whole={kind === "integer"} value={shown} onChange={onChange} />
      ) : kind === "string" ? (
        <Text about={about} value={shown} onChange={onChange} />
      ) : schema.properties ? (
        <Struct schema={schema} root={root} value={shown} onChange={onChange} />
      ) : (
        <Json about={about} value={shown} onChange={onChange} />
      )}
      {schema.description && <div className="hint">{schema.description}</div>}
    </div>
  );
}

function resolved(schema: JsonSchema, root: JsonSchema): JsonSchema {
  const name = schema.$ref?.split("/").at(-1);
  return (name === undefined ? undefined : (root.$defs?.[name] ?? root.definitions?.[name])) ?? schema;
}
