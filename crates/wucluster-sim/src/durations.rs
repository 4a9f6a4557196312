//! How long things take.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A range of times, from which one is drawn for each case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// The shortest.
    pub min: Duration,
    /// The longest.
    pub max: Duration,
}

impl Span {
    /// Makes a range of milliseconds, both ends included.
    #[must_use]
    pub const fn millis(min: u64, max: u64) -> Self {
        Self { min: Duration::from_millis(min), max: Duration::from_millis(max) }
    }

    /// Makes a range of whole seconds, both ends included.
    #[must_use]
    pub const fn seconds(min: u64, max: u64) -> Self {
        Self::millis(min * 1000, max * 1000)
    }
}

/// How long each transition of the simulated cloud takes.
///
/// Source of the defaults: recorded EC2 sessions and the EBS CSI driver's measurements, as listed
/// with each field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Durations {
    /// From `RunInstances` or `StartInstances` to `running`. Default 6–40 s (recorded).
    pub launch: Span,
    /// From `running` to the first answer of ssh. Default 20–60 s (recorded).
    pub ssh: Span,
    /// From `shutting-down` to `terminated`. Default 5–60 s (recorded).
    pub terminate: Span,
    /// From `stopping` to `stopped`. Default 5–60 s (recorded).
    pub stop: Span,
    /// From a reboot to the next answer of ssh. Default 20–60 s.
    pub reboot: Span,
    /// From `creating` to `available`. Default 1–4 s (CSI driver).
    pub create_volume: Span,
    /// From the request to grow a volume to its new size. Default 1–8 s (EBS user guide: "seconds").
    #[serde(default = "modify_volume")]
    pub modify_volume: Span,
    /// From `attaching` to `attached`. Default 1–4 s (CSI driver).
    pub attach: Span,
    /// From `attached` to the node seeing the device. Default 0–2 s.
    pub device: Span,
    /// From `detaching` to no attachment, where nothing holds the device. Default 1–4 s (CSI driver).
    pub detach: Span,
    /// From `detaching` to `busy`, where something holds the device. Default 6–40 s (user reports).
    pub busy: Span,
    /// From `deleting` to no longer listed. Default 0.5–5 s (recorded).
    pub delete_volume: Span,
    /// From `pending` to `completed`, whatever the size. Default 45–80 s (recorded).
    pub snapshot: Span,
    /// What each GiB of the volume adds to a snapshot's time. Default 0.2 s.
    pub snapshot_per_gib: Duration,
    /// How long a new thing stays out of listings. Default 0–2 s.
    pub visibility: Span,
    /// How long a terminated instance stays in listings. Default 60 min ("usually less than one hour").
    pub terminated_listed: Duration,
    /// How long written data stays in a node's cache before it reaches the device by itself.
    /// Default 30 s (Linux `dirty_expire_centisecs`).
    pub writeback: Duration,
    /// How long a request to the cloud takes, half before its effect, half after. Default 50–400 ms.
    pub cloud_call: Span,
    /// How long a round trip to a node takes beside its work, likewise. Default 50–300 ms.
    pub shell_call: Span,
    /// How long a caller waits for an answer of the cloud before it gives up. Default 30 s.
    pub client_timeout: Duration,
    /// How long a node that hangs lets its caller wait. Default 15 s.
    pub hang: Duration,
}

/// The default of a world that was written down before volumes could grow.
const fn modify_volume() -> Span {
    Span::seconds(1, 8)
}

impl Default for Durations {
    fn default() -> Self {
        Self {
            launch: Span::seconds(6, 40),
            ssh: Span::seconds(20, 60),
            terminate: Span::seconds(5, 60),
            stop: Span::seconds(5, 60),
            reboot: Span::seconds(20, 60),
            create_volume: Span::seconds(1, 4),
            modify_volume: modify_volume(),
            attach: Span::seconds(1, 4),
            device: Span::seconds(0, 2),
            detach: Span::seconds(1, 4),
            busy: Span::seconds(6, 40),
            delete_volume: Span::millis(500, 5000),
            snapshot: Span::seconds(45, 80),
            snapshot_per_gib: Duration::from_millis(200),
            visibility: Span::seconds(0, 2),
            terminated_listed: Duration::from_secs(3600),
            writeback: Duration::from_secs(30),
            cloud_call: Span::millis(50, 400),
            shell_call: Span::millis(50, 300),
            client_timeout: Duration::from_secs(30),
            hang: Duration::from_secs(15),
        }
    }
}

impl Durations {
    /// Returns how soon after its answer a request can have brought about what it is for, as far as operators know: they know
    /// the shortest times that were recorded of EC2, and none of this cloud's own longer ones. That a volume is being deleted must be seen before it is gone.
    #[must_use]
    pub fn soonest(&self, request: &str) -> Duration {
        let known = Self::default();
        let of = |span: fn(&Self) -> Span| span(self).min.min(span(&known).min);
        match request {
            "RunInstances" | "StartInstances" => of(|all| all.launch),
            "TerminateInstances" => of(|all| all.terminate),
            "StopInstances" => of(|all| all.stop),
            "CreateVolume" => of(|all| all.create_volume),
            "AttachVolume" => of(|all| all.attach),
            "DetachVolume" => of(|all| all.detach),
            "ModifyVolume" => of(|all| all.modify_volume),
            // Small ones may be whole sooner than those that were recorded.
            "CreateSnapshot" => self.snapshot.min.min(Duration::from_secs(5)),
            _ => Duration::ZERO,
        }
    }

    /// Makes every transition complete as soon as time is looked at again.
    ///
    /// Cached writes still wait for a sync, as they would otherwise never be missed.
    #[must_use]
    pub fn instant() -> Self {
        Self::uniform(Span::millis(0, 0))
    }

    /// Makes every transition take one to five milliseconds, so that each state is still seen.
    #[must_use]
    pub fn fast() -> Self {
        Self::uniform(Span::millis(1, 5))
    }

    fn uniform(span: Span) -> Self {
        Self {
            launch: span,
            ssh: span,
            terminate: span,
            stop: span,
            reboot: span,
            create_volume: span,
            modify_volume: span,
            attach: span,
            device: span,
            detach: span,
            busy: span,
            delete_volume: span,
            snapshot: span,
            snapshot_per_gib: Duration::ZERO,
            visibility: Span::millis(0, 0),
            terminated_listed: Duration::from_secs(3600),
            writeback: Duration::from_secs(30),
            cloud_call: Span::millis(0, 0),
            shell_call: Span::millis(0, 0),
            client_timeout: span.max,
            hang: span.max,
        }
    }
}
