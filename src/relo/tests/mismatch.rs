// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Why a candidate does not match, in words.

use super::resolve;
use crate::btf::TypeId;
use crate::btf::build::*;
use crate::bytes::Endian;
use crate::log::NoLog;
use crate::relo::{Reason, ReloKind};

/// What the first candidate lacks; `None` when there is no candidate, or it matches.
fn why(local: &Build, kind: ReloKind, type_id: TypeId, access_str: &str, targ: &Build) -> Option<String> {
    resolve((local, kind, type_id, access_str, targ), &NoLog, |resolved| {
        let (cand, mismatch) = resolved.mismatch?;
        Some(Reason::of(&resolved.local, cand.btf, mismatch, None, |text| text.to_string()).to_string())
    })
    .unwrap()
}

/// `struct inode { struct timespec64 { long tv_sec; } i_atime; int hash[3][4]; char *name; }`
fn inode(endian: Endian) -> (Build, TypeId) {
    let mut b = Build::new(endian);
    let (long, int, char) = (b.int("long", 8, SIGNED), b.int("int", 4, SIGNED), b.int("char", 1, SIGNED));
    let timespec = b.struct_("timespec64", 8, &[("tv_sec", long, 0)]);
    let (row, name) = (b.array(int, 4), b.ptr(char));
    let hash = b.array(row, 3);
    let inode = b.struct_("inode", 64, &[("i_atime", timespec, 0), ("hash", hash, 64), ("name", name, 448)]);
    (b, inode)
}

#[test]
fn missing_step_is_named() {
    type Add = fn(&mut Build, TypeId);
    let rows: [(&str, &str, Add, &str); 6] = [
        (
            "outer member",
            "0:0:0",
            |b, int| _ = b.struct_("inode", 4, &[("i_btime", int, 0)]),
            "the target has no member i_atime in struct inode",
        ),
        (
            "inner member, behind typedefs",
            "0:0:0",
            |b, int| {
                let union = b.union_("", 4, &[("tv_nsec", int, 0)]);
                let typedef = b.typedef("time_t", union);
                b.struct_("inode", 4, &[("i_atime", typedef, 0)]);
            },
            "the target has no member tv_sec in union <anon>",
        ),
        (
            "type of the outer member",
            "0:0:0",
            |b, int| _ = b.struct_("inode", 4, &[("i_atime", int, 0)]),
            "i_atime of struct inode is int in the target, struct timespec64 in the object",
        ),
        (
            "type of a member in an anonymous struct",
            "0:2",
            |b, int| {
                let array = b.array(int, 2);
                let anon = b.struct_("", 8, &[("name", array, 0)]);
                b.struct_("inode", 8, &[("", anon, 0)]);
            },
            "name of struct inode is array of 2 int in the target, pointer to char in the object",
        ),
        (
            "elements",
            "0:1:1",
            |b, int| {
                let name = b.ptr(int);
                let hash = b.array(name, 3);
                b.struct_("inode", 8, &[("hash", hash, 0)]);
            },
            "hash of struct inode is array of 3 pointer to int in the target, \
            array of 3 array of 4 int in the object",
        ),
        (
            "index",
            "0:1:2:3",
            |b, int| {
                let row = b.array(int, 3);
                let hash = b.array(row, 5);
                b.struct_("inode", 64, &[("hash", hash, 0)]);
            },
            "index 3 is out of bounds of the target's array of 3 int",
        ),
    ];
    for endian in ENDIANS {
        let (local, root) = inode(endian);
        for (name, access_str, add, expected) in rows {
            let mut targ = Build::new(endian);
            let int = targ.int("int", 4, SIGNED);
            add(&mut targ, int);
            for kind in [ReloKind::FieldByteOffset, ReloKind::FieldExists] {
                let why = why(&local, kind, root, access_str, &targ);
                assert_eq!(why.as_deref(), Some(expected), "{name}");
            }
        }
    }
}

#[test]
fn an_enumerator_is_named_with_its_enum() {
    let build = |enumerator: &str| {
        let mut b = Build::new(Endian::NATIVE);
        let e = b.enum_("pid_type", false, &[(enumerator, 1)]);
        (b, e)
    };
    let ((local, e), (targ, _)) = (build("PIDTYPE_PID___x"), build("PIDTYPE_TGID"));
    for kind in [ReloKind::EnumvalExists, ReloKind::EnumvalValue] {
        let why = why(&local, kind, e, "0", &targ).unwrap();
        assert_eq!(why, "the target has no enumerator PIDTYPE_PID in enum pid_type");
    }
}

#[test]
fn a_type_that_goes_on_and_on_is_cut() {
    let mut local = Build::new(Endian::NATIVE);
    let int = local.int("int", 4, SIGNED);
    let s = local.struct_("s", 4, &[("x", int, 0)]);
    let mut targ = Build::new(Endian::NATIVE);
    let of_itself = TypeId(1);
    assert_eq!(targ.ptr(of_itself), of_itself);
    targ.struct_("s", 8, &[("x", of_itself, 0)]);
    let why = why(&local, ReloKind::FieldExists, s, "0:0", &targ).unwrap();
    assert_eq!(why.matches("pointer to ").count(), 16, "{why}");
}
