//! A target whose messages are in the operator's words: a title, a text, or both, made by templates.
//!
//! The words are text and no markup: what format they end up in escapes them like any other text, the operator's own too, so the same template
//! does for Slack, Teams and mail. Where a template makes nothing of a finding, its message goes out in the built-in words, and the receipt says
//! so: a mistake in a template is no reason that nobody is told.

use std::sync::Arc;

use route::message::{Body, HEADLINE_MAX, Message, Section};
use route::printable::line;

use crate::{Delivering, Delivery, DeliveryError, Receipt, Target, Template, TemplateError};

/// The longest text, in characters.
const BODY_MAX: usize = 4_000;

/// What is said instead of the built-in words.
#[derive(Debug, Clone, PartialEq)]
pub struct Wording {
    /// The headline, on one line. A drill's begins with `DRILL ` whatever it says.
    pub title: Option<Template>,
    /// What stands in the place of facts, checks and sections. Links stay.
    pub body: Option<Template>,
}

/// Words as they were made of one finding.
#[derive(Debug, Clone, Default)]
pub(crate) struct Words {
    title: Option<String>,
    body: Option<String>,
}

impl Words {
    /// Puts them into a message.
    pub(crate) fn put(&self, message: &mut Message) {
        if let Some(title) = &self.title {
            message.headline = line(&format!("{}{title}", message.mark()), HEADLINE_MAX);
        }
        if let Some(body) = &self.body {
            message.facts.clear();
            message.checks.clear();
            message.sections = vec![Section { title: "", body: Body::Text(body.clone()) }];
            if message.kind == route::Kind::First {
                message.summary.clear();
            }
        }
    }
}

impl Wording {
    fn words(&self, delivery: &Delivery) -> Result<Words, TemplateError> {
        let render = |template: &Option<Template>| {
            template.as_ref().map(|template| template.render(delivery)).transpose()
        };
        let title = render(&self.title)?.map(|title| line(title.trim(), HEADLINE_MAX));
        let body = render(&self.body)?;
        let body = body.map(|body| body.trim().chars().take(BODY_MAX).collect());
        let said = |text: &Option<String>| text.as_ref().is_none_or(|text| !text.is_empty());
        if !said(&title) || !said(&body) {
            return Err(TemplateError::Failed("it wrote nothing".to_owned()));
        }
        Ok(Words { title, body })
    }
}

/// A target that is told in the operator's words.
pub struct Worded {
    target: Arc<dyn Target>,
    wording: Wording,
}

impl Worded {
    /// A target and how it is told.
    #[must_use]
    pub fn new(target: Arc<dyn Target>, wording: Wording) -> Self {
        Worded { target, wording }
    }

    async fn tell(&self, delivery: &Delivery) -> Result<Receipt, DeliveryError> {
        let failed = match self.wording.words(delivery) {
            Ok(words) => match delivery.worded(words) {
                Some(worded) => return self.target.deliver(&worded).await,
                None => "the finding cannot be read again".to_owned(),
            },
            Err(error) => error.to_string(),
        };
        let receipt = self.target.deliver(delivery).await?;
        Ok(Receipt { in_built_in_words: Some(failed), ..receipt })
    }
}

impl Target for Worded {
    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> Delivering<'a> {
        Box::pin(self.tell(delivery))
    }

    fn behind(&self) -> Option<&dyn Target> {
        Some(&*self.target)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use route::{FindingEvent, TargetName};

    use super::*;
    use crate::Format;

    /// Remembers the messages it was told.
    #[derive(Default)]
    struct Heard(Mutex<Vec<Message>>);

    impl Target for Heard {
        fn deliver<'a>(&'a self, delivery: &'a Delivery) -> Delivering<'a> {
            self.0.lock().unwrap().push(delivery.message().clone());
            Box::pin(async { Ok(Receipt::of("heard")) })
        }
    }

    fn template(source: &str) -> Option<Template> {
        Some(Template::parse(source, Format::Text).unwrap())
    }

    async fn told(wording: Wording, finding: &str) -> (Message, Receipt) {
        let heard = Arc::new(Heard::default());
        let worded = Worded::new(heard.clone(), wording);
        let finding = FindingEvent::parse(finding).unwrap();
        let delivery = Delivery::new(TargetName::new("chat").unwrap(), finding);
        let receipt = worded.deliver(&delivery).await.unwrap();
        let message = heard.0.lock().unwrap().remove(0);
        (message, receipt)
    }

    const STOPPED: &str = include_str!("../../route/tests/findings/stop-logging.json");
    const DRILL: &str = include_str!("../../route/tests/findings/drill.json");

    #[tokio::test]
    async fn words_take_the_place_of_the_built_in_ones() {
        let wording = Wording {
            title: template("{{ detail.severity | upper }}: {{ detail.title }}\nand more"),
            body: template(
                "{{ message.facts.Who }}\n{% for check in message.checks %}- {{ check }}\n{% endfor %}",
            ),
        };
        let (message, receipt) = told(wording.clone(), STOPPED).await;
        assert_eq!(message.headline, "CRITICAL: CloudTrail main stopped in payments-prod and more");
        assert!(message.facts.is_empty() && message.checks.is_empty() && !message.links.is_empty());
        let [Section { body: Body::Text(text), .. }] = &message.sections[..] else { panic!("{message}") };
        assert!(text.starts_with("bob@example.com (role deploy, session bob@example.com)\n- "), "{text}");
        assert_eq!(receipt.in_built_in_words, None);

        let (message, _) = told(wording, DRILL).await;
        assert!(message.headline.starts_with("DRILL CRITICAL: "), "{}", message.headline);
    }

    #[tokio::test]
    async fn a_template_that_fails_leaves_the_built_in_words() {
        for (title, body, said) in [
            (template("{{ detail.missing }}"), None, "the template failed: undefined value (line 1)"),
            (None, template("{% if false %}x{% endif %} "), "the template failed: it wrote nothing"),
        ] {
            let (message, receipt) = told(Wording { title, body }, STOPPED).await;
            assert_eq!(message.headline, "[critical] CloudTrail main stopped in payments-prod");
            assert!(!message.facts.is_empty());
            assert_eq!(receipt.in_built_in_words.as_deref(), Some(said));
        }
    }

    /// What each format makes of the same words, some of them an attacker's.
    #[test]
    fn words_read_well_and_are_no_markup_in_any_format() {
        let json = include_str!("../../route/tests/findings/hostile.json");
        let finding = FindingEvent::parse(json).unwrap();
        let delivery = Delivery::new(TargetName::new("chat").unwrap(), finding);
        let wording = Wording {
            title: template("*{{ detail.title }}* <!channel>"),
            body: template(
                "<b>{{ message.facts.Who }}</b>\n\n{{ detail.reason }} {{ '{{' }}DATE(2026){{ '}}' }} `x`",
            ),
        };
        let worded = delivery.worded(wording.words(&delivery).unwrap()).unwrap();
        insta::assert_json_snapshot!("worded_slack", crate::slack::document(worded.message()));
        insta::assert_json_snapshot!("worded_teams", crate::teams::document(worded.message()));
        insta::assert_snapshot!("worded_mail_html", crate::email::page(worded.message()));
        insta::assert_snapshot!("worded_mail_text", worded.message().to_string());
    }
}
