//! Zones that calendars define themselves: generated definitions, and how far clocks are ahead of UTC in them.

use context::{Recurrence, read_icalendar};
use jiff::Timestamp;
use jiff::civil::{DateTime, date};
use jiff::tz::TimeZone;

use super::{Dice, asked};

const DEFINITIONS: usize = 40;

/// A part: from `start` on, by `rule`, clocks are no longer `from` but `to` ahead of UTC.
fn part(kind: &str, start: DateTime, [from, to]: [i32; 2], more: &str) -> String {
    let offset = |minutes: i32| {
        let sign = if minutes < 0 { '-' } else { '+' };
        format!("{sign}{:02}{:02}", minutes.abs() / 60, minutes.abs() % 60)
    };
    format!(
        "BEGIN:{kind}|DTSTART:{}|TZOFFSETFROM:{}|TZOFFSETTO:{}|{more}END:{kind}|",
        start.strftime("%Y%m%dT%H%M%S"),
        offset(from),
        offset(to)
    )
}

/// When clocks change in a year: not near its ends, where an `UNTIL` falls.
fn yearly(dice: &mut Dice, months: [usize; 2]) -> String {
    let month = months[0] + dice.below(months[1] - months[0] + 1);
    let day = dice.of(&["SU", "SA", "FR", "TH"]).to_owned();
    match dice.below(3) {
        0 => format!("FREQ=YEARLY;BYMONTH={month};BYDAY={}{day}", dice.of(&["1", "2", "3", "-1", "-2"])),
        1 => format!("FREQ=YEARLY;BYMONTH={month};BYDAY={day};BYMONTHDAY=8,9,10,11,12,13,14"),
        _ => format!("FREQ=YEARLY;BYMONTH={month};BYMONTHDAY={}", 1 + dice.below(28)),
    }
}

/// One or two times of rules for summers and winters, then perhaps changes of single days.
fn definition(dice: &mut Dice) -> String {
    let quarter = |dice: &mut Dice, most: usize| i32::try_from(dice.below(most)).unwrap() * 15;
    let mut parts = String::new();
    let mut winter = quarter(dice, 97) - 720;
    let eras = [(1980, 2008), (2009, 2030)];
    let ends = dice.one_in(2);
    for (number, (begin, end)) in eras.into_iter().enumerate() {
        if number > 0 && !ends {
            break;
        }
        let summer = winter + 30 + quarter(dice, 5);
        let changes = [("DAYLIGHT", [2, 5], [winter, summer]), ("STANDARD", [8, 11], [summer, winter])];
        for (kind, months, offsets) in changes {
            let rule = yearly(dice, months);
            let hour = i8::try_from(1 + dice.below(4)).unwrap();
            let new_year = date(begin, 1, 1).at(hour, 0, 0, 0);
            let starts = rule.parse::<Recurrence>().unwrap();
            let start = starts.between(new_year, new_year, date(begin, 12, 31).into())[0];
            let until = if ends { format!(";UNTIL={end}1231T000000Z") } else { String::new() };
            parts += &part(kind, start, offsets, &format!("RRULE:{rule}{until}|"));
        }
    }
    if ends && dice.one_in(2) {
        let moved = winter + 60;
        let dates = "RDATE;VALUE=DATE-TIME:20330105T020000,20350105T020000|RDATE:20370105T020000|";
        parts += &part("STANDARD", date(2031, 1, 5).at(2, 0, 0, 0), [winter, moved], dates);
        parts += &part(
            "STANDARD",
            date(2032, 1, 5).at(2, 0, 0, 0),
            [moved, winter],
            "RDATE:20340105T020000,20360105T020000|",
        );
        winter = moved;
    }
    assert!(winter < 1_000);
    format!("BEGIN:VCALENDAR|BEGIN:VTIMEZONE|TZID:Its own|{parts}END:VTIMEZONE|")
}

#[test]
fn clocks_show_what_another_program_says() {
    let mut dice = Dice(20_261_122);
    let mut cases = Vec::new();
    let mut input = String::new();
    for _ in 0..DEFINITIONS {
        let text = definition(&mut dice);
        let entry =
            "BEGIN:VEVENT|DTSTART;TZID=Its own:20260101T000000|DURATION:PT1H|END:VEVENT|END:VCALENDAR|";
        let whole = format!("{text}{entry}").replace('|', "\r\n");
        let (entries, errors) = read_icalendar(&whole, &TimeZone::UTC);
        assert_eq!(errors, [], "{text}");
        let zone = entries[0].when.zone().clone();
        // Not before the first changes, of which the format says nothing.
        let (begin, end) = (date(1982, 1, 1), date(2039, 1, 1));
        let instant = |at: jiff::civil::Date| at.to_zoned(TimeZone::UTC).unwrap().timestamp();
        let mut instants: Vec<Timestamp> = (0..60)
            .map(|_| {
                let seconds = usize::try_from(instant(end).as_second() - instant(begin).as_second()).unwrap();
                let since = i64::try_from(dice.below(seconds)).unwrap();
                Timestamp::from_second(instant(begin).as_second() + since).unwrap()
            })
            .collect();
        let offset = |second: i64| zone.to_offset(Timestamp::from_second(second).unwrap());
        for day in (instant(begin).as_second()..instant(end).as_second()).step_by(86_400) {
            let (mut before, mut after) = (day, day + 86_400);
            if offset(before) == offset(after) {
                continue;
            }
            while after - before > 1 {
                let middle = i64::midpoint(before, after);
                if offset(middle) == offset(day) { before = middle } else { after = middle }
            }
            // Of an hour that a clock shows twice the other program knows which it is only where summer time ends.
            let beside = if after < instant(date(2031, 1, 1)).as_second() { 0 } else { 7_200 };
            instants.extend(
                [before - beside, after + beside].map(|second| Timestamp::from_second(second).unwrap()),
            );
        }
        let seconds: Vec<String> = instants.iter().map(|at| at.as_second().to_string()).collect();
        input += &format!("{text}END:VCALENDAR|#{}\n", seconds.join(" "));
        cases.push((text, zone, instants));
    }
    let Some(answers) = asked("zones.py", &input) else { return };
    assert_eq!(answers.lines().count(), cases.len());
    let mut changed = 0;
    for ((text, zone, instants), answer) in cases.iter().zip(answers.lines()) {
        let answers: Vec<i32> = answer.split_whitespace().map(|seconds| seconds.parse().unwrap()).collect();
        assert_eq!(answers.len(), instants.len());
        for (instant, theirs) in instants.iter().zip(answers) {
            let ours = zone.to_offset(*instant).seconds();
            assert_eq!(ours, theirs, "at {instant} in {text}");
        }
        changed += instants.len() - 60;
    }
    assert!(changed > 50 * DEFINITIONS, "{changed} instants beside changes");
}
