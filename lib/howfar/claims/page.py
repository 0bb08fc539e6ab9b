"""The ledger as a page shows it: a bar of verdicts, a forest plot, and one table that can be filtered.

The HTML needs nothing but a browser: no kernel, no other file. Without scripts everything is shown and nothing filters.
"""

import html
from collections import Counter

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from howfar import claims, plotting
from howfar.experiments.judging import CONTRADICTED, HOLDS, NOT_JUDGED, UNDECIDED

# Verdict: background and text, with a contrast of at least 4.5 to 1; the words say the same.
COLOURS = {
    "by construction": ("#6e6e6e", "#fff"),
    "replicated": ("#0072b2", "#fff"),
    "partly": ("#e69f00", "#1a1a1a"),
    "contradicted": ("#b34700", "#fff"),
    "undecided": ("#8fc7ea", "#1a1a1a"),
    "open": ("#fff", "#1a1a1a"),
}
# Status: colour, marker, whether it is filled.
LOOKS = {
    HOLDS: (plotting.BLUE, "o", True),
    UNDECIDED: (plotting.GREY, "o", False),
    CONTRADICTED: (plotting.ORANGE, "^", True),
    NOT_JUDGED: (plotting.GREY, "x", False),
}
SOURCES = {
    "zhang2026": "Zhang et al. 2026",
    "li2025": "Li 2025",
    "chen2025": "Chen et al. 2025",
    "luo2022": "Luo et al. 2022",
    "yang2025": "Yang et al. 2025",
    "sanford2024": "Sanford et al. 2024",
}
SIZE = 12  # points: 11 px where a phone shows the figure, 5 inches wide, in 345 px
LIMIT = 1e4  # estimates that are farther from their bar are drawn here


class Page:
    """What a notebook shows as HTML and a terminal as text."""

    def __init__(self, markup, text):
        self._markup, self._text = markup, text

    def _repr_html_(self):
        return self._markup

    def __repr__(self):
        return self._text


def findings(ledger=None):
    """Every claim of a ledger with what the records say: a list of (Claim, Finding).

    Parameters
    ----------
    ledger : list of Claim, optional
        Default: the course's own.
    """
    return [(claim, claims.judge(claim)) for claim in (claims.load() if ledger is None else ledger)]


def summary(found):
    """How many claims have which verdict, as one bar.

    Parameters
    ----------
    found : list of (Claim, Finding)

    Returns
    -------
    Page
    """
    counts = Counter(finding.verdict for _, finding in found)
    parts = [(verdict, counts[verdict]) for verdict in claims.VERDICTS if counts[verdict]]
    text = f"{len(found)} claims: " + ", ".join(f"{count} {verdict}" for verdict, count in parts)
    cells = "".join(
        f'<div style="flex:{count} 1 6.5em;{_colours(verdict)};padding:.5em .6em;border:1px solid #6e6e6e">'
        f"<b>{count}</b> {verdict}</div>"
        for verdict, count in parts
    )
    return Page(f'<div role="img" aria-label="{text}" style="display:flex;flex-wrap:wrap;gap:2px">{cells}</div>', text)


def table(found):
    """All claims, with a filter by source and by verdict.

    Parameters
    ----------
    found : list of (Claim, Finding)

    Returns
    -------
    Page
        Each row can be linked to by the claim's id.
    """
    head = "<tr><th>verdict</th><th>claim</th><th>readings</th><th>most plausible reading</th></tr>"
    body = "".join(_row(claim, finding) for claim, finding in found)
    sources = {claim.source: SOURCES.get(claim.source, claim.source) for claim, _ in found}
    verdicts = {verdict: verdict for verdict in claims.VERDICTS if any(f.verdict == verdict for _, f in found)}
    controls = (
        f'<p class="howfar-filter" hidden>{_select("source", sources)} {_select("verdict", verdicts)} '
        f'<span role="status">{len(found)} claims</span></p>'
    )
    markup = (
        f'{_STYLE}<div class="howfar-ledger">{controls}<div role="region" aria-label="The claims" tabindex="0" '
        f'style="overflow-x:auto"><table class="dataframe"><thead>{head}</thead><tbody>{body}</tbody></table></div>'
        f"</div>{_SCRIPT}"
    )
    text = "\n".join(
        f"{f.verdict:15s} {c.id}: {f.evidence or 'no recorded experiment decides it yet'}" for c, f in found
    )
    return Page(markup, text)


