// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! `bpf_core_add_cands` and `bpf_core_calc_relo_insn` as libbpf has them, and as libcorelo.so has them: on libbpf's handles
//! and on its own. libbpf is linked into this program; libcorelo.so, which exports the same names, is opened with
//! `RTLD_LOCAL`.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::Instant;
use std::{io, mem, ptr, slice};

use corelo::btf::ReloKind;
use corelo::btf::ext::BtfExt;

use crate::Spread;
use crate::decl::{self, bpf_core_cand, bpf_core_cand_list, bpf_core_relo, bpf_core_relo_res, bpf_core_spec, btf};

/// In the order of the table. The first is what ratios are to.
const CONTENDERS: [&str; 3] = ["libbpf", "corelo, libbpf's handles", "corelo, own handles"];
/// So often in a round are all relocations of an object calculated, which takes microseconds.
const REPEATS: usize = 16;

/// Times of the two functions by contender, in nanoseconds a call: sums of what each search and each object took in the
/// median round.
#[derive(Debug)]
pub struct Times {
    pub relos: usize,
    pub searches: usize,
    pub first_search: [Spread; 3],
    pub later_search: [Spread; 3],
    pub calc: [Spread; 3],
}

type AddCands =
    unsafe extern "C" fn(*mut bpf_core_cand, usize, *const btf, *const c_char, c_int, *mut bpf_core_cand_list) -> c_int;
type CalcRelo = unsafe extern "C" fn(
    *const c_char,
    *const bpf_core_relo,
    c_int,
    *const btf,
    *mut bpf_core_cand_list,
    *mut bpf_core_spec,
    *mut bpf_core_relo_res,
) -> c_int;

/// libcorelo.so, which stays open.
struct Corelo(*mut c_void);

impl Corelo {
    fn open(path: &Path) -> io::Result<Self> {
        let name = CString::new(path.as_os_str().as_bytes())?;
        // SAFETY: the path is a string.
        let library = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        if library.is_null() {
            // SAFETY: after a failure, this is a string.
            let why = unsafe { CStr::from_ptr(libc::dlerror()) };
            return Err(io::Error::other(why.to_string_lossy().into_owned()));
        }
        Ok(Self(library))
    }

    /// The function of this name, of type `F`.
    unsafe fn function<F: Copy>(&self, name: &CStr) -> io::Result<F> {
        // SAFETY: the library is open.
        let function = unsafe { libc::dlsym(self.0, name.as_ptr()) };
        if function.is_null() {
            return Err(io::Error::other(format!("libcorelo.so has no {name:?}")));
        }
        // SAFETY: both are pointers.
        Ok(unsafe { mem::transmute_copy(&function) })
    }
}

struct Functions {
    open: unsafe extern "C" fn(*const c_char, *const decl::corelo_btf) -> *mut decl::corelo_btf,
    free: unsafe extern "C" fn(*mut decl::corelo_btf),
    handle: unsafe extern "C" fn(*const decl::corelo_btf) -> *const btf,
    /// By contender.
    add_cands: [AddCands; 3],
    calc: [CalcRelo; 3],
}

impl Functions {
    fn new(libcorelo: &Path) -> io::Result<Self> {
        let corelo = Corelo::open(libcorelo)?;
        // SAFETY: the types are those of corelo.h.
        unsafe {
            let add_cands: AddCands = corelo.function(c"bpf_core_add_cands")?;
            let calc: CalcRelo = corelo.function(c"bpf_core_calc_relo_insn")?;
            if ptr::fn_addr_eq(calc, decl::bpf_core_calc_relo_insn as CalcRelo) {
                return Err(io::Error::other("bpf_core_calc_relo_insn of libcorelo.so is libbpf's"));
            }
            Ok(Self {
                open: corelo.function(c"corelo_btf_open")?,
                free: corelo.function(c"corelo_btf_free")?,
                handle: corelo.function(c"corelo_btf_as_libbpf")?,
                add_cands: [decl::bpf_core_add_cands, add_cands, add_cands],
                calc: [decl::bpf_core_calc_relo_insn, calc, calc],
            })
        }
    }

    fn open(&self, path: &CStr) -> io::Result<*mut decl::corelo_btf> {
        // SAFETY: the path is a string.
        let opened = unsafe { (self.open)(path.as_ptr(), ptr::null()) };
        if opened.is_null() { Err(failed(path)) } else { Ok(opened) }
    }
}

fn failed(path: &CStr) -> io::Error {
    io::Error::other(format!("{}: {}", path.to_string_lossy(), io::Error::last_os_error()))
}

