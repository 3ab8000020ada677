"""
Every word that the doctor may say: how bad it is, what it means, and how to mend it.

One literal table. `{…}` is filled in by whoever finds it; `{where}` is where. docs/doctor.md is made of this.
"""

from __future__ import annotations

from typing import NamedTuple

from trailhouse.doctor.values import Finding

WRONG, COSTLY, ADVICE, UNCHECKED = "wrong", "costly", "advice", "unchecked"
SEVERITIES = {
    WRONG: "events are lost, not proven, or open to those whom they are not for; or soon will be",
    COSTLY: "money is spent on what nobody needs",
    ADVICE: "it works, and could be safer",
    UNCHECKED: "it could not be looked at, and may be anything",
}


class Check(NamedTuple):
    """A word's meaning."""

    severity: str
    what: str
    mend: str


_UPDATE = "aws cloudtrail update-trail --region {region} --name {where}"
_STACK = "deploy infra/{template}.yaml, or set it by hand"

CHECKS: dict[str, Check] = {
    # ── trails ───────────────────────────────────────────────────────────────────────────────────────────────────────
    "trail_missing": Check(
        WRONG, "no trail that is seen from here delivers to it", "deploy infra/trail.yaml with LogBucketName={bucket}"
    ),
    "trail_unseen": Check(
        UNCHECKED,
        "no trail that is seen from here delivers to it; one of {accounts} may",
        "run `trailhouse doctor` there too",
    ),
    "trail_off": Check(
        WRONG, "the trail does not log", "aws cloudtrail start-logging --region {region} --name {where}"
    ),
    "trail_one_region": Check(
        WRONG, "events of other regions than {region} are not logged", f"{_UPDATE} --is-multi-region-trail"
    ),
    "trail_no_global": Check(
        WRONG, "events of IAM, STS and other global services are left out", f"{_UPDATE} --include-global-service-events"
    ),
    "trail_no_validation": Check(
        WRONG, "nothing is signed, so that nothing can be proven", f"{_UPDATE} --enable-log-file-validation"
    ),
    "trail_no_key": Check(
        WRONG,
        "log files are not encrypted with a key of your own",
        f"{_UPDATE} --kms-key-id KEY (LogKeyArn of infra/trail.yaml)",
    ),
    "trail_delivery_fails": Check(
        WRONG,
        "S3 refuses log files: {error}",
        "mend the policy of the bucket and of its key as infra/log-bucket.yaml has them",
    ),
    "trail_digests_fail": Check(
        WRONG,
        "S3 refuses digests: {error}",
        "mend the policy of the bucket and of its key as infra/log-bucket.yaml has them",
    ),
    "trail_no_management": Check(
        WRONG,
        "management events are not logged",
        "aws cloudtrail put-event-selectors with a selector of eventCategory Management, as infra/trail.yaml has it",
    ),
    "trail_leaves_out": Check(
        ADVICE,
        "management events are left out: {left_out}",
        "ManagementReads=true of infra/trail.yaml; or leave it, if they are not missed",
    ),
    "trail_no_insights": Check(
        ADVICE,
        "CloudTrail does not look for unusual rates of {missing}",
        "Insights=true of infra/trail.yaml; it is paid for by the event",
    ),
    "trails_twice": Check(
        COSTLY,
        "management events are also logged by {other}: each copy after the first is paid for",
        "let one of them log management events; `trailhouse report run second_trail_cost` says what the other costs",
    ),
    "data_events_all": Check(
        COSTLY,
        "events of the objects of all buckets are logged, of the logs and the lake too: each is paid for",
        "DataEventBuckets of infra/trail.yaml: name the buckets that matter",
    ),
    "data_events_loop": Check(
        COSTLY,
        "events of the objects of {bucket} are logged: every delivery and every run makes new ones",
        "take {bucket} out of DataEventBuckets of infra/trail.yaml",
    ),
    "accounts_uncovered": Check(
        WRONG,
        "the organization has {accounts} accounts, and no trail of the organization delivers here",
        "OfOrganization=true of infra/trail.yaml, and OrganizationId of infra/log-bucket.yaml",
    ),
    "account_unseen": Check(
        WRONG,
        "the account is in the organization, and nothing of it is in the lake",
        "look whether the trail covers it (`trailhouse coverage`); an account made today may only be young",
    ),
    # ── buckets ──────────────────────────────────────────────────────────────────────────────────────────────────────
    "bucket_missing": Check(WRONG, "there is no such bucket", f"{_STACK}, and correct the settings"),
    "bucket_public": Check(
        WRONG,
        "it can be opened to the world: {open} is not set",
        "aws s3api put-public-access-block --bucket {bucket} with all four set",
    ),
    "bucket_open": Check(
        WRONG,
        "its policy lets everybody in: {statement}",
        "take the statement out of the policy, or give it a condition: aws s3api put-bucket-policy --bucket {bucket}",
    ),
    "bucket_any_trail": Check(
        WRONG,
        "its policy lets any trail of any account deliver: {statement} asks for no aws:SourceArn",
        "add the condition aws:SourceArn = the trail's ARN, as infra/log-bucket.yaml has it",
    ),
    "bucket_deletes": Check(
        WRONG,
        "whoever has the right may delete log files: no statement of its policy denies {action}",
        "add the statement NobodyDeletes of infra/log-bucket.yaml",
    ),
    "bucket_takes_plants": Check(
        ADVICE,
        "others than CloudTrail may put files into it: no statement of its policy denies s3:PutObject",
        "add the statement NobodyElseWrites of infra/log-bucket.yaml",
    ),
    "bucket_no_tls": Check(
        ADVICE,
        "its policy does not deny requests without TLS",
        "add the statement OnlyOverTls of infra/{template}.yaml",
    ),
    "bucket_not_versioned": Check(
        WRONG,
        "what is replaced or deleted is gone: versions are not kept",
        "aws s3api put-bucket-versioning --bucket {bucket} --versioning-configuration Status=Enabled",
    ),
    "bucket_no_lock": Check(
        ADVICE,
        "log files are not locked: an administrator could delete them",
        "ObjectLockDays of infra/log-bucket.yaml, for a new bucket; for one that is there, "
        "aws s3api put-object-lock-configuration, which nobody can take back",
    ),
    "bucket_no_abort": Check(
        COSTLY,
        "uploads that were given up are kept and paid for",
        "add a lifecycle rule with AbortIncompleteMultipartUpload, as infra/{template}.yaml has it",
    ),
    "bucket_expires_early": Check(
        WRONG,
        "the lifecycle rule {rule} deletes log files after {days} days, and late ones are looked for over {bound}",
        "raise ExpireAfterDays of infra/log-bucket.yaml to {bound} or more, or to 0 for never",
    ),
    "bucket_archives": Check(
        ADVICE,
        "the lifecycle rule {rule} moves log files to {to}, where verify and redecode can't read them",
        "ArchiveClass=GLACIER_IR of infra/log-bucket.yaml costs little more and can be read at once",
    ),
    "bucket_notifies": Check(
        ADVICE,
        "it tells of new objects to {whom}; Trailhouse needs no notifications",
        "look whether they are yours; if not: aws s3api put-bucket-notification-configuration --bucket {bucket}",
    ),
    "lake_expires": Check(
        WRONG,
        "the lifecycle rule {rule} deletes files of the lake by their age; its tables go on naming them",
        "take the rule out, or keep it from {prefix}; `trailhouse maintain` forgets what is old",
    ),
    "lake_moves": Check(
        WRONG,
        "the lifecycle rule {rule} moves files of the lake to {to}, where queries fail or cost more",
        "take the rule out, or keep it from {prefix}",
    ),
    "lake_versions_stay": Check(
        COSTLY,
        "what maintain deletes stays as an old version for ever",
        "add a lifecycle rule with NoncurrentVersionExpiration (UndoDays of infra/lake.yaml)",
    ),
    "lake_no_undo": Check(
        ADVICE,
        "versions are not kept: a deletion by mistake is final",
        "UndoDays of infra/lake.yaml keeps what was deleted for some days",
    ),
    "lake_no_key": Check(
        ADVICE,
        "it is not encrypted with a key of your own",
        "the LakeKey of infra/lake.yaml as the bucket's default, or lake.kms_key in the settings",
    ),
    "lake_elsewhere": Check(
        WRONG,
        "it lies in {region}, and Glue and Athena are asked in {here}: each query pays for the way, or fails",
        "set AWS_REGION={region}, or make a lake in {here}",
    ),
    "results_stay": Check(
        COSTLY,
        "results of queries are never deleted",
        "add a lifecycle rule that expires them (ResultDays of infra/lake.yaml)",
    ),
    # ── keys ─────────────────────────────────────────────────────────────────────────────────────────────────────────
    "key_disabled": Check(
        WRONG,
        "the key of the {use} is disabled: nothing can be read",
        "aws kms enable-key --region {region} --key-id {where}",
    ),
    "key_going": Check(
        WRONG,
        "the key of the {use} will be deleted, and what it encrypts be lost",
        "aws kms cancel-key-deletion --region {region} --key-id {where}, then enable-key",
    ),
    "key_unusable": Check(
        WRONG,
        "the key of the {use} is {state}: nothing can be read",
        "connect its key store, or import its material again: aws kms describe-key --region {region} --key-id {where}",
    ),
    "key_not_cloudtrails": Check(
        WRONG,
        "its policy does not let CloudTrail encrypt: no log file is delivered",
        "add the statement CloudTrailEncrypts of infra/log-bucket.yaml",
    ),
    "key_any_trail": Check(
        WRONG,
        "its policy lets any trail of any account use it: {statement} asks for no aws:SourceArn or encryption context",
        "add the conditions of CloudTrailEncrypts in infra/log-bucket.yaml",
    ),
    "key_no_rotation": Check(
        ADVICE, "the key of the {use} is not rotated", "aws kms enable-key-rotation --region {region} --key-id {where}"
    ),
    # ── Glue and Athena ──────────────────────────────────────────────────────────────────────────────────────────────
    "database_missing": Check(
        WRONG, "there is no such database in Glue", "deploy infra/lake.yaml, or run `trailhouse ingest` once"
    ),
    "database_elsewhere": Check(
        WRONG,
        "new tables of it would lie in {found}, outside of the lake {lake}",
        "aws glue update-database with LocationUri={lake}/{database}, or correct lake.location",
    ),
    "work_group_missing": Check(
        WRONG, "Athena has no such work group", "deploy infra/lake.yaml, or run `trailhouse publish`"
    ),
    "work_group_off": Check(
        WRONG, "it is disabled: no query runs", "aws athena update-work-group --work-group {work_group} --state ENABLED"
    ),
    "work_group_loose": Check(
        WRONG,
        "it does not enforce its settings: results may go anywhere, unencrypted",
        "aws athena update-work-group --work-group {work_group} --configuration-updates "
        "EnforceWorkGroupConfiguration=true",
    ),
    "work_group_no_limit": Check(
        COSTLY, "a query may read any amount", "ScanLimitBytes of infra/lake.yaml, or `trailhouse publish`"
    ),
    "work_group_differs": Check(
        ADVICE,
        "its {what} is {found}, and the settings say {wanted}",
        "`trailhouse publish`, or correct [athena] in the settings",
    ),
    # ── roles and jobs ───────────────────────────────────────────────────────────────────────────────────────────────
    "role_missing": Check(
        WRONG,
        "there is no such role",
        "deploy infra/lake.yaml with Name={name}; if roles have other names, doctor.roles",
    ),
    "roles_unknown": Check(
        UNCHECKED,
        "no role has a name as infra/lake.yaml would give it, so that whoever runs the commands was not judged",
        "doctor.roles says how names begin, if they are of that template, and `none` if they are your own",
    ),
    "role_short": Check(
        WRONG, "it may not do what its command does: {call}", "deploy infra/lake.yaml again; it has the role's policy"
    ),
    "role_deletes": Check(
        WRONG,
        "it may delete: {call}; only maintain needs to",
        "take the right away; infra/lake.yaml has the role's policy",
    ),
    "role_too_wide": Check(
        WRONG, "it may do what it never needs: {call}", "take the right away; infra/lake.yaml has the role's policy"
    ),
    "role_open": Check(WRONG, "anybody may assume it", "correct its trust policy; infra/lake.yaml has it"),
    "job_off": Check(
        WRONG,
        "the schedule is there, and disabled",
        "Schedules=ENABLED of infra/lake.yaml; NONE where another scheduler runs the jobs",
    ),
    # ── settings ─────────────────────────────────────────────────────────────────────────────────────────────────────
    "source_no_owner": Check(
        WRONG,
        "the source has no expected_owner: were the bucket ever another's, its files would be taken for yours",
        'expected_owner = "ACCOUNT" in its [[source]]',
    ),
    "source_no_external_id": Check(
        WRONG,
        "the role {role} of another account is assumed without an external id",
        "external_id in its [[source]], and sts:ExternalId in the role's trust policy (infra/log-bucket.yaml)",
    ),
    "endpoint_elsewhere": Check(
        ADVICE,
        "requests to {service} go to {endpoint}, which is not AWS",
        "unset AWS_ENDPOINT_URL and AWS_ENDPOINT_URL_{variable}, if that is not what you want",
    ),
    # ── the lake ─────────────────────────────────────────────────────────────────────────────────────────────────────
    "lake_missing": Check(WRONG, "there is no lake", "`trailhouse ingest` makes it"),
    "ingest_overdue": Check(
        WRONG,
        "the newest batch was published {age} ago",
        "look at the scheduler and its last run; `trailhouse ingest --dry-run` says what waits",
    ),
    "batch_held": Check(
        WRONG,
        "the gate holds the batch, and its objects wait",
        "trailhouse batch show {batch} tells why, and what to type",
    ),
    "objects_pending": Check(WRONG, "{count} objects can't be read, the first since {age}: {reason}", "{cure}"),
    "maintain_overdue": Check(
        COSTLY,
        "it keeps {snapshots} snapshots, the oldest of {age} ago: queries get slow, and old files are paid for",
        "trailhouse maintain, once a day",
    ),
    "unchecked": Check(UNCHECKED, "{right} was not answered: {why}", "{cure}"),
}

# What helps an object that could not be read, by its reason.
CURES = {
    "access": "give the ingest role s3:GetObject on it, and look for a denial in the bucket's policy",
    "access_kms": "give the ingest role kms:Decrypt, and look whether the key is enabled",
    "archived": "aws s3api restore-object, then ingest again",
}
# And what helps where something could not be looked at.
NO_RIGHT = "give whoever runs `trailhouse doctor` this right (role doctor)"
NO_ANSWER = "run it again; if it stays so, look at credentials, region and network"
ELSEWHERE = "run `trailhouse doctor` in the account {account} too, whose it is"
OTHERWISE = "trailhouse ingest tries again; look at `detail` in the table pending"


def found(check: str, where: str, **more: object) -> Finding:
    """A finding of this word."""
    its, told = CHECKS[check], {"where": where, **more}
    return Finding(check, its.severity, where, its.what.format(**told), its.mend.format(**told))
