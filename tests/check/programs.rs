// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! programs.bpf.c, which says what each program needs.

use std::path::Path;

use corelo::check::{CheckOptions, Finding, Rule, Verdict, check};
use corelo::object::{OpenTargets, Target};
use corelo_testing::btf::Btf;
use corelo_testing::object::{BYTE_OFFSET, TYPE_ID_LOCAL, object_of_insns};

use crate::kernel::Kernel;
use crate::{all_known, checked, checked_against, kernel_only, more, object, said, target};

#[test]
fn a_kernel_with_all_loads_what_fits() {
    let check = checked("programs", &Kernel::without(&[]), &all_known());
    let expected = [
        "enters_reads_too_much no yes attach-proto",
        "exits_reads_nothing no yes attach-proto",
        "tp_btf_reads_too_much no yes attach-proto",
        "enters_takes_struct no yes attach-proto",
        "enters_takes_many no yes attach-proto",
        "enters_variadic no yes attach-proto",
        "exits_returns_large no yes attach-proto",
        "enters_twice yes unknown attach-ambiguous",
        "enters_module no yes attach-missing",
        "enters_any_module no yes attach-missing",
        "enters_unset unknown yes attach-missing",
        "modifies unknown yes attach-unverified",
        "enters_sleepable unknown yes attach-unverified",
        "lsm_sleepable unknown yes attach-unverified",
        "optional no yes attach-missing",
        "freplace unknown yes extra-target",
        "struct_ops_unset unknown yes attach-missing",
        "struct_ops_sleepable unknown yes attach-missing,attach-unverified",
        "own_section unknown yes section-unknown",
    ];
    let mut said = said(&check);
    let mut expected = expected.map(str::to_owned).to_vec();
    said.sort();
    expected.sort();
    assert_eq!(said, expected);
    assert!(check.programs.iter().any(|program| program.name == "optional" && program.is_optional));
    assert_eq!(check.verdict(), Verdict::No);
}

/// What a kernel lacks or has in another way, and all that follows.
const CHANGES: &[(&[&str], &[&str])] = &[
    (
        &["traced"],
        &[
            "enters no yes attach-missing",
            "enters_reads_too_much no yes attach-missing",
            "exits no yes attach-missing",
            "modifies no yes attach-missing",
            "enters_sleepable no yes attach-missing",
        ],
    ),
    (
        &["event"],
        &[
            "tp_btf no yes attach-missing",
            "tp_btf_reads_too_much no yes attach-missing",
            "raw_tp yes unknown attach-unseen",
            "tp yes unknown attach-unseen",
            "calls yes unknown attach-unseen",
            "calls_guarded yes unknown attach-unseen",
            "calls_replaced yes unknown attach-unseen",
            "relocates yes unknown attach-unseen",
            "relocates_guarded yes unknown attach-unseen",
            "relocates_by_rodata yes unknown attach-unseen",
            "relocates_without_type yes unknown attach-unseen",
            "relocates_by_version yes unknown attach-unseen",
        ],
    ),
    (&["bpf_lsm_hook"], &["lsm no yes attach-missing", "lsm_sleepable no yes attach-missing"]),
    (&["bpf_iter_thing"], &["iter no yes attach-missing"]),
    (&["probed"], &["kprobe yes unknown attach-unseen"]),
    (&["probed", "proven"], &["kprobe yes unknown attach-unseen", "kprobe_multi yes unknown attach-unseen"]),
    (&["__x64_sys_call"], &["tp_syscall yes unknown attach-unseen", "ksyscall yes unknown attach-unseen"]),
    (&["perf_syscall_enter"], &["tp_syscall yes unknown attach-unseen"]),
    (&["ktime_get_ns"], &["calls no yes helper-missing"]),
    (&["ktime_get_ns=get_time"], &["calls no yes helper-renumbered"]),
    // libbpf makes it a call of probe_read.
    (&["bpf_func_id"], &[]),
    (&["SYSCALL"], &["syscall_program no yes prog-type"]),
    (&["SYSCALL_prog"], &["syscall_program no yes prog-type"]),
    (&["bpf_ctx_convert"], &[]),
    (&["LSM=OTHER"], &["lsm no yes prog-type", "lsm_sleepable no yes attach-unverified,prog-type"]),
    (&["CGROUP_INET4_BIND"], &["cgroup_bind no yes attach-type"]),
    (&["TRACE_ITER"], &["iter no yes attach-type"]),
    (&["TCX_INGRESS"], &["tcx yes unknown attach-type"]),
    (&["TRACE_KPROBE_MULTI"], &["kprobe_multi yes no attach-type"]),
    (
        &["gone"],
        &[
            "relocates no yes core-relo-reachable",
            "relocates_guarded yes yes core-relo-guarded",
            "relocates_by_rodata yes yes core-relo-rodata",
            "relocates_by_version unknown yes core-relo-reachable",
        ],
    ),
    (&["nowhere"], &["relocates_without_type no yes core-relo-no-type"]),
];

