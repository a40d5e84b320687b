//! What somebody who chooses rules and events can make a matcher cost: each case at one size and at twice that.
//!
//! ```text
//! cargo run --release -p matcher --example adversarial -- [LOG.json]
//! ```
//!
//! A ratio near two is what a fair price looks like; where it is four, the cost is quadratic. Given an inflated CloudTrail log file, it tells first
//! what ten thousand rules cost on its records. Times are processor time, the best of several.

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;

use cloudtrail::{Decoder, Item};
use event_pattern::Pattern;
use json_scan::Scanner;
use matcher::{Builder, Matcher, RuleId, Scratch};

/// How long is measured at a time: Linux brings a thread's time up to date a few hundred times a second.
const STRETCH_NS: u64 = 100_000_000;

/// How often matchers over a log file take turns.
const TURNS: usize = 9;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// A case of a size: rules, and an event.
type Case = fn(usize) -> (Vec<String>, String);

const CASES: [(&str, usize, Case); 10] = [
    ("rules on one field", 5_000, rules_on_one_field),
    ("ranges on one field", 5_000, ranges_on_one_field),
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
    // First, while the process is small: it never gives memory back.
    if let Some(log) = std::env::args().nth(1) {
        thousands_of_rules(&std::fs::read(log)?)?;
    }
    println!(
        "\n| what | size | µs an event | µs at twice the size | times | matches |\n|---|---|---|---|---|---|"
    );
    for (name, size, case) in CASES {
        let (small, matches) = cost(case(size))?;
        let (large, _) = cost(case(size * 2))?;
        println!("| {name} | {size} | {small:.1} | {large:.1} | {:.1} | {matches} |", large / small);
    }
    println!("\n| wildcards on one field | µs an event | times what one costs |\n|---|---|---|");
    let (one, _) = cost(overlapping_wildcards(1))?;
    for count in [1, 10, 100, 1_000] {
        let (several, _) = cost(overlapping_wildcards(count))?;
        println!("| {count} | {several:.2} | {:.2} |", several / one);
    }
    Ok(())
}

/// What rules cost on the records of a log file of which none matches, what building them takes, and what matching costs where ten match.
fn thousands_of_rules(log: &[u8]) -> Outcome<()> {
    let before = resident_pages()?;
    let most = built(&organization(10_000))?;
    let megabytes = resident_pages()?.saturating_sub(before) as f64 * 4_096.0 / 1e6;
    let mut cases = Vec::new();
    for count in [10, 100, 1_000] {
        cases.push((count, built(&organization(count))?));
    }
    cases.push((10_000, most));
    let matchers: Vec<&Matcher> = cases.iter().map(|(_, (matcher, _))| matcher).collect();
    let (alone, records, passes) = in_turn(log, &matchers)?;
    println!(
        "| rules | ms to compile | ns a record, decoded and matched | ns for matching | times what ten cost | matches |\n|---|---|---|---|---|---|\n\
         | none | | {alone:.0} | | | |"
    );
    let mut ten = None;
    for ((count, (_, ms)), Pass { cost, matches, .. }) in cases.iter().zip(passes) {
        let matching = cost - alone;
        let times = matching / *ten.get_or_insert(matching);
        println!("| {count} | {ms:.0} | {cost:.0} | {matching:.0} | {times:.2} | {matches} |");
    }
    let (name, source) = most_frequent(log)?;
    let alike = only(log, &name, &source)?;
    let mut rules = organization(10_000);
    rules.extend((0..10).map(|n| {
        format!(
            r#"{{"detail":{{"eventName":["{name}"],"eventSource":["{source}"],"awsRegion":[{{"anything-but":["nowhere-{n}"]}}]}}}}"#
        )
    }));
    let (matcher, ms) = built(&rules)?;
    let (alone, of_them, passes) = in_turn(&alike, &[&matcher])?;
    let Some(Pass { cost, matches, .. }) = passes.first() else { return Err("nothing was asked".into()) };
    let each = matches / of_them.max(1);
    println!(
        "| 10,010, and {of_them} of {records} records that {each} of them match | {ms:.0} | {cost:.0} | {:.0} | | {matches} |",
        cost - alone
    );
    println!("\nTen thousand rules, compiled, take {megabytes:.0} MB, their texts and patterns among it.");
    Ok(())
}

/// A matcher, and the milliseconds it took to parse the rules and build it.
fn built(rules: &[String]) -> Outcome<(Matcher, f64)> {
    let begun = cpu_ns()?;
    let matcher = build(rules)?;
    Ok((matcher, (cpu_ns()? - begun) as f64 / 1e6))
}

/// A matcher over all records.
struct Pass<'m> {
    matcher: Option<&'m Matcher>,
    scratch: Scratch,
    /// Nanoseconds a record takes at best.
    cost: f64,
    matches: usize,
}

