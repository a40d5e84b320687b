//! How the service's parser words its complaints.

use super::scan::Position;

/// What may stand where a value is expected.
pub(super) const VALUES: &str = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')";

pub(super) fn unexpected_in_number(seen: char, message: &str) -> String {
    format!("Unexpected character ({}) in numeric value: {message}", describe(seen))
}

pub(super) fn describe(character: char) -> String {
    let mut units = [0; 2];
    let code = character.encode_utf16(&mut units)[0];
    let shown = if character.len_utf16() == 2 { '?' } else { character };
    if character.is_control() {
        format!("(CTRL-CHAR, code {code})")
    } else if code > 255 {
        format!("'{shown}' (code {code} / 0x{code:x})")
    } else {
        format!("'{shown}' (code {code})")
    }
}

pub(super) fn is_identifier_start(character: char) -> bool {
    character.is_alphabetic() || matches!(character, '_' | '$')
}

pub(super) fn is_identifier_part(character: char) -> bool {
    is_identifier_start(character)
        || character.is_numeric()
        || matches!(character, '\0'..='\x08' | '\x0e'..='\x1b' | '\x7f'..='\u{9f}')
}

/// `[Source: (String)"…"; line: L, column: C]`, as the service writes it: at most 500 units of the text.
pub(crate) fn source_text(text: &str, position: Position) -> String {
    const SHOWN_MAX: usize = 500;
    let units = text.encode_utf16().count();
    let mut shown = String::new();
    let mut length = 0;
    for character in text.chars() {
        length += character.len_utf16();
        if length > SHOWN_MAX {
            break;
        }
        if character.is_control() && !matches!(character, '\r' | '\n') {
            shown.push_str(&format!("\\u{:04X}", u32::from(character)));
        } else {
            shown.push(character);
        }
    }
    let rest = match units.checked_sub(SHOWN_MAX) {
        Some(rest) if rest > 0 => format!("[truncated {rest} chars]"),
        _ => String::new(),
    };
    format!("[Source: (String)\"{shown}\"{rest}; line: {}, column: {}]", position.line, position.column)
}
