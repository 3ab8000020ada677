"""
How calls fail: errorCode and errorMessage by the word that the tables of calls use.

EC2 prefixes its codes with `Client.` or `Server.`; some services send a code without any message.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Failure:
    """What a failed call says. A message of None is absent, as it is for one error in seventy."""

    code: str
    message: str | None
    share: float  # of the calls that can fail this way


_DENIED = (
    "User: <arn> is not authorized to perform: <action> on resource: <target>"
    " because no identity-based policy allows the <action> action"
)

FAILURES: dict[str, Failure] = {
    "denied": Failure("AccessDenied", _DENIED, 0.03),
    "denied-exception": Failure("AccessDeniedException", _DENIED, 0.025),
    "unauthorized": Failure(
        "Client.UnauthorizedOperation",
        "You are not authorized to perform this operation. User: <arn> is not authorized to perform: <action> on"
        " resource: <target> because no identity-based policy allows the <action> action."
        " Encoded authorization failure message: <longtoken>",
        0.03,
    ),
    "s3-denied": Failure("AccessDenied", "Access Denied", 0.03),
    "throttled": Failure("ThrottlingException", "Rate exceeded", 0.008),
    "limit": Failure("Client.RequestLimitExceeded", "Request limit exceeded.", 0.006),
    "no-bucket": Failure("NoSuchBucket", "The specified bucket does not exist", 0.006),
    "no-key": Failure("NoSuchKey", "The specified key does not exist.", 0.03),
    "no-lifecycle": Failure("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist", 0.2),
    "no-entity": Failure("NoSuchEntityException", "The role with name <iamrole> cannot be found.", 0.02),
    "exists": Failure("EntityAlreadyExistsException", "Role with name <iamrole> already exists.", 0.03),
    "no-instance": Failure("Client.InvalidInstanceID.NotFound", "The instance ID '<instance>' does not exist", 0.01),
    "dry-run": Failure("Client.DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 0.02),
    "no-resource": Failure("ResourceNotFoundException", "Requested resource not found", 0.012),
    "no-secret": Failure("ResourceNotFoundException", "Secrets Manager can't find the specified secret.", 0.012),
    "no-parameter": Failure("ParameterNotFound", None, 0.03),
    "condition": Failure("ConditionalCheckFailedException", "The conditional request failed", 0.015),
    "validation": Failure(
        "ValidationException", "1 validation error detected: Value '\"\"' at 'name' failed to satisfy constraint", 0.01
    ),
    "stack": Failure("ValidationException", "Stack with id <stack> does not exist", 0.03),
    "server": Failure("Server.InternalError", "An internal error has occurred", 0.002),
    "vpce": Failure("VpceAccessDenied", "The request was denied due to a VPC endpoint policy", 0.08),
    "kms-disabled": Failure("DisabledException", "<kmsarn> is disabled.", 0.003),
}
