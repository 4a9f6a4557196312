//! What a drive does for its right to drive: it beats, writes down before it asks, and gives it back.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, Shared};
use futures_util::{FutureExt as _, StreamExt as _};
use wucluster_core::action::Action;
use wucluster_core::ids::VolumeId;
use wucluster_core::phases::{Phase, PhaseEntry, entry_before};
use wucluster_core::ports::{CloudError, ErrorClass, ShellError};
use wucluster_core::time::Timestamp;

use super::{Done, Drive};
use crate::event::{EngineEvent, EventKind};
use crate::store::Dismissed;
use crate::store::lease::{BEAT, LeaseEnd};

/// How long it may take to write down what is about to be asked.
///
/// Source: what is asked that much later than it was written is later than what counts from the writing down says. It
/// is little beside the quarter of an hour that a request may be late anyway.
const WRITING_MAX: Duration = Duration::from_secs(10);

/// How long a drive that ends tries to give its right back.
///
/// Source: a person who interrupted has been promised that it ends within [`STOP_GRACE`](super::STOP_GRACE), answers that are
/// due included.
pub(super) const GIVE_BACK: Duration = Duration::from_secs(2);

/// Why something was not asked that was written down.
#[derive(Debug, Clone)]
pub(super) struct NotAsked(String);

impl NotAsked {
    /// Returns the word for requests to the cloud.
    pub(super) fn of_cloud(&self) -> CloudError {
        CloudError {
            class: ErrorClass::Retry,
            code: "NotAsked".to_owned(),
            message: self.0.clone(),
        }
    }

    /// Returns the word for requests to nodes.
    pub(super) fn of_shell(&self) -> ShellError {
        ShellError::Failed { status: 0, message: format!("not asked: {}", self.0) }
    }
}

/// Comes when what is about to be asked is written down; at once where nothing is.
#[derive(Clone)]
pub(super) struct Permit<'a>(Option<Shared<BoxFuture<'a, Result<(), NotAsked>>>>);

impl Permit<'_> {
    /// Waits for it.
    pub(super) async fn given(self) -> Result<(), NotAsked> {
        match self.0 {
            Some(permit) => permit.await,
            None => Ok(()),
        }
    }
}

