// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! BPF objects for the targets: the fixtures of the tests, and changes to them that leave the ELF file one.

use std::fs;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use corelo::btf::Btf;
use corelo::btf::ext::BtfExt;
use corelo::btf::{BtfView as _, Data};
use corelo::source;
use object::read::elf::{FileHeader as _, SectionHeader};
use object::{Endianness, elf};

fn fixtures(ending: &str) -> Vec<Vec<u8>> {
    let files = fs::read_dir(corelo_testing::fixture("")).unwrap();
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.retain(|path| path.to_string_lossy().ends_with(ending));
    paths.sort();
    assert!(!paths.is_empty(), "no {ending} in the fixtures");
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// The BPF objects of the tests.
pub static OBJECTS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| fixtures(".bpf.o"));

/// Those, and programs of all types, with externs and maps.
pub static CHECKED: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let folder = corelo_testing::fixture("").join("../check");
    let named = |name: &str| fs::read(folder.join(format!("{name}.bpf.o"))).unwrap();
    let more = ["programs", "externs", "externs_strong", "maps"].map(named);
    OBJECTS.iter().cloned().chain(more).collect()
});

/// Their targets: big-endian, little-endian.
pub static TARGETS: LazyLock<Vec<Arc<Btf<'static>>>> = LazyLock::new(|| {
    let files = [fixtures("target.eb.o"), fixtures("target.el.o")].concat();
    files.into_iter().map(|bytes| Arc::new(source::from_bytes(bytes, None).unwrap())).collect()
});

/// The target of the object's byte order.
pub fn target_for(object: &[u8]) -> &'static Arc<Btf<'static>> {
    // EI_DATA: 2 is big-endian.
    &TARGETS[usize::from(object.get(5) != Some(&2))]
}

/// Length of one change: which section, where in it, what.
const CHANGE: usize = 7;

/// A fixture, by the first byte, with the changes that the others say. Most of them change BTF, relocations or code, which
/// are a small part of the file.
pub fn changed(data: &[u8]) -> Vec<u8> {
    changed_of(&OBJECTS, data)
}

/// As [`changed`], of other objects.
pub fn changed_of(objects: &[Vec<u8>], data: &[u8]) -> Vec<u8> {
    let (&which, changes) = data.split_first().unwrap_or((&0, &[]));
    let mut object = objects[usize::from(which) % objects.len()].clone();
    let places = interesting(&object);
    for change in changes.chunks_exact(CHANGE) {
        let &[how, off0, off1, ref value @ ..] = change else { continue };
        let range = places[usize::from(how >> 2) % places.len()].clone();
        let off = usize::from(u16::from_le_bytes([off0, off1]));
        let (len, align) = [(1, 1), (2, 2), (4, 4), (1, 4)][usize::from(how & 3)];
        let at = range.start + off % range.len() / align * align;
        if let Some(place) = object.get_mut(at..at + len) {
            place.copy_from_slice(&value[..len]);
        }
    }
    object
}

/// The sections worth changing, those first in which most of an object's meaning is; then the whole file.
fn interesting(data: &[u8]) -> Vec<Range<usize>> {
    let sections = sections(data).unwrap();
    let range = |name: &str| sections.iter().find(|section| section.name == name.as_bytes())?.range.clone();
    let code = sections.iter().filter(|section| section.is_code).filter_map(|section| section.range.clone());
    let mut places: Vec<_> = [".BTF", ".BTF.ext", ".BTF", ".BTF.ext"].into_iter().filter_map(range).collect();
    places.extend(code.chain([".symtab", ".strtab"].into_iter().filter_map(range)));
    places.extend([section_table(data)..data.len(), 0..data.len()]);
    places
}

/// A section of an object, read without a look at the rest of the file, which may be broken.
struct Section<'d> {
    name: &'d [u8],
    range: Option<Range<usize>>,
    is_code: bool,
}

fn sections(data: &[u8]) -> Option<Vec<Section<'_>>> {
    let header = elf::FileHeader64::<Endianness>::parse(data).ok()?;
    let endian = header.endian().ok()?;
    let table = header.sections(endian, data).ok()?;
    let section = |section: &elf::SectionHeader64<Endianness>| {
        let (start, len) = SectionHeader::file_range(section, endian).unwrap_or((0, 0));
        let range = start as usize..start.saturating_add(len) as usize;
        let range = (!range.is_empty()).then_some(range);
        let is_code = section.sh_flags(endian).contains(elf::SHF_EXECINSTR);
        Some(Section { name: table.section_name(endian, section).ok()?, range, is_code })
    };
    // The first is none.
    table.iter().skip(1).map(section).collect()
}

fn content<'d>(data: &'d [u8], name: &[u8]) -> Option<(usize, &'d [u8])> {
    let range = sections(data)?.into_iter().find(|section| section.name == name)?.range?;
    Some((range.start, data.get(range)?))
}

/// The object's own BTF, as relocation opens it.
pub fn own_btf(data: &[u8]) -> Option<Btf<'static>> {
    let (_, btf) = content(data, b".BTF")?;
    Some(Btf::new(Data::Owned(btf.to_vec()), None).ok()?.with_pointer_size(8))
}

/// BTF of the object's byte order with neither types nor strings: what is split on it is what it is alone.
pub fn empty_btf(object: &[u8]) -> Vec<u8> {
    let (magic, len) =
        if object.get(5) == Some(&2) { (*b"\xeb\x9f", [0, 0, 0, 24]) } else { (*b"\x9f\xeb", [24, 0, 0, 0]) };
    [&magic[..], &[1, 0], &len, &[0; 16]].concat()
}

/// What relocating an object may change: for each of its relocations, in order, the bytes of the instruction, unless there
/// is none; and where `core_relo_len` is.
#[derive(Debug)]
pub struct Places {
    pub insns: Vec<Option<Range<usize>>>,
    pub core_relo_len: Range<usize>,
}

/// Where everything in the file lies that has a place: sections, and the two tables of headers.
pub fn parts(data: &[u8]) -> Vec<Range<usize>> {
    let Some(sections) = sections(data) else { return Vec::new() };
    let table = section_table(data);
    let headers = [0..64, table..table.saturating_add(64 * (sections.len() + 1))];
    sections.into_iter().filter_map(|section| section.range).chain(headers).collect()
}

/// `e_shoff`.
fn section_table(data: &[u8]) -> usize {
    let read = if data[5] == 2 { u64::from_be_bytes } else { u64::from_le_bytes };
    read(data[40..48].try_into().unwrap()) as usize
}

pub fn places(data: &[u8]) -> Option<Places> {
    let (ext_at, ext) = content(data, b".BTF.ext")?;
    let btf = own_btf(data)?;
    let ext = BtfExt::new(ext).ok()?;
    let mut insns = Vec::new();
    for section in ext.core_relos().iter() {
        let name = btf.name_by_offset(section.sec_name_off).ok()?;
        let code = content(data, name.to_bytes());
        for relo in section.core_relos() {
            insns.push(code.and_then(|(start, code)| {
                let off = relo.insn_off as usize;
                // A load of 64 bits takes two slots.
                let len = if *code.get(off)? == 0x18 { 16 } else { 8 };
                Some(start + off..start + off + len)
            }));
        }
    }
    Some(Places { insns, core_relo_len: ext_at + 28..ext_at + 32 })
}
