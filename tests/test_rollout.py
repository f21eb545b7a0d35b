"""Who has a flag: always the same subjects, as many as the percentage says, for each key others."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flags.rollout import BUCKETS, bucket, has

keys = st.from_regex(r"[a-z][a-z0-9]*([._-][a-z0-9]+)*", fullmatch=True)
percentages = st.integers(0, BUCKETS).map(lambda hundredths: hundredths / 100)
MANY = 20_000


def share(key: str, percentage: float) -> float:
    return sum(has(key, f"subject {n}", percentage) for n in range(MANY)) / MANY * 100


@given(keys, st.text(), percentages, percentages)
def test_growing_the_percentage_never_turns_anyone_off(
    key: str, subject: str, one: float, other: float
) -> None:
    small, large = sorted([one, other])
    assert has(key, subject, large) or not has(key, subject, small)


@given(keys, st.text())
def test_none_is_nobody_and_a_hundred_everybody(key: str, subject: str) -> None:
    assert not has(key, subject, 0)
    assert has(key, subject, 100)


@given(keys, st.text())
def test_a_subject_comes_in_with_its_own_hundredth(key: str, subject: str) -> None:
    own = bucket(key, subject)
    assert not has(key, subject, own / 100)
    assert has(key, subject, (own + 1) / 100)


def test_a_subject_is_in_the_same_bucket_for_ever() -> None:
    """In every process and release: another hash would move the subjects of each rollout."""
    found = [bucket("seat-choice", name) for name in ("", "a", "b", "ü", "\ud800")]
    assert found == [7751, 2504, 3571, 2185, 6463]


@pytest.mark.parametrize("percentage", [0.5, 1, 10, 33.33, 50, 90, 99.5])
def test_about_the_percentage_has_it(percentage: float) -> None:
    deviation = (percentage * (100 - percentage) / MANY) ** 0.5
    assert share("seat-choice", percentage) == pytest.approx(percentage, abs=4 * deviation)


def test_every_bucket_is_as_likely() -> None:
    tenths = Counter(bucket("a", str(n)) * 10 // BUCKETS for n in range(MANY))
    assert set(tenths) == set(range(10))
    assert all(abs(count - MANY / 10) < 4 * (MANY / 10) ** 0.5 for count in tenths.values())


def test_keys_choose_their_subjects_apart() -> None:
    """Of those who have one flag at 50 %, half have another at 50 %, however alike the keys are."""
    have = [n for n in range(MANY) if has("canary-1", str(n), 50)]
    both = sum(has("canary-2", str(n), 50) for n in have)
    assert both / len(have) == pytest.approx(0.5, abs=4 * (0.25 / len(have)) ** 0.5)
