//! Holds: what is refused, why, what was not done, what to do.

use wucluster_core::interlock::Hold;

use super::look::{Look, Tone};
use super::text::{clean, wrap};

/// Set-in of the three lines of a hold.
const INDENT: usize = 8;

/// How many holds that differ in their subject only are named one by one.
const ALIKE_MAX: usize = 8;

/// Writes a hold with its three lines.
pub(crate) fn hold(hold: &Hold, look: &Look) -> String {
    group(&[hold], look)
}

/// Writes several holds, with an empty line between; what several have in common is written once.
pub(crate) fn holds(holds: &[Hold], look: &Look) -> String {
    let mut groups: Vec<Vec<&Hold>> = Vec::new();
    for one in holds {
        match groups.iter_mut().find(|group| is_like(group[0], one)) {
            Some(group) => group.push(one),
            None => groups.push(vec![one]),
        }
    }
    groups.iter().map(|one| group(one, look)).collect::<Vec<_>>().join("\n")
}

/// Says whether two holds differ in nothing but their subjects.
fn is_like(one: &Hold, two: &Hold) -> bool {
    (one.interlock, &one.why, &one.so, &one.fix) == (two.interlock, &two.why, &two.so, &two.fix)
}

fn group(alike: &[&Hold], look: &Look) -> String {
    let mut out = String::new();
    for hold in alike.iter().take(ALIKE_MAX) {
        let head = format!("held[{}]", hold.interlock);
        let what = format!("{head} {}: {}", hold.subject, hold.what);
        for (at, line) in wrap(&clean(&what), look.width.saturating_sub(2)).iter().enumerate() {
            let set_in = if at == 0 { "" } else { "  " };
            out.push_str(set_in);
            out.push_str(&line.replacen(
                &head,
                &look.paint(Tone::Bad, &head),
                usize::from(at == 0),
            ));
            out.push('\n');
        }
    }
    if alike.len() > ALIKE_MAX {
        let head = look.paint(Tone::Bad, &format!("held[{}]", alike[0].interlock));
        out.push_str(&format!("{head} and {} more alike\n", alike.len() - ALIKE_MAX));
    }
    let Hold { interlock: _, subject: _, what: _, why, so, fix, may_clear: _ } = alike[0];
    part("why", why, look, &mut out);
    part("so", std::slice::from_ref(so), look, &mut out);
    let fix: Vec<String> = fix.iter().map(|line| as_called(line, look)).collect();
    part("fix", &fix, look, &mut out);
    out
}

/// Writes the program's commands in a line as it was called, so that they can be copied.
fn as_called(line: &str, look: &Look) -> String {
    let called = format!("{} ", look.program);
    let is_command = |before: &str| before.is_empty() || before.ends_with([' ', '`']);
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("wucluster ") {
        out.push_str(before);
        out.push_str(if is_command(before) { &called } else { "wucluster " });
        rest = after;
    }
    out + rest
}

/// Writes a word and behind it, set in, its lines.
pub(crate) fn part(word: &str, lines: &[String], look: &Look, out: &mut String) {
    let mut word = word;
    for line in lines.iter().filter(|line| !line.is_empty()) {
        for wrapped in wrap(&clean(line), look.width.saturating_sub(INDENT).max(20)) {
            let head = format!("  {word:<width$}", width = INDENT - 2);
            out.push_str(&look.paint(Tone::Dim, &head));
            out.push_str(&wrapped);
            out.push('\n');
            word = "";
        }
    }
}

#[cfg(test)]
mod tests {
    use wucluster_core::ids::{MountKey, Subject};
    use wucluster_core::interlock::Interlock;

    use super::*;

    #[test]
    fn commands_are_written_as_the_program_was_called() {
        let look = Look { program: "wucluster -f a b.toml".to_owned(), ..Look::plain(200) };
        for (line, told) in [
            (
                "let it finish:    wucluster put-away --wait 2h",
                "let it finish:    wucluster -f a b.toml put-away --wait 2h",
            ),
            (
                "`wucluster explain chief`, or leave it",
                "`wucluster -f a b.toml explain chief`, or leave it",
            ),
            ("see /var/lib/wucluster on the node", "see /var/lib/wucluster on the node"),
            ("remove the tag x-wucluster from it", "remove the tag x-wucluster from it"),
        ] {
            assert_eq!(as_called(line, &look), told);
        }
    }

    #[test]
    fn what_several_holds_have_in_common_is_written_once() {
        let one = |name: &str| Hold {
            interlock: Interlock::NoCapacity,
            subject: Subject::Stranger(name.to_owned()),
            what: "the provider would not run an instance".into(),
            why: vec!["no room".into()],
            so: "it stays as it is".into(),
            fix: vec!["repeat later".into()],
            may_clear: true,
        };
        insta::assert_snapshot!(holds(&[one("a"), one("b")], &Look::plain(80)), @r"
        held[no-capacity] a: the provider would not run an instance
        held[no-capacity] b: the provider would not run an instance
          why   no room
          so    it stays as it is
          fix   repeat later
        ");
    }

    #[test]
    fn a_hold_tells_why_what_was_not_done_and_what_to_do() {
        let one = Hold {
            interlock: Interlock::MountBusy,
            subject: Subject::Mount(MountKey::try_from("chief/data".to_owned()).unwrap()),
            what: "it cannot be unmounted".into(),
            why: vec![
                "1 process holds it (asked 3 times)".into(),
                "pid 18211   flip     python train.py\u{1b}[2J   /mnt/data/ckpt-0912.pt".into(),
            ],
            so: "it stays mounted and attached, and its node stays up (and is paid for). Nothing was forced.".into(),
            fix: vec!["let it finish:    wucluster put-away --wait 2h".into()],
            may_clear: true,
        };
        insta::assert_snapshot!(hold(&one, &Look::plain(80)), @r"
        held[mount-busy] chief/data: it cannot be unmounted
          why   1 process holds it (asked 3 times)
                pid 18211   flip     python train.py   /mnt/data/ckpt-0912.pt
          so    it stays mounted and attached, and its node stays up (and is paid for).
                Nothing was forced.
          fix   let it finish:    wucluster put-away --wait 2h
        ");
    }
}
