//! L5: an operator is gone at each of the points at which it waits, and another one comes: what they leave together is
//! what one alone would have left.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::num::NonZero;
use std::str::FromStr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use wucluster_core::ids::Subject;

use crate::courses::{Course, courses};
use crate::mail::Fate;
use crate::run::{Manner, Report};
use crate::scenario::{Scenario, Step};
use crate::stock;
use crate::swarm::run_safely;
use crate::verdict::{Rule, Violation};

/// After how long what arrives later arrives, in turn: at once, but after the next operator has begun; while it drives; and
/// when it has ended. All within what a cloud may be late. Unit: milliseconds.
const LATER: [u64; 6] = [0, 2_000, 15_000, 60_000, 240_000, 780_000];

/// A point of a course at which its operator is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// It is gone the n-th time that it waits.
    pub at_wait: u64,
    /// What becomes of its requests.
    pub requests: Fate,
    /// What becomes of the objects that it was making.
    pub objects: Fate,
}

/// A kill, named so that it can be made again: `COURSE/WORLD/WAIT/REQUESTS/OBJECTS`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kill {
    /// The course.
    pub course: String,
    /// The seed of its world.
    pub world: u64,
    /// The point.
    pub point: Point,
}

/// What came of all kills in a course in one world.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// The course.
    pub course: &'static str,
    /// The seed of its world.
    pub world: u64,
    /// How often the operator waits, from when it takes the lease to its end.
    pub waits: u64,
    /// At how many of these points it was killed.
    pub points: u64,
    /// How many runs that took, by what became of what was on its way.
    pub runs: BTreeMap<&'static str, u64>,
    /// At how many of the points requests were on their way that had not arrived.
    pub with_requests: u64,
    /// At how many of the points an answer was on its way, or objects were being made.
    pub with_others: u64,
    /// In how many runs a snapshot was taken twice, as the first request for it was late.
    pub taken_twice: u64,
    /// Kills that broke a rule, with what they broke.
    pub guilty: Vec<(Kill, Vec<String>)>,
}

/// How runs are told apart in a [`Tally`]: nothing was open, or it was and this became of it.
pub const OUTCOMES: [&str; 5] = ["nothing open", "applied", "not applied", "later", "some of each"];

impl Course {
    /// Returns how often the operator waits that is killed first, if nobody is.
    #[must_use]
    pub fn waits(&self, world: u64) -> u64 {
        self.waits_of(&run_safely(&self.whole(world), &Manner::default()))
    }

    fn waits_of(&self, whole: &Report) -> u64 {
        let before = self.whole.steps.iter().take(self.killed[0]);
        let nth = before.filter(|step| matches!(step, Step::Drive { .. })).count();
        whole.waits.get(nth).copied().unwrap_or(0)
    }

