// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What becomes of one relocation, in a word.

use std::sync::Arc;

use corelo::error::Error;
use corelo::object::{OpenTargets, Options, Outcome, Report, Target, relocate};
use corelo::source;

use corelo_testing::btf::Btf;
use corelo_testing::object;

/// BTF of these bytes.
pub(crate) fn open(btf: &Btf) -> Result<Arc<corelo::btf::Btf<'static>>, Error> {
    source::from_bytes(btf.bytes(), None).map(Arc::new)
}

/// Relocates an object in place, and gives what the report says of it.
pub(crate) fn relocated(object: &mut [u8], targ: &Btf) -> (Result<(), Error>, Report) {
    let kernel = Target::new("target", open(targ).unwrap());
    let targets = OpenTargets::from(kernel);
    let mut report = Report::default();
    let options = Options::new();
    let before = object.to_vec();
    let result = relocate(object, &targets, &options, Some(&mut report)).map(drop);
    assert!(result.is_ok() || object == before, "a failure has changed the object");
    (result, report)
}

/// The new value of the last relocation of an object, `poison`, `skipped`, or the name of what went wrong.
pub(crate) fn outcome(mut object: Vec<u8>, targ: &Btf) -> String {
    let (result, report) = relocated(&mut object, targ);
    match (report.entries.last().map(|entry| (&entry.outcome, entry.new_val)), result) {
        (Some((Outcome::Resolved, new_val)), Ok(())) => new_val.to_string(),
        (Some((Outcome::Poisoned(_), _)), Ok(())) => "poison".to_owned(),
        (Some((Outcome::Skipped(_), _)), Ok(())) => "skipped".to_owned(),
        (_, Err(error)) => name_of(&error),
        (None, Ok(())) => "nothing".to_owned(),
        (Some(_), Ok(())) => "a failure that was not told".to_owned(),
    }
}

/// What becomes of a relocation whose instruction holds 1: its local root type, its access string, what it asks.
pub(crate) fn ask(mut local: Btf, root: u32, access: &str, kind: u32, targ: &Btf) -> String {
    let access = local.str(access);
    outcome(object::object(local, &[(root, access, kind)]), targ)
}

/// The name of a variant: that of the innermost error, without the places around it.
pub(crate) fn name_of(error: &Error) -> String {
    match error.root() {
        Error::LocalSpec { cause, .. } => name_of(cause),
        root => format!("{root:?}").chars().take_while(char::is_ascii_alphanumeric).collect(),
    }
}
