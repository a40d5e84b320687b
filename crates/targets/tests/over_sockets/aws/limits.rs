//! Findings and events of every size and in all characters, to services that refuse what AWS refuses: none is refused that need not be.

use route::{FindingEvent, Kind, TargetName, Telling};
use serde_json::json;
use targets::aws::AwsTarget;
use targets::{Delivery, DeliveryError, Events};

use super::strict::services;
use super::{ALARM, At, large, open};
use crate::limits::{filled, golden, large_texts};
use crate::nasty::NASTY;

/// The same settings, and a topic and a queue that keep an order.
async fn targets() -> Vec<AwsTarget> {
    let at = At::new(&format!("http://{}", services().await.address));
    let fifo = at.sqs(&format!("{}/111122223333/findings.fifo", at.aws.endpoint.as_deref().unwrap()));
    let all = at.all().map(|(target, _)| target).into_iter();
    all.chain([at.sns("arn:aws:sns:us-east-1:111122223333:findings.fifo"), fifo]).collect()
}

async fn all_are_taken(findings: impl Iterator<Item = String>) {
    let targets: Vec<_> = targets().await.iter().map(|target| (target.kind(), open(target))).collect();
    for json in findings {
        for number in [0, 1] {
            let finding = FindingEvent::parse(&json).unwrap();
            let kind = if number == 0 { Kind::First } else { Kind::Closing };
            let telling = Telling { number, kind, ..Telling::alone(&finding) };
            let delivery = Delivery::told(TargetName::new("oncall").unwrap(), finding, telling, None);
            for (kind, target) in &targets {
                let taken = target.deliver(&delivery).await;
                let shown: String = json.chars().take(200).collect();
                assert!(taken.is_ok(), "{kind}: {taken:?} of {shown}");
            }
        }
    }
}

#[tokio::test]
async fn every_golden_finding_is_taken() {
    all_are_taken(golden().into_iter().chain([ALARM.to_owned()])).await;
}

#[tokio::test]
async fn findings_of_nasty_and_large_events_are_taken() {
    // Whatever is as long as that is in a record; beside records a finding's own texts are short.
    let in_record = |text: &str| {
        json!({
            "id": "b1", "source": "trailhound", "detail-type": "Trailhound Finding", "account": "111122223333",
            "time": "2026-11-03T02:41:09Z",
            "detail": { "rule": "r", "title": text.chars().take(200).collect::<String>(), "records": [{ "userAgent": text }, {}] },
        })
        .to_string()
    };
    let nasty = NASTY.iter().map(|text| filled(text));
    // Such as fit as they are, and not as SQS wants them.
    let escaped = ["\u{ffff}", "\u{fffe}a"].map(|piece| piece.repeat(60_000));
    let large = large_texts().into_iter().chain(escaped);
    all_are_taken(nasty.chain(large.map(|text| in_record(&text)))).await;
}

#[tokio::test]
async fn findings_around_each_limit_are_taken() {
    let targets: Vec<_> = targets().await.iter().map(|target| (target.kind(), open(target))).collect();
    for limit in [256 * 1024, 1_000 * 1024, 1024 * 1024_usize] {
        for below in [0, 300, 1_000, 2_000, 2_600] {
            let delivery = large(1, limit - below);
            for (kind, target) in &targets {
                let taken = target.deliver(&delivery).await;
                assert!(taken.is_ok(), "{kind}: {below} below {limit}: {taken:?}");
            }
        }
    }
}

/// Events of these lengths.
fn events(lengths: &[usize]) -> Events {
    let texts = lengths.iter().enumerate().map(|(number, length)| {
        let event = |padding: &str| {
            json!({
                "version": "0", "id": format!("e-{number}"), "detail-type": "AWS API Call via CloudTrail", "source": "aws.iam",
                "account": "111122223333", "time": "2026-11-03T02:40:00Z", "region": "us-east-1", "resources": [],
                "detail": { "number": number, "padding": padding },
            })
            .to_string()
        };
        let text = event(&"x".repeat(length.saturating_sub(event("").len())));
        text.into()
    });
    Events::new(TargetName::new("lake").unwrap(), "events-1:0:forward.lake".to_owned(), texts.collect())
}

#[tokio::test]
async fn events_of_every_size_are_forwarded() {
    let kib = 1024;
    for target in targets().await {
        let (kind, target) = (target.kind(), open(&target));
        let most = target.event_max();
        for lengths in [
            vec![300; 500],
            vec![most],
            vec![most, 300, most - 1, 300],
            vec![25 * kib; 21],
            vec![26 * kib; 11],
            (0..500).map(|n| 300 + n * 7 % 900).collect(),
        ] {
            let all = events(&lengths);
            let taken = target.forward(&all).await;
            assert!(
                taken.is_ok(),
                "{kind}: {} events, the first of {}: {taken:?}",
                lengths.len(),
                lengths[0]
            );
        }
        // One that no call can hold is named, and all others arrive.
        let error = target.forward(&events(&[300, 2 * 1024 * kib, 300])).await.unwrap_err();
        assert!(matches!(&error, DeliveryError::Permanent { .. }), "{kind}: {error:?}");
        assert!(error.to_string().starts_with("1 event of 3 refused: an event of "), "{kind}: {error}");
    }
}
