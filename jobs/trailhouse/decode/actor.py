"""
Who did it: one actor out of the many forms of `userIdentity`.

Pure. The order of the rules is that of AWS's own documents; names of people and sessions are taken as written.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Actor(NamedTuple):
    """The answer: who, what kind, of which account, in which session, and through whom."""

    actor: str | None = None
    actor_type: str | None = None
    actor_account_id: str | None = None
    actor_session: str | None = None
    actor_via: str | None = None


NOBODY = Actor()

# Types that name their actor by user name, else by principal.
_NAMED = {
    "SAMLUser": "saml",
    "WebIdentityUser": "web_identity",
    "Directory": "directory",
    "Role": "role",
    "Unknown": "unknown",
}


def resolve(identity: Mapping[str, Any]) -> Actor:
    """The actor of an identity, given the `events` columns that were read from it."""
    kind = identity["identity_type"]
    if delegate := identity["invoked_by_delegate_account_id"]:
        return Actor(
            delegate, "delegate", delegate, None, identity["identity_arn"] or identity["identity_principal_id"]
        )
    if kind is None or kind == "AWSService":
        return _service(identity)
    if identity["on_behalf_of_user_id"] and kind in ("IdentityCenterUser", "Unknown"):
        user = identity["on_behalf_of_user_id"]
        return Actor(user, "identity_center", identity["identity_account_id"], None, identity["identity_invoked_by"])
    if kind == "AssumedRole":
        return _role(identity)
    if kind == "FederatedUser":
        return _federated(identity)
    if kind == "AWSAccount":
        return _foreign(identity)
    if kind == "Root":
        return _root(identity)
    return _named(identity, _NAMED.get(kind, "user" if kind == "IAMUser" else "unknown"))


def _service(identity: Mapping[str, Any]) -> Actor:
    """A service's own doing; without a service's name, whatever else names somebody."""
    account = identity["identity_account_id"]
    if service := identity["identity_invoked_by"]:
        return Actor(service, "service", account)
    named = _named(identity, "unknown")
    return named if named.actor or account else NOBODY


def _role(identity: Mapping[str, Any]) -> Actor:
    """`role/person`: the person is the source identity where one was set, else whoever named the session."""
    session = _after_slash(identity["identity_arn"]) or _after_colon(identity["identity_principal_id"])
    role = identity["session_issuer_user_name"] or _after_slash(identity["session_issuer_arn"])
    role = role or _role_of_session(identity["identity_arn"])
    person = identity["source_identity"] or session
    actor = "/".join(part for part in (role, person) if part) or identity["identity_principal_id"]
    account = identity["identity_account_id"] or identity["session_issuer_account_id"]
    return Actor(actor, "role", account, session, identity["identity_invoked_by"])


def _federated(identity: Mapping[str, Any]) -> Actor:
    session = _after_slash(identity["identity_arn"]) or _after_colon(identity["identity_principal_id"])
    actor = session or identity["identity_principal_id"]
    return Actor(actor, "federated", identity["identity_account_id"], session, identity["identity_invoked_by"])


def _foreign(identity: Mapping[str, Any]) -> Actor:
    """A principal of another account: only its id and account are told."""
    account = identity["identity_account_id"]
    if account in ("anonymous", "ANONYMOUS_PRINCIPAL"):
        return Actor("anonymous", "anonymous", None, None, identity["identity_invoked_by"])
    actor = identity["identity_principal_id"] or account
    return Actor(
        actor, "account", account, _after_colon(identity["identity_principal_id"]), identity["identity_invoked_by"]
    )


def _root(identity: Mapping[str, Any]) -> Actor:
    kind = "assumed_root" if _is_true(identity["assumed_root"]) else "root"
    return Actor("root", kind, identity["identity_account_id"], None, identity["identity_invoked_by"])


def _named(identity: Mapping[str, Any], kind: str) -> Actor:
    actor = (
        identity["identity_user_name"] or _after_slash(identity["identity_arn"]) or identity["identity_principal_id"]
    )
    actor = actor or identity["identity_credential_id"]
    return Actor(actor, kind, identity["identity_account_id"], None, identity["identity_invoked_by"])


def _is_true(value: object) -> bool:
    return value is True or str(value).lower() == "true"


def _after_slash(arn: str | None) -> str | None:
    """The name at the end of an ARN, without its path."""
    return arn.rpartition("/")[2] or None if arn and "/" in arn else None


def _after_colon(principal: str | None) -> str | None:
    """The session in `AROA…:session`."""
    return principal.partition(":")[2] or None if principal else None


def _role_of_session(arn: str | None) -> str | None:
    """The role in `…:assumed-role/role/session`."""
    parts = arn.split("/") if arn else []
    return parts[1] if len(parts) == 3 else None
