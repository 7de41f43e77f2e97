// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! How long it takes to open BTF and to relocate an object: against the running kernel, where it has BTF, and against the
//! small fixtures everywhere.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use corelo::btf::{Btf, Data};
use corelo::object::{OpenTargets, Options, Target, relocate};
use corelo::source;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};

const OPTIONS: Options<'_> = Options::new();

fn read(path: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)).unwrap()
}

fn targets(btf: Btf<'static>) -> OpenTargets {
    OpenTargets::from(Target::new("target", Arc::new(btf)))
}

fn fixtures(c: &mut Criterion) {
    let target = read("tests/fixtures/target.el.o");
    let open = || targets(source::from_bytes(target.clone(), None).unwrap());
    c.bench_function("fixtures: open target.el.o", |b| b.iter(open));
    let open = open();
    for name in ["fields", "types", "bitfields"] {
        let object = read(&format!("tests/fixtures/{name}.el.bpf.o"));
        c.bench_function(&format!("fixtures: relocate {name}.el.bpf.o"), |b| {
            b.iter_batched_ref(
                || object.clone(),
                |object| relocate(object, &open, &OPTIONS, None).unwrap(),
                BatchSize::SmallInput,
            );
        });
    }
}

fn running_kernel(c: &mut Criterion) {
    let Ok(vmlinux) = fs::read("/sys/kernel/btf/vmlinux") else {
        eprintln!("SKIP running kernel: no /sys/kernel/btf/vmlinux");
        return;
    };
    let demo = read("examples/demo.bpf.o");
    c.bench_function("kernel: open", |b| b.iter(|| source::open_kernel().unwrap()));
    c.bench_function("kernel: open from memory", |b| b.iter(|| Btf::new(Data::Borrowed(&vmlinux), None).unwrap()));
    let open = targets(source::open_kernel().unwrap());
    c.bench_function("kernel: relocate demo.bpf.o", |b| {
        b.iter_batched_ref(
            || demo.clone(),
            |object| relocate(object, &open, &OPTIONS, None).unwrap(),
            BatchSize::SmallInput,
        );
    });
    c.bench_function("kernel: open and relocate demo.bpf.o", |b| {
        b.iter_batched_ref(
            || demo.clone(),
            |object| relocate(object, &targets(source::open_kernel().unwrap()), &OPTIONS, None).unwrap(),
            BatchSize::SmallInput,
        );
    });
}

criterion_group!(benches, fixtures, running_kernel);
criterion_main!(benches);
