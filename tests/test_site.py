"""Every page of the built site, in headless Chromium: no console error, no request that leaves the machine."""

import functools
import http.server
import os
import re
import shutil
import threading
from pathlib import Path
from urllib.parse import unquote

import pytest

SITE = Path(__file__).resolve().parents[1] / "_build" / "html"
CHROMIUM = next((p for p in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if p), None)
PAGES = sorted(p.relative_to(SITE).as_posix() for p in SITE.rglob("*.html") if "_static" not in p.parts)
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-domain-reliability",
]  # fmt: skip

pytestmark = [
    pytest.mark.skipif(not SITE.is_dir(), reason="no built site: run make book first"),
    pytest.mark.skipif(CHROMIUM is None and "CI" not in os.environ, reason="no Chromium on this machine"),
]


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves the site without a line for each request."""

    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def address():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=SITE))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser, address):
    """A page that notes what it asks for and what it complains of."""
    page = browser.new_page()
    page.faults, page.away = [], []
    page.on("console", lambda m: page.faults.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.on("requestfailed", lambda r: page.faults.append(f"failed: {r.url}"))
    page.on("response", lambda r: page.faults.append(f"{r.status}: {r.url}") if r.status >= 400 else None)

    def route(route):
        if route.request.url.startswith(address):
            route.continue_()
        else:
            page.away.append(route.request.url)
            route.abort()

    page.route(re.compile("^(http|ws)"), route)
    yield page
    page.close()


READY = """() => !document.querySelector('meta[http-equiv="Refresh" i]') && document.readyState === "complete"
  && document.querySelectorAll("mjx-container").length >= document.querySelectorAll("span.math, div.math").length"""


def visit(page, address, name):
    """Load a page and wait until a redirect is followed, formulas are set and interactive figures are ready."""
    page.goto(f"{address}/{name}", wait_until="load")
    page.wait_for_function(READY)
    for explorer in page.locator(".howfar-explorer .howfar-controls").all():
        explorer.wait_for(state="visible")


def test_links_within_the_site_lead_somewhere():
    broken = []
    for file in map(SITE.joinpath, PAGES):
        for target in re.findall(r'(?:href|src)="([^"#?<]+)[^"]*"', file.read_text(encoding="utf-8")):
            if not re.match(r"[a-z]+:|//", target) and not (file.parent / unquote(target)).exists():
                broken.append(f"{file.relative_to(SITE)}: {target}")
    assert not broken


def test_the_site_has_its_pages():
    assert {"intro.html", "chapters/transport/line.html", "chapters/appendix/api.html"} <= set(PAGES)


@pytest.mark.parametrize("name", PAGES)
def test_page_is_clean_and_stays_here(page, address, name):
    visit(page, address, name)
    assert page.locator("mjx-merror").count() == 0
    text = page.locator("article.bd-article").inner_text() if name.startswith("chapters/") else ""
    assert not re.search(r"^:::|\{(prf:ref|cite|ref|numref)\b|<Figure size", text, flags=re.M), "left raw"
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360, "wider than a phone"
    page.wait_for_timeout(100)
    assert page.away == []
    assert page.faults == []


PROSE = """() => {
  const page = document.querySelector("article.bd-article").cloneNode(true);
  page.querySelectorAll("pre, code, mjx-container, .howfar-controls, script, style").forEach(e => e.remove());
  return page.textContent;
}"""


@pytest.mark.parametrize("name", [p for p in PAGES if p.startswith("chapters/") or p == "intro.html"])
def test_no_formula_is_left_raw(page, address, name):
    """A formula that Markdown took apart shows its dollars or commands as text; MathJax reports no error."""
    visit(page, address, name)
    raw = re.findall(r".{0,40}(?:\$|\\[a-zA-Z]{2,}).{0,40}", page.evaluate(PROSE))
    assert not raw, f"raw TeX: {raw[0]!r}"


@pytest.mark.parametrize("name", [p for p in PAGES if p.startswith("chapters/")])
def test_explorers_move_by_keyboard(page, address, name):
    visit(page, address, name)
    explorers = page.locator(".howfar-explorer")
    if name == "chapters/transport/line.html":
        assert explorers.count() == 1
    for explorer in explorers.all():
        explorer.locator(".howfar-controls").wait_for(state="visible")
        image = explorer.locator("img")
        for control in explorer.locator("input[type=range]").all():
            before = image.get_attribute("src"), image.get_attribute("alt")
            control.focus()
            page.keyboard.press("ArrowRight" if control.input_value() != control.get_attribute("max") else "ArrowLeft")
            assert image.get_attribute("src") != before[0]
            assert image.evaluate("i => i.decode().then(() => i.naturalWidth)") > 0
            assert control.get_attribute("aria-valuetext") == control.locator("+ output").inner_text()


def test_explorer_shows_its_first_frame_without_scripts(browser, address):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/chapters/transport/line.html")
    image = page.locator(".howfar-explorer img")
    assert image.is_visible() and image.bounding_box()["height"] > 100
    assert page.locator(".howfar-controls").is_hidden()
    context.close()
