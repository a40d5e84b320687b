//! The dispatcher on a virtual clock: no target delays another, and each job gets one report.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use route::{FindingEvent, TargetName};
use targets::{
    Clock, Delivering, Delivery, DeliveryError, Dispatcher, Fate, Jitter, Job, Lane, Next, NotTaken, Policy,
    Receipt, Report, Reports, RetryAfter, Target,
};
use tokio::time::Instant;

use crate::counterpart::STOP_LOGGING;

/// A target that does the same each time.
enum Always {
    Answers(Duration),
    Hangs,
    Panics,
    Refuses,
    WantsTime(Duration),
}

#[derive(Clone)]
struct Fake(Arc<Always>, Arc<AtomicUsize>);

impl Target for Fake {
    fn deliver<'a>(&'a self, _: &'a Delivery) -> Delivering<'a> {
        self.1.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            match &*self.0 {
                Always::Answers(after) => {
                    tokio::time::sleep(*after).await;
                    Ok(Receipt::of("ok"))
                }
                Always::Hangs => std::future::pending().await,
                Always::Panics => panic!("a mistake inside of a target"),
                Always::Refuses => Err(DeliveryError::Permanent { reason: "no".to_owned() }),
                Always::WantsTime(time) => Err(DeliveryError::Retryable {
                    reason: "429".to_owned(),
                    retry_after: Some(RetryAfter::In(*time)),
                }),
            }
        })
    }
}

fn name(text: &str) -> TargetName {
    TargetName::new(text).unwrap()
}

fn policy() -> Policy {
    Policy { attempt_timeout: Duration::from_secs(30), ..Policy::default() }
}

/// How often each target was tried.
type Counts = Vec<(TargetName, Arc<AtomicUsize>)>;

fn start(targets: Vec<(&str, Always)>, queue_max: usize) -> (Dispatcher<u32>, Reports<u32>, Counts) {
    let began = Instant::now();
    let clock: Clock =
        Arc::new(move || Timestamp::UNIX_EPOCH + SignedDuration::try_from(began.elapsed()).unwrap());
    let jitter: Jitter = Arc::new(|| 0.0);
    let mut counts = Counts::new();
    let lanes: Vec<(TargetName, Lane)> = targets
        .into_iter()
        .map(|(target, always)| {
            let count = Arc::new(AtomicUsize::new(0));
            counts.push((name(target), Arc::clone(&count)));
            let target_itself = Arc::new(Fake(Arc::new(always), count));
            (name(target), Lane { target: target_itself, policy: policy(), queue_max })
        })
        .collect();
    let (dispatcher, reports) = Dispatcher::start(lanes, &clock, &jitter);
    (dispatcher, reports, counts)
}

fn job(target: &str, tag: u32) -> Job<u32> {
    let delivery = Delivery::new(name(target), FindingEvent::parse(STOP_LOGGING).unwrap());
    Job { load: delivery.into(), attempt: 1, first_enqueued: Timestamp::UNIX_EPOCH, tag }
}

