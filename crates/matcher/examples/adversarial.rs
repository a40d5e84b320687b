//! What somebody who chooses rules and events can make a matcher cost: each case at one size and at twice that.
//!
//! ```text
//! cargo run --release -p matcher --example adversarial
//! ```
//!
//! A ratio near two is what a fair price looks like; where it is four, the cost is quadratic. Times are processor time, the best of several.

use std::error::Error;
use std::sync::Arc;

use event_pattern::Pattern;
use json_scan::Scanner;
use matcher::{Builder, Matcher, RuleId, Scratch};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// A case of a size: rules, and an event.
type Case = fn(usize) -> (Vec<String>, String);

const CASES: [(&str, usize, Case); 9] = [
    ("rules on one field", 5_000, rules_on_one_field),
    ("overlapping wildcards", 500, overlapping_wildcards),
    ("rules on as many paths", 250, many_paths),
    ("kilobytes in an event", 150, large_event),
    ("array elements against two fields of one element", 5_000, array_elements),
    ("arrays in arrays' elements", 2_000, nested_arrays),
    ("levels of nesting", 400, deep_nesting),
    ("backslashes", 100_000, backslashes),
    ("quotes", 100_000, quotes),
];

fn main() -> Outcome<()> {
    for (name, size, case) in CASES {
        let (small, matches) = cost(case(size))?;
        let (large, _) = cost(case(size * 2))?;
        println!(
            "{size:7} {name}: {small:9.1} µs, twice as many {large:9.1} µs, {:.1} times; {matches} matches",
            large / small
        );
    }
    let (one, _) = cost(overlapping_wildcards(1))?;
    let (thousand, _) = cost(overlapping_wildcards(1_000))?;
    println!("1,000 overlapping wildcards cost {:.2} times what one does", thousand / one);
    Ok(())
}

/// Microseconds an event takes, and how many rules it matches.
fn cost((rules, event): (Vec<String>, String)) -> Outcome<(f64, usize)> {
    let matcher = build(&rules)?;
    let mut scratch = Scratch::new();
    let mut ask = || -> Outcome<usize> {
        let mut scanner = Scanner::new(event.as_bytes())?;
        Ok(matcher.matches_object(scanner.object()?, &mut scratch)?.len())
    };
    let matches = ask()?;
    let mut best = f64::INFINITY;
    for _ in 0..9 {
        let (mut asked, begun) = (0_u32, cpu_ns()?);
        while asked == 0 || cpu_ns()? - begun < 2_000_000 {
            (0..10).try_for_each(|_| ask().map(drop))?;
            asked += 10;
        }
        best = best.min((cpu_ns()? - begun) as f64 / f64::from(asked) / 1e3);
    }
    Ok((best, matches))
}

fn build(rules: &[String]) -> Outcome<Matcher> {
    let mut builder = Builder::new();
    for (rule, number) in rules.iter().zip(0..) {
        builder.add_pattern(RuleId(number), &Arc::new(Pattern::parse(rule)?));
    }
    Ok(builder.build())
}

fn rules_on_one_field(count: usize) -> (Vec<String>, String) {
    let rule = |n| format!(r#"{{"detail":{{"eventName":["Name{n}"]}}}}"#);
    ((0..count).map(rule).collect(), r#"{"detail":{"eventName":"Name7"}}"#.to_owned())
}

fn overlapping_wildcards(count: usize) -> (Vec<String>, String) {
    let rule = |n| format!(r#"{{"detail":{{"userAgent":[{{"wildcard":"*a{n}*b*c{n}*"}}]}}}}"#);
    let agent = "aws-sdk-go/1.55.5 (go1.22.5; linux; amd64) ab ac bc abc cab bca a1b2c3";
    ((0..count).map(rule).collect(), format!(r#"{{"detail":{{"userAgent":"{agent}"}}}}"#))
}

fn many_paths(count: usize) -> (Vec<String>, String) {
    let rule = |n| format!(r#"{{"detail":{{"p{n}":{{"q{n}":["x"]}}}}}}"#);
    let member = |n| format!(r#""p{n}":{{"q{n}":"y"}}"#);
    let members: Vec<String> = (0..count).map(member).collect();
    ((0..count).map(rule).collect(), format!(r#"{{"detail":{{{}}}}}"#, members.join(",")))
}

fn large_event(kilobytes: usize) -> (Vec<String>, String) {
    let rules = vec![r#"{"detail":{"a":["x"],"z":[{"exists":true}]}}"#.to_owned()];
    let filling = format!(r#"{{"k":"{}"}}"#, "v".repeat(992)) + ",";
    let event = format!(r#"{{"detail":{{"a":"x","m":[{}0],"z":1}}}}"#, filling.repeat(kilobytes));
    (rules, event)
}

fn array_elements(count: usize) -> (Vec<String>, String) {
    let rules = vec![r#"{"detail":{"items":{"a":["1"],"b":["2"],"c":["3"]}}}"#.to_owned()];
    let element = |n| match n % 3 {
        0 => r#"{"a":"1","b":"0","c":"3"}"#,
        1 => r#"{"a":"0","b":"2","c":"3"}"#,
        _ => r#"{"a":"1","b":"2","c":"0"}"#,
    };
    let elements: Vec<&str> = (0..count).map(element).collect();
    (rules, format!(r#"{{"detail":{{"items":[{}]}}}}"#, elements.join(",")))
}

fn nested_arrays(count: usize) -> (Vec<String>, String) {
    let rules = vec![r#"{"detail":{"items":{"a":["1"],"in":{"b":["2"],"c":["3"]}}}}"#.to_owned()];
    let element = r#"{"a":"1","in":[{"b":"2","c":"0"},{"b":"0","c":"3"}]}"#;
    (rules, format!(r#"{{"detail":{{"items":[{}]}}}}"#, vec![element; count].join(",")))
}

fn deep_nesting(levels: usize) -> (Vec<String>, String) {
    let rules = vec![r#"{"detail":{"a":["1"]}}"#.to_owned()];
    (rules, format!(r#"{{"detail":{{"a":{}"1"{}}}}}"#, "[".repeat(levels), "]".repeat(levels)))
}

fn backslashes(count: usize) -> (Vec<String>, String) {
    let rules = vec![r#"{"detail":{"a":[{"wildcard":"*x*y*"}]}}"#.to_owned()];
    (rules, format!(r#"{{"detail":{{"a":"{}"}}}}"#, r"\\".repeat(count)))
}

fn quotes(count: usize) -> (Vec<String>, String) {
    let rules = vec![r#"{"detail":{"a":[{"suffix":"y"}]}}"#.to_owned()];
    (rules, format!(r#"{{"detail":{{"a":"{}"}}}}"#, r#"\""#.repeat(count)))
}

/// Nanoseconds this thread has spent on a processor.
fn cpu_ns() -> Outcome<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(text.split_whitespace().next().ok_or("no schedstat")?.parse()?)
}
