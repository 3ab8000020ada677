"""
Public keys: from a file, from the CloudTrail API, and from the lake, which keeps every key that it was given.

A bucket's own copy of them is never taken by itself: whoever can write there could sign what he likes.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from pyiceberg.expressions import In

from trailhouse.errors import TrailhouseError, UsageError
from trailhouse.integrity import digest
from trailhouse.integrity.digest import PublicKey
from trailhouse.integrity.values import shifted
from trailhouse.lake import rows
from trailhouse.lake.catalog import Lake
from trailhouse.sources import aws

TABLE = "public_keys"

# Digests have been seen that were signed shortly after a key had given way to the next: a wider window finds them.
AROUND = timedelta(days=1)

BEGAN = datetime(2015, 9, 1)  # digests are a little younger


@dataclass(frozen=True, slots=True)
class Kept:
    """A key, and where it comes from."""

    key: PublicKey
    origin: str


class Keys:
    """Keys by fingerprint, each loaded once."""

    def __init__(self, kept: Iterable[Kept] = ()) -> None:
        self.kept = {each.key.fingerprint: each for each in kept}
        self._loaded: dict[str, RSAPublicKey | None] = {}

    def find(self, fingerprint: str) -> RSAPublicKey | None:
        """The key of this fingerprint."""
        each = self.kept.get(fingerprint)
        if each and fingerprint not in self._loaded:
            self._loaded[fingerprint] = digest.loaded(each.key)
        return self._loaded.get(fingerprint)

    def may_be_of_time(self, fingerprint: str, when: datetime) -> bool:
        """Whether CloudTrail may have signed with a key at a time, for all that is known of it."""
        kept = self.kept.get(fingerprint)
        return kept is None or shifted(kept.key.since, -AROUND) <= when <= shifted(kept.key.until, AROUND)


def of_file(path: Path) -> list[Kept]:
    """The keys in a file as `aws cloudtrail list-public-keys` prints them; what can't be meant is refused."""
    try:
        told = json.loads(path.read_bytes())
    except OSError as error:
        raise UsageError(f"the file of public keys {path} can't be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"the file of public keys {path} is no JSON: {error}") from error
    listed = told.get("PublicKeyList") if isinstance(told, dict) else None
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise UsageError(
            f"{path} is not what `aws cloudtrail list-public-keys` prints: it has no list named PublicKeyList"
        )
    found = [Kept(_key(each, str(path)), f"file {path.name}") for each in listed]
    for each in found:
        if digest.loaded(each.key) is None:
            raise UsageError(
                f"the key {each.key.fingerprint} in {path} is no RSA key of {digest.LEAST_BITS} bits or more in Base64 "
                "of DER whose MD5 that is: fetch the file again"
            )
    return found


def of_api(region: str, since: datetime, until: datetime, now: datetime) -> list[Kept]:
    """
    The keys that CloudTrail signed with in a region, over a time. Raises TrailhouseError where it does not say.

    What asks for it is not signed for yet: a time at which there were no digests could cost the others the answer.
    """
    since, until = max(BEGAN, shifted(since, -AROUND)), min(shifted(until, AROUND), shifted(now, AROUND))
    since = min(since, until)
    asked = {"StartTime": since.replace(tzinfo=UTC), "EndTime": until.replace(tzinfo=UTC)}
    try:
        client = aws.client("cloudtrail", aws.Access(region=region))
        listed = [each for page in _pages(client, asked) for each in page["PublicKeyList"]]
    except (ClientError, BotoCoreError) as error:
        said = " ".join(str(error).split())[:300]
        raise TrailhouseError(f"CloudTrail did not tell its public keys in {region}: {said}") from error
    found = []
    for each in listed:
        value = base64.b64encode(each["Value"]).decode()
        found.append(
            Kept(_key({**each, "Value": value}, f"CloudTrail's answer in {region}"), f"CloudTrail in {region}")
        )
    return found


def _pages(client: Any, asked: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    token = ""
    while True:
        page = client.list_public_keys(**asked, **({"NextToken": token} if token else {}))
        yield page
        following = page.get("NextToken", "")
        if not following or following == token:
            return
        token = following


def of_lake(lake: Lake) -> list[Kept]:
    """The keys that the lake has."""
    table = lake.find(TABLE)
    return [
        Kept(PublicKey(row["fingerprint"], row["value"], row["valid_from"], row["valid_until"]), row["origin"])
        for row in (table.scan().to_arrow().to_pylist() if table else [])
    ]


def keep(lake: Lake, found: Sequence[Kept], now: datetime) -> None:
    """Keep those that the lake has not, or not so: a key's time may have been told anew."""
    had = {each.key for each in of_lake(lake)}
    new = {each.key.fingerprint: each for each in found if each.key not in had}
    if not new:
        return
    made = [
        {
            "fingerprint": each.key.fingerprint,
            "value": each.key.value,
            "valid_from": each.key.since,
            "valid_until": each.key.until,
            "origin": each.origin,
            "added_at": now.astimezone(UTC).replace(tzinfo=None),
        }
        for each in new.values()
    ]
    rows.replace(lake, TABLE, In("fingerprint", set(new)), rows.table_of(TABLE, made))


def _key(each: Mapping[str, Any], where: str) -> PublicKey:
    try:
        value = str(each["Value"])
        base64.b64decode(value, validate=True)
        since, until = _time(each["ValidityStartTime"]), _time(each["ValidityEndTime"])
        return PublicKey(str(each["Fingerprint"]), value, since, until)
    except (KeyError, TypeError, ValueError, OverflowError, OSError, binascii.Error) as error:
        raise UsageError(f"a key in {where} lacks what it must have, or has it in another form: {error}") from error


def _time(told: Any) -> datetime:
    """A time as the API, the command line of today, or the one of years ago has it."""
    if isinstance(told, datetime):
        found = told
    elif isinstance(told, str) and not told.replace(".", "", 1).isdigit():
        found = datetime.fromisoformat(told)
    else:
        found = datetime.fromtimestamp(float(told), UTC)
    zoned = found if found.tzinfo else found.replace(tzinfo=UTC)
    return zoned.astimezone(UTC).replace(tzinfo=None)
