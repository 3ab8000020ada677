"""
Write records: a call, a caller and a moment become the text of one CloudTrail record.

Each call is turned once into `%`-templates of a whole record, so that a record costs one substitution; a dictionary
and `json.dumps` for each took eight times as long. Knows no files and no plan.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from random import Random

from trailhouse.sample.blanks import Blanks
from trailhouse.sample.calls import ABSENT, CALLS, FAILURES, Call, Failure
from trailhouse.sample.calls.call import Json
from trailhouse.sample.cast import Actor

_BLANK = re.compile(r'"<(#[a-z0-9]+)>"|<([a-z0-9]+)>')
_VERSIONS = {
    "s3": "1.11",
    "kms": "1.11",
    "ec2": "1.10",
    "iam": "1.10",
    "lambda": "1.11",
    "dynamodb": "1.11",
    "cloudtrail": "1.11",
    "sqs": "1.11",
    "ssm": "1.09",
    "ecs": "1.09",
    "cloudformation": "1.09",
}
_USUAL_VERSION = "1.08"
ENDINGS = ("tls", "console", "bare", "service")


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """One way a call can end: it went well, or with one of its failures. By ending, the template of its record."""

    share: float
    failure: Failure | None
    templates: dict[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class Recorded:
    """A call that is ready to be written: all its outcomes, the good one first."""

    call: Call
    good: Outcome
    bad: tuple[Outcome, ...]

    def outcome(self, chance: float) -> Outcome:
        for outcome in self.bad:
            if chance < outcome.share:
                return outcome
            chance -= outcome.share
        return self.good

    def failing(self, code: str) -> Outcome:
        return next(outcome for outcome in self.bad if outcome.failure and outcome.failure.code == code)


@dataclass(frozen=True, slots=True)
class Written:
    """A record's text and what was written in it, for those who count."""

    text: str
    recorded: Recorded
    outcome: Outcome
    actor: Actor


def write(recorded: Recorded, outcome: Outcome, actor: Actor, blanks: Blanks) -> Written:
    """Fill the template of this outcome; whatever `blanks` doesn't know is made up."""
    return Written(outcome.templates[actor.ending] % blanks, recorded, outcome, actor)


def moment_blanks(actor: Actor, region: str, epoch: int, rng: Random) -> Blanks:
    """What every record of this actor at this moment has in common."""
    blanks = Blanks(actor.blanks, rng)
    blanks["region"] = region
    blanks["epoch"] = epoch
    return blanks


def prepare(call: Call) -> Recorded:
    """Turn a row of the tables into templates."""
    bad = tuple(_outcome(call, FAILURES[word]) for word in call.errors.split())
    return Recorded(call, _outcome(call, None), bad)


def _outcome(call: Call, failure: Failure | None) -> Outcome:
    writer = _network_record if call.category == "NetworkActivity" else _usual_record
    templates = {ending: _template(writer(call, failure, ending), call) for ending in ENDINGS}
    return Outcome(failure.share if failure else 1.0, failure, templates)


def _template(text: str, call: Call) -> str:
    text = text.replace("<action>", f"{call.service}:{call.name}")
    text = text.replace("<target>", f"arn:aws:{call.service}:<region>:<account>:*").replace("%", "%%")
    return _BLANK.sub(lambda found: f"%({found[1] or found[2]})s", text)


def _field(name: str, value: Json) -> str:
    if isinstance(value, str) and value == ABSENT:
        return ""
    return f',"{name}":{json.dumps(value, ensure_ascii=False, separators=(",", ":"))}'


def _head(call: Call, version: str) -> str:
    return (
        f'{{"eventVersion":"{version}","userIdentity":<who>,"eventTime":"<time>","eventSource":"{call.source}",'
        f'"eventName":"{call.name}","awsRegion":"<region>","sourceIPAddress":"<ip>"'
    )


def _failure_fields(call: Call, failure: Failure | None) -> str:
    if failure is None:
        failed_login = call.event_type == "AwsConsoleSignIn" and "Failure" in str(call.response)
        return _field("errorMessage", "Failed authentication") if failed_login else ""
    message = ABSENT if failure.message is None else failure.message
    return _field("errorCode", failure.code) + _field("errorMessage", message)


def _usual_record(call: Call, failure: Failure | None, ending: str) -> str:
    version = call.version or _VERSIONS.get(call.service, _USUAL_VERSION)
    minor = int(version.partition(".")[2])
    agent = "<s3agent>" if call.service == "s3" else "<agent>"
    response = call.response if failure is None else None
    request_id = "<s3id>" if call.service == "s3" else "<uuid>"
    return "".join(
        (
            _head(call, version),
            f',"userAgent":"{agent}"',
            _failure_fields(call, failure),
            _field("requestParameters", call.params),
            _field("responseElements", response),
            _field("additionalEventData", call.extra),
            _field("requestID", request_id) if call.event_type == "AwsApiCall" else "",
            ',"eventID":"<eventid>"',
            _field("readOnly", call.read) if minor > 2 else "",
            _field("resources", call.resources),
            f',"eventType":"{call.event_type}"',
            _field("apiVersion", call.api_version) if call.api_version else "",
            _field("managementEvent", call.category == "Management") if minor >= 6 else "",
            ',"recipientAccountId":"<recipient>"<shared>',
            ',"sharedEventID":"<uuid>"' if ending == "service" and call.event_type == "AwsApiCall" else "",
            "<vpce>",
            _field("serviceEventDetails", call.details),
            _field("eventCategory", call.category) + "<addendum>" if minor >= 7 else "",
            _ending(call, ending) if minor >= 8 else "",
            "}",
        )
    )


def _ending(call: Call, ending: str) -> str:
    if ending == "console":
        return ',"sessionCredentialFromConsole":"true"'
    if ending != "tls" or call.event_type == "AwsServiceEvent":
        return ""
    host = f"{call.service}.<region>.amazonaws.com"
    return (
        ',"tlsDetails":{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256",'
        f'"clientProvidedHostHeader":"{host}"}}'
    )


def _network_record(call: Call, failure: Failure | None, ending: str) -> str:
    """Thin records: no user agent, no parameters, not even whether it was a read."""
    return "".join(
        (
            _head(call, "1.09"),
            _failure_fields(call, failure),
            ',"requestID":"<uuid>","eventID":"<eventid>","eventType":"AwsVpceEvent"',
            ',"recipientAccountId":"<recipient>","sharedEventID":"<uuid>","vpcEndpointId":"<vpceid>"',
            ',"vpcEndpointAccountId":"<recipient>","eventCategory":"NetworkActivity"<addendum>}',
        )
    )


RECORDED: tuple[Recorded, ...] = tuple(prepare(call) for call in CALLS)


def recorded(service: str, name: str, odd: str = "") -> Recorded:
    """The prepared call of that name; `odd` tells rows of one name apart by what is said of them."""
    return next(r for r in RECORDED if (r.call.service, r.call.name) == (service, name) and odd in r.call.odd)
