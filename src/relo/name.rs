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
    let is_flavor_sep = |window: &[u8]| matches!(window, [x, b'_', b'_', b'_', y] if *x != b'_' && *y != b'_');
    match name.windows(5).rposition(is_flavor_sep) {
        // The window begins with the last byte of the essential name.
        Some(at) => name.split_at_checked(at.saturating_add(1)).map_or(name, |(essential, _)| essential),
        None => name,
    }
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
        ] {
            assert_eq!(essential_name(name.as_bytes()), essential.as_bytes(), "{name}");
        }
    }
}
