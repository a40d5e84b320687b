//! What is said beside the data: warnings, progress, a closing line. All of it on standard error, none of it with `--quiet` but errors.
//!
//! Colours follow `--color`, then `NO_COLOR` and `CLICOLOR`, then whether the stream is a terminal; the streams strip them.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use anstream::{AutoStream, ColorChoice};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::arguments::{self, Color};
use crate::output::Styles;

/// How to talk.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Talk {
    quiet: bool,
    color: ColorChoice,
}

impl Talk {
    pub(crate) fn new(arguments: &arguments::Talk) -> Self {
        let color = match arguments.color {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        };
        Talk { quiet: arguments.quiet, color }
    }

    /// Standard output for people, buffered, with or without colours.
    pub(crate) fn out(self) -> impl Write {
        io::BufWriter::with_capacity(1 << 16, AutoStream::new(io::stdout(), self.color))
    }

    /// Standard output for programs: every byte as it is.
    pub(crate) fn out_for_programs() -> impl Write {
        io::BufWriter::with_capacity(1 << 16, io::stdout().lock())
    }

    /// Whether data on standard output is read by a person.
    pub(crate) fn out_is_terminal() -> bool {
        io::stdout().is_terminal()
    }

    /// Whether what is rendered for standard output has colours.
    pub(crate) fn out_colour(self) -> rules::Colour {
        colour(AutoStream::new(io::stdout(), self.color).current_choice())
    }

    /// Whether what is rendered for standard error has colours.
    pub(crate) fn err_colour(self) -> rules::Colour {
        colour(AutoStream::new(io::stderr(), self.color).current_choice())
    }

    /// Something went wrong. Said even if quiet.
    pub(crate) fn error(self, message: impl std::fmt::Display) {
        let style = Styles::bad();
        self.line(format_args!("{style}error{style:#}: {message}"));
    }

    /// Something went wrong that has a place and a picture of it: it says `error` by itself.
    pub(crate) fn error_block(self, block: impl std::fmt::Display) {
        self.line(format_args!("{block}\n"));
    }

    /// Something is doubtful.
    pub(crate) fn warn(self, message: impl std::fmt::Display) {
        if !self.quiet {
            let style = Styles::doubtful();
            self.line(format_args!("{style}warning{style:#}: {message}"));
        }
    }

    /// Something is good to know.
    pub(crate) fn note(self, message: impl std::fmt::Display) {
        if !self.quiet {
            self.line(format_args!("{message}"));
        }
    }

    fn line(self, text: std::fmt::Arguments<'_>) {
        // Nobody is left to tell if standard error is gone.
        let _ = writeln!(AutoStream::new(io::stderr(), self.color), "{text}");
    }

    /// A bar over `bytes`, shown on a terminal only.
    pub(crate) fn progress(self, bytes: u64) -> Progress {
        if self.quiet || !io::stderr().is_terminal() || bytes == 0 {
            return Progress(None);
        }
        let bar = ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::stderr_with_hz(10));
        if let Ok(style) =
            ProgressStyle::with_template("{bar:30} {percent:>3}%  {bytes}/{total_bytes}  {msg}  {eta} left")
        {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Progress(Some(bar))
    }
}

fn colour(choice: ColorChoice) -> rules::Colour {
    if choice == ColorChoice::Never { rules::Colour::Plain } else { rules::Colour::Styled }
}

/// A progress bar, or none.
pub(crate) struct Progress(Option<ProgressBar>);

impl Progress {
    /// So many more bytes were read; `events` in all so far.
    pub(crate) fn advance(&self, bytes: u64, events: u64) {
        if let Some(bar) = &self.0 {
            bar.inc(bytes);
            let seconds = bar.elapsed().as_secs_f64().max(0.001);
            #[expect(clippy::cast_precision_loss, reason = "shown with three digits")]
            let rate = events as f64 / seconds / 1_000.0;
            bar.set_message(format!("{events} events, {rate:.0} k/s"));
        }
    }

    /// Takes the bar away, so that what is printed next stands alone.
    pub(crate) fn clear(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
