// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The kernels of a package, of an archive such as BTFHub's, and of an archive of either.

use std::io::{self, Read};
use std::ops::ControlFlow;

use corelo::btf::{Btf, Data};
use corelo::{Error, Result};

use super::Kernel;
use super::archive::for_each_member;
use super::decode::{Limited, MAX_ARCHIVE, Unpacked, unpack};
use super::form::{Form, claims_kernel, is_module_name, is_split_btf, stem};
use super::image::{Image, read_image};
use super::modules::{Place, Within};
use super::source::{MAX_CONFIG, Parts, Source};
use super::version::release_of;

/// Hands each kernel of an archive to `each`.
///
/// # Errors
///
/// That the archive is broken, over a limit, or, if it was named by the user, without a kernel.
pub(super) fn read(source: &Source, archive: Unpacked<'_>, each: &mut dyn FnMut(Result<Kernel>)) -> Result<()> {
    let mut reader = Reader {
        source,
        each,
        is_package: false,
        configs: Vec::new(),
        pending: Vec::new(),
        seen: Vec::new(),
        has_modules: false,
        split: Vec::new(),
        is_at_end: false,
        failed: None,
    };
    let mut stream = Limited::new(archive.stream, MAX_ARCHIVE);
    let read = reader.read_members(archive.form, &mut stream, "", 0);
    reader.is_at_end = true;
    for (member, parts) in std::mem::take(&mut reader.pending) {
        reader.emit(&member, parts);
    }
    match (read, reader.failed) {
        // The member's error is the archive's.
        (Err(_), Some(last)) if last => Ok(()),
        (Err(error), _) => Err(error.into()),
        (Ok(_), None) if reader.seen.is_empty() && !source.is_found => Err(Error::Argument {
            what: if reader.has_modules {
                "no kernel in it, but modules: give it after its kernel".into()
            } else {
                "no kernel in it".into()
            },
        }),
        (Ok(_), _) => Ok(()),
    }
}

struct Reader<'r> {
    source: &'r Source,
    each: &'r mut dyn FnMut(Result<Kernel>),
    /// Whether it is a distribution's package, which has one kernel.
    is_package: bool,
    /// Configurations by release.
    configs: Vec<(String, String)>,
    /// Kernels whose configuration or modules may follow.
    pending: Vec<(String, Parts)>,
    /// What kernels say that they are, since a package may have one twice.
    seen: Vec<String>,
    has_modules: bool,
    /// Modules that are raw BTF.
    split: Vec<String>,
    is_at_end: bool,
    /// Whether a member could not be read, and whether that was the last one.
    failed: Option<bool>,
}

