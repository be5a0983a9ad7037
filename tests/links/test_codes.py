"""The six digits: the same for everybody who has the key, and for nobody else."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from links import Codes

OLD, NEW = "old" * 12, "new" * 12
names = st.text(min_size=1, max_size=40)


@given(names)
def test_a_code_is_six_digits_and_holds(code_id: str) -> None:
    """Also with the space or the dash that people put in the middle."""
    codes = Codes([NEW, OLD])
    code = codes.of(code_id)
    assert len(code) == 6
    assert code.isdecimal()
    for typed in (code, f"{code[:3]} {code[3:]}", f" {code[:3]}-{code[3:]}\n"):
        assert codes.holds(typed, code_id)


@given(names, st.text(max_size=10))
def test_nothing_else_holds(code_id: str, typed: str) -> None:
    """Whatever is typed: nothing at all, the code and more, the code between other characters."""
    codes = Codes([NEW])
    right = codes.of(code_id)
    for wrong in (
        "",
        right + "0",
        "0" + right,
        f"{right}.",
        f"{right[:3]}x{right[3:]}",
        right[::2],
    ):
        assert not codes.holds(wrong, code_id)
    assert not codes.holds(right + " " * Codes.LONGEST, code_id)
    if sum(character.isdecimal() for character in typed) < 6:
        assert codes.holds(typed, code_id) is False


def in_digits_from(zero: int, code: str) -> str:
    return code.translate({ord("0") + n: zero + n for n in range(10)})


PASTED = {
    "the indented line of the text mail": "    {0}{1}\r\n",
    "a no-break space": "\u00a0{0}\u00a0{1}\u202f",
    "what mail programs put around": "\ufeff\u200e{0}{1}\u2069\u200b",
    "a hyphen": "{0}-{1}",
    "a hyphen that does not break": "{0}\u2011{1}",
    "a dash with spaces": "{0} \u2013 {1}",
    "a minus": "{0}\u2212{1}",
    "a soft hyphen": "{0}\u00ad{1}",
}


@pytest.mark.parametrize("form", PASTED.values(), ids=PASTED)
def test_a_code_is_pasted(form: str) -> None:
    """With all that comes along, in the digits of the keyboard."""
    codes = Codes([NEW])
    code = codes.of("code_1")
    fullwidth, arabic, persian = (in_digits_from(zero, code) for zero in (0xFF10, 0x660, 0x6F0))
    for written in (code, fullwidth, arabic, persian):
        assert codes.holds(form.format(written[:3], written[3:]), "code_1")


def test_codes_of_old_keys_hold_while_they_are_listed() -> None:
    """A key may be replaced between the mail and the answer."""
    code = Codes([OLD]).of("code_1")
    assert Codes([NEW, OLD]).holds(code, "code_1")
    assert not Codes([NEW]).holds(code, "code_1")


def test_codes_are_spread_evenly() -> None:
    """None is likelier than its share: 20,000 names over ten last digits and ten first ones."""
    codes = Codes([NEW])
    made = [codes.of(f"code_{number}") for number in range(20_000)]
    for place in (0, 5):
        counts = Counter(code[place] for code in made)
        assert all(1_800 < counts[str(digit)] < 2_200 for digit in range(10))
