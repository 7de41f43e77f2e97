// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The C functions, with arguments that their documentation allows. Each answer is held beside that of the Rust function.
#![no_main]

#[path = "capi/libbpf.rs"]
mod libbpf;

use std::ffi::{CStr, c_char, c_int, c_void};
use std::mem::{self, MaybeUninit};
use std::ptr;
use std::sync::Arc;

use arbitrary::{Result, Unstructured};
use corelo::btf::ext::CoreRelo;
use corelo::btf::{Btf, BtfView, TypeId};
use corelo::bytes::Endian;
use corelo::log::NoLog;
use corelo::object::{OpenTargets, Options, Target, relocate};
use corelo::relo::{self, Candidate, Candidates, Context, EssentialName, MemberIndex, Semantics};
use corelo::source;
use corelo_capi::*;
use corelo_fuzz::access::{Wanted, wanted};
use corelo_fuzz::edit::edited;
use corelo_fuzz::generate::{byte, model, one_in};
use corelo_fuzz::objects::{OBJECTS, changed, empty_btf};
use corelo_fuzz::open;
use corelo_fuzz::watch::watched;
use libbpf::Libbpf;
use libfuzzer_sys::fuzz_target;

unsafe extern "C" fn read_line(_: *mut c_void, _: corelo_log_level, line: *const c_char) {
    // SAFETY: it is a string during the call.
    assert!(unsafe { CStr::from_ptr(line) }.count_bytes() > 0);
}

fuzz_target!(
    init: {
        // SAFETY: the function needs no context.
        unsafe { corelo_log_set(Some(read_line), ptr::null_mut()) };
    },
    |data: &[u8]| watched(data, || {
        let u = &mut Unstructured::new(data);
        // SAFETY: every argument is NULL or what the function asks for.
        let _ = byte(u).and_then(|what| unsafe { if what % 4 == 3 { whole_object(u) } else { mirrored(u, what) } });
    })
);

/// A status is 0 or more, or a negative errno, and never that of a panic that was caught.
fn status(status: c_int) -> c_int {
    assert!(status > -4096 && status != -libc::ENOTRECOVERABLE);
    if status < 0 {
        // SAFETY: a string until the next failure.
        let last = unsafe { CStr::from_ptr(corelo_last_error()) };
        assert!(!last.is_empty(), "failed without a word");
    }
    status
}

/// NULL once in a while.
fn or_null<T>(u: &mut Unstructured<'_>, pointer: *const T) -> Result<*const T> {
    Ok(if one_in(u, 64)? { ptr::null() } else { pointer })
}

/// Bytes, seldom one of them wrong.
fn damaged(u: &mut Unstructured<'_>, mut bytes: Vec<u8>) -> Result<Vec<u8>> {
    if one_in(u, 8)? {
        let at = usize::from(u.arbitrary::<u16>()?) % bytes.len();
        bytes[at] = byte(u)?;
    }
    Ok(bytes)
}

/// Owns a handle.
struct Open(*mut corelo_btf);

impl Open {
    unsafe fn new(bytes: &[u8], base: *const corelo_btf) -> Option<Self> {
        let handle = unsafe { corelo_btf_from_bytes(bytes.as_ptr().cast(), bytes.len(), base) };
        assert_ne!(std::io::Error::last_os_error().raw_os_error(), Some(libc::ENOTRECOVERABLE));
        (!handle.is_null()).then_some(Self(handle))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        // SAFETY: it is freed once.
        unsafe { corelo_btf_free(self.0) };
    }
}

