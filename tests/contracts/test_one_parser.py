"""One place reads, folds and encodes addresses, `handover.addresses`: so no two parts of the house
take two mailboxes for one, or one for two. This walks the source for whatever else could do it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PARSER = "sdk/python/handover/addresses.py"
ROOMS = (
    *("activities", "api", "deploy", "embedded", "examples", "links", "outgoing", "store"),
    *("histories", "settings", "slack_app", "templates", "workflows", "sdk/python/handover"),
)

FOLDING = {"lower", "upper", "casefold", "swapcase", "capitalize", "title"}
CUTTING = {"partition", "rpartition", "split", "rsplit", "find", "rfind", "index", "rindex"}
CODECS = {"idna", "punycode"}
LIBRARIES = {"idna", "email_validator", "parseaddr", "formataddr", "getaddresses"}

NO_ADDRESSES = {
    "api/decisions/starting.py": ["error.message.lower"],
    "api/files/documents.py": ["name.lower"],  # of a file
    "api/problems/errors.py": ["self.problem.title"],
    "api/files/filetypes.py": ["name.lower"],
    "api/pages/forms.py": ["request.headers.get('Content-Type', '').lower"],
    "api/decisions/listing.py": ["error.message.lower"],
    "api/http/openapi.py": ["problem.title"],
    "api/http/origins.py": ["url.lower"],
    "api/people/readers.py": ["each[2].upper", "entry.lower"],  # languages, and their regions
    "api/http/requests.py": ["name.lower"],  # of a header
    "api/people/typed.py": ["(named['m'] or named['M']).casefold"],  # of a day
    "api/http/multipart.py": ["request.headers.get('Content-Type', '').lower"],
    "settings/errors.py": ["field.upper"],
    "deploy/worker_health.py": ["poller.identity.partition('@')"],
    "embedded/programs.py": ["package.rpartition('/')[2].partition('@')"],  # its version
    "outgoing/exceptions.py": ["host.lower"],
    "sdk/python/handover/_environment.py": ["name.lower"],
    "sdk/python/handover/_file_types.py": ["entry.lower"],
    "sdk/python/handover/_http.py": ["name.lower"],  # of a header
    "sdk/python/handover/_memory/answers.py": [
        *("entry.strip().lower", "name.lower", "type.lower"),  # of files
        "value.upper",  # a time
    ],
    "sdk/python/handover/_memory/files.py": ["name.lower"],
    "sdk/python/handover/_memory/refusals.py": ["self.code.replace('_', ' ').capitalize"],
    "sdk/python/handover/_terminal.py": [
        """read_line(f'"{visible_line(life.decision.action, 60)}": {names}? ').strip().lower"""
    ],
    "sdk/python/handover/_urls.py": [
        "(parts.hostname or '').encode('idna')",
        "url.partition('://')[0].lower",
    ],
    "sdk/python/handover/policy.py": ["unicodedata.normalize('NFKC', text).casefold"],
    "sdk/python/handover/webhooks.py": ["name.lower"],
    "settings/secret_checks.py": ["secret.value.casefold"],
    "settings/names.py": ["name.upper", "variable.upper"],
    "slack_app/web.py": ["k.lower"],  # of a header
    "store/keys.py": ["name.casefold"],  # of a key
    "templates/notation.py": ["day.lower", "name.casefold"],
    "templates/words.py": ["choice.capitalize", "visible_line(status).capitalize"],
    "workflows/answers.py": ["entry.strip().lower", "name.lower", "type.lower", "value.upper"],
    "workflows/options.py": ["state.outcome.status.capitalize"],
    "workflows/sentences.py": ["self.text[:1].lower"],
}
"""What is folded or cut besides, each of which is no address."""


def suspects(path: Path) -> Iterator[str]:
    """What in this module changes the case of a text, cuts one at an `@`, encodes a domain, or
    brings another parser along."""
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Attribute(attr=name) if name in FOLDING:
                yield ast.unparse(node)
            case ast.Call(func=ast.Attribute(attr=name), args=[ast.Constant(value=what), *_]):
                if (name in CUTTING and what == "@") or what in CODECS:
                    yield ast.unparse(node)
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                yield from (alias.name for alias in names if alias.name in LIBRARIES)
                if isinstance(node, ast.ImportFrom) and node.module in LIBRARIES:
                    yield node.module
            case _:
                pass


def test_no_other_place_folds_cuts_or_encodes_an_address() -> None:
    """Whoever needs to asks `Address` or `one_form`; whoever folds something else says so here."""
    modules = [
        *ROOT.glob("*.py"),
        *(each for room in ROOMS for each in (ROOT / room).rglob("*.py")),
    ]
    found = {str(path.relative_to(ROOT)): sorted(set(suspects(path))) for path in modules}
    assert found.pop(PARSER)
    assert {path: texts for path, texts in found.items() if texts} == NO_ADDRESSES


def test_templates_and_scripts_fold_none_either() -> None:
    """What they are given is what is shown."""
    for path in [*(ROOT / "templates").rglob("*.*"), *(ROOT / "api/assets").glob("*.js")]:
        if path.suffix in (".html", ".txt", ".js"):
            text = path.read_text()
            assert "toLowerCase" not in text, path
            assert "|lower" not in text.replace(" ", ""), path