    /// Kills at every point, or at `most` of them, evenly spread; tells of each guilty one.
    ///
    /// Where nothing that was on its way was open, there is one outcome, and one run.
    #[must_use]
    pub fn run(&self, world: u64, most: u64, tell: &(dyn Fn(&Kill, &[String]) + Sync)) -> Tally {
        let whole = run_safely(&self.whole(world), &Manner::default());
        let waits = self.waits_of(&whole);
        let points = waits.min(most);
        let tally = Tally { course: self.name, world, waits, points, ..Tally::default() };
        let tally = Mutex::new(tally);
        if !whole.violations.is_empty() || waits == 0 {
            let point = Point { at_wait: 0, requests: Fate::IsLost, objects: Fate::IsLost };
            let kill = Kill { course: self.name.to_owned(), world, point };
            let mut what = vec!["nobody was killed, and a rule was broken".to_owned()];
            what.extend(whole.violations.iter().map(ToString::to_string));
            let mut tally = tally.into_inner().unwrap_or_default();
            tally.guilty.push((kill, what));
            return tally;
        }
        let next = AtomicU64::new(0);
        let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    loop {
                        let nth = next.fetch_add(1, Ordering::Relaxed);
                        if nth >= points {
                            break;
                        }
                        // Evenly spread, the first and the last included.
                        let at_wait = nth * (waits - 1) / (points - 1).max(1);
                        let one = self.at(world, at_wait, &whole, tell);
                        if let Ok(mut tally) = tally.lock() {
                            tally.merge(one);
                        }
                    }
                });
            }
        });
        let mut tally = tally.into_inner().unwrap_or_default();
        tally.guilty.sort_by_key(|(kill, _)| kill.point.at_wait);
        tally
    }

    /// Kills at one point, with each outcome that there is.
    fn at(
        &self,
        world: u64,
        at_wait: u64,
        whole: &Report,
        tell: &(dyn Fn(&Kill, &[String]) + Sync),
    ) -> Tally {
        let later = Fate::ArrivesLater(LATER[usize::try_from(at_wait).unwrap_or(0) % LATER.len()]);
        let mut tally = Tally::default();
        let mut kill = |requests: Fate, objects: Fate| -> Report {
            let kill = Kill {
                course: self.name.to_owned(),
                world,
                point: Point { at_wait, requests, objects },
            };
            let report = run_safely(&self.with(world, kill.point), &Manner::default());
            let is_open = report.under_way.iter().any(|one| one.is_open());
            let outcome = match (requests, objects) {
                _ if !is_open => OUTCOMES[0],
                (Fate::Arrives, Fate::Arrives) => OUTCOMES[1],
                (Fate::IsLost, Fate::IsLost) => OUTCOMES[2],
                (Fate::ArrivesLater(_), Fate::ArrivesLater(_)) => OUTCOMES[3],
                _ => OUTCOMES[4],
            };
            *tally.runs.entry(outcome).or_default() += 1;
            let (broken, taken_twice) = self.judge(kill.point, whole, &report);
            tally.taken_twice += u64::from(taken_twice > 0);
            if !broken.is_empty() {
                let what: Vec<String> = broken.iter().map(ToString::to_string).collect();
                tell(&kill, &what);
                tally.guilty.push((kill, what));
            }
            report
        };
        let first = kill(Fate::Arrives, Fate::Arrives);
        let (mut requests, mut objects, mut answers) = (0, 0, 0);
        for one in &first.under_way {
            requests += one.requests;
            objects += one.objects;
            answers += one.answers;
        }
        if requests + objects > 0 {
            let _ = kill(Fate::IsLost, Fate::IsLost);
            let _ = kill(later, later);
        }
        if requests > 0 && objects > 0 {
            let _ = kill(Fate::Arrives, Fate::IsLost);
            let _ = kill(Fate::IsLost, Fate::Arrives);
        }
        tally.with_requests += u64::from(requests > 0);
        tally.with_others += u64::from(objects + answers > 0);
        tally
    }

    /// Lists what a run with a kill broke, its end compared with that of the whole run; and how many snapshots were taken
    /// twice.
    ///
    /// `CreateSnapshot` knows no token. Where the request for one is late, the next operator, who does not see any, asks for
    /// another: the alternative is to wait for a quarter of an hour after each kill, for what costs nothing on EBS. Both are
    /// of a sealed volume, and the second holds no block that the first does not. So a late request for a snapshot, and only
    /// that, may leave one more that is like another one of its mount.
    #[must_use]
    pub fn judge(&self, point: Point, whole: &Report, report: &Report) -> (Vec<Violation>, u64) {
        let is_late = matches!(point.requests, Fate::ArrivesLater(_));
        let late: u64 = report.under_way.iter().map(|one| one.snapshots).sum();
        let late = if is_late { late } else { 0 };
        let mut taken_twice = 0;
        let mut found = report.violations.clone();
        let mut unlike = |subject: Subject, what: String| {
            found.push(Violation { rule: Rule::UnlikeWhole, subject, what });
        };
        if !report.endings.contains(&"killed") {
            unlike(Subject::Cluster, "nobody was killed".to_owned());
        }
        let is_alike = report.endings.len() == whole.endings.len()
            && report
                .endings
                .iter()
                .zip(&whole.endings)
                .all(|(one, whole)| one == whole || *one == "killed");
        if !is_alike {
            let what = format!("{:?}, and whole {:?}", report.endings, whole.endings);
            unlike(Subject::Cluster, what);
        }
        for (nth, (one, whole)) in report.stocks.iter().zip(&whole.stocks).enumerate() {
            let when = if nth == 0 { "after the steps" } else { "later, in calm" };
            for (subject, what) in stock::more(&one.things, &whole.things) {
                unlike(subject, format!("{when} there is {what}"));
            }
            for (subject, what) in stock::more(&whole.things, &one.things) {
                unlike(subject, format!("{when} there is not {what}"));
            }
            if self.may_keep_fewer {
                for (subject, snapshots) in &one.snapshots {
                    let count = whole.snapshots.get(subject).map_or(0, Vec::len);
                    if snapshots.len() > count {
                        let what =
                            format!("{when} there are {}, and whole {count}", snapshots.len());
                        unlike(subject.clone(), format!("snapshots: {what}"));
                    }
                }
                continue;
            }
            let mut excused = 0;
            for (subject, what) in stock::more(&one.snapshots, &whole.snapshots) {
                let like = whole.snapshots.get(&subject);
                if excused < late && like.is_some_and(|like| like.contains(&what)) {
                    excused += 1;
                    taken_twice = excused.max(taken_twice);
                    continue;
                }
                unlike(subject, format!("{when} there is one {what} more"));
            }
            for (subject, what) in stock::more(&whole.snapshots, &one.snapshots) {
                unlike(subject, format!("{when} there is no {what}"));
            }
        }
        (found, taken_twice)
    }
}

