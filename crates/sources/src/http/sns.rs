//! SNS over HTTPS: messages that anybody could post, so each must prove that SNS signed it.
//!
//! A message is believed if its topic is one of those that are set, it is signed in version 2 (SHA-256; version 1 is SHA-1, which proves little
//! today), and the certificate comes over TLS from the address of SNS in the topic's own region. Only then is a subscription confirmed, again
//! only at SNS's own address. What is signed is AWS's documented list of members, each as a line of its name and a line of its value.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use rustls_platform_verifier::BuilderVerifierExt;
use serde::Deserialize;
use std::net::SocketAddr;

use crate::SourceError;
use crate::http::answer::Answer;
use crate::http::request::Desk;
use crate::notice;

/// A fetch under way: the body of a `200`, or why there is none.
pub type Fetching<'a> = Pin<Box<dyn Future<Output = Result<Vec<u8>, String>> + Send + 'a>>;

/// Gets what SNS serves: certificates, and the page that confirms a subscription.
pub trait Fetch: Send + Sync {
    /// Gets one address. It has been checked to be SNS's.
    fn get<'a>(&'a self, url: &'a str) -> Fetching<'a>;
}

/// Gets over TLS, with the roots the system trusts, following no redirect.
#[derive(Debug)]
pub struct HttpsFetch(reqwest::Client);

/// The longest answer that is read, in bytes: a certificate has two or three thousand.
const ANSWER_MAX: usize = 64 << 10;
/// How many certificates are kept. SNS uses one at a time in each region.
const KEPT: usize = 16;

/// A message as SNS posts it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Message {
    #[serde(rename = "Type")]
    kind: String,
    message_id: String,
    topic_arn: String,
    message: String,
    timestamp: String,
    signature_version: String,
    signature: String,
    #[serde(rename = "SigningCertURL")]
    signing_cert_url: String,
    subject: Option<String>,
    #[serde(rename = "SubscribeURL")]
    subscribe_url: Option<String>,
    token: Option<String>,
}

/// Certificates that were fetched, by address.
#[derive(Debug, Default)]
pub(super) struct Certificates(Mutex<Vec<(String, Arc<[u8]>)>>);

impl HttpsFetch {
    /// A client.
    ///
    /// # Errors
    ///
    /// If TLS cannot be set up.
    pub fn new() -> Result<Self, SourceError> {
        let failed = |error: String| {
            SourceError::misconfigured(
                format!("TLS cannot be set up: {error}"),
                "install the system's root certificates",
            )
        };
        // The provider is named, so that nothing depends on what else in the process has set a default.
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(BuilderVerifierExt::with_platform_verifier)
            .map_err(|error| failed(error.to_string()))?
            .with_no_client_auth();
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(reqwest::redirect::Policy::none())
            .https_only(true)
            .timeout(Duration::from_secs(10))
            .user_agent(concat!("Trailhound/", env!("CARGO_PKG_VERSION")))
            .build();
        client.map(HttpsFetch).map_err(|error| failed(error.to_string()))
    }
}

impl Fetch for HttpsFetch {
    fn get<'a>(&'a self, url: &'a str) -> Fetching<'a> {
        Box::pin(async move {
            let text = |error: reqwest::Error| error.without_url().to_string();
            let mut response = self.0.get(url).send().await.map_err(text)?;
            if !response.status().is_success() {
                return Err(format!("SNS answered {}", response.status()));
            }
            let mut body = Vec::new();
            while let Some(chunk) = response.chunk().await.map_err(text)? {
                body.extend_from_slice(&chunk);
                if body.len() > ANSWER_MAX {
                    return Err("the answer is too long".to_owned());
                }
            }
            Ok(body)
        })
    }
}

/// `POST /sns`.
pub(super) async fn message(
    State(desk): State<Arc<Desk>>,
    Extension(peer): Extension<SocketAddr>,
    headers: HeaderMap,
    body: axum::body::Body,
) -> Answer {
    if desk.topics.is_empty() {
        return Answer::Forbidden(
            "no topic of SNS may push here: set `sns` in the configuration, or subscribe a queue".to_owned(),
        );
    }
    if headers.get("x-amz-sns-rawdelivery").is_some_and(|raw| raw == "true") {
        let text = "raw delivery carries no signature: switch it off for this subscription";
        return Answer::Forbidden(text.to_owned());
    }
    let received = match desk.receive(&desk.sns, &headers, body).await {
        Ok(received) => received,
        Err(answer) => return answer,
    };
    let message: Message = match serde_json::from_slice(&received.bytes) {
        Ok(message) => message,
        Err(error) => return Answer::Unreadable(format!("not a message of SNS: {error}")),
    };
    if let Err(answer) = verify(&message, &desk).await {
        return answer;
    }
    match (message.kind.as_str(), message.subscribe_url) {
        ("SubscriptionConfirmation", Some(url)) => confirm(&url, &message.topic_arn, &desk).await,
        ("UnsubscribeConfirmation", _) => Answer::Understood,
        ("Notification", _) if notice::is_about_objects_alone(&message.message) => Answer::Unreadable(
            "a notification about an object, not an event: subscribe a queue and read it with an `s3` source"
                .to_owned(),
        ),
        ("Notification", _) => {
            let origin = format!("SNS message {} from {}", message.message_id, peer.ip());
            desk.hand_over(received.with(message.message.into_bytes()), &origin).await
        }
        _ => Answer::Unreadable("a message of SNS of a type that is not known".to_owned()),
    }
}

