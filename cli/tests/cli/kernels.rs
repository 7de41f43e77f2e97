// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Kernels as they are shipped, each of which gives the same answer as its raw BTF.

use super::*;
use corelo_testing::btf::Btf;
use corelo_testing::kernel::{
    RELEASE, arm64_image, bzimage, cpio, deb, elf, linux_version, module, rpm, vmlinux, zboot,
};
use corelo_testing::object::{BYTE_OFFSET, object};
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use lz4_flex::frame::{FrameEncoder, FrameInfo};
use lzma_rust2::{LzmaOptions, LzmaWriter, XzOptions, XzWriter};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

type Member<'m> = (&'m str, &'m [u8]);

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn xz(data: &[u8]) -> Vec<u8> {
    let mut encoder = XzWriter::new(Vec::new(), XzOptions::with_preset(0)).unwrap();
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn lzma(data: &[u8]) -> Vec<u8> {
    let mut encoder = LzmaWriter::new_use_header(Vec::new(), &LzmaOptions::with_preset(0), None).unwrap();
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn zstd(data: &[u8]) -> Vec<u8> {
    compress_to_vec(data, CompressionLevel::Fastest)
}

fn lz4(data: &[u8], is_legacy: bool) -> Vec<u8> {
    let mut encoder = FrameEncoder::with_frame_info(FrameInfo::new().legacy_frame(is_legacy), Vec::new());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn tar(members: &[Member<'_>]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, content) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len().try_into().unwrap());
        header.set_mode(0o644);
        archive.append_data(&mut header, name, *content).unwrap();
    }
    archive.into_inner().unwrap()
}

/// A kernel with `struct s { int first, a; }`, a module with `struct m`, and objects that read `s.a` and `m.a`.
struct Case {
    object: Vec<u8>,
    object_for_module: Vec<u8>,
    btf: Vec<u8>,
    module: Vec<u8>,
}

impl Case {
    fn new() -> Self {
        let mut kernel = Btf::little();
        let int = kernel.int32();
        kernel.struct_("s", 8, &[("first", int, 0), ("a", int, 32)]);
        let mut module = Btf::split(&kernel);
        module.struct_("m", 12, &[("a", int, 64)]);
        let reads = |root: &str| {
            let mut local = Btf::little();
            let int = local.int32();
            let root = local.struct_(root, 8, &[("a", int, 8)]);
            let access = local.str("0:0");
            object(local, &[(root, access, BYTE_OFFSET)])
        };
        Self { object: reads("s"), object_for_module: reads("m"), btf: kernel.bytes(), module: module.bytes() }
    }

    fn vmlinux(&self) -> Vec<u8> {
        vmlinux(&self.btf, &linux_version())
    }

    fn kernel_files<'f>(&self, image: &'f [u8]) -> Vec<Member<'f>> {
        vec![
            ("./boot/config-6.1.0-56-amd64", b"CONFIG_BPF=y\n"),
            ("./boot/vmlinuz-6.1.0-56-amd64", image),
            ("./usr/share/doc/linux/changelog.gz", b"\x1f\x8b\x08 broken"),
        ]
    }

    /// Files without modules.
    fn forms(&self) -> Vec<(&'static str, Vec<u8>)> {
        let btf = &*self.btf;
        let vmlinux = self.vmlinux();
        let size = Some(u32::try_from(vmlinux.len()).unwrap());
        let image = arm64_image(btf, &linux_version());
        let bz = bzimage(&gzip(&vmlinux), None);
        let files = self.kernel_files(&bz);
        let mut compressed = ZlibEncoder::new(Vec::new(), Compression::fast());
        compressed.write_all(btf).unwrap();
        let chdr = [1, 0, u64::try_from(btf.len()).unwrap(), 1].map(u64::to_le_bytes).concat();
        let chdr = [&chdr[..4], &[0; 4], &chdr[16..], &compressed.finish().unwrap()].concat();
        vec![
            ("raw.btf", btf.to_vec()),
            ("raw.btf.gz", gzip(btf)),
            ("raw.btf.xz", xz(btf)),
            ("raw.btf.lzma", lzma(btf)),
            ("raw.btf.zst", zstd(btf)),
            (
                "two frames.btf.zst",
                [&zstd(&btf[..40])[..], b"\x50\x2a\x4d\x18\x03\0\0\0abc", &zstd(&btf[40..])].concat(),
            ),
            ("raw.btf.lz4", lz4(btf, false)),
            ("legacy.btf.lz4", lz4(btf, true)),
            ("twice.btf.gz.xz", xz(&gzip(btf))),
            ("vmlinux", vmlinux.clone()),
            ("vmlinux.compressed-section", elf(2, &[(".BTF", 0x800, &chdr)])),
            ("vmlinux.xz", xz(&vmlinux)),
            ("vmlinuz.gz", bz.clone()),
            ("vmlinuz.xz", bzimage(&xz(&vmlinux), size)),
            ("vmlinuz.lzma", bzimage(&lzma(&vmlinux), size)),
            ("vmlinuz.zst", bzimage(&zstd(&vmlinux), size)),
            ("vmlinuz.lz4", bzimage(&lz4(&vmlinux, true), size)),
            ("arm64 Image", image.clone()),
            ("arm64 Image.gz", gzip(&image)),
            ("zboot.gz", zboot(&gzip(&image))),
            ("zboot.zst", zboot(&zstd(&image))),
            ("zboot without magic.xz", zboot(&xz(&image[64..]))),
            ("5.4.0-80-generic.btf.tar.xz", xz(&tar(&[("5.4.0-80-generic.btf", btf)]))),
            ("hub.tar.gz", gzip(&tar(&[("README", b"none"), ("5.4.0/x.btf", btf)]))),
            ("linux-image.tar.zst", zstd(&tar(&files))),
            ("linux-image.deb", deb(&[("control.tar.xz", &xz(b"")), ("data.tar.xz", &xz(&tar(&files)))])),
            ("uncompressed.deb", deb(&[("data.tar", &tar(&files))])),
            ("kernel-core.rpm", rpm(&zstd(&cpio(&files)))),
            ("kernel-core.xz.rpm", rpm(&xz(&cpio(&files)))),
            ("linux.pkg.tar.zst", zstd(&tar(&[(".PKGINFO", b"x"), ("usr/lib/modules/6.1.0-56-amd64/vmlinuz", &bz)]))),
            ("linux.apk", [gzip(&tar(&[(".PKGINFO", b"x")])[..1024]), gzip(&tar(&files))].concat()),
            ("a package in an archive.tar", tar(&[("sub/linux.deb", &deb(&[("data.tar", &tar(&files))]))])),
        ]
    }
}

/// What `inspect` prints, without the names of targets.
#[track_caller]
fn inspect(args: &[&str]) -> String {
    let run = run(&[&["inspect"], args].concat());
    assert!(run.status == 0 && run.stderr.is_empty(), "{args:?}: {run:?}");
    // Without the line breaks, which depend on the length of the paths.
    let text = String::from_utf8(run.stdout).unwrap();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn every_form_is_its_btf() {
    let (dir, case) = (Dir::new("forms"), Case::new());
    let object = dir.file("object.o", &case.object);
    let mut expected = None;
    for (name, content) in case.forms() {
        let path = dir.file(name, &content);
        let shown = inspect(&[&object, "--btf", &path]);
        assert!(shown.contains("1 resolved"), "{name}: {shown}");
        assert_eq!(&shown, expected.get_or_insert_with(|| shown.clone()), "{name}");
    }
}

#[test]
fn streams_may_be_packed() {
    let (dir, case) = (Dir::new("streams"), Case::new());
    let object = dir.file("object.o", &case.object);
    let image = dir.file("vmlinuz", &bzimage(&gzip(&case.vmlinux()), None));
    let btf = dir.file("btf.zst", &zstd(&case.btf));
    for path in [image, btf] {
        let piped = shell(&format!("cat '{path}' |"), &["inspect", &object, "--btf", "-"]);
        assert!(String::from_utf8_lossy(&piped.stdout).contains("1 resolved"), "{piped:?}");
    }
    let deb = dir.file("linux.deb", &deb(&[]));
    let lines = shell(&format!("cat '{deb}' |"), &["inspect", &object, "--btf", "-"]);
    assert!(lines.fails()[0].ends_with("store it in a file, and give that"), "{lines:?}");
}

#[test]
fn modules_of_packages_and_folders() {
    let (dir, case) = (Dir::new("modules"), Case::new());
    let object = dir.file("object.o", &case.object_for_module);
    let (bz, ko) = (bzimage(&gzip(&case.vmlinux()), None), module(&case.module));
    let mut files = case.kernel_files(&bz);
    let (of_another, ko_xz) = (module(&Case::new().btf), xz(&ko));
    files.push(("./lib/modules/6.1.0-56-amd64/kernel/net/my-mod.ko.xz", &ko_xz));
    files.push(("./lib/modules/6.1.0-99-amd64/kernel/net/other.ko", &of_another));
    let split = |members: &[Member<'_>]| xz(&tar(members));
    let deb_of = |members: &[Member<'_>]| deb(&[("data.tar.xz", &split(members))]);
    let kernel_alone = dir.file("linux-image.deb", &deb_of(&files[..2]));

    for (name, content) in [
        ("linux.deb", deb_of(&files)),
        ("linux.rpm", rpm(&zstd(&cpio(&files)))),
        ("datadog.btf.tar.xz", split(&[("my-mod", &case.module), ("vmlinux", &case.btf)])),
        ("datadog in order.tar.xz", split(&[("vmlinux", &case.btf), ("my-mod", &case.module)])),
    ] {
        let shown = inspect(&[&object, "--btf", &dir.file(name, &content)]);
        assert!(shown.contains("1 resolved") && shown.contains("in my_mod"), "{name}: {shown}");
    }
    // A module without a name of its own has that of its file.
    for (path, module) in [
        (dir.file("linux-modules.deb", &deb_of(&files[3..])), "my_mod"),
        (dir.file("my-mod.ko", &ko), ""),
        (dir.file("my-mod.ko.xz", &ko_xz), ""),
        (dir.file("my-mod.btf.gz", &gzip(&case.module)), ""),
    ] {
        let shown = inspect(&[&object, "--btf", &kernel_alone, "--btf", &path]);
        let module = if module.is_empty() { &path } else { module };
        let expected = format!("in {module} 1 relocation: 1 resolved");
        assert!(shown.contains(&expected), "{path}: {shown}");
    }

    let root = dir.0.join("root");
    for (name, content) in &files {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    fs::write(root.join("lib/modules/6.1.0-56-amd64/modules.dep"), "").unwrap();
    fs::remove_dir_all(root.join("lib/modules/6.1.0-99-amd64")).unwrap();
    let release = root.join("lib/modules").join(RELEASE);
    for folder in [&root, &release, &root.join("boot")] {
        let shown = inspect(&[&object, "--btf", folder.to_str().unwrap()]);
        assert!(shown.contains("1 resolved") && shown.contains("in my_mod"), "{folder:?}: {shown}");
    }
}

/// A module that was built out of tree for another build of the kernel, and holds a struct of the kernel's.
#[test]
fn module_with_a_distilled_base() {
    let (dir, case) = (Dir::new("distilled"), Case::new());
    let reads_embedded = || {
        let mut local = Btf::little();
        let int = local.int32();
        let s = local.struct_("s", 8, &[("a", int, 8)]);
        let root = local.struct_("m", 8, &[("s", s, 0)]);
        let access = local.str("0:0:0");
        object(local, &[(root, access, BYTE_OFFSET)])
    };
    let module = |size| {
        let mut base = Btf::little();
        let s = base.struct_("s", size, &[]);
        let mut module = Btf::split(&base);
        module.struct_("m", 16, &[("s", s, 64)]);
        elf(1, &[(".BTF", 0, &module.bytes()), (".BTF.base", 0, &base.bytes())])
    };
    let (object, kernel) = (dir.file("object.o", &reads_embedded()), dir.file("vmlinux.btf", &case.btf));
    for path in [dir.file("my-mod.ko", &module(8)), dir.file("my-mod.ko.xz", &xz(&module(8)))] {
        let shown = inspect(&[&object, "--btf", &kernel, "--btf", &path]);
        let expected = format!("byte_off m.s.a 1 12 in {path} 1 relocation: 1 resolved");
        assert!(shown.contains(&expected), "{path}: {shown}");
    }

    let other = dir.file("other.ko", &module(12));
    let run = run(&["inspect", &object, "--btf", &kernel, "--btf", &other]);
    let expected = format!(
        "corelo: {other}: the module's .BTF.base does not fit {kernel}: struct s [1] (size 12) has no counterpart: struct [2] of this name differs (size 8): build the module for that kernel\n"
    );
    assert_eq!((run.status, &*run.stderr), (1, &*expected));
}

#[test]
fn broken_module_is_passed_over() {
    let (dir, case) = (Dir::new("broken-module"), Case::new());
    let object = dir.file("object.o", &case.object_for_module);
    let cut = &case.module[..case.module.len() - 1];
    let path = dir.file("k.tar", &tar(&[("vmlinux", &case.btf), ("bad", cut), ("good", &case.module)]));
    let run = run(&["inspect", &object, "--btf", &path]);
    assert!(run.status == 0 && String::from_utf8_lossy(&run.stdout).contains("in good"), "{run:?}");
}

#[test]
fn broken_kernels() {
    let (dir, case) = (Dir::new("broken"), Case::new());
    let object = dir.file("object.o", &case.object);
    let vmlinux = case.vmlinux();
    let whole = bzimage(&gzip(&vmlinux), None);
    let data = tar(&case.kernel_files(&whole));
    let packed = xz(&data);
    let bomb = zstd(&vec![0; 1 << 20]);
    let mut wide = zstd(&case.btf);
    // No single segment, and an exponent of 31.
    wide.splice(4..6, [0, 0xf8]);
    let deep = (0..6).fold(case.btf.clone(), |data, _| gzip(&data));
    for (name, content, says) in [
        ("cut.btf.xz", xz(&case.btf)[..60].to_vec(), "broken xz data, is the file whole?"),
        ("cut.btf", case.btf[..case.btf.len() - 1].to_vec(), "is the file whole?"),
        ("cut.deb", deb(&[("data.tar.xz", &packed[..packed.len() / 2])]), "broken xz data"),
        ("no data.deb", deb(&[]), "no data.tar in the package"),
        ("no kernel.tar", tar(&[("README", b"text")]), "no kernel in it"),
        ("modules.tar", tar(&[("lib/modules/6.1.0/a.ko", b"")]), "no kernel in it, but modules"),
        ("cut.rpm", rpm(b"")[..120].to_vec(), "cut off"),
        ("payload.rpm", rpm(&gzip(b"text")), "its content is no archive"),
        ("cut vmlinuz", whole[..0x240].to_vec(), "broken kernel image: its header is cut off"),
        ("bzip2 vmlinuz", bzimage(b"BZh91AY", Some(0)), "compressed with bzip2, which is not read"),
        ("lzo vmlinuz", bzimage(b"\x89LZO\0\r\n\x1a\n", Some(0)), "compressed with lzo, which is not read"),
        ("no payload", bzimage(&gzip(b"text"), None), "no .BTF section"),
        ("no btf", bzimage(&gzip(&elf(2, &[(".text", 6, b"code")])), None), "no .BTF section"),
        ("bomb.zst", bomb, "not BTF"),
        ("wide.btf.zst", wide, "is larger than 128 MiB"),
        ("deep.btf.gz", deep, "compressed more than 4 times"),
        (
            "two.tar",
            tar(&[("a.btf", &case.btf), ("b/c.btf", &case.btf)]),
            "2 kernels in it, and one is needed: two/a, two/b/c",
        ),
    ] {
        let path = dir.file(name, &content);
        let run = run(&["inspect", &object, "--btf", &path]);
        let lines = run.fails();
        assert!(lines.len() == 1 && lines[0].starts_with(&format!("corelo: {path}")), "{name}: {lines:?}");
        assert!(lines[0].contains(says), "{name}: {lines:?}");
    }
}
