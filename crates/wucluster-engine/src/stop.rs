//! The wish of a person that a drive should end.

use tokio::sync::watch;

/// Tells a drive that it should end; cheap to clone.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

/// The other end of a [`Stop`].
#[derive(Debug)]
pub struct Stopper(watch::Sender<bool>);

impl Stop {
    /// Makes a pair.
    #[must_use]
    pub fn new() -> (Stopper, Self) {
        let (sender, receiver) = watch::channel(false);
        (Stopper(sender), Self(receiver))
    }

    /// Makes one that never tells.
    #[must_use]
    pub fn never() -> Self {
        Self::new().1
    }

    /// Says whether the wish was uttered.
    #[must_use]
    pub fn is_wished(&self) -> bool {
        *self.0.borrow()
    }

    /// Returns once the wish is uttered; never, if it never is.
    pub async fn wished(&mut self) {
        while !*self.0.borrow_and_update() {
            if self.0.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

impl Stopper {
    /// Utters the wish: no new requests; answers that are due are taken.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}
