//! Texts that want to act, in every field of an event that a message shows, through every format: none of them acts.

use std::sync::Arc;

use route::{FindingEvent, TargetName};
use serde_json::{Value, json};
use targets::{
    Delivery, OpsGenie, OpsGenieSettings, PagerDuty, PagerDutySettings, Secret, Slack, SlackApp,
    SlackAppSettings, SlackSettings, Target, Teams, TeamsSettings,
};

use crate::counterpart::{Server, local};

/// What somebody who chooses a name may write.
pub(crate) const NASTY: [&str; 28] = [
    "<!channel> <!here> <!everyone>",
    "@channel @here @everyone #general",
    "<@U0123456789> <#C0123456789|general> <!subteam^S123>",
    "<https://evil.example|Open in console>",
    "https://evil.example/login",
    "&lt;!channel&gt; &amp;lt; &#60;",
    "*bold* _it_ ~gone~ `code` ```block``` > quote",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "\"><a href=\"javascript:alert(1)\">x</a><!--",
    "</td></table><h1>All is well</h1>",
    "[click](https://evil.example) ![x](https://evil.example/x.png)",
    "<at>Everybody</at> {{DATE(2026-01-01T00:00:00Z)}} ${secret} {{ account.name }} {% raw %}",
    "x\r\nBcc: victim@example.com\r\nSubject: All is well\r\n\r\n<html>",
    "x\n.\nQUIT\n",
    "=?utf-8?q?All_is_well?=",
    "\u{1b}[31mred\u{1b}[0m \u{1b}]0;title\u{7} \u{1b}]8;;https://evil.example\u{1b}\\x\u{1b}]8;;\u{1b}\\ \u{9b}31m",
    "\u{8}\u{8}\u{8}\u{8}erased \u{7f} \u{0}",
    "user\u{202e}nimda\u{202c} \u{2066}x\u{2069}",
    "a\u{200b}b\u{200d}c\u{feff}d\u{ad}e \u{e0041}\u{e0042}",
    "line one\u{2028}line two\u{2029}line three\u{85}line four",
    "- evil: true\n  also: !!python/object/apply:os.system [id]",
    "key: value # comment\n---\nother: document\n...",
    "*anchor &anchor !tag |- %YAML @at",
    "null ~ yes 0x1F 1e3 2026-11-03",
    "'; DROP TABLE finding; --",
    "$(id) `id` ; rm -rf / | cat",
    "\\u003cscript\\u003e \\n \\x1b[31m",
    "Z\u{300}\u{301}\u{302}\u{303}\u{304}\u{305}\u{306}\u{307}\u{308}\u{309}\u{30a}\u{30b}\u{30c}",
];

/// A record with a text in each member that is told.
fn record(text: &str) -> Value {
    json!({
        "eventName": text, "eventSource": text, "userAgent": text, "errorCode": text, "errorMessage": text,
        "userIdentity": { "type": text, "arn": text, "sessionContext": { "sessionIssuer": { "arn": text } } },
        "requestParameters": { text: text, "list": [text, { text: [text] }] },
    })
}

/// A finding with a text wherever an event's own texts may stand; names of members too.
fn finding(text: &str) -> FindingEvent {
    let json = json!({
        "id": "aaaa0000-7d1b-8c52-9e6f-0a1b2c3d4e5f", "version": "0", "source": "trailhound",
        "detail-type": "Trailhound Finding", "account": "111122223333", "region": text, "time": "2026-11-03T03:00:00Z",
        "detail": {
            "rule": "a-rule", "title": text, "severity": "high", "state": "firing", "revision": 0, "settled": true,
            "reason": text, "description": text, "count": 3, "source_ip": text,
            "first_time": "2026-11-03T03:00:00Z", "last_time": text,
            "account": { "name": text, "ou": text, "tags": { text: text } },
            "principal": { "kind": text, "name": text, "arn": text, "session": text, "human": text },
            "source": { "country": text, "city": text, "org": text, "asn": 64500 },
            "key": { text: text }, "event_ids": [text], "first_checks": [text], "tags": [text], "owner": text,
            "records": [record(text)],
        },
    });
    FindingEvent::parse(&json.to_string()).unwrap()
}

