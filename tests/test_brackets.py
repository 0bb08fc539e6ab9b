"""Bracket words: what counts, what doesn't, and what is recorded."""

import json
import platform
import sysconfig
from pathlib import Path

import pytest

from howfar import data_path
from howfar.dyck import source_code


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("f(x[0])\n", ["([])"]),
        ("x = 1\n", []),
        ("", []),
        ("a = (1,\n     [2])\nb = {}\n", ["([])", "{}"]),
        ("print('(', \"]\", '''{\n(''')  # ([{\n", ["()"]),
        ("f(1); g[2]\n", ["()[]"]),
        ("def f(a: list[int]) -> dict[str, int]:\n    return {}\n", ["([])[]", "{}"]),
        ("x = f'{d[(1)]} {a!r}' + g(1)\n", ["()"]),
        ("x = f'{f(f\"{h(1)}\")}' + g[0]\n", ["[]"]),
        ("f(1)", ["()"]),
    ],
)
def test_words(source, words):
    if 'f\\"' in source or 'f"' in source:
        try:
            compile(source, "source", "exec")
        except SyntaxError:
            pytest.skip("this Python doesn't allow the nested f-string")
    assert source_code.bracket_words(source) == words


@pytest.mark.parametrize("source", ["f((1)\n", "x = ']' + )\n", "f(]\n"])
def test_source_that_is_not_python_is_refused(source):
    with pytest.raises(SyntaxError):
        source_code.bracket_words(source)


def test_heights_and_depth():
    assert source_code.heights("([]){}") == [1, 2, 1, 0, 1, 0]
    assert source_code.depth("([]){}") == 2
    assert source_code.heights("") == [] and source_code.depth("") == 0


@pytest.mark.parametrize(
    ("word", "error"), [("(", SyntaxError), (")", SyntaxError), ("(]", SyntaxError), ("(a)", ValueError)]
)
def test_bad_words_are_named(word, error):
    with pytest.raises(error, match=r"open|index"):
        source_code.heights(word)


def test_extract_reads_a_tree(tmp_path):
    (tmp_path / "pkg" / "tests").mkdir(parents=True)
    (tmp_path / "pkg" / "a.py").write_text("f(1)\n")
    (tmp_path / "pkg" / "empty.py").write_text("")
    (tmp_path / "pkg" / "latin.py").write_bytes(b"# -*- coding: latin-1 -*-\ns = '\xe9'; g[0]\n")
    (tmp_path / "pkg" / "broken.py").write_text("f((\n")
    (tmp_path / "pkg" / "tests" / "b.py").write_text("f(1)\n")
    files, skipped = source_code.extract(tmp_path)
    assert files == {"pkg/a.py": ["()"], "pkg/empty.py": [], "pkg/latin.py": ["[]"]}
    assert list(skipped) == ["pkg/broken.py"] and "SyntaxError" in skipped["pkg/broken.py"]
    assert source_code.extract(tmp_path / "pkg" / "a.py")[0] == {"a.py": ["()"]}


def test_what_cannot_be_opened_is_skipped_with_its_reason(tmp_path):
    (tmp_path / "a.py").write_text("f(1)\n")
    (tmp_path / "dangling.py").symlink_to(tmp_path / "gone.py")
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "folder.py" / "b.py").write_text("g[0]\n")
    files, skipped = source_code.extract(tmp_path)
    assert files == {"a.py": ["()"], "folder.py/b.py": ["[]"]}
    assert skipped == {
        "dangling.py": "FileNotFoundError: No such file or directory",
        "folder.py": "IsADirectoryError: Is a directory",
    }


def test_extract_of_nothing(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        source_code.extract(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (source_code.bracket_words, "source"),
        (source_code.heights, "word"),
        (source_code.depth, "word"),
        (source_code.extract, "root"),
    ],
)
@pytest.mark.parametrize("bad", [None, 3, ["()"]])
def test_what_is_no_text_is_refused(call, name, bad):
    with pytest.raises(ValueError, match=f"^{name} must be"):
        call(bad)


def test_recorded_packages_are_dyck_words_with_provenance():
    assert {"asyncio", "json", "tkinter", "modules"} <= set(source_code.packages())
    for package in source_code.packages():
        record = json.loads(data_path("brackets", f"{package}.json").read_text(encoding="utf-8"))
        assert record["source"].startswith("CPython 3.") and record["script"] and record["licence"]
        for words in source_code.load(package).values():
            for word in words:
                assert source_code.heights(word)[-1] == 0
    assert data_path("brackets", "LICENSE").read_text(encoding="utf-8").count("PYTHON SOFTWARE FOUNDATION LICENSE") > 0


def test_unknown_package_lists_those_there():
    with pytest.raises(ValueError, match="asyncio"):
        source_code.load("nope")


@pytest.mark.parametrize("package", ["json", "tomllib"])
def test_the_recording_is_what_this_python_gives(package):
    source = json.loads(data_path("brackets", f"{package}.json").read_text(encoding="utf-8"))["source"]
    if platform.python_version() not in source:
        pytest.skip(f"recorded from {source.split(',')[0]}, this is {platform.python_version()}")
    assert source_code.extract(Path(sysconfig.get_path("stdlib")) / package)[0] == source_code.load(package)
