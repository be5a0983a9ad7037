"""Who reads a message or a page: in which language, and by which clock."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from babel import Locale, localedata

LANGUAGES = ("en", "de", "fr")
"""English is what the sources are written in; the others are in `languages/*.po`."""


@dataclass(frozen=True, slots=True)
class Reader:
    """`language` is one of `LANGUAGES`, `time_zone` a name of IANA's (`Europe/Berlin`), and
    `has_zone` says that it is one they have chosen. `region` is where they write that language
    (`CH`), where that is known: elsewhere, numbers and dates of the same language are others."""

    language: str = "en"
    time_zone: str = "UTC"
    has_zone: bool = False
    region: str | None = None

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    @property
    def locale(self) -> Locale:
        """CLDR's, as near as it has one."""
        name = f"{self.language}_{self.region}"
        return Locale.parse(name if localedata.exists(name) else self.language)

    def preferring(self, language: str | None, time_zone: str | None = None) -> Reader:
        """Another one, with those of these that can be had."""
        known = time_zone if time_zone and is_time_zone(time_zone) else None
        return replace(
            self,
            language=language if language in LANGUAGES else self.language,
            time_zone=known or self.time_zone,
            has_zone=self.has_zone or known is not None,
        )


@lru_cache
def time_zones() -> frozenset[str]:
    """The names that a time zone may have."""
    return frozenset(available_timezones())


def is_time_zone(name: str) -> bool:
    return name in time_zones()
