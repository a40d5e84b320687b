//! Events that are forwarded, against moto: all of them arrive, as many in a call as the service takes. And against a server that takes some of them only.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use targets::{DeliveryError, Enricher, EnricherAt, LambdaEnricherSettings};

use super::moto_server::counterpart;
use super::{At, events, function, open};
use crate::counterpart::Server;

/// The ids in what was read back, which is a list of events as text.
fn ids(read: &str) -> Vec<String> {
    let read: Vec<Value> = serde_json::from_str(read).unwrap();
    let id = |event: &Value| match event["id"].as_str() {
        Some(id) => id.to_owned(),
        None => format!("e-{}", event["number"]),
    };
    let mut ids: Vec<String> = read.iter().map(id).collect();
    ids.sort_by_key(|id| id[2..].parse::<u32>().unwrap());
    ids
}

fn wanted(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("e-{number}")).collect()
}

const RECEIVE: &str = "
url, found = arguments[0], []
while True:
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get('Messages', [])
    if not messages:
        break
    for message in messages:
        body = json.loads(message['Body'])
        found.append(json.loads(body['Message']) if 'Message' in body else body)
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message['ReceiptHandle'])
print(json.dumps(found))";

#[tokio::test]
async fn queues_and_topics_get_ten_at_a_time() {
    let Some(moto) = counterpart("SQS and SNS") else { return };
    let made = "url, arn = queue(arguments[0])\nprint(json.dumps([url, topic(arguments[0], arn, False)]))";
    let made: Value = serde_json::from_str(&moto.run(made, &[&moto.name()]).await).unwrap();
    let (queue, topic) = (made[0].as_str().unwrap(), made[1].as_str().unwrap());
    let at = At::new(&moto.endpoint);
    for target in [at.sqs(queue), at.sns(topic)] {
        let receipt = open(&target).forward(&events(23)).await.unwrap();
        assert_eq!(receipt.text, "23 events in 3 calls");
        assert_eq!(ids(&moto.run(RECEIVE, &[queue]).await), wanted(23), "{}", target.kind());
    }
}

#[tokio::test]
async fn streams_get_all_in_one_call() {
    let Some(moto) = counterpart("Kinesis, Firehose and Logs") else { return };
    let (at, name) = (At::new(&moto.endpoint), moto.name());
    let make = "
client('kinesis').create_stream(StreamName=arguments[0], ShardCount=1)
s3.create_bucket(Bucket=arguments[0])
destination = {'RoleARN': 'arn:aws:iam::123456789012:role/firehose', 'BucketARN': 'arn:aws:s3:::' + arguments[0]}
client('firehose').create_delivery_stream(DeliveryStreamName=arguments[0], ExtendedS3DestinationConfiguration=destination)
client('logs').create_log_group(logGroupName=arguments[0])";
    moto.run(make, &[&name]).await;
    let of_kinesis = "
kinesis = client('kinesis')
shard = kinesis.list_shards(StreamName=arguments[0])['Shards'][0]['ShardId']
iterator = kinesis.get_shard_iterator(StreamName=arguments[0], ShardId=shard, ShardIteratorType='TRIM_HORIZON')['ShardIterator']
print(json.dumps([json.loads(record['Data']) for record in kinesis.get_records(ShardIterator=iterator)['Records']]))";
    let of_firehose = "
keys = [found['Key'] for found in s3.list_objects_v2(Bucket=arguments[0])['Contents']]
lines = ''.join(s3.get_object(Bucket=arguments[0], Key=key)['Body'].read().decode() for key in keys).splitlines()
print(json.dumps([json.loads(line) for line in lines]))";
    let of_logs = "
found = client('logs').get_log_events(logGroupName=arguments[0], logStreamName='findings', startFromHead=True)['events']
print(json.dumps([json.loads(event['message']) for event in found]))";
    for (target, script) in
        [(at.kinesis(&name), of_kinesis), (at.firehose(&name), of_firehose), (at.logs(&name, true), of_logs)]
    {
        let receipt = open(&target).forward(&events(37)).await.unwrap();
        assert_eq!(receipt.text, "37 events in 1 call", "{}", target.kind());
        assert_eq!(ids(&moto.run(script, &[&name]).await), wanted(37), "{}", target.kind());
    }
}

