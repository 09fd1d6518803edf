//! `tenet restart`: a successor on the same sockets first, then the predecessor drains. No connection is refused. Of an embedded
//! store there cannot be two: its predecessor ends first, and connections wait meanwhile.

use super::child::Child;
use super::gateways::START_TIME;
use super::orders::Tell;
use super::supervisor::Supervisor;
use crate::cli::Failed;

impl Supervisor {
    /// Replaces the gateways and the store's processes one after another, then, if asked, the instances.
    pub async fn restart(&mut self, services: bool, tell: &Tell<'_>) -> Result<(), Failed> {
        for index in 0..self.gateways.len() {
            self.replace_gateway(index, tell).await?;
        }
        for index in 0..self.stores.len() {
            self.replace_store(index, tell).await?;
        }
        if services {
            for index in 0..self.instances.len() {
                self.replace_instance(index, tell).await?;
            }
        }
        self.write_state()
    }

    /// If the successor does not serve, it is stopped and the predecessor goes on.
    pub async fn replace_gateway(&mut self, index: usize, tell: &Tell<'_>) -> Result<(), Failed> {
        let spec = self.gateway_spec(index, &self.sockets.admin[index]);
        let id = spec.id.clone();
        let mut successor = Child::start(spec, &self.output, &self.time_line);
        if let Err(reason) = successor.ready(START_TIME).await {
            successor.kill();
            successor.ended().await;
            return Err(Failed(format!("error: {reason}; the gateway that ran goes on")));
        }
        let predecessor = std::mem::replace(&mut self.gateways[index], successor);
        predecessor.ask_to_stop();
        // Ours until it has ended: the wish to end may interrupt this, and then it still drains.
        self.retiring.push(predecessor);
        for gateway in &mut self.retiring {
            gateway.ended().await;
        }
        self.retiring.clear();
        tell.say(&format!("{id} was replaced"));
        Ok(())
    }

    async fn replace_instance(&mut self, index: usize, tell: &Tell<'_>) -> Result<(), Failed> {
        let plan = self.instances[index].plan.clone();
        let id = plan.id.clone();
        let Some(successor) = self.start_instances(vec![plan]).await?.pop() else { return Ok(()) };
        let predecessor = std::mem::replace(&mut self.instances[index], successor);
        self.leaving.push(predecessor);
        self.retire_instances().await?;
        tell.say(&format!("{id} was replaced"));
        Ok(())
    }
}