#[test]
fn what_a_kernel_lacks_decides() {
    let all = checked("programs", &Kernel::without(&[]), &all_known());
    for (without, expected) in CHANGES {
        let mut changed = more(&checked("programs", &Kernel::without(without), &all_known()), &all);
        let mut expected: Vec<_> = expected.iter().map(|line| (*line).to_owned()).collect();
        changed.sort();
        expected.sort();
        assert_eq!(changed, expected, "without {without:?}");
    }
}

#[test]
fn what_modules_may_have_is_unknown() {
    let kernel = Kernel::without(&["traced", "nowhere", "gone"]);
    let mut options = CheckOptions::default();
    for (config, verdict) in [
        ("CONFIG_MODULES=y\n", "unknown"),
        // A part of a configuration.
        ("CONFIG_A=y\n", "unknown"),
        ("CONFIG_A=y\n# CONFIG_MODULES is not set\n", "no"),
        ("CONFIG_A=y\nCONFIG_MODULES=n\n", "no"),
    ] {
        options.config = Some(config);
        let said = said(&checked("programs", &kernel, &options));
        for (name, rule) in [
            ("enters", "attach-missing"),
            ("enters_any_module", "attach-missing"),
            ("relocates_without_type", "core-relo-no-type"),
        ] {
            let line = format!("{name} {verdict} yes {rule}");
            assert!(said.contains(&line), "{line}: {said:#?}");
        }
        // Modules are not searched for a type that the kernel has.
        assert!(said.contains(&"relocates no yes core-relo-reachable".to_owned()), "{said:#?}");
    }
}

/// Relocations have the name of their section, so nobody knows which of the two programs they poison.
#[test]
fn poison_in_one_of_two_sections_of_a_name() {
    let duplicate =
        std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/duplicate.el.bpf.o")).unwrap();
    let check = check(&duplicate, &kernel_only(&Kernel::without(&[])), &all_known()).unwrap();
    assert_eq!(check.programs.len(), 2);
    for (number, program) in check.programs.iter().enumerate() {
        assert_eq!(program.load, Verdict::Unknown);
        let is_its = |finding: &&Finding| finding.program == Some(number);
        assert!(check.findings.iter().filter(is_its).any(|finding| finding.rule == Rule::CoreReloNoType));
    }
}

#[test]
fn no_module_has_registers_of_another_architecture() {
    let mut local = Btf::little();
    let (int, access) = (local.int32(), local.str("0:0"));
    let registers = local.struct_("user_pt_regs", 8, &[("pstate", int, 0)]);
    let object = object_of_insns(local, "kprobe", &[(registers, access, BYTE_OFFSET)]);
    let mut options = CheckOptions::default();
    options.explain = true;
    let check = check(&object, &kernel_only(&Kernel::without(&[])), &options).unwrap();
    assert_eq!(said(&check), ["f no yes core-relo-no-type"]);
    let finding = &check.findings[0];
    assert!(finding.message.contains("this is a register of arm64") && !finding.message.contains("module"));
    assert_eq!(finding.remedy.as_deref(), Some("compile the object for the architecture of the kernel"));
}

#[test]
fn a_module_has_attach_targets_too() {
    let kernel = Kernel::without(&["traced"]);
    let mut module = Btf::split(&kernel);
    let proto = module.func_proto(0, &[]);
    module.func("in_module", proto);
    let kernel = target("vmlinux", &kernel);
    let btf = corelo::btf::Btf::new(corelo::btf::Data::Owned(module.bytes()), Some(kernel.btf().clone())).unwrap();
    let module = Target::new("/lib/modules/1/module.ko", std::sync::Arc::new(btf));
    let targets = OpenTargets::new(kernel, vec![module]).unwrap();
    let said = said(&checked_against(&object("programs"), &targets, &all_known()));
    assert!(
        !said.iter().any(|line| line.starts_with("enters_module") || line.starts_with("enters_any_module")),
        "{said:#?}"
    );
    assert!(said.iter().any(|line| line == "enters no yes attach-missing"), "{said:#?}");
}

