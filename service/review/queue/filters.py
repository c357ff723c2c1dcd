"""What a reviewer looks for: a queue, filters and words, as a page address carries them. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import parse_qsl, urlencode

from service.review.web.wording import DECISION, LABEL, QUEUE

Place = tuple[datetime, str]
"""Where a page of the queue begins: after this due time and case id."""


@dataclass(frozen=True, slots=True)
class QueueFilter:
    """A narrowed queue. Empty strings and None narrow nothing. `since` and `until` are days, both included; `flat`:
    cases of one template stand apart."""

    queue: str = "all"
    words: str = ""
    label: str = ""
    decision: str = ""
    rule: str = ""
    merchant: str = ""
    model: str = ""
    language: str = ""
    template: str = ""
    flat: str = ""
    since: date | None = None
    until: date | None = None
    after: Place | None = None

    @classmethod
    def read(cls, query: Mapping[str, str]) -> "QueueFilter":
        """From a page's query; what is not understood narrows nothing."""
        return cls(
            queue=query.get("queue", "") if query.get("queue") in QUEUE else "all",
            words=query.get("words", "").strip()[:200],
            label=query.get("label", "") if query.get("label") in LABEL else "",
            decision=query.get("decision", "") if query.get("decision") in DECISION else "",
            **{name: query.get(name, "").strip()[:200] for name in _TEXTS},
            flat="1" if query.get("flat") == "1" else "",
            since=_day(query.get("since", "")),
            until=_day(query.get("until", "")),
            after=_place(query.get("after", "")),
        )

    @classmethod
    def parse(cls, text: str) -> "QueueFilter":
        """From the form that `text` gives."""
        return cls.read(dict(parse_qsl(text)))

    @property
    def text(self) -> str:
        """The filter as a query, without its place: the same filter on its first page."""
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "after"}
        return urlencode({name: str(value) for name, value in values.items() if value})

    def page_after(self, place: Place) -> str:
        """The query of the page that begins after a place."""
        return f"{self.text}&{urlencode({'after': place[0].isoformat() + '~' + place[1]})}"

    @property
    def narrowed(self) -> int:
        """How many filters are set; words and queue do not count."""
        kept = ("label", "decision", *_TEXTS, "since", "until")
        return sum(bool(getattr(self, name)) for name in kept)

    @property
    def folds(self) -> bool:
        """Whether waiting cases of one template stand together."""
        return not (self.flat or self.template or self.queue in ("decided", "any"))

    @property
    def search_queue(self) -> str:
        """The queue that a search for words looks through: from all that waits, the decided ones too."""
        return "any" if self.queue == "all" else self.queue

    def moments(self) -> tuple[datetime | None, datetime | None]:
        """The days as moments [from, to), UTC."""
        start = datetime.combine(self.since, time(), UTC) if self.since else None
        end = datetime.combine(self.until + timedelta(days=1), time(), UTC) if self.until else None
        return start, end


_TEXTS = ("rule", "merchant", "model", "language", "template")


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if 2000 <= day.year <= 2200 else None


def _place(text: str) -> Place | None:
    moment, _, case_id = text.partition("~")
    try:
        at = datetime.fromisoformat(moment)
    except ValueError:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC), case_id[:32]) if case_id else None