async fn confirm(url: &str, topic: &str, desk: &Desk) -> Answer {
    if !is_of_sns(url, topic) {
        return Answer::Forbidden("the SubscribeURL is not SNS's".to_owned());
    }
    match desk.fetch.get(url).await {
        Ok(_) => Answer::Understood,
        Err(_) => Answer::TryLater("the subscription could not be confirmed"),
    }
}

async fn verify(message: &Message, desk: &Desk) -> Result<(), Answer> {
    let forbidden = |text: &str| Answer::Forbidden(text.to_owned());
    if !desk.topics.contains(&message.topic_arn) {
        return Err(forbidden("the topic is not one of those that may push here: add its ARN to `sns`"));
    }
    if message.signature_version != "2" {
        let text = "signed with SHA-1: set the topic's SignatureVersion to 2 (aws sns set-topic-attributes)";
        return Err(forbidden(text));
    }
    let url = &message.signing_cert_url;
    let name = url.rsplit('/').next().unwrap_or_default();
    let is_certificate = name.starts_with("SimpleNotificationService-") && name.ends_with(".pem");
    if !is_of_sns(url, &message.topic_arn) || !is_certificate {
        return Err(forbidden("the SigningCertURL is not SNS's"));
    }
    let signature =
        BASE64_STANDARD.decode(&message.signature).map_err(|_| forbidden("the signature is not base64"))?;
    let certificate = desk.certificates.get(url, &*desk.fetch).await;
    let certificate = certificate.map_err(|_| Answer::TryLater("SNS's certificate could not be fetched"))?;
    let is_signed =
        string_to_sign(message).is_some_and(|text| is_signature(&certificate, text.as_bytes(), &signature));
    if is_signed { Ok(()) } else { Err(forbidden("the signature is not SNS's")) }
}

/// What SNS signs: names and values in the order of the names, each on a line.
fn string_to_sign(message: &Message) -> Option<String> {
    let Message {
        kind, message_id, topic_arn, message: text, timestamp, subject, subscribe_url, token, ..
    } = message;
    let mut members = vec![("Message", text), ("MessageId", message_id)];
    if kind == "Notification" {
        members.extend(subject.as_ref().map(|subject| ("Subject", subject)));
        members.push(("Timestamp", timestamp));
    } else {
        members.push(("SubscribeURL", subscribe_url.as_ref()?));
        members.push(("Timestamp", timestamp));
        members.push(("Token", token.as_ref()?));
    }
    members.extend([("TopicArn", topic_arn), ("Type", kind)]);
    Some(members.into_iter().map(|(name, value)| format!("{name}\n{value}\n")).collect())
}

fn is_signature(certificate: &[u8], text: &[u8], signature: &[u8]) -> bool {
    let Ok(der) = CertificateDer::from_pem_slice(certificate) else { return false };
    let Ok(certificate) = webpki::EndEntityCert::try_from(&der) else { return false };
    certificate.verify_signature(webpki::ring::RSA_PKCS1_2048_8192_SHA256, text, signature).is_ok()
}

/// Whether an address is `https://sns.REGION.amazonaws.com/…`, in the region of the topic and with nothing else in it.
fn is_of_sns(url: &str, topic: &str) -> bool {
    let mut parts = topic.split(':');
    let (Some("arn"), Some(partition), Some("sns"), Some(region)) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let is_region =
        !region.is_empty() && region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let domain = if partition == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
    is_region && url.starts_with(&format!("https://sns.{region}.{domain}/"))
}

impl Certificates {
    async fn get(&self, url: &str, fetch: &dyn Fetch) -> Result<Arc<[u8]>, String> {
        let find = |kept: &[(String, Arc<[u8]>)]| {
            kept.iter().find(|(of, _)| of == url).map(|(_, pem)| Arc::clone(pem))
        };
        if let Some(pem) = find(&self.0.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(pem);
        }
        let pem: Arc<[u8]> = fetch.get(url).await?.into();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.remove(0);
        }
        kept.push((url.to_owned(), Arc::clone(&pem)));
        Ok(pem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_address_of_sns_in_the_topics_region() {
        let topic = "arn:aws:sns:eu-central-1:111122223333:events";
        for (url, wanted) in [
            ("https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-0a.pem", true),
            ("http://sns.eu-central-1.amazonaws.com/x.pem", false),
            ("https://sns.us-east-1.amazonaws.com/x.pem", false),
            ("https://sns.eu-central-1.amazonaws.com.evil.example/x.pem", false),
            ("https://sns.eu-central-1.amazonaws.com@evil.example/x.pem", false),
            ("https://sns.eu-central-1.amazonaws.com:8443/x.pem", false),
            ("https://evil.example/?https://sns.eu-central-1.amazonaws.com/", false),
        ] {
            assert_eq!(is_of_sns(url, topic), wanted, "{url}");
        }
        assert!(is_of_sns("https://sns.cn-north-1.amazonaws.com.cn/x", "arn:aws-cn:sns:cn-north-1:1:t"));
        for topic in ["", "arn:aws:sqs:eu-central-1:1:q", "arn:aws:sns::1:t", "arn:aws:sns:evil.example/:1:t"]
        {
            assert!(!is_of_sns("https://sns.evil.example/.amazonaws.com/", topic), "{topic}");
        }
    }
}
