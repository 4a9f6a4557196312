//! Random things that befall a lab, one after another.

use std::time::Duration;

use wucluster_sim::Human;

use super::Lab;

/// Numbers for the schedule, apart from the world's own.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// Does one random thing to the world; most of it is refused, which is part of the history too.
pub fn step(lab: &mut Lab, dice: &mut Dice) {
    let (has_volume, has_instance) =
        (lab.world.volume_of(&lab.mount).is_some(), lab.world.instance_of(&lab.node).is_some());
    match dice.roll(12) {
        0 => drop(lab.world.ask(&lab.run_action())),
        1 => {
            let token = format!("token-{}", dice.roll(3));
            drop(lab.world.ask(&lab.create_volume(&token)));
        }
        2 | 3 if has_volume && has_instance => drop(lab.world.ask(&lab.attach())),
        4 if has_volume && has_instance => drop(lab.world.ask(&lab.detach())),
        5 if has_volume => drop(lab.world.ask(&lab.snapshot_action())),
        6 if has_volume => {
            let Some(address) = lab.address_if_seen() else { return };
            let actions = [lab.make_filesystem(), lab.mount_action()];
            for action in &actions {
                let now = lab.world.now();
                drop(lab.world.shell(&address, action, now));
            }
        }
        7 => drop(lab.world.write(&lab.mount, "file", "data")),
        8 if has_volume => {
            let Some(address) = lab.address_if_seen() else { return };
            let now = lab.world.now();
            drop(lab.world.shell(&address, &lab.unmount_action(), now));
        }
        9 => drop(lab.world.human(&Human::StartInstance(lab.node.clone()))),
        10 if has_volume => drop(lab.world.ask(&lab.delete_volume())),
        _ => drop(lab.world.observe(&lab.cluster)),
    }
    lab.world.advance(Duration::from_millis(dice.roll(20_000)));
}
