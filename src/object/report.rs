// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What became of each relocation of an object.

use std::borrow::Cow;

use crate::btf::TypeId;
use crate::error::Error;
use crate::relo::ReloKind;

/// How a relocation ended.
#[derive(Debug)]
pub enum Outcome {
    /// The instruction holds the target's value.
    Resolved,
    /// The instruction is invalid now; the verifier refuses it where it can be reached. The message says why.
    Poisoned(Cow<'static, str>),
    /// Nothing was done: no program has this instruction. The message says why: most often the linker eliminated a weak
    /// function, but not its records.
    Skipped(&'static str),
    /// The object cannot be relocated because of this one.
    Failed(Box<Error>),
}

/// One relocation.
#[derive(Debug)]
pub struct Entry {
    /// How it ended.
    pub outcome: Outcome,
    /// ELF section of the instruction.
    pub section: String,
    /// Function that the instruction is in; `None` when skipped.
    pub program: Option<String>,
    /// Offset of the instruction in the section, in bytes.
    pub insn_off: u32,
    /// What was asked.
    pub kind: ReloKind,
    /// Local root type.
    pub type_id: TypeId,
    /// About what, as C writes it: `task_struct.mm`, `pid_type::PIDTYPE_PID`, `struct task_struct`. Where the access
    /// string cannot be followed, the root type's name and that string.
    pub access: String,
    /// The local spec, in the format of `bpf_core_format_spec`. Empty where there is none.
    pub local_spec: String,
    /// The target's; `None` where no candidate matched.
    pub target_spec: Option<String>,
    /// Name of the BTF that the matching candidate is in.
    pub target: Option<String>,
    /// Value by the object's BTF.
    pub orig_val: u64,
    /// Value by the target's BTF; 0 when poisoned.
    pub new_val: u64,
    /// Source file, where the object has line numbers.
    pub file: Option<String>,
    /// Line in the source file, from 1; 0 where there is none.
    pub line: u32,
}

/// What became of each relocation of an object, in the order of `.BTF.ext`.
#[derive(Debug, Default)]
pub struct Report {
    /// An entry for each relocation.
    pub entries: Vec<Entry>,
}