impl Reader<'_> {
    fn read_members(&mut self, form: Form, stream: &mut dyn Read, prefix: &str, depth: u32) -> io::Result<()> {
        let outer = std::mem::replace(&mut self.is_package, matches!(form, Form::Deb | Form::Rpm));
        let read = for_each_member(form, stream, depth, &mut |name, content| {
            let member = format!("{prefix}{name}");
            let read = self.read_member(&member, content, depth);
            if let Err(error) = read {
                self.failed = Some(true);
                (self.each)(Err(error.at(format!("{}!{member}", self.source.path.display()))));
            } else {
                self.failed = self.failed.map(|_| false);
            }
            let is_done = self.is_package && !self.seen.is_empty() && self.pending.is_empty();
            Ok(if is_done { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        });
        // The first one's kind still names what is pending.
        if depth > 0 {
            self.is_package = outer;
        }
        read
    }

    fn read_member(&mut self, member: &str, content: &mut dyn Read, depth: u32) -> Result<()> {
        let file_name = member.rsplit('/').next().unwrap_or(member);
        if file_name == ".PKGINFO" {
            self.is_package = true;
        } else if let Some(release) = config_release(member) {
            let mut config = String::new();
            if content.take(MAX_CONFIG).read_to_string(&mut config).is_ok() {
                self.add_config(release, config);
            }
        } else if is_module_name(file_name) {
            self.has_modules = true;
        } else {
            match unpack(content) {
                Ok(unpacked) => self.read_file(member, unpacked, depth)?,
                // Other files, some of which are only taken for compressed ones, are not missed.
                Err(error) if claims_kernel(file_name) => return Err(error.into()),
                Err(_) => {}
            }
        }
        Ok(())
    }

    fn read_file(&mut self, member: &str, unpacked: Unpacked<'_>, depth: u32) -> Result<()> {
        match unpacked.form {
            Form::Btf => self.read_btf(member, unpacked),
            Form::Elf if claims_kernel(member) => self.read_kernel(member, unpacked),
            form if form.is_image() => self.read_kernel(member, unpacked),
            form if form.is_archive() => {
                let mut stream = Limited::new(unpacked.stream, MAX_ARCHIVE);
                Ok(self.read_members(form, &mut stream, &format!("{member}!"), depth.saturating_add(1))?)
            }
            _ => Ok(()),
        }
    }

    fn read_btf(&mut self, member: &str, unpacked: Unpacked<'_>) -> Result<()> {
        let data = unpacked.read_all()?;
        if is_split_btf(&data) {
            self.has_modules = true;
            self.split.push(member.to_owned());
            return Ok(());
        }
        let btf = Btf::new(Data::Owned(data), None)?;
        self.seen.push(String::new());
        self.emit_raw();
        self.pending.push((member.to_owned(), Parts { image: Image::of_btf(btf), is_image: false, config: None }));
        Ok(())
    }

    /// Emits raw BTF: another kernel follows.
    fn emit_raw(&mut self) {
        let (images, raw): (Vec<_>, Vec<_>) = self.pending.drain(..).partition(|(_, parts)| parts.is_image);
        self.pending = images;
        raw.into_iter().for_each(|(member, parts)| self.emit(&member, parts));
    }

    fn read_kernel(&mut self, member: &str, unpacked: Unpacked<'_>) -> Result<()> {
        let image = read_image(unpacked)?;
        self.emit_raw();
        if let Some(banner) = &image.banner {
            if self.seen.contains(banner) {
                return Ok(());
            }
        }
        self.seen.push(image.banner.clone().unwrap_or_default());
        let release = image.banner.as_deref().and_then(release_of).unwrap_or_default();
        let config = self.configs.iter().find(|(of, _)| of == release).map(|(_, config)| config.clone());
        let is_complete = config.is_some() || image.config.is_some();
        let parts = Parts { image, is_image: true, config };
        if is_complete {
            self.emit(member, parts);
        } else {
            self.pending.push((member.to_owned(), parts));
        }
        Ok(())
    }

    /// Keeps a configuration, or completes the kernel that waits for it.
    fn add_config(&mut self, release: &str, config: String) {
        let is_of = |(_, parts): &(String, Parts)| parts.image.banner.as_deref().and_then(release_of) == Some(release);
        match self.pending.iter().position(is_of) {
            Some(at) => {
                let (member, parts) = self.pending.remove(at);
                self.emit(&member, Parts { config: Some(config), ..parts });
            }
            None => self.configs.push((release.to_owned(), config)),
        }
    }

    /// Where the modules of raw BTF are: below `NAME/` for `NAME.btf`; beside and below `vmlinux`, and a kernel that is alone.
    fn module_folder(&self, member: &str) -> String {
        let own = format!("{}/", stem(member));
        let folder = member.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
        let is_alone = self.seen.len() <= 1 || own.strip_prefix(&folder) == Some("vmlinux/");
        let has_own = self.split.iter().any(|module| module.starts_with(&own));
        if is_alone && !has_own { folder } else { own }
    }

    fn emit(&mut self, member: &str, parts: Parts) {
        let source = self.source;
        let path = format!("{}!{member}", source.path.display());
        let file_name = member.rsplit('/').next().unwrap_or(member);
        let release = parts.image.banner.as_deref().and_then(release_of);
        let within = match release {
            Some(release) => Within::Release(release.to_owned()),
            None => Within::Folder(self.module_folder(member)),
        };
        let own = Place::Archive(source.path.clone(), within);
        let (above, own_name) = source.name.rsplit_once('/').unwrap_or(("", &source.name));
        let name = match release {
            Some(release) if self.is_package && above.is_empty() => release.to_owned(),
            Some(release) if self.is_package => format!("{above}/{release}"),
            Some(release) => format!("{}/{release}", source.name),
            None if [own_name, "vmlinux"].contains(&stem(file_name)) && !member.contains('!') => source.name.clone(),
            None => format!("{}/{}", source.name, stem(member).replace('!', "/")),
        };
        // Those of an archive inside an archive are not read.
        let has_modules = !member.contains('!') && (self.has_modules || !self.is_at_end && parts.is_image);
        let modules = source.module_places(Some(own).filter(|_| has_modules));
        let kernel = source.kernel(parts, name, path, modules);
        (self.each)(Ok(kernel));
    }
}

/// The release whose configuration this member is.
fn config_release(member: &str) -> Option<&str> {
    let (folder, file_name) = member.rsplit_once('/')?;
    let parent = folder.rsplit('/').next().unwrap_or(folder);
    match file_name.strip_prefix("config-") {
        Some(release) => Some(release).filter(|_| parent == "boot"),
        None => Some(parent).filter(|_| file_name == "config" && folder.contains("lib/modules/")),
    }
}
