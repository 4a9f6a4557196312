//! I13: nothing is permitted on a damaged store that the intact one would refuse.
#![allow(clippy::print_stdout, reason = "a test tells what it did")]

use wucluster_rehearse::damage::{Damage, Found, damage_many, origins};

#[cfg(feature = "ablation")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How many stores are damaged; the tests of the engine damage 2,306 small ones at every byte beside these.
const STORES: u64 = 3_000;

#[test]
fn nothing_is_permitted_on_a_damaged_store_that_the_intact_one_would_refuse() {
    let origins = origins(1, 1);
    assert!(origins.len() >= 10, "only {} stores", origins.len());
    let tally = damage_many(&origins, 0..STORES);
    println!("{} stores of {} operators\n{}", tally.count(), origins.len(), tally.to_text());
    for (origin, number, damage, what) in &tally.guilty {
        println!("{origin}: {number}: {damage}: {what:?}");
    }
    assert_eq!((tally.guilty.len(), tally.count()), (0, STORES));
    for (kind, counts) in &tally.kinds {
        let all: u64 = counts.iter().sum();
        assert!(all >= STORES / 200, "{kind}: only {all}");
    }
    // A byte that is another one, or missing, is seen wherever it is read.
    let [refused, within, ..] = tally.kinds["cut"];
    assert!(refused > within, "{refused} of {} were refused", refused + within);
}

#[test]
fn what_an_intact_store_remembers_makes_a_difference() {
    // Or else nothing could ever be found beyond it.
    let origins = origins(1, 1);
    let mut more = 0;
    for origin in &origins {
        let nothing = Damage::Lost("");
        match origin.judge(&origins, 0, &nothing) {
            Found::Harmless | Found::Held => more += 1,
            Found::Within | Found::Refused(_) => {}
            Found::Guilty(what) => panic!("{}: {what:?}", origin.name),
        }
    }
    println!(
        "on {more} of {} empty stores more is permitted than on the intact one",
        origins.len()
    );
    assert!(more > 0, "what an intact store remembers never made a difference");
}
