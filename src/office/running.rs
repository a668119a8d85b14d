//! What head office runs in the background: what it did so far, and its end. What it does is its
//! own.

use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The handle. Dropped, it stops where it is.
pub struct Running<F> {
    pub(super) task: JoinHandle<()>,
    pub(super) stop: watch::Sender<bool>,
    pub(super) figures: watch::Receiver<F>,
}

impl<F> Running<F> {
    /// What it did so far, now and later.
    #[must_use]
    pub fn figures(&self) -> watch::Receiver<F> {
        self.figures.clone()
    }

    /// Ends what was begun, and stops.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        let _ = (&mut self.task).await;
    }
}

impl<F> Drop for Running<F> {
    fn drop(&mut self) {
        self.task.abort();
    }
}
