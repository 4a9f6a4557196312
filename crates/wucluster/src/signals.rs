//! The wishes of a person that reach us as signals.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::fault::Fault;

/// Listens to Ctrl-C, and to being asked to end.
pub(crate) struct Interrupts {
    streams: Vec<Signal>,
}

impl Interrupts {
    /// Begins to listen; from now on these signals do not end the program by themselves.
    pub(crate) fn listen() -> Result<Self, Fault> {
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        let streams = kinds.into_iter().map(signal).collect::<Result<_, _>>();
        streams
            .map(|streams| Self { streams })
            .map_err(|error| Fault::failed(format!("cannot listen to signals: {error}")))
    }

    /// Returns at the next such signal.
    pub(crate) async fn next(&mut self) {
        let waits = self.streams.iter_mut().map(|stream| Box::pin(stream.recv()));
        futures_util::future::select_all(waits).await;
    }

    /// Waits for something that may be dropped at any time; an interrupt drops it.
    #[cfg(feature = "local")]
    pub(crate) async fn unless<T>(
        &mut self,
        work: impl std::future::Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        tokio::select! {
            result = work => result,
            () = self.next() => Err(Fault::new(crate::exit::Exit::Interrupted, "interrupted; nothing was asked of the cluster")),
        }
    }
}
