// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! How alike two names are.

/// Names that differ in underscores at their ends only.
pub(super) const SAME: u32 = 100;
/// One has all words of the other, and no more than as many of its own.
pub(super) const EXTENDED: u32 = 80;
/// Scores of names that share some of their words, or most of their letters.
const WORDS: u32 = 70;
const LETTERS: u32 = 75;
/// The least part of the letters that must be alike, in percent.
const LEAST_LETTERS: u32 = 70;
/// Letters that a shortened word must have.
const LEAST_SHORTENED: usize = 3;

/// What comparing two names costs, in members that are looked at.
pub(super) fn cost(a: &[u8], b: &[u8]) -> u32 {
    count(a.len().saturating_mul(b.len())) / 64
}

/// From 0 for names that have nothing in common to [`SAME`].
pub(super) fn similarity(a: &[u8], b: &[u8]) -> u32 {
    let (a, b) = (trimmed(a), trimmed(b));
    if a.is_empty() || b.is_empty() {
        return 0;
    }
    if a == b {
        return SAME;
    }
    by_words(a, b).max(by_letters(a, b))
}

/// Whether names differ in underscores at their ends only.
pub(super) fn is_same(a: &[u8], b: &[u8]) -> bool {
    trimmed(a) == trimmed(b)
}

/// The name without the underscores at its ends.
fn trimmed(mut name: &[u8]) -> &[u8] {
    while let [b'_', rest @ ..] | [rest @ .., b'_'] = name {
        name = rest;
    }
    name
}

fn words(name: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    name.split(|byte| *byte == b'_').filter(|word| !word.is_empty())
}

/// Whether a word is the other one, or its beginning: `temp` of `temperature`.
fn same_word(a: &[u8], b: &[u8]) -> bool {
    let shorter = a.len().min(b.len());
    a == b || (shorter >= LEAST_SHORTENED && a.get(..shorter) == b.get(..shorter))
}

fn by_words(a: &[u8], b: &[u8]) -> u32 {
    let in_other = |name, other| words(name).filter(|word| words(other).any(|known| same_word(word, known))).count();
    let (of_a, of_b) = (count(words(a).count()), count(words(b).count()));
    let (shared_a, shared_b) = (count(in_other(a, b)), count(in_other(b, a)));
    // One word of many, such as the `trig` of `charging_full_trig_name`, says little.
    let is_most = of_a.min(of_b).saturating_mul(2) >= of_a.max(of_b);
    if is_most && (shared_a == of_a || shared_b == of_b) {
        return EXTENDED;
    }
    percent(shared_a.min(shared_b).saturating_mul(2), of_a.saturating_add(of_b)).saturating_mul(WORDS) / 100
}

fn by_letters(a: &[u8], b: &[u8]) -> u32 {
    let longer = count(a.len().max(b.len()));
    let alike = percent(longer.saturating_sub(count(distance(a, b))), longer);
    if alike < LEAST_LETTERS { 0 } else { alike.saturating_mul(LETTERS) / 100 }
}

/// Letters to insert, remove or replace (Levenshtein's distance).
fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in (1_usize..).zip(a) {
        let mut diagonal = i.saturating_sub(1);
        let mut left = i;
        for (j, y) in (0_usize..).zip(b) {
            let Some(above) = row.get(j.saturating_add(1)).copied() else { break };
            let replaced = diagonal.saturating_add(usize::from(x != y));
            let here = replaced.min(above.saturating_add(1)).min(left.saturating_add(1));
            if let Some(place) = row.get_mut(j) {
                *place = left;
            }
            (diagonal, left) = (above, here);
        }
        if let Some(place) = row.last_mut() {
            *place = left;
        }
    }
    row.last().copied().unwrap_or_default()
}

fn percent(part: u32, whole: u32) -> u32 {
    part.saturating_mul(100).checked_div(whole).unwrap_or_default()
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::{EXTENDED, SAME, distance, similarity};

    #[test]
    fn distance_is_levenshteins() {
        for (a, b, expected) in
            [("", "", 0), ("a", "", 1), ("kitten", "sitting", 3), ("flaw", "lawn", 2), ("sibiling", "sibling", 1)]
        {
            assert_eq!(distance(a.as_bytes(), b.as_bytes()), expected, "{a} {b}");
            assert_eq!(distance(b.as_bytes(), a.as_bytes()), expected, "{b} {a}");
        }
    }

    #[test]
    fn similarity_is_symmetric_and_ranks_renames() {
        for (a, b, range) in [
            ("state", "__state", SAME..=SAME),
            ("rq_disk", "disk", EXTENDED..=EXTENDED),
            ("dynticks_nesting", "nesting", EXTENDED..=EXTENDED),
            ("temperature", "temp_dk", EXTENDED..=EXTENDED),
            ("old_mnt_userns", "old_mnt_idmap", 45..=60),
            ("nr_running", "nr_queued", 30..=45),
            ("cpr_val", "cpr_value", EXTENDED..=EXTENDED),
            ("tier_sibiling", "tier_sibling", 60..=75),
            ("processed", "iter_start_pos", 0..=0),
            ("_", "___", 0..=0),
            ("online_trig", "trig", EXTENDED..=EXTENDED),
            ("charging_full_trig_name", "trig", 0..=45),
            ("num_counters_fixed", "fixedctr", 0..=45),
        ] {
            let (a, b) = (a.as_bytes(), b.as_bytes());
            assert!(range.contains(&similarity(a, b)), "{}", similarity(a, b));
            assert_eq!(similarity(a, b), similarity(b, a));
        }
    }
}
