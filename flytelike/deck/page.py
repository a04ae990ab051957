"""All parts of a report as one page that needs nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

STYLE = """
:root { color-scheme: light dark; --back: #ffffff; --panel: #f6f7f9; --line: #dfe3e8; --text: #1c2430; --soft: #5d6b7c;
  --accent: #5b4bd6; --good: #1a7f4b; --bad: #c4314b; --wait: #9a6700; --font: system-ui, -apple-system, "Segoe UI",
  Roboto, "Noto Sans", sans-serif; --mono: ui-monospace, "SF Mono", "Cascadia Mono", "DejaVu Sans Mono", monospace }
@media (prefers-color-scheme: dark) { :root { --back: #12161c; --panel: #1a2029; --line: #2d3643; --text: #e4e9f0;
  --soft: #9aa8ba; --accent: #a99cff; --good: #58c98c; --bad: #ff7d92; --wait: #e3b341 } }
* { box-sizing: border-box }
html { -webkit-text-size-adjust: 100% }
body { margin: 0; background: var(--back); color: var(--text); font: 15px/1.55 var(--font) }
h1, h2, h3, h4 { line-height: 1.25; margin: 1.4em 0 .5em; text-wrap: balance }
h1 { font-size: 1.5em } h2 { font-size: 1.25em } h3 { font-size: 1.05em }
:is(h1, h2, h3, h4, p, pre, table, div):first-child { margin-top: 0 }
a { color: var(--accent) }
pre, code { font: .88em/1.5 var(--mono) }
pre { background: var(--panel); border: 1px solid var(--line); border-radius: 8px; padding: .75em .9em;
  overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere; margin: .5em 0 1em }
.source pre { white-space: pre; overflow-wrap: normal }
.source { background: none !important }
table { border-collapse: collapse; display: block; max-width: 100%; overflow-x: auto; margin: .5em 0 1em;
  font-variant-numeric: tabular-nums }
th, td { padding: .35em .8em; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top }
th { color: var(--soft); font-weight: 600; white-space: nowrap }
img, svg, video, canvas { max-width: 100%; height: auto }
.note { color: var(--soft); font-size: .9em; margin: .25em 0 1em }
"""
"""How tables, code and text look; frames with an author's HTML begin with it too."""

_LAYOUT = """
header, main { max-width: 1080px; margin: 0 auto; padding: 0 clamp(14px, 3vw, 32px) }
header { padding-top: 28px }
header h1 { margin: 0; overflow-wrap: anywhere }
header p { margin: .35em 0 0; color: var(--soft); overflow-wrap: anywhere }
.phase { font-weight: 600 } .phase.succeeded { color: var(--good) } .phase.failed { color: var(--bad) }
.phase.running { color: var(--wait) }
nav { position: sticky; top: 0; z-index: 1; background: var(--back); border-bottom: 1px solid var(--line);
  margin-top: 20px }
nav div { max-width: 1080px; margin: 0 auto; padding: 0 clamp(14px, 3vw, 32px); display: flex; gap: 4px;
  overflow-x: auto; scrollbar-width: thin }
nav label { padding: .6em .8em; white-space: nowrap; cursor: pointer; color: var(--soft);
  border-bottom: 2px solid transparent; font-weight: 500 }
nav label:hover { color: var(--text) }
input.tab { position: absolute; opacity: 0; pointer-events: none }
main { padding-top: 22px; padding-bottom: 48px }
main > section { display: none }
iframe { border: 0; width: 100%; height: 70vh; display: block; background: transparent; color-scheme: light dark }
h3 .type { color: var(--soft); font-weight: 400; font-size: .9em; margin-left: .5em }
.bars { display: grid; grid-template-columns: max-content 1fr max-content; gap: .5em 1em; align-items: center }
.bars .track { background: var(--panel); border-radius: 4px; height: 14px; position: relative; min-width: 60px }
.bars .bar { position: absolute; inset-block: 0; background: var(--accent); border-radius: 4px; min-width: 2px }
.bars .time { color: var(--soft); font-variant-numeric: tabular-nums; text-align: right }
"""

_RESIZE = """
addEventListener("message", event => {
  for (const frame of document.querySelectorAll("iframe"))
    if (frame.contentWindow === event.source && Number.isFinite(event.data?.deckHeight))
      frame.style.height = Math.min(Math.max(event.data.deckHeight, 40), 20000) + "px";
});
"""
_TELL_HEIGHT = """<script>new ResizeObserver(() => parent.postMessage(
{deckHeight: Math.ceil(document.documentElement.getBoundingClientRect().height)}, "*")
).observe(document.documentElement)</script>"""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a report. The HTML of an author's part is framed; the others are made here, of escaped values."""

    name: str
    html: str
    framed: bool = False


@dataclass(frozen=True, slots=True)
class Head:
    """What a report is of. `phase` is `running`, `succeeded` or `failed`; `about` are words below the title."""

    title: str
    phase: str
    about: Sequence[str] = ()


def page(head: Head, parts: Sequence[Part]) -> str:
    """Return a report as an HTML document: a tab for each part, which needs no script."""
    shown = parts or [Part("Report", '<p class="note">Nothing has been written to this report.</p>')]
    tabs = "".join(
        f'<input class="tab" type="radio" name="tab" id="t{number}"{" checked" if number == 0 else ""}>'
        for number in range(len(shown))
    )
    labels = "".join(f'<label for="t{number}">{escape(part.name)}</label>' for number, part in enumerate(shown))
    sections = "".join(f'<section id="s{number}">{_content(part)}</section>' for number, part in enumerate(shown))
    chosen = "".join(
        f"#t{number}:checked ~ main #s{number} {{ display: block }}"
        f'#t{number}:checked ~ nav label[for="t{number}"] {{ color: var(--accent); border-color: var(--accent) }}'
        f'#t{number}:focus-visible ~ nav label[for="t{number}"] {{ outline: 2px solid var(--accent) }}'
        for number in range(len(shown))
    )
    about = " · ".join(
        [f'<span class="phase {escape(head.phase)}">{escape(head.phase)}</span>', *map(escape, head.about)]
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(head.title)}</title><style>{STYLE}{_LAYOUT}{chosen}</style></head><body>"
        f"<header><h1>{escape(head.title)}</h1><p>{about}</p></header>"
        f"{tabs}<nav><div>{labels}</div></nav><main>{sections}</main><script>{_RESIZE}</script></body></html>"
    )


def bars(spans: Sequence[tuple[str, float, float]]) -> str:
    """Return a timeline of names with their start and end in seconds."""
    whole = max((end for _, _, end in spans), default=0.0) or 1.0
    rows = "".join(
        f"<div>{escape(name)}</div>"
        f'<div class="track"><div class="bar" style="left:{start / whole:.2%};width:{(end - start) / whole:.2%}"></div>'
        f'</div><div class="time">{_seconds(end - start)}</div>'
        for name, start, end in spans
    )
    return f'<div class="bars">{rows}</div>'


def _content(part: Part) -> str:
    if not part.framed:
        return part.html
    document = f'<!doctype html><meta charset="utf-8"><style>{STYLE}</style>{part.html}{_TELL_HEIGHT}'
    return f'<iframe sandbox="allow-scripts" title="{escape(part.name)}" srcdoc="{escape(document)}"></iframe>'


def _seconds(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:.1f} ms"
    return f"{seconds:.2f} s" if seconds < 120 else f"{seconds / 60:.1f} min"