impl Tally {
    fn merge(&mut self, other: Self) {
        for (outcome, count) in other.runs {
            *self.runs.entry(outcome).or_default() += count;
        }
        self.with_requests += other.with_requests;
        self.with_others += other.with_others;
        self.taken_twice += other.taken_twice;
        self.guilty.extend(other.guilty);
    }

    /// Returns how many runs there were.
    #[must_use]
    pub fn all_runs(&self) -> u64 {
        self.runs.values().sum()
    }
}

/// Returns tallies as a table.
#[must_use]
pub fn table(tallies: &[Tally]) -> String {
    let mut text =
        format!("{:<18} {:>5} {:>6} {:>6} {:>8}", "course", "world", "waits", "points", "requests");
    for outcome in OUTCOMES {
        let _ = write!(text, " {outcome:>12}");
    }
    text += "   runs twice guilty\n";
    let mut all = Tally::default();
    for tally in tallies {
        row(&mut text, tally.course, &tally.world.to_string(), tally);
        all.waits += tally.waits;
        all.points += tally.points;
        all.merge(tally.clone());
    }
    row(&mut text, "all", "", &all);
    text
}

fn row(text: &mut String, course: &str, world: &str, tally: &Tally) {
    let Tally { waits, points, with_requests, .. } = tally;
    let _ = write!(text, "{course:<18} {world:>5} {waits:>6} {points:>6} {with_requests:>8}");
    for outcome in OUTCOMES {
        let _ = write!(text, " {:>12}", tally.runs.get(outcome).copied().unwrap_or(0));
    }
    let (runs, twice) = (tally.all_runs(), tally.taken_twice);
    let _ = writeln!(text, " {runs:>6} {twice:>5} {:>6}", tally.guilty.len());
}

fn word(fate: Fate) -> String {
    match fate {
        Fate::Arrives => "arrives".to_owned(),
        Fate::IsLost => "is-lost".to_owned(),
        Fate::ArrivesLater(millis) => format!("later-{millis}"),
    }
}

fn fate(text: &str) -> Option<Fate> {
    match text {
        "arrives" => Some(Fate::Arrives),
        "is-lost" => Some(Fate::IsLost),
        _ => text.strip_prefix("later-")?.parse().ok().map(Fate::ArrivesLater),
    }
}

impl fmt::Display for Kill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { course, world, point: Point { at_wait, requests, objects } } = self;
        write!(f, "{course}/{world}/{at_wait}/{}/{}", word(*requests), word(*objects))
    }
}

impl FromStr for Kill {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = || {
            let parts: Vec<&str> = text.split('/').collect();
            let [course, world, at_wait, requests, objects] = parts.as_slice() else { return None };
            let point = Point {
                at_wait: at_wait.parse().ok()?,
                requests: fate(requests)?,
                objects: fate(objects)?,
            };
            Some(Self { course: (*course).to_owned(), world: world.parse().ok()?, point })
        };
        read().ok_or_else(|| format!("`{text}` is no COURSE/WORLD/WAIT/REQUESTS/OBJECTS"))
    }
}

impl Kill {
    /// Makes it again; returns the scenario, what happened, and what it broke.
    ///
    /// # Errors
    /// There is no such course.
    pub fn replay(&self) -> Result<(Scenario, Report, Vec<Violation>), String> {
        let courses = courses();
        let course = courses.iter().find(|course| course.name == self.course);
        let course = course.ok_or_else(|| {
            let names: Vec<&str> = courses.iter().map(|course| course.name).collect();
            format!("there is no course `{}`; there are {}", self.course, names.join(", "))
        })?;
        let whole = run_safely(&course.whole(self.world), &Manner::default());
        let scenario = course.with(self.world, self.point);
        let report = run_safely(&scenario, &Manner { tells: true, ..Manner::default() });
        let (broken, _) = course.judge(self.point, &whole, &report);
        Ok((scenario, report, broken))
    }
}
