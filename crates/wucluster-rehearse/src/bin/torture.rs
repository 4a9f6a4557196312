//! Torments the engine by the seed for as long as it takes, and replays and shrinks what was found.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program speaks to its user")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use wucluster_rehearse::courses;
use wucluster_rehearse::damage;
use wucluster_rehearse::generate;
use wucluster_rehearse::guard::Ablation;
#[cfg(feature = "ablation")]
use wucluster_rehearse::guard::AnyGuard;
use wucluster_rehearse::kills::{self, Kill};
use wucluster_rehearse::run::{Manner, Report, run};
use wucluster_rehearse::scenario::Scenario;
use wucluster_rehearse::shrink::shrink;
use wucluster_rehearse::swarm::{Table, changed_days, run_safely, store_days, swarm};
use wucluster_rehearse::verdict::Violation;

#[cfg(feature = "ablation")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const HELP: &str = "\
torture run [SEEDS] [STATE]     runs seeds 0 to SEEDS, and a tenth as many with all kinds of change, from
                                1,000,000 on, going on from the file STATE, and prints the table; fails
                                where a seed breaks a rule and is not listed as open, or is listed and
                                does not, and, of 200,000 seeds, where a kind of fault was never felt, a
                                kind of change never met anything, or a pair of kinds was felt in fewer
                                than 200 seeds
torture seeds FROM TO           runs the seeds of a range, and prints the table; fails where one breaks a
                                rule
torture replay --seed N         tells what happens on the day of a seed
torture replay FILE             tells what happens in a kept scenario
torture replay FILE --without GUARD[,GUARD]
                                the same with guards off (needs the feature `ablation`)
torture shrink --seed N [FILE]  takes out of a failing day all that it does without, and keeps it
torture shrink --seed N --without GUARD FILE
                                the same with a guard off (needs the feature `ablation`)
torture kills [N]               kills operators at every point at which they wait, in all courses, in new worlds until
                                it was done N times (20,000), with each thing that may become of what was on
                                its way, and prints the table; fails where a kill breaks a rule
torture kills COURSE/WORLD/WAIT/REQUESTS/OBJECTS
                                tells what happens at one of these kills
torture stores [N]              damages the stores of killed operators N times (50,000), and prints the table; fails
                                where more is permitted on one than on the intact store
torture guards [SEEDS] [FILE]   switches off each guard in turn, and writes down who misses it
                                (needs the feature `ablation`)";

/// How many seeds are run between two writes of the state file.
const CHUNK: u64 = 2_000;

/// Of so many seeds each pair of kinds has to be felt together in at least [`PAIR_MIN`], and each kind in
/// one; of fewer it is only told.
const SEEDS_WITH_ALL_PAIRS: u64 = 200_000;
const PAIR_MIN: u64 = 200;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["run", rest @ ..] => torment(
            rest.first().map_or(Ok(200_000), |text| number(text)),
            Path::new(rest.get(1).copied().unwrap_or("target/torture.json")),
        ),
        ["seeds", from, to] => number(from).and_then(|from| Ok(sample(from..number(to)?))),
        ["replay", "--seed", seed] => {
            number(seed).map(generate::scenario).and_then(|it| replay(&it, Ablation::none()))
        }
        ["replay", file] => read(Path::new(file)).and_then(|it| replay(&it, Ablation::none())),
        #[cfg(feature = "ablation")]
        ["replay", file, "--without", guards] => read(Path::new(file)).and_then(|scenario| {
            let mut ablation = Ablation::none();
            for word in guards.split(',') {
                ablation = ablation.and(AnyGuard::from_word(word).ok_or_else(|| HELP.to_owned())?);
            }
            replay(&scenario, ablation)
        }),
        #[cfg(feature = "ablation")]
        ["shrink", "--seed", seed, "--without", guard, file] => number(seed).and_then(|seed| {
            let guard = AnyGuard::from_word(guard).ok_or_else(|| HELP.to_owned())?;
            let alone = Ablation::of(guard);
            let ablation =
                guard.stand_in().map_or_else(|| alone.clone(), |it| alone.clone().and(it));
            make_small(seed, Manner { ablation, tells: false }, Path::new(file))
        }),
        ["shrink", "--seed", seed, rest @ ..] => number(seed).and_then(|seed| {
            let default = format!("target/seed-{seed}.json");
            let file = Path::new(rest.first().copied().unwrap_or(&default));
            make_small(seed, Manner::default(), file)
        }),
        ["stores"] => Ok(damage_stores(50_000)),
        ["stores", count] => number(count).map(damage_stores),
        ["kills"] => kill_until(20_000),
        ["kills", point] if point.contains('/') => kill_at(point),
        ["kills", count] => number(count).and_then(kill_until),
        #[cfg(feature = "ablation")]
        ["guards", rest @ ..] => guards(
            rest.first().map_or(Ok(2_000), |text| number(text)),
            Path::new(rest.get(1).copied().unwrap_or("docs/guards.md")),
        ),
        _ => Err(HELP.to_owned()),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::from(2)
        }
    }
}

