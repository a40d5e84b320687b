//! A target that tells a person at the terminal, in a few lines each.

use std::io::Write;

use targets::{Delivering, Delivery, Receipt, Target};

use crate::output::{Styles, plain};
use crate::talk::Talk;

/// Prints findings on standard output as they come.
pub(super) struct Prints {
    talk: Talk,
}

impl Prints {
    pub(super) fn new(talk: Talk) -> Self {
        Prints { talk }
    }
}

impl Target for Prints {
    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> Delivering<'a> {
        let message = delivery.message();
        let severity = rules::Severity::ALL.into_iter().find(|one| one.as_str() == message.severity.name());
        let style = Styles::severity(severity.unwrap_or(rules::Severity::Info));
        let bold = Styles::BOLD;
        let mut out = self.talk.out();
        let headline = message.headline.split_once("] ").map_or(&*message.headline, |(_, rest)| rest);
        let badge = message.severity.name().to_uppercase();
        // A terminal that has gone is no reason to stop: the service ends when it is told to.
        let _ = writeln!(
            out,
            "{style}{badge}{style:#}{:width$}{bold}{}{bold:#}",
            "",
            plain(headline),
            width = 10_usize.saturating_sub(badge.len())
        );
        let _ = writeln!(out, "          {}: {}", message.rule, plain(&message.summary));
        if let Some(check) = message.checks.first() {
            let _ = writeln!(out, "          check first: {}", plain(check));
        }
        let _ = writeln!(out).and_then(|()| out.flush());
        Box::pin(async { Ok(Receipt::of("printed")) })
    }
}
