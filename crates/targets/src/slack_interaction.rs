//! Buttons of a message in Slack, and what comes back when somebody presses one.
//!
//! Slack posts a form to the address that the app names for interactivity, signed with the app's secret: `v0=` and the HMAC-SHA256 of
//! `v0:timestamp:body`. A request that is not signed so, or more than five minutes old, is nobody's.

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::Secret;
use crate::signature::{Refusal, TOLERANCE_SECONDS, from_hex};

/// The header with the time.
pub const TIMESTAMP_HEADER: &str = "x-slack-request-timestamp";
/// The header with the signature.
pub const SIGNATURE_HEADER: &str = "x-slack-signature";
/// The largest request, in bytes.
pub const BODY_MAX: usize = 256 * 1024;
/// How long a button silences for.
pub const SILENCE: Duration = Duration::from_secs(3600);

const BLOCK: &str = "trailhound";

/// What a button does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Button {
    /// Somebody looks after it.
    Acknowledge,
    /// Nothing more of it for an hour.
    Silence,
    /// Whoever presses it did what is told.
    Mine,
}

/// Somebody pressed a button.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Press {
    /// Which.
    pub button: Button,
    /// The conversation whose message it is on.
    pub conversation: String,
    /// Who: the name and id of a user in Slack, as `alice (U0123)`.
    pub by: String,
}

/// Why a request is not acted upon.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotPressed {
    /// It is not Slack's, or not of now.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// It is Slack's, and no press of a button of ours.
    #[error("the request is no press of a button of Trailhound's")]
    Other,
}

impl Button {
    const ALL: [(Button, &'static str, &'static str); 3] = [
        (Button::Acknowledge, "trailhound_acknowledge", "Acknowledge"),
        (Button::Silence, "trailhound_silence", "Silence for an hour"),
        (Button::Mine, "trailhound_mine", "This was me"),
    ];
}

/// The block with the buttons of a conversation's message.
pub(crate) fn buttons(conversation: &str) -> Value {
    let elements = Button::ALL.map(|(_, id, label)| {
        json!({
            "type": "button",
            "action_id": id,
            "text": { "type": "plain_text", "text": label, "emoji": false },
            "value": conversation,
        })
    });
    json!({ "type": "actions", "block_id": BLOCK, "elements": elements })
}

/// Reads a request of Slack's at `now`, in seconds since 1970: its two headers and its body as it came.
///
/// # Errors
///
/// If it is not signed with the secret, too old, or something else.
///
/// ```
/// use targets::slack_interaction::{NotPressed, press};
/// use targets::{Secret, signature::Refusal};
///
/// let secret = Secret::new("8f742231b10e8888abcd99yyyzzz85a5");
/// let refused = press(&secret, "1531420618", "v0=00", b"payload=%7B%7D", 1_531_420_620);
/// assert_eq!(refused, Err(NotPressed::Refused(Refusal::Forged)));
/// ```
pub fn press(
    secret: &Secret,
    timestamp: &str,
    signature: &str,
    body: &[u8],
    now: i64,
) -> Result<Press, NotPressed> {
    let sent: i64 = timestamp.parse().map_err(|_| Refusal::Stale)?;
    if sent.abs_diff(now) > TOLERANCE_SECONDS.unsigned_abs() {
        return Err(Refusal::Stale.into());
    }
    let given = signature.strip_prefix("v0=").and_then(from_hex).ok_or(Refusal::Forged)?;
    // Comparing in constant time is the library's.
    mac(secret, timestamp, body).verify_slice(&given).map_err(|_| Refusal::Forged)?;
    read(body).ok_or(NotPressed::Other)
}

