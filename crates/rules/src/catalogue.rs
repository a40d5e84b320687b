//! Every check of rule documents and of the configuration in one list: its id, how grave it is, what it means and how to mend it.
//!
//! The list is the documentation (`check --list` and the manual print it) and the identity of each diagnostic. A check
//! without an entry does not compile.

use crate::diagnostic::Level;
use serde::{Serialize, Serializer};

macro_rules! catalogue {
    ($($(#[doc = $doc:literal])* $name:ident: $id:literal, $level:ident, $meaning:literal, $mend:literal;)*) => {
        /// A check of rule documents or of the configuration.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Check {
            $(#[doc = $meaning] $name,)*
        }

        /// What the catalogue says of a check.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
        pub struct Entry {
            /// Its name in diagnostics.
            pub id: &'static str,
            /// How grave it is.
            pub level: Level,
            /// What it means, in one sentence.
            pub meaning: &'static str,
            /// How to mend it.
            pub mend: &'static str,
        }

        impl Check {
            /// All checks, in the catalogue's order.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// What the catalogue says of it.
            #[must_use]
            pub fn entry(self) -> Entry {
                match self {
                    $(Self::$name => Entry { id: $id, level: Level::$level, meaning: $meaning, mend: $mend },)*
                }
            }
        }
    };
}

catalogue! {
    FileNotFound: "file-not-found", Error,
        "A file that was named is not there.",
        "Check the path; events are named relative to the rule's file.";
    YamlSyntax: "yaml-syntax", Error,
        "The text is not YAML.",
        "Mind indentation and quotes; JSON is YAML and may be pasted as it is.";
    TooLarge: "too-large", Error,
        "The document is nested too deeply or grows too large once its aliases are expanded.",
        "Write the parts where they are needed and split the file.";
    NotAMapping: "not-a-mapping", Error,
        "A document is not a mapping of keys to values.",
        "Begin the document with `id:`.";
    UnknownKey: "unknown-key", Error,
        "A key that the document does not have.",
        "Use the key the message suggests, or see the schema.";
    DuplicateKey: "duplicate-key", Error,
        "A key is written twice in one mapping.",
        "Keep one of them.";
    MissingKey: "missing-key", Error,
        "A key the document needs is not there.",
        "Add it.";
    WrongType: "wrong-type", Error,
        "A value is of another type than the key takes.",
        "Write the value as the message says.";
    InvalidValue: "invalid-value", Error,
        "A value is of the right type and still not one the key takes.",
        "Use one of the values the message names.";
    DuplicateId: "duplicate-id", Error,
        "Two rules have the same id.",
        "Rename one of them.";
    NotSupported: "not-supported", Error,
        "The document asks for something this version cannot do.",
        "Do without for now, as the message says.";
    InvalidPattern: "invalid-pattern", Error,
        "The event pattern is not one EventBridge would accept.",
        "Mend the underlined part; EventBridge's documentation of patterns applies.";
    InvalidFilter: "invalid-filter", Error,
        "The filter pattern is not one CloudWatch Logs would accept.",
        "Mend the underlined part; CloudWatch Logs' documentation of filter patterns applies.";
    InvalidPath: "invalid-path", Error,
        "A path into the event cannot be read or starts nowhere.",
        "Write `detail.a.b`, `detail[\"a.b\"]`, `principal`, `account` or `region`.";
    InvalidExpression: "invalid-expression", Error,
        "An expression is not CEL, or uses a function or variable in a way it does not have.",
        "Mend the underlined part.";
    UnknownName: "unknown-name", Error,
        "An expression uses a variable, field or function that does not exist.",
        "Use the name the message suggests.";
    UnknownList: "unknown-list", Error,
        "An expression uses a list that is not defined.",
        "Use the name the message suggests, or define the list under `lists:` in the configuration.";
    UnknownHours: "unknown-hours", Error,
        "An expression uses hours that are not defined.",
        "Use the name the message suggests, or define them under `hours:` in the configuration.";
    InvalidAlarm: "invalid-alarm", Error,
        "The alarm is not one CloudWatch would accept, or compares with an anomaly detection band.",
        "Mend the underlined part; the documentation of PutMetricAlarm and PutCompositeAlarm applies.";
    InvalidMetric: "invalid-metric", Error,
        "The metric is not one CloudWatch Logs would publish.",
        "Mend the underlined part; the documentation of PutMetricFilter applies.";
    UnknownAlarm: "unknown-alarm", Error,
        "A composite alarm names an alarm that no document defines, or one that is an alarm for each dimension value.",
        "Use the name the message suggests, or add the alarm.";
    AlarmCycle: "alarm-cycle", Error,
        "Composite alarms depend on each other in a circle, so that none of them can be decided first.",
        "Take one of them out of the other's rule.";
    InvalidTitle: "invalid-title", Error,
        "The title is not a template, or uses a name that does not exist.",
        "Write `{{ detail.requestParameters.name }}` and close what is opened.";
    UnknownRule: "unknown-rule", Error,
        "A configuration overrides a rule that is not there.",
        "Use the id the message suggests, or remove the override.";
    MissingSecret: "missing-secret", Error,
        "A variable or file that a configuration takes a secret from is not there, or is empty.",
        "Set the variable, or write the file, where the service runs.";
    InvalidSecret: "invalid-secret", Error,
        "A reference to a secret cannot be read, or stands where no secret may.",
        "Write `${NAME}` or `${file:/run/secrets/name}`, and `$$` for a dollar sign.";
    InvalidTarget: "invalid-target", Error,
        "A target's address, key or header will not do.",
        "Mend it as the message says.";
    InvalidRoute: "invalid-route", Error,
        "A route leads nowhere, can match no finding, or is never reached.",
        "Mend it as the message says, or remove it.";
    UnknownTarget: "unknown-target", Error,
        "A route leads to a target that is not defined.",
        "Use the name the message suggests, or define it under `targets:`.";
    SuppressedTest: "suppressed-test", Error,
        "A suppression would hide what a rule says of its own firing test.",
        "Name the account or the principal that is meant; or disable the rule.";
    UnreachedTarget: "unreached-target", Error,
        "A target is defined that no route leads to.",
        "Add it to a route, or remove it.";
    ExposedListener: "exposed-listener", Error,
        "Something would listen on an address that others can reach, and ask nobody who they are.",
        "Listen on `127.0.0.1`, or give `keys`.";

    CalendarEntry: "calendar-entry", Warning,
        "A calendar of another program has an entry whose time is not understood; it is left out.",
        "Write it in a way the message names, or as a change window or holiday in YAML.";
    PatternLint: "pattern-lint", Warning,
        "The event pattern is valid and probably not what was meant, or is over a quota of AWS.",
        "Follow the message.";
    FilterLint: "filter-lint", Warning,
        "The filter pattern is valid and probably not what was meant, or is over a quota of AWS.",
        "Follow the message.";
    AwsQuota: "aws-quota", Warning,
        "The document is over a quota of AWS, which does not bind here.",
        "Nothing, unless the same document is to be used in AWS.";
    UnknownMetric: "unknown-metric", Warning,
        "An alarm watches a metric that no document publishes, so it never has data.",
        "Correct the name, or add the metric filter that publishes it.";
    NeverThatUnit: "never-that-unit", Warning,
        "An alarm asks for a unit that its metric is not published in, so it never has data.",
        "Remove `unit`, or give the metric filter the same one.";
    IgnoredActions: "ignored-actions", Warning,
        "An alarm names actions, which Trailhound does not run.",
        "Route its findings in the configuration.";
    RecordField: "record-field", Warning,
        "The pattern asks the envelope for a field of the CloudTrail record, so it never matches.",
        "Write the field under `detail`.";
    FieldCase: "field-case", Warning,
        "The pattern writes a field in other letters than CloudTrail does, so it never matches.",
        "Write the field as CloudTrail does.";
    NumberForText: "number-for-text", Warning,
        "A number stands in a pattern where CloudTrail writes a text, so it never matches.",
        "Put it in quotes.";
    NeverMatches: "never-matches", Warning,
        "The pattern asks for a value that CloudTrail does not write, so it never matches.",
        "Write the value as CloudTrail does.";
    NoDetailType: "no-detail-type", Warning,
        "The pattern names neither a detail-type nor a service, so events of any kind may match it.",
        "Add `detail-type: [AWS API Call via CloudTrail]`, or the type that is meant.";
    EventNotFound: "event-not-found", Error,
        "A test names an event file that is not there.",
        "Correct the path; events are named relative to the rule's file.";
    NoTests: "no-tests", Warning,
        "The rule has no tests.",
        "Add one event that fires and one that does not.";
    NoFiringTest: "no-firing-test", Warning,
        "No test shows the rule firing.",
        "Add a test with `fires: true`.";
    NoSilentTest: "no-silent-test", Warning,
        "No test shows the rule staying silent.",
        "Add a test with `fires: false` and the field that stops it as `because`.";
    NoDescription: "no-description", Warning,
        "The rule does not say why anybody should care.",
        "Add a `description`.";
    NoFirstChecks: "no-first-checks", Warning,
        "The rule does not say what to look at first.",
        "Add `first_checks`, two or three questions.";
    DuplicateTitle: "duplicate-title", Warning,
        "Two rules have the same title, so their findings look alike.",
        "Say in the title what differs.";
    ExpiredException: "expired-exception", Warning,
        "An exception has expired and no longer applies.",
        "Remove it, or renew it with its owner.";
    ExceptionWithoutExpiry: "exception-without-expiry", Warning,
        "An exception never expires.",
        "Add `expires` with a day on which somebody looks again.";
    UnusedList: "unused-list", Warning,
        "A list is defined that no rule uses.",
        "Remove it, or correct its name.";
    SecretInFile: "secret-in-file", Warning,
        "A secret stands in the configuration itself, where everybody who may read the file reads it.",
        "Write `${NAME}` and set the variable where the service runs.";
    OldName: "old-name", Warning,
        "A key has another name by now. The old one means the same.",
        "Write the name that the message gives.";
    Unrouted: "unrouted", Warning,
        "Some findings may match no route, and are then sent nowhere.",
        "End the routes with one that has no `match`.";
    RouteWithoutRule: "route-without-rule", Warning,
        "A route's pattern names a rule that is not there.",
        "Use the id the message suggests.";
}

impl Check {
    /// Whether it is about a configuration, and never about a rule document.
    #[must_use]
    pub fn is_about_configuration(self) -> bool {
        use Check::{
            CalendarEntry, ExposedListener, InvalidRoute, InvalidSecret, InvalidTarget, MissingSecret,
            OldName, RouteWithoutRule, SecretInFile, SuppressedTest, UnknownRule, UnknownTarget,
            UnreachedTarget, Unrouted,
        };
        matches!(
            self,
            ExposedListener
                | InvalidRoute
                | InvalidSecret
                | InvalidTarget
                | MissingSecret
                | CalendarEntry
                | OldName
                | RouteWithoutRule
                | SecretInFile
                | SuppressedTest
                | UnknownRule
                | UnknownTarget
                | UnreachedTarget
                | Unrouted
        )
    }

    /// Whether a rule document may admit it under `allow`.
    #[must_use]
    pub fn may_be_allowed(self) -> bool {
        self.entry().level == Level::Warning && !self.is_about_configuration()
    }

    /// Its name in diagnostics, such as `unknown-key`.
    #[must_use]
    pub fn id(self) -> &'static str {
        self.entry().id
    }
}

impl Serialize for Check {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn entries_are_distinct_and_complete_sentences() {
        let ids: HashSet<_> = Check::ALL.iter().map(|check| check.id()).collect();
        assert_eq!(ids.len(), Check::ALL.len());
        for check in Check::ALL {
            let entry = check.entry();
            assert!(entry.meaning.ends_with('.') && entry.mend.ends_with('.'), "{}", entry.id);
            assert!(entry.id.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{}", entry.id);
        }
    }
}
