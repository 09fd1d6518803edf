//! A fault in force, and its undoing. Processes are released also when this is only dropped: that is a signal and a flag, and needs
//! nobody's answer. Fault points undo themselves when their time is over, whoever has died by then.

use super::super::admin;
use super::super::child::Child;
use serde_json::Value;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::timeout;

const PATH: &str = "/-/faults";
/// Time for a fault point to answer. It is asked on the instance's own port, beside its calls.
const ANSWER_TIME: Duration = Duration::from_secs(2);

/// Time for a process to be gone after SIGKILL; the kernel needs it to give back a large memory.
const KILL_TIME: Duration = Duration::from_secs(10);

/// Where a fault point is.
#[derive(Clone, Debug)]
pub struct Point {
    /// Whose it is.
    pub id: String,
    /// Where it answers.
    pub address: SocketAddr,
}

/// A fault: who suffers it, and how.
pub enum Effect<'a> {
    /// Their processes are killed and nothing is started in their place.
    Lost(Vec<&'a Child>),
    /// Their processes are stopped where they are.
    Paused(Vec<&'a Child>),
    /// Their fault points are set to this.
    Faulty(Vec<Point>, Value),
    /// What is rehearsed is done by somebody else.
    Nothing,
}

impl Effect<'_> {
    /// Whether it can be done: processes always, fault points where they are switched on.
    pub async fn possible(&self) -> Result<(), String> {
        let Effect::Faulty(points, _) = self else { return Ok(()) };
        for point in points {
            match timeout(ANSWER_TIME, admin::get(point.address, PATH)).await {
                Ok(Ok(answer)) if answer.status == 404 => return Err(without_points(&point.id)),
                Ok(Ok(_)) => {}
                Ok(Err(error)) => {
                    return Err(format!("{} does not speak of its fault points: {error}", point.id));
                }
                Err(_) => return Err(format!("{} does not answer within {ANSWER_TIME:?}", point.id)),
            }
        }
        Ok(())
    }

    /// Does it. After an error it may be done in part, and must be undone.
    pub async fn begin(&self) -> Result<(), String> {
        match self {
            Effect::Lost(children) => {
                // All are told before any is waited for: they die as one.
                children.iter().for_each(|child| child.hold_down());
                for child in children {
                    if !child.held(KILL_TIME).await {
                        return Err(format!("{} still runs {KILL_TIME:?} after SIGKILL", child.spec().id));
                    }
                }
            }
            Effect::Paused(children) => children.iter().for_each(|child| child.pause()),
            Effect::Nothing => {}
            Effect::Faulty(points, fault) => {
                for point in points {
                    match timeout(ANSWER_TIME, admin::put(point.address, PATH, fault)).await {
                        Ok(Ok(answer)) if (200..300).contains(&answer.status) => {}
                        Ok(Ok(answer)) if answer.status == 404 => return Err(without_points(&point.id)),
                        Ok(Ok(answer)) => return Err(format!("{} refuses: {}", point.id, answer.reason())),
                        Ok(Err(error)) => return Err(format!("{} cannot be asked: {error}", point.id)),
                        Err(_) => return Err(format!("{} does not answer within {ANSWER_TIME:?}", point.id)),
                    }
                }
            }
        }
        Ok(())
    }

    /// Undoes it, and names those whose fault point did not say that it is undone.
    pub async fn undo(&self) -> Vec<String> {
        self.release();
        let mut silent = Vec::new();
        if let Effect::Faulty(points, _) = self {
            for point in points {
                match timeout(ANSWER_TIME, admin::delete(point.address, PATH)).await {
                    // Nothing there is nothing to undo: a process that was started anew has no fault.
                    Ok(Ok(answer)) if answer.status < 300 || answer.status == 404 => {}
                    _ => silent.push(point.id.clone()),
                }
            }
        }
        silent
    }

    fn release(&self) {
        if let Effect::Lost(children) | Effect::Paused(children) = self {
            children.iter().for_each(|child| child.release());
        }
    }
}

impl Drop for Effect<'_> {
    fn drop(&mut self) {
        self.release();
    }
}

fn without_points(id: &str) -> String {
    format!(
        "{id} has no fault points: {PATH} is not found there\n  hint: start with `tenet up --fault-points`; services of the SDK and gateways have them then"
    )
}