/// An object's types, opened by both, its root types and its relocations.
struct Object {
    /// By contender.
    local: [*const btf; 3],
    roots: Vec<Root>,
    /// With the place of the root type; none for those that need no candidates.
    relos: Vec<(bpf_core_relo, Option<usize>)>,
}

struct Root {
    type_id: u32,
    essent_len: usize,
    /// Ids of the candidates.
    cands: Vec<u32>,
}

impl Object {
    /// `None` for an object without CO-RE relocations. Nothing is freed: there are few objects.
    fn open(functions: &Functions, path: &Path) -> io::Result<Option<Self>> {
        let path = CString::new(path.as_os_str().as_bytes())?;
        let mut ext = ptr::null_mut();
        // SAFETY: the path is a string, and libbpf's handles are used as its header says.
        let (libbpf, data) = unsafe {
            let libbpf = libbpf_sys::btf__parse_elf(path.as_ptr(), &mut ext);
            if libbpf.is_null() || ext.is_null() {
                return Ok(None);
            }
            let mut size = 0;
            let data = libbpf_sys::btf_ext__raw_data(ext, &mut size);
            (libbpf.cast_const(), slice::from_raw_parts(data.cast::<u8>(), size as usize))
        };
        let ext = BtfExt::new(data).map_err(io::Error::other)?;
        let own = functions.open(&path)?;
        // SAFETY: it has just been opened.
        let own = unsafe { (functions.handle)(own) };
        let mut object = Self { local: [libbpf.cast(), libbpf.cast(), own], roots: Vec::new(), relos: Vec::new() };
        for relo in ext.core_relos().iter().flat_map(|section| section.core_relos()) {
            let type_id = relo.type_id.0;
            let root = (relo.kind != ReloKind::TypeIdLocal).then(|| {
                object.roots.iter().position(|root| root.type_id == type_id).unwrap_or_else(|| {
                    // SAFETY: libbpf has relocated the object, so that its types are there.
                    let essent_len = unsafe {
                        let name_off = (*libbpf_sys::btf__type_by_id(libbpf, type_id)).name_off;
                        decl::bpf_core_essential_name_len(libbpf_sys::btf__name_by_offset(libbpf, name_off))
                    };
                    object.roots.push(Root { type_id, essent_len, cands: Vec::new() });
                    object.roots.len() - 1
                })
            });
            let (insn_off, access_str_off, kind) = (relo.insn_off, relo.access_str_off, relo.kind.raw());
            object.relos.push((bpf_core_relo { insn_off, type_id, access_str_off, kind }, root));
        }
        Ok((!object.relos.is_empty()).then_some(object))
    }

    /// Searches a target for the candidates of a root type. Gives their ids and the nanoseconds.
    fn search(&self, root: &Root, contender: usize, functions: &Functions, kernel: *const btf) -> (Vec<u32>, f64) {
        let mut local = bpf_core_cand { btf: self.local[contender], id: root.type_id };
        // SAFETY: all arguments are what the function asks for; libbpf frees either's lists.
        unsafe {
            let list = libc::calloc(1, size_of::<bpf_core_cand_list>()).cast::<bpf_core_cand_list>();
            let began = Instant::now();
            let add_cands = functions.add_cands[contender];
            let err = add_cands(&mut local, root.essent_len, kernel, c"vmlinux".as_ptr(), 1, list);
            let ns = began.elapsed().as_nanos() as f64;
            assert_eq!(err, 0);
            let ids = (0..(*list).len as usize).map(|i| (*(*list).cands.add(i)).id).collect();
            decl::bpf_core_free_cands(list);
            (ids, ns)
        }
    }

    /// Calculates all relocations, as libbpf does for a program: each prunes its root's candidates for the next. Gives the
    /// nanoseconds.
    fn calculate(
        &self,
        contender: usize,
        functions: &Functions,
        kernel: *const btf,
        results: &mut Vec<(u64, u64, u8, c_int)>,
    ) -> f64 {
        let cand = |id: &u32| bpf_core_cand { btf: kernel, id: *id };
        let mut cands: Vec<Vec<_>> = self.roots.iter().map(|root| root.cands.iter().map(cand).collect()).collect();
        let list = |cands: &mut Vec<_>| bpf_core_cand_list { cands: cands.as_mut_ptr(), len: cands.len() as c_int };
        let mut lists: Vec<_> = cands.iter_mut().map(list).collect();
        let calc = functions.calc[contender];
        let local = self.local[contender];
        results.reserve(self.relos.len());
        // SAFETY: zeros are specs and answers; all arguments are what the function asks for.
        unsafe {
            let mut specs: [bpf_core_spec; 3] = mem::zeroed();
            let mut res: bpf_core_relo_res = mem::zeroed();
            let began = Instant::now();
            for (i, (relo, root)) in self.relos.iter().enumerate() {
                let list = root.map_or(ptr::null_mut(), |root| &raw mut lists[root]);
                let err = calc(c"prog".as_ptr(), relo, i as c_int, local, list, specs.as_mut_ptr(), &mut res);
                results.push((res.orig_val, res.new_val, res.poison, err));
            }
            began.elapsed().as_nanos() as f64
        }
    }
}

