//! Targets in AWS, against moto and against a server that misbehaves.

mod forward;
mod hostile;
mod invoke_lambda;
mod limits;
mod moto;
#[expect(dead_code, reason = "the tests of sources need more of it")]
#[path = "../../../../sources/tests/at_work/counterpart.rs"]
mod moto_server;
mod secrecy;
mod start_logging;
mod strict;

use std::sync::Arc;

use jiff::Timestamp;
use route::TargetName;
use serde_json::json;
use targets::aws::{
    AwsSettings, AwsTarget, EventBridgeSettings, FirehoseSettings, Keys, KinesisSettings, LambdaSettings,
    LogsSettings, SnsSettings, SqsSettings,
};
use targets::{Clock, Delivery, Events, Shape, Target};

pub(crate) use super::counterpart::delivery;

/// An alarm's finding.
pub(crate) const ALARM: &str = r#"{"version":"0","id":"a1a2a3a4-7d1b-8c52-9e6f-0a1b2c3d4e5f","source":"trailhound","detail-type":"Trailhound Finding","account":"111122223333","region":"us-east-1","time":"2026-09-14T11:18:44Z","resources":[],"detail":{"rule":"root-use","title":"root-use is in alarm","severity":"high","state":"firing","revision":0,"reason":"Threshold Crossed","count":1,"records":[],"alarm":{"AlarmName":"root-use","AlarmDescription":"somebody used root","NewStateValue":"ALARM","NewStateReason":"Threshold Crossed: 1 out of the last 1 datapoints [3.0 (14/09/26 11:13:00)] was greater than or equal to the threshold (1.0) (minimum 1 datapoint for OK -> ALARM transition).","StateChangeTime":"2026-09-14T11:18:44.401+0000","OldStateValue":"OK","Trigger":{"MetricName":"RootUse","Namespace":"Trailhound","StatisticType":"Statistic","Statistic":"SUM","Unit":null,"Dimensions":[],"Period":300,"EvaluationPeriods":1,"DatapointsToAlarm":1,"ComparisonOperator":"GreaterThanOrEqualToThreshold","Threshold":1.0,"TreatMissingData":"notBreaching","EvaluateLowSampleCountPercentile":""}}}}"#;

/// The settings of everything at an endpoint, each with the action that its call needs.
pub(crate) struct At {
    aws: AwsSettings,
}

impl At {
    pub(crate) fn new(endpoint: &str) -> At {
        let aws = AwsSettings {
            region: Some("us-east-1".to_owned()),
            endpoint: Some(endpoint.to_owned()),
            role: None,
            keys: Some(Keys::new("a", "b")),
        };
        At { aws }
    }

    pub(crate) fn sns(&self, topic: &str) -> AwsTarget {
        AwsTarget::Sns(SnsSettings {
            topic: topic.to_owned(),
            shape: Shape::default(),
            aws: self.aws.clone(),
        })
    }

    pub(crate) fn sqs(&self, queue: &str) -> AwsTarget {
        AwsTarget::Sqs(SqsSettings {
            queue: queue.to_owned(),
            shape: Shape::default(),
            aws: self.aws.clone(),
        })
    }

    pub(crate) fn event_bridge(&self, bus: &str) -> AwsTarget {
        AwsTarget::EventBridge(EventBridgeSettings {
            bus: bus.to_owned(),
            source: "trailhound".to_owned(),
            detail_type: "Trailhound Finding".to_owned(),
            shape: Shape::default(),
            aws: self.aws.clone(),
        })
    }

    pub(crate) fn lambda(&self, function: &str) -> AwsTarget {
        let (function, shape) = (function.to_owned(), Shape::default());
        AwsTarget::Lambda(LambdaSettings { function, shape, aws: self.aws.clone() })
    }

    pub(crate) fn kinesis(&self, stream: &str) -> AwsTarget {
        AwsTarget::Kinesis(KinesisSettings {
            stream: stream.to_owned(),
            partition_key: None,
            shape: Shape::default(),
            aws: self.aws.clone(),
        })
    }