def forest(found):
    """The estimates of every claim with an experiment, each as a factor by which it is on the claim's side of its bar.

    Parameters
    ----------
    found : list of (Claim, Finding)

    Returns
    -------
    matplotlib.figure.Figure
        A strip for each claim: a mark with its interval for each reading, the most plausible one large and below the
        others. Right of the line the claim holds. Factors beyond 10,000 are drawn there.
    """
    decided = [(claim, finding) for claim, finding in found if finding.readings is not None]
    drawing, axis = plt.subplots(figsize=(5.0, 0.8 + 0.52 * len(decided)), layout="constrained")
    for place, (claim, finding) in enumerate(decided):
        if place % 2:
            axis.axhspan(place - 0.5, place + 0.5, color=plotting.GREY, alpha=0.1, lw=0, zorder=0)
        axis.text(1 / LIMIT, place - 0.46, f"{claim.id}: {finding.verdict}", va="top", fontsize=SIZE)
    marks = pd.concat([_marks(place, *pair) for place, pair in enumerate(decided)])
    for status, (colour, marker, filled) in LOOKS.items():
        look = {"color": colour, "mfc": colour if filled else "none", "mew": 0.9}
        for plausible, size in ((False, 3.5), (True, 7.5)):
            chosen = marks[(marks["status"] == status) & (marks["plausible"] == plausible)]
            # A thousand small marks are lighter as an image, and as one if nothing is drawn between them.
            look |= {"rasterized": not plausible, "zorder": 2 if plausible else 1.5}
            lines = {
                "color": colour,
                "lw": size / 4,
                "alpha": 0.8,
                "rasterized": not plausible,
                "zorder": look["zorder"],
            }
            axis.hlines(chosen["height"], chosen["left"], chosen["right"], **lines)
            axis.plot(chosen["factor"], chosen["height"], marker, ms=size, **look)
        axis.plot([], [], marker, label=status, **look)
    axis.axvline(1, color=plotting.GREY, lw=1.5)
    axis.set(xscale="log", xlim=(0.5 / LIMIT, 2 * LIMIT), ylim=(len(decided) - 0.5, -0.5), yticks=[])
    axis.set_xlabel("factor on the claim's side of its bar  →", fontsize=SIZE)
    axis.tick_params(labelsize=SIZE)
    axis.spines["left"].set_visible(False)
    axis.grid(axis="y", visible=False)
    drawing.legend(loc="outside upper left", ncols=2, fontsize=SIZE, handletextpad=0, columnspacing=1)
    return drawing


def _marks(place, claim, finding):
    """Where a claim's readings are drawn: the most plausible one lowest, the others spread above it."""
    readings, bar = finding.readings, claims.rule(claim).bar
    ends = np.sort([[_factor(value, bar) for value in readings[end]] for end in ("low", "high")], axis=0)
    others = np.linspace(0.26, 0.02, max(len(readings) - 1, 1))[: len(readings) - 1]
    return readings[["status", "plausible"]].assign(
        factor=[_factor(value, bar) for value in readings["estimate"]],
        left=ends[0],
        right=ends[1],
        height=place + np.concatenate([[0.38], others]),
    )


def _factor(value, bar):
    """By what factor a number is on the claim's side of its bar, within the limits of the figure."""
    side, at = bar
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.divide(value, at) if side == "above" else np.divide(at, value)
    return float(np.clip(np.nan_to_num(factor, nan=1.0), 1 / LIMIT, LIMIT))  # 0 against a bar of 0 is at the bar


