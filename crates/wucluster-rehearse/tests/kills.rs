//! L5: an operator is killed wherever it waits, whatever becomes of what it had on its way, and another one comes.
#![allow(clippy::print_stdout, reason = "a test tells what it did")]

use wucluster_rehearse::courses::{self, Course};
use wucluster_rehearse::kills::{self, Kill, OUTCOMES, Tally};
use wucluster_rehearse::run::{Manner, run};
use wucluster_rehearse::scenario::Scenario;

#[cfg(feature = "ablation")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[test]
fn wherever_an_operator_is_killed_the_next_one_leaves_what_one_alone_would_have() {
    let tell = |kill: &Kill, what: &[String]| {
        println!("{kill}: {what:?}");
        println!("   cargo run -p wucluster-rehearse --bin torture -- kills {kill}");
    };
    let courses = courses::courses();
    let tested = courses.iter().take(courses::TESTED);
    // In another world too, where one alone has too few points of a kind.
    let of_course = |course: &Course| {
        let mut tallies = vec![course.run(1, u64::MAX, &tell)];
        if OUTCOMES[..4].iter().any(|outcome| count(&tallies, outcome) < OUTCOME_MIN) {
            tallies.push(course.run(2, u64::MAX, &tell));
        }
        tallies
    };
    let by_course: Vec<Vec<Tally>> = tested.map(of_course).collect();
    let tallies: Vec<Tally> = by_course.iter().flatten().cloned().collect();
    println!("{}", kills::table(&tallies));
    let guilty: Vec<_> = tallies.iter().flat_map(|tally| &tally.guilty).collect();
    assert!(guilty.is_empty(), "{} kills broke a rule: {:?}", guilty.len(), guilty[0]);
    let runs: u64 = tallies.iter().map(Tally::all_runs).sum();
    assert!(runs >= 1_500, "only {runs} kills");
    // Each course has been met in the middle of something, and each outcome was had there.
    for tallies in &by_course {
        for outcome in &OUTCOMES[..4] {
            let count = count(tallies, outcome);
            assert!(count >= OUTCOME_MIN, "{}: {outcome}: {count}", tallies[0].course);
        }
    }
}

/// How often each outcome must have been had at least.
const OUTCOME_MIN: u64 = 10;

fn count(tallies: &[Tally], outcome: &str) -> u64 {
    tallies.iter().filter_map(|tally| tally.runs.get(outcome)).sum()
}

#[test]
fn a_kill_is_named_and_kept_whole() {
    for text in ["put-away/1/37/arrives/is-lost", "first-launch/3/2/later-2000/later-0"] {
        let kill: Kill = text.parse().expect("it is one");
        assert_eq!(kill.to_string(), text);
        let courses = courses::courses();
        let course = courses.iter().find(|course| course.name == kill.course).expect("it is there");
        let scenario = course.with(kill.world, kill.point);
        assert_eq!(Scenario::from_json(&scenario.to_json()), Ok(scenario));
    }
    for wrong in ["", "put-away/1/37", "put-away/1/x/arrives/arrives", "put-away/1/1/arrives/later"]
    {
        assert!(wrong.parse::<Kill>().is_err(), "{wrong}");
    }
}

#[test]
fn what_is_left_half_done_is_seen() {
    let courses = courses::courses();
    for course in courses.iter().take(courses::TESTED) {
        let whole = run(&course.whole(1), &Manner::default());
        let kill: Kill = "any/1/25/is-lost/is-lost".parse().expect("it is one");
        let mut scenario = course.with(1, kill.point);
        // Nobody comes after the operator that is gone, before calm.
        scenario.steps.pop();
        let alone = run(&scenario, &Manner::default());
        assert_eq!(alone.violations, [], "{}", course.name);
        let (found, _) = course.judge(kill.point, &whole, &alone);
        assert!(!found.is_empty(), "{}: nobody saw it", course.name);
    }
}
