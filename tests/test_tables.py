"""Results as tables: rounding, what is missing, HTML that cannot be broken, and refusals."""

import numpy as np
import pandas as pd
import pytest

import howfar

ROWS = [{"encoding": "rotary", "error": 0.0123456}, {"encoding": "learned", "error": 1.5}]


@pytest.mark.parametrize("rows", [ROWS, pd.DataFrame(ROWS), pd.DataFrame(ROWS).to_dict("list")])
def test_one_table_from_each_kind_of_rows(rows):
    shown = howfar.table(rows, digits=2)
    assert repr(shown).split() == ["encoding", "error", "rotary", "0.012", "learned", "1.5"]
    assert "0.012</td>" in shown._repr_html_()
    assert shown.frame["error"][0] == 0.0123456


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (1234567.0, "1.23e+06"),
        (123456.0, "123000"),
        (99.96, "100"),
        (9.996, "10.0"),
        (0.00012345, "0.000123"),
        (1.2345e-7, "1.23e-07"),
        (-0.5, "-0.500"),
        (7, "7"),
        (np.int64(12345678), "12345678"),
        (np.float32(0.1), "0.100"),
        (float("nan"), "–"),
        (None, "–"),
        (float("-inf"), "-∞"),
        (True, "yes"),
        (np.False_, "no"),
        ("1.23456", "1.23456"),
    ],
)
def test_how_a_value_is_shown(value, text):
    frame = pd.DataFrame({"x": pd.Series([value], dtype=object)})
    assert howfar.table(frame).cells()["x"].tolist() == [text]


def test_digits_by_column():
    shown = howfar.table([{"a": 1.23456, "b": 1.23456}], digits={"a": 5})
    assert shown.cells().iloc[0].tolist() == ["1.2346", "1.23"]
    with pytest.raises(ValueError, match="digits names no column 'c'; the columns are a, b"):
        howfar.table([{"a": 1, "b": 2}], digits={"c": 1})


def test_html_is_escaped_and_scrolls_by_itself():
    page = howfar.table([{"<b>": "<script>"}], caption='a "caption"')._repr_html_()
    assert "<script>" not in page and "<b>" not in page
    assert "overflow-x:auto" in page and 'tabindex="0"' in page and "<caption>a &quot;caption&quot;</caption>" in page


def test_nothing_to_show():
    assert repr(howfar.table([])) == "no rows:"
    assert "<tbody></tbody>" in howfar.table([])._repr_html_()


@pytest.mark.parametrize("rows", [5, {"a": [1], "b": [1, 2]}])
def test_what_is_no_table_is_refused(rows):
    with pytest.raises(ValueError, match="rows must be a list of dicts"):
        howfar.table(rows)


@pytest.mark.parametrize("digits", [0, 1.5, None])
def test_digits_are_checked(digits):
    with pytest.raises(ValueError, match="digits must be a positive integer"):
        howfar.table(ROWS, digits=digits)