impl<'a> Drive<'a, '_> {
    /// Puts an event down for the journal. Where everything is, told anew at each look, can be made again of the changes.
    pub(super) fn note_down(&self, event: &EngineEvent) {
        if let Some(tenure) = &self.pursuit.tenure
            && !matches!(event.kind, EventKind::Planned(_))
        {
            tenure.tell(event);
        }
    }

    /// Returns by what nodes tell the run from earlier ones, where there is one.
    pub(super) fn run_number(&self) -> Option<u64> {
        self.pursuit.tenure.as_ref().map(|tenure| tenure.fence())
    }

    /// Enters in the log of phases what has to stand there before an action is asked for.
    pub(super) fn enter_before(&mut self, action: &Action) {
        let Some(observation) = &self.observation else { return };
        if let Some(entry) = entry_before(&self.context(observation, self.now()), action) {
            self.enter(entry);
        }
    }

    /// Enters that a volume is deleted, where that was begun.
    pub(super) fn enter_gone(&mut self, volume: &VolumeId) {
        let last = self.memory.phases.as_ref().and_then(|phases| phases.of(volume));
        if let Some(last) = last.filter(|last| last.phase == Phase::Deleting).cloned() {
            self.enter(PhaseEntry { phase: Phase::Gone, ..last });
        }
    }

    fn enter(&mut self, entry: PhaseEntry) {
        if let (Some(tenure), Some(phases)) = (&self.pursuit.tenure, &mut self.memory.phases) {
            tenure.enter(entry.clone());
            phases.enter(entry);
        }
    }

    /// Writes down all that was told, for the requests of one wave.
    pub(super) fn permit(&self) -> Permit<'a> {
        let Some(tenure) = self.pursuit.tenure.clone() else { return Permit(None) };
        let clock = self.engine.clock;
        let told_at = clock.now();
        let stop = self.stop.clone();
        let permit = async move {
            tenure.permit().await.map_err(|dismissed| NotAsked(dismissed.to_string()))?;
            let took = clock.now().since(told_at);
            if took > WRITING_MAX {
                return Err(NotAsked(format!("it took {} s to write it down", took.as_secs())));
            }
            if stop.is_wished() {
                return Err(NotAsked("interrupted before it was asked".to_owned()));
            }
            Ok(())
        };
        Permit(Some(permit.boxed().shared()))
    }

    /// Begins to write down what was told, unless that is being done.
    pub(super) fn write_news(&mut self) {
        let Some(tenure) = &self.pursuit.tenure else { return };
        if self.is_writing || self.dismissed.is_some() || !tenure.has_news() {
            return;
        }
        self.is_writing = true;
        let tenure = Arc::clone(tenure);
        self.tasks.push(Box::pin(async move { Done::Wrote(tenure.commit().await) }));
    }

    /// Renews the lease when it is due.
    pub(super) fn beat_when_due(&mut self) {
        let Some(tenure) = &self.pursuit.tenure else { return };
        if self.dismissed.is_some() {
            return;
        }
        let (tenure, clock) = (Arc::clone(tenure), self.engine.clock);
        self.tasks.push(Box::pin(async move {
            // Simulated time may leap, and the lease is a real one: it is looked at again how long it is.
            while let due = tenure.beat_due()
                && !due.is_zero()
            {
                clock.sleep(due).await;
            }
            Done::Beat(tenure.beat(clock.now()).await)
        }));
    }

    /// Takes what came of renewing or writing.
    pub(super) fn keep(&mut self, result: Result<(), Dismissed>) {
        if let Err(dismissed) = result {
            self.dismissed.get_or_insert(dismissed);
        }
    }

    /// Does what is still to be done once the demand holds, while the right to drive is ours and is renewed.
    ///
    /// The demand holds whatever comes of it.
    pub(super) async fn last_act(&mut self, deadline: Option<Timestamp>) {
        let Some(act) = self.engine.last_act else { return };
        let (clock, tenure) = (self.engine.clock, self.pursuit.tenure.clone());
        if let Some(tenure) = &tenure
            && tenure.permit().await.is_err()
        {
            return;
        }
        let left = deadline.map(|deadline| deadline.since(clock.now()));
        let too_late = async {
            match left {
                Some(left) => clock.sleep(left).await,
                None => std::future::pending().await,
            }
        };
        let work = act.perform();
        tokio::pin!(work, too_late);
        loop {
            let due = match &tenure {
                Some(tenure) => tenure.beat_due(),
                None => BEAT,
            };
            tokio::select! {
                () = &mut work => return,
                () = self.stop.wished() => return,
                () = &mut too_late => return,
                () = clock.sleep(due) => {
                    if let Some(tenure) = &tenure
                        && tenure.beat(clock.now()).await.is_err()
                    {
                        return;
                    }
                }
            }
        }
    }

    /// Writes what is left to be written and gives the right to drive back; not for longer than a person would wait.
    pub(super) async fn give_back(&mut self, outcome: &str) {
        let Some(tenure) = self.pursuit.tenure.clone() else { return };
        let clock = self.engine.clock;
        let end =
            LeaseEnd { outcome: outcome.to_owned(), at: clock.now(), requests: self.requests };
        let tasks = &mut self.tasks;
        // What is being written down comes first, and goes on only where somebody waits for it.
        let others = async {
            while tasks.next().await.is_some() {}
            std::future::pending::<()>().await;
        };
        tokio::select! {
            // What cannot be given back is taken over after silence.
            _ = tenure.end(&end) => {}
            () = others => {}
            () = clock.sleep(GIVE_BACK) => {}
        }
    }
}
