// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What the BTF has, in which order, and under which ids.

use corelo::btf::{Kind, TypeId};
use corelo::min_btf::MinBtf;
use corelo::{Error, source};
use corelo_testing::btf::{Btf as Build, UNSIGNED};
use corelo_testing::object::{BYTE_OFFSET, TYPE_EXISTS, TYPE_ID_TARGET, object};

use crate::{built, same, targets, types};

/// `struct s` with three pointers of different types, and functions between.
fn kernel(is_other_order: bool) -> Build {
    let mut build = Build::little();
    let mut pointers = Vec::new();
    let int = build.int("char", 1, 0);
    for name in if is_other_order { ["c", "b", "a"] } else { ["a", "b", "c"] } {
        let of = build.struct_(name, 1, &[("m", int, 0)]);
        let pointer = build.ptr(of);
        pointers.push((name, build.const_(pointer)));
    }
    pointers.sort_unstable();
    let members: Vec<_> = (0..).step_by(64).zip(&pointers).map(|(at, (name, id))| (*name, *id, at)).collect();
    build.struct_("s", 24, &members);
    build
}

/// An object that reads all pointers of `struct s`.
fn reader() -> Vec<u8> {
    let mut local = kernel(false);
    let root = local.next_id() - 1;
    let relos = ["0:0", "0:1", "0:2"].map(|access| (root, local.str(access), BYTE_OFFSET));
    object(local, &relos)
}

#[test]
fn equal_types_are_merged_and_what_pointers_lead_to_is_left_out() {
    let (_, built) = same(&[reader()], &targets(&kernel(false), &[]));
    assert_eq!(types(&built, 0), ["struct s{a@0,b@64,c@128}", "const", "ptr"]);
    assert_eq!(built.part(0).unwrap().type_cnt(), 3);
    // All three pointers are one.
    let new_id = |id| built.new_id(0, TypeId(id));
    assert_eq!([3, 6, 9].map(new_id), [Some(TypeId(3)); 3]);
    assert_eq!((new_id(11), new_id(2), new_id(99)), (Some(TypeId(1)), None, None));
}

#[test]
fn kernels_with_the_same_types_give_the_same_bytes() {
    // The structs behind the pointers, which have other ids in each kernel.
    let mut local = kernel(false);
    let relos = [2, 5, 8].map(|root| (root, local.str("0:0"), BYTE_OFFSET));
    let objects = [reader(), object(local, &relos)];
    let built = |kernel: Build| built(&targets(&kernel, &[]), false, &objects);
    let (one, other) = (built(kernel(false)), built(kernel(true)));
    assert_eq!(types(&one, 0)[..4], ["int char", "struct a{m@0}", "struct b{m@0}", "struct c{m@0}"]);
    assert_eq!(one.part(0).unwrap().data(), other.part(0).unwrap().data());
}

#[test]
fn types_keep_their_ids() {
    let mut local = kernel(false);
    let root = local.next_id() - 1;
    let access = local.str("0");
    let object = object(local, &[(root, access, TYPE_ID_TARGET)]);
    let (_, min) = same(std::slice::from_ref(&object), &targets(&kernel(false), &[]));
    assert_eq!(types(&min, 0), ["struct s"]);
    let kept = built(&targets(&kernel(false), &[]), true, &[object]);
    let expected = [vec!["ptr"; 10], vec!["struct s"]].concat();
    assert_eq!(types(&kept, 0), expected);
    assert_eq!(kept.part(0).unwrap().type_cnt(), 1);
}

#[test]
fn the_width_of_pointers_stays() {
    let with_long = |size, other_size| {
        let mut build = Build::little();
        build.int("long unsigned int", size, UNSIGNED);
        let other = build.int("long int", other_size, UNSIGNED);
        let ptr = build.ptr(other);
        build.struct_("s", 24, &[("p", ptr, 0), ("l", other, 64)]);
        build
    };
    let reads = |member| {
        let mut local = with_long(8, 8);
        let root = local.next_id() - 1;
        let access = local.str(format!("0:{member}"));
        object(local, &[(root, access, BYTE_OFFSET), (root, access, 1)])
    };
    // Readers of BTF without a `long` take pointers to have 8 bytes.
    for (size, other_size, member, first) in [
        (8, 8, 0, "struct s{p@0}"),
        (4, 4, 0, "int long unsigned int"),
        (4, 8, 1, "int long unsigned int"),
        (8, 4, 1, "int long unsigned int"),
        (8, 8, 1, "int long int"),
    ] {
        let (_, built) = same(&[reads(member)], &targets(&with_long(size, other_size), &[]));
        assert_eq!(types(&built, 0)[0], first, "{size} {other_size} {member}");
    }
}

#[test]
fn an_added_type_is_whole() {
    let mut kernel = Build::little();
    let int = kernel.int("char", 1, 0);
    let inner = kernel.struct_("inner", 1, &[("x", int, 0), ("y", int, 0)]);
    let behind = kernel.struct_("behind", 1, &[("z", int, 0)]);
    let ptr = kernel.ptr(behind);
    kernel.struct_("s", 24, &[("inner", inner, 0), ("p", ptr, 0)]);
    let targets = targets(&kernel, &[]);
    let mut min = MinBtf::new(&targets);
    assert!(min.add_type(Kind::Struct, "s").unwrap());
    assert!(!min.add_type(Kind::Union, "s").unwrap());
    let built = min.build().unwrap();
    let expected = ["int char", "struct behind", "struct inner{x@0,y@0}", "struct s{inner@0,p@0}", "ptr"];
    assert_eq!(types(&built, 0), expected);
}

#[test]
fn added_functions_stay_as_many_as_they_are() {
    let mut kernel = Build::little();
    let int = kernel.int("char", 1, 0);
    let of = kernel.struct_("s", 1, &[("x", int, 0)]);
    let ptr = kernel.ptr(of);
    for name in ["f", "f", "other"] {
        let proto = kernel.func_proto(int, &[ptr]);
        kernel.func(name, proto);
    }
    let targets = targets(&kernel, &[]);
    let mut min = MinBtf::new(&targets);
    assert!(min.add_type(Kind::Func, "f").unwrap());
    let built = min.build().unwrap();
    assert_eq!(types(&built, 0), ["int char", "struct s", "func f", "func f", "func_proto", "ptr"]);
}

#[test]
fn what_cannot_be_added_adds_nothing() {
    let targets = targets(&kernel(false), &[]);
    let mut min = MinBtf::new(&targets);
    min.add_object(&reader()).unwrap();
    let before = min.build().unwrap();
    assert!(min.add_object(b"no object").is_err());
    let big_endian = std::fs::read(corelo_testing::fixture("fields.eb.bpf.o")).unwrap();
    assert!(matches!(min.add_object(&big_endian).unwrap_err().root(), Error::EndianMismatch { .. }));
    assert_eq!(min.build().unwrap().part(0).unwrap().data(), before.part(0).unwrap().data());
}

#[test]
fn nothing_is_needed_for_an_object_without_relocations() {
    let targets = targets(&kernel(false), &[]);
    let data = MinBtf::new(&targets).build().unwrap().part(0).unwrap().data().to_vec();
    let btf = source::from_bytes(&data, None).unwrap();
    assert_eq!((data.len(), corelo::btf::BtfView::type_cnt(&btf)), (25, 1));
    // A type that the kernel lacks.
    let mut local = Build::little();
    let (root, access) = (local.struct_("none", 1, &[]), local.str("0"));
    let (_, built) = same(&[object(local, &[(root, access, TYPE_EXISTS)])], &targets);
    assert_eq!(built.part(0).unwrap().data(), data);
}
