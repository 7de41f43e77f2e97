// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What a kernel has for the externs of an object.

use std::sync::Arc;

use corelo::Error;
use corelo::btf::Data;
use corelo::object::{ExternKind, Found, KernelFacts, OpenTargets, Target, externs};
use corelo_testing::Order;
use corelo_testing::btf::Btf;
use corelo_testing::elf::{File, PROGBITS, STRTAB};

use crate::target;

const VAR: u32 = 14;
const FUNC: u32 = 12;
const DATASEC: u32 = 15;
const GLOBAL: u64 = 1;
const WEAK: u64 = 2;

/// An object that is being made.
struct Object {
    order: Order,
    btf: Btf,
    ksyms: Vec<u32>,
    kconfig: Vec<u32>,
    names: Vec<u8>,
    symbols: Vec<[u64; 5]>,
}

impl Object {
    fn new(order: Order) -> Self {
        let (ksyms, kconfig, symbols) = (Vec::new(), Vec::new(), Vec::new());
        Self { order, btf: Btf::new(order), ksyms, kconfig, names: vec![0], symbols }
    }

    fn declare(&mut self, name: &str, binding: u64, kind: u32, type_id: u32) -> u32 {
        self.symbols.push([self.names.len() as u64, binding << 4, 0, 0, 0]);
        self.names.extend([name.as_bytes(), &[0]].concat());
        let name = self.btf.str(name);
        match kind {
            FUNC => self.btf.record(name, FUNC, 2, type_id, &[]),
            _ => self.btf.record(name, VAR, 0, type_id, &[2]),
        }
    }

    fn ksym(&mut self, name: &str, binding: u64, kind: u32, type_id: u32) {
        let id = self.declare(name, binding, kind, type_id);
        self.ksyms.push(id);
    }

    fn kconfig(&mut self, name: &str, binding: u64, type_id: u32) {
        let id = self.declare(name, binding, VAR, type_id);
        self.kconfig.push(id);
    }

    fn finish(mut self) -> Vec<u8> {
        for (name, symbols) in [(".ksyms", &self.ksyms), (".kconfig", &self.kconfig)] {
            let payload: Vec<_> = symbols.iter().flat_map(|symbol| [*symbol, 0, 0]).collect();
            let name = self.btf.str(name);
            self.btf.record(name, DATASEC, symbols.len(), 0, &payload);
        }
        let mut file = File::new(self.order, true);
        file.add_named(".BTF", PROGBITS, 0, &self.btf.bytes());
        let strings = file.add_named(".strtab", STRTAB, 0, &self.names);
        file.add_symbols(strings, &self.symbols);
        file.finish()
    }
}

/// As the BTF of the running kernel is opened: its types are read when they are needed.
fn not_yet_read(name: &str, btf: &Btf, base: Option<&Target>) -> Target {
    let base = base.map(|base| Arc::clone(base.btf()));
    Target::new(name, Arc::new(corelo::btf::Btf::deferred(Data::Owned(btf.bytes()), base).unwrap()))
}

/// A function of the kernel, without parameters.
fn function(btf: &mut Btf, name: &str) {
    let proto = btf.func_proto(0, &[]);
    btf.func(name, proto);
}

