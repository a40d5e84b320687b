//! What CloudWatch itself would have sent, for a finding that is an alarm's: the notification that SNS carries, its subject, the text
//! message and the mail.
//!
//! Member by member and word by word as recorded on the service in September 2026, so that whatever reads alarms today reads these. What only
//! an account of AWS knows is made of what a finding knows: the ARN of account, region and name; the topic stands in all three lists of
//! actions, since it is told of every change; and the configuration counts as updated when the state before this one began, because
//! nothing says when a rule was last edited. Triggering children in the mail are written as nobody recorded them.

use std::fmt::Write as _;

use jiff::Timestamp;
use route::FindingEvent;
use route::printable::line;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

mod region;

/// What CloudWatch would have sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlarmNotice {
    /// The subject: printable ASCII, at most 100 characters.
    pub subject: String,
    /// The text message.
    pub sms: String,
    /// The notification: JSON.
    pub json: String,
    /// The mail's text.
    pub email: String,
}

/// The longest subject, and the longest name in a text message, in characters.
const SUBJECT_MAX: usize = 100;
const SMS_NAME_MAX: usize = 90;
/// The longest text in a mail, in characters: what CloudWatch lets a reason be.
const MAIL_TEXT_MAX: usize = 1023;

impl AlarmNotice {
    /// The notice of a finding; none if it is no alarm's. `topic` is the action that CloudWatch would have taken.
    #[must_use]
    pub fn of(finding: &FindingEvent, topic: Option<&str>) -> Option<AlarmNotice> {
        let mut finding: Finding = serde_json::from_str(finding.json()).ok()?;
        // Where CloudWatch has no place for it, it is said in words that every reader of alarms is shown.
        let mark = if finding.detail.drill == Some(true) { "DRILL " } else { "" };
        if let Some(alarm) = &mut finding.detail.alarm {
            alarm.new_state_reason.insert_str(0, mark);
        }
        let notification = Notification::of(&finding, topic)?;
        let state = &notification.new_state_value;
        let (name, region) = (plain(notification.alarm_name), notification.region);
        let beside = format!("{mark}{state}: \"\" in {region}").len();
        Some(AlarmNotice {
            subject: format!(
                "{mark}{state}: \"{}\" in {region}",
                shorter(&name, SUBJECT_MAX.saturating_sub(beside))
            ),
            sms: format!("{mark}{state}: \"{}\" in {region}", shorter(&name, SMS_NAME_MAX)),
            json: serde_json::to_string(&notification).ok()?,
            email: email(&notification, &finding.region),
        })
    }
}

/// As much of a finding as a notice is made of.
#[derive(Deserialize)]
struct Finding {
    #[serde(default)]
    account: String,
    #[serde(default)]
    region: String,
    detail: Detail,
}

#[derive(Deserialize)]
struct Detail {
    alarm: Option<Alarm>,
    drill: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Alarm {
    alarm_name: String,
    alarm_description: Option<String>,
    new_state_value: String,
    new_state_reason: String,
    state_change_time: String,
    old_state_value: String,
    trigger: Option<Trigger>,
    alarm_rule: Option<String>,
    triggering_children: Option<Vec<Child>>,
    state_change_event: Option<Value>,
}

/// In the order of the service.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Notification<'f> {
    alarm_name: &'f str,
    alarm_description: Option<&'f str>,
    #[serde(rename = "AWSAccountId")]
    account: &'f str,
    #[serde(skip_serializing_if = "Option::is_none")]
    alarm_configuration_updated_timestamp: Option<&'f str>,
    new_state_value: &'f str,
    new_state_reason: &'f str,
    state_change_time: &'f str,
    region: &'f str,
    alarm_arn: String,
    old_state_value: &'f str,
    action_executed_after_mute_window: bool,
    #[serde(rename = "OKActions")]
    ok_actions: Vec<&'f str>,
    alarm_actions: Vec<&'f str>,
    insufficient_data_actions: Vec<&'f str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trigger: Option<&'f Trigger>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alarm_rule: Option<&'f str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    triggering_children: Option<&'f [Child]>,
}