def _row(claim, finding):
    e = html.escape
    chapter = claim.chapter.split("/")[1].replace("_", " ")
    where = (
        f'<a href="https://arxiv.org/abs/{e(claim.arxiv)}">{e(SOURCES.get(claim.source, claim.source))}</a>, '
        f'{e(claim.where)}; {claim.kind}. Chapter: <a href="../{e(claim.chapter)}.html">{e(chapter)}</a>. '
        f"<code>{e(claim.id)}</code>"
    )
    verdict = f'<span class="howfar-verdict" style="{_colours(finding.verdict)}">{finding.verdict}</span>'
    cells = (verdict, f"{e(claim.statement)}<br><small>{where}</small>{_details(claim)}", *_readings(finding))
    return (
        f'<tr id="{e(claim.id)}" data-source="{e(claim.source)}" data-verdict="{finding.verdict}">'
        + "".join(f"<td>{cell}</td>" for cell in cells)
        + "</tr>"
    )


def _details(claim):
    rule = claims.rule(claim)
    parts = []
    if rule is not None:
        parts.append(f"<b>Rule</b>, written {rule.written} the records were read: {html.escape(rule.text)}")
        parts.append(f"<b>Most plausible</b>: {html.escape(rule.plausible)}.")
    if claim.note:
        parts.append(f"<b>But</b>: {html.escape(claim.note)}")
    title = "note" if rule is None else "rule and note"
    return f"<details><summary>{title}</summary><p>{'</p><p>'.join(parts)}</p></details>" if parts else ""


def _readings(finding):
    """The cells of the counts and of the most plausible reading."""
    if finding.readings is None:
        return "–", "–"
    words = {HOLDS: "hold", UNDECIDED: "undecided", CONTRADICTED: "contradicted", NOT_JUDGED: "not judged"}
    counts = [f"{finding.count(status)} {word}" for status, word in words.items() if finding.count(status)]
    first = finding.readings.iloc[0]
    return "<br>".join(counts), f"{html.escape(first['setting'])}: {claims.number(first)}, {first['status']}"


def _select(name, options):
    listed = "".join(
        f'<option value="{html.escape(key)}">{html.escape(word)}</option>' for key, word in options.items()
    )
    return f'<label>{name} <select data-by="{name}"><option value="">all</option>{listed}</select></label>'


def _colours(verdict):
    background, text = COLOURS[verdict]
    return f"background:{background};color:{text}"


_STYLE = """<style>
.howfar-ledger table { font-size: .85rem; width: 100%; }
.howfar-ledger :is(td, th) { text-align: left; vertical-align: top; padding: .5em; }
.howfar-ledger td:nth-child(3) { white-space: nowrap; }
.howfar-ledger tr:target { outline: 2px solid #0072b2; }
.howfar-ledger label { margin-right: 1em; }
.howfar-verdict { display: inline-block; padding: .1em .5em; border: 1px solid #6e6e6e; border-radius: .3em;
  white-space: nowrap; }
@media (max-width: 45rem) {
  .howfar-ledger thead { display: none; }
  .howfar-ledger :is(table, tbody, tr, td) { display: block; width: auto; }
  .howfar-ledger tr[hidden] { display: none; }
  .howfar-ledger td { padding: .2em .5em; border: 0; }
}
</style>"""

_SCRIPT = """<script>
for (const box of document.querySelectorAll(".howfar-ledger")) {
  const chosen = [...box.querySelectorAll("select")], rows = [...box.querySelectorAll("tbody tr")];
  box.querySelector(".howfar-filter").hidden = false;
  const filter = () => {
    for (const row of rows) row.hidden = chosen.some(s => s.value && row.dataset[s.dataset.by] !== s.value);
    const count = rows.filter(row => !row.hidden).length;
    box.querySelector("[role=status]").textContent = count + (count === 1 ? " claim" : " claims");
  };
  for (const select of chosen) select.onchange = filter;
}
</script>"""