/// Measures all contenders in turns, on the objects' relocations against this kernel.
pub fn measure(objects: &[PathBuf], libcorelo: &Path, kernel: &Path, rounds: usize) -> io::Result<Times> {
    let functions = Functions::new(libcorelo)?;
    let mut open = Vec::new();
    for path in objects {
        open.extend(Object::open(&functions, path)?);
    }
    let path = CString::new(kernel.as_os_str().as_bytes())?;
    // SAFETY: the path is a string.
    let libbpf: *const btf = unsafe { libbpf_sys::btf__parse(path.as_ptr(), ptr::null_mut()) }.cast_const().cast();
    if libbpf.is_null() {
        return Err(failed(&path));
    }
    let count = |of: fn(&Object) -> usize| open.iter().map(of).sum::<usize>();
    let (relos, searches) = (count(|object| object.relos.len()), count(|object| object.roots.len()));
    // By contender, and then by search or by object: the time of each round.
    let mut search_ns = [(); 3].map(|()| vec![Vec::new(); searches]);
    let mut calc_ns = [(); 3].map(|()| vec![Vec::new(); open.len()]);
    for _ in 0..rounds {
        let kept = functions.open(&path)?;
        // SAFETY: it has just been opened.
        let kernels = [libbpf, libbpf, unsafe { (functions.handle)(kept) }];
        let mut number = 0;
        for object in &mut open {
            let mut roots = mem::take(&mut object.roots);
            for root in &mut roots {
                for contender in 0..3 {
                    let (ids, ns) = object.search(root, contender, &functions, kernels[contender]);
                    assert!(contender == 0 || ids == root.cands, "other candidates than libbpf's");
                    root.cands = ids;
                    search_ns[contender][number].push(ns);
                }
                number += 1;
            }
            object.roots = roots;
        }
        for (number, object) in open.iter().enumerate() {
            let mut results = [Vec::new(), Vec::new(), Vec::new()];
            for _ in 0..REPEATS {
                for contender in 0..3 {
                    let results = &mut results[contender];
                    let ns = object.calculate(contender, &functions, kernels[contender], results);
                    calc_ns[contender][number].push(ns);
                }
            }
            assert!(results[1] == results[0] && results[2] == results[0], "other answers than libbpf's");
        }
        // SAFETY: nobody uses it any more.
        unsafe { (functions.free)(kept) };
    }
    let first_search = search_ns.each_ref().map(|searches| each(&searches[..1], 1));
    let later_search = search_ns.each_ref().map(|searches| each(&searches[1..], searches.len() - 1));
    let calc = calc_ns.each_ref().map(|objects| each(objects, relos));
    Ok(Times { relos, searches, first_search, later_search, calc })
}

/// What one of `calls` takes, where these are the times of parts of them.
fn each(parts: &[Vec<f64>], calls: usize) -> Spread {
    let spreads: Vec<Spread> = parts.iter().map(|rounds| Spread::of(rounds.clone())).collect();
    let mean = |of: fn(&Spread) -> f64| spreads.iter().map(of).sum::<f64>() / calls as f64;
    Spread { median: mean(|s| s.median), low: mean(|s| s.low), high: mean(|s| s.high) }
}

/// As text.
pub fn table(times: &Times) -> String {
    let Times { relos, searches, first_search, later_search, calc } = times;
    let mut text = format!(
        "the mirrored functions, {relos} relocations, {searches} searches\n{:<36} {:>10} {:>23} {:>10}\n",
        "", "median", "quartiles", "to libbpf"
    );
    for (what, spreads) in [
        ("bpf_core_add_cands, first search", first_search),
        ("bpf_core_add_cands, each later one", later_search),
        ("bpf_core_calc_relo_insn", calc),
    ] {
        let _ = writeln!(text, "{what}");
        for (name, spread) in CONTENDERS.iter().zip(spreads) {
            let quartiles = format!("{} - {}", crate::time(spread.low), crate::time(spread.high));
            let (median, ratio) = (crate::time(spread.median), spread.median / spreads[0].median);
            let _ = writeln!(text, "  {name:<34} {median:>10} {quartiles:>23} {ratio:>10.3}");
        }
    }
    text
}
