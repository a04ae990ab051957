// Reads MessagePack (https://github.com/msgpack/msgpack/blob/master/spec.md): dataclasses and dicts are stored so.

const DEPTH_MAX = 100;

/** The value in some bytes; text that says so where they are no MessagePack. */
export function unpack(bytes: Uint8Array): unknown {
  try {
    return new Reader(bytes).value(0);
  } catch {
    return `${bytes.length} bytes`;
  }
}

class Reader {
  private at = 0;
  private readonly view: DataView;

  constructor(private readonly bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  value(depth: number): unknown {
    if (depth > DEPTH_MAX) throw new RangeError("too deep");
    const tag = this.uint(1);
    if (tag <= 0x7f) return tag;
    if (tag >= 0xe0) return tag - 0x100;
    if (tag <= 0x8f) return this.map(tag & 0x0f, depth);
    if (tag <= 0x9f) return this.list(tag & 0x0f, depth);
    if (tag <= 0xbf) return this.text(tag & 0x1f);
    switch (tag) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
      case 0xc5:
      case 0xc6:
        return `${this.skip(this.uint(2 ** (tag - 0xc4)))} bytes`;
      case 0xca:
        return this.view.getFloat32(this.move(4));
      case 0xcb:
        return this.view.getFloat64(this.move(8));
      case 0xcc:
      case 0xcd:
      case 0xce:
        return this.uint(2 ** (tag - 0xcc));
      case 0xcf:
        return exact(this.view.getBigUint64(this.move(8)));
      case 0xd0:
        return this.view.getInt8(this.move(1));
      case 0xd1:
        return this.view.getInt16(this.move(2));
      case 0xd2:
        return this.view.getInt32(this.move(4));
      case 0xd3:
        return exact(this.view.getBigInt64(this.move(8)));
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.text(this.uint(2 ** (tag - 0xd9)));
      case 0xdc:
      case 0xdd:
        return this.list(this.uint(2 ** (tag - 0xdb)), depth);
      case 0xde:
      case 0xdf:
        return this.map(this.uint(2 ** (tag - 0xdd)), depth);
      default:
        throw new RangeError(`unknown tag ${tag}`);
    }
  }

  private list(length: number, depth: number): unknown[] {
    const out: unknown[] = [];
    for (let index = 0; index < length; index += 1) out.push(this.value(depth + 1));
    return out;
  }

  private map(length: number, depth: number): Record<string, unknown> {
    const out: [string, unknown][] = [];
    for (let index = 0; index < length; index += 1) {
      const key = this.value(depth + 1);
      out.push([typeof key === "string" ? key : JSON.stringify(key), this.value(depth + 1)]);
    }
    return Object.fromEntries(out);
  }

  private text(length: number): string {
    const from = this.move(length);
    return new TextDecoder().decode(this.bytes.subarray(from, from + length));
  }

  private skip(length: number): number {
    this.move(length);
    return length;
  }

  private uint(length: number): number {
    const from = this.move(length);
    return length === 1 ? this.view.getUint8(from) : length === 2 ? this.view.getUint16(from) : this.view.getUint32(from);
  }

  private move(length: number): number {
    const from = this.at;
    if (from + length > this.bytes.length) throw new RangeError("cut off");
    this.at += length;
    return from;
  }
}

const exact = (value: bigint): number | bigint => (Number.isSafeInteger(Number(value)) ? Number(value) : value);
