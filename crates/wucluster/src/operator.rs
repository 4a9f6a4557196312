//! Who we are to those who find our lease, and whether somebody else's process is gone.

use std::fs;

use wucluster_core::ports::Clock as _;
use wucluster_engine::SystemClock;
use wucluster_engine::store::lease::Operator;

/// Describes this process.
pub(crate) fn ourselves() -> Operator {
    let user = ["USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    let user = user.unwrap_or_else(|| format!("uid-{}", rustix::process::getuid().as_raw()));
    let host = rustix::system::uname();
    let host = host.nodename().to_string_lossy().into_owned();
    let pid = std::process::id();
    Operator { who: format!("{user}@{host}"), pid, began: began(pid), boot: boot() }
}

/// Says whether an operator's process is known to be gone: it ran where we run, and there is none of its number that began
/// when it began.
pub(crate) fn is_gone(operator: &Operator) -> bool {
    let (Some(theirs), Some(began_then)) = (&operator.boot, operator.began) else { return false };
    let Some(ours) = boot() else { return false };
    ours == *theirs && began(operator.pid) != Some(began_then)
}

/// Tells which start of which machine this is, and which of its sets of process numbers we see.
fn boot() -> Option<String> {
    let boot = SystemClock.uptime()?.boot;
    let numbers = fs::read_link("/proc/self/ns/pid").ok()?;
    Some(format!("{boot} {}", numbers.to_string_lossy()))
}

/// Tells when a process began, in ticks since its machine's start; `None` where there is none, or it is dead and was not
/// buried yet.
fn began(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // Its name may hold anything, closing brackets too.
    let (_, rest) = text.rsplit_once(')')?;
    let mut words = rest.split_whitespace();
    let is_dead = matches!(words.next()?, "Z" | "X");
    if is_dead { None } else { words.nth(18)?.parse().ok() }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_that_ended_is_gone_and_one_that_lives_or_is_elsewhere_is_not() {
        let ourselves = ourselves();
        assert!(!is_gone(&ourselves));
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let pid = child.id();
        let other = Operator { pid, began: began(pid), ..ourselves.clone() };
        assert!(!is_gone(&other));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(is_gone(&other));
        assert!(
            is_gone(&Operator { began: Some(1), ..ourselves.clone() }),
            "its number is another's"
        );
        assert!(!is_gone(&Operator { boot: Some("elsewhere".to_owned()), ..other.clone() }));
        assert!(!is_gone(&Operator { boot: None, ..other }));
    }
}
