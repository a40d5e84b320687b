//! One generated record, in CloudTrail's own member order and compact form.

use std::io::Write as _;

use super::random::Random;

const ACCOUNTS: [&str; 8] = [
    "111122223333",
    "222233334444",
    "333344445555",
    "444455556666",
    "555566667777",
    "666677778888",
    "777788889999",
    "888899990000",
];
const REGIONS: [&str; 6] =
    ["us-east-1", "eu-central-1", "us-west-2", "eu-west-1", "ap-southeast-2", "us-east-2"];
const ROLES: [&str; 8] = [
    "deploy-prod",
    "eks-node",
    "ci-runner",
    "datadog-integration",
    "terraform",
    "backup-agent",
    "batch-worker",
    "web-task",
];
const USERS: [&str; 6] = ["alice", "bob", "carol", "dave", "erin", "frank"];

/// Which file of the delivery a record is in.
pub(super) struct Place {
    account: &'static str,
    region: &'static str,
    /// Minutes since the corpus begins, at midnight of 1 October 2026.
    minute: u64,
}

impl Place {
    /// Files come round account by account, region by region, five minutes at a time.
    pub(super) fn nth(file: u64) -> Self {
        let at =
            |n: u64, list: &[&'static str]| list[usize::try_from(n % list.len() as u64).unwrap_or_default()];
        let rounds = (ACCOUNTS.len() * REGIONS.len()) as u64;
        Place {
            account: at(file, &ACCOUNTS),
            region: at(file / ACCOUNTS.len() as u64, &REGIONS),
            minute: file / rounds * 5,
        }
    }

    fn day(&self) -> u64 {
        1 + self.minute / 1_440
    }

    /// The object key under which CloudTrail would deliver the file.
    pub(super) fn key(&self, random: &mut Random) -> String {
        let Place { account, region, .. } = self;
        let (day, hour, minute) = (self.day(), self.minute / 60 % 24, self.minute % 60);
        let unique = random.id("", 16);
        format!(
            "AWSLogs/{account}/CloudTrail/{region}/2026/10/{day:02}/\
             {account}_CloudTrail_{region}_202610{day:02}T{hour:02}{minute:02}Z_{unique}.json.gz"
        )
    }

    fn time(&self, n: u64) -> String {
        let (hour, minute) = (self.minute / 60 % 24, self.minute % 60 + n * 5 / super::EVENTS_PER_FILE);
        format!("2026-10-{:02}T{hour:02}:{minute:02}:{:02}Z", self.day(), n % 60)
    }
}

/// What a call is, apart from who made it.
struct Call {
    source: &'static str,
    name: &'static str,
    read_only: bool,
    error: Option<&'static str>,
    parameters: String,
    response: String,
}

/// Appends the `n`th record of a file.
pub(super) fn write(out: &mut Vec<u8>, place: &Place, n: u64, random: &mut Random) {
    let Place { account, region, .. } = place;
    let call = call(place, random);
    let caller = caller(place, &call, random);
    let time = place.time(n);
    let (request, event) = (random.uuid(), random.uuid());
    let Caller { identity, address, agent } = caller;
    let Call { source, name, read_only, error, parameters, response } = call;
    let error = error.map_or(String::new(), |code| {
        format!(",\"errorCode\":\"{code}\",\"errorMessage\":\"User is not authorized to perform: {name} on resource: *\"")
    });
    let host = format!("{}.{region}.amazonaws.com", source.split('.').next().unwrap_or(source));
    // Writing to a Vec cannot fail.
    let _ = write!(
        out,
        "{{\"eventVersion\":\"1.11\",\"userIdentity\":{identity},\"eventTime\":\"{time}\",\"eventSource\":\"{source}\",\
         \"eventName\":\"{name}\",\"awsRegion\":\"{region}\",\"sourceIPAddress\":\"{address}\",\"userAgent\":\"{agent}\"{error},\
         \"requestParameters\":{parameters},\"responseElements\":{response},\"requestID\":\"{request}\",\
         \"eventID\":\"{event}\",\"readOnly\":{read_only},\"eventType\":\"AwsApiCall\",\"managementEvent\":true,\
         \"recipientAccountId\":\"{account}\",\"eventCategory\":\"Management\",\"tlsDetails\":{{\"tlsVersion\":\"TLSv1.3\",\
         \"cipherSuite\":\"TLS_AES_128_GCM_SHA256\",\"clientProvidedHostHeader\":\"{host}\"}}}}"
    );
}

/// Who calls, from where, and with which program: the same ones come again all day, as in any organization.
struct Caller {
    identity: String,
    address: String,
    agent: &'static str,
}

/// How many instances run under each role of an account.
const FLEET: u64 = 24;
/// How long a role's credentials live, in minutes.
const CREDENTIALS: u64 = 360;
/// What each of [`ROLES`] calls with.
const AGENTS: [&str; 8] = [
    "APN/1.0 HashiCorp/1.0 Terraform/1.9.5 (+https://www.terraform.io) terraform-provider-aws/5.66.0",
    "aws-sdk-go/1.55.5 (go1.22.5; linux; amd64)",
    "aws-sdk-go/1.55.5 (go1.22.5; linux; amd64)",
    "Boto3/1.35.36 md/Botocore#1.35.36 ua/2.0 os/linux#5.10.226 md/arch#x86_64 lang/python#3.12.5",
    "APN/1.0 HashiCorp/1.0 Terraform/1.9.5 (+https://www.terraform.io) terraform-provider-aws/5.66.0",
    "Boto3/1.35.36 md/Botocore#1.35.36 ua/2.0 os/linux#5.10.226 md/arch#x86_64 lang/python#3.12.5",
    "aws-sdk-java/2.27.21 Linux/5.10.225 OpenJDK_64-Bit_Server_VM/17.0.12+7 Java/17.0.12 vendor/Amazon.com_Inc.",
    "aws-sdk-java/2.27.21 Linux/5.10.225 OpenJDK_64-Bit_Server_VM/17.0.12+7 Java/17.0.12 vendor/Amazon.com_Inc.",
];

/// What is drawn once for a name, however often it comes: a role's id, an instance's address.
fn lasting(of: [&str; 2], n: u64) -> Random {
    let bytes = of.iter().flat_map(|part| part.bytes());
    let seed = bytes.fold(n, |seed, byte| Random::new(seed ^ u64::from(byte)).next());
    Random::new(seed)
}

/// The `n`th instance of a role: what its sessions are called.
fn instance(account: &str, role: &str, n: u64) -> String {
    format!("i-{:017x}", lasting([account, role], n).next() >> 4)
}

fn caller(place: &Place, call: &Call, random: &mut Random) -> Caller {
    let account = place.account;
    if call.name == "AssumeRole" {
        let service = *random.pick(&["ec2.amazonaws.com", "lambda.amazonaws.com", "ecs-tasks.amazonaws.com"]);
        let identity = format!("{{\"type\":\"AWSService\",\"invokedBy\":\"{service}\"}}");
        return Caller { identity, address: service.to_owned(), agent: service };
    }
    if random.below(20) == 0 {
        let user = *random.pick(&USERS);
        let mut lasting = lasting([account, user], 0);
        let (id, key) = (lasting.id("AIDA", 17), lasting.id("AKIA", 16));
        let address = format!("203.0.113.{}", lasting.below(256));
        let identity = format!(
            "{{\"type\":\"IAMUser\",\"principalId\":\"{id}\",\"arn\":\"arn:aws:iam::{account}:user/{user}\",\
             \"accountId\":\"{account}\",\"accessKeyId\":\"{key}\",\"userName\":\"{user}\"}}"
        );
        return Caller {
            identity,
            address,
            agent: "aws-cli/2.17.44 md/awscrt#0.21.2 ua/2.0 os/macos#23.6.0",
        };
    }
    let which = random.below(ROLES.len() as u64);
    let at = usize::try_from(which).unwrap_or_default();
    let (role, n) = (ROLES[at], random.below(FLEET));
    let id = lasting([account, role], FLEET).id("AROA", 17);
    let session = instance(account, role, n);
    let life = place.minute / CREDENTIALS;
    let key = lasting([account, &session], life).id("ASIA", 16);
    let address = format!("198.51.100.{}", lasting([account, &session], u64::MAX).below(256));
    let created = Place { minute: life * CREDENTIALS, ..*place }.time(0);
    let identity = format!(
        "{{\"type\":\"AssumedRole\",\"principalId\":\"{id}:{session}\",\
         \"arn\":\"arn:aws:sts::{account}:assumed-role/{role}/{session}\",\"accountId\":\"{account}\",\
         \"accessKeyId\":\"{key}\",\"sessionContext\":{{\"sessionIssuer\":{{\"type\":\"Role\",\"principalId\":\"{id}\",\
         \"arn\":\"arn:aws:iam::{account}:role/{role}\",\"accountId\":\"{account}\",\"userName\":\"{role}\"}},\
         \"attributes\":{{\"creationDate\":\"{created}\",\"mfaAuthenticated\":\"false\"}}}}}}"
    );
    Caller { identity, address, agent: AGENTS[at] }
}

/// Mostly reading and assuming roles; one in a hundred is the kind of call that rules are about.
fn call(place: &Place, random: &mut Random) -> Call {
    let (account, region) = (place.account, place.region);
    let read = |source, name, parameters: String| Call {
        source,
        name,
        read_only: true,
        error: None,
        parameters,
        response: "null".to_owned(),
    };
    let change = |source, name, parameters: String, response: &str| Call {
        source,
        name,
        read_only: false,
        error: None,
        parameters,
        response: response.to_owned(),
    };
    match random.below(1_000) {
        0..300 => {
            let role = *random.pick(&ROLES);
            let session = instance(account, role, random.below(FLEET));
            let (key, id) = (random.id("ASIA", 16), lasting([account, role], FLEET).id("AROA", 17));
            let mut call = read(
                "sts.amazonaws.com",
                "AssumeRole",
                format!(
                    "{{\"roleArn\":\"arn:aws:iam::{account}:role/{role}\",\"roleSessionName\":\"{session}\",\
                     \"durationSeconds\":3600}}"
                ),
            );
            call.response = format!(
                "{{\"credentials\":{{\"accessKeyId\":\"{key}\",\"sessionToken\":\"{}\",\"expiration\":\"Oct 1, 2026, 4:00:00 AM\"}},\
                 \"assumedRoleUser\":{{\"assumedRoleId\":\"{id}:{session}\",\
                 \"arn\":\"arn:aws:sts::{account}:assumed-role/{role}/{session}\"}}}}",
                random.id("IQoJb3JpZ2luX2VjE", 180)
            );
            call
        }
        300..520 => read(
            "kms.amazonaws.com",
            *random.pick(&["Decrypt", "GenerateDataKey"]),
            format!(
                "{{\"encryptionContext\":{{\"aws:s3:arn\":\"arn:aws:s3:::data-{}\"}},\"encryptionAlgorithm\":\"SYMMETRIC_DEFAULT\"}}",
                random.below(50)
            ),
        ),
        520..760 => {
            let names = ["DescribeInstances", "DescribeVolumes", "DescribeTags", "DescribeNetworkInterfaces"];
            read(
                "ec2.amazonaws.com",
                *random.pick(&names),
                format!(
                    "{{\"maxResults\":1000,\"filterSet\":{{\"items\":[{{\"name\":\"vpc-id\",\"valueSet\":{{\"items\":\
                     [{{\"value\":\"vpc-{:017x}\"}}]}}}}]}}}}",
                    random.next() >> 4
                ),
            )
        }
        760..860 => read(
            "s3.amazonaws.com",
            *random.pick(&["GetBucketAcl", "GetBucketLocation", "ListBuckets", "GetBucketEncryption"]),
            format!(
                "{{\"bucketName\":\"data-{}\",\"Host\":\"data.s3.{region}.amazonaws.com\",\"acl\":\"\"}}",
                random.below(50)
            ),
        ),
        860..940 => change(
            "logs.amazonaws.com",
            "CreateLogStream",
            format!(
                "{{\"logGroupName\":\"/aws/lambda/job-{}\",\"logStreamName\":\"{}\"}}",
                random.below(90),
                random.uuid()
            ),
            "null",
        ),
        940..990 => read(
            "dynamodb.amazonaws.com",
            "DescribeTable",
            format!("{{\"tableName\":\"orders-{}\"}}", random.below(9)),
        ),
        rare => notable(rare, place, random),
    }
}

fn notable(rare: u64, place: &Place, random: &mut Random) -> Call {
    let account = place.account;
    let (source, name, error, parameters) = match rare {
        990..994 => (
            "ec2.amazonaws.com",
            "AuthorizeSecurityGroupIngress",
            None,
            format!(
                "{{\"groupId\":\"sg-{:017x}\",\"ipPermissions\":{{\"items\":[{{\"ipProtocol\":\"tcp\",\"fromPort\":443,\"toPort\":443,\
                 \"groups\":{{}},\"ipRanges\":{{\"items\":[{{\"cidrIp\":\"10.{}.0.0/24\"}}]}},\"ipv6Ranges\":{{}},\"prefixListIds\":{{}}}}]}}}}",
                random.next() >> 4,
                random.below(256)
            ),
        ),
        994..996 => {
            ("secretsmanager.amazonaws.com", "GetSecretValue", None, "{\"secretId\":\"prod/db\"}".to_owned())
        }
        996 => (
            "iam.amazonaws.com",
            "AttachRolePolicy",
            None,
            format!(
                "{{\"roleName\":\"job-{}\",\"policyArn\":\"arn:aws:iam::{account}:policy/job\"}}",
                random.below(99)
            ),
        ),
        997 => ("iam.amazonaws.com", "ListUsers", Some("AccessDenied"), "null".to_owned()),
        998 => ("ec2.amazonaws.com", "TerminateInstances", None, {
            let id = random.next() >> 4;
            format!("{{\"instancesSet\":{{\"items\":[{{\"instanceId\":\"i-{id:017x}\"}}]}}}}")
        }),
        _ => (
            "ec2.amazonaws.com",
            "RunInstances",
            Some("Client.UnauthorizedOperation"),
            "{\"maxCount\":1}".to_owned(),
        ),
    };
    Call { source, name, read_only: false, error, parameters, response: "null".to_owned() }
}
