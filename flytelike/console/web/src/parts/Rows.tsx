import { useVirtualizer } from "@tanstack/react-virtual";
import { type JSX, type ReactNode, type RefObject, memo, useEffect, useImperativeHandle, useLayoutEffect, useRef } from "react";
import { inSlots, slotsFor } from "../lib/slots";

const ROW = 32;
const OVERSCAN = 8;

export interface Scrolling {
  readonly to: (index: number) => void;
}

interface Props<T> {
  /** What scrolls. */
  readonly box: RefObject<HTMLElement | null>;
  /** How many rows there are in all. */
  readonly count: number;
  readonly at: (index: number) => T | undefined;
  /** What stands in a row; all rows are drawn again when it is another function. */
  readonly draw: (item: T, index: number) => ReactNode;
  readonly columns: string;
  readonly isOn: (item: T) => boolean;
  readonly scrolling?: RefObject<Scrolling | null>;
  /** Told which rows there are; must stay the same function. */
  readonly onSeen: (first: number, last: number) => void;
}

/**
 * Rows of one height, of which only those are there that are seen. A row that scrolls out of sight becomes one that comes
 * into it: its words change, no element is made or moved, and rows that stay are not drawn again. Once scrolling ends, the
 * elements are put in the order in which they are seen, which is that of the keyboard and of screen readers.
 */
export function Rows<T>({ box, count, at, draw, columns, isOn, scrolling, onSeen }: Props<T>): JSX.Element {
  const rows = useVirtualizer({
    count,
    getScrollElement: () => box.current,
    estimateSize: () => ROW,
    scrollPaddingStart: ROW,
    // Rows come with the next frame; within a scroll event nothing waits for them.
    useFlushSync: false,
  });
  useImperativeHandle(scrolling, () => ({ to: (index) => rows.scrollToIndex(index) }), [rows]);
  const slots = slotsFor(rows.scrollRect?.height ?? 0, ROW, OVERSCAN);
  const shown = inSlots((rows.range?.startIndex ?? 0) - OVERSCAN, slots, count, rows.isScrolling);
  const first = shown.first;
  useEffect(() => onSeen(first, first + slots - 1), [first, slots, onSeen]);
  return (
    <div style={{ height: count * ROW, position: "relative" }}>
      {shown.indexes.map((index) => {
        const item = at(index);
        return (
          <Row key={index % slots} box={box} index={index} item={item} on={item !== undefined && isOn(item)} columns={columns} draw={draw as RowProps["draw"]} />
        );
      })}
    </div>
  );
}

interface RowProps {
  readonly box: RefObject<HTMLElement | null>;
  readonly index: number;
  readonly item: unknown;
  readonly on: boolean;
  readonly columns: string;
  readonly draw: (item: unknown, index: number) => ReactNode;
}

const Row = memo(function Row({ box, index, item, on, columns, draw }: RowProps): JSX.Element {
  const own = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const element = own.current;
    const list = box.current;
    return () => {
      // Who was at this row stays with the list: the element is another row's now.
      if (element?.contains(document.activeElement)) list?.focus({ preventScroll: true });
    };
  }, [box, index]);
  return (
    <div ref={own} data-row={index} className={`list-row ${columns}${on ? " on" : ""}`} style={{ top: index * ROW }}>
      {item === undefined ? <span className="soft">…</span> : draw(item, index)}
    </div>
  );
});
