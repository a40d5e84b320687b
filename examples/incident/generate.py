#!/usr/bin/env python3
"""Write the example incident: one day of CloudTrail in one account, with an attack in it.

Run it in its own folder; it replaces AWSLogs/ and prints the table of attack events that README.md shows. The same
seed gives the same bytes on every run: only `Random.random()` is used, whose sequence Python guarantees, and gzip
headers carry neither name nor time.

Everything in it is invented. Account ids, access keys, addresses and bucket names are those set aside for
documentation.
"""

import datetime as dt
import gzip
import io
import json
import pathlib
import random
import shutil

HERE = pathlib.Path(__file__).parent
ACCOUNT = "111122223333"
MONITORING_ACCOUNT = "444455556666"
DAY = dt.datetime(2026, 11, 3)
HOME, EUROPE, WEST = "us-east-1", "eu-west-1", "us-west-2"
REGIONS = (HOME, EUROPE, WEST)

INVOICES = "amzn-s3-demo-bucket-invoices"
ARTIFACTS = "amzn-s3-demo-bucket-artifacts"
LOGS = "amzn-s3-demo-logging-bucket"
TRAIL = f"arn:aws:cloudtrail:{HOME}:{ACCOUNT}:trail/security-dashboard"

CI_KEY = "AKIAIOSFODNN7EXAMPLE"
BACKDOOR_USER, BACKDOOR_KEY = "svc-backup-sync", "AKIAI44QH8DHBEXAMPLE"
CI_RUNNER, OFFICE, NAT_GATEWAY = "192.0.2.10", "203.0.113.24", "203.0.113.200"
SCANNER, INTRUDER, READER = "192.0.2.141", "198.51.100.77", "198.51.100.78"

CLI = "aws-cli/2.31.9 md/awscrt#0.27.6 ua/2.1 os/linux#{os} md/arch#x86_64 lang/python#3.13.7 cfg/retry-mode#standard"
CI_AGENT = CLI.format(os="6.8.0-1040-aws")
INTRUDER_AGENT = CLI.format(os="6.12.38+deb13-amd64")
SDK = "aws-sdk-go-v2/1.39.2 ua/2.1 os/linux lang/go#1.25.1 md/GOOS#linux md/GOARCH#arm64 api/{api}#1.60.0"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0"

BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

rng = random.Random(20261103)


def number(below):
    return int(rng.random() * below)


def pick(items):
    return items[number(len(items))]


def digits(alphabet, length):
    return "".join(pick(alphabet) for _ in range(length))


def hexadecimal(length):
    return digits("0123456789abcdef", length)


def uuid():
    return f"{hexadecimal(8)}-{hexadecimal(4)}-4{hexadecimal(3)}-{pick('89ab')}{hexadecimal(3)}-{hexadecimal(12)}"


def at(hour, minute, second=0):
    return DAY + dt.timedelta(hours=hour, minutes=minute, seconds=second)


