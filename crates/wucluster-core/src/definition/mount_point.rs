//! Mount points: where on a node a volume may be mounted.

use super::diagnostic::shown;

/// Longest mount point. Unit: bytes.
///
/// Source: the limit of one file name on ext4 and XFS; far below the kernel's 4096 for a path.
pub const MOUNT_POINT_LENGTH_MAX: usize = 255;

/// Places that the system, ssh or wucluster itself need: nothing is mounted there or below.
pub const RESERVED: [&str; 16] = [
    "/proc",
    "/sys",
    "/dev",
    "/etc",
    "/boot",
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/run",
    "/var/run",
    "/root/.ssh",
    "/var/lib/wucluster",
];

/// What is wrong with a mount point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MountPointFault {
    /// It is not an absolute, normalized path of plain characters.
    Form,
    /// It is a place that the system or wucluster needs.
    Reserved,
}

/// A mount point that is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{explanation}")]
pub struct MountPointError {
    /// What is wrong.
    pub fault: MountPointFault,
    /// The same in words, in one line.
    pub explanation: String,
    /// What to write in its place.
    pub suggestion: Option<String>,
}

/// Checks a mount point: absolute, normalized, of `A-Z a-z 0-9 . _ / + @ -`, and at no place that
/// the system needs.
///
/// # Errors
/// [`MountPointError`] says which part of the rule is broken.
pub fn check_mount_point(path: &str) -> Result<(), MountPointError> {
    let form = |explanation: String, suggestion| {
        Err(MountPointError { fault: MountPointFault::Form, explanation, suggestion })
    };
    if path.is_empty() {
        return form("it is empty".to_owned(), None);
    }
    if path.len() > MOUNT_POINT_LENGTH_MAX {
        return form(format!("it is longer than {MOUNT_POINT_LENGTH_MAX} bytes"), None);
    }
    if let Some(bad) = path.chars().find(|c| !is_plain(*c)) {
        let bad = shown(bad.encode_utf8(&mut [0; 4]));
        return form(
            match bad.as_str() {
                "~" => "`~` means something to a shell only; write the whole path".to_owned(),
                _ => format!("`{bad}` may not stand in it; plain are A-Z a-z 0-9 . _ / + @ -"),
            },
            None,
        );
    }
    if !path.starts_with('/') {
        return form("it does not begin with `/`".to_owned(), relative(path));
    }
    if path == "/" {
        return Err(reserved("it is the root file system".to_owned()));
    }
    if path.split('/').any(|part| part == "..") {
        return form("`..` in it could lead anywhere".to_owned(), None);
    }
    let normal = normalized(path);
    if normal != path {
        let what = if path.contains("//") {
            "it has `//` in it"
        } else if path.ends_with('/') {
            "it ends with `/`"
        } else {
            "it has `.` as a part"
        };
        let suggestion = check_mount_point(&normal).is_ok().then_some(normal);
        return form(what.to_owned(), suggestion);
    }
    for place in RESERVED {
        if lies_in(path, place) {
            return Err(reserved(if path == place {
                format!("the system needs `{place}`")
            } else {
                format!("it lies in `{place}`, which the system needs")
            }));
        }
        if lies_in(place, path) {
            return Err(reserved(format!("it would hide `{place}`, which the system needs")));
        }
    }
    Ok(())
}

/// Says whether a path is a place or lies below it. Both are normalized.
#[must_use]
pub fn lies_in(path: &str, place: &str) -> bool {
    path.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn reserved(explanation: String) -> MountPointError {
    MountPointError { fault: MountPointFault::Reserved, explanation, suggestion: None }
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '/' | '+' | '@' | '-')
}

fn normalized(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    format!("/{}", parts.join("/"))
}

fn relative(path: &str) -> Option<String> {
    let absolute = format!("/{path}");
    check_mount_point(&absolute).is_ok().then_some(absolute)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_absolute_paths_are_mount_points() {
        for path in
            ["/mnt/home", "/data", "/srv/a.b_c+d@e-f/1", "/bootstrap", "/mnt/...", "/root/x"]
        {
            assert_eq!(check_mount_point(path), Ok(()), "{path}");
        }
    }

    #[test]
    fn places_that_the_system_needs_are_refused_with_all_below_and_above() {
        for path in ["/", "/etc", "/etc/x", "/usr/local", "/root", "/root/.ssh", "/var", "/var/lib"]
        {
            let error = check_mount_point(path).expect_err(path);
            assert_eq!(error.fault, MountPointFault::Reserved, "{path}");
        }
        for place in RESERVED {
            assert!(check_mount_point(place).is_err(), "{place}");
            assert!(check_mount_point(&format!("{place}/below")).is_err(), "{place}");
        }
    }

    #[test]
    fn other_paths_are_refused_and_a_near_one_is_suggested() {
        for (path, suggestion) in [
            ("", None),
            ("mnt/home", Some("/mnt/home")),
            ("./home", None),
            ("~/home", None),
            ("/mnt//home", Some("/mnt/home")),
            ("/mnt/./home", Some("/mnt/home")),
            ("/mnt/home/", Some("/mnt/home")),
            ("/mnt/../etc", None),
            ("/etc/", None),
            ("//", None),
            ("/mnt/a b", None),
            ("/mnt/$(reboot)", None),
            ("/mnt/a\nb", None),
            ("/mnt/ä", None),
            ("/mnt/a\\b", None),
            ("/mnt/'", None),
        ] {
            let error = check_mount_point(path).expect_err(path);
            assert_eq!(error.fault, MountPointFault::Form, "{path}");
            assert_eq!(error.suggestion.as_deref(), suggestion, "{path}");
        }
        assert!(check_mount_point(&format!("/{}", "a".repeat(255))).is_err());
        assert!(check_mount_point(&format!("/{}", "a".repeat(254))).is_ok());
    }
}
