// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Hints, above all those for renames that the kernel's developers have made.

use super::super::hints::hints;
use super::super::members::Allowance;
use super::{Types, with_candidate};
use crate::btf::{Btf, TypeId};
use crate::object::{Hint, HintKind};
use crate::relo::ReloKind;

/// The hints for `access_str` of a type in `local`, for which `targ` has one candidate.
fn hints_for(
    local: &mut Types,
    root: TypeId,
    access_str: &str,
    kind: ReloKind,
    targ: &Btf<'static>,
    id: TypeId,
) -> Vec<Hint> {
    with_candidate(local, root, access_str, kind, (targ, id), |local, targ, tried| {
        hints(local, targ, tried.result.unwrap().unwrap_err(), &Allowance::new(1 << 16))
    })
}

/// For a member of a struct that the target has with other members.
fn hints_for_member(name: &str, members: &str, missing: &str, targ_members: &str) -> Vec<Hint> {
    let (mut local, mut targ) = (Types::new(), Types::new());
    let root = local.struct_of(name, members);
    let id = targ.struct_of(name, targ_members);
    let position = members.split(", ").position(|member| member.contains(&format!(" {missing} @"))).unwrap();
    hints_for(&mut local, root, &format!("0:{position}"), ReloKind::FieldByteOffset, &targ.btf(), id)
}

/// The member that a hint names, for a struct of this name.
fn named<'h>(hint: &'h Hint, name: &str) -> &'h str {
    hint.text.strip_prefix(&format!("{name}.")).and_then(|rest| rest.split(' ').next()).unwrap()
}

#[test]
fn real_renames_get_the_right_name_first() {
    let text = include_str!("renames.txt");
    let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let (mut renamed, mut gone) = (0, 0);
    for rename in lines.chunks(3) {
        let [head, old, new] = rename else { unreachable!() };
        let [_, _, name, missing, expected] = head.split(' ').collect::<Vec<_>>().try_into().unwrap();
        let hints = hints_for_member(name, old.trim(), missing, new.trim());
        match (hints.first(), expected) {
            (None, "-") => gone += 1,
            (Some(first), expected) if named(first, name) == expected => renamed += 1,
            (first, _) => panic!("{head}: {first:?}"),
        }
        for hint in &hints {
            assert!(hint.flavor.as_ref().unwrap().starts_with(&format!("struct {name}___v2 {{ ")), "{hint:?}");
        }
    }
    assert!(renamed >= 35 && gone >= 5, "{renamed} {gone}");
}

#[test]
fn an_alone_member_is_found_by_name_and_type() {
    for (missing, targ, expected) in [
        // A flavor that has nothing else: Linux 5.14 renamed task_struct.state.
        ("s64 state", "u32 __state @0, s32 exit_state @32, struct reclaim_state* reclaim_state @64", Some("__state")),
        ("struct obj_cgroup* objcg", "struct obj_cgroup* _objcg @0", Some("_objcg")),
        ("u32 cpr_val", "u32 cpr_value @0", Some("cpr_value")),
        ("u32 count", "u32 flags @0, struct list_head counter @64", None),
        ("u32 flags", "u32 mode @0, u32 type @32", None),
        ("fn2* throttle", "fn1* update_tz @0", None),
        ("u8 for_data", "s32 opened_for_data @0", Some("opened_for_data")),
        ("struct damon_callback callback", "struct list_head call_controls @0", None),
        ("char* online_trig_name", "struct led_trigger* online_trig @0", None),
    ] {
        let missing_name = missing.rsplit_once(' ').unwrap().1;
        let hints = hints_for_member("task_struct", &format!("{missing} @0"), missing_name, targ);
        assert_eq!(hints.first().map(|hint| named(hint, "task_struct")), expected, "{hints:?}");
        assert!(hints.len() <= 1, "{hints:?}");
    }
}

#[test]
fn a_member_that_the_object_knows_is_no_new_name() {
    let both = "s64 state @0, s64 exit_state @64";
    assert_eq!(hints_for_member("task_struct", both, "state", "s64 exit_state @64"), []);
}

