"""Which days are listed, and when a mark moves. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from trailhouse.settings import Listing
from trailhouse.sources.state import PIECE, PIECES, TIERS, ListingState, Scope, Tier, advance, scopes

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
TODAY = NOW.date()
FEED = "AWSLogs/111122223333/CloudTrail/us-east-1/"
EVERY = Listing()


def remembered(newest: date = TODAY, **ago: timedelta) -> ListingState:
    """A state whose tiers were all just done, but for those named."""
    done = {tier: NOW - ago.get(tier, timedelta(minutes=5)) for tier in TIERS}
    return ListingState("s3://b/", {FEED: newest}, done)


def first_day(state: ListingState, now: datetime = NOW) -> str:
    agenda = scopes(state, EVERY, now)
    assert [scope.what for scope in agenda.scopes if scope.what != "discover"] == ["feed"]
    return agenda.scopes[0].start_after.removeprefix(FEED)


def test_without_a_state_everything_is_listed() -> None:
    agenda = scopes(None, EVERY, NOW, "logs/")
    assert agenda.scopes == (Scope("all", "logs/"),)
    assert agenda.tiers == TIERS


def test_with_nothing_due_only_the_newest_day_is_listed() -> None:
    agenda = scopes(remembered(), EVERY, NOW)
    assert agenda.scopes == (Scope("feed", FEED, f"{FEED}2026/11/21/"),)
    assert agenda.tiers == ()


@pytest.mark.parametrize(
    ("due", "start"),
    [("yesterday", "2026/11/20/"), ("lookback", "2026/11/14/")],
)
def test_a_tier_that_is_due_starts_earlier(due: str, start: str) -> None:
    assert first_day(remembered(TODAY, **{due: timedelta(days=1)})) == start


def test_discovery_is_added_when_due() -> None:
    agenda = scopes(remembered(discover=timedelta(hours=1)), EVERY, NOW, "logs/")
    assert agenda.scopes[-1] == Scope("discover", "logs/")
    assert agenda.tiers == ("discover",)


FEEDS = [f"AWSLogs/{account:012d}/CloudTrail/us-east-1/" for account in range(10)]


@pytest.mark.parametrize(
    ("feeds", "objects", "meet"),
    [
        (10, 0, []),
        (10, PIECE, []),
        (10, 2 * PIECE, FEEDS[5:6]),
        (10, 3 * PIECE, [FEEDS[3], FEEDS[6]]),
        (3, 10**9, FEEDS[1:3]),
        (0, 10**9, []),
    ],
)
def test_a_large_place_is_listed_in_pieces_that_leave_nothing_out(feeds: int, objects: int, meet: list[str]) -> None:
    state = ListingState("s3://b/", dict.fromkeys(FEEDS[:feeds], TODAY), {}, objects)
    found = scopes(state, EVERY, NOW, "logs/").scopes
    assert {(scope.what, scope.prefix) for scope in found} == {("all", "logs/")}
    assert [scope.start_after for scope in found] == ["", *meet]
    assert [scope.until for scope in found] == [*meet, ""]


def test_there_are_only_so_many_pieces() -> None:
    many = {f"AWSLogs/{account:012d}/CloudTrail/us-east-1/": TODAY for account in range(1000)}
    assert len(scopes(ListingState("s3://b/", many, {}, 10**9), EVERY, NOW).scopes) == PIECES


def test_a_reconcile_that_is_due_lists_everything() -> None:
    assert scopes(remembered(reconcile=timedelta(days=7)), EVERY, NOW).scopes == (Scope("all", ""),)


def test_a_feed_that_was_silent_is_listed_from_its_last_day() -> None:
    assert first_day(remembered(newest=date(2026, 9, 1))) == "2026/09/01/"


def test_a_host_clock_that_runs_ahead_hides_no_day() -> None:
    state = remembered()
    ahead = replace(state, done=dict.fromkeys(TIERS, NOW + timedelta(days=40)))
    assert first_day(ahead, NOW + timedelta(days=40)) == "2026/11/21/"


def test_a_clock_set_back_makes_every_tier_due() -> None:
    assert scopes(remembered(reconcile=timedelta(days=-1)), EVERY, NOW).scopes == (Scope("all", ""),)


def test_an_object_planted_in_the_future_hides_no_day() -> None:
    assert first_day(remembered(newest=date(2099, 12, 31))) == "2026/11/21/"


def test_the_first_days_of_the_calendar_are_no_trouble() -> None:
    assert first_day(remembered(newest=date(1, 1, 1), lookback=timedelta(days=1))) == "0001/01/01/"


def test_marks_move_only_for_tiers_that_are_done() -> None:
    before = remembered(yesterday=timedelta(days=1), discover=timedelta(days=1))
    done: tuple[Tier, ...] = ("discover",)
    after = advance(before, done, NOW, {FEED: date(2026, 11, 22)})
    assert after.done == {**before.done, "discover": NOW}
    assert after.feeds == {FEED: date(2026, 11, 22)}
    assert advance(before, (), NOW, {}) == before


def test_a_reconcile_forgets_feeds_that_are_gone_and_others_never_go_back_a_day() -> None:
    before = remembered()
    assert advance(before, TIERS, NOW, {"x/": date(2026, 1, 1)}).feeds == {"x/": date(2026, 1, 1)}
    assert advance(before, (), NOW, {FEED: date(2026, 1, 1)}).feeds == before.feeds


def test_the_state_survives_being_written_down() -> None:
    assert ListingState.from_json(remembered().to_json()) == remembered()


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "null", '{"version": 2}', '{"version": 1, "place": "", "feeds": {"a": 1}, "done": {}}',
             '{"version": 1, "place": "", "feeds": {}, "done": {"yesterday": "2026-01-01T00:00:00"}}']
)  # fmt: skip
def test_a_state_that_cannot_be_read_means_a_full_listing(text: str) -> None:
    assert ListingState.from_json(text) is None
