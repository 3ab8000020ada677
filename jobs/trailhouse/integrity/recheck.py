"""
How somebody else checks a digest again, with AWS's command line and with openssl, without us.

Pure. Of each chain the newest sound digest is named, with all that goes into its signature, so that what is claimed
here can be held against the bucket.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from trailhouse.integrity import digest
from trailhouse.integrity.digest import Digest
from trailhouse.integrity.places import Place
from trailhouse.integrity.public_keys import Keys
from trailhouse.integrity.values import VALID, Chain, DigestFile

_PARTITIONS = {"cn-": "aws-cn", "us-gov-": "aws-us-gov"}

OWNER = "OWNER"  # of an organization's trail: its management account, which no file names


def recheck(digests: Sequence[DigestFile], keys: Keys, places: Sequence[Place]) -> list[dict[str, Any]]:
    """For each chain, its newest sound digest and the commands."""
    by_name = {each.name: each for each in places}
    newest: dict[Chain, DigestFile] = {}
    oldest: dict[Chain, DigestFile] = {}
    for each in digests:
        if each.digest and each.verdict.verdict == VALID and each.read.signature and not each.name.backfill:
            oldest.setdefault(each.chain, each)
            newest[each.chain] = each
    return [_one(each, oldest[chain], keys, by_name) for chain, each in sorted(newest.items())]


def _one(each: DigestFile, first: DigestFile, keys: Keys, places: dict[str, Place]) -> dict[str, Any]:
    told, key = each.digest, keys.find(each.digest.fingerprint) if each.digest else None
    assert told, "its signature was checked"
    assert first.digest, "likewise"
    pem = digest.pem(key) if key else ""
    return {
        "account": each.there.account_id,
        "region": each.there.region,
        "trail": each.name.trail,
        "bucket": told.bucket,
        "key": told.key,
        "end": told.end_text,
        "sha256": each.read.sha256,
        "signature": each.read.signature,
        "previous_signature": told.previous.signature if told.previous else None,
        "fingerprint": told.fingerprint,
        "openssl": _openssl(each, told, pem, places.get(each.there.source)),
        "aws": _aws(each, first.digest, told),
    }


def _openssl(each: DigestFile, told: Digest, pem: str, place: Place | None) -> str:
    """A script for bash: fetch the digest, spell out what is signed, and let openssl say whether it is."""
    quoted = shlex.quote
    end, where = quoted(told.end_text), quoted(f"{told.bucket}/{told.key}")
    fetch = f"aws s3api get-object --bucket {quoted(told.bucket)} --key {quoted(told.key)} digest.json.gz"
    if place and place.is_copy:
        fetch = f"cp {quoted(f'{place.source.url}/{each.there.key}')} digest.json.gz"
    previous = told.previous.signature if told.previous else "null"
    return f"""{fetch}
gzip -dc digest.json.gz > digest.json
sha256=$(openssl dgst -sha256 -r digest.json | cut -d' ' -f1)
printf '%s\\n%s\\n%s\\n%s' {end} {where} "$sha256" {previous} > signed.txt
printf '%b' "$(printf %s {each.read.signature} | sed 's/../\\\\x&/g')" > signature.bin
cat > key.pem <<'END'
{pem.strip()}
END
openssl dgst -sha256 -verify key.pem -signature signature.bin signed.txt
"""


def _aws(each: DigestFile, first: Digest, told: Digest) -> str:
    """AWS's own check of the chain. Of an organization's trail it looks up the bucket by itself, with an account."""
    name, region = each.name, each.there.region
    partition = next((value for begin, value in _PARTITIONS.items() if name.home.startswith(begin)), "aws")
    before = told.key.partition("AWSLogs/")[0]
    of_organization = told.key.removeprefix(f"{before}AWSLogs/").startswith("o-")
    owner = OWNER if of_organization else told.account_id
    where = f"--account-id {told.account_id}"
    if not of_organization:
        where = f"--s3-bucket {shlex.quote(told.bucket)}"
        where += f" --s3-prefix {shlex.quote(before.rstrip('/'))}" if before else ""
    since = first.start + timedelta(seconds=1)
    return (
        "aws cloudtrail validate-logs"
        f" --trail-arn arn:{partition}:cloudtrail:{name.home}:{owner}:trail/{name.trail}"
        f" --start-time {since:%Y-%m-%dT%H:%M:%SZ} --end-time {told.end_text} --region {region} {where} --verbose"
    )