/// All texts in a document, with the names of the members they stand in.
fn texts(value: &Value, path: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::String(text) => found.push((path.to_owned(), text.clone())),
        Value::Array(items) => items.iter().for_each(|item| texts(item, path, found)),
        Value::Object(members) => {
            for (name, value) in members {
                found.push((format!("{path} name"), name.clone()));
                texts(value, &format!("{path}.{name}"), found);
            }
        }
        _ => {}
    }
}

/// What a target sends of a finding, as texts by their places.
async fn sent(target: &dyn Target, server: &Server, text: &str) -> Vec<(String, String)> {
    let delivery = Delivery::new(TargetName::new("people").unwrap(), finding(text));
    target.deliver(&delivery).await.unwrap();
    let request = server.requests().pop().unwrap();
    let mut found = Vec::new();
    texts(&request.json(), "", &mut found);
    assert!(found.len() > 10, "something was sent");
    found
}

/// Nothing acts on a terminal, hides, or turns text around; a line feed is the format's own.
fn assert_printable(place: &str, text: &str) {
    let hidden = text.chars().find(|c| *c != '\n' && route::printable::is_hidden(*c));
    assert_eq!(hidden, None, "{place}: {text:?}");
}

#[tokio::test]
async fn slack_takes_no_text_for_markup() {
    let hook = Server::answering(200, &[], "ok").await;
    let answer = r#"{"ok":true,"channel":"C0123456789","ts":"1700000000.000000"}"#;
    let methods = Server::answering(200, &[], answer).await;
    let slack = Slack::new(&SlackSettings { webhook: hook.url("/x"), network: local() }).unwrap();
    let app = SlackApp::new(&SlackAppSettings {
        bot_token: Secret::new("xoxb-0123456789-0123456789"),
        channel: "C0123456789".to_owned(),
        buttons: true,
        url: Some(methods.url("/api/")),
        network: local(),
    })
    .unwrap();
    for nasty in NASTY {
        for (target, server) in [(&slack as &dyn Target, &hook), (&app, &methods)] {
            for (place, text) in sent(target, server, nasty).await {
                assert_printable(&place, &text);
                // There is no link of ours, since the finding's region is none: so there is no markup at all.
                assert!(!text.contains('<'), "{place}: {text}");
                let entities = text.split('&').skip(1);
                for rest in entities {
                    assert!(
                        ["amp;", "lt;", "gt;"].iter().any(|known| rest.starts_with(known)),
                        "{place}: {text}"
                    );
                }
                assert_eq!(text.matches("```").count() % 2, 0, "{place}: {text}");
            }
            let body = server.requests().pop().unwrap().json();
            let mut found = Vec::new();
            verbatim(&body, &mut found);
            assert!(
                !found.is_empty() && found.iter().all(|verbatim| *verbatim),
                "names and addresses are left as they are"
            );
            for parses in ["parse", "link_names"] {
                assert_eq!(body.get(parses), None, "nothing is to be read into texts");
            }
        }
    }
}

