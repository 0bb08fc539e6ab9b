"""Questions that a page answers by itself: radio buttons and CSS, no script, no kernel."""

import html
import re
from dataclasses import dataclass

from howfar import checks

# `hidden` keeps an explanation out of sight where the style is lost, and from screen readers until its option is
# chosen. The colours of the bars have a contrast of at least 3 on white and on black; the words say the same.
STYLE = """
.howfar-quiz fieldset { border: 1px solid; border-color: color-mix(in srgb, currentColor 30%, transparent);
  border-radius: 6px; margin: 0 0 1em; padding: .4em .9em .6em; min-width: 0; }
.howfar-quiz legend { float: none; width: auto; font-size: 1em; font-weight: 600; padding: 0 .3em; margin: 0; }
.howfar-quiz .howfar-option { display: grid; grid-template-columns: auto 1fr; column-gap: .6em; align-items: center; }
.howfar-quiz input { width: 24px; height: 24px; margin: 4px 0; accent-color: currentColor; }
.howfar-quiz label { padding: .3em 0; min-height: 24px; margin: 0; cursor: pointer; }
.howfar-quiz input:focus-visible { outline: 2px solid; outline-offset: 2px; }
.howfar-quiz p.howfar-why { grid-column: 2; margin: 0 0 .5em; padding-left: .7em; border-left: 4px solid #8a7f2b; }
.howfar-quiz p.howfar-why[data-right] { border-left-color: #1a8a5a; }
.howfar-quiz .howfar-option input:checked ~ p.howfar-why { display: block !important; }
""".strip()


@dataclass(frozen=True)
class Option:
    """One of a question's answers: its text, why it is right or wrong (a sentence), and which."""

    text: str
    why: str
    right: bool = False


@dataclass(frozen=True)
class Question:
    """A question with two to five options, one of them right.

    Attributes
    ----------
    text : str
        Plain text; what stands between backticks is set as code. Mathematics in Unicode: a quiz is no place for TeX.
    options : tuple of Option

    Raises
    ------
    ValueError
        If a part is missing, TeX, or not exactly one option is right.
    """

    text: str
    options: tuple

    def __post_init__(self):
        _check_text("text", self.text)
        if not isinstance(self.options, tuple) or not all(isinstance(option, Option) for option in self.options):
            raise ValueError(f"options must be a tuple of Option, got {self.options!r}")
        checks.count("the number of options", len(self.options), least=2, most=5)
        for option in self.options:
            _check_text("an option's text", option.text)
            _check_text(f"why of {option.text!r}", option.why)
            checks.flag(f"right of {option.text!r}", option.right)
        if sum(option.right for option in self.options) != 1:
            raise ValueError(f"exactly one option must be right, got {sum(option.right for option in self.options)}")
        if len({option.text for option in self.options}) < len(self.options):
            raise ValueError(f"two options of {self.text!r} are the same")


def _check_text(name, text):
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"{name} must be a sentence, got {text!r}")
    if re.search(r"\$|\\[a-zA-Z]", text):
        raise ValueError(f"{name} must be plain text, with W₁ for TeX's W_1; got {text!r}")


class Quiz:
    """Questions as a page shows them; as text, they stand without their answers.

    Parameters
    ----------
    name : str
        Tells the radio buttons of one quiz from those of another on the same page: letters, digits, ``-`` and ``_``.
    questions : sequence of Question
    """

    def __init__(self, name, questions):
        if not isinstance(name, str) or not re.fullmatch(r"[\w-]+", name, flags=re.ASCII):
            raise ValueError(f"name must be letters, digits, - and _, got {name!r}")
        self.name, self.questions = name, tuple(questions)
        if not self.questions or not all(isinstance(question, Question) for question in self.questions):
            raise ValueError(f"questions must be a sequence of Question, got {questions!r}")

    def __repr__(self):
        lines = []
        for number, question in enumerate(self.questions, 1):
            lines.append(f"{number}. {question.text}")
            lines += [f"   {letter}) {option.text}" for letter, option in zip("abcde", question.options, strict=False)]
        return "\n".join(lines)

    def _repr_html_(self):
        questions = "".join(self._question(number, question) for number, question in enumerate(self.questions, 1))
        return f'<div class="howfar-quiz"><style>{STYLE}</style>{questions}</div>'

    def _question(self, number, question):
        group = f"howfar-quiz-{self.name}-{number}"
        options = ""
        for letter, option in zip("abcde", question.options, strict=False):
            said = "✓ Right." if option.right else "✗ No."
            options += (
                f'<div class="howfar-option"><input type="radio" name="{group}" id="{group}-{letter}">'
                f'<label for="{group}-{letter}">{_marked(option.text)}</label>'
                f'<p class="howfar-why"{" data-right" if option.right else ""} hidden>'
                f"<strong>{said}</strong> {_marked(option.why)}</p></div>"
            )
        legend = f"<legend>{number}. {_marked(question.text)}</legend>"
        return f'<fieldset>{legend}<div aria-live="polite">{options}</div></fieldset>'


def _marked(text):
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))
