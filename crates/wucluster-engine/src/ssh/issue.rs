//! Requests to a node: what is sent, and how the answers are read.

use std::collections::BTreeMap;

use wucluster_core::action::ShellAction;
use wucluster_core::definition::Hook;
use wucluster_core::observation::Holder;
use wucluster_core::ports::{ShellError, ShellReceipt};
use wucluster_core::time::Timestamp;

use super::mountinfo::escape;
use super::probe::{check_hook, holder, hook_output, seconds, variable_words};
use super::wire::{clean, clean_line, field, is_serial, lines, word};

/// The text that runs on the node.
pub(super) const SCRIPT: &str = concat!(
    include_str!("scripts/common.sh"),
    include_str!("scripts/names.sh"),
    include_str!("scripts/mkfs.sh"),
    include_str!("scripts/mount.sh"),
    include_str!("scripts/unmount.sh"),
    include_str!("scripts/grow.sh"),
    include_str!("scripts/freeze.sh"),
    include_str!("scripts/issue.sh"),
);

/// Longest text of a node that is kept. Unit: characters.
const TEXT_MAX: usize = 1000;

/// One answer.
pub(super) type Answer = Result<ShellReceipt, ShellError>;

/// What is sent of a batch.
#[derive(Debug)]
pub(super) struct Batch<'a> {
    /// The request: one line of words.
    pub(super) line: String,
    /// The requests that are in it, in their order, with their places among all.
    pub(super) sent: Vec<(usize, &'a ShellAction)>,
    /// The requests that were refused before anything was sent, by their places.
    pub(super) refused: BTreeMap<usize, ShellError>,
}

/// Writes a batch. A request that cannot be written is refused alone.
pub(super) fn batch<'a>(
    actions: &[(&'a ShellAction, Timestamp)],
    run: Option<u64>,
    variables: &[(&str, &str)],
) -> Batch<'a> {
    let mut batch = Batch { line: String::new(), sent: Vec::new(), refused: BTreeMap::new() };
    let mut words = variable_words(&variables.iter().copied().collect())
        .expect("our own variables have good names");
    words.extend(run.map(|run| format!("run {run}")));
    let mut hooks = Vec::new();
    for (place, &(action, seen_at)) in actions.iter().enumerate() {
        match request(action, seen_at, &mut hooks) {
            Ok(request) => {
                words.push(request);
                batch.sent.push((place, action));
            }
            Err(why) => drop(batch.refused.insert(place, ShellError::Refused(why))),
        }
    }
    words.push("end".to_owned());
    batch.line = words.join(" ");
    batch
}

/// Writes one request; `hooks` keeps those of the whole batch, as equal ones run once.
fn request<'a>(
    action: &'a ShellAction,
    seen_at: Timestamp,
    hooks: &mut Vec<(&'a Hook, Option<&'a str>)>,
) -> Result<String, String> {
    let serial = action.serial();
    if !is_serial(serial) {
        return Err(format!("{serial:?} is no serial number of a device"));
    }
    // On which look it rests, in milliseconds: later looks have greater numbers.
    let seen_at = seen_at.as_millis().max(0);
    match action {
        ShellAction::MakeFilesystem { mount: _, serial, fs, uuid } => {
            let is_uuid = uuid.len() == 36
                && uuid.bytes().enumerate().all(|(place, b)| match place {
                    8 | 13 | 18 | 23 => b == b'-',
                    _ => b.is_ascii_digit() || (b'a'..=b'f').contains(&b),
                });
            if !is_uuid {
                return Err(format!("{uuid:?} is no UUID in lower case"));
            }
            Ok(format!("mkfs {} {} {}", word(serial), word(fs.as_str()), word(uuid)))
        }
        ShellAction::Mount { mount: _, serial, at, kind, options, owner, group, mode } => {
            check_place(at)?;
            check_text("file system", kind, "._-")?;
            for option in options {
                check_text("mount option", option, "._-=:/@%+")?;
            }
            for name in [owner, group].into_iter().flatten() {
                check_text("owner", name, "._-$")?;
            }
            let owner = match (owner, group) {
                (None, None) => String::new(),
                (owner, None) => owner.clone().unwrap_or_default(),
                (owner, Some(group)) => format!("{}:{group}", owner.as_deref().unwrap_or("")),
            };
            let mode = mode.map_or_else(String::new, |mode| format!("{:04o}", mode & 0o7777));
            let words = [serial, at, &escape(at), kind, &options.join(","), &owner, &mode]
                .map(|text| word(text));
            Ok(format!("mount {} {seen_at}", words.join(" ")))
        }
        ShellAction::GrowFilesystem { mount: _, serial, at, size } => {
            check_place(at)?;
            let words = [serial, at, &escape(at)].map(|text| word(text));
            // In sectors, as the kernel counts.
            Ok(format!("grow {} {}", words.join(" "), size.bytes() / 512))
        }
        ShellAction::Unmount { mount, serial, before } => {
            let mut words = vec!["unmount".to_owned(), word(serial), word(mount.mount.as_str())];
            words.push(seen_at.to_string());
            for hook in before {
                check_hook(hook)?;
                // A hook that asks which mount it is about has something else to say for each.
                let own = hook.run.contains("WUCLUSTER_MOUNT").then_some(mount.mount.as_str());
                let number =
                    hooks.iter().position(|known| *known == (hook, own)).unwrap_or_else(|| {
                        hooks.push((hook, own));
                        hooks.len() - 1
                    });
                words.push(format!(
                    "hook {number} {} {} {}",
                    seconds(hook.timeout),
                    u8::from(hook.blocks),
                    word(&hook.run)
                ));
            }
            Ok(words.join(" "))
        }
        ShellAction::Freeze { mount: _, serial, at, limit_seconds } => {
            check_place(at)?;
            let words = [serial, at, &escape(at)].map(|text| word(text)).join(" ");
            Ok(format!("freeze {words} {limit_seconds}"))
        }
        ShellAction::Thaw { mount: _, serial, at } => {
            check_place(at)?;
            Ok(format!("thaw {} {}", word(serial), word(at)))
        }
    }
}