unsafe fn mirrored(u: &mut Unstructured<'_>, flags: u8) -> Result<()> {
    let endian = if flags & 4 == 0 { Endian::Little } else { Endian::Big };
    let local_model = model(u)?;
    let targ_model = if flags & 8 == 0 { local_model.clone() } else { edited(u, &local_model)? };
    let wanted = wanted(u, &local_model, None)?;
    let (local_bytes, offsets) = local_model.encode(endian, std::slice::from_ref(&wanted.access));
    let (local_bytes, targ_bytes) = (damaged(u, local_bytes)?, damaged(u, targ_model.encode(endian, &[]).0)?);
    let (rust_local, rust_targ) = (open(&local_bytes, None), open(&targ_bytes, None));
    let (local, targ) = unsafe { (Open::new(&local_bytes, ptr::null()), Open::new(&targ_bytes, ptr::null())) };
    assert_eq!((rust_local.is_ok(), rust_targ.is_ok()), (local.is_some(), targ.is_some()));
    let (Ok(rust_local), Ok(rust_targ), Some(local), Some(targ)) = (rust_local, rust_targ, local, targ) else {
        return Ok(());
    };
    unsafe {
        drop(Open::new(&targ_bytes, targ.0));
        // Of either side corelo's own handle, or libbpf's.
        let native = endian == Endian::NATIVE;
        let libbpf = |flag, bytes, btf: &Btf<'_>| {
            (native && flags & flag != 0).then(|| Libbpf::new(bytes, btf.pointer_size())).flatten()
        };
        let (local_libbpf, targ_libbpf) = (libbpf(16, &local_bytes, &rust_local), libbpf(32, &targ_bytes, &rust_targ));
        let both = (
            local_libbpf.as_ref().map_or_else(|| corelo_btf_as_libbpf(local.0), |libbpf| libbpf.handle()),
            targ_libbpf.as_ref().map_or_else(|| corelo_btf_as_libbpf(targ.0), |libbpf| libbpf.handle()),
        );
        one_relocation(u, both, (&rust_local, &rust_targ), &wanted, offsets[0])?;
        comparisons(u, both, (&rust_local, &rust_targ))
    }
}

