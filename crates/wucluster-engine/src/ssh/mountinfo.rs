//! A line of `/proc/PID/mountinfo`.
//!
//! `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue`
//! Source: proc(5).

/// One mounted file system as the kernel lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MountLine {
    /// Major and minor number of the device, such as `259:3`.
    pub(super) device: String,
    /// Which directory of the file system is mounted; `/` is the whole.
    pub(super) root: String,
    /// The mount point.
    pub(super) at: String,
    /// The file system's type.
    pub(super) kind: String,
    /// What was mounted, in the words of who mounted it.
    pub(super) source: String,
    /// Whether the mount or the whole file system is read-only.
    pub(super) is_read_only: bool,
}

/// Reads one line; `None` when it is no such line.
pub(super) fn parse(line: &str) -> Option<MountLine> {
    let mut fields = line.split(' ').skip(2);
    let (device, root, at, options) =
        (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let mut fields = fields.skip_while(|field| *field != "-").skip(1);
    let (kind, source) = (fields.next()?, fields.next()?);
    let super_options = fields.next().unwrap_or("");
    let (major, minor) = device.split_once(':')?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !is_number(major) || !is_number(minor) {
        return None;
    }
    Some(MountLine {
        device: device.to_owned(),
        root: unescape(root),
        at: unescape(at),
        kind: unescape(kind),
        source: unescape(source),
        is_read_only: [options, super_options]
            .iter()
            .any(|list| list.split(',').any(|o| o == "ro")),
    })
}

/// Turns the kernel's `\040` and the like back into characters.
fn unescape(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut place = 0;
    while place < bytes.len() {
        match octal(bytes, place) {
            Some(byte) => {
                plain.push(byte);
                place += 4;
            }
            None => {
                plain.push(bytes[place]);
                place += 1;
            }
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

fn octal(bytes: &[u8], place: usize) -> Option<u8> {
    let digits = bytes.get(place..place + 4)?.strip_prefix(b"\\")?;
    let value = digits.iter().try_fold(0_u32, |sum, digit| {
        (b'0'..=b'7').contains(digit).then(|| sum * 8 + u32::from(digit - b'0'))
    })?;
    u8::try_from(value).ok()
}

/// Writes a mount point as the kernel lists it.
pub(super) fn escape(at: &str) -> String {
    let mut escaped = String::with_capacity(at.len());
    for c in at.chars() {
        match c {
            ' ' => escaped.push_str("\\040"),
            '\t' => escaped.push_str("\\011"),
            '\n' => escaped.push_str("\\012"),
            '\\' => escaped.push_str("\\134"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_with_optional_fields_and_blanks_is_read() {
        let line = "36 35 98:0 /a /mnt/x\\040y\\134z rw,noatime shared:1 master:2 - ext4 /dev/sd\\043a rw,errors=continue";
        let seen = parse(line).unwrap();
        assert_eq!(seen.at, "/mnt/x y\\z");
        assert_eq!((seen.device.as_str(), seen.root.as_str()), ("98:0", "/a"));
        assert_eq!((seen.kind.as_str(), seen.source.as_str()), ("ext4", "/dev/sd#a"));
        assert!(!seen.is_read_only);
    }

    #[test]
    fn read_only_is_seen_of_the_mount_and_of_the_file_system() {
        assert!(parse("1 2 8:1 / /a ro,noatime - ext4 /dev/sda1 rw").unwrap().is_read_only);
        assert!(
            parse("1 2 8:1 / /a rw - ext4 /dev/sda1 ro,errors=remount-ro").unwrap().is_read_only
        );
        assert!(
            !parse("1 2 8:1 / /a rw - ext4 /dev/sda1 rw,errors=remount-ro").unwrap().is_read_only
        );
    }

    #[test]
    fn what_is_no_line_is_none() {
        for line in
            ["", "a", "1 2 3 4 5 6 7", "1 2 x:y / /a rw - ext4 d rw", "1 2 8:1 / /a rw ext4 d rw"]
        {
            assert_eq!(parse(line), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_without_a_panic(line in any::<String>()) {
            let _ = parse(&line);
        }

        #[test]
        fn escaping_and_reading_a_mount_point_gives_it_back(at in "/[a-z \t\n\\\\0-9äé]{0,20}") {
            let line = format!("1 2 8:1 / {} rw - ext4 /dev/sda1 rw", escape(&at));
            prop_assert_eq!(parse(&line).unwrap().at, at);
        }
    }
}
