//! `trailhound schema`: the JSON Schema of what people write and of what they read.

use crate::arguments::Schema;
use crate::exit_code::{Exit, Outcome};
use crate::output::print;
use crate::talk::Talk;

pub(crate) fn run(of: Schema, talk: Talk) -> Outcome {
    let schema = match of {
        Schema::Rule => rules::schema::rule_document(),
        Schema::Configuration => configuration::schema::configuration(),
        Schema::Finding => decide::schema().to_value(),
    };
    // A schema is a JSON value: it has a text.
    let text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    print(talk, |out| writeln!(out, "{text}"))?;
    Ok(Exit::Fine)
}