unsafe fn one_relocation(
    u: &mut Unstructured<'_>,
    (local, targ): (*const btf, *const btf),
    (rust_local, rust_targ): (&Btf<'static>, &Btf<'static>),
    Wanted { kind, type_id, .. }: &Wanted,
    access_str_off: u32,
) -> Result<()> {
    let type_id = *type_id;
    let relo = bpf_core_relo { insn_off: 0, type_id, access_str_off, kind: kind.raw() };
    let name = or_null(u, c"program".as_ptr())?;
    let list: *mut bpf_core_cand_list = unsafe { libc::calloc(1, size_of::<bpf_core_cand_list>()) }.cast();
    let mut cand = bpf_core_cand { btf: local, id: type_id };
    let rust_name = rust_local.type_name(TypeId(type_id)).unwrap_or_default();
    let essent_len = unsafe { bpf_core_essential_name_len(rust_name.as_ptr()) };
    assert_eq!(essent_len, EssentialName::of(rust_name.to_bytes()).as_bytes().len());
    let asked_len = if one_in(u, 32)? { usize::from(byte(u)?) } else { essent_len };

    let mut rust_cands = Vec::new();
    // The kernel's types, and at times more that follow, as those of a module do.
    let start_ids = [1, if one_in(u, 8)? { c_int::from(u.arbitrary::<i8>()?) } else { c_int::MAX }];
    for start_id in start_ids {
        let added = status(unsafe { bpf_core_add_cands(&mut cand, asked_len, targ, name, start_id, list) });
        if added == 0 {
            let t = rust_local.type_by_id(TypeId(type_id)).expect("the C function has seen it");
            let essential = EssentialName::already_cut(&rust_name.to_bytes()[..asked_len]);
            let start_id = u32::try_from(start_id).expect("the C function has taken it");
            relo::add_cands(
                t,
                essential,
                rust_targ,
                start_id,
                &relo::budget_for_types(rust_local, rust_targ),
                &mut rust_cands,
            )
            .unwrap();
        }
        assert_eq!(unsafe { ids(list) }, rust_ids(&rust_cands));
    }

    let mut scratch: [bpf_core_spec; 3] = unsafe { mem::zeroed() };
    let mut res: bpf_core_relo_res = unsafe { mem::zeroed() };
    let (c_relo, c_res) = (or_null(u, &relo)?, or_null(u, (&raw mut res).cast_const())?.cast_mut());
    let calculated =
        status(unsafe { bpf_core_calc_relo_insn(name, c_relo, 7, local, list, scratch.as_mut_ptr(), c_res) });
    let rust_relo = CoreRelo { insn_off: 0, type_id: TypeId(type_id), access_str_off, kind: *kind };
    let budget = relo::budget_for_types(rust_local, rust_targ);
    let (semantics, member_index) = (Semantics::Libbpf, MemberIndex::default());
    let context =
        Context { place: &"", relo_idx: 7, semantics, budget: &budget, member_index: &member_index, log: &NoLog };
    let mut pruned = None;
    let mut left = Candidates::new(&rust_cands, &mut pruned);
    let answer = relo::calc_relo(&context, &rust_relo, rust_local, &mut left);
    let left: Vec<_> = left.iter().collect();
    if !c_relo.is_null() && !c_res.is_null() {
        assert_eq!(calculated == 0, answer.is_ok());
        assert_eq!(unsafe { ids(list) }, rust_ids(&left));
    }
    if calculated == 0 {
        let answer = answer.unwrap();
        let expected = answer.res;
        assert_eq!((res.orig_val, res.new_val), (expected.orig_val, expected.new_val));
        let flags = [expected.poison, expected.validate, expected.fail_memsz_adjust];
        // SAFETY: a success has set them.
        assert_eq!([res.poison, res.validate, res.fail_memsz_adjust].map(|flag| unsafe { flag.assume_init() }), flags);
        assert_eq!((res.orig_sz, res.new_sz), (expected.orig_sz, expected.new_sz));
        assert_eq!((res.orig_type_id, res.new_type_id), (expected.orig_type_id.0, expected.new_type_id.0));
        unsafe { formatted(u, &scratch[0], &answer.local.to_string())? };
        if let Some(targ) = &answer.targ {
            unsafe { formatted(u, &scratch[2], &targ.to_string())? };
        }
    }
    let mut insns: Vec<u64> = vec![u.arbitrary()?, u.arbitrary()?];
    if one_in(u, 2)? {
        insns[0] = [0x18, 0xb7, 0x61, 0x7b][usize::from(byte(u)? % 4)] | (res.orig_val << 32);
    }
    // Only of a LDIMM64 there are two slots.
    insns.truncate(if insns[0] as u8 == 0x18 { 2 } else { 1 });
    insns.shrink_to_fit();
    let before = insns.clone();
    let patched = status(unsafe { bpf_core_patch_insn(name, insns.as_mut_ptr().cast(), 3, c_relo, 7, c_res) });
    assert!(patched == 0 || insns == before, "an error, and the instruction has changed");
    let mut spec: bpf_core_spec = unsafe { mem::zeroed() };
    if status(unsafe { bpf_core_parse_spec(name, local, c_relo, &mut spec) }) == 0 {
        unsafe { damaged_spec(u, spec)? };
    }
    unsafe { bpf_core_free_cands(list) };
    Ok(())
}

unsafe fn ids(list: *const bpf_core_cand_list) -> Vec<u32> {
    let list = unsafe { &*list };
    (0..list.len as usize).map(|i| unsafe { (*list.cands.add(i)).id }).collect()
}

fn rust_ids(cands: &[Candidate<'_, Btf<'static>>]) -> Vec<u32> {
    cands.iter().map(|cand| cand.id.0).collect()
}

/// As text, into room that may be too small.
unsafe fn formatted(u: &mut Unstructured<'_>, spec: &bpf_core_spec, expected: &str) -> Result<()> {
    let room = usize::from(byte(u)?);
    let mut buf = vec![0xa5_u8; 300];
    let len = status(unsafe { bpf_core_format_spec(buf.as_mut_ptr().cast(), room, spec) });
    assert_eq!(len as usize, expected.len());
    let kept = room.saturating_sub(1).min(expected.len());
    assert_eq!(&buf[..kept], &expected.as_bytes()[..kept]);
    let end = if room > 0 { kept + 1 } else { 0 };
    assert!(room == 0 || buf[kept] == 0);
    assert!(buf[end..].iter().all(|byte| *byte == 0xa5), "written past the end");
    Ok(())
}

