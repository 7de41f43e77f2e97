// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What `corelo inspect` says of programs that do not fit a kernel: the cause and the remedy, each in a line of a terminal.

use super::*;

const KERNEL: &str = "tests/broken/kernel.o";

/// The lines below the last relocation of a program.
fn below<'t>(table: &'t str, program: &str) -> Vec<&'t str> {
    let of_program = table.lines().skip_while(|line| !line.starts_with(&format!("{program} ("))).skip(2);
    let of_program: Vec<_> = of_program.take_while(|line| line.starts_with("  ")).collect();
    let is_note = |line: &&&str| line.starts_with("        ");
    let notes = of_program.iter().rev().take_while(is_note).count();
    of_program[of_program.len() - notes..].iter().map(|line| line.trim_start()).collect()
}

fn check(object: &str, status: i32, programs: &[(&str, &[&str])]) {
    let run = run(&["inspect", object, "--btf", KERNEL]);
    assert_eq!(run.status, status, "{run:?}");
    let table = std::str::from_utf8(&run.stdout).unwrap();
    for (program, lines) in programs {
        assert_eq!(below(table, program), *lines, "{program}");
    }
    let heads = table.lines().filter(|line| line.ends_with(" (raw_tp/sys_enter)")).count();
    assert_eq!(heads, programs.len(), "{table}");
    let is_note = |line: &&str| line.starts_with("        ");
    assert!(table.lines().filter(is_note).all(|line| line.len() <= 80), "{table}");
}

#[test]
fn poisoned_programs_are_told_cause_and_remedy() {
    check(
        "tests/broken/poisoned.bpf.o",
        0,
        &[
            (
                "renamed",
                &[
                    "the target has no member nr_running in struct cfs_rq",
                    "reachable: rejected, unless bpf_core_field_exists() guards it",
                    "hint: cfs_rq.nr_queued has the same place and type: unsigned int",
                    "struct cfs_rq___v2 { u32 nr_queued; }",
                    "__attribute__((preserve_access_index));",
                    "if (bpf_core_field_exists(struct cfs_rq___v2, nr_queued))",
                ],
            ),
            (
                "removed",
                &[
                    "the target has no member addr_limit in struct thread_info",
                    "reachable: rejected, unless bpf_core_field_exists() guards it",
                ],
            ),
            (
                "moved",
                &[
                    "the target has no member rq_disk in struct request",
                    "reachable: rejected, unless bpf_core_field_exists() guards it",
                    "hint: request.q->disk has the same type: pointer to struct gendisk",
                    "struct request_queue___v2 { struct gendisk *disk; }",
                    "__attribute__((preserve_access_index));",
                    "struct request___v2 { struct request_queue___v2 *q; }",
                    "__attribute__((preserve_access_index));",
                    "if (bpf_core_field_exists(struct request_queue___v2, disk))",
                ],
            ),
            (
                "resized",
                &[
                    "8 bytes in the target, 4 in the object, and signed: read it with",
                    "BPF_CORE_READ_BITFIELD() or check bpf_core_field_size()",
                    "reachable: the verifier rejects the program",
                    "hint: quota.used is long of 8 bytes",
                    "struct quota___v2 { long used; }",
                    "__attribute__((preserve_access_index));",
                    "if (bpf_core_field_size(struct quota___v2, used) == 8)",
                ],
            ),
            (
                "changed_sign",
                &[
                    "8 signed bytes in the target, 4 unsigned in the object: read it with",
                    "BPF_CORE_READ_BITFIELD() or check bpf_core_field_size()",
                    "reachable: the verifier rejects the program",
                    "hint: quota.limit is long of 8 bytes",
                    "struct quota___v2 { long limit; }",
                    "__attribute__((preserve_access_index));",
                    "if (bpf_core_field_size(struct quota___v2, limit) == 8)",
                ],
            ),
            (
                "missing_enumerator",
                &[
                    "the target has no enumerator PIDTYPE_PGID in enum pid_type",
                    "reachable: rejected, unless bpf_core_enum_value_exists() guards it",
                ],
            ),
            (
                "wrong_type",
                &[
                    "f_inode of struct file is pointer to struct inode in the target, struct",
                    "inode in the object",
                    "reachable: rejected, unless bpf_core_field_exists() guards it",
                    "hint: file.f_inode is there as pointer to struct inode",
                    "struct file___v2 { struct inode *f_inode; }",
                    "__attribute__((preserve_access_index));",
                    "if (bpf_core_field_exists(struct file___v2, f_inode))",
                ],
            ),
            (
                "in_a_module",
                &[
                    "the target has no struct nf_conn",
                    "reachable: rejected, unless bpf_core_field_exists() guards it",
                    "hint: a module may have it, and no module was searched",
                ],
            ),
            (
                "other_architecture",
                &[
                    "this is a register of x86, and the target's architecture is arm64:",
                    "compile with -D__TARGET_ARCH_arm64",
                    "reachable: rejected, unless bpf_core_field_exists() guards it",
                ],
            ),
            (
                "unguarded",
                &[
                    "the target has no member cgroups in struct task_struct",
                    "reachable: rejected, unless bpf_core_field_exists() guards it",
                ],
            ),
        ],
    );
}

#[test]
fn refused_programs_are_told_cause_and_remedy() {
    check(
        "tests/broken/refused.bpf.o",
        1,
        &[
            (
                "ambiguous",
                &[
                    "ambiguous: target types of this name have the member at bit offset 0 and",
                    "at 32: ask first for a member that only one of them has",
                ],
            ),
            (
                "offset_too_large",
                &[
                    "target offset 40000 does not fit the 16 bits of a load or store: read it",
                    "with bpf_core_read(), or at its bpf_core_field_offset()",
                ],
            ),
            (
                "bitfield_too_wide",
                &[
                    "no load of up to 8 bytes covers the bitfield of 64 bits at bit 4: copy",
                    "the struct's bytes, and shift them",
                ],
            ),
        ],
    );
}
