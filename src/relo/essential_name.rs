// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
// The algorithm is libbpf's (src/libbpf.c, bpf_core_essential_name_len); the code is not.
//! Essential names: `task_struct___v2` is a flavor of `task_struct`.

use crate::budget::Budget;
use crate::bytes::len_u64;
use crate::error::Result;

/// A name without its flavor. The flavor begins at the last `___` between two other characters: `___x`, `x___` and `a____b`
/// have none. The essential name of `a___b___c` is `a___b`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EssentialName<'n>(&'n [u8]);

impl<'n> EssentialName<'n> {
    /// Cuts the flavor off a name.
    #[must_use]
    pub fn of(name: &'n [u8]) -> Self {
        Self(without_flavor(name))
    }

    /// [`EssentialName::of`], with the scan charged.
    pub(crate) fn charged(name: &'n [u8], budget: &Budget) -> Result<Self> {
        budget.charge(len_u64(name.len() / 8).saturating_add(3))?;
        Ok(Self::of(name))
    }

    /// A name whose flavor the caller has cut off, as for `bpf_core_add_cands`.
    #[must_use]
    pub const fn already_cut(essential: &'n [u8]) -> Self {
        Self(essential)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(self) -> &'n [u8] {
        self.0
    }
}

fn without_flavor(name: &[u8]) -> &[u8] {
    let is_underscore = |at: usize| name.get(at) == Some(&b'_');
    // From the last place where a separator can end. Every third byte finds one of any three underscores in a row.
    let mut at = name.len().wrapping_sub(2);
    while at < name.len() {
        if !is_underscore(at) {
            at = at.wrapping_sub(3);
            continue;
        }
        let after = name.get(at..).unwrap_or_default().iter().take_while(|byte| **byte == b'_').count();
        let before = name.get(..at).unwrap_or_default().iter().rev().take_while(|byte| **byte == b'_').count();
        let (start, end) = (at.wrapping_sub(before), at.wrapping_add(after));
        if end.wrapping_sub(start) == 3 && start > 0 && end < name.len() {
            return name.get(..start).unwrap_or(name);
        }
        // The character before the underscores is none.
        at = start.wrapping_sub(2);
    }
    name
}

#[cfg(test)]
mod tests {
    use super::EssentialName;

    #[test]
    fn only_a_separator_between_other_characters_begins_a_flavor() {
        // Expected lengths by libbpf 1.8's bpf_core_essential_name_len.
        for (name, essential) in [
            ("", ""),
            ("a", "a"),
            ("task_struct", "task_struct"),
            ("task_struct___v2", "task_struct"),
            ("nf_conn___init", "nf_conn"),
            ("a___b___c", "a___b"),
            ("a____b", "a____b"),
            ("a_____b", "a_____b"),
            ("a___b____c", "a"),
            ("___a", "___a"),
            ("a___", "a___"),
            ("a___b", "a"),
            ("x__y", "x__y"),
            ("ab___cd___", "ab"),
            ("a___bc_____d_e", "a"),
            ("a___b__", "a"),
            ("_a___b", "_a"),
            ("____a___b", "____a"),
        ] {
            assert_eq!(EssentialName::of(name.as_bytes()).as_bytes(), essential.as_bytes(), "{name}");
        }
    }
}