#[tokio::test]
async fn a_bus_gets_events_under_a_source_that_is_not_of_aws() {
    let Some(moto) = counterpart("EventBridge") else { return };
    let name = moto.name();
    let make = "
logs = client('logs')
group = '/aws/events/' + arguments[0]
logs.create_log_group(logGroupName=group)
events.create_event_bus(Name=arguments[0])
pattern = json.dumps({'source': ['trailhound'], 'detail-type': ['AWS API Call via CloudTrail'], 'detail': {'eventName': ['CreateUser']}})
events.put_rule(Name=arguments[0], EventBusName=arguments[0], EventPattern=pattern)
arn = 'arn:aws:logs:us-east-1:123456789012:log-group:' + group
events.put_targets(Rule=arguments[0], EventBusName=arguments[0], Targets=[{'Id': 'logs', 'Arn': arn}])";
    moto.run(make, &[&name]).await;
    let target = open(&At::new(&moto.endpoint).event_bridge(&name));
    assert_eq!(target.forward(&events(12)).await.unwrap().text, "12 events in 2 calls");
    let read = "
found = client('logs').filter_log_events(logGroupName='/aws/events/' + arguments[0])['events']
print(json.dumps([json.loads(event['message'])['detail'] for event in found]))";
    assert_eq!(ids(&moto.run(read, &[&name]).await), wanted(12));
}

