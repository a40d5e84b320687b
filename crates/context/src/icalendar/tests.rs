use super::windows::ZONES;
use super::*;
use crate::hours::time_zone;
use proptest::prelude::*;

fn read(entries: &str) -> (Vec<Entry>, Vec<CalendarError>) {
    let text = format!("BEGIN:VCALENDAR\nVERSION:2.0\n{entries}END:VCALENDAR\n");
    read_icalendar(&text, &time_zone("Europe/Berlin").unwrap())
}

fn covers(entry: &Entry, instants: &[(&str, bool)]) {
    for (instant, expected) in instants {
        assert_eq!(entry.when.contains(instant.parse().unwrap()), *expected, "{} at {instant}", entry.name);
    }
}

#[test]
fn an_entry_of_another_program() {
    let (entries, errors) = read(
        "BEGIN:VTIMEZONE\nTZID:W. Europe Standard Time\nBEGIN:STANDARD\nDTSTART:16010101T030000\nEND:STANDARD\nEND:VTIMEZONE\n\
         BEGIN:VEVENT\r\nSUMMARY;LANGUAGE=en:Release\\, pay\r\n ments\r\nDTSTART;TZID=\"W. Europe Standard Time\":20260701T200000\r\n\
         DTEND;TZID=\"W. Europe Standard Time\":20260701T230000\r\nDESCRIPTION:accounts: pay-*\\nbring cake\r\n\
         BEGIN:VALARM\nTRIGGER:-PT15M\nDESCRIPTION:Reminder\nEND:VALARM\nEND:VEVENT\n",
    );
    assert_eq!(errors, []);
    let [entry] = &entries[..] else { panic!("{entries:?}") };
    assert_eq!((&*entry.name, &*entry.description), ("Release, payments", "accounts: pay-*\nbring cake"));
    covers(
        entry,
        &[("2026-07-01T18:00:00Z", true), ("2026-07-01T20:59:59Z", true), ("2026-07-01T21:00:00Z", false)],
    );
}

#[test]
fn occasions_can_be_left_out_added_moved_and_cancelled() {
    let (entries, errors) = read(
        "BEGIN:VEVENT\nUID:a\nSUMMARY:weekly\nDTSTART:20260602T100000Z\nDURATION:PT1H\nRRULE:FREQ=WEEKLY\n\
         EXDATE:20260609T100000Z,20260616T100000Z\nRDATE:20260610T150000Z\nEND:VEVENT\n\
         BEGIN:VEVENT\nUID:a\nSUMMARY:moved\nRECURRENCE-ID:20260623T100000Z\nDTSTART:20260624T100000Z\nDURATION:PT1H\nEND:VEVENT\n\
         BEGIN:VEVENT\nUID:a\nRECURRENCE-ID:20260630T100000Z\nDTSTART:20260630T100000Z\nSTATUS:CANCELLED\nEND:VEVENT\n",
    );
    assert_eq!(errors, []);
    let [weekly, moved] = &entries[..] else { panic!("{entries:?}") };
    covers(
        weekly,
        &[
            ("2026-06-02T10:30:00Z", true),
            ("2026-06-09T10:30:00Z", false),
            ("2026-06-10T15:30:00Z", true),
            ("2026-06-16T10:30:00Z", false),
            ("2026-06-23T10:30:00Z", false),
            ("2026-06-30T10:30:00Z", false),
            ("2026-07-07T10:30:00Z", true),
        ],
    );
    covers(moved, &[("2026-06-24T10:30:00Z", true)]);
}