/// What a record costs without any matcher, how many there are, and what it costs with each. They take turns, so that whatever else the machine does meets
/// all of them: what is compared are small differences.
fn in_turn<'m>(log: &[u8], matchers: &[&'m Matcher]) -> Outcome<(f64, usize, Vec<Pass<'m>>)> {
    let mut decoder = Decoder::default();
    let with = |matcher| Pass { matcher, scratch: Scratch::new(), cost: f64::INFINITY, matches: 0 };
    let mut alone = with(None);
    let mut passes: Vec<Pass<'m>> = matchers.iter().map(|matcher| with(Some(*matcher))).collect();
    let mut records = 0;
    for _ in 0..TURNS {
        for Pass { matcher, scratch, cost, matches } in std::iter::once(&mut alone).chain(&mut passes) {
            let begun = cpu_ns()?;
            let mut repeated = 0;
            while repeated == 0 || cpu_ns()? - begun < STRETCH_NS {
                repeated += 1;
                (records, *matches) = (0, 0);
                let decoded = decoder.decode(log, None, |item| {
                    let Item::Event(event) = item else { return };
                    records += 1;
                    if let Some(matcher) = matcher {
                        *matches += matcher.matches(&event, scratch).map_or(0, <[_]>::len);
                    }
                });
                if let Some(trouble) = decoded.trouble {
                    return Err(trouble.into());
                }
            }
            *cost = cost.min((cpu_ns()? - begun) as f64 / (repeated * records) as f64);
        }
    }
    Ok((alone.cost, records, passes))
}

/// The name that most records have, and a source it comes with.
fn most_frequent(log: &[u8]) -> Outcome<(String, String)> {
    let value: serde_json::Value = serde_json::from_slice(log)?;
    let mut counts: HashMap<(&str, &str), usize> = HashMap::new();
    for record in value["Records"].as_array().into_iter().flatten() {
        if let (Some(name), Some(source)) = (record["eventName"].as_str(), record["eventSource"].as_str()) {
            *counts.entry((name, source)).or_default() += 1;
        }
    }
    let most = counts.into_iter().max_by_key(|&(pair, count)| (count, pair)).ok_or("no records")?;
    Ok((most.0.0.to_owned(), most.0.1.to_owned()))
}

/// A log file of those records alone.
fn only(log: &[u8], name: &str, source: &str) -> Outcome<Vec<u8>> {
    let mut value: serde_json::Value = serde_json::from_slice(log)?;
    if let Some(records) = value["Records"].as_array_mut() {
        records.retain(|record| record["eventName"] == name && record["eventSource"] == source);
    }
    Ok(serde_json::to_vec(&value)?)
}

/// Rules as a large organization has them, none of which matches a real event: four in five ask for a source and a name exactly, three in twenty
/// for a source and a name with a wildcard or a prefix, one in twenty for a source and any name but some. Whatever their number, from ten on, they are
/// such a mix.
fn organization(count: usize) -> Vec<String> {
    const SOURCES: [&str; 12] =
        ["ec2", "iam", "s3", "sts", "kms", "lambda", "cloudtrail", "signin", "rds", "logs", "ssm", "config"];
    const VERBS: [&str; 8] = ["Create", "Delete", "Put", "Update", "Attach", "Detach", "Start", "Describe"];
    let rule = |number: usize| {
        // Each kind comes with every source.
        let source = SOURCES[(number + number / 20 * 3) % SOURCES.len()];
        let verb = VERBS[number / SOURCES.len() % VERBS.len()];
        let name = match number % 20 {
            4 | 19 => format!(r#"[{{"wildcard":"*{verb}*Thing{number}*"}}]"#),
            14 => format!(r#"[{{"prefix":"{verb}Thing{number}"}}]"#),
            // What it asks besides is what keeps it from matching.
            9 => format!(
                r#"[{{"anything-but":{{"prefix":["Get","List"]}}}}],"requestParameters":{{"name":["n{number}"]}}"#
            ),
            _ => format!(r#"["{verb}Thing{number}"]"#),
        };
        format!(
            r#"{{"source":["aws.{source}"],"detail":{{"eventSource":["{source}.amazonaws.com"],"eventName":{name}}}}}"#
        )
    };
    (0..count).map(rule).collect()
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
    for _ in 0..5 {
        let (mut asked, begun) = (0_u32, cpu_ns()?);
        while asked == 0 || cpu_ns()? - begun < STRETCH_NS {
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

fn ranges_on_one_field(count: usize) -> (Vec<String>, String) {
    let rule = |n| format!(r#"{{"detail":{{"size":[{{"numeric":[">",{n},"<",{}]}}]}}}}"#, n + 3);
    ((0..count).map(rule).collect(), r#"{"detail":{"size":1000}}"#.to_owned())
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

/// Pages of memory the process has.
fn resident_pages() -> Outcome<u64> {
    let text = std::fs::read_to_string("/proc/self/statm")?;
    Ok(text.split_whitespace().nth(1).ok_or("no statm")?.parse()?)
}

/// Nanoseconds this thread has spent on a processor.
fn cpu_ns() -> Outcome<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(text.split_whitespace().next().ok_or("no schedstat")?.parse()?)
}
