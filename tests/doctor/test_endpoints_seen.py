"""Where requests go is asked of the clients themselves."""

from __future__ import annotations

from trailhouse.doctor import reading


def test_services_that_do_not_go_to_aws_are_seen(aws_env):
    for name, value in {
        "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "s",
        "AWS_REGION": "us-east-1",
    }.items():
        aws_env.setenv(name, value)
    aws_env.setenv("AWS_DEFAULT_REGION", "us-east-1")
    assert reading.endpoints() == {}
    from trailhouse.sources import aws

    aws._CLIENTS.clear()
    aws_env.setenv("AWS_ENDPOINT_URL_GLUE", "https://glue.example.com")
    assert reading.endpoints() == {"glue": "https://glue.example.com"}
