//! Against moto: what arrives is read back by boto3, another client.

use serde_json::Value;
use targets::DeliveryError;

use super::moto_server::{Counterpart, counterpart};
use super::{ALARM, At, delivery, function, large, open};
use crate::counterpart::{STOP_LOGGING, deliver};

async fn read(moto: &Counterpart, script: &str, arguments: &[&str]) -> Value {
    serde_json::from_str(&moto.run(script, arguments).await).unwrap()
}

const RECEIVE: &str = "
def receive(url):
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=['All'], MessageAttributeNames=['All'])
    return messages.get('Messages', [])
";

#[tokio::test]
async fn a_topic_gets_a_subject_and_the_finding() {
    let Some(moto) = counterpart("SNS") else { return };
    let name = moto.name();
    let script = "url, arn = queue(arguments[0])\nprint(json.dumps([topic(arguments[0], arn, False), url]))";
    let made = read(moto, script, &[&name]).await;
    let (topic, queue) = (made[0].as_str().unwrap(), made[1].as_str().unwrap());
    let target = open(&At::new(&moto.endpoint).sns(topic));
    let receipt = deliver(&*target, STOP_LOGGING).await.unwrap();
    assert!(receipt.text.starts_with("message "), "{}", receipt.text);
    let messages = read(moto, &format!("{RECEIVE}print(json.dumps(receive(arguments[0])))"), &[queue]).await;
    let envelope: Value = serde_json::from_str(messages[0]["Body"].as_str().unwrap()).unwrap();
    assert_eq!(envelope["Subject"], "[critical] CloudTrail main stopped in payments-prod");
    let finding: Value = serde_json::from_str(envelope["Message"].as_str().unwrap()).unwrap();
    assert_eq!(finding, serde_json::from_str::<Value>(STOP_LOGGING).unwrap());
    let attributes = &envelope["MessageAttributes"];
    assert_eq!(attributes["severity"]["Value"], "critical");
    assert_eq!(attributes["idempotency_key"]["Value"], "3f0c9a4e-7d1b-8c52-9e6f-0a1b2c3d4e5f:0:oncall");

    deliver(&*target, ALARM).await.unwrap();
    let messages = read(moto, &format!("{RECEIVE}print(json.dumps(receive(arguments[0])))"), &[queue]).await;
    let envelope: Value = serde_json::from_str(messages[0]["Body"].as_str().unwrap()).unwrap();
    assert_eq!(envelope["Subject"], "ALARM: \"root-use\" in US East (N. Virginia)");
    let notification = envelope["Message"].as_str().unwrap();
    let beginning = format!(
        r#"{{"AlarmName":"root-use","AlarmDescription":"somebody used root","AWSAccountId":"111122223333","AlarmConfigurationUpdatedTimestamp":"2026-09-14T11:18:44.401+0000","NewStateValue":"ALARM","NewStateReason":"Threshold Crossed: 1 out of the last 1 datapoints [3.0 (14/09/26 11:13:00)] was greater than or equal to the threshold (1.0) (minimum 1 datapoint for OK -> ALARM transition).","StateChangeTime":"2026-09-14T11:18:44.401+0000","Region":"US East (N. Virginia)","AlarmArn":"arn:aws:cloudwatch:us-east-1:111122223333:alarm:root-use","OldStateValue":"OK","ActionExecutedAfterMuteWindow":false,"OKActions":["{topic}"],"AlarmActions":["{topic}"],"InsufficientDataActions":["{topic}"],"Trigger":{{"MetricName":"RootUse","Namespace":"Trailhound","#
    );
    assert!(notification.starts_with(&beginning), "{notification}");
}

