"""
Digests: which log files a trail delivered in which hour, each signed and naming the one before it.

Every account and region has a chain, also where nothing was delivered. Knows hours and links; the keys are `signing`'s,
and which bytes are broken on purpose is `bucket`'s: a digest lists what was meant to be delivered.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any

from trailhouse.sample.blanks import iso
from trailhouse.sample.layout import LEGACY_TRAIL, OWN_ROOT, Feed, digest_key, root_of, trail_of
from trailhouse.sample.objects import Delivered, Objects, packed
from trailhouse.sample.recipe import DAY, Recipe
from trailhouse.sample.signing import public_keys, signer_at
from trailhouse.sample.story import legacy_trail_since, trail_deleted_at

BUCKET = "trailhouse-sample-logs"
KIND = "CloudTrail-Digest"
_HOUR = 3600
_AROUND = 300  # a file was put up to so many seconds before or after the time in its name
_PREVIOUS = (
    "previousDigestS3Bucket",
    "previousDigestS3Object",
    "previousDigestHashValue",
    "previousDigestHashAlgorithm",
    "previousDigestSignature",
)


@dataclass(frozen=True, slots=True)
class Link:
    """What a digest says of the one before."""

    key: str
    sha256: str
    signature: str


@dataclass(frozen=True, slots=True)
class Hour:
    """What one digest is about. A backfill tells of files that the hour's own digest missed."""

    feed: Feed
    trail: str
    end: int
    backfilled: int | None = None  # when that was


@dataclass(slots=True)
class Chain:
    """The digests of one trail, account and region: how far they are, and the log files that wait for theirs."""

    feed: Feed
    trail: str
    end: int  # of the hour that is next
    last: int | None = None  # the end of the last hour, of a trail that is deleted
    missing: tuple[int, ...] = ()  # of the hours with log files, those whose digest misses one
    filled: int = 0  # hours with log files so far
    waiting: list[tuple[int, Delivered]] = field(default_factory=list)
    normal: Link | None = None
    backfill: Link | None = None


@dataclass(slots=True)
class Digests:
    """All chains of a bucket in the making."""

    recipe: Recipe
    rng: Random
    chains: dict[tuple[str, str, str], Chain]


def begin_digests(recipe: Recipe) -> Digests:
    """A chain for each account and region; that of a trail of an account's own begins with its first file."""
    trail = trail_of(recipe, root_of(recipe, recipe.account_ids[0], recipe.midnight))
    missing = {
        (recipe.account_ids[-1], recipe.region_names[-1]): (1,),
        (recipe.account_ids[0], recipe.region_names[0]): (2, 5),  # two, so that backfills have a chain
    }
    chains = {
        (trail, account, region): Chain(
            Feed(account, KIND, region),
            trail,
            _hour_of(trail, recipe.midnight),
            missing=missing.get((account, region), ()),
        )
        for account in recipe.account_ids
        for region in recipe.region_names
    }
    return Digests(recipe, Random(f"{recipe.seed}/deliveries"), chains)


def write_digests(digests: Digests, objects: Objects, until: int) -> None:
    """Write the digests of all hours that are over by then; what was delivered later waits."""
    _hand_out(digests, objects)
    for chain in digests.chains.values():
        while chain.end <= min(until, chain.last or until):
            _write_hour(digests.recipe, objects, chain)


def end_digests(digests: Digests, objects: Objects) -> None:
    """Go on until every log file is listed, all chains equally long, and lay down the public keys."""
    _hand_out(digests, objects)
    waiting = [moment for chain in digests.chains.values() for moment, _ in chain.waiting]
    write_digests(digests, objects, max([digests.recipe.end, *waiting]) + _HOUR - 1)  # the hour of the last one is over
    for chain in digests.chains.values():
        _write_stragglers(digests.recipe, objects, chain)
    objects.put_other("public-keys.json", public_keys(digests.recipe))


def _hand_out(digests: Digests, objects: Objects) -> None:
    for file in objects.delivered:
        trail = trail_of(digests.recipe, file.root)
        place = (trail, file.feed.account, file.feed.region)
        if place not in digests.chains:
            digests.chains[place] = _legacy_chain(digests.recipe, file.feed)
        chain = digests.chains[place]
        moment = _delivered_at(file, digests.rng)
        assert moment > chain.end - _HOUR, "an hour's digest is written when all its files are there"
        chain.waiting.append((moment, file))
    objects.delivered.clear()


def _legacy_chain(recipe: Recipe, feed: Feed) -> Chain:
    """Until the hour in which the trail was deleted, which its last digest covers."""
    first = _hour_of(LEGACY_TRAIL, legacy_trail_since(recipe))
    last = _hour_of(LEGACY_TRAIL, trail_deleted_at(recipe))
    return Chain(Feed(feed.account, KIND, feed.region), LEGACY_TRAIL, first, last)


