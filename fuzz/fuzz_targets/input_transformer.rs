//! A path, a template and an event, apart by NUL bytes: whatever they are, nothing panics, and what is delivered is JSON.
#![no_main]

use input_transformer::{Event, Input, InputPath, InputTransformer, Occasion, Payload};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let mut parts = text.splitn(3, '\0');
    let (path, template, event) = (parts.next(), parts.next(), parts.next());
    let (path, template) = (path.unwrap_or_default(), template.unwrap_or_default());
    let _ = Input::parse(template).map_err(|error| error.service_text("target"));
    let Ok(event) = Event::parse(event.unwrap_or("{}")) else { return };
    if let Ok(path) = InputPath::parse(path) {
        let Payload::Delivered(text) = path.apply(&event) else { panic!("a path always finds something") };
        assert!(Input::parse(&text).is_ok() || text.chars().count() > 8_192);
    }
    let Ok(transformer) = InputTransformer::parse([("a", path), ("b", "$.b[*].c")], template) else { return };
    let occasion = Occasion { rule_arn: path, rule_name: "rule", ingestion_time: jiff::Timestamp::UNIX_EPOCH };
    if let Payload::Delivered(text) = transformer.apply(&event, &occasion)
        && !template.trim_start().starts_with('"')
    {
        assert!(Input::parse(&text).is_ok() || text.chars().count() > 8_192);
    }
});