#[tokio::test]
async fn a_queue_gets_the_finding_and_a_fifo_queue_gets_it_once() {
    let Some(moto) = counterpart("SQS") else { return };
    let name = moto.name();
    let script = "
plain, _ = queue(arguments[0])
fifo = sqs.create_queue(QueueName=arguments[0] + '.fifo', Attributes={'FifoQueue': 'true'})['QueueUrl']
print(json.dumps([plain, fifo]))";
    let urls = read(moto, script, &[&name]).await;
    let (plain, fifo) = (urls[0].as_str().unwrap(), urls[1].as_str().unwrap());
    let at = At::new(&moto.endpoint);
    let receive = format!("{RECEIVE}print(json.dumps(receive(arguments[0])))");

    deliver(&*open(&at.sqs(plain)), STOP_LOGGING).await.unwrap();
    let messages = read(moto, &receive, &[plain]).await;
    let finding: Value = serde_json::from_str(messages[0]["Body"].as_str().unwrap()).unwrap();
    assert_eq!(finding["detail"]["rule"], "cloudtrail-logging-stopped");
    assert_eq!(messages[0]["MessageAttributes"]["account"]["StringValue"], "111122223333");

    let target = open(&at.sqs(fifo));
    for _ in 0..3 {
        deliver(&*target, STOP_LOGGING).await.unwrap();
    }
    let messages = read(moto, &receive, &[fifo]).await;
    let attributes = &messages[0]["Attributes"];
    assert_eq!(messages.as_array().unwrap().len(), 1, "three attempts, one message");
    assert_eq!(attributes["MessageGroupId"], "3f0c9a4e-7d1b-8c52-9e6f-0a1b2c3d4e5f");
    assert_eq!(attributes["MessageDeduplicationId"], "3f0c9a4e-7d1b-8c52-9e6f-0a1b2c3d4e5f:0:oncall");
}

#[tokio::test]
async fn a_bus_gets_an_event_that_rules_match() {
    let Some(moto) = counterpart("EventBridge") else { return };
    let name = moto.name();
    let script = "
logs = client('logs')
group = '/aws/events/' + arguments[0]
logs.create_log_group(logGroupName=group)
events.create_event_bus(Name=arguments[0])
pattern = json.dumps({'source': ['trailhound'], 'detail': {'severity': ['critical']}})
events.put_rule(Name=arguments[0], EventBusName=arguments[0], EventPattern=pattern)
arn = 'arn:aws:logs:us-east-1:123456789012:log-group:' + group
events.put_targets(Rule=arguments[0], EventBusName=arguments[0], Targets=[{'Id': 'logs', 'Arn': arn}])";
    moto.run(script, &[&name]).await;
    deliver(&*open(&At::new(&moto.endpoint).event_bridge(&name)), STOP_LOGGING).await.unwrap();
    let script = "
logs = client('logs')
found = logs.filter_log_events(logGroupName='/aws/events/' + arguments[0])['events']
print(json.dumps([json.loads(event['message']) for event in found]))";
    let events = read(moto, script, &[&name]).await;
    assert_eq!(events.as_array().unwrap().len(), 1);
    let event = &events[0];
    assert_eq!(
        (&event["source"], &event["detail-type"]),
        (&"trailhound".into(), &"Trailhound Finding".into())
    );
    assert_eq!(event["detail"]["principal"]["human"], "bob@example.com");
    assert_eq!(event["detail"]["idempotency_key"], "3f0c9a4e-7d1b-8c52-9e6f-0a1b2c3d4e5f:0:oncall");
}

#[tokio::test]
async fn a_function_is_invoked_without_waiting_for_it() {
    let Some(moto) = counterpart("Lambda") else { return };
    let name = function(moto).await;
    let receipt = deliver(&*open(&At::new(&moto.endpoint).lambda(&name)), STOP_LOGGING).await.unwrap();
    assert_eq!(receipt.text, "accepted with status 202");
}