/// Whether Slack is told to leave a text as it is, of each that it would read.
fn verbatim(value: &Value, found: &mut Vec<bool>) {
    match value {
        Value::Object(members) => {
            if value["type"] == "mrkdwn" {
                found.push(value["verbatim"] == true);
            }
            members.values().for_each(|value| verbatim(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| verbatim(value, found)),
        _ => {}
    }
}

#[tokio::test]
async fn teams_takes_no_text_for_markup() {
    let server = Server::answering(202, &[], "").await;
    let teams = Teams::new(&TeamsSettings { webhook: server.url("/x"), network: local() }).unwrap();
    for nasty in NASTY {
        for (place, text) in sent(&teams, &server, nasty).await {
            assert_printable(&place, &text);
            assert!(!text.contains("{{") && !text.contains("${"), "{place}: {text}");
        }
        let body = server.requests().pop().unwrap().json();
        let mut blocks = Vec::new();
        kinds(&body["attachments"][0]["content"]["body"], &mut blocks);
        assert!(!blocks.contains(&"TextBlock".to_owned()), "a text block reads Markdown, and runs do not");
        assert!(blocks.contains(&"TextRun".to_owned()));
        assert_eq!(body["attachments"][0]["content"]["msteams"].get("entities"), None, "nobody is mentioned");
    }
}

fn kinds(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            found.extend(value["type"].as_str().map(str::to_owned));
            members.values().for_each(|value| kinds(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| kinds(value, found)),
        _ => {}
    }
}

#[tokio::test]
async fn incidents_have_printable_texts_and_no_links_but_ours() {
    let (incidents, alerts) =
        (Server::answering(202, &[], "{}").await, Server::answering(202, &[], "{}").await);
    let pagerduty = PagerDuty::new(PagerDutySettings {
        routing_key: Secret::new("R0123456789abcdefR0123456789abcd"),
        url: Some(incidents.url("/v2/enqueue")),
        network: local(),
    })
    .unwrap();
    let opsgenie = OpsGenie::new(&OpsGenieSettings {
        api_key: Secret::new("eb243592-faa2-4ba2-a551-1afdf565c889"),
        url: Some(alerts.url("/v2/alerts")),
        network: local(),
    })
    .unwrap();
    for nasty in NASTY {
        for (target, server) in [(&pagerduty as &dyn Target, &incidents), (&opsgenie, &alerts)] {
            for (place, text) in sent(target, server, nasty).await {
                assert_printable(&place, &text);
                if place.ends_with(".href") || place.ends_with(".client_url") {
                    assert!(!text.contains("evil.example"), "{place}: {text}");
                }
                // What OpsGenie shows as HTML has no tags.
                let is_html = [".description", ".note"].contains(&&*place) || place.starts_with(".details.");
                if is_html {
                    for tag in ["<script", "<img", "<a ", "</td", "<!--", "<at"] {
                        assert!(!text.contains(tag), "{place}: {text}");
                    }
                }
            }
        }
    }
}

#[test]
fn plain_text_acts_on_no_terminal() {
    for nasty in NASTY {
        let message = route::Message::of(&finding(nasty));
        assert_printable("plain text", &message.to_string());
        for fact in &message.facts {
            assert!(!fact.value.contains('\n'), "{}: {:?}", fact.label, fact.value);
        }
    }
}

#[tokio::test]
async fn mails_have_the_headers_and_elements_that_are_ours() {
    let clean = mail("nothing special").await;
    let names = |mail: &str| -> Vec<String> {
        let head = mail.split("\r\n\r\n").next().unwrap_or_default();
        let lines = head.split("\r\n").filter(|line| !line.starts_with([' ', '\t']));
        lines.filter_map(|line| Some(line.split_once(':')?.0.to_owned())).collect()
    };
    for nasty in NASTY {
        let mail = mail(nasty).await;
        assert_eq!(names(&mail), names(&clean), "{nasty:?}");
        let html = mail.split("text/html").nth(1).unwrap().to_lowercase().replace("=\r\n", "");
        for element in ["<script", "<img", "<h1>", "<!--", "javascript:alert(1)\"", "<at>"] {
            assert!(!html.contains(element), "{nasty:?}: {element} in {html}");
        }
    }
}

/// A mail as a relay gets it.
async fn mail(text: &str) -> String {
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let relay = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let (read, mut write) = stream.into_split();
        let mut lines = BufReader::new(read).lines();
        write.write_all(b"220 relay ESMTP\r\n").await.unwrap();
        let (mut mail, mut inside) = (String::new(), false);
        while let Some(line) = lines.next_line().await.unwrap() {
            if inside {
                if line == "." {
                    inside = false;
                    write.write_all(b"250 taken\r\n").await.unwrap();
                } else {
                    mail.push_str(&line);
                    mail.push_str("\r\n");
                }
                continue;
            }
            let answer = match line.get(..4).unwrap_or_default() {
                "DATA" => {
                    inside = true;
                    "354 go on\r\n"
                }
                "QUIT" => "221 bye\r\n",
                "EHLO" => "250-relay\r\n250 8BITMIME\r\n",
                _ => "250 fine\r\n",
            };
            write.write_all(answer.as_bytes()).await.unwrap();
            if line == "QUIT" {
                break;
            }
        }
        mail
    });
    let settings = targets::EmailSettings {
        server: "127.0.0.1".to_owned(),
        port: Some(port),
        tls: targets::SmtpTls::None,
        ca: None,
        login: None,
        hello: None,
        from: "trailhound@example.com".to_owned(),
        to: vec!["oncall@example.com".to_owned()],
        network: local(),
    };
    let email = targets::Email::new(&settings, Arc::new(|| jiff::Timestamp::UNIX_EPOCH)).unwrap();
    let delivery = Delivery::new(TargetName::new("people").unwrap(), finding(text));
    email.deliver(&delivery).await.unwrap();
    drop(email);
    relay.await.unwrap()
}
