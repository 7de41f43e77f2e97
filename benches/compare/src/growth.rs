// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! How corelo's time grows with each dimension of its input, over three doublings.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Instant;

use corelo::btf::{Btf, BtfView as _, Data};

use corelo::object::{Options, relocate};

use crate::synth::{self, Struct, open, spread_types};

const OPTIONS: Options<'_> = Options::new();
const DOUBLINGS: u32 = 3;
const REPEATS: usize = 11;
const BATCHES: usize = 5;

/// Times by size, NaN where corelo refuses the input.
#[derive(Debug)]
pub struct Series {
    pub what: &'static str,
    pub points: Vec<(f64, f64)>,
}

/// The median of the quietest batch. One size is measured after the other, so what else the machine does for a second
/// would pass for growth.
fn median(mut measure: impl FnMut() -> f64) -> f64 {
    let batch = |_| {
        let mut times: Vec<f64> = (0..REPEATS).map(|_| measure()).collect();
        times.sort_by(f64::total_cmp);
        times[REPEATS / 2]
    };
    (0..BATCHES).map(batch).fold(f64::INFINITY, f64::min)
}

fn ns(what: impl FnOnce()) -> f64 {
    let began = Instant::now();
    what();
    began.elapsed().as_nanos() as f64
}

fn cold(btf: &'static [u8], object: &[u8]) -> f64 {
    median(|| {
        let mut object = object.to_vec();
        let mut kept = None;
        ns(|| {
            let targets = kept.insert(open(btf));
            relocate(&mut object, targets, &OPTIONS, None).expect("it was made right");
        })
    })
}

/// What the second object pays: the index of all names is made for it.
fn second(btf: &'static [u8], object: &[u8]) -> f64 {
    median(|| {
        let targets = open(btf);
        relocate(&mut object.to_vec(), &targets, &OPTIONS, None).expect("it was made right");
        let mut object = object.to_vec();
        ns(|| _ = relocate(&mut object, &targets, &OPTIONS, None).expect("it was made right"))
    })
}

fn warm(btf: &'static [u8], object: &[u8]) -> f64 {
    let targets = open(btf);
    for _ in 0..3 {
        relocate(&mut object.to_vec(), &targets, &OPTIONS, None).expect("it was made right");
    }
    median(|| {
        let mut object = object.to_vec();
        ns(|| _ = relocate(&mut object, &targets, &OPTIONS, None).expect("it was made right"))
    })
}

type Times = fn(&'static [u8], &[u8]) -> f64;

fn series(what: &'static str, smallest: u32, make: impl Fn(u32) -> (Vec<u8>, Vec<u8>), times: Times) -> Series {
    let points = (0..=DOUBLINGS).map(|i| {
        let size = smallest << i;
        let (btf, object) = make(size);
        // The targets that are tried must outlive every measurement, and there are few.
        let btf: &'static [u8] = btf.leak();
        let is_refused = relocate(&mut object.clone(), &open(btf), &OPTIONS, None).is_err();
        (f64::from(size), if is_refused { f64::NAN } else { times(btf, &object) })
    });
    Series { what, points: points.collect() }
}

/// All series; `kernels` is a folder with kernels' BTF.
pub fn measure(kernels: Option<&Path>) -> Vec<Series> {
    eprintln!("growth");
    let types = |size: u32| (synth::target(size), synth::object(&spread_types(8, size), 32));
    let relos = |size: u32| (synth::target(20_000), synth::object(&spread_types(100, 20_000), size as usize));
    let roots = |size: u32| (synth::target(40_000), synth::object(&spread_types(size, 40_000), size as usize));
    let cands = |size: u32| {
        let many = Struct::of_ints("many", "m0_", 4);
        (synth::target_with_cands(20_000, size), synth::object(&[many], 100))
    };
    let of_members = |size: u32, last: u32| {
        let huge = Struct::of_ints("huge", "m", size);
        let mut btf = synth::BtfBuilder::new();
        btf.add(&huge);
        let mut wanted = huge;
        wanted.members.drain(..wanted.members.len() - last as usize);
        (btf.bytes(), synth::object(&[wanted], last as usize))
    };
    let members = |size: u32| of_members(size, size);
    let one_of_members = |size: u32| of_members(size, 1);
    let mut all = vec![
        series("types, first object", 50_000, types, cold),
        series("types, second object", 50_000, types, second),
        series("types, warm", 50_000, types, warm),
        series("relocations of 100 types, cold", 2_500, relos, cold),
        series("relocations of 100 types, warm", 2_500, relos, warm),
        series("root types, a relocation each, cold", 500, roots, cold),
        series("candidates of one name, 100 relocations, cold", 500, cands, cold),
        series("candidates of one name, 100 relocations, warm", 500, cands, warm),
        series("members of a struct, a relocation each, warm", 500, members, warm),
        series("members of a struct, one relocation, warm", 2_000, one_of_members, warm),
    ];
    if let Some(folder) = kernels {
        all.push(Series { what: "types, kernels' BTF, first object", points: of_kernels(folder) });
    }
    all
}

fn of_kernels(folder: &Path) -> Vec<(f64, f64)> {
    let task = Struct {
        name: "task_struct".to_owned(),
        members: vec![("pid".to_owned(), synth::MemberType::Int, 0), ("mm".to_owned(), synth::MemberType::Pointer, 8)],
    };
    let object = synth::object(&[task], 2);
    let mut points = Vec::new();
    for path in std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
        let Ok(data) = std::fs::read(&path) else { continue };
        let data: &'static [u8] = data.leak();
        if let Ok(btf) = Btf::new(Data::Borrowed(data), None) {
            points.push((f64::from(btf.type_cnt() - 1), cold(data, &object)));
        }
    }
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    points
}

/// As text.
pub fn table(all: &[Series]) -> String {
    let mut text = String::from("corelo's growth: size: time, and what the last step multiplied it by\n");
    for series in all {
        let _ = write!(text, "  {:<46}", series.what);
        let mut before: Option<(f64, f64)> = None;
        for (size, ns) in &series.points {
            let factor = before.map_or_else(String::new, |(_, before)| format!(" x{:.2}", ns / before));
            let _ = match ns.is_nan() {
                true => write!(text, " {size}: refused;"),
                false => write!(text, " {size}: {:.1} us{factor};", ns / 1e3),
            };
            before = Some((*size, *ns));
        }
        text.push('\n');
    }
    text
}
