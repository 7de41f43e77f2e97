// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Whole objects relocated by threads that share one target, in every order in which the threads can take the steps that
//! others see: whatever the order, the answers are those of one thread alone.
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    reason = "a panic is a failed test"
)]

#[allow(dead_code, reason = "it makes hostile input, too")]
#[path = "../bounds/btf.rs"]
mod btf;
#[allow(dead_code, reason = "it makes hostile input, too")]
#[path = "../bounds/object.rs"]
mod object;

use std::sync::Arc;

use btf::{Btf, PTR, STRUCT};
use corelo::btf::{BtfView as _, Data};
use corelo::log::NoLog;
use corelo::object::{OpenTargets, Options, Target, relocate};
use corelo::relo::Semantics;
use loom::thread;
use object::{BYTE_OFFSET, object_of_insns};

fn model(run: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.max_branches = 100_000;
    builder.check(run);
}

/// A struct's name, and where its `x` is.
type Struct = (&'static str, u8);
const OF_KERNEL: Struct = ("of_kernel", 8);
const OF_MODULE: Struct = ("of_module", 16);

/// `struct NAME { void *x; }` with `x` there.
fn with_x(btf: &mut Btf, (name, bytes): (&str, u8)) -> u32 {
    let (name, x) = (btf.str(name), btf.str("x"));
    let ptr = btf.record(0, PTR, 0, 0, &[]);
    btf.composite(STRUCT, name, &[(x, ptr, u32::from(bytes) * 8)])
}

fn opened(btf: &Btf, base: Option<&Target>) -> Arc<corelo::btf::Btf<'static>> {
    let base = base.map(|base| Arc::clone(base.btf()));
    Arc::new(corelo::btf::Btf::deferred(Data::Owned(btf.bytes()), base).unwrap())
}

/// A kernel, whose records have not been stepped over.
fn kernel() -> (Btf, OpenTargets) {
    let mut btf = Btf::new();
    // As many types as make an index worth it.
    for _ in 0..200 {
        btf.int();
    }
    with_x(&mut btf, OF_KERNEL);
    let kernel = Target::new("vmlinux", opened(&btf, None));
    (btf, OpenTargets { kernel, modules: Vec::new() })
}

/// A module on it, of which the same is true; the kernel's have been, to count the types.
fn kernel_with_module() -> OpenTargets {
    let (kernel, mut targets) = kernel();
    let mut module = Btf::split(&kernel);
    with_x(&mut module, OF_MODULE);
    targets.modules.push(Target::new("module", opened(&module, Some(&targets.kernel))));
    targets
}

/// Where `x` is in the struct of this name, as an object that asks for it is told.
fn offset(name: &str, targets: &OpenTargets) -> u8 {
    let mut local = Btf::new();
    // The instruction that is to be relocated has this offset.
    let root = with_x(&mut local, (name, 1));
    let access = local.str("0:0");
    let mut object = object_of_insns(local, "tc", &[(root, access, BYTE_OFFSET)]);
    relocate(&mut object, targets, &Options { semantics: Semantics::Libbpf, log: &NoLog }, None).unwrap();
    // The code is the first thing in the file.
    let [_, _, _, _, imm, ..] = object[64..] else { panic!("no instruction") };
    imm
}

fn two_threads_ask(targets: fn() -> OpenTargets, first: Struct, second: Struct) {
    model(move || {
        let shared = targets();
        let other = thread::spawn({
            let shared = shared.clone();
            move || offset(second.0, &shared)
        });
        assert_eq!(offset(first.0, &shared), first.1);
        assert_eq!(other.join().unwrap(), second.1);
        // Now with the index.
        assert_eq!([first.0, second.0].map(|name| offset(name, &shared)), [first.1, second.1]);
    });
}

#[test]
fn both_ask_the_kernel() {
    two_threads_ask(|| kernel().1, OF_KERNEL, OF_KERNEL);
}

#[test]
fn both_ask_the_module() {
    two_threads_ask(kernel_with_module, OF_MODULE, OF_MODULE);
}

#[test]
fn one_asks_the_kernel_and_one_the_module() {
    two_threads_ask(kernel_with_module, OF_KERNEL, OF_MODULE);
}

/// The records of a BTF and its pointer size, which is guessed from them, asked for at once.
#[test]
fn types_and_pointer_size() {
    model(|| {
        let mut btf = Btf::new();
        let name = btf.str("long");
        btf.record(name, 1, 0, 4, &[32]);
        let ptr = corelo::btf::TypeId(btf.record(0, PTR, 0, 0, &[]));
        let btf = Arc::new(corelo::btf::Btf::deferred(Data::Owned(btf.bytes()), None).unwrap());
        let other = thread::spawn({
            let btf = Arc::clone(&btf);
            move || (btf.resolve_size(ptr).unwrap(), btf.type_cnt())
        });
        assert_eq!((btf.type_cnt(), btf.resolve_size(ptr).unwrap()), (3, 4));
        assert_eq!(other.join().unwrap(), (4, 3));
    });
}
