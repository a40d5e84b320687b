//! What of a finding is sent: `input`, `input_path`, `input_transformer` or `template`, read alike for every kind of target that takes them.

use std::collections::BTreeMap;

use rules::yaml::{Node, Value};
use rules::{Check, Fields};
use serde_json::json;
use targets::{Format, Shape, TargetInput, Template};

use crate::read::Reader;

/// The keys; a target's own come beside them.
pub(crate) const SHAPE_KEYS: [&str; 4] = ["input", "input_path", "input_transformer", "template"];
const TRANSFORMER_KEYS: [&str; 2] = ["paths", "template"];

impl Reader<'_, '_> {
    /// What the keys among `fields` say; the finding as it is, if there is none of them. A template makes text of this format.
    pub(crate) fn shape(&mut self, fields: &Fields<'_>, format: Format) -> Option<Shape> {
        let written: Vec<(&str, &Node)> =
            SHAPE_KEYS.iter().filter_map(|key| Some((*key, fields.get(key)?))).collect();
        let [first, rest @ ..] = written.as_slice() else { return Some(Shape::default()) };
        if let Some((second, node)) = rest.first() {
            let message = format!("`{}` is there already, and `{second}` says what is sent too", first.0);
            self.wrong(Check::InvalidTarget, node, message, "keep one of them");
            return None;
        }
        let (key, node) = *first;
        let input = match key {
            "input" => {
                // JSON may be written as YAML.
                let json = match &node.value {
                    Value::Text(_) => self.text(node, "`input`")?.to_owned(),
                    _ => node.to_json().to_string(),
                };
                TargetInput::parse(Some(&json), None, None)
            }
            "input_path" => TargetInput::parse(None, Some(self.text(node, "`input_path`")?), None),
            "input_transformer" => {
                let (paths, template) = self.transformer(node)?;
                TargetInput::parse(None, None, Some((&paths, &template)))
            }
            _ => {
                let source = self.text(node, "`template`")?;
                return match Template::parse(source, format) {
                    Ok(template) => Some(Shape::Template(template)),
                    Err(error) => self.refused(node, &error.to_string()),
                };
            }
        };
        match input {
            Ok(input) => Some(Shape::Input(input)),
            Err(error) => self.refused(node, &error.to_string()),
        }
    }

    fn transformer(&mut self, node: &Node) -> Option<(BTreeMap<String, String>, String)> {
        let fields = self.fields(node, "`input_transformer`", &TRANSFORMER_KEYS, &[])?;
        let paths = fields.get("paths").map_or(Some(BTreeMap::new()), |node| {
            let Value::Mapping(entries) = &node.value else {
                let message = format!("`paths` is a mapping of names to paths, not {}", node.kind());
                self.complaints.add(Check::WrongType, node.range.clone(), message);
                return None;
            };
            let read: Vec<_> = entries
                .iter()
                .map(|entry| Some((entry.key.to_string(), self.text(&entry.value, "a path")?.to_owned())))
                .collect();
            read.into_iter().collect()
        });
        let template = fields.required(self.complaints, "template");
        let template = template.and_then(|node| self.text(node, "`template`").map(str::to_owned));
        Some((paths?, template?))
    }

    pub(crate) fn refused<T>(&mut self, node: &Node, error: &str) -> Option<T> {
        // What to do, or what is wrong exactly, stands behind the colon.
        let (message, help) = error.split_once(": ").unwrap_or((error, ""));
        let diagnostic = self.complaints.diagnostic(Check::InvalidTarget, node.range.clone(), message);
        self.complaints.push(diagnostic.maybe_help((!help.is_empty()).then_some(help)));
        None
    }
}

/// The keys in the schema of a target.
pub(crate) fn schema() -> serde_json::Map<String, serde_json::Value> {
    let text = |description: &str| json!({ "description": description, "type": "string", "minLength": 1 });
    [
        (
            "input",
            json!({ "description": "What is sent, whatever the finding: JSON, as EventBridge's `Input`.", "type": ["string", "object", "array"], "minLength": 1 }),
        ),
        ("input_path", text("The part of the finding that is sent, as EventBridge's `InputPath`.")),
        (
            "input_transformer",
            json!({
                "description": "A text made of parts of the finding, as EventBridge's `InputTransformer`.",
                "type": "object",
                "additionalProperties": false,
                "required": ["template"],
                "properties": {
                    "paths": {
                        "description": "The template's variables, each with the path of its value.",
                        "type": "object",
                        "additionalProperties": text("The path of a value."),
                    },
                    "template": text("The text, with variables as `<name>`."),
                },
            }),
        ),
        ("template", text("A MiniJinja template over the finding.")),
    ]
    .into_iter()
    .map(|(key, schema)| (key.to_owned(), schema))
    .collect()
}
