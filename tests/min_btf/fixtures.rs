// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The fixtures, which compilers have made.

use std::fs;
use std::sync::Arc;

use corelo::object::{OpenTargets, Target};
use corelo::source;
use corelo_testing::fixture;

use crate::same;

/// The objects of a byte order, and their target.
fn fixtures(order: &str) -> (Vec<Vec<u8>>, OpenTargets) {
    let mut paths: Vec<_> = fs::read_dir(fixture("")).unwrap().map(|file| file.unwrap().path()).collect();
    paths.retain(|path| path.to_str().unwrap().ends_with(&format!("{order}.bpf.o")));
    paths.sort();
    let btf = source::open(&fixture(&format!("target.{order}.o")), None).unwrap();
    let targets = OpenTargets::from(Target::new("kernel", Arc::new(btf)));
    (paths.iter().map(|path| fs::read(path).unwrap()).collect(), targets)
}

#[test]
fn fixtures_have_the_same_relocations() {
    for order in ["el", "eb"] {
        let (objects, targets) = fixtures(order);
        assert!(objects.len() > 15);
        let (_, built) = same(&objects, &targets);
        let reversed: Vec<_> = objects.iter().rev().cloned().collect();
        assert_eq!(built.part(0).unwrap().data(), same(&reversed, &targets).1.part(0).unwrap().data());
    }
}