def stamp(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def spoken(moment):
    """A time as IAM and STS write it in their answers: `Nov 3, 2026, 2:21:09 AM`."""
    hour = moment.hour % 12 or 12
    return f"Nov {moment.day}, {moment.year}, {hour}:{moment:%M:%S} {'AM' if moment.hour < 12 else 'PM'}"


# --- identities -------------------------------------------------------------------------------------------------


def user(name, key):
    return {
        "type": "IAMUser",
        "principalId": "AIDACKCEVSQ6C2EXAMPLE" if name == "ci-deploy" else "AIDACKCEVSQ6C3EXAMPLE",
        "arn": f"arn:aws:iam::{ACCOUNT}:user/{name}",
        "accountId": ACCOUNT,
        "accessKeyId": key,
        "userName": name,
    }


def role(name, session, moment, path="", invoked_by=None, mfa="false"):
    role_id = "AROA" + name.upper().replace("-", "").replace("_", "")[:9].ljust(9, "Q") + "EXAMPLE"
    identity = {
        "type": "AssumedRole",
        "principalId": f"{role_id}:{session}",
        "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/{session}",
        "accountId": ACCOUNT,
        "accessKeyId": "ASIAIOSFODNN7EXAMPLE",
        "sessionContext": {
            "sessionIssuer": {
                "type": "Role",
                "principalId": role_id,
                "arn": f"arn:aws:iam::{ACCOUNT}:role/{path}{name}",
                "accountId": ACCOUNT,
                "userName": name,
            },
            "attributes": {
                "creationDate": stamp(moment - dt.timedelta(minutes=7 + number(40))),
                "mfaAuthenticated": mfa,
            },
        },
    }
    if invoked_by:
        identity["invokedBy"] = invoked_by
    return identity


def linked_role(service, moment):
    name, session = {"autoscaling": ("AutoScaling", "AutoScaling"), "config": ("Config", "AWSConfig-Describe")}[service]
    host = f"{service}.amazonaws.com"
    return role(f"AWSServiceRoleFor{name}", session, moment, f"aws-service-role/{host}/", host)


def person(moment):
    return role(
        "AWSReservedSSO_ReadOnlyAccess_0123456789abcdef", "dana@example.com", moment,
        "aws-reserved/sso.amazonaws.com/",
    )


def service(name):
    return {"type": "AWSService", "invokedBy": f"{name}.amazonaws.com"}


ANONYMOUS = {"type": "AWSAccount", "principalId": "", "accountId": "ANONYMOUS_PRINCIPAL"}

# --- records ----------------------------------------------------------------------------------------------------

records = []
attack = []


def record(
    moment, region, source, name, identity, request=None, response=None, *, ip, agent, read=False, error=None,
    message=None, extra=None, resources=None, kind="AwsApiCall", data=False, console=False, step=None,
):
    """One record, its fields in CloudTrail's order."""
    by_aws = "invokedBy" in identity
    out = {
        "eventVersion": "1.11",
        "userIdentity": identity,
        "eventTime": stamp(moment),
        "eventSource": f"{source}.amazonaws.com",
        "eventName": name,
        "awsRegion": region,
        "sourceIPAddress": ip,
        "userAgent": agent,
    }
    if error:
        out["errorCode"] = error
    if message:
        out["errorMessage"] = message
    out["requestParameters"] = request
    out["responseElements"] = response
    if extra:
        out["additionalEventData"] = extra
    if kind == "AwsApiCall":
        out["requestID"] = uuid() if source != "s3" else digits("0123456789ABCDEFGHJKMNPQRSTVWXYZ", 16)
    out["eventID"] = uuid()
    out["readOnly"] = read
    if resources:
        out["resources"] = resources
    out["eventType"] = kind
    out["managementEvent"] = not data
    out["recipientAccountId"] = ACCOUNT
    if identity.get("type") == "AWSService":
        out["sharedEventID"] = uuid()
    out["eventCategory"] = "Data" if data else "Management"
    if not by_aws:
        host = {"iam": "iam.amazonaws.com", "signin": f"{region}.signin.aws.amazon.com"}.get(source)
        if source == "s3":
            bucket = (request or {}).get("bucketName")
            host = f"{bucket}.s3.{region}.amazonaws.com" if bucket else f"s3.{region}.amazonaws.com"
        out["tlsDetails"] = {
            "tlsVersion": "TLSv1.3",
            "cipherSuite": "TLS_AES_128_GCM_SHA256",
            "clientProvidedHostHeader": host or f"{source}.{region}.amazonaws.com",
        }
    if console:
        out["sessionCredentialFromConsole"] = "true"
    records.append((moment, region, out))
    if step:
        attack.append((moment, region, out, step))
    return out


def by_service(moment, region, source, name, who, request, response=None, **more):
    host = f"{who}.amazonaws.com"
    return record(moment, region, source, name, service(who), request, response, ip=host, agent=host, **more)


def s3_data(size_in=0, size_out=0):
    return {
        "SignatureVersion": "SigV4",
        "CipherSuite": "TLS_AES_128_GCM_SHA256",
        "bytesTransferredIn": size_in,
        "AuthenticationMethod": "AuthHeader",
        "x-amz-id-2": f"{digits(BASE64, 12)}EXAMPLEdGhpcyBpcyBhbiBleHRlbmRlZCByZXF1ZXN0IGlkZW50aWZpZXIu=",
        "bytesTransferredOut": size_out,
    }


def objects(bucket, key):
    return [
        {"type": "AWS::S3::Object", "ARN": f"arn:aws:s3:::{bucket}/{key}"},
        {"accountId": ACCOUNT, "type": "AWS::S3::Bucket", "ARN": f"arn:aws:s3:::{bucket}"},
    ]


def kms_key(region, n):
    arn = f"arn:aws:kms:{region}:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-{n:012d}"
    return arn, [{"accountId": ACCOUNT, "type": "AWS::KMS::Key", "ARN": arn}]


def assumed(name, session, moment):
    return {
        "credentials": {
            "accessKeyId": "ASIAIOSFODNN7EXAMPLE",
            "sessionToken": "IQoJb3JpZ2luX2VjEXAMPLE" + digits(BASE64, 12),
            "expiration": spoken(moment + dt.timedelta(hours=1)),
        },
        "assumedRoleUser": {
            "assumedRoleId": f"AROACKCEVSQ6C2EXAMPLE:{session}",
            "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/{session}",
        },
    }


# --- an ordinary day --------------------------------------------------------------------------------------------


def later(moment, seconds):
    return moment + dt.timedelta(seconds=number(seconds))


def log_delivery(moment, region):
    """CloudTrail checking its bucket and asking for a data key, as it does before every delivery."""
    by_service(moment, region, "s3", "GetBucketAcl", "cloudtrail", {
        "bucketName": LOGS, "Host": f"{LOGS}.s3.{region}.amazonaws.com", "acl": "",
    }, read=True, extra=s3_data(0, 542), resources=[
        {"accountId": ACCOUNT, "type": "AWS::S3::Bucket", "ARN": f"arn:aws:s3:::{LOGS}"},
    ])
    key, resources = kms_key(region, 7)
    by_service(later(moment, 30), region, "kms", "GenerateDataKey", "cloudtrail", {
        "keySpec": "AES_256",
        "keyId": key,
        "encryptionContext": {
            "aws:cloudtrail:arn": TRAIL,
            "aws:s3:arn": f"arn:aws:s3:::{LOGS}/AWSLogs/{ACCOUNT}/CloudTrail/{region}/{moment:%Y/%m/%d}/",
        },
    }, read=True, resources=resources)


def roles_for_services(moment, region):
    for _ in range(2 + number(2)):
        moment = later(moment, 80)
        who, name = pick([
            ("lambda", "app-orders"), ("lambda", "app-mailer"), ("ecs-tasks", "app-shop"), ("ec2", "web-server"),
            ("events", "nightly-jobs"), ("config", "AWSServiceRoleForConfig"),
        ])
        session = hexadecimal(32) if who == "ecs-tasks" else name
        by_service(moment, region, "sts", "AssumeRole", who, {
            "roleArn": f"arn:aws:iam::{ACCOUNT}:role/{name}", "roleSessionName": session,
        }, assumed(name, session, moment), read=True, resources=[
            {"accountId": ACCOUNT, "type": "AWS::IAM::Role", "ARN": f"arn:aws:iam::{ACCOUNT}:role/{name}"},
        ])


def application(moment, region):
    """The shop reading its secret, its parameters and its invoices."""
    for _ in range(2 + number(3)):
        moment = later(moment, 120)
        name = pick(["app-orders", "app-mailer"])
        identity = role(name, name, moment)
        secret = f"arn:aws:secretsmanager:{region}:{ACCOUNT}:secret:{name[4:]}/database-a1B2c3"
        agent = SDK.format(api="secretsmanager")
        record(moment, region, "secretsmanager", "GetSecretValue", identity, {"secretId": secret}, None,
               ip=NAT_GATEWAY, agent=agent, read=True)
        key, resources = kms_key(region, 3)
        record(moment, region, "kms", "Decrypt", role(name, name, moment, "", "secretsmanager.amazonaws.com"), {
            "encryptionAlgorithm": "SYMMETRIC_DEFAULT",
            "encryptionContext": {"SecretARN": secret, "SecretVersionId": uuid()},
        }, None, ip="secretsmanager.amazonaws.com", agent="secretsmanager.amazonaws.com", read=True,
            resources=resources)
        record(later(moment, 20), region, "logs", "CreateLogStream", identity, {
            "logGroupName": f"/aws/lambda/{name[4:]}",
            "logStreamName": f"{moment:%Y/%m/%d}/[$LATEST]{hexadecimal(32)}",
        }, None, ip=NAT_GATEWAY, agent="awslambda-worker/1.0")
        if region == HOME and number(2):
            invoice = f"2026/11/{number(9000) + 1000}.pdf"
            record(later(moment, 40), region, "s3", "GetObject", identity, {
                "bucketName": INVOICES, "Host": f"{INVOICES}.s3.{region}.amazonaws.com", "key": invoice,
            }, None, ip=NAT_GATEWAY, agent=f"[{SDK.format(api='s3')}]", read=True, data=True,
                extra=s3_data(0, 20000 + number(90000)), resources=objects(INVOICES, invoice))


def fleet(moment, region):
    """Instances reporting to Systems Manager."""
    for _ in range(1 + number(3)):
        instance = f"i-0{hexadecimal(16)}"
        record(later(moment, 200), region, "ssm", "UpdateInstanceInformation", role("web-server", instance, moment), {
            "instanceId": instance, "agentVersion": "3.3.2746.0", "agentStatus": "Active", "platformType": "Linux",
            "platformName": "Amazon Linux", "platformVersion": "2023", "iPAddress": f"10.1.{number(250)}.{number(250)}",
            "computerName": f"ip-10-1-{number(250)}-{number(250)}.ec2.internal",
        }, None, ip=NAT_GATEWAY, agent="aws-sdk-go/1.55.5 (go1.24.6; linux; amd64) amazon-ssm-agent/3.3.2746.0")


def recorder(moment, region):
    """AWS Config describing what there is."""
    identity = linked_role("config", moment)
    for source, name in (
        ("ec2", "DescribeInstances"), ("ec2", "DescribeSecurityGroups"), ("rds", "DescribeDBInstances"),
        ("elasticloadbalancing", "DescribeLoadBalancers"), ("lambda", "ListFunctions20150331"),
    ):
        if number(3):
            record(later(moment, 60), region, source, name, identity, {"maxResults": 100} if source == "ec2" else None,
                   None, ip="config.amazonaws.com", agent="config.amazonaws.com", read=True)


def monitoring(moment, region):
    """A monitoring product in another account, which reads metrics and inventories."""
    session = "metrics-collector"
    record(moment, region, "sts", "AssumeRole", {
        "type": "AWSAccount", "principalId": f"AROAEXAMPLEMONITORING:{session}", "accountId": MONITORING_ACCOUNT,
    }, {
        "roleArn": f"arn:aws:iam::{ACCOUNT}:role/observability", "roleSessionName": session,
        "externalId": "example-external-id", "durationSeconds": 3600,
    }, assumed("observability", session, moment), ip="203.0.113.91", agent=SDK.format(api="sts"), read=True)
    identity = role("observability", session, moment)
    for source, name, request in (
        ("monitoring", "ListMetrics", {"namespace": "AWS/EC2"}), ("monitoring", "DescribeAlarms", {"maxRecords": 100}),
        ("ec2", "DescribeInstances", {"maxResults": 1000}), ("ec2", "DescribeVolumes", {"maxResults": 500}),
        ("rds", "DescribeDBInstances", None), ("ecs", "ListClusters", None), ("sqs", "ListQueues", {"maxResults": 100}),
    ):
        if number(4):
            record(later(moment, 45), region, source, name, identity, request, None, ip="203.0.113.91",
                   agent=SDK.format(api=source), read=True)


def scaling(moment, region):
    """Auto Scaling replacing an instance."""
    instance, gone = f"i-0{hexadecimal(16)}", f"i-0{hexadecimal(16)}"
    who = {"ip": "autoscaling.amazonaws.com", "agent": "autoscaling.amazonaws.com"}
    identity = linked_role("autoscaling", moment)
    record(moment, region, "ec2", "RunInstances", identity, {
        "instancesSet": {"items": [{"minCount": 1, "maxCount": 1}]}, "blockDeviceMapping": {},
        "availabilityZone": f"{region}a", "monitoring": {"enabled": False}, "disableApiTermination": False,
        "clientToken": f"fleet-{uuid()}-0",
        "launchTemplate": {"launchTemplateId": "lt-0a1b2c3d4e5f60718", "version": "42"},
    }, {
        "requestId": uuid(), "reservationId": f"r-0{hexadecimal(16)}", "ownerId": ACCOUNT, "groupSet": {},
        "instancesSet": {"items": [{
            "instanceId": instance, "imageId": "ami-0a1b2c3d4e5f60718",
            "instanceState": {"code": 0, "name": "pending"}, "instanceType": "t3.medium",
        }]},
    }, **who)
    record(later(moment, 5), region, "ec2", "CreateTags", identity, {
        "resourcesSet": {"items": [{"resourceId": instance}]},
        "tagSet": {"items": [{"key": "aws:autoscaling:groupName", "value": "web"}]},
    }, {"requestId": uuid(), "_return": True}, **who)
    record(later(moment, 240), region, "ec2", "TerminateInstances", identity, {
        "instancesSet": {"items": [{"instanceId": gone}]},
    }, {
        "requestId": uuid(),
        "instancesSet": {"items": [{
            "instanceId": gone, "currentState": {"code": 32, "name": "shutting-down"},
            "previousState": {"code": 16, "name": "running"},
        }]},
    }, **who)


def deployment(moment, region):
    """The pipeline: a web identity token for the deploy role, a stack, a function, a service."""
    provider = f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com"
    subject = "repo:example-org/shop:ref:refs/heads/main"
    agent = CLI.format(os="6.11.0-1018-azure")
    record(moment, region, "sts", "AssumeRoleWithWebIdentity", {
        "type": "WebIdentityUser", "principalId": f"{provider}:sts.amazonaws.com:{subject}", "userName": subject,
        "identityProvider": provider,
    }, {
        "roleArn": f"arn:aws:iam::{ACCOUNT}:role/deploy-pipeline", "roleSessionName": "GitHubActions",
        "durationSeconds": 3600,
    }, {
        "subjectFromWebIdentityToken": subject, **assumed("deploy-pipeline", "GitHubActions", moment),
        "provider": provider, "audience": "sts.amazonaws.com",
    }, ip="203.0.113.150", agent=agent, read=True)
    identity = role("deploy-pipeline", "GitHubActions", moment)
    stack = f"arn:aws:cloudformation:{region}:{ACCOUNT}:stack/shop/{uuid()}"
    for source, name, request, read in (
        ("sts", "GetCallerIdentity", None, True),
        ("ecr", "GetAuthorizationToken", {}, True),
        ("ecr", "PutImage", {"repositoryName": "shop", "imageTag": hexadecimal(7), "registryId": ACCOUNT}, False),
        ("cloudformation", "DescribeStacks", {"stackName": "shop"}, True),
        ("cloudformation", "CreateChangeSet", {"stackName": "shop", "changeSetName": f"d-{hexadecimal(7)}"}, False),
        ("cloudformation", "ExecuteChangeSet", {"stackName": stack}, False),
        ("lambda", "UpdateFunctionCode20150331v2", {
            "functionName": "orders", "publish": True, "dryRun": False, "s3Bucket": ARTIFACTS,
            "s3Key": f"orders/{hexadecimal(40)}.zip",
        }, False),
        ("ecs", "RegisterTaskDefinition", {"family": "shop", "networkMode": "awsvpc", "cpu": "512", "memory": "1024"},
         False),
        ("ecs", "UpdateService", {"cluster": "shop", "service": "web", "taskDefinition": f"shop:{900 + number(90)}"},
         False),
        ("ecs", "DescribeServices", {"cluster": "shop", "services": ["web"]}, True),
        ("cloudformation", "DescribeStackEvents", {"stackName": stack}, True),
    ):
        moment = later(moment, 25)
        record(moment, region, source, name, identity, request, None, ip="203.0.113.150", agent=agent, read=read)


def continuous_integration(moment):
    """What the CI user's key is for: uploading build results from the runner."""
    identity = user("ci-deploy", CI_KEY)
    record(moment, HOME, "sts", "GetCallerIdentity", identity, None, None, ip=CI_RUNNER, agent=CI_AGENT, read=True)
    for _ in range(2 + number(3)):
        moment = later(moment, 60)
        key = f"builds/{hexadecimal(40)}.tar.gz"
        record(moment, HOME, "s3", "PutObject", identity, {
            "bucketName": ARTIFACTS, "Host": f"{ARTIFACTS}.s3.{HOME}.amazonaws.com", "key": key,
        }, {"x-amz-server-side-encryption": "AES256"}, ip=CI_RUNNER, agent=f"[{CI_AGENT}]", data=True,
            extra=s3_data(400000 + number(900000), 0), resources=objects(ARTIFACTS, key))


def office(moment, region):
    """An engineer looking at things in the console, and once asking for what she may not see."""
    identity = person(moment)
    who = {"ip": OFFICE, "agent": BROWSER, "read": True, "console": True}
    for _ in range(4 + number(5)):
        moment = later(moment, 70)
        source, name, request = pick([
            ("ec2", "DescribeInstances", {"maxResults": 50}), ("monitoring", "DescribeAlarms", {"maxRecords": 100}),
            ("logs", "DescribeLogGroups", {"limit": 50}), ("rds", "DescribeDBInstances", {"maxRecords": 20}),
            ("lambda", "ListFunctions20150331", {"maxItems": 50}), ("cloudtrail", "DescribeTrails", None),
            ("ecs", "DescribeServices", {"cluster": "shop", "services": ["web"]}),
        ])
        record(moment, region, source, name, identity, request, None, **who)
    if number(4) == 0:
        record(later(moment, 30), HOME, "ce", "GetCostAndUsage", identity, None, None, error="AccessDenied",
               message=f"User: {identity['arn']} is not authorized to perform: ce:GetCostAndUsage on resource: "
                       f"arn:aws:ce:us-east-1:{ACCOUNT}:/GetCostAndUsage", **who)


def night():
    """What AWS does by itself once a day."""
    moment = at(3, 14, 9)
    key, resources = kms_key(EUROPE, 3)
    record(moment, EUROPE, "kms", "RotateKey", {"accountId": ACCOUNT, "invokedBy": "AWS Internal"}, None, None,
           ip="AWS Internal", agent="AWS Internal", kind="AwsServiceEvent", resources=resources)
    records[-1][2]["serviceEventDetails"] = {"keyId": key.rsplit("/", 1)[1], "rotationType": "AUTOMATIC"}
    moment = at(4, 2, 51)
    identity = role("AWSBackupDefaultServiceRole", "AWSBackup-AWSBackupDefaultServiceRole", moment, "service-role/",
                    "backup.amazonaws.com")
    for region in REGIONS:
        record(later(moment, 300), region, "ec2", "CreateSnapshot", identity, {
            "volumeId": "vol-0a1b2c3d4e5f60718", "description": "This snapshot is created by the AWS Backup service.",
        }, {
            "requestId": uuid(), "snapshotId": f"snap-0{hexadecimal(16)}", "volumeId": "vol-0a1b2c3d4e5f60718",
            "status": "pending", "ownerId": ACCOUNT, "volumeSize": "20", "encrypted": True,
        }, ip="backup.amazonaws.com", agent="backup.amazonaws.com")


def ordinary_day():
    for hour in range(24):
        for region in REGIONS:
            if region == WEST and hour % 2:
                continue
            begin = at(hour, number(50))
            log_delivery(begin, region)
            roles_for_services(begin, region)
            if region != WEST:
                application(begin, region)
                fleet(begin, region)
            if hour % 3 == 0:
                recorder(begin, region)
            if hour % 4 == 2:
                monitoring(begin, region)
            if region != WEST and hour in (6, 7, 12, 18, 21):
                scaling(begin, region)
        if 8 <= hour <= 17:
            continuous_integration(at(hour, number(50)))
        if hour in (9, 11, 14, 16):
            deployment(at(hour, number(50)), HOME)
        if hour in (9, 10, 13, 15):
            office(at(hour, number(50)), pick((HOME, EUROPE)))
    night()


# --- the attack -------------------------------------------------------------------------------------------------


def denial(identity, action, resource="*"):
    return (f"User: {identity['arn']} is not authorized to perform: {action} on resource: {resource} "
            f"because no identity-based policy allows the {action} action")


def incident():
    stolen = user("ci-deploy", CI_KEY)
    shell = {"ip": INTRUDER, "agent": INTRUDER_AGENT}

    record(at(2, 4, 11), HOME, "sts", "GetCallerIdentity", stolen, None, None, ip=SCANNER, agent="TruffleHog",
           read=True, step="a scanner finds the key in public and tries it")
    record(at(2, 9, 38), HOME, "sts", "GetCallerIdentity", stolen, None, None, **shell, read=True,
           step="someone asks whose key it is")
    record(at(2, 9, 57), HOME, "s3", "ListBuckets", stolen, {"Host": f"s3.{HOME}.amazonaws.com"}, None, **shell,
           read=True, extra=s3_data(0, 611), step="which buckets there are")
    for second, region, source, name, action, error in (
        (2, HOME, "ec2", "DescribeInstances", "ec2:DescribeInstances", "Client.UnauthorizedOperation"),
        (9, EUROPE, "ec2", "DescribeInstances", "ec2:DescribeInstances", "Client.UnauthorizedOperation"),
        (15, WEST, "ec2", "DescribeInstances", "ec2:DescribeInstances", "Client.UnauthorizedOperation"),
        (31, HOME, "secretsmanager", "ListSecrets", "secretsmanager:ListSecrets", "AccessDenied"),
        (44, HOME, "ses", "GetSendQuota", "ses:GetSendQuota", "AccessDenied"),
        (52, HOME, "rds", "DescribeDBInstances", "rds:DescribeDBInstances", "AccessDenied"),
        (63, HOME, "lambda", "ListFunctions20150331", "lambda:ListFunctions", "AccessDeniedException"),
        (75, HOME, "organizations", "ListAccounts", "organizations:ListAccounts", "AccessDeniedException"),
    ):
        text = "You are not authorized to perform this operation." if source == "ec2" else denial(stolen, action)
        record(at(2, 10, 0) + dt.timedelta(seconds=second), region, source, name, stolen, None, None, **shell,
               read=True, error=error, message=text, step=f"what else the key may do: {action} is denied")
    record(at(2, 12, 40), HOME, "iam", "ListAttachedUserPolicies", stolen, {"userName": "ci-deploy"}, None, **shell,
           read=True, step="the key's own policies can be read")
    record(at(2, 12, 58), HOME, "iam", "ListUsers", stolen, None, None, **shell, read=True, step="and all users")

    moment = at(2, 21, 9)
    arn = f"arn:aws:iam::{ACCOUNT}:user/{BACKDOOR_USER}"
    record(moment, HOME, "iam", "CreateUser", stolen, {"userName": BACKDOOR_USER}, {"user": {
        "path": "/", "userName": BACKDOOR_USER, "userId": "AIDACKCEVSQ6C3EXAMPLE", "arn": arn,
        "createDate": spoken(moment),
    }}, **shell, step="a user with a harmless name")
    record(at(2, 21, 26), HOME, "iam", "AttachUserPolicy", stolen, {
        "userName": BACKDOOR_USER, "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess",
    }, None, **shell, step="made administrator")
    moment = at(2, 22, 3)
    record(moment, HOME, "iam", "CreateLoginProfile", stolen, {
        "userName": BACKDOOR_USER, "passwordResetRequired": False,
    }, {"loginProfile": {
        "userName": BACKDOOR_USER, "createDate": spoken(moment), "passwordResetRequired": False,
    }}, **shell, step="with a password for the console")
    moment = at(2, 22, 31)
    record(moment, HOME, "iam", "CreateAccessKey", stolen, {"userName": BACKDOOR_USER}, {"accessKey": {
        "userName": BACKDOOR_USER, "accessKeyId": BACKDOOR_KEY, "status": "Active", "createDate": spoken(moment),
    }}, **shell, step="and a key of its own")

    signed_in = user(BACKDOOR_USER, "")
    del signed_in["accessKeyId"]
    record(at(2, 27, 44), HOME, "signin", "ConsoleLogin", signed_in, None, {"ConsoleLogin": "Success"}, ip=INTRUDER,
           agent=BROWSER, kind="AwsConsoleSignIn", extra={
               "LoginTo": "https://console.aws.amazon.com/console/home?hashArgs=%23&isauthcode=true&state=hashArgs",
               "MobileVersion": "No", "MFAUsed": "No",
           }, step="sign-in without MFA")
    session = user(BACKDOOR_USER, "ASIAI44QH8DHBEXAMPLE")
    session["sessionContext"] = {"attributes": {"creationDate": stamp(at(2, 27, 44)), "mfaAuthenticated": "false"}}
    web = {"ip": INTRUDER, "agent": BROWSER, "console": True}
    record(at(2, 29, 12), HOME, "cloudtrail", "DescribeTrails", session, {"includeShadowTrails": True}, None, **web,
           read=True, step="which trails there are")
    record(at(2, 31, 40), HOME, "cloudtrail", "StopLogging", session, {"name": TRAIL}, None, **web,
           step="the trail behind the dashboard is stopped")

    bucket = {"bucketName": INVOICES, "Host": f"{INVOICES}.s3.{HOME}.amazonaws.com"}
    owned = [{"accountId": ACCOUNT, "type": "AWS::S3::Bucket", "ARN": f"arn:aws:s3:::{INVOICES}"}]
    record(at(2, 36, 5), HOME, "s3", "DeleteBucketPublicAccessBlock", session, {"publicAccessBlock": "", **bucket},
           None, **web, extra=s3_data(), resources=owned, step="the invoices lose their public access block")
    record(at(2, 37, 22), HOME, "s3", "PutBucketPolicy", session, {
        "bucketPolicy": {"Version": "2012-10-17", "Statement": [
            {"Sid": "Sync", "Effect": "Allow", "Principal": "*", "Action": "s3:ListBucket",
             "Resource": f"arn:aws:s3:::{INVOICES}"},
            {"Sid": "SyncObjects", "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
             "Resource": f"arn:aws:s3:::{INVOICES}/*"},
        ]}, **bucket, "policy": "",
    }, None, **web, extra=s3_data(311, 0), resources=owned, step="and are opened to everyone")

    anonymous = {"ip": READER, "agent": "[curl/8.15.0]", "read": True, "data": True}
    record(at(2, 39, 30), HOME, "s3", "ListObjects", ANONYMOUS, {"list-type": "2", **bucket}, None, **anonymous,
           extra={**s3_data(0, 28114), "AuthenticationMethod": "QueryString"}, resources=owned,
           step="listed from outside, without credentials")
    moment = at(2, 40, 2)
    for _ in range(60):
        invoice = f"2026/{1 + number(10):02d}/{number(9000) + 1000}.pdf"
        record(moment, HOME, "s3", "GetObject", ANONYMOUS, {**bucket, "key": invoice}, None, **anonymous,
               extra={**s3_data(0, 20000 + number(90000)), "AuthenticationMethod": "QueryString"},
               resources=objects(INVOICES, invoice), step="read from outside")
        moment += dt.timedelta(seconds=1 + number(14))


# --- delivery ---------------------------------------------------------------------------------------------------


def deliver():
    """Sort the records into files, per region and by a mark after they arrive: every half hour where CloudTrail has one
    every five minutes, so that the day fits into few files."""
    files = {}
    for moment, region, out in sorted(records, key=lambda r: (r[0], r[2]["eventID"])):
        arrival = moment + dt.timedelta(minutes=4)
        mark = arrival + (dt.datetime.min - arrival) % dt.timedelta(minutes=30)
        files.setdefault((region, mark), []).append(out)
    shutil.rmtree(HERE / "AWSLogs", ignore_errors=True)
    for (region, mark), outs in sorted(files.items()):
        folder = HERE / "AWSLogs" / ACCOUNT / "CloudTrail" / region / f"{mark:%Y/%m/%d}"
        folder.mkdir(parents=True, exist_ok=True)
        unique = digits("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", 16)
        text = json.dumps({"Records": outs}, separators=(",", ":"))
        packed = io.BytesIO()
        with gzip.GzipFile(filename="", mode="wb", fileobj=packed, mtime=0) as stream:
            stream.write(text.encode())
        (folder / f"{ACCOUNT}_CloudTrail_{region}_{mark:%Y%m%dT%H%MZ}_{unique}.json.gz").write_bytes(packed.getvalue())
    return len(files)


def main():
    ordinary_day()
    incident()
    count = deliver()
    print(f"{len(records)} events in {count} files, {len(attack)} of them the attack\n")
    print("| time (UTC) | region | event | what | eventID |\n|---|---|---|---|---|")
    for moment, region, out, step in attack:
        if step != "read from outside":
            print(f"| {moment:%H:%M:%S} | {region} | {out['eventName']} | {step} | `{out['eventID']}` |")


if __name__ == "__main__":
    main()