def _delivered_at(file: Delivered, rng: Random) -> int:
    """Some minutes around the time in the file's name, but not before what it tells of."""
    newest = int(datetime.fromisoformat(file.newest).timestamp())
    return max(newest, file.label + rng.randint(-_AROUND, _AROUND))


def _hour_of(trail: str, moment: int) -> int:
    """When the hour ends that a moment belongs to; a trail's hours begin when the trail did, not with the clock's."""
    past = 1628 if trail == LEGACY_TRAIL else 753
    return past + -(-(moment - past) // _HOUR) * _HOUR


def _write_hour(recipe: Recipe, objects: Objects, chain: Chain) -> None:
    files = [file for moment, file in chain.waiting if moment <= chain.end]
    chain.waiting = [(moment, file) for moment, file in chain.waiting if moment > chain.end]
    chain.filled += bool(files)
    missed = files[:1] if chain.filled in chain.missing else []
    hour = Hour(chain.feed, chain.trail, chain.end)
    chain.normal = _put_digest(recipe, objects, hour, files[len(missed) :], chain.normal)
    if missed:
        _write_backfill(recipe, objects, chain, chain.end, missed)
    chain.end += _HOUR


def _write_stragglers(recipe: Recipe, objects: Objects, chain: Chain) -> None:
    """What came after the last digest of a deleted trail."""
    for end in sorted({_hour_of(chain.trail, moment) for moment, _ in chain.waiting}):
        files = [file for moment, file in chain.waiting if _hour_of(chain.trail, moment) == end]
        _write_backfill(recipe, objects, chain, end, files)
    chain.waiting = []


def _write_backfill(recipe: Recipe, objects: Objects, chain: Chain, end: int, files: list[Delivered]) -> None:
    noticed = (end // DAY + 1) * DAY  # within the day by which the keys' times overlap: the hour's own key signs
    hour = Hour(chain.feed, chain.trail, end, noticed)
    chain.backfill = _put_digest(recipe, objects, hour, files, chain.backfill)


def _put_digest(recipe: Recipe, objects: Objects, hour: Hour, files: list[Delivered], previous: Link | None) -> Link:
    """Write a digest, and beside it what S3 would keep as the object's metadata."""
    signer = signer_at(recipe, hour.end)
    root = OWN_ROOT if hour.trail == LEGACY_TRAIL else root_of(recipe, hour.feed.account, hour.end)
    key = digest_key(root, hour.feed, hour.trail, hour.end, "_backfill" if hour.backfilled else "")
    content = _content(hour, (key, signer.fingerprint), files, previous)
    sha256 = hashlib.sha256(content).hexdigest()
    before = previous.signature if previous else "null"
    signature = signer.sign(f"{iso(hour.end)}\n{BUCKET}/{key}\n{sha256}\n{before}")
    metadata = {"signature": signature, "signature-algorithm": "SHA256withRSA"}
    if hour.backfilled:
        metadata["backfill-generation-timestamp"] = iso(hour.backfilled).replace("Z", ".000Z")
    objects.put_counted(key, hour.feed.account, KIND, packed(content))
    objects.put_other(f"{key}.metadata.json", json.dumps(metadata).encode())
    return Link(key, sha256, signature)


def _content(hour: Hour, own: tuple[str, str], files: list[Delivered], previous: Link | None) -> bytes:
    before: tuple[str | None, ...] = (None,) * len(_PREVIOUS)
    if previous:
        before = (BUCKET, previous.key, previous.sha256, "SHA-256", previous.signature)
    body = {
        "awsAccountId": hour.feed.account,
        "digestStartTime": iso(hour.end - _HOUR),
        "digestEndTime": iso(hour.end),
        "digestS3Bucket": BUCKET,
        "digestS3Object": own[0],
        "digestPublicKeyFingerprint": own[1],
        "digestSignatureAlgorithm": "SHA256withRSA",
        "newestEventTime": max((file.newest for file in files), default=None),
        "oldestEventTime": min((file.oldest for file in files), default=None),
        **dict(zip(_PREVIOUS, before, strict=True)),
        "logFiles": [_log_file(file) for file in files],
    }
    return json.dumps(body, separators=(",", ":")).encode()


def _log_file(file: Delivered) -> dict[str, Any]:
    return {
        "s3Bucket": BUCKET,
        "s3Object": file.key,
        "hashValue": file.sha256,
        "hashAlgorithm": "SHA-256",
        "newestEventTime": file.newest,
        "oldestEventTime": file.oldest,
    }