/// A spec as nobody has calculated it, as text. Names past the first `len` are NULL, as they are in one that was.
unsafe fn damaged_spec(u: &mut Unstructured<'_>, mut spec: bpf_core_spec) -> Result<()> {
    let (what, at) = (byte(u)?, usize::from(byte(u)? % 64));
    match what % 8 {
        0 => spec.len = u.arbitrary::<i8>()?.into(),
        1 => spec.raw_len = u.arbitrary::<i8>()?.into(),
        2 => spec.root_type_id = byte(u)?.into(),
        3 => spec.relo_kind = bpf_core_relo_kind(byte(u)?.into()),
        4 => spec.raw_spec[at] = u.arbitrary()?,
        5 => spec.spec[at].type_id = byte(u)?.into(),
        6 => spec.spec[at].idx = u.arbitrary()?,
        _ => spec.bit_offset = u.arbitrary()?,
    }
    let mut buf = vec![0_u8; usize::from(byte(u)?)];
    status(unsafe { bpf_core_format_spec(buf.as_mut_ptr().cast(), buf.len(), &spec) });
    Ok(())
}

unsafe fn comparisons(
    u: &mut Unstructured<'_>,
    (local, targ): (*const btf, *const btf),
    (rust_local, rust_targ): (&Btf<'static>, &Btf<'static>),
) -> Result<()> {
    let (a, b): (u32, u32) = (byte(u)?.into(), byte(u)?.into());
    let level = c_int::from(u.arbitrary::<i8>()?);
    let behind_ptr = level % 2 == 0;
    let (id, other) = (TypeId(a), TypeId(b));
    let said = |answer: corelo::Result<bool>| answer.ok().map(c_int::from);
    let same = |c: c_int, rust: corelo::Result<bool>| assert_eq!(Some(c).filter(|c| *c >= 0), said(rust));
    unsafe {
        let compat = |level| relo::types_are_compat(rust_local, id, rust_targ, other, level);
        same(status(bpf_core_types_are_compat(local, a, targ, b)), compat(32));
        same(status(__bpf_core_types_are_compat(local, a, targ, b, level)), compat(level));
        let matches = |behind, level| relo::types_match(rust_local, id, rust_targ, other, behind, level);
        same(status(bpf_core_types_match(local, a, targ, b)), matches(false, 32));
        same(status(__bpf_core_types_match(local, a, targ, b, behind_ptr, level)), matches(behind_ptr, level));
        assert_eq!(status(bpf_core_types_match(ptr::null(), a, targ, b)), -libc::EINVAL);
    }
    Ok(())
}

