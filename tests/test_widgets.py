"""Interactive figures: one self-contained piece of HTML. That it moves in a browser is tested in test_site.py."""

import re
from html.parser import HTMLParser

import matplotlib.pyplot as plt
import pytest

from howfar import plotting, widgets


def draw(height, kind="line"):
    fig, ax = plt.subplots(figsize=(2, 1))
    ax.plot([0, height], marker="o" if kind == "points" else "")
    return fig


def tags(page):
    found = []

    class Parser(HTMLParser):
        def handle_starttag(self, tag, attributes):
            found.append((tag, dict(attributes)))

    Parser().feed(page)
    return found


@pytest.fixture(scope="module")
def explorer():
    return widgets.explorer(
        draw,
        alt=lambda height, kind: f"height {height} & {kind}",
        height=[2.0, 1.0, 3.0],
        kind=["line", "points"],
    )


def test_page_is_self_contained(explorer):
    assert len(explorer.html) < widgets.MAX_BYTES
    assert not re.search(r"""(src|href)=["'](?!data:)""", explorer.html)
    assert "import(" not in explorer.html and "fetch(" not in explorer.html


def test_first_frame_and_its_alt_text_stand_without_script(explorer):
    (image,) = [a for tag, a in tags(explorer.html) if tag == "img"]
    assert image["src"].startswith("data:image/svg+xml;base64,")
    assert image["alt"] == "height 2.0 & line"


def test_controls_are_labelled_and_start_at_the_first_value(explorer):
    found = tags(explorer.html)
    (slider,) = [a for tag, a in found if tag == "input" and a.get("type") == "range"]
    assert slider["value"] == "1" and slider["aria-valuetext"] == "2"  # sorted: 1, 2, 3
    assert slider["id"] in [a.get("for") for tag, a in found if tag == "label"]
    radios = [a for tag, a in found if tag == "input" and a.get("type") == "radio"]
    assert len(radios) == 2 and [("checked" in a) for a in radios] == [True, False]
    assert "legend" in [tag for tag, _ in found]


def test_figures_are_closed_and_the_page_is_reproducible(explorer):
    before = plt.get_fignums()
    again = widgets.explorer(
        draw,
        alt=lambda height, kind: f"height {height} & {kind}",
        height=[2.0, 1.0, 3.0],
        kind=["line", "points"],
    )
    assert plt.get_fignums() == before
    assert again.html == explorer.html


def test_live_controls_offer_the_values_in_between(explorer):
    panel = explorer.live()
    slider, buttons, _ = panel.children[0].children
    assert (slider.min, slider.max, slider.value) == (1, 3, 2) and 0 < slider.step < 0.1
    assert list(buttons.options) == ["line", "points"]
    assert panel.selected_index is None  # folded: draws nothing before a reader opens it


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ({}, ValueError, "at least one value"),
        ({"height": []}, ValueError, "height"),
        ({"height": list(range(201))}, ValueError, "201 frames"),
    ],
)
def test_bad_controls_are_named(values, error, message):
    with pytest.raises(error, match=message):
        widgets.explorer(draw, alt="a line", **values)


def test_draw_must_return_a_figure():
    with pytest.raises(TypeError, match="matplotlib figure, got NoneType"):
        widgets.explorer(lambda height: None, alt="nothing", height=[1])


def test_too_large_is_refused():
    def crowded(n):
        fig, ax = plt.subplots()
        ax.plot([(i * 7919 % 10007) / 10007 for i in range(n)], ls="", marker="o")
        return fig

    with pytest.raises(ValueError, match="bytes of HTML"):
        widgets.explorer(crowded, alt="points", n=[20000])


def test_a_path_takes_one_line_and_text_is_not_turned_by_nothing():
    fig, ax = plt.subplots()
    ax.plot(range(5), [0, 2, 1, 3, 2])
    text = plotting.svg(fig)
    assert not [line for line in text.splitlines() if line[:2] in ("L ", "M ", "z")]
    assert "rotate(-0" not in text
    assert any(line.count(" L ") >= 4 for line in text.splitlines()), "the five points of the line"
