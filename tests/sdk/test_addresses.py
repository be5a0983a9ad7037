"""Addresses: whom they are of, and in which form they are shown, compared and sent to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handover.addresses import Address, in_small_letters, is_among, one_form
from handover.models import DecisionRequest

FORMS = [
    # written, shown, compared and on the envelope
    ("Ann@example.com", "Ann@example.com", "ann@example.com", "Ann@example.com"),
    ("ann@EXAMPLE.com", "ann@example.com", "ann@example.com", "ann@example.com"),
    ("ann@straße.de", "ann@straße.de", "ann@xn--strae-oqa.de", "ann@xn--strae-oqa.de"),
    ("ann@XN--STRAE-OQA.de", "ann@straße.de", "ann@xn--strae-oqa.de", "ann@xn--strae-oqa.de"),
    ("ann@strasse.de", "ann@strasse.de", "ann@strasse.de", "ann@strasse.de"),
    ("ann@φίλος.gr", "ann@φίλος.gr", "ann@xn--kxaymmq.gr", "ann@xn--kxaymmq.gr"),
    ("ann@φίλοσ.gr", "ann@φίλοσ.gr", "ann@xn--kxaymql.gr", "ann@xn--kxaymql.gr"),
    (
        "Ann@BU\u0308CHER。example",
        "Ann@bücher.example",
        "ann@xn--bcher-kva.example",
        "Ann@xn--bcher-kva.example",
    ),
]


@pytest.mark.parametrize(("written", "shown", "compared", "envelope"), FORMS)
def test_an_address_has_three_forms(written: str, shown: str, compared: str, envelope: str) -> None:
    """The local part stays as it was written but where it is compared; the domain is in people's
    own script where they read it."""
    address = Address.parse(written)
    assert (address.shown, address.compared, address.envelope) == (shown, compared, envelope)
    assert {one_form(each) for each in (written, shown, compared, envelope)} == {compared}


def test_domains_that_only_look_alike_are_two() -> None:
    """`ß` is not `ss` and a final sigma is no sigma, in a key's list neither."""
    assert len({compared for *_, compared, _ in FORMS}) == len(FORMS) - 2
    assert is_among("x@straße.de", ["@STRASSE.de", "@xn--strae-oqa.de"])
    assert not is_among("x@straße.de", ["@strasse.de", "x@strasse.de", "@de", "straße.de"])
    assert is_among("Ann@bücher.example", ["aNN@xn--bcher-kva.example"])
    assert not is_among("ann@sub.example.com", ["@example.com"])


labels = st.text("abAB01-ßςσöÖ日本אب", min_size=1, max_size=8)


@given(st.from_regex(r"\A[a-zA-Z0-9+._-]{1,10}\Z"), st.lists(labels, min_size=1, max_size=3))
def test_each_form_is_one_of_the_same_address(local: str, domain: list[str]) -> None:
    """Whatever is shown or sent to can be read again, and is the same person's."""
    try:
        address = Address.parse(f"{local}@{'.'.join(domain)}")
    except ValueError:
        return
    assert Address.parse(address.shown) == address
    assert Address.parse(address.envelope) == address
    assert address.envelope.isascii()
    assert one_form(address.compared) == one_form(address.shown) == address.compared


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("ann", "no @"),
        ("", "no @"),
        ("a@example.com, b@example.com", "several people are a list"),
        ("Ann <ann@example.com>", "without a name"),
        ("@example.com", "before the @"),
        ("jörg@example.com", "before the @"),
        ("a b@example.com", "before the @"),
        ('"a"@example.com', "before the @"),
        (".ann@example.com", "before the @"),
        ("a..b@example.com", "before the @"),
        ("x" * 65 + "@example.com", "before the @"),
        ("ann@", "after the @"),
        ("ann@example.com.", "after the @"),
        ("ann@-example.com", "after the @"),
        ("ann@exa_mple.com", "after the @"),
        ("ann@192.0.2.1", "after the @"),
        ("ann@[192.0.2.1]", "after the @"),
        ("ann@xn--n3h.net", "after the @"),
        ("ann@xn---bbk.example", "after the @"),
        ("ann@1.אב.example", "after the @"),
        ("ann@example.com\r\nBcc: b@example.com", "several"),
        ("ann@" + "x" * 60 + ("." + "x" * 60) * 3 + ".example", "characters"),
        ("ann@" + "x" * 5_000, "after the @"),
    ],
)
def test_what_is_no_address_says_why(text: str, why: str) -> None:
    """And is compared as it stands, with nothing raised."""
    with pytest.raises(ValueError, match=f"this is no e-mail address: .*{why}"):
        Address.parse(text)
    assert in_small_letters(text) == text


def test_networks_of_ones_own() -> None:
    """Reserved names and single labels, which are allowed by domain, with all below it."""
    for text in ("a@corp.local", "a@x.test", "a@nas.home.arpa", "a@mailhost", "a@localhost"):
        assert Address.parse(text).is_local, text
    for text in ("a@example.com", "a@local.example", "a@xn--strae-oqa.de"):
        assert not Address.parse(text).is_local, text
    allowed = ["corp.local", "mailhost"]
    within = ["a@corp.local", "a@it.CORP.local", "a@mailhost"]
    outside = ["a@local", "a@mycorp.local", "a@other.local", "a@mailhost.test"]
    assert all(Address.parse(text).is_within(allowed) for text in within)
    assert not any(Address.parse(text).is_within(allowed) for text in outside)


def test_one_spelling_of_a_request_is_as_before() -> None:
    """What an idempotency key remembers of a request is a digest of it, through every release."""
    asked = DecisionRequest(
        action="Refund",
        approver=["Ann@Bücher.example"],
        escalation=[{"after_minutes": 5, "approvers": ["BEN@example.com"]}],  # pyright: ignore[reportArgumentType]
    )
    told = asked.in_one_spelling()
    assert told.approver == "ann@bücher.example"
    assert told.escalation[0].approvers == ["ben@example.com"]
