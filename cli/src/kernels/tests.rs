// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What is known of kernels besides their BTF, and how they are found.

use std::fs;
use std::io::{self, Read, Write as _};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use corelo::Result;
use corelo::btf::BtfView as _;
use corelo_testing::btf::Btf;
use corelo_testing::kernel::{BANNER, RELEASE, arm64_image, bzimage, deb, linux_version, vmlinux, zboot};
use flate2::Compression;
use flate2::write::GzEncoder;

use super::decode::{Limited, MAX_FILE, unpack};
use super::find::{Found, find};
use super::image::read_image;
use super::{Kernel, Source};

/// A folder that is removed in the end.
struct Dir(PathBuf);

impl Dir {
    fn new(test: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("corelo-kernels-{test}-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }

    fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn btf() -> Vec<u8> {
    let mut btf = Btf::little();
    btf.int32();
    btf.bytes()
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, content) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(u64::try_from(content.len()).unwrap());
        archive.append_data(&mut header, name, *content).unwrap();
    }
    archive.into_inner().unwrap()
}

fn open_all(source: &Source) -> Vec<Result<Kernel>> {
    let mut kernels = Vec::new();
    source.open(&mut |kernel| kernels.push(kernel));
    kernels
}

/// The only kernel.
#[track_caller]
fn open(path: &Path) -> Kernel {
    let Found { sources, errors } = find(&[path.to_owned()]);
    assert!(errors.is_empty() && sources.len() == 1, "{sources:?} {errors:?}");
    let mut kernels = open_all(&sources[0]);
    assert_eq!(kernels.len(), 1);
    kernels.remove(0).unwrap()
}

/// Names and paths below the folder, and the errors.
fn listed(dir: &Dir) -> (Vec<String>, Vec<String>) {
    let found = find(std::slice::from_ref(&dir.0));
    let kernels = found.sources.iter().flat_map(open_all);
    let shown = kernels.map(|kernel| match kernel {
        Ok(kernel) => format!("{} {}", kernel.name, kernel.path),
        Err(error) => format!("error: {error}"),
    });
    let shown = shown.map(|line| line.replace(&format!("{}/", dir.0.display()), ""));
    (shown.collect(), found.errors.iter().map(ToString::to_string).collect())
}

#[test]
fn facts_of_a_package() {
    let dir = Dir::new("facts");
    let bz = bzimage(&gzip(&vmlinux(&btf(), b"")), None);
    let config = format!("boot/config-{RELEASE}");
    let image = format!("boot/vmlinuz-{RELEASE}");
    for files in [[(&*config, &b"CONFIG_BPF=y\n"[..]), (&image, &bz)], [(&image, &bz), (&config, b"CONFIG_BPF=y\n")]] {
        let path = dir.file("debian/linux.deb", &deb(&[("data.tar.gz", &gzip(&tar(&files)))]));
        let kernel = open(&path);
        assert_eq!((&*kernel.name, kernel.release.as_deref()), (RELEASE, Some(RELEASE)));
        assert_eq!(kernel.path, format!("{}!{image}", path.display()));
        // Debian's version, not the release's 6.1.0.
        assert_eq!(kernel.version_code, Some(0x0601c0));
        assert_eq!(kernel.config.as_deref(), Some("CONFIG_BPF=y\n"));
        assert_eq!((kernel.arch.as_deref(), kernel.in_kernel_btf), (Some("x86_64"), Some(true)));
    }
    assert_eq!(listed(&dir).0, [format!("debian/{RELEASE} debian/linux.deb!{image}")]);
}

#[test]
fn facts_inside_images() {
    let dir = Dir::new("inside");
    let ubuntu = "5.4.0-80-generic (buildd@lcy01) (gcc (Ubuntu 9.3.0-17ubuntu1~20.04) 9.3.0) #90-Ubuntu SMP 2021";
    let text = |banner: &str| {
        let config = gzip(b"CONFIG_BPF_JIT=y\n");
        let signature = "Ubuntu 5.4.0-80.90-generic 5.4.124";
        [
            b"Linux version %s\0Linux version ",
            banner.as_bytes(),
            b"\n\0IKCFG_ST",
            &config,
            b"\0",
            signature.as_bytes(),
            b"\0",
        ]
        .concat()
    };
    for (name, content, arch, version) in [
        ("vmlinux", vmlinux(&btf(), &text(ubuntu)), "x86_64", 0x05047c),
        ("vmlinux.gz", gzip(&vmlinux(&btf(), &text(ubuntu))), "x86_64", 0x05047c),
        ("zboot", zboot(&gzip(&arm64_image(&btf(), &text(BANNER)))), "arm64", 0x0601c0),
    ] {
        let kernel = open(&dir.file(name, &content));
        assert_eq!((kernel.arch.as_deref(), kernel.version_code), (Some(arch), Some(version)), "{name}");
        assert_eq!(kernel.config.as_deref(), Some("CONFIG_BPF_JIT=y\n"), "{name}");
        assert_eq!(kernel.in_kernel_btf, Some(true), "{name}");
    }
    let raw = open(&dir.file("4.18.0-305.el8.x86_64.btf", &btf()));
    assert_eq!((raw.version_code, raw.in_kernel_btf, raw.config), (Some(0x041200), None, None));
    assert_eq!(raw.release.as_deref(), Some("4.18.0-305.el8.x86_64"));
}

#[test]
fn names_in_folders() {
    let dir = Dir::new("names");
    let raw = btf();
    dir.file("ubuntu/20.04/x86_64/5.4.0-80-generic.btf.tar.gz", &gzip(&tar(&[("5.4.0-80-generic.btf", &raw)])));
    dir.file("6.1/vmlinux.btf", &raw);
    dir.file("debian/vmlinuz-5.10.0-1-amd64", &bzimage(&gzip(&vmlinux(&raw, b"")), None));
    dir.file("all.tar", &tar(&[("a/x.btf", &raw), ("b/vmlinux", &raw)]));
    dir.file("notes.txt", b"none");
    dir.file("other.deb", &deb(&[("data.tar", &tar(&[("usr/bin/tool", b"\x7fELF")]))]));
    dir.file("initrd.img-5.10.0-1-amd64", b"0707010000");
    let (kernels, errors) = listed(&dir);
    assert_eq!(
        kernels,
        [
            "6.1 6.1/vmlinux.btf",
            "all/a/x all.tar!a/x.btf",
            "all all.tar!b/vmlinux",
            "debian/5.10.0-1-amd64 debian/vmlinuz-5.10.0-1-amd64",
            "ubuntu/20.04/x86_64/5.4.0-80-generic ubuntu/20.04/x86_64/5.4.0-80-generic.btf.tar.gz!5.4.0-80-generic.btf",
        ]
    );
    assert!(errors.is_empty(), "{errors:?}");
}

#[test]
fn broken_kernel_among_good_ones() {
    let dir = Dir::new("among");
    let raw = btf();
    dir.file("a.btf", &raw);
    dir.file("b.btf", b"");
    dir.file("c.btf", &raw[..raw.len() - 1]);
    dir.file("d.btf.gz", &gzip(&raw)[..30]);
    dir.file("e.tar", &tar(&[("x.btf", &raw[..30]), ("y.btf", &raw)]));
    dir.file("f.btf.bz2", b"BZh91AY");
    let (kernels, errors) = listed(&dir);
    let begins: Vec<_> = kernels.iter().map(|line| line.split(": ").take(2).collect::<Vec<_>>().join(": ")).collect();
    assert_eq!(begins, ["a a.btf", "error: c.btf", "error: e.tar!x.btf", "e/y e.tar!y.btf"]);
    let names: Vec<_> = errors.iter().filter_map(|line| line.split(": ").next()?.rsplit('/').next()).collect();
    assert_eq!(names, ["b.btf", "d.btf.gz", "f.btf.bz2"]);
}

#[test]
fn files_are_listed_once() {
    let dir = Dir::new("links");
    let raw = dir.file("kernel/first.btf", &btf());
    symlink("..", dir.0.join("kernel/cycle")).unwrap();
    symlink("nowhere", dir.0.join("kernel/broken")).unwrap();
    for number in 0..10_000 {
        symlink(&raw, dir.0.join(format!("{number}.btf"))).unwrap();
    }
    let start = std::time::Instant::now();
    let found = find(&[dir.0.clone(), raw.clone(), dir.0.join("kernel")]);
    assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
    assert!(found.errors.is_empty() && found.sources.len() == 1, "{:?}", found.errors);
    assert_eq!((&*found.sources[0].name, found.sources[0].aliases.len()), ("0", 10_001));
    assert!(found.sources[0].aliases.contains(&"kernel/first".to_owned()));

    let empty = Dir::new("empty");
    let found = find(&[empty.0.clone(), empty.0.join("missing")]);
    let errors: Vec<_> = found.errors.iter().map(ToString::to_string).collect();
    assert!(errors[0].ends_with("no kernel in this folder") && errors[1].contains("No such file"), "{errors:?}");
}

#[test]
fn kernel_with_modules_in_one_argument() {
    let dir = Dir::new("comma");
    let mut base = Btf::little();
    base.int32();
    let mut split = Btf::split(&base);
    split.int32();
    let (kernel, module) = (dir.file("k.btf", &base.bytes()), dir.file("m.btf", &split.bytes()));
    let with = |module: &Path| find(&[format!("{},{}", kernel.display(), module.display()).into()]);
    for wrong in [dir.file("text", b"text"), kernel.clone(), dir.0.join("missing")] {
        let found = with(&wrong);
        assert!(found.sources.is_empty() && found.errors.len() == 1, "{wrong:?}: {found:?}");
    }
    let found = with(&module);
    assert_eq!(found.sources[0].modules, [module]);
    assert_eq!((&*found.sources[0].name, found.sources[0].path.clone()), ("k", kernel));
}

/// Gives zeros for ever, and fails when too many are read.
struct Zeros(usize);

impl Read for Zeros {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(buffer.len()).ok_or_else(|| io::Error::other("read on"))?;
        buffer.fill(0);
        Ok(buffer.len())
    }
}

#[test]
fn image_is_read_up_to_its_btf() {
    let mut large = Btf::little();
    let int = large.int32();
    for number in 0..10_000 {
        large.ptr(int + number);
    }
    let small = btf();
    // The BTF of a BPF program comes before the kernel's.
    let image = [vmlinux(&[], &linux_version()), small, large.bytes()].concat();
    let read = read_image(unpack(image.chain(Zeros(3 << 20))).unwrap()).unwrap();
    assert_eq!(read.btf.type_cnt(), 10_002);
    assert_eq!(read.banner.as_deref(), Some(BANNER));
}

#[test]
fn unpacked_size_is_limited() {
    let mut stream = Limited::new(io::repeat(0), MAX_FILE);
    let error = io::copy(&mut stream, &mut io::sink()).unwrap_err();
    assert_eq!(error.to_string(), "more than 1 GiB unpacked: given up");
    assert!(stream.read(&mut [0]).is_err(), "it goes on failing");
}