    pub(crate) fn firehose(&self, stream: &str) -> AwsTarget {
        let (stream, shape) = (stream.to_owned(), Shape::default());
        AwsTarget::Firehose(FirehoseSettings { stream, shape, aws: self.aws.clone() })
    }

    pub(crate) fn logs(&self, group: &str, create: bool) -> AwsTarget {
        AwsTarget::Logs(LogsSettings {
            group: group.to_owned(),
            stream: "findings".to_owned(),
            create,
            shape: Shape::default(),
            aws: self.aws.clone(),
        })
    }

    /// One of each.
    pub(crate) fn all(&self) -> [(AwsTarget, &'static str); 7] {
        let queue = format!("{}/111122223333/findings", self.aws.endpoint.as_deref().unwrap());
        [
            (self.sns("arn:aws:sns:us-east-1:111122223333:findings"), "sns:Publish"),
            (self.sqs(&queue), "sqs:SendMessage"),
            (self.event_bridge("security"), "events:PutEvents"),
            (self.lambda("findings"), "lambda:InvokeFunction"),
            (self.kinesis("findings"), "kinesis:PutRecord"),
            (self.firehose("findings"), "firehose:PutRecord"),
            (self.logs("/trailhound", true), "logs:PutLogEvents"),
        ]
    }
}

/// So many events, as EventBridge delivers them.
pub(crate) fn events(count: usize) -> Events {
    let event = |number: usize| {
        json!({
            "version": "0", "id": format!("e-{number}"), "detail-type": "AWS API Call via CloudTrail", "source": "aws.iam",
            "account": "111122223333", "time": "2026-11-03T02:40:00Z", "region": "us-east-1", "resources": [],
            "detail": { "eventName": "CreateUser", "eventSource": "iam.amazonaws.com", "number": number },
        })
    };
    let texts = (0..count).map(|number| event(number).to_string().into()).collect();
    Events::new(TargetName::new("lake").unwrap(), "events-1:0:forward.lake".to_owned(), texts)
}

pub(crate) fn open(target: &AwsTarget) -> Arc<dyn Target> {
    let clock: Clock = Arc::new(now);
    target.open(&clock).unwrap()
}

/// A function in moto, which answers with the event it is handed: without docker it runs no code.
pub(crate) async fn function(moto: &moto_server::Counterpart) -> String {
    let name = moto.name();
    let script = "
import io, urllib.request, zipfile
configuration = json.dumps({'lambda': {'use_docker': False}}).encode()
urllib.request.urlopen(urllib.request.Request(sys.argv[1] + '/moto-api/config', configuration, {'Content-Type': 'application/json'}))
role = client('iam').create_role(RoleName=arguments[0], AssumeRolePolicyDocument='{}')['Role']['Arn']
code = io.BytesIO()
with zipfile.ZipFile(code, 'w') as archive:
    archive.writestr('index.py', 'def handler(event, context): return event')
client('lambda').create_function(FunctionName=arguments[0], Runtime='python3.12', Role=role, Handler='index.handler', Code={'ZipFile': code.getvalue()})";
    moto.run(script, &[&name]).await;
    name
}

/// A finding with so many records of so many bytes.
pub(crate) fn large(records: usize, bytes: usize) -> Delivery {
    let record = format!(r#"{{"eventName":"StopLogging","userAgent":"{}"}}"#, "x".repeat(bytes));
    let records = vec![record; records].join(",");
    delivery(&format!(
        r#"{{"version":"0","id":"b1","source":"trailhound","detail-type":"Trailhound Finding","account":"111122223333","region":"us-east-1","time":"2026-11-03T02:41:09Z","resources":[],"detail":{{"rule":"r","title":"t","severity":"high","event_ids":[],"records":[{records}]}}}}"#
    ))
}

/// moto refuses log events that are old.
#[expect(clippy::disallowed_methods, reason = "a counterpart compares with its own clock")]
fn now() -> Timestamp {
    Timestamp::now()
}