#[test]
fn flavor_and_guard_are_c() {
    let hints =
        hints_for_member("cfs_rq", "u32 a @0, u32 nr_running @128", "nr_running", "u32 a @0, u32 nr_queued @128");
    let [hint] = hints.as_slice() else { panic!("{hints:?}") };
    assert_eq!(hint.kind, HintKind::Neighbor);
    assert_eq!(hint.text, "cfs_rq.nr_queued has the same place and type: u32");
    assert_eq!(
        hint.flavor.as_deref(),
        Some("struct cfs_rq___v2 { u32 nr_queued; } __attribute__((preserve_access_index));")
    );
    assert_eq!(hint.guard.as_deref(), Some("bpf_core_field_exists(struct cfs_rq___v2, nr_queued)"));
}

#[test]
fn a_member_behind_a_pointer_is_found() {
    let (mut local, mut targ) = (Types::new(), Types::new());
    let root = local.struct_of("request___x", "struct gendisk* rq_disk @0");
    targ.struct_of("request_queue", "u32 id @0, struct gendisk* disk @64");
    let id = targ.struct_of("request", "struct request_queue* q @0, u32 tag @64");
    let hints = hints_for(&mut local, root, "0:0", ReloKind::FieldByteOffset, &targ.btf(), id);
    let [hint] = hints.as_slice() else { panic!("{hints:?}") };
    assert_eq!(hint.kind, HintKind::Moved);
    assert_eq!(hint.text, "request.q->disk has the same type: pointer to struct gendisk");
    let flavor = "struct request_queue___v2 { struct gendisk *disk; } __attribute__((preserve_access_index));\n\
                  struct request___v2 { struct request_queue___v2 *q; } __attribute__((preserve_access_index));";
    assert_eq!(hint.flavor.as_deref(), Some(flavor));
    assert_eq!(hint.guard.as_deref(), Some("bpf_core_field_exists(struct request_queue___v2, disk)"));
}

#[test]
fn a_member_of_an_embedded_struct_is_found() {
    let (mut local, mut targ) = (Types::new(), Types::new());
    let root = local.struct_of("task_struct", "u32 cpu @0");
    targ.struct_of("thread_info", "u64 flags @0, u32 cpu @64");
    let id = targ.struct_of("task_struct", "struct thread_info thread_info @0");
    let hints = hints_for(&mut local, root, "0:0", ReloKind::FieldByteOffset, &targ.btf(), id);
    let [hint] = hints.as_slice() else { panic!("{hints:?}") };
    assert_eq!(hint.text, "task_struct.thread_info.cpu has the same type: u32");
    let flavor = "struct task_struct___v2 { struct { u32 cpu; } thread_info; } __attribute__((preserve_access_index));";
    assert_eq!(hint.flavor.as_deref(), Some(flavor));
    assert_eq!(hint.guard.as_deref(), Some("bpf_core_field_exists(struct task_struct___v2, thread_info.cpu)"));
}

/// `on_cpu` is a flag.
#[test]
fn the_very_name_in_an_embedded_struct_comes_first() {
    let (mut local, mut targ) = (Types::new(), Types::new());
    let root = local.struct_of("task_struct", "u32 cpu @0");
    targ.struct_of("thread_info", "u64 flags @0, u32 cpu @64");
    targ.struct_of("vtime", "u32 cpu @0");
    let members = "struct thread_info thread_info @0, s32 on_cpu @192, s32 wake_cpu @224, struct vtime vtime @256";
    let id = targ.struct_of("task_struct", members);
    let hints = hints_for(&mut local, root, "0:0", ReloKind::FieldByteOffset, &targ.btf(), id);
    assert_eq!(hints[0].text, "task_struct.thread_info.cpu has the same type: u32", "{hints:?}");
}

/// Linux 6.11 split three members of `struct inode`.
#[test]
fn a_part_of_a_struct_that_was_split_is_found() {
    for (access, expected) in [
        ("0:1:0", "inode.i_ctime_sec has its part, of the same type: s64"),
        ("0:1:1", "inode.i_ctime_nsec has its part: u32, s64 in the object"),
    ] {
        let (mut local, mut targ) = (Types::new(), Types::new());
        local.struct_of("timespec64", "s64 tv_sec @0, s64 tv_nsec @64");
        let root = local.struct_of("inode", "u32 i_flags @0, struct timespec64 i_ctime @64");
        let targ_members = "u32 i_flags @0, s64 i_mtime_sec @64, s64 i_ctime_sec @128, u32 i_ctime_nsec @192";
        let id = targ.struct_of("inode", targ_members);
        let hints = hints_for(&mut local, root, access, ReloKind::FieldByteOffset, &targ.btf(), id);
        let [hint] = hints.as_slice() else { panic!("{hints:?}") };
        assert_eq!((hint.kind, hint.text.as_str()), (HintKind::Moved, expected));
    }
}

