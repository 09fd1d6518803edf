//! The end: who sends first, then the doors, then what stands behind them, then who watches. Every step is bounded.

use super::child::Child;
use super::orders::Signals;
use super::state;
use super::supervisor::Supervisor;

impl Supervisor {
    /// Stops every child in order. A further signal kills what is left.
    pub async fn drain(mut self, signals: &mut Signals) {
        self.output.say("draining; press Ctrl-C again to end at once");
        // Scripts that wait for `up` must not find one that is ending.
        state::remove(&self.run);
        let traffic: Vec<Child> = self.traffic.take().into_iter().collect();
        let gateways: Vec<Child> = self.gateways.drain(..).chain(self.retiring.drain(..)).collect();
        let instances = self.instances.drain(..).chain(self.leaving.drain(..)).map(|one| one.child).collect();
        // What services end with may still have to be kept.
        let stores: Vec<Child> = self.stores.drain(..).map(|store| store.child).collect();
        let console: Vec<Child> = self.console.take().into_iter().collect();
        let mut forced = false;
        for mut step in [traffic, gateways, instances, stores, console] {
            for child in &step {
                if forced { child.kill() } else { child.ask_to_stop() }
            }
            let ended = async {
                for child in &mut step {
                    child.ended().await;
                }
            };
            let interrupted = tokio::select! {
                () = ended => false,
                () = signals.terminate(), if !forced => true,
            };
            if interrupted {
                self.output.say("ending at once");
                forced = true;
                for child in &mut step {
                    child.kill();
                }
                for child in &mut step {
                    child.ended().await;
                }
            }
        }
        self.output.say("everything has ended");
    }
}