fn check_place(at: &str) -> Result<(), String> {
    let is_normal = at.strip_prefix('/').is_some_and(|rest| {
        rest.split('/').all(|part| !matches!(part, "" | "." | ".."))
            && !at.chars().any(char::is_control)
    });
    if is_normal {
        Ok(())
    } else {
        Err(format!("{at:?} is no absolute and normalized mount point"))
    }
}

fn check_text(what: &str, text: &str, more: &str) -> Result<(), String> {
    let good = |c: char| c.is_ascii_alphanumeric() || more.contains(c);
    if !text.is_empty() && text.len() <= 256 && text.chars().all(good) && !text.starts_with('-') {
        return Ok(());
    }
    Err(format!("{text:?} cannot be handed to the node as a {what}"))
}

/// Reads the answers to the requests that were sent, in their order.
///
/// # Errors
/// Says in words why there is no answer to any: what was said may be cut.
pub(super) fn parse(output: &[u8], sent: &[(usize, &ShellAction)]) -> Result<Vec<Answer>, String> {
    let mut holders: BTreeMap<usize, Vec<Holder>> = BTreeMap::new();
    let mut hooks: BTreeMap<(usize, usize), (i32, String)> = BTreeMap::new();
    let mut answers: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    let mut is_whole = false;
    for line in lines(output) {
        let fields: Vec<&str> = line.iter().map(String::as_str).collect();
        match fields.as_slice() {
            ["fail", why] => return Err(clean_line(&field(why).unwrap_or_default(), TEXT_MAX)),
            ["end", "issue"] => is_whole = true,
            ["holder", place, rest @ ..] => {
                if let (Ok(place), Some(holder)) = (place.parse(), holder(rest)) {
                    holders.entry(place).or_default().push(holder);
                }
            }
            ["hook", place, number, status, output] => {
                let numbers = (place.parse(), number.parse(), status.parse());
                if let ((Ok(place), Ok(number), Ok(status)), Some(text)) = (numbers, field(output))
                {
                    hooks.insert((place, number), (status, text));
                }
            }
            ["answer", place, rest @ ..] => {
                if let Ok(place) = place.parse() {
                    // Only the first word on each counts.
                    answers
                        .entry(place)
                        .or_insert_with(|| rest.iter().map(|text| (*text).to_owned()).collect());
                }
            }
            _ => {}
        }
    }
    if !is_whole {
        return Err("the answer was cut".to_owned());
    }
    let read = |(place, (_, action)): (usize, &(usize, &ShellAction))| {
        let said = |number: usize| hooks.get(&(place, number));
        let fields: Vec<&str> =
            answers.get(&place).into_iter().flatten().map(String::as_str).collect();
        answer(&fields, action, holders.remove(&place).unwrap_or_default(), &said)
    };
    Ok(sent.iter().enumerate().map(read).collect())
}