unsafe fn whole_object(u: &mut Unstructured<'_>) -> Result<()> {
    let [sz, semantics, against] = [byte(u)?, byte(u)?, byte(u)?];
    let object = changed(u.bytes(u.len())?);
    let fixture = &OBJECTS[usize::from(against >> 2) % OBJECTS.len()];
    let file = if against & 1 == 0 { &object } else { fixture };
    // All its types are the kernel's or, where that has none, a module's.
    let empty = empty_btf(&object);
    let kernel = if against & 2 == 0 { file } else { &empty };
    let Some(targ) = (unsafe { Open::new(kernel, ptr::null()) }) else { return Ok(()) };
    let module = if against & 2 == 0 { None } else { unsafe { Open::new(file, targ.0) } };
    let modules: Vec<_> = module.iter().map(|btf| btf.0.cast_const()).collect();
    let targets = unsafe { corelo_targets_new(targ.0, modules.as_ptr(), modules.len()) };
    assert!(!targets.is_null(), "the module was opened on this kernel");
    let mut report = ptr::null_mut();
    let full = size_of::<corelo_relocate_opts>();
    let tag_poison = semantics & 0x10 != 0;
    let mut opts = corelo_relocate_opts {
        sz: full,
        targets,
        report: &mut report,
        log_fn: None,
        log_ctx: ptr::null_mut(),
        log_max: MaybeUninit::zeroed(),
        flags: u32::from(tag_poison),
        detail: u32::from(semantics >> 1) & 7,
        semantics: MaybeUninit::new(if semantics % 2 == 0 {
            corelo_semantics::CORELO_SEMANTICS_LIBBPF
        } else {
            corelo_semantics::CORELO_SEMANTICS_KERNEL
        }),
        kernel_config: if semantics & 0x20 == 0 { ptr::null() } else { c"CONFIG_HZ=250\nCONFIG_NET=y\n".as_ptr() },
        kernel_version: u32::from(sz) << 8,
        reserved: 0,
    };
    // A shorter struct, a newer one with zeros or without: bytes that are there have to be so.
    let mut bytes = [0_u8; size_of::<corelo_relocate_opts>() + 64];
    opts.sz = match sz {
        0x80.. => usize::from(sz) % bytes.len(),
        _ => full,
    };
    unsafe { ptr::copy_nonoverlapping((&raw const opts).cast::<u8>(), bytes.as_mut_ptr(), full) };
    if sz & 0x40 != 0 {
        bytes[usize::from(sz & 63) + full] = 1;
    }
    // No more of them than it says, and at least what says so.
    let given = bytes[..opts.sz.max(size_of::<usize>())].to_vec();

    let mut relocated = object.clone();
    let result =
        status(unsafe { corelo_relocate(relocated.as_mut_ptr().cast(), relocated.len(), given.as_ptr().cast()) });
    assert!(result <= 0 && (result == 0 || relocated == object), "an error, and the object has changed");
    let semantics = if semantics % 2 == 1 { Semantics::Kernel } else { Semantics::Libbpf };
    if opts.sz == full {
        let btf = Arc::new(source::from_bytes(kernel.clone(), None).expect("C has opened it"));
        let split = module.is_some().then(|| source::from_bytes(file.clone(), Some(Arc::clone(&btf))));
        let modules = split.map(|split| Target::new("module", Arc::new(split.expect("C has opened it"))));
        let targets =
            OpenTargets::new(Target::new("target", btf), modules.into_iter().collect()).expect("C has made it");
        let mut by_rust = object;
        let rust = relocate(&mut by_rust, &targets, &Options::new().semantics(semantics).tag_poison(tag_poison), None);
        assert_eq!((rust.is_ok(), by_rust == relocated), (result == 0, true));
    }
    unsafe { explain_log(&relocated, report) };
    unsafe { read_report(report) };
    unsafe { corelo_targets_free(targets) };
    Ok(())
}

/// The length of strings that are there.
unsafe fn total(strings: &[*const c_char]) -> usize {
    let there = strings.iter().filter(|string| !string.is_null());
    there.map(|string| unsafe { CStr::from_ptr(*string) }.count_bytes()).sum()
}

/// Any bytes are a log.
unsafe fn explain_log(log: &[u8], report: *const corelo_report) {
    let mut text = vec![1_u8; log.len() % 64];
    let (out, size) = (text.as_mut_ptr().cast(), text.len());
    let (log, log_size) = (log.as_ptr().cast(), log.len());
    let len = unsafe { corelo_explain_verifier_log(log, log_size, report, c"f".as_ptr(), out, size) };
    assert_eq!(len > 0, !report.is_null());
    assert!(text.is_empty() || len < 0 || text.contains(&0), "no NUL");
}

/// Every string of every entry, candidate and hint.
unsafe fn read_report(report: *mut corelo_report) {
    let count = unsafe { corelo_report_entry_cnt(report) };
    let mut length = 0;
    for i in 0..count {
        let entry = unsafe { &*corelo_report_get(report, i) };
        assert!((entry.outcome == corelo_outcome::CORELO_OUTCOME_FAILED) == (entry.error < 0));
        let strings = [
            entry.section,
            entry.program,
            entry.access,
            entry.local_spec,
            entry.target_spec,
            entry.target,
            entry.file,
            entry.message,
            entry.access_str,
        ];
        length += unsafe { total(&strings) };
        for j in 0..unsafe { corelo_report_candidate_cnt(report, i) } {
            let candidate = unsafe { &*corelo_report_candidate(report, i, j) };
            length += unsafe { total(&[candidate.target, candidate.spec, candidate.at, candidate.message]) };
        }
        for j in 0..unsafe { corelo_report_hint_cnt(report, i) } {
            let hint = unsafe { &*corelo_report_hint(report, i, j) };
            length += unsafe { total(&[hint.text, hint.flavor, hint.guard]) };
        }
    }
    assert!(count == 0 || length > 0);
    assert!(unsafe { corelo_report_get(report, count) }.is_null());
    unsafe { corelo_report_free(report) };
}
