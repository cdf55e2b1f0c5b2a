"""Dates as publishers write them."""

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommend.articles.dates import read_date

NOON = datetime(2025, 3, 3, 12, tzinfo=UTC)
MOMENTS = st.datetimes(datetime(1601, 1, 1), datetime(9998, 12, 31), timezones=st.just(UTC))
OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@pytest.mark.parametrize(
    "written",
    [
        "2025-03-03T12:00:00Z", "2025-03-03 12:00:00", "2025-03-03T12:00:00.000000000Z", "20250303T120000Z",
        "20250303120000", "2025-03-03T13:00:00 +0100", "2025-03-03T13:00:00+01:00[Europe/Berlin]",
        "Mon, 03 Mar 2025 12:00:00 GMT", "Mon, 03 Mar 25 12:00:00 UT", "03-Mar-2025 12:00", "3.3.2025 12:00",
        "Mon, 03 Mar 2025 21:00:00 JST", "Mon, 03 Mar 2025 21:00:00 KST", "Mon, 03 Mar 2025 14:00:00 CEST",
        "Mon, 03 Mar 2025 15:00:00 MSK", "Mon, 03 Mar 2025 22:00:00 AEST", "Mon, 03 Mar 2025 07:00:00 EST",
        "Mon Mar  3 06:00:00 CST 2025", "Mon, 03 Mar 2025 15:00:00 GMT+3", "March 3, 2025 7:00 AM ET",
        "Mon Mar 03 2025 13:00:00 GMT+0100 (Central European Standard Time)", "1741003200", "1741003200000",
        1741003200, 1741003200.0, 1741003200000, 1741003200000000, "1741003200.0", datetime(2025, 3, 3, 12), NOON,
    ],
)  # fmt: skip
def test_one_moment_is_read_however_it_is_written(written: object) -> None:
    assert read_date(written) == (NOON, None)


@pytest.mark.parametrize(
    "written",
    [20250303, "20250303", "2025-03-03", "2025/3/3", "03.03.2025", "2025年3月3日", "2025년 3월 3일", date(2025, 3, 3)],
)
def test_a_day_begins_at_midnight(written: object) -> None:
    assert read_date(written).moment == datetime(2025, 3, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "month"),
    [
        ("lun., 03 {} 2025 13:00:00 +0100", "janv. févr. mars avr. mai juin juil. août sept. oct. nov. déc."),
        ("3. {} 2025 12:00", "Januar Februar März April Mai Juni Juli August September Oktober November Dezember"),
        ("Mo, 03 {} 2025 13:00:00 +0100", "Jan Feb Mär Apr Mai Jun Jul Aug Sep Okt Nov Dez"),
        ("lunes, 3 de {} de 2025 12:00",
         "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre"),
        ("3 de {} de 2025, 12:00",
         "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro"),
        ("Lun, 03 {} 2025 12:00:00 GMT", "gen feb mar apr mag giu lug ago set ott nov dic"),
        ("ma 3 {} 2025 12:00",
         "januari februari maart april mei juni juli augustus september oktober november december"),
        ("3 {} 2025 12:00",
         "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia"),
        ("03 {} 2025 12:00", "Ocak Şubat Mart Nisan Mayıs Haziran Temmuz Ağustos Eylül Ekim Kasım Aralık"),
        ("Пн, 03 {} 2025 12:00:00 +0000", "янв фев мар апр мая июн июл авг сен окт ноя дек"),
    ],
)  # fmt: skip
def test_months_have_names_in_more_languages_than_english(written: str, month: str) -> None:
    for number, name in enumerate(month.split(), start=1):
        assert read_date(written.format(name)) == (NOON.replace(month=number), None)
    assert read_date("mar., 04 mars 2025 13:00:00 +0100").moment == NOON + timedelta(days=1)


@pytest.mark.parametrize(
    "written", ["3 Brumaire 2025", "31. Februar 2025", "40 mars 2025", "mars 2025", "3 mars 2025 demain"]
)
def test_what_is_no_day_in_any_language_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="is not an ISO 8601 date"):
        read_date(written)


@pytest.mark.parametrize(
    "written", [None, "", " ", 0, "0", "0000-00-00", "0000-00-00T00:00:00Z", "-0001-11-30T00:00:00+00:00",
                "0001-01-01T00:00:00", "0001-01-01T00:00+14:00", "NULL", "None", "nan", "NaT", "N/A"],
)  # fmt: skip
def test_a_zero_date_is_none(written: object) -> None:
    assert read_date(written) == (None, None)


def test_milliseconds_are_never_read_as_a_year() -> None:
    moment = read_date("1712011212345").moment
    assert moment is not None
    assert moment.year == 2024


def test_a_zone_of_several_meanings_is_read_as_the_earliest_moment_and_told() -> None:
    moment, doubt = read_date("Mon, 03 Mar 2025 17:30:00 IST")
    assert moment == NOON
    assert doubt == "names a zone of India, of Israel or of Ireland: the first is taken"


def test_an_unknown_zone_is_read_as_utc_and_told() -> None:
    moment, doubt = read_date("Mon, 03 Mar 2025 12:00:00 XYZ")
    assert moment == NOON
    assert doubt == "names a zone that is unknown, 'XYZ': UTC is taken"


@pytest.mark.parametrize(
    "written",
    ["soon", "yesterday", "2025-02-30", "31/02/2026", "03/04/2025", "25-03-04", "2025-03", "2025", "10:00", "Friday",
     "2024-13-45", "infinity", "1e9", True, [], 12, float("nan"), float("inf"), "0202-01-01", "9" * 25, "x" * 101],
)  # fmt: skip
def test_what_names_no_moment_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match=r"is not an ISO 8601 date|is not a finite number"):
        read_date(written)


def test_a_moment_that_is_one_is_taken_as_it_is() -> None:
    assert read_date(datetime(1, 1, 1, tzinfo=UTC)).moment == datetime(1, 1, 1, tzinfo=UTC)
    with pytest.raises(ValueError, match="outside the years 1 to 9999"):
        read_date(datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))))


def test_the_end_of_time_stays_there_in_every_zone() -> None:
    assert read_date("9999-12-31T23:59:59-05:00").moment == datetime.max.replace(tzinfo=UTC)


@given(MOMENTS, OFFSETS)
def test_what_iso_8601_writes_is_read_back(moment: datetime, offset: timezone) -> None:
    assert read_date(moment.astimezone(offset).isoformat()).moment == moment


@given(MOMENTS.map(lambda moment: moment.replace(microsecond=0)), OFFSETS)
def test_what_rfc_822_writes_is_read_back(moment: datetime, offset: timezone) -> None:
    assert read_date(format_datetime(moment.astimezone(offset))).moment == moment


@given(st.datetimes(datetime(1974, 1, 1), datetime(2250, 1, 1), timezones=st.just(UTC)), st.booleans())
def test_seconds_and_milliseconds_since_1970_are_read_back(moment: datetime, as_text: bool) -> None:
    for unit in (1, 1_000):
        number = int(moment.timestamp()) * unit
        assert read_date(str(number) if as_text else number).moment == moment.replace(microsecond=0)


@given(st.text() | st.text("0123456789-/:. TZ+JanMarGMTESTpm,") | st.integers() | st.floats())
def test_reading_a_date_gives_a_moment_in_utc_or_a_reason(written: object) -> None:
    with suppress(ValueError):
        moment = read_date(written).moment
        assert moment is None or moment.utcoffset() == timedelta(0)
