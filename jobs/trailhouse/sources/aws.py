"""
The one place that makes a boto3 client.

Knows roles, retries, timeouts, and clients per process. Knows nothing of what is asked of AWS. Region, profile,
endpoint and credentials come from AWS's standard configuration, which boto3 reads itself.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore.config import Config
from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
from botocore.exceptions import BotoCoreError, ClientError, NoRegionError, ProfileNotFound
from botocore.utils import parse_timestamp

from trailhouse import __version__, settings
from trailhouse.errors import TrailhouseError, UsageError


@dataclass(frozen=True, slots=True)
class Access:
    """As whom and where. A plain value, so that it travels to workers; credentials never do."""

    role_arn: str = ""
    external_id: str = ""
    region: str = ""


_CLIENTS: dict[tuple[int, str, Access, int], Any] = {}
# Making a client is not thread-safe in boto3; using one is.
_LOCK = threading.Lock()


def client(service: str, access: Access = Access(), attempts: int = 6) -> Any:
    """
    A client for a service, the same one for the same arguments within a process.

    `attempts` counts all tries of one request in botocore's standard mode. 1 is for callers with a retry of their own.
    """
    with _LOCK:
        # The process id: Spark's workers are forked, and a socket must not be shared with the parent.
        key = (os.getpid(), service, access, attempts)
        if key not in _CLIENTS:
            _CLIENTS[key] = _make(service, access, attempts)
        return _CLIENTS[key]


def renew(access: Access) -> None:
    """Forget this process's clients for it, so that the next ones ask for credentials anew."""
    with _LOCK:
        for key in [key for key in _CLIENTS if key[2] == access]:
            del _CLIENTS[key]


def _make(service: str, access: Access, attempts: int) -> Any:
    try:
        session = _session(access)
    except ProfileNotFound as error:
        raise UsageError(f"{error}: set AWS_PROFILE to one of ~/.aws/config, or to none") from error
    config = Config(
        retries={"mode": "standard", "total_max_attempts": attempts},
        connect_timeout=5,
        read_timeout=30,
        max_pool_connections=64,
        user_agent_extra=f"trailhouse/{__version__}",
    )
    try:
        made = session.client(service, config=config)
    except NoRegionError as error:
        raise UsageError(
            f"no AWS region is set for {service}: set AWS_REGION, or region in your AWS profile"
        ) from error
    refuse_plain_http(service, made.meta.endpoint_url)
    if service == "s3" and not is_aws(made.meta.endpoint_url):
        # Servers other than AWS's rarely answer to bucket.host.
        made = session.client(service, config=config.merge(Config(s3={"addressing_style": "path"})))
    return made


def _session(access: Access) -> boto3.Session:
    base = botocore.session.get_session()
    # boto3 alone knows AWS_DEFAULT_REGION and not what every other SDK reads, and what AWS sets for its jobs.
    region = access.region or settings.environment().get("AWS_REGION") or base.get_config_variable("region")
    if access.role_arn:
        base = _assuming(base, access, region)
    # A LIST answer has a thousand times, and the usual parser, which takes any form of one, spends most of it on them.
    base.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_time)
    return boto3.Session(botocore_session=base, region_name=region or None)


def _time(value: Any) -> datetime:
    """A time as S3 writes it; what else AWS writes is left to its own parser."""
    try:
        told = datetime.fromisoformat(value)
    except (ValueError, TypeError):
        told = None
    return told if told and told.tzinfo else parse_timestamp(value)


def _assuming(base: botocore.session.Session, access: Access, region: str | None) -> botocore.session.Session:
    """A session whose credentials come from the role, fetched when first needed and again before they expire."""
    extra = {"RoleSessionName": "trailhouse"} | ({"ExternalId": access.external_id} if access.external_id else {})
    fetcher = AssumeRoleCredentialFetcher(
        client_creator=partial(base.create_client, region_name=region or "us-east-1"),
        source_credentials=base.get_credentials(),
        role_arn=access.role_arn,
        extra_args=extra,
    )
    assumed = botocore.session.get_session()
    # There is no public way to hand credentials that refresh themselves to a session.
    assumed._credentials = DeferredRefreshableCredentials(method="assume-role", refresh_using=fetcher.fetch_credentials)
    return assumed


def text(url: str) -> str:
    """A small text that lies at s3://bucket/key, such as a settings file."""
    bucket, _, key = url.removeprefix("s3://").partition("/")
    if not bucket or not key:
        raise UsageError(f"{url} names no object: write s3://bucket/key")
    with told(f"reading {url}"):
        body = client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    try:
        return str(body, "utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{url} is no text in UTF-8: {error}") from error


@contextmanager
def told(doing: str) -> Iterator[None]:
    """Says in one line what AWS would not do."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        said = " ".join(str(error).split())[:500]
        raise TrailhouseError(f"{doing} did not go through: {said}. Check region, credentials and rights") from error


def refuse_plain_http(service: str, endpoint: str) -> None:
    """An endpoint may be set to be anywhere; without TLS only here, or where somebody says that he means it."""
    its = urlsplit(endpoint)
    if its.scheme == "https" or _is_here(its.hostname or "") or settings.plain_http(settings.environment()):
        return
    variable = f"AWS_ENDPOINT_URL_{service.upper().replace('-', '_')}"
    raise UsageError(
        f"requests to {service} would go to {endpoint} without TLS, open to everybody on the way: set {variable} (or "
        "endpoint_url in your AWS profile) to an https address, or, if that network is yours alone, "
        f"{settings.PLAIN_HTTP_VARIABLE}=1"
    )


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_aws(endpoint: str) -> bool:
    """Whether an endpoint is one of AWS's own."""
    host = urlsplit(endpoint).hostname or ""
    return host.endswith(
        (".amazonaws.com", ".amazonaws.com.cn", ".api.aws", ".amazonaws.eu", ".c2s.ic.gov", ".sgov.gov")
    )
