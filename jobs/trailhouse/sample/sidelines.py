"""
What lies beside the log files: Insights, aggregated records, and things that are no logs at all.

Few of each, in the shapes of the documentation.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from random import Random
from typing import Any

from trailhouse.sample.blanks import iso, uuid
from trailhouse.sample.layout import Feed, root_of
from trailhouse.sample.objects import Objects, envelope, packed
from trailhouse.sample.recipe import DAY, Recipe

_HOUR = 3600
_README = "This bucket was made by `trailhouse sample`. Nothing in it is real; see truth.json for what it holds.\n"
_INSIGHTS = (
    # service, call, error code of an error-rate insight, baseline as it is spelled
    ("iam", "CreateAccessKey", "", "0.0012"),
    ("ec2", "RunInstances", "Client.UnauthorizedOperation", "9.82222E-5"),
    ("ssm", "GetParameter", "", "4"),
)


def put_insights(objects: Objects, recipe: Recipe, account: str, midnight: int, rng: Random) -> None:
    """A pair a day: begin and end in different files, whose minute is not a multiple of five."""
    feed = Feed(account, "CloudTrail-Insight", rng.choice(recipe.region_names))
    start = midnight + rng.randint(8 * 60, 15 * 60) * 60
    what = rng.choice(_INSIGHTS)
    shared, minutes = uuid(rng), rng.randint(2, 40)
    for state, at in (("Start", start), ("End", start + minutes * 60)):
        text = _insight(feed, what, (state, shared, minutes), (at, uuid(rng)))
        label = (at + 7 * 60) // 60 * 60
        label += 60 if label % 300 == 0 else 0
        objects.put_log(root_of(recipe, account, label), feed, label, envelope([text]))
        counts = objects.counts(account)
        counts.insight_events += 1
        counts.records_delivered += 1


def _insight(feed: Feed, what: tuple[str, str, str, str], pair: tuple[str, str, int], own: tuple[int, str]) -> str:
    service, name, error, baseline = what
    state, shared, minutes = pair
    role = f"arn:aws:sts::{feed.account}:assumed-role/Deploy"
    statistics: dict[str, Any] = {"baseline": {"average": "@"}, "insight": {"average": 7.5 if state == "Start" else 6}}
    if state == "End":
        statistics["insightDuration"] = minutes
    details: dict[str, Any] = {
        "state": state,
        "eventSource": f"{service}.amazonaws.com",
        "eventName": name,
        "insightType": "ApiErrorRateInsight" if error else "ApiCallRateInsight",
    }
    if error:
        details["errorCode"] = error
    details["insightContext"] = {
        "statistics": {**statistics, "baselineDuration": 10080},
        "attributions": [
            {"attribute": "userIdentityArn", "insight": [{"value": role, "average": 7.5}], "baseline": []},
            {"attribute": "errorCode", "insight": [{"value": error or "null", "average": 7.5}], "baseline": []},
        ],
    }
    record = {
        "eventVersion": "1.08",
        "eventTime": iso(own[0]),
        "awsRegion": feed.region,
        "eventID": own[1],
        "eventType": "AwsCloudTrailInsight",
        "recipientAccountId": feed.account,
        "sharedEventID": shared,
        "insightDetails": details,
        "eventCategory": "Insight",
    }
    return _compact(record).replace('"@"', baseline)  # json.dumps would spell 9.82222E-5 its own way


def put_aggregates(objects: Objects, recipe: Recipe, account: str, midnight: int, rng: Random) -> None:
    """Five-minute sums of data events, three times a day, by call, by resource and by user."""
    feed = Feed(account, "CloudTrail-Aggregated", recipe.region_names[0])
    for hour in (9, 12, 15):
        start = midnight + hour * _HOUR
        texts = [_aggregate(feed, start, dimension, rng) for dimension in ("eventName", "resourceARN", "userIdentity")]
        label = start + 900
        objects.put_log(root_of(recipe, account, label), feed, label, envelope(texts))
        counts = objects.counts(account)
        counts.aggregated_events += len(texts)
        counts.records_delivered += len(texts)


def _aggregate(feed: Feed, start: int, dimension: str, rng: Random) -> str:
    value = rng.randint(20, 900)
    names = {
        "eventName": "GetObject",
        "resourceARN": f"arn:aws:s3:::example-data-{feed.account}",
        "userIdentity": f"AWSAccount:{feed.account}",
    }
    other = "userIdentity" if dimension == "eventName" else "eventName"
    # One sample of the documentation spells its times like this; readers must take both.
    first = iso(start) if rng.random() < 0.8 else iso(start).replace("T", " ").rstrip("Z")
    return _compact(
        {
            "eventVersion": "1.0",
            "accountId": feed.account,
            "eventId": uuid(rng),
            "eventCategory": "Aggregated",
            "eventType": "AwsAggregatedEvent",
            "awsRegion": feed.region,
            "eventSource": "s3.amazonaws.com",
            "timeWindow": {"windowStart": first, "windowEnd": iso(start + 300), "windowSize": "PT5M"},
            "summary": {
                "primaryDimension": {
                    "dimension": dimension,
                    "aggregationType": "Count",
                    "statistics": [{"name": names[dimension], "value": value}],
                },
                "details": [
                    {
                        "dimension": other,
                        "statistics": [{"name": names[other], "value": value}],
                        "aggregationType": "Count",
                    },
                    {
                        "dimension": "sourceIpAddress",
                        "aggregationType": "Count",
                        "statistics": [{"name": "192.0.2.17", "value": value}],
                    },
                ],
            },
        }
    )


def put_others(objects: Objects, recipe: Recipe) -> None:
    """A file of AWS Config, as it lies in the same bucket (its dates are not padded), and a text."""
    account, region = recipe.account_ids[0], recipe.region_names[0]
    at = datetime.fromtimestamp(recipe.midnight + DAY // 2, UTC)
    folder = f"{root_of(recipe, account, recipe.midnight)}{account}/Config/{region}/{at.year}/{at.month}/{at.day}"
    name = f"{account}_Config_{region}_ConfigSnapshot_{at:%Y%m%dT%H%M%SZ}_0a1b2c3d.json.gz"
    body = {"fileVersion": "1.0", "configSnapshotId": "00000000-0000-4000-a000-000000000001", "configurationItems": []}
    objects.put_other(f"{folder}/ConfigSnapshot/{name}", packed(_compact(body).encode()))
    objects.put_other("README.txt", _README.encode())


def _compact(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
