"""Dates as publishers write them, read in one place."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from math import isfinite
from typing import Literal, NamedTuple

from dateutil.parser import parser
from dateutil.tz import gettz, tzoffset

from recommend.articles.limits import DATE_LIMIT

EARLIEST_YEAR = 1600
"""No newspaper is older; what seems to be is a number misread."""

DateOrder = Literal["dmy", "mdy", "ymd"]
"""Which number of 3/4/2025 or 25-3-4 is day, month and year."""

NEVER_YEAR = 9999
"""From this year on a date means "never"."""

_HOURS: dict[str, float] = {
    # RFC 822 says what these mean, whatever they mean elsewhere
    "UT": 0, "GMT": 0, "UTC": 0, "Z": 0, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8,
    "PDT": -7,
    # of the IANA time zone database, and names that stood there until it turned to numbers
    "ACDT": 10.5, "ACST": 9.5, "ADT": -3, "AEDT": 11, "AEST": 10, "AKDT": -8, "AKST": -9, "ART": -3, "AWST": 8,
    "BRST": -2, "BRT": -3, "CAT": 2, "CEST": 2, "CET": 1, "COT": -5, "EAT": 3, "EEST": 3, "EET": 2, "HDT": -9, "HKT": 8,
    "HST": -10, "ICT": 7, "IDT": 3, "IRST": 3.5, "JST": 9, "KST": 9, "MEST": 2, "MESZ": 2, "MET": 1, "MEZ": 1, "MSD": 4,
    "MSK": 3, "MYT": 8, "NDT": -2.5, "NPT": 5.75, "NST": -3.5, "NZDT": 13, "NZST": 12, "PHT": 8, "PKT": 5, "SAST": 2,
    "SGT": 8, "TRT": 3, "WAT": 1, "WEST": 1, "WET": 0, "WIB": 7, "WIT": 9, "WITA": 8,
    # ambiguous, see below
    "AMT": 4, "AST": 3, "BST": 1, "GST": 4, "IST": 5.5, "SST": 8,
}  # fmt: skip
_AMBIGUOUS = {
    "AMT": "of Armenia or of the Amazon",
    "AST": "of Arabia or of the Atlantic",
    "BST": "of Bangladesh or of Britain",
    "GST": "of the Gulf or of South Georgia",
    "IST": "of India, of Israel or of Ireland",
    "SST": "of Singapore or of Samoa",
}
"""The easternmost is taken: the earliest moment, so that no story is hidden for hours by its zone. But BST, which feeds
of Britain write every summer, is theirs."""

_ZONES = {name: timezone(timedelta(hours=hours)) for name, hours in _HOURS.items()}
_PLACES = {"ET": "America/New_York", "CT": "America/Chicago", "MT": "America/Denver", "PT": "America/Los_Angeles"}

_ZERO = re.compile(r"[0\s:/.,TZ+-]*|-?000[01]-\d\d?-\d\d?\b.*", re.DOTALL)
_ABSENT = frozenset({"null", "none", "nan", "nat", "n/a"})  # as databases and data frames write nothing
_IDEOGRAPHS = re.compile(r"([0-9]{4})\s?[年년]\s?([0-9]{1,2})\s?[月월]\s?([0-9]{1,2})\s?[日일]")
_SPELT = re.compile(
    r"(?:[^\W\d_]{2,13}\.?,?\s+)?([0-9]{1,2})(?:\.|er|º)?\s+(?:de\s+)?([^\W\d_]{3,12})\.?,?\s+(?:de\s+)?([0-9]{4})\b"
)  # lun., 03 mars 2025
_MONTHS = {
    name: number
    for number, names in enumerate(
        (  # French, German, Spanish, Portuguese, Italian, Dutch, Polish, Turkish, Russian
            "jan janvier janv januar jänner enero ene janeiro gennaio gen januari stycznia ocak января янв",
            "feb février févr fév februar febrero fevereiro fev febbraio februari lutego şubat февраля фев",
            "mar mars märz mär marzo março maart mrt marca mart марта мар",
            "apr avril avr april abril abr aprile kwietnia nisan апреля апр",
            "mai mayo may maio maggio mag mei maja mayıs мая май",
            "jun juin juni junio junho giugno giu czerwca haziran июня июн",
            "jul juillet juil juli julio julho luglio lug lipca temmuz июля июл",
            "aug août aout august agosto ago augustus sierpnia ağustos августа авг",
            "sep septembre sept september septiembre setembro set settembre września eylül сентября сен",
            "oct octobre oktober okt octubre outubro out ottobre ott października ekim октября окт",
            "nov novembre november noviembre novembro listopada kasım ноября ноя",
            "dec décembre déc dezember dez diciembre dic dezembro dicembre december grudnia aralık декабря дек",
        ),
        start=1,
    )
    for name in names.split()
}
_NUMBER = re.compile(r"[+-]?\d{1,19}(?:\.\d{0,9})?")
_REMARK = re.compile(r"\s*(?:\([^()]*\)|\[[^\[\]]*\])$")  # 08:00+01:00 (Central European Time)
_NAME_OF_OFFSET = re.compile(r"(?<=:\d\d)\s*[A-Z]{1,5}\s?(?=[+-]\d)")  # GMT+3 is three hours ahead, not behind
_WHOLE = re.compile(r"\b\d{1,2}[ -][A-Za-z]{3,9}[ -]\d{4}\b")
_YEAR_FIRST = re.compile(r"\d{4}\b")
_DOTTED = re.compile(r"\d{1,2}\.\s?\d{1,2}\.\s?\d{4}\b")
_NUMBERS = re.compile(r"\d+")
_MONTH_IN_LETTERS = re.compile(r"[A-Za-z]{3}")
_UNREADABLE = "is not an ISO 8601 date"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DEFAULTS = (datetime(2001, 2, 3), datetime(2004, 5, 6))  # a part that they fill in is one that the text lacks
_PARSER = parser()


class DateReading(NamedTuple):
    """What a date says: ``moment`` in UTC, None where it says "none"; ``doubt`` a clause on what was uncertain."""

    moment: datetime | None
    doubt: str | None = None


def read_date(value: object, *, order: DateOrder | None = None) -> DateReading:
    """A date as a moment in UTC, which stands in where no zone is given.

    ISO 8601, RFC 822 and what resembles them, with names of zones, and of months in ten languages; seconds since 1970
    and thousandths, millionths or billionths of them, as a number or in digits; 20250303 and 20250303080000. A zero
    date is none, and so is NULL. Of a zone's name with several meanings the earliest moment is taken and the doubt is
    told; so is UTC for a name that is unknown.

    Args:
        value: a string, a number, a date or a datetime.
        order: of day, month and year in 3/4/2025; None refuses what is ambiguous.

    Raises:
        ValueError: a clause that says what is wrong with the value.
    """
    if isinstance(value, str):
        return _of_string(value.strip(), order)
    if value is None:
        return DateReading(None)
    if isinstance(value, date):
        moment = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)
        try:
            return DateReading(moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC))
        except OverflowError:
            raise ValueError("lies outside the years 1 to 9999") from None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(_UNREADABLE)
    return DateReading(_of_number(value))


def _of_string(text: str, order: DateOrder | None) -> DateReading:
    if len(text) > DATE_LIMIT:
        raise ValueError(f"{_UNREADABLE}: it has {len(text)} characters")
    if _ZERO.fullmatch(text) or text.casefold() in _ABSENT:
        return DateReading(None)
    text = _IDEOGRAPHS.sub(lambda found: f"{found[1]}-{found[2]:0>2}-{found[3]:0>2} ", text).strip()
    if _NUMBER.fullmatch(text) and text.isascii():
        return DateReading(_of_number(float(text) if "." in text else int(text)))
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return _of_text(text, order)
    return DateReading(_in_utc(moment))


def _of_number(value: float) -> datetime | None:
    if not value:
        return None
    if not isfinite(value):
        raise ValueError("is not a finite number")
    digits = str(abs(value)) if isinstance(value, int) else ""
    for length, form in ((8, "%Y%m%d"), (14, "%Y%m%d%H%M%S")):
        if len(digits) == length and value > 0:
            try:
                return _in_utc(datetime.strptime(digits, form))
            except ValueError:
                break
    size = len(str(int(abs(value))))
    if size <= 8 or size > 19:
        raise ValueError(f"{_UNREADABLE}, nor seconds since 1970")
    unit = next(unit for most, unit in ((10, 1), (13, 10**3), (16, 10**6), (19, 10**9)) if size <= most)
    return _in_utc(_EPOCH + timedelta(seconds=value / unit))


def _in_utc(moment: datetime) -> datetime | None:
    if moment.year <= 1:
        return None
    if moment.year < EARLIEST_YEAR:
        raise ValueError(f"{_UNREADABLE} of any article: it lies before the year {EARLIEST_YEAR}")
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


def _of_text(text: str, order: DateOrder | None) -> DateReading:
    named: list[str] = []

    def zone(name: str | None, seconds: int | None) -> tzinfo | None:
        if seconds is not None:
            return tzoffset(None, seconds)
        if name is None:
            return None
        named.append(name)
        return gettz(_PLACES[name]) if name in _PLACES else _ZONES.get(name)

    plain = _NAME_OF_OFFSET.sub(" ", _REMARK.sub("", text))
    defaults = _DEFAULTS[:1] if _WHOLE.search(plain) else _DEFAULTS
    moments: set[datetime] = set()
    orders = _orders(plain, order)
    try:
        for first, year in orders:
            for default in defaults:
                moment = _PARSER.parse(plain, default, tzinfos=zone, dayfirst=first, yearfirst=year)
                moments.add(moment.replace(tzinfo=UTC) if moment.utcoffset() is None else moment.astimezone(UTC))
    except (ValueError, OverflowError, ArithmeticError, TypeError, AttributeError, IndexError):
        spelt = _SPELT.match(text)
        month = spelt and _MONTHS.get(spelt[2].casefold())
        if spelt is None or month is None:
            raise ValueError(_UNREADABLE) from None
        return _of_string(f"{spelt[3]}-{month:02}-{spelt[1]:0>2}{text[spelt.end() :]}", order)
    if len(moments) > 1:
        if len(orders) > 1 and len(_NUMBERS.findall(plain)) > 2:
            raise ValueError(
                f"{_UNREADABLE}: day and month may be either; write it so, or say dmy or mdy (--date-order)"
            )
        raise ValueError(f"{_UNREADABLE}: it names no day")
    return DateReading(_in_utc(moments.pop()), _doubt_of(named[0]) if named else None)


def _orders(text: str, order: DateOrder | None) -> list[tuple[bool, bool]]:
    """The ways to read numbers: whether the day, and whether the year, comes first."""
    if _YEAR_FIRST.match(text):
        return [(False, True)]
    if order is not None or _MONTH_IN_LETTERS.search(text):
        return [(order == "dmy", order == "ymd")]
    if _DOTTED.match(text):
        return [(True, False)]
    return [(first, year) for first in (False, True) for year in (False, True)]


def _doubt_of(zone: str) -> str | None:
    if zone in _AMBIGUOUS:
        return f"names a zone {_AMBIGUOUS[zone]}: the first is taken"
    return None if zone in _ZONES or zone in _PLACES else f"names a zone that is unknown, {zone!r}: UTC is taken"
