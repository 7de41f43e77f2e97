// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What was written, and what the kernels do not have.

use std::collections::BTreeMap;
use std::io::{self, Write};

use corelo::log::Printable;

use super::reduce::Reduced;

pub(super) fn write(reduced: &[Reduced], out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{:>7}  {:>7}  {:>7}  kernel", "types", "bytes", "missing")?;
    for kernel in reduced {
        let missing: usize = kernel.objects.iter().map(|object| object.unmatched.len()).sum();
        for part in &kernel.parts {
            let (types, bytes, name) = (part.types, part.data.len(), Printable(&kernel.name));
            match &part.module {
                None => writeln!(out, "{types:>7}  {bytes:>7}  {missing:>7}  {name}")?,
                Some(module) => writeln!(out, "{types:>7}  {bytes:>7}  {:>7}  {name}, {}", "", Printable(module))?,
            }
        }
    }
    for kernel in reduced {
        let failed: usize = kernel.objects.iter().map(|object| object.failed).sum();
        if failed > 0 {
            let relocations: usize = kernel.objects.iter().map(|object| object.relocations).sum();
            let name = Printable(&kernel.name);
            writeln!(out, "{name}: {failed} of {relocations} relocations fail, as with all of its BTF")?;
        }
    }
    write_missing(reduced, out)
}

/// By object: what is missing, and in how many kernels.
fn write_missing(reduced: &[Reduced], out: &mut dyn Write) -> io::Result<()> {
    let mut missing: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for kernel in reduced {
        for object in &kernel.objects {
            for access in &object.unmatched {
                missing.entry((&object.name, access)).or_default().push(&kernel.name);
            }
        }
    }
    let mut last = None;
    for ((object, access), kernels) in missing {
        if last != Some(object) {
            writeln!(out, "{} misses", Printable(object))?;
            last = Some(object);
        }
        let of = match kernels.as_slice() {
            [_] if reduced.len() == 1 => String::new(),
            all if all.len() == reduced.len() => " (all kernels)".to_owned(),
            [one] => format!(" ({})", Printable(one)),
            several => format!(" ({} kernels)", several.len()),
        };
        writeln!(out, "  {}{of}", Printable(access))?;
    }
    Ok(())
}
