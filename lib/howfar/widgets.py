"""Interactive figures that need no kernel: every frame is drawn beforehand and travels inside the page."""

import base64
import hashlib
import html
import itertools
import json
import zlib

import matplotlib.pyplot as plt

from howfar.environment import is_interactive
from howfar.plotting import svg

MAX_BYTES = 100_000
MAX_FRAMES = 200


def explorer(draw, *, alt, **values):
    """An interactive figure for the given values: one piece of HTML that works without a kernel or a network.

    The page shows the first frame at once, without any script. Each keyword becomes a control: a slider when its
    values are numbers, a row of buttons otherwise; both work from the keyboard. Where a person sits at a live kernel
    (Jupyter, Colab) a folded panel below offers the values in between.

    Parameters
    ----------
    draw : callable
        ``draw(**values)`` returns a matplotlib figure.
    alt : str or callable
        What the figure shows, for readers who don't see it: a text, or ``alt(**values)`` returning one for each frame.
    **values : sequence
        For each argument of ``draw``, the values to offer, the one to show first at the front. Every combination is
        drawn.

    Returns
    -------
    Explorer
        Displays itself in a notebook; ``.html`` is the piece of HTML.

    Raises
    ------
    ValueError
        If there is no control, a control without values, more than 200 frames, or more than 100 kB of HTML.
    TypeError
        If ``draw`` doesn't return a matplotlib figure.
    """
    values = {name: list(choices) for name, choices in values.items()}
    if not values or not all(values.values()):
        empty = [name for name, choices in values.items() if not choices]
        raise ValueError(f"explorer needs at least one value for each control, got none for {empty or 'any'}")
    starts = {name: choices[0] for name, choices in values.items()}
    values = {name: sorted(c) if _numeric(c) else c for name, c in values.items()}
    combinations = [dict(zip(values, c, strict=True)) for c in itertools.product(*values.values())]
    if len(combinations) > MAX_FRAMES:
        raise ValueError(f"explorer draws every combination: {len(combinations)} frames, at most {MAX_FRAMES} allowed")
    frames = [svg(draw(**c)) for c in combinations]
    texts = [alt(**c) if callable(alt) else alt for c in combinations]
    page = _page(values, starts, combinations, frames, texts)
    if len(page) > MAX_BYTES:
        raise ValueError(
            f"explorer made {len(page)} bytes of HTML, at most {MAX_BYTES} allowed: draw fewer points or frames"
        )
    return Explorer(page, draw, values, starts)


class Explorer:
    """What `explorer` returns: ``.html`` for any page, and a display that adds live controls where a kernel is live."""

    def __init__(self, page, draw, values, starts):
        self.html, self._draw, self._values, self._starts = page, draw, values, starts

    def _repr_html_(self):
        return self.html

    def _ipython_display_(self):
        from IPython.display import HTML, display

        display(HTML(self.html))
        if is_interactive():
            display(self.live())

    def live(self):
        """The ipywidgets panel (folded): the same controls, with the values in between for numbers."""
        import ipywidgets

        controls = {name: _live_control(name, c, self._starts[name]) for name, c in self._values.items()}
        output = ipywidgets.interactive_output(self._show, controls)
        panel = ipywidgets.Accordion([ipywidgets.VBox([*controls.values(), output])], selected_index=None)
        panel.set_title(0, "Values in between (live)")
        return panel

    def _show(self, **values):
        from IPython.display import display

        figure = self._draw(**values)
        display(figure)
        plt.close(figure)


def _numeric(choices):
    return all(isinstance(c, (int, float)) and not isinstance(c, bool) for c in choices)


def _live_control(name, choices, start):
    import ipywidgets

    if not _numeric(choices):
        return ipywidgets.ToggleButtons(options=choices, value=start, description=_label(name))
    if all(isinstance(c, int) for c in choices):
        return ipywidgets.IntSlider(start, min(choices), max(choices), description=_label(name))
    span = max(choices) - min(choices)
    return ipywidgets.FloatSlider(start, min=min(choices), max=max(choices), step=span / 100, description=_label(name))


def _data_uri(text):
    return "data:image/svg+xml;base64," + base64.b64encode(text.encode()).decode()


def _label(name):
    return name.replace("_", " ")


