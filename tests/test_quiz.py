"""Quizzes: one right option, a reason for each, and a page that answers without a script."""

import dataclasses
import os
import shutil
from html.parser import HTMLParser

import pytest

import howfar
from howfar import exercises
from howfar.exercises import Option, Question, Quiz

CHROMIUM = next((p for p in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if p), None)
RIGHT, WRONG = Option("2 < 3", "Two is `less`.", True), Option("3 < 2", "Three is more.")
QUESTION = Question("Which is `true` & simple?", (WRONG, RIGHT))


@pytest.mark.parametrize("chapter", exercises.QUIZZES)
def test_a_chapters_quiz_has_three_to_five_questions(chapter):
    assert chapter in exercises.CHAPTERS
    assert 3 <= len(exercises.QUIZZES[chapter]) <= 5
    assert len({question.text for question in howfar.quiz(chapter).questions}) == len(exercises.QUIZZES[chapter])


def test_the_right_options_do_not_all_stand_at_one_place():
    for chapter, questions in exercises.QUIZZES.items():
        places = {[option.right for option in question.options].index(True) for question in questions}
        assert len(places) > 1, chapter


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"options": (WRONG, WRONG)}, "exactly one option must be right, got 0"),
        ({"options": (RIGHT, dataclasses.replace(WRONG, right=True))}, "exactly one option must be right, got 2"),
        ({"options": (RIGHT,)}, "number of options"),
        ({"options": (RIGHT, *(Option(str(i), "No.") for i in range(5)))}, "number of options"),
        ({"options": [RIGHT, WRONG]}, "tuple of Option"),
        ({"options": (RIGHT, "3 < 2")}, "tuple of Option"),
        ({"options": (RIGHT, dataclasses.replace(RIGHT, right=False))}, "are the same"),
        ({"options": (RIGHT, Option("3 < 2", " "))}, "why of '3 < 2'"),
        ({"options": (RIGHT, Option("", "No."))}, "an option's text"),
        ({"options": (RIGHT, Option("3 < 2", "No.", right=0))}, "right of"),
        ({"text": "Is $W_1$ large?"}, "plain text"),
        ({"text": r"Is \mu large?"}, "plain text"),
        ({"text": None}, "text must be a sentence"),
    ],
)
def test_a_broken_question_is_refused(parts, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(QUESTION, **parts)


def test_a_broken_quiz_is_refused():
    for name, questions in (("a b", [QUESTION]), ("a", []), ("a", [RIGHT]), (3, [QUESTION])):
        with pytest.raises(ValueError, match="must be"):
            Quiz(name, questions)
    with pytest.raises(ValueError, match=r"no quiz for chapter 'nope'; there are: .*line"):
        howfar.quiz("nope")


def test_as_text_a_quiz_keeps_its_answers_to_itself():
    assert repr(Quiz("test", [QUESTION])) == "1. Which is `true` & simple?\n   a) 3 < 2\n   b) 2 < 3"


class Tags(HTMLParser):
    """The tags of a page with their attributes, and the text inside each."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.open = [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes), []))
        if tag != "input":
            self.open.append(self.tags[-1])

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, text):
        for _, _, words in self.open:
            words.append(text)

    def all(self, tag):
        return [(attributes, "".join(words)) for name, attributes, words in self.tags if name == tag]


def test_as_html_each_option_is_a_labelled_button_with_a_hidden_reason():
    page = Tags(Quiz("test", [QUESTION, dataclasses.replace(QUESTION, text="Again?")])._repr_html_())
    assert not page.open and not page.all("script")
    assert [text for _, text in page.all("legend")] == ["1. Which is true & simple?", "2. Again?"]
    buttons = [attributes for attributes, _ in page.all("input")]
    assert len({button["id"] for button in buttons}) == 4
    assert [button["name"] for button in buttons] == ["howfar-quiz-test-1"] * 2 + ["howfar-quiz-test-2"] * 2
    assert all(button["type"] == "radio" and "checked" not in button for button in buttons)
    labels = page.all("label")
    assert [attributes["for"] for attributes, _ in labels] == [button["id"] for button in buttons]
    assert [text for _, text in labels[:2]] == ["3 < 2", "2 < 3"]
    reasons = page.all("p")
    assert all("hidden" in attributes for attributes, _ in reasons)
    assert [text for _, text in reasons[:2]] == ["✗ No. Three is more.", "✓ Right. Two is less."]
    assert "<code>less</code>" in Quiz("test", [QUESTION])._repr_html_()


@pytest.fixture
def page():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser.new_page(viewport={"width": 360, "height": 800})
        browser.close()


@pytest.mark.skipif(CHROMIUM is None and "CI" not in os.environ, reason="no Chromium on this machine")
def test_in_a_browser_the_chosen_options_reason_shows(page):
    # The site's theme has this rule; it must not win.
    page.set_content(f"<style>[hidden] {{display: none !important}}</style>{howfar.quiz('line')._repr_html_()}")
    reasons = page.locator("p.howfar-why")
    assert not any(reasons.nth(i).is_visible() for i in range(reasons.count()))
    for i in (1, 0):  # the second choice hides the reason of the first
        page.locator("label").nth(i).click()
        shown = [j for j in range(reasons.count()) if reasons.nth(j).is_visible()]
        assert shown == [i]
    for place in ("input", "label"):
        for box in (page.locator(place).nth(i).bounding_box() for i in range(3)):
            assert box["width"] >= 24 and box["height"] >= 24
    page.locator("input").nth(3).focus()
    page.keyboard.press("ArrowDown")
    assert reasons.nth(4).is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