#[test]
fn days_and_lengths() {
    let (entries, errors) = read(
        "BEGIN:VEVENT\nSUMMARY:christmas\nDTSTART;VALUE=DATE:20201225\nDTEND;VALUE=DATE:20201227\nRRULE:FREQ=YEARLY\nEND:VEVENT\n\
         BEGIN:VEVENT\nSUMMARY:one day\nDTSTART;VALUE=DATE:20260105\nEND:VEVENT\n\
         BEGIN:VEVENT\nSUMMARY:floating\nDTSTART:20260701T090000\nDURATION:P1DT2H\nEND:VEVENT\n",
    );
    assert_eq!(errors, []);
    let [christmas, day, floating] = &entries[..] else { panic!("{entries:?}") };
    covers(
        christmas,
        &[("2026-12-24T23:00:00Z", true), ("2026-12-26T22:59:59Z", true), ("2026-12-26T23:00:00Z", false)],
    );
    covers(day, &[("2026-01-04T23:00:00Z", true), ("2026-01-05T23:00:00Z", false)]);
    covers(
        floating,
        &[("2026-07-01T07:00:00Z", true), ("2026-07-02T08:59:59Z", true), ("2026-07-02T09:00:00Z", false)],
    );
}

#[test]
fn what_cannot_be_used_is_named_and_left_out() {
    let (entries, errors) = read(
        "BEGIN:VEVENT\nSUMMARY:a\nEND:VEVENT\n\
         BEGIN:VEVENT\nDTSTART;TZID=Mars/Base:20260101T000000\nDURATION:PT1H\nEND:VEVENT\n\
         BEGIN:VEVENT\nDTSTART:2026-01-01\nEND:VEVENT\n\
         BEGIN:VEVENT\nDTSTART:20260101T000000Z\nEND:VEVENT\n\
         BEGIN:VEVENT\nDTSTART:20260101T000000Z\nDURATION:PT1H\nRRULE:FREQ=HOURLY\nEND:VEVENT\n\
         BEGIN:VEVENT\nDTSTART:20260101T000000Z\nDURATION:an hour\nEND:VEVENT\n",
    );
    assert_eq!(entries, []);
    let said: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        said[..4],
        [
            "line 3: the entry has no `DTSTART`",
            "line 7: `Mars/Base` is not a known time zone: name one of the IANA database, such as Europe/Berlin, or define it in the file \
             (`VTIMEZONE`)",
            "line 11: `2026-01-01` is not a time as iCalendar writes them",
            "line 14: the entry cannot be used: it ends before it begins",
        ]
    );
    assert!(
        said[4].starts_with("line 19: the repetition cannot be used: `FREQ=HOURLY` cannot be used"),
        "{said:?}"
    );
    assert_eq!(said[5], "line 23: `an hour` is not a time as iCalendar writes them");
    let (entries, errors) = read_icalendar("name: changes", &TimeZone::UTC);
    assert_eq!((entries.len(), errors[0].problem.clone()), (0, CalendarProblem::NoCalendar));
}

/// Outlook's own zone and one that somebody made up, each with an entry on either side of a change of the clocks.
#[test]
fn zones_that_the_file_defines() {
    let definition = |name: &str, more: &str| {
        format!(
            "BEGIN:VTIMEZONE\nTZID:{name}\n{more}BEGIN:STANDARD\nDTSTART:16010101T030000\nTZOFFSETFROM:+0200\nTZOFFSETTO:+0100\n\
             RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10\nEND:STANDARD\nBEGIN:DAYLIGHT\nDTSTART:16010101T020000\n\
             TZOFFSETFROM:+0100\nTZOFFSETTO:+0200\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3\nEND:DAYLIGHT\nEND:VTIMEZONE\n"
        )
    };
    let entry = |zone: &str| {
        format!(
            "BEGIN:VEVENT\nSUMMARY:weekly\nDTSTART;TZID={zone}:20261020T200000\nDURATION:PT1H\nRRULE:FREQ=WEEKLY\nEND:VEVENT\n"
        )
    };
    let custom = "\"(UTC+01:00) Amsterdam, Berlin\"";
    let expected = [
        ("2026-10-20T18:30:00Z", true),
        ("2026-10-20T19:30:00Z", false),
        ("2026-10-27T18:30:00Z", false),
        ("2026-10-27T19:30:00Z", true),
        ("2027-03-30T18:30:00Z", true),
    ];
    // An entry may stand before the zone that it names.
    let text = entry(custom) + &definition("(UTC+01:00) Amsterdam, Berlin", "");
    let (entries, errors) = read(&text);
    assert_eq!(errors, []);
    covers(&entries[0], &expected);

    // A name that is known means what is known of it, whatever the file says.
    let (entries, errors) = read(&(definition("Tokyo Standard Time", "") + &entry("Tokyo Standard Time")));
    assert_eq!(errors, []);
    covers(&entries[0], &[("2026-10-20T11:30:00Z", true), ("2026-10-27T11:30:00Z", true)]);
    let known = definition("Mine", "X-LIC-LOCATION:Asia/Tokyo\n") + &entry("Mine");
    covers(&read(&known).0[0], &[("2026-10-20T11:30:00Z", true)]);
}