#[test]
fn an_access_that_cannot_be_followed_is_no_missing_type() {
    let types = || {
        let mut btf = Btf::little();
        let int = btf.int32();
        let root = btf.struct_("s", 4, &[("x", int, 0)]);
        (btf, root)
    };
    for kind in [BYTE_OFFSET, TYPE_ID_LOCAL] {
        let (mut local, root) = types();
        let access = local.str("0:9");
        // It poisons an optional program.
        let object = object_of_insns(local, "?tc", &[(root, access, kind)]);
        let check = checked_against(&object, &kernel_only(&types().0), &all_known());
        let rules: Vec<_> = check.findings.iter().map(|finding| finding.rule).collect();
        assert_eq!(rules, [Rule::CoreReloReachable]);
    }
}

#[test]
fn the_loader_sets_targets_and_values() {
    let kernel = Kernel::without(&["gone", "ktime_get_ns"]);
    let before = checked("programs", &kernel, &all_known());
    let mut options = all_known();
    options.attach_targets = &[("enters_unset", "traced"), ("enters_module", "absent")];
    options.values = &[("has_helper", &[1])];
    options.version = Some(0x0006_0000);
    let after = more(&checked("programs", &kernel, &options), &before);
    let expected = [
        "calls_guarded no yes helper-missing",
        "relocates_by_rodata no yes core-relo-reachable",
        "relocates_by_version yes yes core-relo-guarded",
    ];
    assert_eq!(after, expected);
    for (values, error) in
        [(&[("has_helper", &[1_u8, 2][..])][..], "has 1 bytes"), (&[("nothing", &[1])], "no variable nothing")]
    {
        options.values = values;
        let error_text = check(&object("programs"), &kernel_only(&kernel), &options).unwrap_err().to_string();
        assert!(error_text.contains(error), "{error_text}");
    }
}

#[test]
fn extra_types_are_for_relocations_only() {
    let kernel = Kernel::without(&["nowhere", "traced"]);
    let extra = [target("extra", &Kernel::without(&[]))];
    let mut options = all_known();
    options.extra = &extra;
    let said = said(&checked("programs", &kernel, &options));
    assert!(!said.iter().any(|line| line.starts_with("relocates_without_type")), "{said:#?}");
    assert!(said.iter().any(|line| line == "enters no yes attach-missing"), "{said:#?}");
}

#[test]
fn a_kernel_without_btf_loads_no_program_that_needs_it() {
    let mut options = all_known();
    options.kernel_has_btf = Some(false);
    let check = checked("programs", &Kernel::without(&[]), &options);
    let named = |name: &str| check.programs.iter().find(|program| program.name == name).unwrap();
    for name in ["enters", "exits", "tp_btf", "lsm", "iter", "modifies_hook"] {
        assert_eq!(named(name).load, Verdict::No, "{name}");
    }
    for name in ["raw_tp", "kprobe", "relocates_guarded"] {
        assert_eq!(named(name).load, Verdict::Yes, "{name}");
    }
}

#[test]
fn cause_and_remedy_are_in_words() {
    let mut options = all_known();
    options.explain = true;
    let check = checked("programs", &Kernel::without(&["gone", "traced", "ktime_get_ns", "nowhere"]), &options);
    let words = |rule: Rule| {
        let finding = check.findings.iter().find(|finding| finding.rule == rule).unwrap();
        (finding.message.clone(), finding.remedy.clone().unwrap())
    };
    for (rule, message, remedy) in [
        (Rule::AttachMissing, "the kernel has no function traced", "bpf_program__set_autoload()"),
        (Rule::HelperMissing, "the kernel has no bpf_ktime_get_ns (helper 5)", "bpf_core_enum_value_exists"),
        (Rule::CoreReloReachable, "thing.gone (byte_off): the target has no member gone", "bpf_core_field_exists()"),
        (Rule::CoreReloNoType, "the target has no struct nowhere", "extra target"),
    ] {
        let found = words(rule);
        assert!(found.0.contains(message) && found.1.contains(remedy), "{rule:?}: {found:?}");
    }
}
