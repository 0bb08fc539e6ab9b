"""Hygiene: what every stored notebook must hold to, so that what a reader sees is what the code printed."""

import ast
import inspect
import math
import re
from pathlib import Path

import nbformat
import pytest
import yaml
from IPython.core.inputtransformer2 import TransformerManager

import howfar
from howfar import exercises

ROOT = Path(__file__).resolve().parents[1]
PATHS = sorted(p for p in (ROOT / "chapters").rglob("*.ipynb") if ".ipynb_checkpoints" not in p.parts)
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
MAX_KB, MAX_LINES, MEDIAN_LINES, MAX_COLUMNS, MAX_WORDS = 300, 25, 6, 79, 3000
PHONE, PIXELS = 350, 11  # the least width of a figure on a page (howfar.css), and of its text there

every = pytest.mark.parametrize("path", PATHS, ids=lambda p: p.relative_to(ROOT / "chapters").as_posix())
chapters = pytest.mark.parametrize(
    "path",
    [p for p in PATHS if "appendix" not in p.parts],
    ids=lambda p: p.relative_to(ROOT / "chapters").as_posix(),
)


def read(path):
    return nbformat.read(path, as_version=4)


def code_cells(path):
    return [c for c in read(path).cells if c.cell_type == "code"]


def tagged(cell, tag):
    return tag in cell.metadata.get("tags", [])


def outputs(path):
    return [(c, o) for c in code_cells(path) for o in c.outputs]


def markdown(path):
    return "\n\n".join(c.source for c in read(path).cells if c.cell_type == "markdown")


def functions(source):
    """The functions that a cell defines, as syntax trees without docstrings.

    A solution may be called NAME_solution, so that running it doesn't overwrite the reader's NAME: it counts as NAME.
    """
    out = {}
    source = re.sub(r"\b(\w+)_solution\b", r"\1", TransformerManager().transform_cell(source))
    for node in ast.parse(source).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            if ast.get_docstring(node) is not None:
                node.body = node.body[1:]
            out[node.name] = ast.dump(node)
    return out


def test_a_solution_may_have_a_name_of_its_own():
    plain, suffixed = (
        functions("def f(x):\n    return f(x - 1)"),
        functions("def f_solution(x):\n    return f_solution(x - 1)"),
    )
    assert plain == suffixed != functions("def f_solution(x):\n    return g_solution(x - 1)")


def test_there_are_notebooks():
    assert any("transport" in p.parts for p in PATHS)


@every
def test_valid_and_small(path):
    nbformat.validate(read(path))
    assert path.stat().st_size <= MAX_KB * 1024


@every
def test_setup_cell_is_the_same_everywhere_and_installs_from_the_repository(path):
    setups = [c for c in code_cells(path) if tagged(c, "setup")]
    assert len(setups) == 1
    assert code_cells(path)[0].source == setups[0].source, "the setup cell comes first"
    first = next(c for c in code_cells(PATHS[0]) if tagged(c, "setup"))
    assert setups[0].source == first.source
    wanted = f'%pip install -q "git+{CONFIG["repository"]["url"]}@v{howfar.__version__}"'
    assert wanted in setups[0].source


@every
def test_executed_from_top_to_bottom(path):
    cells = code_cells(path)
    assert [c.execution_count for c in cells] == list(range(1, len(cells) + 1))


@every
def test_no_errors_no_stderr_no_widget_state_no_absolute_paths(path):
    for cell, output in outputs(path):
        assert output.output_type != "error", cell.source
        assert output.get("name") != "stderr", cell.source
        assert "application/vnd.jupyter.widget-view+json" not in output.get("data", {}), cell.source
        texts = [output.get("text", "")] + [v for k, v in output.get("data", {}).items() if k.startswith("text/")]
        for text in texts:
            assert not re.search(r"(?<![\w.])/(home|root|tmp|work|Users|usr)/", text), cell.source
    assert "widgets" not in read(path).metadata
    assert read(path).metadata.kernelspec.name == "python3"


@every
def test_every_picture_has_alt_text(path):
    for cell, output in outputs(path):
        if any(kind.startswith("image/") for kind in output.get("data", {})):
            alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
            assert len(alt) >= 40, f"alt text missing or too short to describe the figure:\n{cell.source}"
        for image in re.findall(r"<img\b[^>]*>", output.get("data", {}).get("text/html", "")):
            assert re.search(r'alt="[^"]{40,}"', image)
    for image in re.findall(r"!\[(.*?)\]\(", markdown(path)):
        assert len(image) >= 40