/// What Kinesis says of records, of which the second is throttled the first time.
#[tokio::test]
async fn what_a_stream_had_no_room_for_comes_again_by_itself() {
    let server = Server::start(|request| {
        let records = request.json()["Records"].as_array().unwrap().len();
        let taken = json!({ "SequenceNumber": "1", "ShardId": "shardId-000000000000" });
        let throttled =
            json!({ "ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "slow down" });
        let said: Vec<Value> = (0..records)
            .map(|place| if records > 1 && place == 1 { throttled.clone() } else { taken.clone() })
            .collect();
        let body = json!({ "FailedRecordCount": u32::from(records > 1), "Records": said }).to_string();
        (200, vec![("content-type", "application/x-amz-json-1.1".to_owned())], body)
    })
    .await;
    let target = open(&At::new(&format!("http://{}", server.address)).kinesis("lake"));
    assert_eq!(target.forward(&events(3)).await.unwrap().text, "3 events in 2 calls");
    let sizes: Vec<usize> =
        server.requests().iter().map(|request| request.json()["Records"].as_array().unwrap().len()).collect();
    assert_eq!(sizes, [3, 1]);
}

/// A service that refuses a whole call for one event of it, in its own words, and takes what is left.
#[tokio::test]
async fn one_event_that_a_call_is_refused_for_keeps_no_others_from_arriving() {
    let refused = |error: &str| {
        let body = json!({ "__type": error, "message": "an entry is not valid" }).to_string();
        (400, vec![("x-amzn-errortype", error.to_owned())], body)
    };
    let at = |server: &Server| At::new(&format!("http://{}", server.address));
    // The seventh of the events that each service is sent.
    let is_poison = |text: &str| text.contains("e-6") || text.contains("\"number\":6");
    let decoded = |data: &Value| {
        use base64::Engine as _;
        let bytes = base64::engine::general_purpose::STANDARD.decode(data.as_str().unwrap()).unwrap();
        String::from_utf8(bytes).unwrap()
    };
    type Open = fn(&At) -> targets::aws::AwsTarget;
    let services: [(Open, &str, &str, &str, Value); 4] = [
        (
            |at| at.kinesis("lake"),
            "Records",
            "Data",
            "InvalidArgumentException",
            json!({ "SequenceNumber": "1", "ShardId": "s" }),
        ),
        (|at| at.firehose("lake"), "Records", "Data", "InvalidArgumentException", json!({ "RecordId": "1" })),
        (|at| at.logs("lake", false), "logEvents", "message", "InvalidParameterException", Value::Null),
        (|at| at.event_bridge("lake"), "Entries", "Detail", "ValidationException", json!({ "EventId": "1" })),
    ];
    for (target, list, text, error, entry) in services {
        let taken = Arc::new(Mutex::new(0));
        let seen = Arc::clone(&taken);
        let server = Server::start(move |request| {
            let json = request.json();
            let entries = json[list].as_array().unwrap();
            let texts = entries.iter().map(|entry| match text {
                "Data" => decoded(&entry[text]),
                _ => entry[text].as_str().unwrap().to_owned(),
            });
            if texts.into_iter().any(|text| is_poison(&text)) {
                return refused(error);
            }
            *seen.lock().unwrap() += entries.len();
            let said = vec![entry.clone(); entries.len()];
            let body = match list {
                "logEvents" => json!({ "nextSequenceToken": "1" }),
                "Entries" => json!({ "FailedEntryCount": 0, "Entries": said }),
                _ if entry.get("RecordId").is_some() => {
                    json!({ "FailedPutCount": 0, "RequestResponses": said })
                }
                _ => json!({ "FailedRecordCount": 0, "Records": said }),
            };
            (200, vec![("content-type", "application/x-amz-json-1.1".to_owned())], body.to_string())
        })
        .await;
        let target = target(&at(&server));
        let refused = open(&target).forward(&events(10)).await.unwrap_err();
        assert!(matches!(refused, DeliveryError::Permanent { .. }), "{}: {refused:?}", target.kind());
        let said = refused.to_string();
        assert!(
            said.starts_with("1 event of 10 refused: ") && said.contains(error),
            "{}: {said}",
            target.kind()
        );
        assert_eq!(*taken.lock().unwrap(), 9, "{}", target.kind());
    }
}

#[tokio::test]
async fn who_may_not_is_told_what_to_allow() {
    let body = r#"{"__type":"AccessDeniedException","message":"no"}"#;
    let server = Server::answering(403, &[("x-amzn-errortype", "AccessDeniedException")], body).await;
    let target = open(&At::new(&format!("http://{}", server.address)).firehose("lake"));
    let error = target.forward(&events(1)).await.unwrap_err();
    assert!(matches!(error, DeliveryError::Retryable { retry_after: Some(_), .. }), "{error:?}");
    assert!(error.to_string().contains("allow `firehose:PutRecordBatch`"), "{error}");
}

fn asking(endpoint: &str, function: &str) -> Enricher {
    let aws = At::new(endpoint).aws;
    let timeout = std::time::Duration::from_secs(2);
    let at = EnricherAt::Lambda(LambdaEnricherSettings { function: function.to_owned(), timeout, aws });
    let EnricherAt::Lambda(settings) = &at else { panic!("it is a function") };
    assert_eq!(at.timeout(), timeout);
    Enricher::lambda(settings).unwrap()
}

#[tokio::test]
async fn a_function_answers_what_it_knows_of_a_finding() {
    let server = Server::start(|request| {
        let signature = request.header("authorization").to_owned();
        assert!(signature.starts_with("AWS4-HMAC-SHA256 Credential=a/"), "{signature}");
        assert!(signature.contains("/us-east-1/lambda/aws4_request"), "{signature}");
        assert_eq!(request.header("x-amz-invocation-type"), "RequestResponse");
        assert_eq!(request.json()["id"], "8f2c");
        match request.uri.path() {
            "/2015-03-31/functions/owners/invocations" => (200, vec![], r#"{"team":"payments"}"#.to_owned()),
            "/2015-03-31/functions/nothing/invocations" => (200, vec![], "null".to_owned()),
            "/2015-03-31/functions/list/invocations" => (200, vec![], "[1]".to_owned()),
            "/2015-03-31/functions/broken/invocations" => (
                200,
                vec![("x-amz-function-error", "Unhandled".to_owned())],
                r#"{"errorMessage":"secret"}"#.to_owned(),
            ),
            _ => (403, vec![("x-amzn-errortype", "AccessDeniedException".to_owned())], "{}".to_owned()),
        }
    })
    .await;
    let endpoint = format!("http://{}", server.address);
    let ask =
        async |function: &str| asking(&endpoint, function).ask("8f2c", br#"{"id":"8f2c"}"#.to_vec()).await;
    assert_eq!(ask("owners").await.unwrap()["team"], "payments");
    assert!(ask("nothing").await.unwrap().is_empty());
    for (function, said) in [
        ("list", "its answer is not a JSON object"),
        ("broken", "the function failed: Unhandled"),
        ("denied", "allow `lambda:InvokeFunction`"),
    ] {
        let error = ask(function).await.unwrap_err().to_string();
        assert!(error.contains(said) && !error.contains("secret"), "{function}: {error}");
    }
}

#[tokio::test]
async fn a_function_that_never_answers_holds_nobody_up() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let enricher = asking(&format!("http://{}", listener.local_addr().unwrap()), "slow");
    let error = enricher.ask("8f2c", b"{}".to_vec()).await.unwrap_err();
    assert_eq!(error.to_string(), "no answer within 2 s");
}

#[tokio::test]
async fn motos_function_is_asked() {
    let Some(moto) = counterpart("Lambda") else { return };
    let name = function(moto).await;
    let finding = br#"{"id":"8f2c","team":"payments"}"#.to_vec();
    let answer = asking(&moto.endpoint, &name).ask("8f2c", finding).await.unwrap();
    assert_eq!((&answer["id"], &answer["team"]), (&"8f2c".into(), &"payments".into()));
}
