//! A message as plain text.

use std::fmt;

use super::{Body, Message};

impl fmt::Display for Message {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}", self.headline)?;
        if !self.summary.is_empty() {
            writeln!(formatter, "{}", self.summary)?;
        }
        writeln!(formatter)?;
        let width = self.facts.iter().map(|fact| fact.label.len()).max().unwrap_or_default();
        for fact in &self.facts {
            writeln!(formatter, "{:width$}  {}", fact.label, fact.value)?;
        }
        if !self.checks.is_empty() {
            writeln!(formatter, "\nFirst checks")?;
            for (check, number) in self.checks.iter().zip(1..) {
                writeln!(formatter, "{number}. {check}")?;
            }
        }
        for section in &self.sections {
            writeln!(formatter, "{}{}", if section.title.is_empty() { "" } else { "\n" }, section.title)?;
            match &section.body {
                Body::Prose(text) | Body::Text(text) => writeln!(formatter, "{text}")?,
                Body::Yaml(text) => text.lines().try_for_each(|line| writeln!(formatter, "    {line}"))?,
            }
        }
        for link in &self.links {
            writeln!(formatter, "\n{}\n{}", link.label, link.url)?;
        }
        Ok(())
    }
}
