"""The languages: complete, whole, and chosen by whoever reads."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain

import pytest
from babel.messages.catalog import Message

from api.operators.samples import SAMPLES, preview, sample
from api.people.readers import region_of, wanted
from api.people.telling import STATUSES, failure_told, phrase
from api.problems.errors import ApiError, NeedsOperator, NotFound
from api.problems.table import PROBLEMS
from handover.models import Choice, ResponseType, Status
from templates import LANGUAGES, Reader
from templates.catalogs import FOLDER, catalog, translations
from templates.extraction import ROOMS, ROOT, TRANSLATIONS, extracted, missing, updated
from tests.languages import Page, english_left
from workflows.sentences import N_, Sentence

PLACE = re.compile(r"%(?:\(\w+\))?[^ ]?")
GERMAN = Reader("de", "Europe/Berlin")


def forms(message: Message) -> list[str]:
    """Its translations: as many as the language has plurals, where it has a plural."""
    return texts_of(message.string or "")


def ids(message: Message) -> list[str]:
    return texts_of(message.id)


def texts_of(said: str | Sequence[str]) -> list[str]:
    """One, or as many as there are plurals."""
    return [said] if isinstance(said, str) else list(said)


def translated(language: str) -> Iterator[Message]:
    return (message for message in catalog(language) if message.id)


def test_there_is_a_catalog_for_each_language() -> None:
    """And none for a language that nobody can have."""
    assert {path.stem for path in FOLDER.glob("*.po")} == {*TRANSLATIONS} == {*LANGUAGES} - {"en"}


@pytest.mark.parametrize("language", TRANSLATIONS)
def test_no_text_is_without_a_translation(language: str) -> None:
    """Every text that the sources mark is in the catalog, in full and certain."""
    assert missing(language) == []


@pytest.mark.parametrize("language", TRANSLATIONS)
def test_a_catalog_is_as_make_languages_writes_it(language: str) -> None:
    """Sorted, with nothing that no source says any more, and nothing of the machine or the day."""
    text = (FOLDER / f"{language}.po").read_text(encoding="utf-8")
    assert text == updated(language)
    assert "Date:" not in text
    assert not re.search(r"^#: .*(?::[0-9]|\.\.|\s/)", text, re.MULTILINE)


@pytest.mark.parametrize("language", TRANSLATIONS)
def test_a_translation_is_whole(language: str) -> None:
    """As many forms as the language has, the places of the original, and no more HTML than it."""
    plurals = catalog(language).num_plurals
    for message in translated(language):
        originals, given = ids(message), forms(message)
        assert not message.fuzzy, originals
        assert len(given) == (plurals if len(originals) > 1 else 1), originals
        places = [Counter(PLACE.findall(text)) for text in originals]
        for form in given:
            assert form.strip() == form != "", originals
            assert Counter(PLACE.findall(form)) in places, (originals, form)
            tags = Counter(re.findall(r"[<>&]", form))
            assert tags <= Counter(re.findall(r"[<>&]", max(originals, key=len))), form


def test_french_spaces_do_not_break() -> None:
    """What stands before : ; ! ? and inside quotes stays on its line."""
    for form in chain.from_iterable(map(forms, translated("fr"))):
        assert not re.search(r" [:;!?»]|« |\w[;!?»](?:\s|$)|[\w)»]:(?:\s|$)", form), form


def test_every_way_of_saying_something_is_collected() -> None:
    """From Python and from templates, marked or told, one or several."""
    found = {tuple(ids(message)) for message in extracted()}
    assert {
        ("Choose one of: %(choices)s.",),
        ("Your answer is recorded.",),
        ("%(n)s byte", "%(n)s bytes"),
        ("Approval needed: %(action)s",),
        ("There is nothing for you to do.",),
    } <= found


def test_nothing_is_said_where_the_collector_does_not_look() -> None:
    """Before Python 3.12 an f-string is one word to it, and what is said in there is lost."""
    said = {"gettext", "ngettext", "N_", "_", "say"}
    for path in chain.from_iterable((ROOT / room).rglob("*.py") for room in ROOMS):
        for string in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(string, ast.JoinedStr):
                calls = (node for node in ast.walk(string) if isinstance(node, ast.Call))
                names = {getattr(call.func, "attr", getattr(call.func, "id", "")) for call in calls}
                assert not names & said, f"{path.name}:{string.lineno}"


@pytest.mark.parametrize("message", SAMPLES)
@pytest.mark.parametrize("language", TRANSLATIONS)
def test_a_mail_is_in_one_language(message: str, language: str) -> None:
    """None of our words in it is English, in any of its parts, and it says which it is in."""
    english, other = preview(message, "en"), preview(message, language)
    theirs = str(sample(message)).replace("\\n", " ")
    texts, page = Page(english.html), Page(other.html)
    assert (texts.language, page.language) == ("en", language)
    assert other.subject != english.subject
    assert english_left(texts.texts, page.texts, language, theirs) == set()
    assert english_left(ours(english.text), ours(other.text), language, theirs) == set()


def ours(mail: str) -> list[str]:
    """The lines of a mail's plain text in which nothing is quoted."""
    return [line for line in mail.split("\n") if not line.startswith((">", "http"))]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", PROBLEMS)