#[test]
fn a_common_name_in_several_structs_is_no_hint() {
    let (mut local, mut targ) = (Types::new(), Types::new());
    let root = local.struct_of("s", "u32 flags @0");
    targ.struct_of("a", "u32 flags @0");
    targ.struct_of("b", "u32 flags @0");
    let id = targ.struct_of("s", "struct a a @64, struct b* b @128");
    assert_eq!(hints_for(&mut local, root, "0:0", ReloKind::FieldByteOffset, &targ.btf(), id), []);
}

#[test]
fn a_bit_took_over_from_a_bitfield() {
    let (mut local, mut targ) = (Types::new(), Types::new());
    let root = local.struct_of("inet_sock", "u8 recverr @0:1, u8 freebind @1:1");
    targ.build.enum_("", false, &[("OTHER_FREEBIND", 3)]);
    targ.build.enum_("", false, &[("INET_FLAGS_RECVERR", 9), ("INET_FLAGS_FREEBIND", 11)]);
    let id = targ.struct_of("inet_sock", "u64 inet_flags @0");
    let hints = hints_for(&mut local, root, "0:1", ReloKind::FieldByteOffset, &targ.btf(), id);
    let [hint] = hints.as_slice() else { panic!("{hints:?}") };
    assert_eq!(hint.kind, HintKind::MovedToBit);
    assert_eq!(hint.text, "inet_sock.inet_flags has a bit for it: INET_FLAGS_FREEBIND = 11");
    assert_eq!(hint.guard.as_deref(), Some("bpf_core_field_exists(struct inet_sock___v2, inet_flags)"));
}

#[test]
fn a_member_of_another_type_is_named_with_it() {
    let hints = hints_for_member("mm_struct", "u64 rss @0", "rss", "struct percpu_counter[4] rss @0");
    let [hint] = hints.as_slice() else { panic!("{hints:?}") };
    assert_eq!(hint.kind, HintKind::OtherType);
    assert_eq!(
        hint.flavor.as_deref(),
        Some("struct mm_struct___v2 { struct percpu_counter rss[4]; } __attribute__((preserve_access_index));")
    );
}

#[test]
fn an_enumerator_of_the_same_value_is_its_new_name() {
    for (old, new, expected) in [
        (
            &[("PIDTYPE_PID", 0), ("PIDTYPE_X", 3)][..],
            &[("PIDTYPE_PID", 0), ("PIDTYPE_Y", 3)][..],
            Some(("PIDTYPE_Y", HintKind::Neighbor)),
        ),
        (
            &[("NR_FILE_DIRTY_PAGES", 3)],
            &[("NR_FILE_DIRTY", 9), ("NR_SLAB", 3)],
            Some(("NR_FILE_DIRTY", HintKind::SimilarName)),
        ),
        (&[("PIDTYPE_PID", 0)], &[("OTHER", 0)], None),
    ] {
        let (mut local, mut targ) = (Types::new(), Types::new());
        let root = local.build.enum_("e", false, old);
        let id = targ.build.enum_("e", false, new);
        let last = (old.len() - 1).to_string();
        let hints = hints_for(&mut local, root, &last, ReloKind::EnumvalValue, &targ.btf(), id);
        let first = hints.first().map(|hint| (hint.text.split(' ').nth(1).unwrap(), hint.kind));
        assert_eq!(first, expected, "{hints:?}");
        if let Some((name, _)) = expected {
            let guard = format!("bpf_core_enum_value_exists(enum e___v2, {name})");
            assert_eq!(hints[0].guard.as_deref(), Some(guard.as_str()));
        }
    }
}

#[test]
fn no_hint_holds_a_name_that_is_no_identifier() {
    let targ = "u32 a @0, u32 nr_queued;}bad @128";
    assert_eq!(hints_for_member("cfs_rq", "u32 a @0, u32 nr_running @128", "nr_running", targ), []);
}
