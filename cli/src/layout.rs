// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Text in the columns of a terminal.

/// Columns where there is no terminal.
pub(crate) const WIDTH: usize = 80;
/// A line is not made shorter.
const MIN_WIDTH: usize = 40;

/// Columns of the terminal that stdout is.
pub(crate) fn width() -> usize {
    let terminal = terminal_size::terminal_size_of(std::io::stdout());
    terminal.map_or(WIDTH, |(width, _)| usize::from(width.0)).max(MIN_WIDTH)
}

/// Lines of at most `width` columns, but for longer words.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut words = text.split(' ').peekable();
    while let Some(word) = words.next() {
        line.push_str(word);
        let fits = |next: &&str| line.chars().count().saturating_add(next.chars().count()) < width;
        if words.peek().is_some_and(fits) {
            line.push(' ');
        } else {
            lines.push(std::mem::take(&mut line));
        }
    }
    lines
}

/// A text of at most `width` columns: what is too long loses its middle.
pub(crate) fn cut(text: &str, width: usize) -> String {
    let len = text.chars().count();
    if len <= width {
        return text.to_owned();
    }
    const MARK: &str = "..";
    let kept = width.saturating_sub(MARK.len());
    let begin = kept.div_ceil(2);
    let end = len.saturating_sub(kept.saturating_sub(begin));
    text.chars().take(begin).chain(MARK.chars()).chain(text.chars().skip(end)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_at_the_width() {
        assert_eq!(wrapped("a bc def", 4), ["a bc", "def"]);
        assert_eq!(wrapped("abcdef gh", 4), ["abcdef", "gh"]);
        assert_eq!(wrapped("", 4), [""]);
    }

    #[test]
    fn names_lose_their_middle() {
        assert_eq!(cut("abcdefgh", 8), "abcdefgh");
        assert_eq!(cut("abcdefghi", 8), "abc..ghi");
        assert_eq!(cut("abcdefghi", 7), "abc..hi");
        assert_eq!(cut("äöüäöüäöü", 8), "äöü..äöü");
    }
}
