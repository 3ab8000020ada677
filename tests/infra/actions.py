"""
What a request asks of IAM: the action, the resource and the context that AWS would judge it by.

From what is on the wire. S3's requests are told by method, path and query; other services name their operation, which is the
action's name but for those in tables here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote_plus
from xml.etree import ElementTree

from tests.faults.proxy import Request
from trailhouse.doctor.rights import Call

_SCOPE = re.compile(r"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/aws4_request")

# Bucket settings: the word in the query -> the action, which S3 and IAM call by different names.
CONFIGURATION = {
    "location": "GetBucketLocation",
    "policy": "GetBucketPolicy",
    "publicAccessBlock": "GetBucketPublicAccessBlock",
    "versioning": "GetBucketVersioning",
    "lifecycle": "GetLifecycleConfiguration",
    "encryption": "GetEncryptionConfiguration",
    "object-lock": "GetBucketObjectLockConfiguration",
    "notification": "GetBucketNotification",
    "uploads": "ListBucketMultipartUploads",
}
# Operations of botocore that an S3 action is for: there are no others in infra/.
S3_ACTIONS = {
    "s3:ListBucket": "ListObjectsV2",
    "s3:GetObject": "GetObject",
    "s3:PutObject": "PutObject",
    "s3:DeleteObject": "DeleteObject",
    "s3:AbortMultipartUpload": "AbortMultipartUpload",
    "s3:ListMultipartUploadParts": "ListParts",
    "s3:ListBucketMultipartUploads": "ListMultipartUploads",
    "s3:GetBucketLocation": "GetBucketLocation",
    "s3:GetBucketPolicy": "GetBucketPolicy",
    "s3:GetBucketPublicAccessBlock": "GetPublicAccessBlock",
    "s3:GetBucketVersioning": "GetBucketVersioning",
    "s3:GetBucketObjectLockConfiguration": "GetObjectLockConfiguration",
    "s3:GetBucketNotification": "GetBucketNotificationConfiguration",
    "s3:GetEncryptionConfiguration": "GetBucketEncryption",
    "s3:GetLifecycleConfiguration": "GetBucketLifecycleConfiguration",
}
S3_CONTROL_ACTIONS = {"s3:GetAccountPublicAccessBlock": "GetPublicAccessBlock"}
NO_OPERATION = {"iam:PassRole"}  # a right that other calls ask for


@dataclass(frozen=True)
class Wire:
    """A request, by whom it was signed."""

    who: str
    service: str
    region: str
    request: Request


def signed(request: Request) -> Wire:
    scope = _SCOPE.search(request.headers.get("authorization", ""))
    assert scope, f"not signed: {request.method} {request.target}"
    return Wire(scope[1], scope[3], scope[2], request)


def calls(wire: Wire, account: str) -> Iterator[Call]:
    """What it needs leave for."""
    if wire.service == "s3":
        yield from _s3(wire.request)
        return
    operation = wire.request.headers.get("x-amz-target", "").rpartition(".")[2]
    asked = json.loads(wire.request.body or b"{}") if operation else {}
    base = f"arn:aws:{wire.service}:{wire.region}:{account}"
    if wire.service == "glue":
        yield from _glue(operation, asked, base)
    elif wire.service == "athena":
        group = asked.get(
            "WorkGroup", "trailhouse"
        )  # of a query's or an execution's id the caller doesn't say whose it is
        resource = "*" if operation == "ListWorkGroups" else f"{base}:workgroup/{group}"
        yield Call(f"athena:{operation}", resource)
    elif operation:
        yield Call(f"{wire.service}:{operation}", "*")
    else:
        raise AssertionError(f"{wire.service} {wire.request.method} {wire.request.target} {wire.request.body[:100]!r}")


def _glue(operation: str, asked: dict, base: str) -> Iterator[Call]:
    """The catalog, the database and the table: Glue asks for each of them."""
    action = f"glue:{operation}"
    yield Call(action, f"{base}:catalog")
    database = asked.get("DatabaseName") or (asked.get("Name") if "Database" in operation else None)
    if database:
        yield Call(action, f"{base}:database/{database}")
    table = asked.get("Name") if asked.get("DatabaseName") else None
    table = table or asked.get("TableInput", {}).get("Name") or ("any" if operation == "GetTables" else None)
    if database and table:
        yield Call(action, f"{base}:table/{database}/{table}")


def _s3(request: Request) -> Iterator[Call]:
    bucket, _, key = request.path.lstrip("/").partition("/")
    arn, query = f"arn:aws:s3:::{bucket}", request.query
    if not key:
        word = next((word for word in CONFIGURATION if word in query), "")
        if request.method == "POST" and "delete" in query:
            yield from (Call("s3:DeleteObject", f"{arn}/{each}") for each in _deleted(request))
        elif word and "list-type" not in query:
            yield Call(f"s3:{CONFIGURATION[word]}", arn)
        elif request.method in ("GET", "HEAD"):
            prefix = query.get("prefix")
            yield Call("s3:ListBucket", arn, {"s3:prefix": unquote_plus(prefix[0])} if prefix else {})
        else:
            raise AssertionError(f"{request.method} {request.target}")
    elif request.method in ("GET", "HEAD"):
        yield Call("s3:ListMultipartUploadParts" if "uploadId" in query else "s3:GetObject", f"{arn}/{key}")
    elif request.method == "DELETE":
        yield Call("s3:AbortMultipartUpload" if "uploadId" in query else "s3:DeleteObject", f"{arn}/{key}")
    else:
        yield Call("s3:PutObject", f"{arn}/{key}")


def _deleted(request: Request) -> Iterator[str]:
    for each in ElementTree.fromstring(unchunked(request)).iter():
        if each.tag.endswith("Key"):
            yield each.text or ""


def unchunked(request: Request) -> bytes:
    """The body without the frames of an upload in chunks."""
    body = request.body
    start = body.find(b"<")
    return body[start : body.rfind(b">") + 1]
