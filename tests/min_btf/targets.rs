// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Kernels with modules.

use corelo_testing::btf::Btf as Build;
use corelo_testing::object::{BYTE_OFFSET, TYPE_ID_TARGET, object_of_insns};

use crate::{built, same, targets, types};

/// A kernel with `struct k`, and a module with `struct m`, which holds one.
fn kernel_and_module() -> (Build, Build) {
    let mut kernel = Build::little();
    let int = kernel.int("char", 1, 0);
    let ptr = kernel.ptr(int);
    let k = kernel.struct_("k", 16, &[("x", int, 0), ("y", int, 64)]);
    let mut module = Build::split(&kernel);
    let own_ptr = module.ptr(k);
    module.struct_("m", 64, &[("k", k, 64), ("p", ptr, 0), ("q", own_ptr, 32), ("r", int, 0)]);
    (kernel, module)
}

/// An object that reads members of `struct m`.
fn reader(accesses: &[&str], kind: u32) -> Vec<u8> {
    let mut local = Build::little();
    let int = local.int("char", 1, 0);
    let ptr = local.ptr(int);
    // All at byte 1, which is what the instruction holds.
    let k = local.struct_("k", 16, &[("y", int, 0)]);
    let m = local.struct_("m", 64, &[("k", k, 8), ("p", ptr, 8), ("q", ptr, 8)]);
    let relos: Vec<_> = accesses.iter().map(|access| (m, local.str(access), kind)).collect();
    object_of_insns(local, "tc", &relos)
}

#[test]
fn types_of_the_base_are_in_the_base() {
    let (kernel, module) = kernel_and_module();
    let (report, built) = same(&[reader(&["0:0:0", "0:1", "0:2"], BYTE_OFFSET)], &targets(&kernel, &[&module]));
    assert_eq!(report.counts().resolved, 3);
    // The module's pointer is equal to the kernel's.
    assert_eq!(types(&built, 0), ["int char", "struct k{y@64}", "ptr"]);
    assert_eq!(types(&built, 1), ["struct m{k@64,p@0,q@32}"]);
}

#[test]
fn only_modules_that_are_needed_have_parts() {
    let (kernel, module) = kernel_and_module();
    let mut other = Build::split(&kernel);
    other.struct_("other", 1, &[]);
    let targets = targets(&kernel, &[&other, &module]);
    let (_, built) = same(&[reader(&["0:1"], BYTE_OFFSET)], &targets);
    assert_eq!(built.parts().map(|(target, _)| target).collect::<Vec<_>>(), [0, 2]);
    assert!(built.part(1).is_none());
    assert_eq!(built.part(2).unwrap().type_cnt(), 1);
}

#[test]
fn ids_of_modules_continue_those_of_the_kernel() {
    let (kernel, module) = kernel_and_module();
    let (root_of_kernel, targets) = (reader(&["0"], TYPE_ID_TARGET), targets(&kernel, &[&module]));
    same(std::slice::from_ref(&root_of_kernel), &targets);
    let kept = built(&targets, true, &[root_of_kernel]);
    // Fillers up to the last type of the kernel.
    assert_eq!(
        (types(&kept, 0), types(&kept, 1)),
        (vec!["ptr".to_owned(); 3], vec!["ptr".to_owned(), "struct m".to_owned()])
    );
}
