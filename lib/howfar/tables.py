"""Results as tables: rounded, as HTML on a page and as text elsewhere."""

import html
import math
from numbers import Integral, Real

import numpy as np
import pandas as pd

from howfar import checks

MISSING = "–"


class Table:
    """What `table` returns: shown by a notebook as HTML, printed as text; the numbers stay in ``frame``.

    Attributes
    ----------
    frame : pandas.DataFrame
        The values, not rounded.
    """

    def __init__(self, frame, digits, caption):
        self.frame, self._digits, self._caption = frame, digits, caption

    def cells(self):
        """The rounded values, a DataFrame of strings."""
        out = {name: [_text(value, _of(self._digits, name)) for value in self.frame[name]] for name in self.frame}
        return pd.DataFrame(out, columns=self.frame.columns)

    def __repr__(self):
        text = self.cells().to_string(index=False) if len(self.frame) else f"no rows: {', '.join(self.frame)}"
        text = "\n".join(line.rstrip() for line in text.splitlines())
        return f"{self._caption}\n{text}" if self._caption else text

    def _repr_html_(self):
        numeric = [_is_numeric(self.frame[name]) for name in self.frame]
        head = "".join(_cell("th", name, right) for name, right in zip(self.frame, numeric, strict=True))
        body = "".join(
            "<tr>" + "".join(_cell("td", text, right) for text, right in zip(row, numeric, strict=True)) + "</tr>"
            for row in self.cells().itertuples(index=False)
        )
        caption = f"<caption>{html.escape(self._caption)}</caption>" if self._caption else ""
        # A wide table scrolls by itself, so that a phone doesn't scroll the page; a keyboard can reach it.
        label = html.escape(self._caption or "table", quote=True)
        return (
            f'<div class="howfar-table" role="region" aria-label="{label}" tabindex="0" style="overflow-x:auto">'
            f'<table class="dataframe">{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
        )


def table(rows, *, digits=3, caption=None):
    """Show results as a table.

    Parameters
    ----------
    rows : list of dicts, dict of columns, or pandas.DataFrame
        The keys are the headings. A DataFrame's index is left out: make it a column with ``reset_index()``.
    digits : int or dict
        How many significant digits numbers that aren't whole are rounded to: for all columns, or by heading (3 for
        those left out).
    caption : str, optional
        Stands above the table.

    Returns
    -------
    Table
        The last line of a notebook's cell shows it. True and False read yes and no, and what is missing –.

    Raises
    ------
    ValueError
        If the rows are no table, or ``digits`` names no column.

    Examples
    --------
    >>> table([{"encoding": "rotary", "error": 0.012345}, {"encoding": "learned", "error": 1.5}], digits=2)
    encoding error
      rotary 0.012
     learned   1.5
    """
    try:
        frame = pd.DataFrame(rows)
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"rows must be a list of dicts, a dict of columns or a DataFrame, got {rows!r}: {error}"
        ) from None
    frame.columns = [str(name) for name in frame.columns]
    if isinstance(digits, dict):
        unknown = [name for name in digits if name not in frame]
        if unknown:
            raise ValueError(f"digits names no column {unknown[0]!r}; the columns are {', '.join(frame)}")
        digits = {name: checks.count(f"digits[{name!r}]", value) for name, value in digits.items()}
    else:
        digits = checks.count("digits", digits)
    return Table(frame, digits, caption)


def _of(digits, name):
    return digits.get(name, 3) if isinstance(digits, dict) else digits


def _text(value, digits):
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    if value is None or value is pd.NA or value is pd.NaT:
        return MISSING
    if isinstance(value, Integral):
        return f"{int(value)}"
    if isinstance(value, Real):
        return _rounded(float(value), digits)
    return str(value)


def _rounded(value, digits):
    """Significant digits without trailing noise: 0.0123, 1.20, 12300, 1.2e-07."""
    if math.isnan(value):
        return MISSING
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if value == 0:
        return "0"
    exponent = int(f"{value:.{digits - 1}e}".split("e")[1])
    if -4 <= exponent < 6:
        return f"{round(value, digits - 1 - exponent):.{max(digits - 1 - exponent, 0)}f}"
    return f"{value:.{digits - 1}e}"


def _is_numeric(column):
    return all(isinstance(value, Real) and not isinstance(value, bool) for value in column.dropna()) and len(column) > 0


def _cell(tag, text, right):
    style = ' style="text-align:right"' if right else ' style="text-align:left"'
    return f"<{tag}{style}>{html.escape(str(text))}</{tag}>"
