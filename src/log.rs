// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Where log lines go. The engine is handed a [`Log`]; it has no sink of its own.

use std::fmt::{self, Write as _};

/// How much a line matters, as libbpf's `enum libbpf_print_level`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Something failed, or will when the program is loaded.
    Warn,
    /// Worth knowing.
    Info,
    /// How an answer was found: a line for each relocation and each candidate.
    Debug,
}

/// A sink for log lines.
pub trait Log: fmt::Debug {
    /// Whether a line of this level would be kept. Lines that nobody wants are not put together.
    fn enabled(&self, level: Level) -> bool;

    /// Takes one line, without a newline at its end.
    fn log(&self, level: Level, line: fmt::Arguments<'_>);

    /// A line of level [`Level::Warn`].
    fn warn(&self, line: fmt::Arguments<'_>) {
        if self.enabled(Level::Warn) {
            self.log(Level::Warn, line);
        }
    }

    /// A line of level [`Level::Debug`].
    fn debug(&self, line: fmt::Arguments<'_>) {
        if self.enabled(Level::Debug) {
            self.log(Level::Debug, line);
        }
    }
}

/// The sink that keeps nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoLog;

impl Log for NoLog {
    fn enabled(&self, _level: Level) -> bool {
        false
    }

    fn log(&self, _level: Level, _line: fmt::Arguments<'_>) {}
}

/// Text for a terminal, which obeys the control characters in what it is sent. They come out escaped, and so do characters
/// that cannot be seen but have others shown in another order: names are from files of unknown origin.
#[derive(Clone, Copy, Debug)]
pub struct Printable<T>(pub T);

impl<T: fmt::Display> fmt::Display for Printable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaped(f), "{}", self.0)
    }
}

struct Escaped<'a, 'f>(&'a mut fmt::Formatter<'f>);

impl fmt::Write for Escaped<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for piece in text.split_inclusive(is_unprintable) {
            let mut before = piece.chars();
            match before.next_back().filter(|last| is_unprintable(*last)) {
                Some(last) => write!(self.0, "{}{}", before.as_str(), last.escape_default())?,
                None => self.0.write_str(piece)?,
            }
        }
        Ok(())
    }
}

fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c,
            // Marks, embeddings, overrides and isolates of the direction of text, and what ends a line or a paragraph.
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{206f}'
            // No width, so that two names look the same.
            | '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2065}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::Printable;

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        let printable = |text: &str| Printable(text).to_string();
        assert_eq!(printable("a\x1b[31mb\nc\u{9b}"), "a\\u{1b}[31mb\\nc\\u{9b}");
        for c in
            ['\0', '\x07', '\x7f', '\u{61c}', '\u{200f}', '\u{202a}', '\u{202e}', '\u{2066}', '\u{2069}', '\u{200b}']
        {
            assert_eq!(printable(&format!("{c}a{c}{c}")), format!("{0}a{0}{0}", c.escape_default()));
        }
    }

    #[test]
    fn what_is_seen_stays() {
        for text in ["", "task_struct.mm", "Größe", "o\u{308}", "\"a\\b\" 'c'", "名前", "\u{fffd}"] {
            assert_eq!(Printable(text).to_string(), text);
        }
        assert_eq!(Printable(format_args!("{}-{:>3}", "a", 7)).to_string(), "a-  7");
    }
}
