//! Repeating entries: generated rules, in zones whose clocks change.

use std::fmt::Write as _;

use context::read_icalendar;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

use super::{Dice, asked};

/// Zones that change their clocks in spring and autumn of both hemispheres, by an hour and by half an hour, that changed their rules, and
/// that never change.
const ZONES: [&str; 10] = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Sydney",
    "Australia/Lord_Howe",
    "America/Santiago",
    "America/St_Johns",
    "Africa/Cairo",
    "Asia/Kathmandu",
    "Pacific/Apia",
    "UTC",
];

const RULES: usize = 400;
/// How long an entry lasts: short enough to tell neighbours apart.
const LENGTH: SignedDuration = SignedDuration::from_mins(30);

/// A case: the rule, the first start, and starts that are left out.
struct Case {
    rule: String,
    first: DateTime,
    zone: &'static str,
    left_out: Vec<DateTime>,
}

fn case(dice: &mut Dice) -> Case {
    const DAYS: [&str; 7] = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];
    let frequency = dice.of(&["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]);
    let in_months = matches!(frequency, "MONTHLY" | "YEARLY");
    let mut rule = format!("FREQ={frequency}");
    if dice.one_in(2) {
        write!(rule, ";INTERVAL={}", 1 + dice.below(4)).unwrap();
    }
    let before = rule.len();
    if dice.one_in(4) {
        let months = dice.some(3, |dice| (1 + dice.below(12)).to_string());
        write!(rule, ";BYMONTH={months}").unwrap();
    }
    if frequency != "WEEKLY" && dice.one_in(4) {
        let days = dice.some(4, |dice| {
            let day = 1 + dice.below(31);
            if dice.one_in(3) { format!("-{day}") } else { day.to_string() }
        });
        write!(rule, ";BYMONTHDAY={days}").unwrap();
    }
    if dice.one_in(2) {
        let nth = in_months && dice.one_in(2);
        // Of a year, where no month is named.
        let most = if frequency == "YEARLY" && !rule.contains("BYMONTH=") && dice.one_in(2) { 52 } else { 5 };
        let days = dice.some(3, |dice| {
            let day = dice.of(&DAYS);
            let sign = if dice.one_in(2) { "-" } else { "" };
            if nth { format!("{sign}{}{day}", 1 + dice.below(most)) } else { day.to_owned() }
        });
        write!(rule, ";BYDAY={days}").unwrap();
    }
    let positions = rule.len() > before && dice.one_in(if in_months { 4 } else { 2 });
    if positions {
        // A day has one start, and a week as many as days: the other program looks for one that never comes until the year 9999.
        let many = in_months || rule.split_once("BYDAY=").is_some_and(|(_, days)| days.contains(','));
        let one_of: &[&str] = match (frequency, many) {
            ("DAILY", _) | (_, false) => &["1", "-1"],
            ("WEEKLY", true) => &["1", "2", "-1", "-2"],
            _ => &["1", "2", "3", "-1", "-2"],
        };
        let places = dice.some(2, |dice| dice.of(one_of).to_owned());
        write!(rule, ";BYSETPOS={places}").unwrap();
    }
    let week_start = if dice.one_in(3) { dice.of(&DAYS) } else { "MO" };
    if week_start != "MO" {
        write!(rule, ";WKST={week_start}").unwrap();
    }
    let (year, month) = (2020 + dice.below(8), 1 + dice.below(12));
    let date = Date::new(i16::try_from(year).unwrap(), i8::try_from(month).unwrap(), 1).unwrap();
    let mut date = date.checked_add(i64::try_from(dice.below(31)).unwrap().days()).unwrap();
    if positions && frequency == "WEEKLY" {
        // In a week that begins before the first start the other program counts positions from that start on, RFC 5545 from the week's.
        let begins = i64::try_from(DAYS.iter().position(|day| *day == week_start).unwrap()).unwrap();
        let past = (i64::from(date.weekday().to_monday_zero_offset()) - begins).rem_euclid(7);
        date = date.checked_sub(past.days()).unwrap();
    }
    // Often at night, when clocks change.
    let hour = if dice.one_in(2) { dice.below(4) } else { dice.below(24) };
    let minute = if dice.one_in(2) { 30 } else { 0 };
    let first = date.at(i8::try_from(hour).unwrap(), minute, 0, 0);
    match dice.below(3) {
        0 => write!(rule, ";COUNT={}", 1 + dice.below(40)).unwrap(),
        1 => {
            let until = first.checked_add(i64::try_from(dice.below(1_500)).unwrap().days()).unwrap();
            write!(rule, ";UNTIL={}", compact(until)).unwrap();
        }
        _ => {}
    }
    let left_out = (0..dice.below(4))
        .map(|_| first.checked_add(i64::try_from(dice.below(60)).unwrap().days()).unwrap())
        .collect();
    Case { rule, first, zone: ZONES[dice.below(ZONES.len())], left_out }
}

fn compact(at: DateTime) -> String {
    at.strftime("%Y%m%dT%H%M%S").to_string()
}

#[test]
fn entries_take_place_when_another_program_says() {
    let mut dice = Dice(20_260_921);
    let cases: Vec<Case> = (0..RULES).map(|_| case(&mut dice)).collect();
    for frequency in ["DAILY", "WEEKLY", "MONTHLY", "YEARLY"] {
        let has = |case: &&Case| case.rule.contains(frequency) && case.rule.contains("BYSETPOS");
        assert!(cases.iter().filter(has).count() > 5, "{frequency} with positions");
    }
    let span = |case: &Case| {
        (case.first.checked_sub(10.days()).unwrap(), case.first.checked_add(4.years()).unwrap())
    };
    let mut input = String::new();
    for case in &cases {
        let Case { rule, first, zone, left_out } = case;
        let (from, to) = span(case);
        // Without an end the other program looks for starts that never come until the year 9999; it takes one beside a `COUNT`.
        let ends = rule.contains("UNTIL");
        let end = if ends { String::new() } else { format!(";UNTIL={}", compact(to)) };
        let left_out: Vec<String> = left_out.iter().map(DateTime::to_string).collect();
        writeln!(input, "{rule}{end}|{first}|{from}|{to}|{zone}|{}", left_out.join(" ")).unwrap();
    }
    let Some(answers) = asked("recurrence.py", &input) else { return };
    assert_eq!(answers.lines().count(), cases.len());
    let (mut starts_seen, mut wrong) = (0, Vec::new());
    for (case, answer) in cases.iter().zip(answers.lines()) {
        let starts: Vec<Timestamp> = answer
            .split_whitespace()
            .map(|seconds| Timestamp::from_second(seconds.parse().unwrap()).unwrap())
            .collect();
        starts_seen += starts.len();
        if let Some(difference) = difference(case, &starts, &mut dice) {
            wrong.push(difference);
        }
    }
    assert!(starts_seen > 10 * RULES, "{starts_seen} starts");
    assert!(
        wrong.is_empty(),
        "{} of {RULES} differ:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(20)].join("\n")
    );
}

/// Where the calendar and the starts of the other program differ.
fn difference(case: &Case, starts: &[Timestamp], dice: &mut Dice) -> Option<String> {
    let Case { rule, first, zone, left_out } = case;
    let excluded: String =
        left_out.iter().map(|at| format!("EXDATE;TZID={zone}:{}\r\n", compact(*at))).collect();
    let text = format!(
        "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nSUMMARY:x\r\nDTSTART;TZID={zone}:{}\r\nDURATION:PT30M\r\nRRULE:{rule}\r\n{excluded}END:VEVENT\r\nEND:VCALENDAR\r\n",
        compact(*first)
    );
    let (entries, errors) = read_icalendar(&text, &TimeZone::UTC);
    let Some(entry) = entries.first().filter(|_| errors.is_empty()) else {
        return Some(format!("{rule}: {errors:?}"));
    };
    let second = SignedDuration::from_secs(1);
    let mut instants: Vec<Timestamp> = Vec::new();
    for start in starts.iter().take(60) {
        instants.extend([*start - second, *start, *start + LENGTH - second, *start + LENGTH]);
    }
    // Where it is not: the same hour of other days, and whatever time.
    let zone_of = TimeZone::get(zone).unwrap();
    for _ in 0..60 {
        let days = i64::try_from(dice.below(1_400)).unwrap();
        let same_hour = first.checked_add(days.days()).unwrap();
        instants.push(zone_of.to_ambiguous_timestamp(same_hour).compatible().unwrap());
    }
    let last = zone_of.to_ambiguous_timestamp(first.checked_add(4.years()).unwrap()).compatible().unwrap();
    let differs = instants.iter().filter(|instant| **instant < last).find(|instant| {
        let wanted = starts.iter().any(|start| *start <= **instant && **instant < *start + LENGTH);
        entry.when.contains(**instant) != wanted
    })?;
    Some(format!("{rule} from {first} in {zone} at {differs}, left out {left_out:?}"))
}
