// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! A writer of JSON (RFC 8259), of what documents of this library consist of.

use std::fmt::{self, Display, Write};

/// JSON that is being written: each method adds a value, or the key of one.
#[derive(Debug, Default)]
pub struct Json {
    text: String,
    /// A value precedes at this level.
    needs_comma: bool,
}

impl Json {
    /// The text.
    pub fn finish(self) -> String {
        self.text
    }

    /// An object, of the keys and values that `members` adds.
    pub fn object(&mut self, members: impl FnOnce(&mut Self)) {
        self.nested('{', '}', members);
    }

    /// An array, of what `element` adds for each item.
    pub fn array<I: IntoIterator>(&mut self, items: I, mut element: impl FnMut(&mut Self, I::Item)) {
        self.nested('[', ']', |json| items.into_iter().for_each(|item| element(json, item)));
    }

    /// The key of the value that is added next.
    pub fn key(&mut self, name: &str) -> &mut Self {
        self.string(name);
        self.text.push(':');
        self.needs_comma = false;
        self
    }

    /// A string.
    pub fn string(&mut self, string: impl Display) {
        self.value(|text| {
            text.push('"');
            // Writing to a string fails only where a `Display` does: what it wrote until then stays.
            let _ = write!(Escaped(text), "{string}");
            text.push('"');
        });
    }

    /// A string, or null.
    pub fn optional(&mut self, string: Option<impl Display>) {
        match string {
            Some(string) => self.string(string),
            None => self.null(),
        }
    }

    /// A number that a reader with 64-bit floats reads exactly.
    pub fn number(&mut self, number: u32) {
        self.value(|text| {
            let _ = write!(text, "{number}");
        });
    }

    /// A count.
    pub fn count(&mut self, count: usize) {
        self.number(u32::try_from(count).unwrap_or(u32::MAX));
    }

    /// A truth value.
    pub fn bool(&mut self, value: bool) {
        self.value(|text| text.push_str(if value { "true" } else { "false" }));
    }

    /// Null.
    pub fn null(&mut self) {
        self.value(|text| text.push_str("null"));
    }

    /// A value, or members of an object, in JSON already.
    pub fn raw(&mut self, json: &str) {
        self.value(|text| text.push_str(json));
    }

    fn nested(&mut self, open: char, close: char, inside: impl FnOnce(&mut Self)) {
        self.value(|text| text.push(open));
        self.needs_comma = false;
        inside(self);
        self.text.push(close);
        self.needs_comma = true;
    }

    fn value(&mut self, write: impl FnOnce(&mut String)) {
        if self.needs_comma {
            self.text.push(',');
        }
        write(&mut self.text);
        self.needs_comma = true;
    }
}

/// Escapes what a JSON string cannot hold, and the two line ends that JavaScript did not take in one.
struct Escaped<'t>(&'t mut String);

impl Write for Escaped<'_> {
    fn write_str(&mut self, string: &str) -> fmt::Result {
        let is_plain = |byte: u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
        let mut rest = string;
        while !rest.is_empty() {
            let plain = rest.bytes().take_while(|byte| is_plain(*byte)).count();
            let (text, other) = rest.split_at_checked(plain).unwrap_or((rest, ""));
            self.0.push_str(text);
            let mut chars = other.chars();
            match chars.next() {
                Some(c @ ('"' | '\\')) => self.0.extend(['\\', c]),
                Some('\n') => self.0.push_str("\\n"),
                Some('\t') => self.0.push_str("\\t"),
                Some(c @ ('\0'..' ' | '\u{7f}'..'\u{a0}' | '\u{2028}' | '\u{2029}')) => {
                    write!(self.0, "\\u{:04x}", u32::from(c))?;
                }
                Some(c) => self.0.push(c),
                None => {}
            }
            rest = chars.as_str();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Json;

    #[test]
    fn values_are_separated_and_nested() {
        let mut json = Json::default();
        json.object(|json| {
            json.key("a").number(1);
            json.key("b").array([1, 2], |json, item| json.number(item));
            json.key("c").array([(); 0], |json, ()| json.null());
            json.key("d").object(|json| json.key("e").bool(false));
            json.key("f").array([Some("x"), None], |json, item| json.optional(item));
            json.key("g").count(usize::MAX);
        });
        assert_eq!(json.finish(), r#"{"a":1,"b":[1,2],"c":[],"d":{"e":false},"f":["x",null],"g":4294967295}"#);
    }

    #[test]
    fn strings_are_escaped() {
        for (string, expected) in [
            ("", r#""""#),
            ("a\"b\\c", r#""a\"b\\c""#),
            ("\n\t\r\0\u{1f}", r#""\n\t\u000d\u0000\u001f""#),
            ("\u{7f}\u{9b}\u{2028}\u{fffd}ä🦀", "\"\\u007f\\u009b\\u2028\u{fffd}ä🦀\""),
        ] {
            let mut json = Json::default();
            json.string(string);
            assert_eq!(json.finish(), expected);
        }
    }
}