fn second(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

async fn rest(mut reports: Reports<u32>) -> Vec<Report<u32>> {
    let mut all = Vec::new();
    while let Some(report) = reports.next().await {
        all.push(report);
    }
    all
}

#[tokio::test(start_paused = true)]
async fn one_slow_target_never_delays_another() {
    let slow = Always::Hangs;
    let (dispatcher, mut reports, _) =
        start(vec![("slow", slow), ("fast", Always::Answers(Duration::ZERO))], 100);
    let began = Instant::now();
    for tag in 0..100 {
        dispatcher.offer(job("slow", 1_000 + tag)).unwrap();
        dispatcher.offer(job("fast", tag)).unwrap();
    }
    for tag in 0..100 {
        let report = reports.next().await.unwrap();
        assert_eq!((report.tag, report.target), (tag, name("fast")));
    }
    assert_eq!(began.elapsed(), Duration::ZERO, "not a moment of the slow target's time");
    let report = reports.next().await.unwrap();
    assert_eq!(began.elapsed().as_secs(), 30);
    let reason = "not done within 30 s".to_owned();
    assert_eq!(report.fate, Fate::Tried(Next::RetryAt { at: second(31), reason }));
}

#[tokio::test(start_paused = true)]
async fn a_queue_is_bounded() {
    let (dispatcher, _reports, _) = start(vec![("slow", Always::Hangs)], 3);
    assert_eq!(dispatcher.room(&name("slow")), 3);
    let mut taken = 0;
    let refused = loop {
        tokio::task::yield_now().await;
        match dispatcher.offer(job("slow", taken)) {
            Ok(()) => taken += 1,
            Err(refused) => break refused,
        }
    };
    assert!(matches!(refused, NotTaken::Full(job) if job.tag == taken), "it comes back");
    assert_eq!(taken, 4, "three wait and one is under way");
    assert_eq!(dispatcher.room(&name("slow")), 0);
    assert_eq!(dispatcher.room(&name("nobody")), 0);
    assert!(matches!(dispatcher.offer(job("nobody", 9)), Err(NotTaken::UnknownTarget(_))));
}

#[tokio::test(start_paused = true)]
async fn a_target_that_wants_time_gets_it() {
    let time = Duration::from_secs(100);
    let (dispatcher, mut reports, counts) =
        start(vec![("limited", Always::WantsTime(time)), ("other", Always::Answers(Duration::ZERO))], 10);
    for tag in 0..2 {
        dispatcher.offer(job("limited", tag)).unwrap();
    }
    let report = reports.next().await.unwrap();
    assert_eq!(report.fate, Fate::Tried(Next::RetryAt { at: second(100), reason: "429".to_owned() }));
    assert_eq!(dispatcher.room(&name("limited")), 0, "nobody should start attempts that only wait");
    tokio::time::sleep(Duration::from_secs(99)).await;
    assert_eq!(counts[0].1.load(Ordering::SeqCst), 1, "left alone");
    dispatcher.offer(job("other", 7)).unwrap();
    assert_eq!(reports.next().await.unwrap().tag, 7, "the others do not notice");
    let report = reports.next().await.unwrap();
    assert_eq!(report.fate, Fate::Tried(Next::RetryAt { at: second(200), reason: "429".to_owned() }));
}

#[tokio::test(start_paused = true)]
async fn a_panic_ends_one_attempt() {
    let (dispatcher, mut reports, counts) = start(vec![("broken", Always::Panics)], 10);
    for tag in 0..2 {
        dispatcher.offer(job("broken", tag)).unwrap();
        let report = reports.next().await.unwrap();
        let Fate::Tried(Next::RetryAt { reason, .. }) = report.fate else { panic!("{report:?}") };
        assert_eq!(reason, "the target broke down inside");
    }
    assert_eq!(counts[0].1.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_dead() {
    let (dispatcher, mut reports, _) = start(vec![("target", Always::Refuses)], 10);
    dispatcher.offer(job("target", 1)).unwrap();
    assert_eq!(reports.next().await.unwrap().fate, Fate::Tried(Next::Dead { reason: "no".to_owned() }));
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_lets_end_what_is_under_way_and_reports_every_job() {
    let seconds = Duration::from_secs;
    let targets = vec![
        ("quick", Always::Answers(seconds(3))),
        ("hanging", Always::Hangs),
        ("waiting", Always::WantsTime(seconds(600))),
    ];
    let (dispatcher, reports, counts) = start(targets, 10);
    for (target, tags) in [("quick", 0..3), ("hanging", 10..13), ("waiting", 20..23)] {
        for tag in tags {
            dispatcher.offer(job(target, tag)).unwrap();
        }
    }
    tokio::time::sleep(seconds(1)).await;
    let began = Instant::now();
    dispatcher.shutdown(seconds(5)).await;
    assert_eq!(began.elapsed(), seconds(5), "the hanging one used up the grace, and no more");
    let reports = rest(reports).await;
    let tags: BTreeSet<u32> = reports.iter().map(|report| report.tag).collect();
    assert_eq!((reports.len(), tags.len()), (9, 9), "each job has one report");
    let fate = |tag: u32| &reports.iter().find(|report| report.tag == tag).unwrap().fate;
    assert_eq!(*fate(0), Fate::Tried(Next::Delivered(Receipt::of("ok"))));
    let Fate::Tried(Next::RetryAt { reason, .. }) = fate(10) else { panic!("{:?}", fate(10)) };
    assert_eq!(reason, "broken off at the end of the process");
    for tag in [1, 2, 11, 12, 21, 22] {
        assert_eq!(*fate(tag), Fate::Untried, "{tag}");
    }
    let tried: Vec<usize> = counts.iter().map(|(_, count)| count.load(Ordering::SeqCst)).collect();
    assert_eq!(tried, [1, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn without_a_shutdown_what_is_under_way_still_ends() {
    let (dispatcher, mut reports, _) = start(vec![("quick", Always::Answers(Duration::from_secs(3)))], 10);
    for tag in 0..2 {
        dispatcher.offer(job("quick", tag)).unwrap();
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    drop(dispatcher);
    let first = reports.next().await.unwrap();
    assert!(matches!(first.fate, Fate::Tried(Next::Delivered(_))), "{first:?}");
    assert_eq!(reports.next().await.unwrap().fate, Fate::Untried);
    assert_eq!(reports.next().await, None);
}
