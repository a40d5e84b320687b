//! Text for terminals: colours, and event text that cannot act on the terminal.

use std::borrow::Cow;

use anstyle::{AnsiColor, Style};
use route::printable::is_hidden;
use rules::Severity;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// How the parts of a message look. Streams strip it where colours are not wanted.
pub(crate) struct Styles;

impl Styles {
    pub(crate) const BOLD: Style = Style::new().bold();
    pub(crate) const FAINT: Style = Style::new().dimmed();

    pub(crate) fn severity(severity: Severity) -> Style {
        match severity {
            Severity::Critical => AnsiColor::White.on(AnsiColor::Red).bold(),
            Severity::High => AnsiColor::Red.on_default().bold(),
            Severity::Medium => AnsiColor::Yellow.on_default().bold(),
            Severity::Low => AnsiColor::Cyan.on_default(),
            Severity::Info => AnsiColor::BrightBlack.on_default(),
        }
    }

    pub(crate) fn bad() -> Style {
        AnsiColor::Red.on_default().bold()
    }

    pub(crate) fn doubtful() -> Style {
        AnsiColor::Yellow.on_default().bold()
    }
}

/// Text from an event, made harmless: an attacker chooses user agents and names, and a terminal obeys escape sequences.
///
/// Control characters become the pictures Unicode has for them, and characters that reorder text their code point.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\n' | '\t' | '\r' => out.push(' '),
            '\0'..='\u{1f}' => out.extend(char::from_u32(0x2400 + u32::from(c))),
            '\u{7f}' => out.push('\u{2421}'),
            _ if is_hidden(c) => out.extend(c.escape_unicode()),
            _ => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Several lines of such text, each made harmless and left a line.
pub(crate) fn plain_lines(text: &str) -> String {
    text.split('\n').map(plain).collect::<Vec<_>>().join("\n")
}

/// At most `width` columns of `text`, with an ellipsis where something was cut.
///
/// Characters without a width are stacked on others. A few for each column is what languages need; thousands are a prank.
pub(crate) fn fit(text: &str, width: usize) -> Cow<'_, str> {
    const STACKED_MAX: usize = 4;
    let most = width.saturating_mul(STACKED_MAX);
    if text.width() <= width && text.chars().nth(most).is_none() {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars().take(most) {
        used += c.width().unwrap_or_default();
        if used >= width {
            break;
        }
        out.push(c);
    }
    out.push('…');
    Cow::Owned(out)
}

/// The text in lines of at most `width` columns.
pub(crate) fn filled(text: &str, width: usize) -> String {
    let mut filled = String::new();
    let mut used = 0;
    for word in text.split_whitespace() {
        if used > 0 && used + 1 + word.width() > width {
            filled.push('\n');
            used = 0;
        }
        if used > 0 {
            filled.push(' ');
            used += 1;
        }
        filled.push_str(word);
        used += word.width();
    }
    filled
}

/// How wide lines may be: the terminal's width, or 100 where there is none.
pub(crate) fn line_width() -> usize {
    terminal_size::terminal_size().map_or(100, |(width, _)| usize::from(width.0).clamp(60, 140))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_text_cannot_act_on_the_terminal() {
        assert_eq!(plain("alice"), "alice");
        assert_eq!(plain("a\u{1b}[31mb\nc\u{9b}d"), "a␛[31mb c\\u{9b}d");
        assert_eq!(plain("user\u{202e}nimda"), "user\\u{202e}nimda");
        assert_eq!(plain("user\u{61c}1"), "user\\u{61c}1");
    }

    #[test]
    fn lines_stay_lines() {
        assert_eq!(plain_lines("a\n  b\u{9b}1m\n"), "a\n  b\\u{9b}1m\n");
    }

    #[test]
    fn long_text_is_cut_to_columns_and_not_to_bytes() {
        assert_eq!(fit("short", 5), "short");
        assert_eq!(fit("longer", 5), "long…");
        assert_eq!(fit("日本語", 5), "日本…");
        assert_eq!(fit(&"\u{301}".repeat(1_000), 5).chars().count(), 21);
    }

    #[test]
    fn words_fill_lines() {
        assert_eq!(filled("a bb\nccc  dddd", 6), "a bb\nccc\ndddd");
        assert_eq!(filled("", 6), "");
    }
}