@every
def test_cells_are_short(path):
    lengths = sorted(len(c.source.splitlines()) for c in code_cells(path))
    assert lengths[-1] <= MAX_LINES
    assert lengths[len(lengths) // 2] <= MEDIAN_LINES


@every
def test_code_fits_the_page(path):
    for cell in code_cells(path):
        long = [line for line in cell.source.splitlines() if len(line) > MAX_COLUMNS]
        assert not long, f"{len(long[0])} columns:\n{long[0]}"


@every
def test_results_are_tables_or_figures(path):
    """No aligned print and no printed test on the page: `howfar.table`, a figure, or the tag remove-cell."""
    for cell, output in outputs(path):
        if output.output_type == "stream" and not tagged(cell, "remove-cell"):
            aligned = [line for line in output.text.splitlines() if re.search(r"\S {2,}\S", line)]
            assert len(aligned) < 4, f"a printed table:\n{output.text}"
            assert not re.search(r":\s+(True|False)\b", output.text), f"a printed test:\n{output.text}"


def figures(path):
    return [(c, o.data["image/svg+xml"]) for c, o in outputs(path) if "image/svg+xml" in o.get("data", {})]


@every
def test_every_figure_is_one_transparent_picture(path):
    for cell, output in outputs(path):
        assert not {"image/png", "image/jpeg"} & set(output.get("data", {})), f"not SVG:\n{cell.source}"
    for cell, svg in figures(path):
        background = re.search(r'<g id="patch_1">\s*<path [^>]*style="([^"]*)"', svg).group(1)
        assert "fill: none" in background, f"not transparent:\n{cell.source}"
        dark = re.findall(r"(?:fill|stroke): #(?:0{6}|1a1a1a|f{6})\b", svg)
        assert not dark, f"black or white can't be seen on one of the two pages: {dark[0]}\n{cell.source}"


@every
def test_text_of_figures_can_be_read_on_a_phone(path):
    for cell, svg in figures(path):
        points = [float(x) for x in re.findall(r"font(?:-size)?: [^;\"]*?([\d.]+)px", svg)]
        width = float(re.search(r'width="([\d.]+)pt"', svg).group(1)) * 4 / 3
        if points:
            # Indices and exponents, which mathtext draws at 0.7 of the text that they belong to, aren't measured.
            own = [
                p for p in points if not any(math.isclose(p, 0.7**n * q, rel_tol=0.01) for q in points for n in (1, 2))
            ]
            smallest = min(own) * 4 / 3 * min(1.0, PHONE / width)
            assert smallest >= PIXELS, f"{smallest:.1f} pixels in a figure of {width:.0f}:\n{cell.source}"


@every
def test_every_figure_has_a_caption_and_its_code_is_folded(path):
    names = []
    for cell, _ in figures(path):
        figure = cell.metadata.get("mystnb", {}).get("figure", {})
        assert len(figure.get("caption", "")) >= 40, f"a caption says what the figure shows:\n{cell.source}"
        assert re.fullmatch(r"fig-[a-z0-9-]+", figure.get("name", "")), f"no name to refer to:\n{cell.source}"
        assert tagged(cell, "hide-input") or tagged(cell, "remove-input"), f"plotting code on the page:\n{cell.source}"
        names.append(figure["name"])
    assert len(names) == len(set(names))


@chapters
def test_chapter_is_no_longer_than_can_be_read(path):
    """Words of prose, without exercises, quiz and proofs."""
    text = re.sub(r"^(:{3,})\{(exercise|prf:proof)\}.*?^\1$", "", markdown(path), flags=re.M | re.S)
    assert len(text.split()) <= MAX_WORDS


@chapters
def test_chapter_opens_with_a_measured_picture(path):
    """Among the first cells, before any definition."""
    cells = [c for c in read(path).cells if not tagged(c, "remove-cell")]
    first = next(
        i for i, c in enumerate(cells) if any("image/svg+xml" in o.get("data", {}) for o in c.get("outputs", []))
    )
    before = "\n".join(c.source for c in cells[:first] if c.cell_type == "markdown")
    assert first <= 6 and "{prf:" not in before and len(before.split()) <= 300


@chapters
def test_chapter_links_to_notation_api_and_ledger(path):
    text = markdown(path)
    for page in ("notation", "api", "claims"):
        assert re.search(rf"\]\((?:\.\./)?appendix/{page}", text), f"no link to the page {page}"


@chapters
def test_chapter_has_its_quiz(path):
    assert 3 <= len(exercises.quiz(path.stem).questions) <= 5
    (cell,) = [c for c in code_cells(path) if f'quiz("{path.stem}")' in c.source]
    assert tagged(cell, "remove-input") or tagged(cell, "hide-input")
    assert "text/html" in cell.outputs[0].data


@every
def test_time_is_stated_at_the_top(path):
    opening = "\n".join(c.source for c in read(path).cells[:2] if c.cell_type == "markdown")
    assert re.search(r"[Aa]bout \d+ s on a laptop CPU", opening)


@every
def test_something_is_compared_by_nbval(path):
    checked = [c for c in code_cells(path) if tagged(c, "nbval-check-output")]
    assert checked
    for cell in checked:
        assert cell.outputs, f"nothing to compare:\n{cell.source}"
        # nbval doesn't compare pictures: a table or printed numbers stand beside each.
        kinds = [o.output_type == "stream" or "text/plain" in o.get("data", {}) for o in cell.outputs]
        assert all(kinds), f"print what is compared, or show a table:\n{cell.source}"


@every
def test_symbols_of_directives_balance(path):
    for cell in read(path).cells:
        if cell.cell_type == "markdown":
            fences = re.findall(r"^(:{3,})(\{)?", cell.source, flags=re.M)
            opened = sum(bool(directive) for _, directive in fences)
            assert len(fences) == 2 * opened, cell.source


def exercises_of(path):
    return [e for e in exercises.EXERCISES.values() if e.name.startswith(path.stem + "/")]


@chapters
def test_chapter_has_its_exercises(path):
    mine, text = exercises_of(path), markdown(path)
    assert 3 <= len(mine) <= 6
    for exercise in mine:
        label = "ex-" + exercise.name.replace("/", "-")
        assert f"{{exercise}} {exercise.title}\n:label: {label}\n" in text
        stars = "★" * exercise.difficulty + "☆" * (3 - exercise.difficulty)
        start = text.index(f":label: {label}\n")
        assert f"{stars}, {exercise.minutes} minutes." in text[start : start + 120], exercise.name
        assert f"{{solution-start}} {label}\n:class: dropdown" in text
    assert text.count("{solution-start}") == text.count("{solution-end}") == len(mine)


@chapters
def test_stub_says_not_attempted_and_solution_is_the_tested_reference(path):
    for exercise in exercises_of(path):
        call = f'check("{exercise.name}", '
        stub_check, solution = [c for c in code_cells(path) if call in c.source]
        assert "not attempted yet" in stub_check.outputs[0].text
        assert tagged(stub_check, "nbval-check-output") and tagged(solution, "nbval-check-output")
        assert tagged(solution, "solution") and "passed" in solution.outputs[-1].text
        name = re.search(re.escape(call) + r"(\w+)", solution.source).group(1).removesuffix("_solution")
        reference = functions(inspect.getsource(exercise.reference))
        assert functions(solution.source)[name] == next(iter(reference.values())), (
            f"{exercise.name}: the solution on the page is not the reference in the library"
        )
        stub = next(c for c in code_cells(path) if re.search(rf"(def|class) {name}\b", c.source))
        assert "..." in stub.source and not tagged(stub, "solution")


@chapters
def test_page_ends_with_what_was_shown_and_what_was_not(path):
    last = markdown(path)[-6000:]
    for part in ("**Shown.**", "**Not shown.**", "**Read on.**"):
        assert part in last


def test_every_exercise_belongs_to_a_chapter():
    stems = {p.stem for p in PATHS}
    assert {name.split("/")[0] for name in exercises.EXERCISES} <= stems


def test_every_notebook_is_in_the_table_of_contents():
    toc = (ROOT / "_toc.yml").read_text(encoding="utf-8")
    for path in PATHS:
        assert path.relative_to(ROOT).with_suffix("").as_posix() in toc


def test_the_repository_url_stands_in_one_place():
    """Other files may link to it, but only with the URL that _config.yml names."""
    url = CONFIG["repository"]["url"]
    owner_and_name = url.split("github.com/")[1]
    for name in ("README.md", "intro.md", "CITATION.cff", "CONTRIBUTING.md"):
        for link in re.findall(r"github\.com/([\w-]+/[\w-]+)", (ROOT / name).read_text(encoding="utf-8")):
            assert link == owner_and_name, f"{name} links to {link}"