/// What an alarm watches. Members that an alarm does not have are left out; those that it has without a value are `null`.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Trigger {
    #[serde(default, deserialize_with = "known", skip_serializing_if = "Option::is_none")]
    metric_name: Option<Value>,
    #[serde(default, deserialize_with = "known", skip_serializing_if = "Option::is_none")]
    namespace: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    statistic_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    statistic: Option<String>,
    #[serde(default, deserialize_with = "known", skip_serializing_if = "Option::is_none")]
    unit: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dimensions: Option<Vec<Dimension>>,
    period: Option<u64>,
    evaluation_periods: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    datapoints_to_alarm: Option<u64>,
    comparison_operator: Option<String>,
    threshold: Option<Box<RawValue>>,
    #[serde(default)]
    treat_missing_data: String,
    #[serde(default)]
    evaluate_low_sample_count_percentile: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    metrics: Option<Box<RawValue>>,
}

#[derive(Deserialize, Serialize)]
struct Dimension {
    value: String,
    name: String,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Child {
    arn: String,
    state: ChildState,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ChildState {
    value: String,
    timestamp: String,
}

/// Tells a member that is `null` from one that is missing.
fn known<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl<'f> Notification<'f> {
    fn of(finding: &'f Finding, topic: Option<&'f str>) -> Option<Self> {
        let alarm = finding.detail.alarm.as_ref()?;
        let (account, region) = (finding.account.as_str(), finding.region.as_str());
        let partition = match region {
            _ if region.starts_with("cn-") => "aws-cn",
            _ if region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        };
        let since = alarm
            .state_change_event
            .as_ref()
            .and_then(|event| event.pointer("/detail/previousState/timestamp"));
        let is_composite = alarm.alarm_rule.is_some();
        let actions: Vec<&str> = topic.into_iter().collect();
        Some(Notification {
            alarm_name: &alarm.alarm_name,
            alarm_description: alarm.alarm_description.as_deref(),
            account,
            alarm_configuration_updated_timestamp: (!is_composite)
                .then(|| since.and_then(Value::as_str).unwrap_or(&alarm.state_change_time)),
            new_state_value: &alarm.new_state_value,
            new_state_reason: &alarm.new_state_reason,
            state_change_time: &alarm.state_change_time,
            region: region::display_name(region),
            alarm_arn: format!("arn:{partition}:cloudwatch:{region}:{account}:alarm:{}", alarm.alarm_name),
            old_state_value: &alarm.old_state_value,
            action_executed_after_mute_window: false,
            ok_actions: actions.clone(),
            alarm_actions: actions.clone(),
            insufficient_data_actions: actions,
            trigger: alarm.trigger.as_ref(),
            alarm_rule: alarm.alarm_rule.as_deref(),
            triggering_children: alarm.triggering_children.as_deref(),
        })
    }
}

/// A name in printable ASCII, with an underscore for what is not.
fn plain(name: &str) -> String {
    let mut plain = String::new();
    for c in name.chars() {
        match c {
            ' '..='~' => plain.push(c),
            _ if plain.ends_with('_') => {}
            _ => plain.push('_'),
        }
    }
    plain
}

/// A name of at most so many characters, which are one byte each.
fn shorter(name: &str, most: usize) -> String {
    let kept = name.get(..most.saturating_sub(3)).filter(|_| name.len() > most);
    kept.map_or_else(|| name.to_owned(), |kept| format!("{kept}..."))
}

/// The mail, as the service words it.
fn email(notification: &Notification<'_>, region: &str) -> String {
    let text = |text: &str| line(text, MAIL_TEXT_MAX);
    let (name, reason) = (text(notification.alarm_name), text(notification.new_state_reason));
    let (state, region_name) = (notification.new_state_value, notification.region);
    let time = long_time(notification.state_change_time);
    let mut mail = String::new();
    // Writing to a String cannot fail.
    let mut say = |text: &str| {
        let _ = writeln!(mail, "{text}");
    };
    if notification.alarm_rule.is_some() {
        say(&format!(
            "You are receiving this email because your Amazon CloudWatch Alarm \"{name}\" in the {region_name} region has transitioned to {state} state on {time}, because \"{reason}\"."
        ));
    } else {
        say(&format!(
            "You are receiving this email because your Amazon CloudWatch Alarm \"{name}\" in the {region_name} region has entered the {state} state, because \"{reason}\" at \"{time}\"."
        ));
    }
    say("");
    say("View this alarm in the AWS Management Console:");
    say(&format!(
        "https://{region}.console.aws.amazon.com/cloudwatch/deeplink.js?region={region}#alarmsV2:alarm/{}",
        url_encoded(notification.alarm_name)
    ));
    say("");
    say("Alarm Details:");
    let mut fact = |label: &str, value: &str| say(&format!("- {label:<27} {value}"));
    fact("Name:", &name);
    fact("Description:", &text(notification.alarm_description.unwrap_or_default()));
    fact("State Change:", &format!("{} -> {state}", notification.old_state_value));
    fact("Reason for State Change:", &reason);
    fact("Timestamp:", &time);
    fact("AWS Account:", notification.account);
    fact("Alarm Arn:", &text(&notification.alarm_arn));
    if let Some(rule) = notification.alarm_rule {
        fact("Alarm Rule:", &text(rule));
    }
    say("");
    if let Some(children) = notification.triggering_children.filter(|children| !children.is_empty()) {
        say("Triggering children (max. 10):");
        for child in children.iter().take(10) {
            say(&format!(
                "- {} {} {}",
                text(&child.arn),
                child.state.value,
                long_time(&child.state.timestamp)
            ));
        }
        say("");
    }
    if let Some(trigger) = notification.trigger {
        watched(trigger, &mut say);
    }
    let actions = |actions: &[&str]| {
        if actions.is_empty() { String::new() } else { format!("[{}]", actions.join(", ")) }
    };
    say("");
    say("State Change Actions:");
    say(&format!("- OK: {}", actions(&notification.ok_actions)));
    say(&format!("- ALARM: {}", actions(&notification.alarm_actions)));
    say(&format!("- INSUFFICIENT_DATA: {}", actions(&notification.insufficient_data_actions)));
    mail
}

/// What the alarm watches and when it is in alarm.
fn watched(trigger: &Trigger, say: &mut impl FnMut(&str)) {
    let text = |text: &str| line(text, MAIL_TEXT_MAX);
    let number = |number: Option<u64>| number.unwrap_or_default();
    let (periods, period) = (number(trigger.evaluation_periods), number(trigger.period));
    let operator = trigger.comparison_operator.as_deref().unwrap_or_default();
    let threshold = trigger.threshold.as_ref().map_or("", |threshold| threshold.get());
    let datapoints = trigger.datapoints_to_alarm.unwrap_or(periods);
    say("Threshold:");
    say(&format!(
        "- The alarm is in the ALARM state when the metric is {operator} {threshold} for at least {datapoints} of the last {periods} period(s) of {period} seconds. "
    ));
    say("");
    let missing =
        Some(trigger.treat_missing_data.as_str()).filter(|treat| !treat.is_empty()).unwrap_or("missing");
    if let Some(metrics) = &trigger.metrics {
        say("Monitored Metrics:");
        for metric in serde_json::from_str::<Vec<Value>>(metrics.get()).unwrap_or_default() {
            let of = |name: &str| {
                metric.get(name).or_else(|| metric.get(name.to_lowercase())).and_then(Value::as_str)
            };
            if let Some(expression) = of("Expression") {
                say(&format!("- MetricExpression:                    {}", text(expression)));
            }
            if let Some(label) = of("Label") {
                say(&format!("- MetricLabel:                         {}", text(label)));
            }
        }
        say(&format!("- TreatMissingData:                    {missing}"));
        return;
    }
    let told = |value: &Option<Value>| value.as_ref().and_then(Value::as_str).map(text);
    let dimensions = trigger.dimensions.iter().flatten();
    let dimensions: Vec<String> =
        dimensions.map(|Dimension { value, name }| format!("{} = {}", text(name), text(value))).collect();
    say("Monitored Metric:");
    let mut fact = |label: &str, value: &str| say(&format!("- {label:<36} {value}"));
    fact("MetricNamespace:", &told(&trigger.namespace).unwrap_or_default());
    fact("MetricName:", &told(&trigger.metric_name).unwrap_or_default());
    fact("Dimensions:", &format!("[{}]", dimensions.join(", ")));
    fact("Period:", &format!("{period} seconds"));
    fact("Statistic:", &statistic(trigger.statistic.as_deref().unwrap_or_default()));
    fact("Unit:", &told(&trigger.unit).unwrap_or_else(|| "not specified".to_owned()));
    fact("TreatMissingData:", missing);
    say("");
}

/// A statistic as a mail writes it: the notification has the basic ones in capitals.
fn statistic(name: &str) -> String {
    match name {
        "AVERAGE" => "Average",
        "SUM" => "Sum",
        "MINIMUM" => "Minimum",
        "MAXIMUM" => "Maximum",
        "SAMPLECOUNT" => "SampleCount",
        other => other,
    }
    .to_owned()
}

/// `Monday 14 September, 2026 11:18:44 UTC`.
fn long_time(time: &str) -> String {
    let read = time.parse::<Timestamp>().map(|time| time.strftime("%A %d %B, %Y %H:%M:%S UTC").to_string());
    read.unwrap_or_else(|_| line(time, 40))
}

fn url_encoded(name: &str) -> String {
    let mut encoded = String::new();
    for byte in name.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                encoded.push(char::from(byte));
            }
            // Writing to a String cannot fail.
            _ => {
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    const METRIC: &str = r#"{"AlarmName":"root-use","AlarmDescription":null,"NewStateValue":"ALARM","NewStateReason":"Threshold Crossed: 1 out of the last 1 datapoints [3.0 (14/09/26 11:13:00)] was greater than or equal to the threshold (1.0) (minimum 1 datapoint for OK -> ALARM transition).","NewStateReasonData":"{}","StateChangeTime":"2026-09-14T11:18:44.401+0000","OldStateValue":"OK",
        "Trigger":{"ComparisonOperator":"GreaterThanOrEqualToThreshold","DatapointsToAlarm":1,"Dimensions":[{"name":"user","value":"bob"}],"EvaluateLowSampleCountPercentile":"","EvaluationPeriods":1,"MetricName":"RootUse","Namespace":"Trailhound","Period":300,"Statistic":"SUM","StatisticType":"Statistic","Threshold":1.0,"TreatMissingData":"notBreaching","Unit":null},
        "StateChangeEvent":{"detail":{"previousState":{"timestamp":"2026-09-14T10:00:00.000+0000"}}}}"#;
    const COMPOSITE: &str = r#"{"AlarmName":"both & more","AlarmDescription":"two things","AlarmRule":"ALARM(a) AND ALARM(b)","NewStateValue":"OK","NewStateReason":"alarm a went OK","StateChangeTime":"2026-09-14T11:18:44.401+0000","OldStateValue":"ALARM","TriggeringChildren":[{"Arn":"arn:aws:cloudwatch:eu-west-1:111122223333:alarm:a","State":{"Value":"OK","Timestamp":"2026-09-14T11:18:40.000+0000"}}]}"#;

    fn notice(alarm: &str) -> Option<AlarmNotice> {
        let json = format!(
            r#"{{"id":"a","source":"trailhound","detail-type":"Trailhound Finding","account":"111122223333","region":"eu-west-1","detail":{{"rule":"r","alarm":{alarm}}}}}"#
        );
        AlarmNotice::of(
            &FindingEvent::parse(&json).unwrap(),
            Some("arn:aws:sns:eu-west-1:111122223333:alarms"),
        )
    }

    #[test]
    fn an_alarm_of_a_metric() {
        let notice = notice(METRIC).unwrap();
        assert_eq!(notice.subject, r#"ALARM: "root-use" in EU (Ireland)"#);
        assert_eq!(notice.sms, notice.subject);
        insta::assert_snapshot!("metric_json", notice.json);
        insta::assert_snapshot!("metric_email", notice.email);
    }

    #[test]
    fn a_composite_alarm() {
        let notice = notice(COMPOSITE).unwrap();
        insta::assert_snapshot!("composite_json", notice.json);
        insta::assert_snapshot!("composite_email", notice.email);
    }

    #[test]
    fn a_drill_is_marked_where_an_alarm_has_words() {
        let drill = notice(&format!(r#"{METRIC},"drill":true"#)).unwrap();
        assert_eq!(drill.subject, r#"DRILL ALARM: "root-use" in EU (Ireland)"#);
        assert_eq!(drill.sms, drill.subject);
        assert!(drill.json.contains(r#""NewStateReason":"DRILL Threshold Crossed: "#), "{}", drill.json);
        assert!(drill.email.contains("DRILL Threshold Crossed: "), "{}", drill.email);
        let long = METRIC.replace("root-use", &"n".repeat(200));
        assert!(notice(&format!(r#"{long},"drill":true"#)).unwrap().subject.len() <= SUBJECT_MAX);
    }

    #[test]
    fn what_is_no_alarm_has_no_notice() {
        assert_eq!(notice("null"), None);
        assert_eq!(notice(r#"{"AlarmName": 3}"#), None);
    }

    #[test]
    fn long_names_are_cut() {
        let alarm = METRIC.replace("root-use", &"é1".repeat(80));
        let notice = notice(&alarm).unwrap();
        assert_eq!(notice.subject.len(), SUBJECT_MAX);
        assert!(notice.subject.ends_with(r#"..." in EU (Ireland)"#), "{}", notice.subject);
        assert!(
            notice.sms.starts_with(r#"ALARM: "_1_1"#)
                && notice.sms.len() == 90 + r#"ALARM: "" in EU (Ireland)"#.len()
        );
    }
}
