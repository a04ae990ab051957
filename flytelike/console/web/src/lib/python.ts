// Words of Python, told apart by their looks for the eye alone: nothing is parsed, and what spans lines is not known.

export type Look = "plain" | "word" | "text" | "comment" | "mark";

export interface Piece {
  readonly look: Look;
  readonly text: string;
}

const WORDS =
  "False|None|True|and|as|assert|async|await|break|class|continue|def|del|elif|else|except|finally|for|from|global|if|import|in|is|lambda|match|case|nonlocal|not|or|pass|raise|return|try|while|with|yield";
const PIECE = new RegExp(
  [`(?<comment>#.*)`, `(?<text>[rbfRBF]{0,2}(?:"(?:[^"\\\\]|\\\\.)*"|'(?:[^'\\\\]|\\\\.)*'))`, `(?<mark>^\\s*@[\\w.]+)`, `(?<word>\\b(?:${WORDS})\\b)`].join("|"),
  "g",
);
const LOOKS: readonly Look[] = ["comment", "text", "mark", "word"];

/** A line in pieces; together they are the line. */
export function pieces(line: string): Piece[] {
  const out: Piece[] = [];
  let end = 0;
  for (const found of line.matchAll(PIECE)) {
    if (found.index > end) out.push({ look: "plain", text: line.slice(end, found.index) });
    out.push({ look: LOOKS.find((look) => found.groups?.[look] !== undefined) ?? "plain", text: found[0] });
    end = found.index + found[0].length;
  }
  if (end < line.length) out.push({ look: "plain", text: line.slice(end) });
  return out;
}
