"""Calls one method of the public client `the-handover`, in an environment that has it.

`python call_the_handover.py BASE_URL KEY METHOD '{"keyword": ...}'` prints what came of it as JSON:
`{"returned": ...}`, or `{"raised": [class, words]}`.
"""

import dataclasses
import json
import sys

import the_handover  # pyright: ignore[reportMissingImports] - it is in an environment of its own
from the_handover import models  # pyright: ignore[reportMissingImports] - see above


def main(base_url: str, key: str, method: str, arguments: str) -> None:
    given = json.loads(arguments)
    if response_type := given.pop("response_type", None):
        name, fields = response_type
        given["response_type"] = getattr(models, name)(**fields)
    if "file" in given:
        name, content, type = given.pop("file")
        given["file"] = (name, content.encode("latin-1"), type)
    with the_handover.HandoverClient(api_key=key, base_url=base_url) as client:
        try:
            answer = {"returned": plain(getattr(client, method)(**given))}
        except Exception as error:
            answer = {"raised": [type_of(error), str(error)]}
    print(json.dumps(answer))


def type_of(error: Exception) -> str:
    return type(error).__name__


def plain(value: object) -> object:
    if isinstance(value, list):
        return [plain(each) for each in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    raise TypeError(f"{value!r} is no answer of the client's")


if __name__ == "__main__":
    main(*sys.argv[1:])
