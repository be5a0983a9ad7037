"""The six digits: the same for everybody who has the key, and for nobody else."""

from __future__ import annotations

from collections import Counter

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
    """Whatever is typed: digits of other scripts, nothing at all, the code and more."""
    codes = Codes([NEW])
    right = codes.of(code_id)
    assert not codes.holds(right + "0", code_id)
    assert not codes.holds("", code_id)
    arabic = right.translate({ord("0") + n: 0x0660 + n for n in range(10)})
    assert not codes.holds(arabic, code_id)
    if typed.replace(" ", "").replace("-", "").strip() != right:
        assert codes.holds(typed, code_id) is False


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