fn number(text: &str) -> Result<u64, String> {
    text.replace('_', "").parse().map_err(|_| format!("`{text}` is no number\n{HELP}"))
}

fn read(file: &Path) -> Result<Scenario, String> {
    let text =
        std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    Scenario::from_json(&text).map_err(|error| format!("{}: {error}", file.display()))
}

fn torment(seeds: Result<u64, String>, state: &Path) -> Result<bool, String> {
    let seeds = seeds?;
    let mut table: Table = std::fs::read_to_string(state)
        .ok()
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default();
    while table.days() < seeds {
        let from = table.days();
        let to = (from + CHUNK).min(seeds);
        let days = from..to;
        for days in [days.clone(), changed_days(&days), store_days(&days)] {
            table.merge(swarm(days, &Manner::default(), None, &tells));
        }
        let text = serde_json::to_string(&table).map_err(|error| error.to_string())?;
        let new: PathBuf = state.with_extension("new");
        std::fs::write(&new, text).map_err(|error| format!("{}: {error}", new.display()))?;
        std::fs::rename(&new, state).map_err(|error| error.to_string())?;
        eprintln!("{to} of {seeds} seeds, {} guilty", table.guilty.len());
    }
    print!("{}", table.to_text());
    let debt = table.debt();
    for (seed, what) in &debt.new {
        println!("seed {seed}: {what}\n   torture replay --seed {seed}");
    }
    println!("open and listed: {:?}; new: {}", debt.known, debt.new.len());
    println!("listed and not open any more: {:?}", debt.mended);
    let is_covered = covers(&table);
    let is_listed = debt.new.is_empty() && debt.mended.is_empty();
    Ok(is_listed && (is_covered || table.days() < SEEDS_WITH_ALL_PAIRS))
}

/// Kills in all courses, in one world after the other, until it was done so many times.
fn kill_until(count: u64) -> Result<bool, String> {
    let mut tallies: Vec<kills::Tally> = Vec::new();
    let courses = courses::courses();
    let tell = |kill: &Kill, what: &[String]| {
        println!("{kill}: {}\n   torture kills {kill}", what.first().map_or("", String::as_str));
    };
    for world in 1.. {
        for course in &courses {
            tallies.push(course.run(world, u64::MAX, &tell));
            let done: u64 = tallies.iter().map(kills::Tally::all_runs).sum();
            eprintln!("{done} of {count} kills, {}", course.name);
        }
        let done: u64 = tallies.iter().map(kills::Tally::all_runs).sum();
        if done >= count || done == 0 {
            break;
        }
    }
    print!("{}", kills::table(&tallies));
    Ok(!tallies.is_empty() && tallies.iter().all(|tally| tally.guilty.is_empty()))
}

fn damage_stores(count: u64) -> bool {
    let origins = damage::origins(1, 4);
    let tally = damage::damage_many(&origins, 0..count);
    println!("{} damaged stores of {} operators", tally.count(), origins.len());
    print!("{}", tally.to_text());
    for (origin, number, damage, what) in &tally.guilty {
        println!("{origin}, the {number}th: {damage}");
        for line in what {
            println!("   {line}");
        }
    }
    tally.guilty.is_empty() && tally.count() == count
}

