//! `trailhound audit`: what was done and by whom, and whether the list of it is whole.

use std::path::Path;

use serde_json::{Value, json};
use store::{AuditCheck, AuditHead, AuditRow};

use super::status::{open, store_failure};
use crate::arguments::{Audit, TextOrJson};
use crate::exit_code::{Exit, Failure, Outcome};
use crate::output::{Styles, plain, print};
use crate::talk::Talk;

pub(crate) fn run(arguments: &Audit, talk: Talk) -> Outcome {
    match arguments {
        Audit::List { state, limit, format } => list(&super::state::folder(state)?, *limit, *format, talk),
        Audit::Verify { state, head } => verify(&super::state::folder(state)?, head.as_deref(), talk),
    }
}

/// How many rows are read at once.
const PAGE: u32 = 500;

fn list(folder: &Path, limit: u32, format: TextOrJson, talk: Talk) -> Outcome {
    let mut reader = open(folder)?;
    let snapshot = reader.snapshot().map_err(store_failure)?;
    let last = snapshot.audit_head().map_err(store_failure)?.seq;
    // The newest, in the order in which they were written.
    let mut after = last.saturating_sub(i64::from(limit)).max(0);
    let mut rows: Vec<AuditRow> = Vec::new();
    loop {
        let page = snapshot.audit(after, PAGE).map_err(store_failure)?;
        let Some(newest) = page.last() else { break };
        after = newest.seq;
        rows.extend(page);
    }
    print(talk, |out| {
        for row in &rows {
            let AuditRow { seq, entry, .. } = row;
            let at = jiff::Timestamp::from_millisecond(entry.at_ms).unwrap_or_default();
            let detail = String::from_utf8_lossy(&entry.detail);
            if format == TextOrJson::Json {
                // What responses note is JSON, and what others note is text.
                let detail: Value = serde_json::from_str(&detail).unwrap_or_else(|_| detail.as_ref().into());
                let line = json!({
                    "seq": seq, "at": at.to_string(), "actor": entry.actor, "action": entry.action,
                    "subject": entry.subject, "detail": detail, "hash": hex(&row.hash),
                });
                writeln!(out, "{line}")?;
                continue;
            }
            let (bold, faint) = (Styles::BOLD, Styles::FAINT);
            let (actor, action, subject) = (plain(&entry.actor), plain(&entry.action), plain(&entry.subject));
            writeln!(out, "{faint}{seq:>6}  {at:.0}{faint:#}  {bold}{action}{bold:#}  {actor}  {subject}")?;
            if !detail.is_empty() {
                writeln!(out, "        {}", plain(&detail))?;
            }
        }
        Ok(())
    })?;
    if rows.is_empty() {
        talk.note("nothing was done");
    }
    Ok(Exit::Fine)
}

fn verify(folder: &Path, noted: Option<&str>, talk: Talk) -> Outcome {
    let noted = noted.map(head).transpose()?;
    let mut reader = open(folder)?;
    let snapshot = reader.snapshot().map_err(store_failure)?;
    match snapshot.verify_audit(noted).map_err(store_failure)? {
        AuditCheck::Whole(head) => {
            print(talk, |out| writeln!(out, "{head}"))?;
            talk.note(format_args!("{} rows, and every link holds: note the line above elsewhere", head.seq));
            Ok(Exit::Fine)
        }
        AuditCheck::Broken(link) => {
            talk.note(link);
            Ok(Exit::Found)
        }
    }
}

/// Reads `seq:hash`.
fn head(text: &str) -> Result<AuditHead, Failure> {
    let wrong = || {
        Failure::usage(format!("`{}` is not the end of an audit list", plain(text)))
            .hint("give what `trailhound audit verify` printed, as `12:3f0c…`")
    };
    let (seq, hex) = text.trim().split_once(':').ok_or_else(wrong)?;
    let seq = seq.parse().map_err(|_| wrong())?;
    let mut hash = [0; 32];
    if hex.len() != 64 || !hex.is_ascii() {
        return Err(wrong());
    }
    for (byte, digits) in hash.iter_mut().zip(hex.as_bytes().chunks(2)) {
        let digits = std::str::from_utf8(digits).map_err(|_| wrong())?;
        *byte = u8::from_str_radix(digits, 16).map_err(|_| wrong())?;
    }
    Ok(AuditHead { seq, hash })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read_as_they_are_printed() {
        let noted = AuditHead { seq: 12, hash: [0xa5; 32] };
        assert_eq!(head(&noted.to_string()).unwrap(), noted);
        for wrong in ["", "12", "12:", "x:a5", "12:a5", &format!("12:{}", "é".repeat(32))] {
            assert!(head(wrong).is_err(), "{wrong}");
        }
    }
}
