//! `trailhound test`: the tests inside rule documents.

use std::fs;
use std::path::Path;

use globset::Glob;
use rules::TestOutcome;

use crate::arguments::Test;
use crate::exit_code::{Exit, Failure, Outcome};
use crate::loading::{self, Knowledge};
use crate::output::{Styles, plain, print};
use crate::talk::Talk;

pub(crate) fn run(arguments: &Test, talk: Talk) -> Outcome {
    let knowledge = Knowledge::of(&arguments.known, talk)?;
    let (rules, files) = loading::rules_as_written(&arguments.paths, &knowledge, talk)?;
    let context = knowledge.context;
    let only = arguments
        .only
        .as_deref()
        .map(|only| Glob::new(only).map(|glob| glob.compile_matcher()))
        .transpose()
        .map_err(|error| Failure::usage(format!("--only: {error}")))?;
    let wanted: Vec<_> = rules
        .iter()
        .filter(|rule| only.as_ref().is_none_or(|only| only.is_match(rule.id.as_str())))
        .collect();
    let outcomes: Vec<TestOutcome> = wanted
        .iter()
        .flat_map(|rule| rule.tests.iter().map(move |test| (rule, test)))
        .map(|(rule, test)| decide::run_test(&rules, rule, test, &context, &files))
        .collect();
    // What a metric filter publishes is tested with the alarms that watch it.
    let untested: Vec<&str> = wanted
        .iter()
        .filter(|rule| rule.tests.is_empty() && rule.decision.makes_findings())
        .map(|rule| rule.id.as_str())
        .collect();
    let failed: Vec<&TestOutcome> = outcomes.iter().filter(|outcome| !outcome.passed()).collect();
    print(talk, |out| {
        let (bad, faint) = (Styles::bad(), Styles::FAINT);
        for outcome in &failed {
            let source = &outcome.source;
            writeln!(out, "{bad}FAIL{bad:#} {}: {}", outcome.rule, outcome.name)?;
            writeln!(out, "     {faint}{}:{}{faint:#}", source.file, source.span.line)?;
            for failure in &outcome.failures {
                writeln!(out, "     {}", plain(failure))?;
            }
            if !outcome.said.is_empty() {
                writeln!(out, "     what was said, by the test's clock:")?;
            }
            for line in &outcome.said {
                writeln!(out, "       {}", plain(line))?;
            }
            for line in outcome.explanation.iter().flat_map(|explanation| {
                explanation.to_string().lines().map(|line| plain(line).into_owned()).collect::<Vec<_>>()
            }) {
                writeln!(out, "     {line}")?;
            }
            writeln!(out)?;
        }
        writeln!(out, "{} passed, {} failed", outcomes.len() - failed.len(), failed.len())
    })?;
    if !untested.is_empty() {
        talk.warn(format_args!("rules without tests: {}", untested.join(", ")));
    }
    if let Some(path) = &arguments.junit {
        write_junit(path, &outcomes)?;
    }
    Ok(if outcomes.is_empty() || !failed.is_empty() { Exit::Found } else { Exit::Fine })
}

/// JUnit's XML, which build servers read: a suite a rule, a case a test.
fn write_junit(path: &Path, outcomes: &[TestOutcome]) -> Result<(), Failure> {
    let failures = outcomes.iter().filter(|outcome| !outcome.passed()).count();
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites tests=\"{}\" failures=\"{failures}\">\n",
        outcomes.len()
    );
    for suite in outcomes.chunk_by(|a, b| a.rule == b.rule) {
        let failures = suite.iter().filter(|outcome| !outcome.passed()).count();
        let rule = suite.first().map(|outcome| outcome.rule.as_str()).unwrap_or_default();
        xml.push_str(&format!(
            "  <testsuite name=\"{rule}\" tests=\"{}\" failures=\"{failures}\">\n",
            suite.len()
        ));
        for outcome in suite {
            let name = escaped(&outcome.name);
            if outcome.passed() {
                xml.push_str(&format!("    <testcase classname=\"{rule}\" name=\"{name}\"/>\n"));
            } else {
                let message = escaped(&outcome.failures.join("; "));
                let body =
                    outcome.explanation.as_ref().map_or_else(|| outcome.said.join("\n"), ToString::to_string);
                let body = escaped(&body);
                xml.push_str(&format!(
                    "    <testcase classname=\"{rule}\" name=\"{name}\">\n      <failure message=\"{message}\">{body}</failure>\n    </testcase>\n"
                ));
            }
        }
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    fs::write(path, xml).map_err(|error| Failure::input(format!("cannot write {}: {error}", path.display())))
}

/// Text inside XML. Control characters have no place in it at all.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn text_stays_text_in_xml() {
        assert_eq!(escaped("a<b> & \"c\"\u{1b}"), "a&lt;b&gt; &amp; &quot;c&quot;\u{fffd}");
    }
}