fn kill_at(point: &str) -> Result<bool, String> {
    let (scenario, report, broken) = point.parse::<Kill>()?.replay()?;
    print!("{}", scenario.to_json());
    for line in &report.story {
        println!("{line}");
    }
    for found in &broken {
        println!("broken: {found}");
    }
    Ok(broken.is_empty())
}

fn sample(seeds: std::ops::Range<u64>) -> bool {
    let table = swarm(seeds, &Manner::default(), None, &tells);
    print!("{}", table.to_text());
    table.guilty.is_empty()
}

fn tells(seed: u64, report: &Report) -> bool {
    if let Some(first) = report.violations.first() {
        println!("seed {seed}: {first}\n   torture replay --seed {seed}");
    }
    false
}

/// Says whether every kind, and every pair of kinds, was felt as often as it has to be in so many seeds, and every
/// kind of change met something; prints those that were not.
fn covers(table: &Table) -> bool {
    let bar = (PAIR_MIN * table.seeds / SEEDS_WITH_ALL_PAIRS).max(1);
    let rare = table.pairs_below(bar);
    let never = table.never_felt();
    for kind in &never {
        println!("never felt: {kind}");
    }
    let changes = table.rarest_changes();
    let store = table.rarest_store_kinds();
    let unfelt: Vec<_> = store.iter().filter(|(_, count)| *count == 0).collect();
    for (kind, _) in &unfelt {
        println!("never felt: {kind}");
    }
    let unmet: Vec<_> = changes.iter().filter(|(_, count)| *count == 0).collect();
    for (change, _) in &unmet {
        println!("never met anything: {change}");
    }
    println!("pairs of kinds felt together in fewer than {bar} seeds: {}", rare.len());
    for (pair, count) in rare.iter().take(40) {
        println!("   {pair} {count}");
    }
    rare.is_empty() && never.is_empty() && unfelt.is_empty() && unmet.is_empty()
}

fn replay(scenario: &Scenario, ablation: Ablation) -> Result<bool, String> {
    let report = run(scenario, &Manner { tells: true, ablation });
    print!("{}", scenario.to_json());
    for line in &report.story {
        println!("{line}");
    }
    for found in &report.violations {
        println!("broken: {found}");
    }
    Ok(report.violations.is_empty())
}

#[expect(clippy::needless_pass_by_value, reason = "it is made where it is passed")]
fn make_small(seed: u64, manner: Manner, file: &Path) -> Result<bool, String> {
    let scenario = generate::scenario(seed);
    let report = run_safely(&scenario, &manner);
    let Some(first) = report.violations.first() else {
        return Err(format!("seed {seed} breaks no rule"));
    };
    let what = first.to_string();
    // About whom it is, too: else a day with another defect may be what is left.
    let is_it = |it: &Violation| it.rule == first.rule && it.subject == first.subject;
    let shows = |report: &Report| report.violations.iter().any(is_it);
    let (mut small, runs) = shrink(&scenario, &manner, &shows);
    small.note = what.clone();
    std::fs::write(file, small.to_json())
        .map_err(|error| format!("{}: {error}", file.display()))?;
    println!("{what}\n{} after {runs} runs:\n{}", file.display(), small.to_json());
    Ok(true)
}

#[cfg(feature = "ablation")]
fn guards(seeds: Result<u64, String>, file: &Path) -> Result<bool, String> {
    use wucluster_rehearse::ablate::{Catch, ablate, missed, on_page, page};

    let seeds = seeds?;
    let before = std::fs::read_to_string(file).unwrap_or_default();
    let mut catches = Vec::new();
    for guard in AnyGuard::all() {
        // The day that the page names already is tried first.
        let named = on_page(&before, guard).and_then(|(day, _)| {
            missed(guard, &day).map(|violation| Catch { guard, day, violation })
        });
        let caught = named.or_else(|| ablate(guard, seeds));
        match &caught {
            Some(Catch { day, violation, .. }) => println!("{guard}: day {day}: {violation}"),
            None => println!("{guard}: missed by nobody in {seeds} seeds"),
        }
        catches.push((guard, caught));
        let text = page(seeds, &catches);
        std::fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    Ok(catches.iter().all(|(_, caught)| caught.is_some()))
}
