"""The reader of a message or a page, with a language and a time zone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from babel import Locale, localedata

LANGUAGES = ("en", "de", "fr")
"""Languages of our texts. The sources are in English; the others are in `languages/*.po`."""


@dataclass(frozen=True, slots=True)
class Reader:
    """A reader. `language` is one of `LANGUAGES`, `time_zone` a name of IANA's (`Europe/Berlin`),
    and `has_zone` says that they have chosen it. `region` is where they write that language (`CH`),
    if known: numbers and dates of a language differ by region."""

    language: str = "en"
    time_zone: str = "UTC"
    has_zone: bool = False
    region: str | None = None

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    @property
    def locale(self) -> Locale:
        """Return CLDR's locale that is nearest to the reader's."""
        name = f"{self.language}_{self.region}"
        return Locale.parse(name if localedata.exists(name) else self.language)

    def preferring(self, language: str | None, time_zone: str | None = None) -> Reader:
        """Return the reader with those of these preferences that we have."""
        known = time_zone if time_zone and is_time_zone(time_zone) else None
        return replace(
            self,
            language=language if language in LANGUAGES else self.language,
            time_zone=known or self.time_zone,
            has_zone=self.has_zone or known is not None,
        )


@lru_cache
def time_zones() -> frozenset[str]:
    """Return the possible names of a time zone."""
    return frozenset(available_timezones())


def is_time_zone(name: str) -> bool:
    return name in time_zones()