/// The value of the signature header, as Slack makes it.
#[must_use]
pub fn sign(secret: &Secret, timestamp: i64, body: &[u8]) -> String {
    let digest = mac(secret, &timestamp.to_string(), body).finalize().into_bytes();
    digest.iter().fold("v0=".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
fn mac(secret: &Secret, timestamp: &str, body: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::new_from_slice(secret.expose().as_bytes()).expect("any length is a key");
    mac.update(format!("v0:{timestamp}:").as_bytes());
    mac.update(body);
    mac
}

/// The press in a form's `payload`.
fn read(body: &[u8]) -> Option<Press> {
    // A form is written as the query of an address is.
    let mut form = reqwest::Url::parse("x:").ok()?;
    form.set_query(Some(std::str::from_utf8(body).ok()?));
    let (_, payload) = form.query_pairs().find(|(name, _)| name == "payload")?;
    let payload: Value = serde_json::from_str(&payload).ok()?;
    if payload.get("type")?.as_str()? != "block_actions" {
        return None;
    }
    let action = payload
        .get("actions")?
        .as_array()?
        .iter()
        .find(|action| action.get("block_id").and_then(Value::as_str) == Some(BLOCK))?;
    let id = action.get("action_id")?.as_str()?;
    let (button, ..) = Button::ALL.into_iter().find(|(_, known, _)| *known == id)?;
    let conversation = action.get("value")?.as_str()?;
    let travels = |byte: u8| byte.is_ascii_graphic() && byte != b':';
    if conversation.is_empty() || conversation.len() > 128 || !conversation.bytes().all(travels) {
        return None;
    }
    let user = payload.get("user")?;
    let named =
        |key: &str| user.get(key).and_then(Value::as_str).map(|text| route::printable::line(text, 80));
    let id = named("id")?;
    let by = named("username")
        .or_else(|| named("name"))
        .map_or_else(|| id.clone(), |name| format!("{name} ({id})"));
    Some(Press { button, conversation: conversation.to_owned(), by })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(payload: &Value) -> Vec<u8> {
        let url = reqwest::Url::parse_with_params("x:", [("payload", payload.to_string())]).unwrap();
        url.query().unwrap().as_bytes().to_vec()
    }

    fn payload(action: &str) -> Value {
        json!({
            "type": "block_actions",
            "user": { "id": "U0123", "username": "alice", "team_id": "T0" },
            "actions": [
                { "type": "button", "block_id": "other", "action_id": "x" },
                { "type": "button", "block_id": "trailhound", "action_id": action, "value": "3f0c9a4e" },
            ],
        })
    }

    #[test]
    fn the_algorithm_is_the_published_one() {
        // The example of Slack's documentation.
        let secret = Secret::new("8f742231b10e8888abcd99yyyzzz85a5");
        let body = b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
        let signature = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";
        assert_eq!(sign(&secret, 1_531_420_618, body), signature);
        assert_eq!(press(&secret, "1531420618", signature, body, 1_531_420_618), Err(NotPressed::Other));
    }

    #[test]
    fn presses_are_read_and_nothing_else() {
        let secret = Secret::new("8f742231b10e8888abcd99yyyzzz85a5");
        for (action, button) in [
            ("trailhound_acknowledge", Some(Button::Acknowledge)),
            ("trailhound_silence", Some(Button::Silence)),
            ("trailhound_mine", Some(Button::Mine)),
            ("trailhound_delete", None),
        ] {
            let body = body(&payload(action));
            let signature = sign(&secret, 100, &body);
            let pressed = press(&secret, "100", &signature, &body, 400);
            let expected = button.map(|button| Press {
                button,
                conversation: "3f0c9a4e".to_owned(),
                by: "alice (U0123)".to_owned(),
            });
            assert_eq!(pressed.ok(), expected, "{action}");
            assert_eq!(press(&secret, "100", &signature, &body, 401), Err(Refusal::Stale.into()));
            assert_eq!(press(&secret, "101", &signature, &body, 101), Err(Refusal::Forged.into()));
            let other = Secret::new("another secret");
            assert_eq!(press(&other, "100", &signature, &body, 100), Err(Refusal::Forged.into()));
            for broken in ["", "v0=", "v1=00", "v0=zz", signature.trim_start_matches("v0=")] {
                assert_eq!(
                    press(&secret, "100", broken, &body, 100),
                    Err(Refusal::Forged.into()),
                    "{broken}"
                );
            }
        }
        let mut hostile = payload("trailhound_mine");
        hostile["actions"][1]["value"] = json!("a:b\n");
        for broken in [json!({}), json!([]), hostile] {
            let body = body(&broken);
            assert_eq!(press(&secret, "100", &sign(&secret, 100, &body), &body, 100), Err(NotPressed::Other));
        }
    }
}