#[tokio::test]
async fn a_stream_gets_a_record_with_its_partition_key() {
    let Some(moto) = counterpart("Kinesis") else { return };
    let name = moto.name();
    moto.run("client('kinesis').create_stream(StreamName=arguments[0], ShardCount=1)", &[&name]).await;
    let target = open(&At::new(&moto.endpoint).kinesis(&name));
    deliver(&*target, STOP_LOGGING).await.unwrap();
    let receipt = target.deliver(&large(40, 50_000)).await.unwrap();
    assert!(receipt.text.ends_with(", without 20 records that were too large"), "{}", receipt.text);
    let script = "
kinesis = client('kinesis')
shard = kinesis.list_shards(StreamName=arguments[0])['Shards'][0]['ShardId']
iterator = kinesis.get_shard_iterator(StreamName=arguments[0], ShardId=shard, ShardIteratorType='TRIM_HORIZON')['ShardIterator']
records = kinesis.get_records(ShardIterator=iterator)['Records']
print(json.dumps([[record['PartitionKey'], json.loads(record['Data'])['detail']['rule'], len(record['Data'])] for record in records]))";
    let records = read(moto, script, &[&name]).await;
    let first = &records[0];
    assert_eq!(
        (&first[0], &first[1]),
        (&"3f0c9a4e-7d1b-8c52-9e6f-0a1b2c3d4e5f".into(), &"cloudtrail-logging-stopped".into())
    );
    assert!((1_000_000..=1 << 20).contains(&records[1][2].as_u64().unwrap()));
}

#[tokio::test]
async fn firehose_puts_lines_into_a_bucket() {
    let Some(moto) = counterpart("Firehose") else { return };
    let name = moto.name();
    let script = "
s3.create_bucket(Bucket=arguments[0])
destination = {'RoleARN': 'arn:aws:iam::123456789012:role/firehose', 'BucketARN': 'arn:aws:s3:::' + arguments[0]}
client('firehose').create_delivery_stream(DeliveryStreamName=arguments[0], ExtendedS3DestinationConfiguration=destination)";
    moto.run(script, &[&name]).await;
    deliver(&*open(&At::new(&moto.endpoint).firehose(&name)), STOP_LOGGING).await.unwrap();
    let script = "
keys = [found['Key'] for found in s3.list_objects_v2(Bucket=arguments[0])['Contents']]
print(json.dumps([s3.get_object(Bucket=arguments[0], Key=key)['Body'].read().decode() for key in keys]))";
    let files = read(moto, script, &[&name]).await;
    let line = files[0].as_str().unwrap();
    assert!(line.ends_with("}\n") && line.lines().count() == 1);
}

#[tokio::test]
async fn a_log_stream_is_created_if_that_is_allowed() {
    let Some(moto) = counterpart("CloudWatch Logs") else { return };
    let name = moto.name();
    let at = At::new(&moto.endpoint);
    let missing = deliver(&*open(&at.logs(&name, true)), STOP_LOGGING).await.unwrap_err();
    assert!(missing.to_string().contains("create it, or correct its name"), "{missing}");
    moto.run("client('logs').create_log_group(logGroupName=arguments[0])", &[&name]).await;
    let missing = deliver(&*open(&at.logs(&name, false)), STOP_LOGGING).await.unwrap_err();
    assert!(matches!(missing, DeliveryError::Retryable { retry_after: Some(_), .. }), "{missing}");
    let target = open(&at.logs(&name, true));
    for _ in 0..2 {
        assert_eq!(deliver(&*target, STOP_LOGGING).await.unwrap().text, "written to findings");
    }
    let script = "
found = client('logs').get_log_events(logGroupName=arguments[0], logStreamName='findings')['events']
print(json.dumps([json.loads(event['message'])['id'] for event in found]))";
    let ids = read(moto, script, &[&name]).await;
    assert_eq!(
        ids,
        serde_json::json!(["3f0c9a4e-7d1b-8c52-9e6f-0a1b2c3d4e5f", "3f0c9a4e-7d1b-8c52-9e6f-0a1b2c3d4e5f"])
    );
}

#[tokio::test]
async fn what_is_not_there_is_waited_for() {
    let Some(moto) = counterpart("targets that are missing") else { return };
    let at = At::new(&moto.endpoint);
    let missing = moto.name();
    let queue = format!("{}/123456789012/{missing}", moto.endpoint);
    for target in [
        at.sns(&format!("arn:aws:sns:us-east-1:123456789012:{missing}")),
        at.sqs(&queue),
        at.kinesis(&missing),
        at.firehose(&missing),
    ] {
        let error = open(&target).deliver(&delivery(STOP_LOGGING)).await.unwrap_err();
        let waits = matches!(error, DeliveryError::Retryable { retry_after: Some(_), .. });
        assert!(waits && error.to_string().contains("create it"), "{}: {error:?}", target.kind());
    }
}
