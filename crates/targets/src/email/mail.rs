//! A delivery as a mail: its headers, its text, and the same as HTML.
//!
//! Nothing in it is left to chance, so each attempt sends the same bytes, save for the date. No header can be added from outside: their
//! values are one line each, and are encoded where they are more than ASCII.

use std::fmt::Write as _;

use jiff::Timestamp;
use lettre::Message as Mail;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use route::printable::line;
use route::{Kind, Severity, State};
use sha2::{Digest, Sha256};

use super::html;
use crate::Delivery;
use crate::alarm_notice::AlarmNotice;

/// The longest subject, in characters.
const SUBJECT_MAX: usize = 200;

/// A mail that is ready to be sent.
pub(super) struct Written {
    /// Its `Message-ID`.
    pub(super) id: String,
    pub(super) bytes: Vec<u8>,
}

pub(super) fn compose(
    delivery: &Delivery,
    from: &Mailbox,
    to: &[Mailbox],
    now: Timestamp,
) -> Result<Written, lettre::error::Error> {
    let message = delivery.message();
    let Body { subject: wanted, text, html } = Body::of(delivery);
    let telling = delivery.telling();
    let id = message_id(delivery, telling.number, from);
    // What began the thread; if nothing of it arrived here, this does.
    let first = delivery.earlier().map(|id| line(id, 400)).filter(|first| *first != id);
    let mut mail = Mail::builder()
        .from(from.clone())
        .subject(subject(&wanted, first.is_some()))
        .date(now.into())
        .message_id(Some(id.clone()));
    for to in to {
        mail = mail.to(to.clone());
    }
    if let Some(first) = &first {
        mail = mail.in_reply_to(first.clone()).references(first.clone());
    }
    for (name, value) in [
        ("Auto-Submitted", "auto-generated".to_owned()),
        ("X-Auto-Response-Suppress", "All".to_owned()),
        ("X-Trailhound-Key", delivery.key()),
        ("X-Trailhound-Rule", line(&message.rule, 200)),
        ("X-Trailhound-Severity", message.severity.name().to_owned()),
        ("X-Trailhound-State", message.state.name().to_owned()),
    ] {
        mail = mail.raw_header(HeaderValue::new(HeaderName::new_from_ascii_str(name), value));
    }
    if message.state == State::Firing && message.severity >= Severity::High {
        let importance = HeaderName::new_from_ascii_str("Importance");
        mail = mail.raw_header(HeaderValue::new(importance, "high".to_owned()));
    }
    let parts = MultiPart::alternative()
        .boundary(boundary(&delivery.key(), &text, &html))
        .singlepart(SinglePart::plain(text))
        .singlepart(SinglePart::html(html));
    Ok(Written { id, bytes: mail.multipart(parts)?.formatted() })
}

/// What is in a mail.
struct Body {
    subject: String,
    text: String,
    html: String,
}

impl Body {
    /// Alarms are told in the shape of CloudWatch's own mails, which people and filters know. Those say which state an alarm has entered: so where it
    /// has entered none, what is new stands in front.
    fn of(delivery: &Delivery) -> Body {
        let message = delivery.message();
        match AlarmNotice::of(delivery.finding(), None) {
            Some(notice) => {
                let (ours, theirs) = (message.to_string(), notice.email.trim_end());
                let goes_on = message.kind != Kind::First && message.state == State::Firing;
                let between = "-".repeat(70);
                let text = if goes_on {
                    format!("{}\n\n{between}\n{theirs}\n", ours.trim_end())
                } else {
                    format!("{}{theirs}\n\n{between}\n{ours}", message.mark())
                };
                Body { subject: notice.subject, html: html::render(message, Some(&notice.email)), text }
            }
            None => Body {
                subject: message.headline.clone(),
                text: message.to_string(),
                html: html::render(message, None),
            },
        }
    }
}

/// Mail programs put together what has the same subject and refers to the same first mail.
fn subject(subject: &str, is_answer: bool) -> String {
    let again = if is_answer { "Re: " } else { "" };
    line(&format!("{again}{subject}"), SUBJECT_MAX)
}

/// `<id.0.target@example.com>`: of a conversation's id, a message's number and a target's name, which have no characters that an id of a mail cannot have.
fn message_id(delivery: &Delivery, number: u32, from: &Mailbox) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let id: String = delivery.telling().conversation.chars().map(plain).collect();
    format!("<{id}.{number}.{}@{}>", delivery.target(), from.email.domain())
}

/// A line between the parts that is in none of them: nobody can write a text that holds its own hash.
fn boundary(key: &str, text: &str, html: &str) -> String {
    let mut hash = Sha256::new();
    for part in [key, text, html] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.finalize().iter().take(16).fold("trailhound-".to_owned(), |mut boundary, byte| {
        // Writing to a String cannot fail.
        let _ = write!(boundary, "{byte:02x}");
        boundary
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mails_read_well() {
        let from: Mailbox = "Trailhound <trailhound@example.com>".parse().unwrap();
        let to: Vec<Mailbox> = vec!["security@example.com".parse().unwrap()];
        for (name, delivery) in crate::examples::deliveries() {
            let body = Body::of(&delivery);
            insta::assert_snapshot!(format!("{name}_text"), body.text);
            insta::assert_snapshot!(format!("{name}_html"), body.html);
            let written = compose(&delivery, &from, &to, Timestamp::UNIX_EPOCH).unwrap();
            let again = compose(&delivery, &from, &to, Timestamp::UNIX_EPOCH).unwrap();
            assert_eq!(written.bytes, again.bytes, "each attempt sends the same");
        }
    }

    #[test]
    fn no_header_comes_from_outside() {
        let from: Mailbox = "trailhound@example.com".parse().unwrap();
        let json = serde_json::json!({
            "id": "a", "source": "trailhound", "detail-type": "Trailhound Finding",
            "detail": { "rule": "r\r\nBcc: x@example.com", "title": "t\r\nBcc: victim@example.com\r\n\r\n<script>alert(1)</script>" },
        });
        let finding = route::FindingEvent::parse(&json.to_string()).unwrap();
        let delivery = Delivery::new(route::TargetName::new("t").unwrap(), finding);
        let mail = compose(&delivery, &from, std::slice::from_ref(&from), Timestamp::UNIX_EPOCH).unwrap();
        let text = String::from_utf8(mail.bytes).unwrap();
        let head = text.split("\r\n\r\n").next().unwrap();
        let names: Vec<&str> =
            head.split("\r\n").filter_map(|line| line.split_once(": ").map(|(name, _)| name)).collect();
        assert!(!names.contains(&"Bcc"), "{head}");
        let html = text.split("text/html").nth(1).unwrap();
        assert!(!html.contains("<script") && html.contains("&lt;script"), "{html}");
    }
}
