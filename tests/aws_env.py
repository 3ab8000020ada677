"""This process's AWS configuration, for as long as a test wants it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import boto3
import pytest

from trailhouse.sources import aws

SOMEBODYS = ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL")


@contextmanager
def aws_of(patch: pytest.MonkeyPatch, env: Mapping[str, str]) -> Iterator[None]:
    """`env`, and what whoever came before (another fixture, the user) said of profiles and endpoints not at all.

    Clients are kept for the process, and boto3 keeps the credentials that it found first.
    """
    patch.setattr(boto3, "DEFAULT_SESSION", None)
    for name in [each for each in os.environ if each.startswith(SOMEBODYS)]:
        patch.delenv(name)
    for name, value in env.items():
        patch.setenv(name, value)
    aws._CLIENTS.clear()
    yield
    aws._CLIENTS.clear()
