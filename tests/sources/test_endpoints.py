"""Requests go to AWS, to this machine, or over TLS; anywhere else only where somebody says that he means it."""

from __future__ import annotations

import pytest

from tests.ports import free_port
from trailhouse.doctor import reading
from trailhouse.errors import UsageError
from trailhouse.lake import pointers
from trailhouse.settings import PLAIN_HTTP_VARIABLE, Listing, Source
from trailhouse.sources import aws
from trailhouse.sources.listing import list_source


@pytest.fixture
def env(aws_env):
    for name, value in {
        "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "s",
        "AWS_REGION": "us-east-1",
    }.items():
        aws_env.setenv(name, value)
    aws_env.setenv("AWS_DEFAULT_REGION", "us-east-1")
    aws_env.delenv(PLAIN_HTTP_VARIABLE, raising=False)
    return aws_env


@pytest.mark.parametrize(
    "endpoint",
    ["http://s3.example.com", "http://192.0.2.7:9000", "http://169.254.169.254", "http://[2001:db8::1]", "http://localhost.example.com"],
)  # fmt: skip
def test_plain_http_to_another_machine_is_refused(env, endpoint):
    env.setenv("AWS_ENDPOINT_URL_S3", endpoint)
    with pytest.raises(UsageError, match="without TLS") as error:
        aws.client("s3")
    assert endpoint in str(error.value) and PLAIN_HTTP_VARIABLE in str(error.value)
    with pytest.raises(UsageError):
        pointers.s3_properties()  # by which PyIceberg, Arrow and DuckDB reach the lake


def test_a_profile_can_say_it_no_more_than_the_environment(env, tmp_path):
    (tmp_path / "config").write_text("[default]\nendpoint_url = http://192.0.2.7\n")
    env.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    with pytest.raises(UsageError, match="without TLS"):
        aws.client("glue")


@pytest.mark.parametrize(
    "endpoint",
    ["https://s3.example.com", "http://127.0.0.1:9000", "http://localhost:9000", "http://[::1]:9000", ""],
)
def test_tls_or_this_machine_may_be(env, endpoint):
    if endpoint:
        env.setenv("AWS_ENDPOINT_URL_S3", endpoint)
    assert aws.client("s3").meta.endpoint_url.startswith(endpoint or "https://")


@pytest.mark.parametrize(("said", "refused"), [("1", False), ("", True), ("0", True), ("yes", True)])
def test_whoever_means_it_says_so(env, said, refused):
    env.setenv("AWS_ENDPOINT_URL_S3", "http://192.0.2.7:9000")
    env.setenv(PLAIN_HTTP_VARIABLE, said)
    if refused:
        with pytest.raises(UsageError):
            aws.client("s3")
    else:
        assert aws.client("s3").meta.endpoint_url == "http://192.0.2.7:9000"


def test_nothing_is_sent_before_it_is_refused(env):
    env.setenv("AWS_ENDPOINT_URL_S3", f"http://192.0.2.7:{free_port()}")
    from datetime import UTC, datetime

    with pytest.raises(UsageError):
        list_source(Source(url="s3://logs"), None, Listing(), datetime(2026, 3, 2, tzinfo=UTC))


def test_the_doctor_sees_which_services_do_not_go_to_aws(env):
    assert reading.endpoints() == {}
    aws._CLIENTS.clear()
    env.setenv("AWS_ENDPOINT_URL_GLUE", "https://glue.example.com")
    assert reading.endpoints() == {"glue": "https://glue.example.com"}


def test_the_region_is_that_of_the_variable_that_the_messages_name(env):
    """boto3 reads AWS_DEFAULT_REGION alone."""
    env.setenv("AWS_REGION", "eu-west-1")
    assert aws.client("glue").meta.region_name == "eu-west-1"
    env.delenv("AWS_REGION")
    aws._CLIENTS.clear()
    assert aws.client("glue").meta.region_name == "us-east-1"
    assert aws.client("glue", aws.Access(region="ap-south-1")).meta.region_name == "ap-south-1"


def test_a_profile_that_is_not_there_is_said_so(env):
    env.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(UsageError, match=r"nobody.*AWS_PROFILE"):
        aws.client("s3")
