"""Times: RFC 3339 in, UTC out."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schema.scalars import NotATime, parse_time, write_time

in_any_time = settings(deadline=None)  # a busy machine is no failure


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2030-01-31T19:30:00Z", utc(2030, 1, 31, 19, 30)),
        ("2030-01-31t19:30:00z", utc(2030, 1, 31, 19, 30)),
        ("2030-01-31 19:30:00Z", utc(2030, 1, 31, 19, 30)),
        ("2030-01-31T19:30:00+02:00", utc(2030, 1, 31, 17, 30)),
        ("2030-01-31T19:30:00-05:45", utc(2030, 2, 1, 1, 15)),
        ("2030-01-31T19:30:00+00:00", utc(2030, 1, 31, 19, 30)),
        ("2030-01-31T19:30:00-00:00", utc(2030, 1, 31, 19, 30)),
        ("2030-01-31T19:30:00+23:59", utc(2030, 1, 30, 19, 31)),
        ("2030-01-31T19:30:00.5Z", utc(2030, 1, 31, 19, 30, 0, 500_000)),
        ("2030-01-31T19:30:00.123456Z", utc(2030, 1, 31, 19, 30, 0, 123_456)),
        # PostgreSQL keeps microseconds: what is finer is cut off.
        ("2030-01-31T19:30:00.123456999Z", utc(2030, 1, 31, 19, 30, 0, 123_456)),
        ("2030-01-31T19:30:00." + "9" * 5000 + "Z", utc(2030, 1, 31, 19, 30, 0, 999_999)),
        ("2028-02-29T00:00:00Z", utc(2028, 2, 29)),
        ("0001-01-01T00:00:00Z", utc(1, 1, 1)),
        ("0001-01-01T00:00:00-01:00", utc(1, 1, 1, 1)),
        ("9999-12-31T23:59:59.999999Z", utc(9999, 12, 31, 23, 59, 59, 999_999)),
        ("9999-12-31T23:59:59+01:00", utc(9999, 12, 31, 22, 59, 59)),
    ],
    ids=lambda value: f"{value!s:.40}",
)
def test_a_time_with_its_offset_is_read_in_utc(text: str, time: datetime) -> None:
    read = parse_time(text)
    assert read == time
    assert isinstance(read, datetime)
    assert read.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2030-01-31",
        "2030-01-31T19:30:00",  # no offset: whose half past seven?
        "2030-01-31T19:30Z",
        "2030-01-31T19Z",
        "20300131T193000Z",
        "2030-W05-4T19:30:00Z",
        "2030-031T19:30:00Z",
        "2030-01-31T19:30:00+02",
        "2030-01-31T19:30:00+0200",
        "2030-01-31T19:30:00+02:00:00",
        "2030-01-31T19:30:00+24:00",
        "2030-01-31T19:30:00+01:60",
        "2030-01-31T19:30:00+01:99",
        "2030-01-31T19:30:00\u221202:00",  # a minus sign, as word processors write it
        "2030-01-31T19:30:00.Z",
        "2030-01-31T19:30:00,5Z",
        "2030-01-31T19:30:00 Z",
        "2030-01-31T19:30:00ZZ",
        "2030-01-31T19:30:00UTC",
        "2030-01-31_19:30:00Z",
        " 2030-01-31T19:30:00Z",
        "2030-01-31T19:30:00Z\n",
        "2030-01-31T19:30:00Z\0",
        "2030-01-31T19:30:60Z",
        "2016-12-31T23:59:60Z",  # a leap second, which neither Python nor PostgreSQL can keep
        "2030-01-31T19:60:00Z",
        "2030-01-31T24:00:00Z",
        "2030-01-31T25:00:00Z",
        "2030-02-30T00:00:00Z",
        "2029-02-29T00:00:00Z",
        "2030-13-01T00:00:00Z",
        "2030-00-01T00:00:00Z",
        "2030-01-00T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+00:01",  # still the year 0 in UTC
        "9999-12-31T23:59:59-00:01",
        "10000-01-01T00:00:00Z",
        "-2030-01-31T19:30:00Z",
        "\uff12\uff10\uff13\uff10-01-31T19:30:00Z",
        "\u0662\u0660\u0663\u0660-01-31T19:30:00Z",
        "\ud800",
        "9" * 2**20,
    ],
    ids=lambda text: f"{text!a:.40}",
)
def test_what_is_no_time_is_kept_to_be_told(text: str) -> None:
    read = parse_time(text)
    assert isinstance(read, NotATime)
    assert read == text


@pytest.mark.parametrize("value", [None, 0, 1896118200, 1.5, True, [], {}, b"2030-01-31T19:30:00Z"])
def test_what_is_no_string_is_an_error(value: object) -> None:
    with pytest.raises(ValueError, match="must be a string"):
        parse_time(value)


def test_the_error_does_not_repeat_a_long_value() -> None:
    with pytest.raises(ValueError, match="must be a string") as error:
        parse_time([0] * 2**20)
    assert len(str(error.value)) < 100


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (utc(2030, 1, 31, 19, 30), "2030-01-31T19:30:00Z"),
        (utc(2030, 1, 31, 19, 30, 0, 5), "2030-01-31T19:30:00.000005Z"),
        (utc(1, 1, 1), "0001-01-01T00:00:00Z"),
        (
            datetime(2030, 1, 31, 19, 30, tzinfo=timezone(timedelta(hours=2))),
            "2030-01-31T17:30:00Z",
        ),
    ],
)
def test_times_are_written_in_utc(time: datetime, text: str) -> None:
    assert write_time(time) == text


@in_any_time
@given(st.datetimes(timezones=st.just(UTC)))
def test_what_is_written_is_read_as_the_same_time(time: datetime) -> None:
    assert parse_time(write_time(time)) == time


minutes = st.integers(-1439, 1439)


@in_any_time
@given(st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1)), minutes)
def test_any_offset_names_the_same_moment(time: datetime, offset: int) -> None:
    there = time.replace(tzinfo=timezone(timedelta(minutes=offset)))
    assert parse_time(there.isoformat()) == there


@in_any_time
@given(st.text() | st.from_regex(r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)\Z"))
def test_any_text_is_read_without_an_exception(text: str) -> None:
    assert isinstance(parse_time(text), datetime | NotATime)
