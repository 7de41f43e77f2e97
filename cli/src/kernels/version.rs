// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! A kernel's release and version, from texts that it holds.

/// `LINUX_KERNEL_VERSION` of a kernel as libbpf gives it: by Ubuntu's signature, by Debian's version, else by the release.
/// `banner` is what follows "Linux version ", `signature` is `/proc/version_signature`.
///
/// Source: libbpf `get_kernel_version`.
pub(super) fn version_code(banner: &str, signature: Option<&str>) -> Option<u32> {
    if let Some(signature) = signature {
        return code(signature.split(' ').nth(2)?);
    }
    let (release, version) = banner.split_once(" #").unwrap_or((banner, ""));
    // Ubuntu's release has no patch level: without the signature, it is unknown.
    if version.contains("-Ubuntu ") {
        return None;
    }
    match version.split_once("Debian ") {
        Some((_, debian)) => code(debian),
        None => code(release),
    }
}

/// As [`version_code`], from a release alone. Those of Debian and Ubuntu end in `.0`, whatever the patch level.
pub(super) fn version_code_of_release(release: &str) -> Option<u32> {
    let is_exact = [".el", ".fc", ".amzn"].iter().any(|of| release.contains(of));
    code(release).filter(|code| is_exact || code & 0xff != 0)
}

/// `KERNEL_VERSION` of a text that begins with three numbers.
fn code(text: &str) -> Option<u32> {
    let mut numbers = text.splitn(3, '.').map(|part| {
        let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        part.get(..end)?.parse::<u32>().ok()
    });
    let (major, minor, patch) = (numbers.next()??, numbers.next()??, numbers.next()??);
    (major < 1 << 8 && minor < 1 << 8).then(|| major << 16 | minor << 8 | patch.min(255))
}

/// The first word, if it is a release.
pub(super) fn release_of(text: &str) -> Option<&str> {
    let word = text.split(' ').next()?;
    let mut parts = word.split('.');
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit()) && !part.is_empty();
    (parts.next().is_some_and(is_number)
        && parts.next().is_some_and(|part| part.starts_with(|c: char| c.is_ascii_digit())))
    .then_some(word)
}

/// A name, if it is that of a release with its patch level: `6.1` alone may be anything.
pub(super) fn full_release_of(name: &str) -> Option<&str> {
    release_of(name).filter(|release| code(release).is_some())
}

/// The value of an option in a kernel's configuration, without quotes.
pub(super) fn config_value<'c>(config: &'c str, name: &str) -> Option<&'c str> {
    let value = config.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
    Some(value.trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::{config_value, release_of, version_code, version_code_of_release};

    #[test]
    fn versions_are_those_of_libbpf() {
        let ubuntu = "5.4.0-80-generic (buildd@lcy01) (gcc 9.3.0) #90-Ubuntu SMP Fri Jul 9 22:49:44 UTC 2021";
        for (banner, signature, expected) in [
            (
                "6.1.0-56-amd64 (a@b) (gcc-12) #1 SMP PREEMPT_DYNAMIC Debian 6.1.192-2 (2026-01-01)",
                None,
                Some(0x0601c0),
            ),
            ("6.18.44 (a@b) #1 SMP", None, Some(0x06122c)),
            ("4.14.336-257.562.amzn2.x86_64 (a@b) #1 SMP", None, Some(0x040eff)),
            ("4.18.0-305.el8.x86_64 (a@b) #1 SMP", None, Some(0x041200)),
            (ubuntu, Some("Ubuntu 5.4.0-80.90-generic 5.4.124"), Some(0x05047c)),
            (ubuntu, None, None),
            ("6.12-rc1 (a@b) #1", None, None),
        ] {
            assert_eq!(version_code(banner, signature), expected, "{banner}");
        }
    }

    #[test]
    fn patch_level_that_a_release_hides_is_unknown() {
        for (release, expected) in [
            ("5.4.0-80-generic", None),
            ("4.19.0-18-amd64", None),
            ("4.18.0-305.el8.x86_64", Some(0x041200)),
            ("4.14.101-75.76.amzn1.x86_64", Some(0x040e65)),
        ] {
            assert_eq!(version_code_of_release(release), expected, "{release}");
        }
    }

    #[test]
    fn releases_and_options() {
        assert_eq!(release_of("6.1.0-56-amd64 (debian)"), Some("6.1.0-56-amd64"));
        assert_eq!(release_of("6.12-rc1"), Some("6.12-rc1"));
        assert!(release_of("vmlinux").is_none() && release_of("8.img").is_none() && release_of("").is_none());
        let config = "# CONFIG_A is not set\nCONFIG_BC=m\nCONFIG_B=\"x y\"\n";
        assert_eq!((config_value(config, "CONFIG_B"), config_value(config, "CONFIG_A")), (Some("x y"), None));
    }
}
