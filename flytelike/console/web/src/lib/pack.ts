// Writes MessagePack (https://github.com/msgpack/msgpack/blob/master/spec.md): plain data only.

/** The bytes of plain data. Whole numbers are integers. Throws RangeError for what cannot be written. */
export function pack(value: unknown): Uint8Array {
  const out: number[] = [];
  write(value, out);
  return Uint8Array.from(out);
}

function write(value: unknown, out: number[]): void {
  if (value === null || value === undefined) out.push(0xc0);
  else if (typeof value === "boolean") out.push(value ? 0xc3 : 0xc2);
  else if (typeof value === "number") writeNumber(value, out);
  else if (typeof value === "bigint") writeBig(value, out);
  else if (typeof value === "string") {
    const bytes = new TextEncoder().encode(value);
    writeHead(bytes.length, { fix: 0xa0, fixMax: 31, wide: 0xdb }, out);
    for (const byte of bytes) out.push(byte);
  } else if (Array.isArray(value)) {
    writeHead(value.length, { fix: 0x90, fixMax: 15, wide: 0xdd }, out);
    for (const item of value) write(item, out);
  } else if (typeof value === "object") {
    const entries = Object.entries(value);
    writeHead(entries.length, { fix: 0x80, fixMax: 15, wide: 0xdf }, out);
    for (const [key, item] of entries) {
      write(key, out);
      write(item, out);
    }
  } else throw new RangeError(`${typeof value} cannot be written`);
}

function writeNumber(value: number, out: number[]): void {
  if (Number.isSafeInteger(value)) {
    writeBig(BigInt(value), out);
    return;
  }
  const bytes = new DataView(new ArrayBuffer(8));
  bytes.setFloat64(0, value);
  out.push(0xcb, ...new Uint8Array(bytes.buffer));
}

function writeBig(value: bigint, out: number[]): void {
  if (value >= 0n && value <= 0x7fn) out.push(Number(value));
  else if (value < 0n && value >= -32n) out.push(Number(value + 256n));
  else {
    if (value > 0xffff_ffff_ffff_ffffn || value < -0x8000_0000_0000_0000n) throw new RangeError(`${value} is too large`);
    const bytes = new DataView(new ArrayBuffer(8));
    if (value < 0n) bytes.setBigInt64(0, value);
    else bytes.setBigUint64(0, value);
    out.push(value < 0n ? 0xd3 : 0xcf, ...new Uint8Array(bytes.buffer));
  }
}

interface Head {
  readonly fix: number;
  readonly fixMax: number;
  readonly wide: number;
}

function writeHead(length: number, { fix, fixMax, wide }: Head, out: number[]): void {
  if (length <= fixMax) out.push(fix | length);
  else out.push(wide, (length >>> 24) & 255, (length >>> 16) & 255, (length >>> 8) & 255, length & 255);
}