fn answer<'h>(
    fields: &[&str],
    action: &ShellAction,
    holders: Vec<Holder>,
    said: &dyn Fn(usize) -> Option<&'h (i32, String)>,
) -> Answer {
    let before: &[Hook] = match action {
        ShellAction::Unmount { before, .. } => before,
        ShellAction::MakeFilesystem { .. }
        | ShellAction::Mount { .. }
        | ShellAction::GrowFilesystem { .. }
        | ShellAction::Freeze { .. }
        | ShellAction::Thaw { .. } => &[],
    };
    let told = |hook: &Hook, number: usize| {
        said(number).map_or_else(String::new, |(status, text)| hook_output(hook, *status, text))
    };
    let text = |packed: &str| clean_line(&field(packed).unwrap_or_default(), TEXT_MAX);
    match fields {
        ["done" | "already"] => Ok(ShellReceipt {
            passed_over: before
                .iter()
                .enumerate()
                .filter(|(number, hook)| {
                    !hook.blocks && said(*number).is_some_and(|(status, _)| *status != 0)
                })
                .map(|(number, hook)| (hook.clone(), told(hook, number)))
                .collect(),
        }),
        ["refused", why] => Err(ShellError::Refused(refusal(&text(why), &holders))),
        ["notblank", why] => Err(ShellError::NotBlank(text(why))),
        ["failed", status, message] => {
            Err(ShellError::Failed { status: status.parse().unwrap_or(1), message: text(message) })
        }
        ["busy", message] => {
            Err(ShellError::Busy { holders: unique(holders), message: text(message) })
        }
        ["hook", number] => {
            match number.parse().ok().and_then(|n: usize| Some((n, before.get(n)?))) {
                Some((number, hook)) => Err(ShellError::HookRefused {
                    hook: hook.clone(),
                    output: clean(&told(hook, number), TEXT_MAX),
                }),
                None => Err(ShellError::NoAnswer("the answer makes no sense".to_owned())),
            }
        }
        [] => Err(ShellError::NoAnswer(
            "the node carried out other requests and did not answer this".to_owned(),
        )),
        _ => Err(ShellError::NoAnswer("the answer makes no sense".to_owned())),
    }
}

/// Adds to a refusal who stands in the way.
fn refusal(why: &str, holders: &[Holder]) -> String {
    let mut text = why.to_owned();
    for Holder { pid, user, command, what } in unique(holders.to_vec()).iter().take(3) {
        text.push_str(&format!("; held by {pid} ({user}, {command}): {what}"));
    }
    text
}

