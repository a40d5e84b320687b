//! Values: dates, times, lengths of time, offsets from UTC.

use crate::appointment::Length;
use jiff::SignedDuration;
use jiff::civil::{Date, DateTime, Time};

/// `20261231`.
pub(crate) fn date(text: &str) -> Option<Date> {
    if text.len() != 8 {
        return None;
    }
    Date::new(digits(text, 0..4)?, digits(text, 4..6)?.try_into().ok()?, digits(text, 6..8)?.try_into().ok()?)
        .ok()
}

/// `20261231T235959`.
pub(crate) fn date_time(text: &str) -> Option<DateTime> {
    let (day, time) = text.split_once('T')?;
    if time.len() != 6 {
        return None;
    }
    let part = |range| digits(time, range)?.try_into().ok();
    // A leap second is the last of its minute.
    let time = Time::new(part(0..2)?, part(2..4)?, part(4..6).map(|second: i8| second.min(59))?, 0).ok()?;
    Some(date(day)?.to_datetime(time))
}

fn digits(text: &str, range: std::ops::Range<usize>) -> Option<i16> {
    let text = text.get(range)?;
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// `P1W`, `P2DT3H4M5S`.
pub(super) fn duration(text: &str) -> Option<Length> {
    let rest = text.strip_prefix('+').unwrap_or(text).strip_prefix('P')?;
    let (days_part, time_part) = rest.split_once('T').unwrap_or((rest, ""));
    let units = |text: &str, units: &[char]| -> Option<Vec<i64>> {
        let mut amounts = vec![0; units.len()];
        let mut rest = text;
        while !rest.is_empty() {
            let end = rest.find(|c: char| !c.is_ascii_digit())?;
            let amount: i64 = rest.get(..end)?.parse().ok()?;
            let unit = rest.get(end..)?.chars().next()?;
            *amounts.get_mut(units.iter().position(|known| *known == unit)?)? = amount;
            rest = rest.get(end + 1..)?;
        }
        Some(amounts)
    };
    let (days, time) = (units(days_part, &['W', 'D'])?, units(time_part, &['H', 'M', 'S'])?);
    let total = |amounts: &[i64], lengths: &[i64]| {
        amounts
            .iter()
            .zip(lengths)
            .try_fold(0_i64, |total, (amount, length)| total.checked_add(amount.checked_mul(*length)?))
    };
    let days = total(&days, &[7, 1])?.try_into().ok()?;
    Some(Length { days, time: SignedDuration::from_secs(total(&time, &[3600, 60, 1])?) })
}

/// `+0100`, `-053028`: seconds east of Greenwich.
pub(super) fn offset(text: &str) -> Option<i32> {
    let (sign, digits_of) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let seconds = match digits_of.len() {
        4 => 0,
        6 => digits(digits_of, 4..6)?,
        _ => return None,
    };
    let (hours, minutes) = (digits(digits_of, 0..2)?, digits(digits_of, 2..4)?);
    let is_one = hours < 24 && minutes < 60 && seconds < 60;
    is_one.then(|| sign * (i32::from(hours) * 3600 + i32::from(minutes) * 60 + i32::from(seconds)))
}
