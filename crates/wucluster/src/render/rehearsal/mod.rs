//! What was rehearsed: the screens of `rehearse`.

mod day;
mod many;

use wucluster_core::definition::ClusterDefinition;
use wucluster_core::demand::Demand;
use wucluster_core::scope::Scope;

use super::look::{Look, Tone};
use super::text::{WIDEST, clean, sentence, sides, width};
use super::words::count;
use crate::commands::part;

pub(crate) use day::{afterwards, day};
pub(crate) use many::{days, killed};

/// What all screens of a rehearsal show.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scene<'a> {
    /// The definition.
    pub(crate) definition: &'a ClusterDefinition,
    /// Where it begins.
    pub(crate) from: Demand,
    /// Where it is to go.
    pub(crate) demand: Demand,
    /// Of which part of it.
    pub(crate) scope: &'a Scope,
    /// The seed.
    pub(crate) seed: u64,
}

/// Writes the first line: what is rehearsed, and that it is.
pub(crate) fn headline(scene: &Scene<'_>, look: &Look) -> String {
    let Scene { definition, from, demand, scope, seed } = scene;
    let zone = crate::render::words::zones(definition.zones());
    let left = format!(
        "{} -> {demand}, from {from}  {}{zone}  {}, {}",
        part::named(&definition.name, scope),
        definition.provider,
        count(definition.nodes.len(), "node"),
        count(definition.mounts().count(), "mount"),
    );
    let right = format!("simulated, seed {seed}");
    let (left, columns) = (clean(&left), look.width.min(WIDEST));
    let line = if width(&left) + 2 + width(&right) <= columns {
        sides(&left, &right, columns, look)
    } else {
        // On a narrow screen nothing of it is cut.
        format!("{}{right}", sentence(&left, look))
    };
    format!("{}\n", look.paint(Tone::Strong, &line))
}

/// Says that nothing happened that must never happen.
pub(crate) fn safe(scene: &Scene<'_>, look: &Look) -> String {
    let rest = match (scene.demand, scene.scope.is_whole()) {
        (Demand::Away, true) => ", only snapshots are paid for",
        (Demand::Away, false) => ", only snapshots of this part are paid for",
        _ => "",
    };
    let text = format!("Judged by the truth: no data is lost, nothing foreign is touched{rest}.\n");
    sentence(&text, look)
}

#[cfg(test)]
mod tests {
    use wucluster_rehearse::forecast::{Day, Stage, forecast};
    use wucluster_rehearse::runs::{kills, many};

    use std::time::Duration;

    use super::*;

    const DEFINITION: &str = include_str!("../../../../../examples/aws.cluster.toml");

    fn show(from: Demand, demand: Demand, look: &Look) -> String {
        let definition = ClusterDefinition::parse(DEFINITION).unwrap();
        let stage = Stage::set(&definition, from, 1).unwrap();
        let scope = Scope::default();
        let scene = Scene { definition: &definition, from, demand, scope: &scope, seed: 1 };
        let seen = forecast(&stage, demand, &Day::calm(1));
        let text = format!("{}\n{}", headline(&scene, look), day(&seen, look));
        for line in text.lines() {
            assert!(width(line) <= look.width.min(WIDEST), "too wide: {line}");
        }
        text
    }

    #[test]
    fn a_launch_is_forecast() {
        insta::assert_snapshot!(show(Demand::Away, Demand::Launched, &Look::plain(100)));
    }

    #[test]
    fn a_put_away_is_forecast_on_a_narrow_screen_in_ascii() {
        let look = Look { ascii: true, ..Look::plain(80) };
        insta::assert_snapshot!(show(Demand::Launched, Demand::Away, &look));
    }

    #[test]
    fn bad_days_and_kills_are_counted() {
        let definition = ClusterDefinition::parse(DEFINITION).unwrap();
        let from = Demand::Launched;
        let stage = Stage::set(&definition, from, 1).unwrap();
        let (demand, scope) = (Demand::Away, Scope::default());
        let scene = Scene { definition: &definition, from, demand, scope: &scope, seed: 1 };
        let look = Look::plain(100);
        let seen = many(&stage, Demand::Away, (1, 12), Duration::ZERO, &mut |_| {});
        let killed_at = kills(&stage, Demand::Away, &Day::calm(1), 10, &mut |_, _| {});
        let text = format!("{}\n{}", days(&seen, &scene, &look), killed(&killed_at, &scene, &look));
        insta::assert_snapshot!(text);
    }
}