/// Puts holders in order, each once.
fn unique(mut holders: Vec<Holder>) -> Vec<Holder> {
    holders.sort();
    holders.dedup();
    holders
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use wucluster_core::definition::FilesystemKind;
    use wucluster_core::ids::MountKey;
    use wucluster_core::ports::FENCE_KEPT;

    use super::*;

    fn key() -> MountKey {
        MountKey::try_from("db-1/data".to_owned()).unwrap()
    }

    fn hook(run: &str, blocks: bool) -> Hook {
        Hook { run: run.to_owned(), timeout: Duration::from_secs(5), blocks }
    }

    fn unmount(serial: &str, before: Vec<Hook>) -> ShellAction {
        ShellAction::Unmount { mount: key(), serial: serial.to_owned(), before }
    }

    fn mount(at: &str, options: &[&str]) -> ShellAction {
        ShellAction::Mount {
            mount: key(),
            serial: "vol1".to_owned(),
            at: at.to_owned(),
            kind: "xfs".to_owned(),
            options: options.iter().map(|o| (*o).to_owned()).collect(),
            owner: None,
            group: Some("www-data".to_owned()),
            mode: Some(0o2775),
        }
    }

    /// When the look was asked for that the requests rest on.
    const AT: Timestamp = Timestamp::from_millis(17);

    #[test]
    fn a_node_keeps_its_fences_as_long_as_the_port_says() {
        let line = format!("\nWU_FENCE_KEPT={}\n", FENCE_KEPT.as_secs());
        assert!(SCRIPT.contains(&line));
    }

    #[test]
    fn each_verb_is_written_as_words() {
        let uuid = "0b5e0a4a-6b0f-4c3a-9a54-2f0c7b1e9d11".to_owned();
        let mkfs = ShellAction::MakeFilesystem {
            mount: key(),
            serial: "vol1".to_owned(),
            fs: FilesystemKind::Ext4,
            uuid: uuid.clone(),
        };
        let mount = mount("/srv/a b", &["noatime", "discard"]);
        let unmount = unmount("vol2", vec![hook("stop it", true)]);
        let batch = batch(&[(&mkfs, AT), (&mount, AT), (&unmount, AT)], Some(42), &[("A", "b")]);
        assert!(batch.refused.is_empty(), "{:?}", batch.refused);
        assert_eq!(
            batch.line,
            format!(
                "environment A =b run 42 mkfs =vol1 =ext4 ={uuid} \
                 mount =vol1 +L3Nydi9hIGIu +L3Nydi9hXDA0MGIu =xfs =noatime,discard =:www-data =2775 17 \
                 unmount =vol2 =data 17 hook 0 5 1 +c3RvcCBpdC4= end"
            )
        );
    }

    #[test]
    fn a_freeze_tells_its_place_and_its_limit_and_never_the_root() {
        let (mount, serial) = (key(), "vol1".to_owned());
        let freeze = |at: &str| ShellAction::Freeze {
            mount: mount.clone(),
            serial: serial.clone(),
            at: at.to_owned(),
            limit_seconds: 60,
        };
        let thaw =
            ShellAction::Thaw { mount: mount.clone(), serial: serial.clone(), at: "/d".to_owned() };
        let (good, bad) = (freeze("/srv/a b"), freeze("/"));
        let batch = batch(&[(&good, AT), (&bad, AT), (&thaw, AT)], Some(42), &[]);
        assert_eq!(
            batch.line,
            "run 42 freeze =vol1 +L3Nydi9hIGIu +L3Nydi9hXDA0MGIu 60 thaw =vol1 =/d end"
        );
        assert_eq!(batch.refused.keys().copied().collect::<Vec<_>>(), [1]);
    }

    #[test]
    fn a_request_that_cannot_be_written_is_refused_alone() {
        let bad = [
            mount("/a/../b", &[]),
            mount("relative", &[]),
            mount("/a", &["x y"]),
            unmount("vol;1", vec![]),
        ];
        let good = unmount("vol2", vec![]);
        let all: Vec<_> = bad.iter().chain([&good]).map(|one| (one, AT)).collect();
        let batch = batch(&all, None, &[]);
        assert_eq!(batch.refused.keys().copied().collect::<Vec<_>>(), [0, 1, 2, 3]);
        assert_eq!(batch.sent, [(4, &good)]);
    }

    #[test]
    fn equal_hooks_get_one_number_unless_they_ask_which_mount_it_is() {
        let each = || vec![hook("stop", true), hook("say $WUCLUSTER_MOUNT", true)];
        let first = unmount("vol1", each());
        let mut second = unmount("vol2", each());
        if let ShellAction::Unmount { mount, .. } = &mut second {
            *mount = MountKey::try_from("db-1/logs".to_owned()).unwrap();
        }
        let line = batch(&[(&first, AT), (&second, AT)], None, &[]).line;
        let numbers: Vec<_> = line.split("hook ").skip(1).map(|text| &text[..1]).collect();
        assert_eq!(numbers, ["0", "1", "0", "2"]);
    }

    #[test]
    fn answers_are_read_by_their_places() {
        let actions = [
            unmount("vol1", vec![hook("a", false), hook("b", true)]),
            unmount("vol2", vec![hook("b", true)]),
            unmount("vol3", vec![]),
            unmount("vol4", vec![]),
        ];
        let sent: Vec<_> = actions.iter().enumerate().collect();
        let output = b"hook\t0\t0\t1\t+bm8=\nhook\t0\t1\t0\t+\nanswer\t0\tdone\n\
            hook\t1\t0\t3\t+bmV2ZXI=\nanswer\t1\thook\t0\n\
            holder\t2\t77\t=root\t=working directory /d\t+YmFzaAAtaQ==\nanswer\t2\tbusy\t=target is busy\nend\tissue\n";
        let answers = parse(output, &sent).unwrap();
        assert_eq!(
            answers[0],
            Ok(ShellReceipt { passed_over: vec![(hook("a", false), "no".to_owned())] })
        );
        assert_eq!(
            answers[1],
            Err(ShellError::HookRefused { hook: hook("b", true), output: "never".to_owned() })
        );
        let Err(ShellError::Busy { holders, message }) = &answers[2] else {
            panic!("{:?}", answers[2])
        };
        assert_eq!((holders[0].pid, holders[0].command.as_str()), (77, "bash -i"));
        assert_eq!(message, "target is busy");
        assert!(matches!(&answers[3], Err(ShellError::NoAnswer(_))));
        assert!(parse(&output[..output.len() - 1], &sent).is_err(), "cut by one byte");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let action = unmount("vol1", vec![hook("a", true)]);
            let _ = parse(&bytes, &[(0, &action)]);
        }

        #[test]
        fn any_lines_give_one_answer_for_each_request(
            body in proptest::collection::vec("(answer|hook|holder)(\t([0-3]|done|busy|hook|failed|=x|[+]aGk=)){0,6}", 0..12)
        ) {
            let action = unmount("vol1", vec![hook("a", true)]);
            let text = format!("{}\nend\tissue\n", body.join("\n"));
            let answers = parse(text.as_bytes(), &[(0, &action), (1, &action)]).unwrap();
            prop_assert_eq!(answers.len(), 2);
        }
    }
}
