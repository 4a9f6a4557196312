//! A look at a node: what is sent, and how the answer is read.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use wucluster_core::definition::Hook;
use wucluster_core::observation::{
    CheckResult, Contents, DeviceSeen, Holder, MountSeen, NodeProbe, ProbeRequest,
};

use super::mountinfo::{self, MountLine};
use super::wire::{clean, clean_line, field, is_serial, is_variable, lines, word};

/// The text that runs on the node.
pub(super) const SCRIPT: &str = concat!(
    include_str!("scripts/common.sh"),
    include_str!("scripts/names.sh"),
    include_str!("scripts/probe.sh"),
);

/// Longest text of a node that is kept. Unit: characters.
const TEXT_MAX: usize = 500;

/// Longest path or type of a node that is kept; paths on Linux hold 4096 bytes. Unit: characters.
const PATH_MAX: usize = 4096;

/// Writes the request: one line of words.
///
/// # Errors
/// Says in words what cannot be asked.
pub(super) fn request(
    request: &ProbeRequest,
    run: Option<u64>,
    defaults: &[(&str, &str)],
) -> Result<String, String> {
    let ProbeRequest { serials, ready, before_halt, environment } = request;
    let mut words: Vec<String> = run.iter().map(|run| format!("run {run}")).collect();
    for serial in serials.iter().collect::<BTreeSet<_>>() {
        if !is_serial(serial) {
            return Err(format!("{serial:?} is no serial number of a device"));
        }
        words.push(format!("serial {}", word(serial)));
    }
    let mut variables: BTreeMap<&str, &str> = defaults.iter().copied().collect();
    variables.extend(environment.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    // Each list of checks has its own.
    variables.remove("WUCLUSTER_HOOK");
    words.extend(variable_words(&variables)?);
    for (kind, hooks) in [("ready", ready), ("halt", before_halt)] {
        for hook in hooks {
            check_hook(hook)?;
            words.push(format!("{kind} {} {}", seconds(hook.timeout), word(&hook.run)));
        }
    }
    words.push("end".to_owned());
    Ok(words.join(" "))
}

/// Writes the environment of hooks.
pub(super) fn variable_words(variables: &BTreeMap<&str, &str>) -> Result<Vec<String>, String> {
    variables
        .iter()
        .map(|(name, value)| {
            if !is_variable(name) || value.contains('\0') {
                return Err(format!("{name:?} cannot be a hook's variable"));
            }
            Ok(format!("environment {name} {}", word(value)))
        })
        .collect()
}

/// Refuses a command that no shell can be given.
pub(super) fn check_hook(hook: &Hook) -> Result<(), String> {
    if hook.run.contains('\0') {
        return Err(format!("the hook {:?} holds a zero byte", hook.run));
    }
    Ok(())
}

/// Returns a hook's limit for `timeout`, for which 0 would mean none.
pub(super) fn seconds(limit: Duration) -> u64 {
    (limit.as_secs() + u64::from(limit.subsec_nanos() > 0)).clamp(1, 99_999_999)
}

/// Tells what a hook's status and output mean, for people.
pub(super) fn hook_output(hook: &Hook, status: i32, output: &str) -> String {
    let said = clean(output, TEXT_MAX);
    let end = match status {
        124 | 137 => format!("ended after {} s", seconds(hook.timeout)),
        _ if said.is_empty() && status != 0 => format!("status {status}"),
        _ => return said,
    };
    if said.is_empty() { end } else { format!("{said}\n{end}") }
}

/// What a node told, before it is joined.
#[derive(Debug, Default)]
struct Told {
    boot_id: String,
    mounts: Vec<MountLine>,
    disks: Vec<Disk>,
    opened: BTreeMap<String, bool>,
    contents: BTreeMap<String, Contents>,
    rooms: BTreeMap<String, u64>,
    /// Disks whose file system is frozen for a checkpoint.
    frozen: BTreeSet<String>,
    holders: BTreeMap<String, Vec<Holder>>,
    checks: BTreeMap<(String, usize), (i32, String)>,
}

#[derive(Debug)]
struct Disk {
    name: String,
    path: String,
    serial: String,
    sectors: u64,
    /// Its own number first, then those of its partitions.
    numbers: Vec<String>,
    on_top: Vec<String>,
}

/// Reads the answer.
///
/// # Errors
/// Says in words why it is no answer: cut, or the node gave up.
pub(super) fn parse(output: &[u8], request: &ProbeRequest) -> Result<NodeProbe, String> {
    let mut told = Told::default();
    let mut is_whole = false;
    for line in lines(output) {
        let fields: Vec<&str> = line.iter().map(String::as_str).collect();
        match fields.as_slice() {
            ["fail", why] => return Err(clean_line(&field(why).unwrap_or_default(), TEXT_MAX)),
            ["end", "probe"] => is_whole = true,
            fields => told.take(fields),
        }
    }
    if !is_whole {
        return Err("the answer was cut".to_owned());
    }
    if told.boot_id.is_empty() || told.mounts.is_empty() {
        return Err("the node tells neither its boot nor its mounts".to_owned());
    }
    Ok(told.join(request))
}

impl Told {
    /// Takes one line; those that make no sense are passed over.
    fn take(&mut self, fields: &[&str]) {
        match fields {
            ["boot", id] => self.boot_id = clean_line(id, 64),
            ["mount", line] => self.mounts.extend(mountinfo::parse(line)),
            ["disk", name, path, serial, sectors, numbers, on_top] if is_serial(serial) => {
                self.disks.push(Disk {
                    name: (*name).to_owned(),
                    path: clean_line(path, PATH_MAX),
                    serial: (*serial).to_owned(),
                    sectors: sectors.parse().unwrap_or(0),
                    numbers: numbers.split_whitespace().map(str::to_owned).collect(),
                    on_top: on_top.split_whitespace().map(|name| clean_line(name, 64)).collect(),
                });
            }
            ["frozen", name] => drop(self.frozen.insert((*name).to_owned())),
            ["open", name, "free"] => drop(self.opened.insert((*name).to_owned(), true)),
            ["open", name, "busy"] => drop(self.opened.insert((*name).to_owned(), false)),
            ["contents", name, kind, rest @ ..] => {
                if let Some(contents) = contents(kind, rest) {
                    self.contents.insert((*name).to_owned(), contents);
                }
            }
            ["room", name, bytes] => {
                if let Ok(bytes) = bytes.parse() {
                    self.rooms.insert((*name).to_owned(), bytes);
                }
            }
            ["holder", name, rest @ ..] => {
                if let Some(holder) = holder(rest) {
                    self.holders.entry((*name).to_owned()).or_default().push(holder);
                }
            }
            ["check", kind, index, status, output] => {
                if let (Ok(index), Ok(status), Some(text)) =
                    (index.parse(), status.parse(), field(output))
                {
                    self.checks.insert(((*kind).to_owned(), index), (status, text));
                }
            }
            _ => {}
        }
    }

    fn join(self, request: &ProbeRequest) -> NodeProbe {
        let mount_table: Vec<MountSeen> =
            self.mounts.iter().map(|line| self.mount_seen(line)).collect();
        let mut devices: BTreeMap<String, DeviceSeen> = BTreeMap::new();
        for disk in self.disks.iter().filter(|disk| !self.is_system(disk)) {
            let device = self.device(disk, &mount_table, request.serials.contains(&disk.serial));
            devices
                .entry(disk.serial.clone())
                .and_modify(|first| {
                    // Which of the two is meant nobody can tell, so nothing may follow from either.
                    let why = format!("{} and {} have one serial number", first.path, device.path);
                    first.contents = Contents::Unreadable(why);
                    first.is_held = None;
                    first.filesystem_bytes = None;
                    first.on_top.extend(device.on_top.clone());
                    first.holders.extend(device.holders.clone());
                })
                .or_insert(device);
        }
        NodeProbe {
            devices,
            ready: self.checks("ready", &request.ready),
            before_halt: self.checks("halt", &request.before_halt),
            mount_table,
            boot_id: self.boot_id,
        }
    }

    /// Says whether the node's own system runs from that disk.
    fn is_system(&self, disk: &Disk) -> bool {
        self.mounts.iter().filter(|line| line.at == "/").any(|line| {
            let source = line.source.strip_prefix("/dev/");
            disk.numbers.contains(&line.device)
                || source.is_some_and(|name| {
                    name == disk.name || disk.on_top.iter().any(|top| top == name)
                })
        })
    }

    fn mount_seen(&self, line: &MountLine) -> MountSeen {
        let disk = self.disks.iter().find(|disk| disk.numbers.contains(&line.device));
        // A partition is a part of its device, as a directory is a part of its file system.
        let is_whole_device = disk.is_none_or(|disk| disk.numbers.first() == Some(&line.device));
        MountSeen {
            at: clean_path(&line.at),
            kind: clean_line(&line.kind, 64),
            is_read_only: line.is_read_only,
            serial: disk.map(|disk| disk.serial.clone()),
            is_root: line.root == "/" && is_whole_device,
        }
    }

    fn device(&self, disk: &Disk, table: &[MountSeen], is_asked: bool) -> DeviceSeen {
        let Disk { name, path, serial, sectors, numbers: _, on_top } = disk;
        let mounts: Vec<_> =
            table.iter().filter(|mount| mount.serial.as_ref() == Some(serial)).cloned().collect();
        let is_free = self.opened.get(name).copied();
        let contents = match (mounts.iter().find(|mount| mount.is_root), self.contents.get(name)) {
            (Some(mount), _) => Contents::Filesystem { kind: mount.kind.clone(), uuid: None },
            (None, _) if !mounts.is_empty() => Contents::NotExamined,
            // The node says so already; said twice, as everything rests on it.
            (None, Some(Contents::Blank))
                if is_free != Some(true) || !on_top.is_empty() || !is_asked =>
            {
                if on_top.is_empty() {
                    Contents::Unreadable("whether it is in use could not be told".to_owned())
                } else {
                    Contents::Other(format!("nothing known, and {} on it", on_top.join(", ")))
                }
            }
            (None, Some(seen)) => seen.clone(),
            (None, None) if is_asked && is_free != Some(false) => {
                Contents::Unreadable("it could not be examined".to_owned())
            }
            (None, None) => Contents::NotExamined,
        };
        DeviceSeen {
            path: path.clone(),
            size_bytes: sectors.saturating_mul(512),
            filesystem_bytes: self.rooms.get(name).copied(),
            contents,
            mounts,
            is_held: is_free.map(|free| !free),
            is_frozen: self.frozen.contains(name),
            on_top: on_top.clone(),
            holders: self.holders.get(name).cloned().unwrap_or_default(),
        }
    }

    fn checks(&self, kind: &str, hooks: &[Hook]) -> Vec<CheckResult> {
        let result = |(index, hook): (usize, &Hook)| {
            let (passed, output) = match self.checks.get(&(kind.to_owned(), index)) {
                Some((status, output)) => (*status == 0, hook_output(hook, *status, output)),
                None => (false, "it gave no answer".to_owned()),
            };
            CheckResult { hook: hook.clone(), passed, output }
        };
        hooks.iter().enumerate().map(result).collect()
    }
}

/// Keeps a mount point as it is: it is compared with the definition's. Controls are shown as `?`.
fn clean_path(path: &str) -> String {
    path.chars().take(PATH_MAX).map(|c| if c.is_control() { '?' } else { c }).collect()
}

fn contents(kind: &str, rest: &[&str]) -> Option<Contents> {
    let text = |place: usize| Some(clean_line(&field(rest.get(place)?)?, TEXT_MAX));
    match kind {
        "blank" => Some(Contents::Blank),
        "filesystem" => Some(Contents::Filesystem {
            kind: text(0)?,
            uuid: text(1).filter(|uuid| !uuid.is_empty()),
        }),
        "other" => Some(Contents::Other(text(0)?)),
        "unreadable" => Some(Contents::Unreadable(text(0)?)),
        _ => None,
    }
}

/// Reads a process: its number, user, what it holds, and its command line.
pub(super) fn holder(fields: &[&str]) -> Option<Holder> {
    let [pid, user, what, command] = fields else { return None };
    Some(Holder {
        pid: pid.parse().ok()?,
        user: clean_line(&field(user)?, 64),
        command: clean_line(&field(command)?, 200),
        what: clean_line(&field(what)?, TEXT_MAX),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn asked(serials: &[&str]) -> ProbeRequest {
        ProbeRequest {
            serials: serials.iter().map(|s| (*s).to_owned()).collect(),
            ..ProbeRequest::default()
        }
    }

    const HEAD: &str = "boot\t0-1-2\nmount\t1 0 259:1 / / rw - ext4 /dev/nvme0n1p1 rw\n";

    fn parsed(body: &str, request: &ProbeRequest) -> NodeProbe {
        parse(format!("{HEAD}{body}end\tprobe\n").as_bytes(), request).unwrap()
    }

    #[test]
    fn an_answer_without_its_end_is_no_answer() {
        let whole = format!("Welcome!\n{HEAD}end\tprobe\n");
        assert!(parse(whole.as_bytes(), &asked(&[])).is_ok());
        for length in 0..whole.len() {
            assert!(parse(&whole.as_bytes()[..length], &asked(&[])).is_err(), "{length}");
        }
    }

    #[test]
    fn the_disk_of_the_system_is_no_data_device() {
        let probe = parsed(
            "disk\tnvme0n1\t/dev/nvme0n1\tvolroot\t100\t259:0 259:1\tnvme0n1p1\n\
             disk\tnvme1n1\t/dev/nvme1n1\tvol1\t8192\t259:2\t\nopen\tnvme1n1\tfree\n",
            &asked(&[]),
        );
        assert_eq!(probe.devices.keys().collect::<Vec<_>>(), ["vol1"]);
        let device = &probe.devices["vol1"];
        assert_eq!((device.size_bytes, device.is_held), (4_194_304, Some(false)));
        assert_eq!(device.contents, Contents::NotExamined);
        assert_eq!(probe.mount_table[0].serial.as_deref(), Some("volroot"));
    }

    #[test]
    fn blank_is_believed_only_of_a_free_and_bare_device_that_was_asked_for() {
        let told = |open: &str, top: &str, asked_for: &[&str]| {
            let body = format!(
                "disk\tvdb\t/dev/vdb\tvol1\t8192\t254:16\t{top}\n{open}contents\tvdb\tblank\t=nothing\n"
            );
            parsed(&body, &asked(asked_for)).devices["vol1"].contents.clone()
        };
        assert_eq!(told("open\tvdb\tfree\n", "", &["vol1"]), Contents::Blank);
        assert!(matches!(told("open\tvdb\tbusy\n", "", &["vol1"]), Contents::Unreadable(_)));
        assert!(matches!(told("", "", &["vol1"]), Contents::Unreadable(_)));
        assert!(matches!(told("open\tvdb\tfree\n", "vdb1", &["vol1"]), Contents::Other(_)));
        assert_ne!(told("open\tvdb\tfree\n", "", &[]), Contents::Blank);
    }

    #[test]
    fn two_devices_of_one_serial_prove_nothing() {
        let probe = parsed(
            "disk\tvdb\t/dev/vdb\tvol1\t8192\t254:16\t\ndisk\tvdc\t/dev/vdc\tvol1\t8192\t254:32\t\n\
             open\tvdb\tfree\nopen\tvdc\tfree\ncontents\tvdb\tblank\t=\ncontents\tvdc\tblank\t=\n",
            &asked(&["vol1"]),
        );
        assert_eq!(probe.devices["vol1"].is_held, None);
        assert!(matches!(probe.devices["vol1"].contents, Contents::Unreadable(_)));
    }

    #[test]
    fn a_mounted_partition_is_a_mount_of_the_device_but_not_of_all_of_it() {
        let probe = parsed(
            "mount\t9 1 254:17 / /data rw - xfs /dev/vdb1 rw\n\
             disk\tvdb\t/dev/vdb\tvol1\t8192\t254:16 254:17\tvdb1\nopen\tvdb\tbusy\n",
            &asked(&["vol1"]),
        );
        let device = &probe.devices["vol1"];
        assert_eq!(device.mounts.len(), 1);
        assert!(!device.mounts[0].is_root);
        assert_eq!(device.contents, Contents::NotExamined);
    }

    #[test]
    fn a_check_that_gave_no_answer_did_not_pass() {
        let hook =
            |run: &str| Hook { run: run.to_owned(), timeout: Duration::from_secs(7), blocks: true };
        let request = ProbeRequest { ready: vec![hook("a"), hook("b"), hook("c")], ..asked(&[]) };
        let probe = parsed("check\tready\t0\t0\t+\ncheck\tready\t2\t124\t+aGk=\n", &request);
        let seen: Vec<_> = probe.ready.iter().map(|c| (c.passed, c.output.as_str())).collect();
        assert_eq!(
            seen,
            [(true, ""), (false, "it gave no answer"), (false, "hi\nended after 7 s")]
        );
    }

    #[test]
    fn requests_carry_hostile_text_only_as_data() {
        let hook = Hook {
            run: "echo '$(id)'\nx".to_owned(),
            timeout: Duration::from_millis(1),
            blocks: true,
        };
        let mut ask = ProbeRequest { ready: vec![hook], ..asked(&["vol1"]) };
        ask.environment.insert("A".to_owned(), "`id`; ".to_owned());
        let line = request(&ask, Some(42), &[("WUCLUSTER_NODE", "n")]).unwrap();
        assert_eq!(
            line,
            "run 42 serial =vol1 environment A +YGlkYDsgLg== environment WUCLUSTER_NODE =n \
             ready 1 +ZWNobyAnJChpZCknCngu end"
        );
        assert!(request(&asked(&["$(id)"]), None, &[]).is_err());
        ask.environment.insert("A B".to_owned(), String::new());
        assert!(request(&ask, None, &[]).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = parse(&bytes, &asked(&["vol1"]));
        }

        #[test]
        fn lines_in_any_order_and_shape_never_make_a_held_device_blank(
            body in proptest::collection::vec(
                prop_oneof![
                    Just("disk\tvdb\t/dev/vdb\tvol1\t8192\t254:16\t".to_owned()),
                    Just("open\tvdb\tbusy".to_owned()),
                    Just("contents\tvdb\tblank\t=".to_owned()),
                    Just("mount\t9 1 254:16 / /d rw - xfs x rw".to_owned()),
                    "(disk|open|contents|holder|check)(\t[a-z0-9=+:/ ]{0,8}){0,7}",
                ],
                0..12,
            )
        ) {
            let text = format!("{HEAD}{}\nopen\tvdb\tbusy\nend\tprobe\n", body.join("\n"));
            if let Ok(probe) = parse(text.as_bytes(), &asked(&["vol1"]))
                && let Some(device) = probe.devices.get("vol1")
            {
                prop_assert_ne!(&device.contents, &Contents::Blank);
            }
        }
    }
}