#[test]
fn ksyms_are_searched_as_by_libbpf() {
    let mut kernel = Btf::little();
    let int = kernel.int32();
    function(&mut kernel, "in_kernel");
    kernel.var("variable", int);
    // Neither has the kind of its extern.
    function(&mut kernel, "named_as_function");
    kernel.var("named_as_variable", int);
    let mut module = Btf::split(&kernel);
    function(&mut module, "in_module");
    function(&mut module, "in_kernel");

    let mut object = Object::new(Order::Little);
    let int = object.btf.int32();
    let pointer = object.btf.ptr(int);
    let (proto, other_proto) = (object.btf.func_proto(0, &[]), object.btf.func_proto(0, &[int]));
    object.ksym("in_kernel", GLOBAL, FUNC, proto);
    object.ksym("in_kernel___flavor", WEAK, FUNC, proto);
    object.ksym("in_kernel___with_argument", WEAK, FUNC, other_proto);
    object.ksym("in_module", WEAK, FUNC, proto);
    object.ksym("nowhere", GLOBAL, FUNC, proto);
    object.ksym("named_as_variable", WEAK, FUNC, proto);
    object.ksym("variable", WEAK, VAR, int);
    object.ksym("variable___flavor", WEAK, VAR, int);
    object.ksym("named_as_function", WEAK, VAR, int);
    object.ksym("typeless", WEAK, VAR, 0);
    let object = object.finish();
    let mut pointers = Object::new(Order::Little);
    let int = pointers.btf.int32();
    let to_int = pointers.btf.ptr(int);
    pointers.ksym("variable", WEAK, VAR, to_int);
    let pointers = pointers.finish();
    assert_eq!(pointer, to_int);

    let base = not_yet_read("vmlinux", &kernel, None);
    let module = not_yet_read("module", &module, Some(&base));
    let alone = OpenTargets::from(base.clone());
    let both = OpenTargets::new(base, vec![module]).unwrap();
    let (mut all_modules, mut no_modules) = (KernelFacts::default(), KernelFacts::default());
    all_modules.has_all_modules = true;
    no_modules.config = Some(b"CONFIG_BPF=y\n# CONFIG_MODULES is not set\n");
    use ExternKind::{Func, Typeless, Var};
    use Found::{Incompatible, Missing, Resolved, Unknown};
    for (targets, facts, in_module, nowhere) in [
        (&both, all_modules, Resolved, Missing),
        (&both, KernelFacts::default(), Resolved, Unknown),
        (&alone, KernelFacts::default(), Unknown, Unknown),
        (&alone, no_modules, Missing, Missing),
    ] {
        let found = externs(&object, targets, &facts).unwrap();
        let found: Vec<_> =
            found.iter().map(|found| (found.name, found.kind, found.is_weak, found.found.clone())).collect();
        let expected: [(&[u8], _, _, _); 10] = [
            (b"in_kernel", Func, false, Resolved),
            (b"in_kernel___flavor", Func, true, Resolved),
            (b"in_kernel___with_argument", Func, true, Incompatible),
            (b"in_module", Func, true, in_module),
            (b"nowhere", Func, false, nowhere.clone()),
            (b"named_as_variable", Func, true, nowhere.clone()),
            (b"variable", Var, true, Resolved),
            (b"variable___flavor", Var, true, nowhere.clone()),
            (b"named_as_function", Var, true, nowhere),
            (b"typeless", Typeless, true, Unknown),
        ];
        assert_eq!(found, expected);
        assert_eq!(externs(&pointers, targets, &facts).unwrap()[0].found, Incompatible);
    }
}

const CONFIG: &str = "\
# Linux/x86 6.12.5 Kernel Configuration
CONFIG_YES=y
CONFIG_MODULE=m
CONFIG_NO=n
CONFIG_HEX=0xff
CONFIG_OCTAL=010
CONFIG_NEGATIVE=-1
CONFIG_LARGE=300
CONFIG_TEXT=\"abc\"
CONFIG_OPEN=\"abc
CONFIG_EMPTY=
CONFIG_TWICE=1
CONFIG_TWICE=2
# CONFIG_COMMENT=y
";

const TYPES: usize = 8;

#[test]
fn configuration_values_are_those_of_libbpf() {
    // By type: bool, enum libbpf_tristate, char, unsigned char, short, const unsigned int, char[4], char[3].
    type Row = (&'static str, [Option<&'static [u8]>; TYPES]);
    let rows: [Row; 11] = [
        ("YES", [Some(&[1]), Some(&[1, 0, 0, 0]), Some(b"y"), Some(b"y"), None, None, None, None]),
        ("MODULE", [None, Some(&[2, 0, 0, 0]), Some(b"m"), Some(b"m"), None, None, None, None]),
        ("NO", [Some(&[0]), Some(&[0; 4]), Some(b"n"), Some(b"n"), None, None, None, None]),
        ("HEX", [None, None, None, Some(&[255]), Some(&[255, 0]), Some(&[255, 0, 0, 0]), None, None]),
        ("OCTAL", [None, None, Some(&[8]), Some(&[8]), Some(&[8, 0]), Some(&[8, 0, 0, 0]), None, None]),
        ("NEGATIVE", [None, None, Some(&[255]), None, Some(&[255; 2]), None, None, None]),
        ("LARGE", [None, None, None, None, Some(&[44, 1]), Some(&[44, 1, 0, 0]), None, None]),
        ("TEXT", [None, None, None, None, None, None, Some(b"abc\0"), Some(b"ab\0")]),
        ("OPEN", [None; TYPES]),
        ("EMPTY", [None; TYPES]),
        ("TWICE", [None, None, Some(&[1]), Some(&[1]), Some(&[1, 0]), Some(&[1, 0, 0, 0]), None, None]),
    ];
    for order in [Order::Little, Order::Big] {
        for (name, expected) in &rows {
            for (number, expected) in expected.iter().enumerate() {
                let expected = expected.map_or(Found::Incompatible, |bytes| {
                    let is_number = number < 6;
                    let mut bytes = bytes.to_vec();
                    if is_number && order == Order::Big {
                        bytes.reverse();
                    }
                    Found::Value(bytes)
                });
                assert_eq!(config_value(order, number, name), expected, "{name} of type {number}");
            }
        }
        assert_eq!(config_value(order, 0, "COMMENT"), Found::Missing);
    }
}

