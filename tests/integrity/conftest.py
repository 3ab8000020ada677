"""What tests of integrity share: the API that stands for CloudTrail's, the AWS CLI, and a bucket that holds a vault."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.integrity.aws_cli import AwsCli
from tests.integrity.chains import Stored, Vault
from tests.integrity.cloudtrail_api import CloudTrailApi
from tests.s3_server import S3Server
from tools import setup


@pytest.fixture(scope="session")
def cloudtrail_server() -> Iterator[CloudTrailApi]:
    server = CloudTrailApi().start()
    yield server
    server.stop()


@pytest.fixture
def cloudtrail(cloudtrail_server: CloudTrailApi) -> CloudTrailApi:
    """A CloudTrail that knows nothing yet. The code under test finds it by `env`."""
    cloudtrail_server.reset()
    return cloudtrail_server


@pytest.fixture
def aws_cli(s3_server: S3Server, cloudtrail: CloudTrailApi) -> AwsCli:
    """AWS's own verifier, with the S3 server and the API of the tests."""
    binary = setup.awscli_path()
    if not binary.is_file():
        pytest.skip(setup.NEED_AWSCLI)
    return AwsCli(binary, s3_server, cloudtrail)


@pytest.fixture(scope="session")
def filled(s3_server: S3Server) -> Callable[[Vault], str]:
    """
    Makes the server's bucket of the vault's name hold just what the vault does, and tells the name.

    Only what differs from the last vault is sent: a vault and its tampered copy have most objects in common.
    """
    client = s3_server.client()
    there: dict[str, dict[str, Stored]] = {}

    def fill(vault: Vault) -> str:
        if vault.bucket not in there:
            client.create_bucket(Bucket=vault.bucket)
        held = there.get(vault.bucket, {})
        for key in held.keys() - vault.objects.keys():
            client.delete_object(Bucket=vault.bucket, Key=key)
        changed = {key: stored for key, stored in vault.objects.items() if held.get(key) != stored}
        Vault(vault.bucket, objects=changed).upload(client)
        there[vault.bucket] = dict(vault.objects)
        return vault.bucket

    return fill
