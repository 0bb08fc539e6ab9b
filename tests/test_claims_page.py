"""The ledger's page: every claim once, with its verdict in words, and a filter that needs no kernel."""

import html
import os
import re
import shutil
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest

from howfar import claims
from howfar.claims import page

CHROMIUM = next((p for p in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if p), None)
FOUND = page.findings()
MARKUP = page.table(FOUND)._repr_html_()


def test_the_bar_counts_every_claim_in_words():
    bar = page.summary(FOUND)
    counts = {word: int(n) for n, word in re.findall(r"(\d+) (by construction|[a-z]+)(?=,|$)", repr(bar))}
    assert sum(counts.values()) == len(FOUND) and list(counts) == [v for v in claims.VERDICTS if v in counts]
    for verdict, count in counts.items():
        assert f"<b>{count}</b> {verdict}</div>" in bar._repr_html_()


def test_the_table_has_a_row_for_each_claim_that_can_be_linked_to():
    assert re.findall(r'<tr id="([^"]+)"', MARKUP) == [claim.id for claim, _ in FOUND]
    for claim, finding in FOUND:
        assert html.escape(claim.statement) in MARKUP and html.escape(claim.note) in MARKUP
        if finding.readings is not None:
            assert f"{claims.number(finding.readings.iloc[0])}, {finding.readings['status'].iloc[0]}" in MARKUP
            assert html.escape(claims.rule(claim).text) in MARKUP
    assert not re.search(
        r"(src|href)=\"(?!https://arxiv\.org/abs/|\.\./[a-z_]+/[a-z_]+\.html)", MARKUP
    )  # works offline
    assert all(line.split()[0] in " ".join(claims.VERDICTS) for line in repr(page.table(FOUND)).splitlines())


def test_what_a_ledger_says_is_escaped():
    claim = replace(FOUND[-1][0], statement="<b>bold</b>", note="a < b")
    markup = page.table([(claim, claims.Finding("open"))])._repr_html_()
    assert "&lt;b&gt;bold&lt;/b&gt;" in markup and "a &lt; b" in markup and "<b>bold" not in markup


def test_every_verdict_and_status_has_a_look_that_can_be_read():
    def luminance(colour):
        digits = colour[1:] if len(colour) == 7 else "".join(2 * c for c in colour[1:])
        parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    assert list(page.COLOURS) == list(claims.VERDICTS)
    for background, text in page.COLOURS.values():
        dark, light = sorted((luminance(background), luminance(text)))
        assert (light + 0.05) / (dark + 0.05) >= 4.5
    assert len({(marker, filled) for _, marker, filled in page.LOOKS.values()}) == len(page.LOOKS)  # without colour


def test_the_forest_draws_every_reading_on_its_side_of_the_bar():
    drawing = page.forest(FOUND)
    (axis,) = drawing.axes
    drawn = np.concatenate(
        [np.asarray(line.get_xdata(), float) for line in axis.lines if line.get_linestyle() == "None"]
    )
    readings = [finding.readings for _, finding in FOUND if finding.readings is not None]
    assert len(drawn) == sum(map(len, readings))
    labels = [text.get_text() for text in axis.texts]
    assert labels == [f"{c.id}: {f.verdict}" for c, f in FOUND if f.readings is not None]
    plt.close(drawing)
    assert page._factor(0.5, ("below", 1)) == 2 and page._factor(0.5, ("above", 1)) == 0.5
    assert page._factor(0.0, ("below", 1)) == page.LIMIT and page._factor(-1.0, ("above", 1)) == 1 / page.LIMIT
    assert page._factor(0.0, ("above", 0)) == 1 and page._factor(0.1, ("above", 0)) == page.LIMIT


@pytest.mark.skipif(CHROMIUM is None and "CI" not in os.environ, reason="no Chromium on this machine")
def test_the_filter_works_without_a_kernel_and_without_a_server(tmp_path):
    from playwright.sync_api import sync_playwright

    file = tmp_path / "page.html"
    file.write_text(f"<!doctype html><meta charset=utf-8>{MARKUP}", encoding="utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        seen = browser.new_page(viewport={"width": 375, "height": 800})
        faults = []
        seen.on("pageerror", lambda error: faults.append(str(error)))
        seen.goto(file.as_uri())
        rows = seen.locator("tbody tr:visible")
        assert rows.count() == len(FOUND)
        assert seen.evaluate("document.documentElement.scrollWidth") <= 375
        seen.select_option("select[data-by=source]", "zhang2026")
        seen.select_option("select[data-by=verdict]", "open")
        expected = [c.id for c, f in FOUND if c.source == "zhang2026" and f.verdict == "open"]
        assert [rows.nth(i).get_attribute("id") for i in range(rows.count())] == expected
        assert seen.inner_text("[role=status]") == f"{len(expected)} claim{'s' * (len(expected) != 1)}"
        seen.select_option("select[data-by=source]", "")
        seen.select_option("select[data-by=verdict]", "")
        assert rows.count() == len(FOUND) and not faults
        browser.close()
