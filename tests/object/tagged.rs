// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Poison with the number of its relocation.

use std::fs;
use std::sync::Arc;

use corelo::btf::{Btf, Data};
use corelo::insn::{POISON_IMM, TAGGED_POISON_IMM};
use corelo::object::{KernelFacts, OpenTargets, Options, Outcome, Report, Target, relocate, relocate_insns};
use corelo::reach;
use corelo::source;

use crate::OPTIONS;
use corelo_testing::btf::Btf as Bytes;
use corelo_testing::object::{BYTE_OFFSET, INSN, ext};
use corelo_testing::{Order, fixture};

const TAGGED: Options<'_> = Options::new().tag_poison(true);

/// Words in which two relocated objects differ, by their numbers in the report: other words than poison do not.
fn tags(plain: &[u8], tagged: &[u8], order: Order) -> Vec<usize> {
    let number = |bytes: &[u8]| match (order, bytes.try_into().unwrap()) {
        (Order::Little, bytes) => i32::from_le_bytes(bytes),
        (Order::Big, bytes) => i32::from_be_bytes(bytes),
    };
    let words = plain.chunks_exact(4).zip(tagged.chunks_exact(4)).filter(|(plain, tagged)| plain != tagged);
    let tag = |(plain, tagged)| {
        assert_eq!(number(plain), POISON_IMM);
        usize::try_from(number(tagged) - TAGGED_POISON_IMM).unwrap()
    };
    words.map(tag).collect()
}

#[test]
fn tags_are_numbers_in_the_report() {
    let mut halves = 0;
    for object in ["prune", "poison", "optional", "fields", "enums", "types", "insns", "subprogs"] {
        for (endian, order) in [("el", Order::Little), ("eb", Order::Big)] {
            let btf = source::open(&fixture(&format!("target.{endian}.o")), None).unwrap();
            let targets = OpenTargets::from(Target::new("target", Arc::new(btf)));
            let original = fs::read(fixture(&format!("{object}.{endian}.bpf.o"))).unwrap();
            let (mut plain, mut tagged) = (original.clone(), original);
            let (mut plain_report, mut report) = (Report::default(), Report::default());
            relocate(&mut plain, &targets, &OPTIONS, Some(&mut plain_report)).unwrap();
            relocate(&mut tagged, &targets, &TAGGED, Some(&mut report)).unwrap();

            let mut tags = tags(&plain, &tagged, order);
            let count = tags.len();
            tags.sort_unstable();
            tags.dedup();
            // A load of 64 bits has the tag in both halves.
            halves += count - tags.len();
            let entries = report.entries.iter().enumerate();
            let poisoned = entries.filter(|(_, entry)| matches!(entry.outcome, Outcome::Poisoned(_)));
            assert_eq!(tags, poisoned.map(|(number, _)| number).collect::<Vec<_>>(), "{object}.{endian}");

            let facts = KernelFacts::default();
            reach::fill(&plain, &targets, &facts, &|_| true, &mut plain_report).unwrap();
            reach::fill(&tagged, &targets, &facts, &|_| true, &mut report).unwrap();
            let reach = |report: &Report| report.entries.iter().map(|entry| entry.reach).collect::<Vec<_>>();
            assert_eq!(reach(&plain_report), reach(&report), "{object}.{endian}");

            // Again, with other options: nothing is left to relocate.
            let once = tagged.clone();
            relocate(&mut tagged, &targets, &OPTIONS, None).unwrap();
            assert_eq!(tagged, once, "{object}.{endian}");
        }
    }
    assert!(halves > 0);
}

/// As libbpf, which poisons whatever the instruction is.
#[test]
fn instructions_that_are_poisoned_again_get_the_poison_of_the_last_time() {
    let mut local = Bytes::little();
    let (root, access) = crate::struct_with_x(&mut local, "s", 0);
    let section = local.str("tc");
    let btf_ext = ext(&[], &[(section, vec![[0, root, access, BYTE_OFFSET]])]);
    let open = |btf: &Bytes| Arc::new(Btf::new(Data::Owned(btf.bytes()), None).unwrap());
    let (local, targets) = (open(&local), OpenTargets::from(Target::new("kernel", open(&Bytes::little()))));
    let mut insns = INSN;
    for (options, imm) in [(&TAGGED, TAGGED_POISON_IMM), (&OPTIONS, POISON_IMM), (&TAGGED, TAGGED_POISON_IMM)] {
        relocate_insns(&local, &btf_ext, "tc", &mut insns, &targets, options, None).unwrap();
        assert_eq!(insns[4..8], imm.to_le_bytes());
    }
}