def _text(value):
    return f"{value:g}" if isinstance(value, float) else str(value)


def _page(values, starts, combinations, frames, texts):
    first = combinations.index(starts)
    packed = base64.b64encode(zlib.compress(json.dumps(_share_lines(frames) | {"texts": texts}).encode(), 9)).decode()
    key = "howfar-" + hashlib.sha256(packed.encode()).hexdigest()[:10]
    controls = "".join(_control(key, name, choices, starts[name]) for name, choices in values.items())
    sizes = [len(choices) for choices in values.values()]
    script = _SCRIPT % {"key": key, "sizes": json.dumps(sizes), "packed": packed}
    return (
        f'<div id="{key}" class="howfar-explorer" role="group" aria-label="Interactive figure" '
        'style="max-width:560px">'
        f'<img src="{_data_uri(frames[first])}" alt="{html.escape(texts[first], quote=True)}" '
        'style="width:100%;height:auto;display:block;filter:none">'
        f'<div class="howfar-controls" hidden style="font:.9rem sans-serif">{controls}</div>'
        "<noscript><p>With scripts on, controls below this figure change it.</p></noscript></div>"
        f"<script>{script}</script>"
    )


def _share_lines(frames):
    """The frames as one list of distinct lines and, for each frame, which of them it holds.

    All frames of one explorer are nearly the same text, but each is longer than the compressor's window.
    """
    number = {}
    held = [[number.setdefault(line, len(number)) for line in frame.split("\n")] for frame in frames]
    return {"lines": list(number), "frames": held}


def _control(key, name, choices, start):
    identity, label = f"{key}-{name}", html.escape(_label(name))
    names = html.escape(json.dumps([_text(c) for c in choices]), quote=True)
    at = choices.index(start)
    if _numeric(choices):
        return (
            f'<p style="margin:.3rem 0;display:flex;gap:.6rem;align-items:center">'
            f'<label for="{identity}">{label}</label>'
            f'<input type="range" id="{identity}" data-names="{names}" min="0" max="{len(choices) - 1}" step="1" '
            f'value="{at}" aria-valuetext="{html.escape(_text(start))}" style="flex:1">'
            f'<output for="{identity}" style="min-width:3em">{html.escape(_text(start))}</output></p>'
        )
    buttons = "".join(
        f'<label style="margin-right:.9rem"><input type="radio" name="{identity}" value="{i}"'
        f"{' checked' if i == at else ''}> {html.escape(_text(choice))}</label>"
        for i, choice in enumerate(choices)
    )
    return (
        f'<fieldset data-names="{names}" style="border:0;padding:0;margin:.3rem 0">'
        f'<legend style="float:left;margin:0 .6rem 0 0;padding:0;font-size:inherit;width:auto">{label}</legend>'
        f"{buttons}</fieldset>"
    )


# Unpacks the frames (all current browsers know DecompressionStream) and swaps the picture. Where that fails the first
# frame stays and the controls stay hidden: nothing on the page looks alive that isn't.
_SCRIPT = """(async () => {
  const root = document.getElementById("%(key)s");
  if (!root || root.dataset.ready || typeof DecompressionStream === "undefined") return;
  root.dataset.ready = "1";
  const bytes = Uint8Array.from(atob("%(packed)s"), c => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const {lines, frames, texts} = JSON.parse(await new Response(stream).text());
  const sizes = %(sizes)s, picture = root.querySelector("img");
  const controls = [...root.querySelectorAll("input[type=range], fieldset")];
  const at = c => +(c.matches("fieldset") ? c.querySelector("input:checked").value : c.value);
  const show = () => {
    const frame = controls.reduce((sum, c, i) => sum * sizes[i] + at(c), 0);
    const svg = frames[frame].map(i => lines[i]).join("\\n");
    picture.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(svg);
    picture.alt = texts[frame];
    for (const c of controls) if (c.matches("input")) {
      const name = JSON.parse(c.dataset.names)[c.value];
      c.setAttribute("aria-valuetext", name);
      c.nextElementSibling.textContent = name;
    }
  };
  controls.forEach(c => c.addEventListener("input", show));
  root.querySelector(".howfar-controls").hidden = false;
})();"""
