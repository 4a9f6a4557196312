//! What a cluster costs, by the program's own list and by the definition's prices.

mod common;

use common::World;
use wucluster_core::cost::{Cost, Costs, costs};

const ON_AWS: &str = r#"
[cluster]
name = "gibbon"
provider = "aws"
zone = "us-east-1a"

[node.chief]
image = "ami-1"
type = "m7i.large"
root = "10 GiB"
mount.home = { at = "/mnt/home", size = "100 GiB" }
"#;

fn of(world: &World) -> Costs {
    world.with_context(wucluster_core::demand::Demand::Away, |ctx| {
        costs(ctx.definition, ctx.observation).expect("there are prices")
    })
}

fn shown(cost: &Cost) -> (String, Vec<String>) {
    (cost.per_hour.to_string(), cost.unpriced.iter().cloned().collect())
}

/// A cluster whose volume has 200 GiB, though the definition says 100.
fn launched(definition: &str) -> World {
    let mut world = World::new(definition)
        .instance("chief", "running")
        .volume("chief/home", "in-use", "1 live")
        .attached("i-chief", "attached");
    world.view.volumes[0].size = wucluster_core::definition::Size::from_gib(200);
    world
}

#[test]
fn each_state_costs_what_is_left_of_it() {
    let costs = of(&launched(ON_AWS));
    assert_eq!(costs.currency, "USD");
    assert_eq!(costs.source, "list prices of us-east-1 as known in 2025-06");
    // 0.1008 for the machine, 10 GiB and 200 GiB of gp3 at 0.08 a month.
    assert_eq!(costs.now.per_hour.micros(), 100_800 + 1_096 + 21_918);
    assert_eq!(costs.launched, costs.now);
    assert_eq!(costs.parked.per_hour.micros(), 1_096 + 21_918);
    // At most a snapshot of the whole volume, at 0.05.
    assert_eq!(costs.away.per_hour.micros(), 13_699);
    let all = [&costs.now, &costs.parked, &costs.away];
    assert!(all.iter().all(|cost| cost.unpriced.is_empty()), "{costs:?}");
}

#[test]
fn what_is_stopped_costs_its_disks() {
    let mut world = launched(ON_AWS);
    world.view.instances[0].state = wucluster_core::observation::InstanceState::Stopped;
    let costs = of(&world);
    assert_eq!(costs.now, costs.parked);
}

#[test]
fn what_is_away_costs_its_snapshots() {
    let costs = of(&World::new(ON_AWS).snapshot("chief/home", "snap-1", "completed", 1));
    assert_eq!(costs.now, costs.away);
    assert!(costs.now.per_hour.micros() > 0);
    assert!(costs.launched.per_hour > costs.parked.per_hour);
}

#[test]
fn what_has_no_price_is_named_and_not_guessed() {
    let text = ON_AWS.replace("m7i.large", "x9.metal").replace("root = \"10 GiB\"\n", "");
    let costs = of(&launched(&text));
    let root = "root disks whose size is not set by `root`";
    assert_eq!(shown(&costs.now), ("0.022".to_owned(), vec![root.into(), "x9.metal".into()]));
    // A spot machine has no list price.
    let costs = of(&launched(&ON_AWS.replace("type =", "spot = true\ntype =")));
    assert_eq!(shown(&costs.now).1, ["m7i.large (spot)"]);
    // Nor has anything in a region that the list is not of.
    let costs = of(&launched(&ON_AWS.replace("us-east-1a", "eu-central-1a")));
    assert_eq!(
        shown(&costs.now),
        ("0.00".to_owned(), vec!["gp3 volumes".into(), "m7i.large".into()])
    );
    assert!(costs.source.contains("set `[prices]`"), "{}", costs.source);
}

#[test]
fn the_definitions_prices_come_first() {
    let prices = "[prices]\nas-of = \"2026-11\"\ninstance = { \"m7i.large\" = 0.2 }\n";
    let costs = of(&launched(&format!("{ON_AWS}{prices}")));
    assert_eq!(
        costs.source,
        "your [prices] of 2026-11, else list prices of us-east-1 as known in 2025-06"
    );
    assert_eq!(costs.now.per_hour.micros(), 200_000 + 1_096 + 21_918);
    // In another currency the list says nothing.
    let costs = of(&launched(&format!("{ON_AWS}{prices}currency = \"EUR\"\nvolume = 0.1\n")));
    assert_eq!(
        (costs.currency.as_str(), costs.source.as_str()),
        ("EUR", "your [prices] of 2026-11")
    );
    assert_eq!(costs.now.per_hour.micros(), 200_000 + 1_370 + 27_397);
    assert_eq!(shown(&costs.away).1, ["snapshots"]);
}

#[test]
fn rates_above_the_base_are_paid_for() {
    let fast =
        ON_AWS.replace("size = \"100 GiB\"", "size = \"100 GiB\", iops = 4000, throughput = 225");
    let more =
        of(&launched(&fast)).now.per_hour.micros() - of(&launched(ON_AWS)).now.per_hour.micros();
    // 1000 IOPS at 0.005 and 100 MiB/s at 0.04, a month.
    assert_eq!(more, 6_849 + 5_479);
}

#[test]
fn other_clouds_cost_only_what_the_definition_says() {
    let local = "[cluster]\nname = \"gibbon\"\n[node.chief]\nmount.home = { at = \"/mnt/home\", size = \"100 GiB\" }\n";
    let world = launched(local);
    let none = world.with_context(wucluster_core::demand::Demand::Away, |ctx| {
        costs(ctx.definition, ctx.observation)
    });
    assert_eq!(none, None);
    let costs = of(&launched(&format!("{local}[prices]\ninstance = 0.02\n")));
    assert_eq!(shown(&costs.now), ("0.02".to_owned(), vec!["volumes".into()]));
    assert_eq!(costs.source, "your [prices]");
}

#[test]
fn of_several_types_the_first_is_reckoned_with_until_a_machine_has_another() {
    let text = ON_AWS.replace("\"m7i.large\"", "[\"m7i.large\", \"x9.metal\"]");
    let away = of(&World::new(&text));
    assert_eq!(away.launched, of(&World::new(ON_AWS)).launched);
    let mut world = launched(&text);
    assert_eq!(of(&world).now, of(&launched(ON_AWS)).now, "the provider did not tell its type");
    world.view.instances[0].instance_type = Some("x9.metal".to_owned());
    let costs = of(&world);
    assert_eq!(shown(&costs.now).1, ["x9.metal"]);
    assert_eq!(shown(&costs.launched).1, ["x9.metal"]);
}