/// What a variable of this type, in an object of this order, gets from `CONFIG`.
fn config_value(order: Order, type_number: usize, name: &str) -> Found {
    let mut object = Object::new(order);
    let type_id = config_type(&mut object.btf, type_number);
    object.kconfig(&format!("CONFIG_{name}"), GLOBAL, type_id);
    let mut facts = KernelFacts::default();
    facts.config = Some(CONFIG.as_bytes());
    let kernel = OpenTargets::from(target("vmlinux", &Btf::new(order)));
    externs(&object.finish(), &kernel, &facts).unwrap().remove(0).found
}

fn config_type(btf: &mut Btf, number: usize) -> u32 {
    const SIGNED: u32 = 1;
    const BOOL: u32 = 4;
    let character = |btf: &mut Btf| btf.int("char", 1, SIGNED);
    match number {
        0 => btf.int("_Bool", 1, BOOL),
        1 => btf.enum_("libbpf_tristate", false, &[("TRI_NO", 0)]),
        2 => character(btf),
        3 => btf.int("unsigned char", 1, 0),
        4 => btf.int("short", 2, SIGNED),
        5 => {
            let int = btf.int("unsigned int", 4, 0);
            btf.const_(int)
        }
        number => {
            let character = character(btf);
            btf.array(character, if number == 6 { 4 } else { 3 })
        }
    }
}

/// An object with externs of `unsigned int` in `.kconfig`, against a kernel whose helpers have these names.
fn found(names: &[&str], binding: u64, facts: &KernelFacts<'_>, helpers: &[&str]) -> Vec<Found> {
    let mut object = Object::new(Order::Little);
    let int = object.btf.int("unsigned int", 4, 0);
    names.iter().for_each(|name| object.kconfig(name, binding, int));
    let mut kernel = Btf::little();
    let helpers: Vec<_> = helpers.iter().map(|name| (*name, 1)).collect();
    kernel.enum_("bpf_func_id", false, &helpers);
    let kernel = OpenTargets::from(not_yet_read("vmlinux", &kernel, None));
    externs(&object.finish(), &kernel, facts).unwrap().into_iter().map(|found| found.found).collect()
}

#[test]
fn values_that_libbpf_makes_are_known_as_far_as_it_is_sure() {
    let names =
        ["LINUX_KERNEL_VERSION", "LINUX_HAS_BPF_COOKIE", "LINUX_HAS_SYSCALL_WRAPPER", "LINUX_OTHER", "CONFIG_A"];
    let zero = || Found::Value(vec![0; 4]);
    let mut facts = KernelFacts::default();
    let old = ["BPF_FUNC_unspec", "BPF_FUNC_map_lookup_elem"];
    assert_eq!(found(&names, WEAK, &facts, &["BPF_FUNC_get_attach_cookie"]), [(); 5].map(|()| Found::Unknown));
    assert_eq!(found(&names[1..2], WEAK, &facts, &old), [zero()]);
    assert_eq!(found(&names[1..2], WEAK, &facts, &[]), [Found::Unknown], "an enum without enumerators");

    facts.version = KernelFacts::version_code("6.12.5");
    facts.config = Some(b"CONFIG_KPROBE_EVENTS=y\n");
    let weak = found(&names, WEAK, &facts, &old);
    assert_eq!(weak, [Found::Value(vec![5, 12, 6, 0]), zero(), zero(), Found::Unknown, zero()]);
    assert_eq!(found(&names[4..], GLOBAL, &facts, &[]), [Found::Missing]);
    facts.config = Some(b"CONFIG_KPROBE_EVENTS=y\nCONFIG_ARCH_HAS_SYSCALL_WRAPPER=y\n");
    assert_eq!(found(&names[2..3], WEAK, &facts, &[]), [Found::Unknown]);
}

/// As `/proc/config.gz` is.
#[test]
fn what_is_no_configuration_is_an_error() {
    let mut facts = KernelFacts::default();
    facts.config = Some(&[0x1f, 0x8b, 8, 0]);
    let mut object = Object::new(Order::Little);
    let int = object.btf.int32();
    object.kconfig("CONFIG_A", WEAK, int);
    let kernel = OpenTargets::from(target("vmlinux", &Btf::little()));
    assert!(matches!(externs(&object.finish(), &kernel, &facts), Err(Error::Argument { .. })));
}

#[test]
fn versions_are_those_of_releases() {
    for (text, version) in [
        ("6.12.5", Some(0x06_0c_05)),
        ("6.12", Some(0x06_0c_00)),
        ("6.1.0-56-amd64", Some(0x06_01_00)),
        ("6.12.117+deb12-amd64", Some(0x06_0c_75)),
        ("4.14.336", Some(0x04_0e_ff)),
        ("6", None),
        ("", None),
        ("v6.1.2", None),
        ("6..1", None),
        ("6.1.x", Some(0x06_01_00)),
        ("6.256.1", None),
        ("99999999999.1.2", None),
    ] {
        assert_eq!(KernelFacts::version_code(text), version, "{text}");
    }
}
