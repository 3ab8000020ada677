"""
Where an object lies: the keys of an organization trail, a single-account trail, and Control Tower's two eras.

On purpose not built on `sources.keys`: a sample that shares its grammar with the reader could not find a mistake in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from trailhouse.sample.recipe import ORGANIZATION, REGIONS, Recipe

OWN_ROOT = "AWSLogs/"  # of a trail that is one account's own
LEGACY_TRAIL = "legacy-trail"  # the first account's own, beside the organization's, until somebody deletes it


@dataclass(frozen=True, slots=True)
class Feed:
    """What CloudTrail delivers together: one file is always of one account, one kind, one region."""

    account: str
    kind: str
    region: str


def root_of(recipe: Recipe, account: str, moment: int) -> str:
    """The part of the key up to the account, by the trail that covers the account at that moment."""
    organization = f"AWSLogs/{ORGANIZATION}/"
    tower = f"{ORGANIZATION}/AWSLogs/"
    if recipe.layout == "organization":
        return organization
    if recipe.layout == "single":
        return OWN_ROOT
    if recipe.layout == "control-tower" or account == _tower_account(recipe):
        return f"{tower}{ORGANIZATION}/" if moment >= recipe.half else tower
    return organization


def trail_of(recipe: Recipe, root: str) -> str:
    """The name of the trail that delivers below such a root."""
    if recipe.layout == "single":
        return "main"
    return LEGACY_TRAIL if recipe.layout == "mixed" and root == OWN_ROOT else "org-trail"


def _tower_account(recipe: Recipe) -> str | None:
    """With several accounts, the third (or last) came with a landing zone that was upgraded to 3.0 half-way."""
    accounts = recipe.account_ids
    return accounts[min(2, len(accounts) - 1)] if len(accounts) > 1 else None


def log_key(root: str, feed: Feed, label: int, unique: str) -> str:
    """The key of a log file; the folder's date is that of delivery, which the label stands for."""
    at = datetime.fromtimestamp(label, UTC)
    name = f"{feed.account}_{feed.kind}_{feed.region}_{at:%Y%m%dT%H%MZ}_{unique}.json.gz"
    return f"{root}{feed.account}/{feed.kind}/{feed.region}/{at:%Y/%m/%d}/{name}"


def digest_key(root: str, feed: Feed, trail: str, end: int, suffix: str) -> str:
    """The key of a digest; its date and time are those of the end of the hour that it tells of."""
    at = datetime.fromtimestamp(end, UTC)
    name = f"{feed.account}_{feed.kind}_{feed.region}_{trail}_{REGIONS[0]}_{at:%Y%m%dT%H%M%SZ}{suffix}.json.gz"
    return f"{root}{feed.account}/{feed.kind}/{feed.region}/{at:%Y/%m/%d}/{name}"
