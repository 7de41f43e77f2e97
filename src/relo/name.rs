// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
// The algorithm is libbpf's (src/libbpf.c, bpf_core_essential_name_len); the code is not.
//! Essential names: `task_struct___v2` is a flavor of `task_struct`.

/// The part of a name that decides which types and enumerators correspond: what precedes the last `___` that has another
/// character than an underscore on either side, or else the whole name.
///
/// The first and the last byte of a name cannot be part of such a separator's underscores, so `___x`, `x___` and
/// `a____b` have no flavor.
#[must_use]
pub fn essential_name(name: &[u8]) -> &[u8] {
    let is_underscore = |at: usize| name.get(at) == Some(&b'_');
    // The last place where the underscores of a separator can end. Of any three in a row, one is found by looking at every
    // third byte.
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
        // What precedes the underscores is none.
        at = start.wrapping_sub(2);
    }
    name
}

#[cfg(test)]
mod tests {
    use super::essential_name;

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
            assert_eq!(essential_name(name.as_bytes()), essential.as_bytes(), "{name}");
        }
    }
}
