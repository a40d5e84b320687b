"""Counts, without anything of Trailhound, how many events each CIS metric filter matches.

Usage: python3 cis_counts.py FOLDER, which is searched for .json.gz log files. Prints {"rule id": count} as JSON. An event counts once,
however many copies of it there are. The conditions are written by hand from the benchmark's text, as Python, with CloudWatch's
meaning of a missing field: it satisfies no comparison, not even `!=`.
"""

import gzip
import json
import pathlib
import sys

IAM_POLICY = """DeleteGroupPolicy DeleteRolePolicy DeleteUserPolicy PutGroupPolicy PutRolePolicy PutUserPolicy CreatePolicy DeletePolicy
CreatePolicyVersion DeletePolicyVersion AttachRolePolicy DetachRolePolicy AttachUserPolicy DetachUserPolicy AttachGroupPolicy
DetachGroupPolicy""".split()
BUCKET_POLICY = """PutBucketAcl PutBucketPolicy PutBucketCors PutBucketLifecycle PutBucketReplication DeleteBucketPolicy DeleteBucketCors
DeleteBucketLifecycle DeleteBucketReplication""".split()
ORGANIZATIONS = """AcceptHandshake AttachPolicy CreateAccount CreateOrganizationalUnit CreatePolicy DeclineHandshake DeleteOrganization
DeleteOrganizationalUnit DeletePolicy DetachPolicy DisablePolicyType EnablePolicyType InviteAccountToOrganization LeaveOrganization
MoveAccount RemoveAccountFromOrganization UpdatePolicy UpdateOrganizationalUnit""".split()

ABSENT = object()


def at(record, path):
    value = record
    for name in path.split("."):
        value = value.get(name, ABSENT) if isinstance(value, dict) else ABSENT
    return value


def text(record, path):
    """The field if it is a text, else None, which equals no text."""
    value = at(record, path)
    return value if isinstance(value, str) else None


def differs(record, path, other):
    value = text(record, path)
    return value is not None and value != other


def named(*names):
    return lambda record: text(record, "eventName") in names


def of(source, *names):
    return lambda record: text(record, "eventSource") == source and text(record, "eventName") in names


def unauthorized(record):
    code = text(record, "errorCode") or ""
    return code.endswith("UnauthorizedOperation") or code.startswith("AccessDenied")


def login_without_mfa(record):
    return text(record, "eventName") == "ConsoleLogin" and differs(record, "additionalEventData.MFAUsed", "Yes")


CONDITIONS = {
    "cis-unauthorized-calls-v1-2": unauthorized,
    "cis-unauthorized-calls-v1-4": lambda record: unauthorized(record)
    and differs(record, "sourceIPAddress", "delivery.logs.amazonaws.com")
    and differs(record, "eventName", "HeadBucket"),
    "cis-console-login-without-mfa-v1-2": login_without_mfa,
    "cis-console-login-without-mfa-v1-4": lambda record: login_without_mfa(record)
    and text(record, "userIdentity.type") == "IAMUser"
    and text(record, "responseElements.ConsoleLogin") == "Success",
    "cis-root-use": lambda record: text(record, "userIdentity.type") == "Root"
    and at(record, "userIdentity.invokedBy") is ABSENT
    and differs(record, "eventType", "AwsServiceEvent"),
    "cis-iam-policy-changes": named(*IAM_POLICY),
    "cis-cloudtrail-changes": named("CreateTrail", "UpdateTrail", "DeleteTrail", "StartLogging", "StopLogging"),
    "cis-console-login-failures": lambda record: text(record, "eventName") == "ConsoleLogin"
    and text(record, "errorMessage") == "Failed authentication",
    "cis-kms-key-disabled-or-deleted": of("kms.amazonaws.com", "DisableKey", "ScheduleKeyDeletion"),
    "cis-s3-bucket-policy-changes": of("s3.amazonaws.com", *BUCKET_POLICY),
    "cis-config-changes": of(
        "config.amazonaws.com",
        "StopConfigurationRecorder",
        "DeleteDeliveryChannel",
        "PutDeliveryChannel",
        "PutConfigurationRecorder",
    ),
    "cis-security-group-changes": named(
        "AuthorizeSecurityGroupIngress",
        "AuthorizeSecurityGroupEgress",
        "RevokeSecurityGroupIngress",
        "RevokeSecurityGroupEgress",
        "CreateSecurityGroup",
        "DeleteSecurityGroup",
    ),
    "cis-network-acl-changes": named(
        "CreateNetworkAcl",
        "CreateNetworkAclEntry",
        "DeleteNetworkAcl",
        "DeleteNetworkAclEntry",
        "ReplaceNetworkAclEntry",
        "ReplaceNetworkAclAssociation",
    ),
    "cis-network-gateway-changes": named(
        "CreateCustomerGateway",
        "DeleteCustomerGateway",
        "AttachInternetGateway",
        "CreateInternetGateway",
        "DeleteInternetGateway",
        "DetachInternetGateway",
    ),
    "cis-route-table-changes": named(
        "CreateRoute",
        "CreateRouteTable",
        "ReplaceRoute",
        "ReplaceRouteTableAssociation",
        "DeleteRouteTable",
        "DeleteRoute",
        "DisassociateRouteTable",
    ),
    "cis-vpc-changes": named(
        "CreateVpc",
        "DeleteVpc",
        "ModifyVpcAttribute",
        "AcceptVpcPeeringConnection",
        "CreateVpcPeeringConnection",
        "DeleteVpcPeeringConnection",
        "RejectVpcPeeringConnection",
        "AttachClassicLinkVpc",
        "DetachClassicLinkVpc",
        "DisableVpcClassicLink",
        "EnableVpcClassicLink",
    ),
    "cis-organizations-changes": of("organizations.amazonaws.com", *ORGANIZATIONS),
}


def main(folder):
    counts = dict.fromkeys(CONDITIONS, 0)
    seen = set()
    for path in sorted(pathlib.Path(folder).rglob("*.json.gz")):
        with gzip.open(path) as file:
            records = json.load(file)["Records"]
        for record in records:
            if record["eventID"] in seen:
                continue
            seen.add(record["eventID"])
            for rule, holds in CONDITIONS.items():
                counts[rule] += bool(holds(record))
    json.dump(counts, sys.stdout)


main(sys.argv[1])