def test_every_problem_can_be_told_on_a_page(code: str, language: str) -> None:
    """By its code, in the reader's language, and never in the words that are for programs."""
    error = ApiError("response_data.x: send a `Wombat` header.", code=code)
    headline, explanation = failure_told(error, Reader(language))
    assert headline
    assert explanation.endswith(".")
    assert "Wombat" not in explanation
    if language != "en":
        assert (headline, explanation) != failure_told(error, Reader("en"))


def test_what_only_an_operator_can_change_is_told_with_its_reason() -> None:
    """And an error whose sentence is for people with that sentence."""
    stuck = NeedsOperator("No key fits.")
    assert failure_told(stuck, Reader())[1].endswith("Tell them: No key fits.")
    assert failure_told(stuck, GERMAN)[1].endswith("No key fits.")
    ours = NotFound(N_("This link is not complete, or it is not ours."))
    assert failure_told(ours, Reader())[1] == "This link is not complete, or it is not ours."
    assert failure_told(ours, GERMAN)[1] == translations("de").gettext(ours.error)


@pytest.mark.parametrize(
    ("sentence", "english", "german"),
    [
        (
            Sentence(N_("Give a number from %(least)s to %(most)s."), {"least": 0.5, "most": 1e6}),
            "Give a number from 0.5 to 1,000,000.",
            "Geben Sie eine Zahl von 0,5 bis 1.000.000 an.",
        ),
        (
            Sentence(N_("Choose one of: %(choices)s."), {"choices": ["UPS", "\u202eLHD"]}),
            "Choose one of: UPS, ⟨U+202E⟩LHD.",
            "Wählen Sie eines von: UPS, ⟨U+202E⟩LHD.",
        ),
        (
            Sentence(
                N_("This answer was not offered; offered are: %(offered)s."),
                {"offered": (Choice.DENY, Choice.APPROVE)},
            ),
            "This answer was not offered; offered are: Decline, Confirm.",
            "Diese Antwort stand nicht zur Wahl; zur Wahl stehen: Verneinen, Bestätigen.",
        ),
        (
            Sentence(N_("The decision is already %(status)s."), {"status": Status.MODIFIED}),
            "The decision is already approved with changes.",
            "Die Entscheidung ist bereits gefallen: mit Änderungen freigegeben.",
        ),
        (
            Sentence(
                "%(file)s: %(why)s",
                {"file": "a%s.exe", "why": Sentence(N_("Programs and scripts are not taken."))},
            ),
            "a%s.exe: Programs and scripts are not taken.",
            "a%s.exe: Programme und Skripte werden nicht angenommen.",
        ),
    ],
)
def test_a_sentence_is_told_by_the_words_of_the_page(
    sentence: Sentence, english: str, german: str
) -> None:
    """Numbers as the reader writes them, choices as the buttons say them, hidden letters shown."""
    type = ResponseType(type="confirm")
    assert phrase(sentence, Reader(), type) == english
    assert phrase(sentence, GERMAN, type) == german


def test_every_status_has_a_word() -> None:
    """Also for sentences."""
    assert set(STATUSES) == set(Status)


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("de-CH", "de"),
        ("DE-at, en;q=0.5", "de"),
        ("fr;q=0.9, en;q=0.8", "fr"),
        ("en;q=0.8, fr;q=0.9", "fr"),
        ("en; q=0.2 , de; q=0.3", "de"),
        ("ja, de;q=0.1", "de"),
        ("en-GB, de", "en"),
        ("fr;q=0, de;q=0.001", "de"),
        ("", None),
        ("*", None),
        ("ja, *;q=0.5", None),
        ("de;q=0", None),
        ("de;q=much", None),
        ("de;q=nan", None),
        (";;;,,,;q=,=", None),
        ("\x00\xff../../de", None),
        ("x" * 100_000, None),
        (", " * 50_000 + "de", None),
    ],
)
def test_a_browser_is_asked_for_its_language(header: str, language: str | None) -> None:
    """The best that we have of what it names; None where it names nothing that we have."""
    assert wanted(header) == language


@pytest.mark.parametrize(
    ("language", "header", "region", "locale"),
    [
        ("de", "de-CH,de;q=0.9,en;q=0.8", "CH", "de_CH"),
        ("de", "en-US,en;q=0.9,de-AT;q=0.5", "AT", "de_AT"),
        ("en", "de-CH, en-GB;q=0.8, en-US;q=0.9", "US", "en_US"),
        ("en", "de-DE,de", None, "en"),
        ("fr", "fr-Latn-CA", "CA", "fr_CA"),
        ("de", "de-1996", None, "de"),
        ("de", "de-XX", "XX", "de"),
        ("en", "en-150", "150", "en_150"),
        ("en", "en-../../etc", None, "en"),
        ("en", "", None, "en"),
    ],
)
def test_a_region_is_that_of_the_language_that_is_read(
    language: str, header: str, region: str | None, locale: str
) -> None:
    """As the browser names it; where nobody knows how they write there, the language alone."""
    found = region_of(language, header)
    assert (found, str(Reader(language, region=found).locale)) == (region, locale)