#[test]
fn a_definition_that_cannot_be_used_is_named() {
    let part = |lines: &str| format!("BEGIN:STANDARD\n{lines}END:STANDARD\n");
    let start = "DTSTART:20000101T000000\n";
    let offsets = "TZOFFSETFROM:+0100\nTZOFFSETTO:+0200\n";
    let cases = [
        (String::new(), "line 3: it has neither a `STANDARD` nor a `DAYLIGHT` part"),
        (part(start), "line 5: a part needs `TZOFFSETFROM`"),
        (part(offsets), "line 5: a part needs `DTSTART`"),
        (
            part(&format!("{start}TZOFFSETFROM:+1\nTZOFFSETTO:+0200\n")),
            "line 7: `+1` is neither a time nor an offset",
        ),
        (part(&format!("{start}{offsets}RDATE:1.1.2001\n")), "line 9: `1.1.2001` is neither a time"),
        (
            part(&format!("{start}{offsets}RRULE:FREQ=DAILY\n")),
            "line 9: the repetition cannot be used: `FREQ=DAILY` cannot be used",
        ),
        (
            part(&format!("{start}{offsets}RRULE:FREQ=YEARLY;BYDAY=MO,TU,WE,TH,FR,SA,SU\n")),
            "line 3: clocks change more than 4000 times",
        ),
    ];
    for (parts, expected) in cases {
        let (entries, errors) = read(&format!(
            "BEGIN:VTIMEZONE\nTZID:Mine\n{parts}END:VTIMEZONE\n\
             BEGIN:VEVENT\nDTSTART;TZID=Mine:20260101T000000\nDURATION:PT1H\nEND:VEVENT\n"
        ));
        let said = errors[0].to_string();
        let whole = format!("the zone `Mine`, which the file defines itself, cannot be used: {expected}");
        assert!(entries.is_empty() && said.contains(&whole), "{said}");
    }
}

#[test]
fn every_zone_of_windows_is_one() {
    for (windows, _) in ZONES {
        assert!(known(windows).is_some(), "{windows}");
    }
    assert!(known("/freeassociation.sourceforge.net/Europe/Paris").is_some());
}

proptest! {
    #[test]
    fn any_text_is_answered(lines in prop::collection::vec(
        "(BEGIN:VEVENT|END:VEVENT|(DTSTART|DTEND|EXDATE|RECURRENCE-ID)(;TZID=(UTC|é))?:[0-9TZP]{0,16}|DURATION:P[0-9]{0,20}[WDTHMS]{0,3}|RRULE:FREQ=[A-Z]{5,7};(BYDAY|UNTIL|COUNT|BYMONTHDAY)=[-0-9A-ZT,]{0,6}|[ é:;\"]{0,9})",
        0..40,
    )) {
        let (entries, _) = read_icalendar(&format!("BEGIN:VCALENDAR\n{}", lines.join("\n")), &TimeZone::UTC);
        for entry in entries {
            let _ = entry.when.contains("2026-01-01T00:00:00Z".parse().unwrap());
            let _ = entry.when.covers_date(jiff::civil::date(2026, 1, 1));
        }
    }
}
