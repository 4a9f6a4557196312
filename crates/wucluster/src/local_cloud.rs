//! What is special about the local cloud: its image, and what this host can carry.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::time::interval;
use wucluster_core::definition::ClusterDefinition;
use wucluster_core::observation::{CloudView, InstanceState};
use wucluster_core::ports::{Admission as _, Cloud as _, CloudError};
use wucluster_core::tags::Identity;
use wucluster_local::{ImageProgress, LocalCloud, LocalConfig, LocalError};

use crate::commands::admission;
use crate::dirs::Dirs;
use crate::fault::{Fault, exit_of, with_sources};
use crate::output::Output;
use crate::render::text::{clean, sides};
use crate::render::words::span;

/// Opens the local cloud.
pub(crate) fn open(dirs: &Dirs) -> Result<LocalCloud, Fault> {
    let config = LocalConfig { state_dir: dirs.state.clone(), cache_dir: dirs.cache.clone() };
    LocalCloud::open(&config).map_err(fault)
}

/// Translates a failure of the local cloud.
pub(crate) fn fault(error: LocalError) -> Fault {
    let message = with_sources(&error);
    Fault::new(exit_of(CloudError::from(error).class), message)
}

/// Gets ready what launching needs: image, tools, keys; and asks whether this host can carry it.
///
/// # Errors
/// [`crate::exit::Exit::Held`] with the reasons when it cannot; nothing was made then.
pub(crate) async fn get_ready(
    definition: &ClusterDefinition,
    dirs: &Dirs,
    output: &Output,
) -> Result<(), Fault> {
    let local = open(dirs)?;
    let view = local.observe(&definition.name).await?;
    if all_run(definition, &view) {
        return Ok(());
    }
    let refusals = local.refusals(definition, &view).await;
    if !refusals.is_empty() {
        return Err(admission::held(definition, "this host", refusals, output));
    }
    prepare(&local, output).await
}

/// Builds the image if it is missing, telling its steps, and gets keys and tools ready.
pub(crate) async fn prepare(local: &LocalCloud, output: &Output) -> Result<(), Fault> {
    let steps = Mutex::new(Steps { output, step: None });
    let work = local.prepare(|progress| lock(&steps).begin(progress));
    tokio::pin!(work);
    let mut seconds = interval(Duration::from_secs(1));
    let result = loop {
        tokio::select! {
            result = &mut work => break result,
            _ = seconds.tick() => lock(&steps).repaint(),
        }
    };
    lock(&steps).end();
    result.map(drop).map_err(fault)
}

fn lock<'m, 'o>(steps: &'m Mutex<Steps<'o>>) -> std::sync::MutexGuard<'m, Steps<'o>> {
    steps.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Says whether every node of the definition runs already.
fn all_run(definition: &ClusterDefinition, view: &CloudView) -> bool {
    definition.nodes.keys().all(|name| {
        let identity = Ok(Identity::Node(name.clone()));
        view.instances.iter().any(|instance| {
            instance.state == InstanceState::Running
                && instance.tags.identity(&definition.name) == identity
        })
    })
}

/// Shows the steps of building the image: in one line on a terminal, a line each elsewhere.
struct Steps<'a> {
    output: &'a Output,
    /// The step, and when the building began.
    step: Option<(String, Instant)>,
}

impl Steps<'_> {
    fn begin(&mut self, progress: ImageProgress) {
        let ImageProgress { step, elapsed } = progress;
        let begun = Instant::now().checked_sub(elapsed).unwrap_or_else(Instant::now);
        if !self.output.is_quiet && !self.output.is_err_terminal {
            self.output.aside(&clean(&format!("image: {step}  ({})", span(elapsed))));
            self.output.aside("\n");
        }
        self.step = Some((step, begun));
        self.repaint();
    }

    fn repaint(&self) {
        let Some((step, begun)) = &self.step else { return };
        if self.output.is_quiet || !self.output.is_err_terminal {
            return;
        }
        let look = &self.output.err;
        let line = format!("node image, built once: {}", clean(step));
        let line =
            sides(&line, &span(begun.elapsed()), look.width.saturating_sub(1).min(100), look);
        self.output.aside(&format!("\r\u{1b}[2K{line}"));
    }

    fn end(&mut self) {
        if self.step.take().is_some() && self.output.is_err_terminal && !self.output.is_quiet {
            self.output.aside("\r\u{1b}[2K");
        }
    }
}

/// An interrupted building leaves no half line behind.
impl Drop for Steps<'_> {
    fn drop(&mut self) {
        self.end();
    }
}
