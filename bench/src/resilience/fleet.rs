//! Six instances in three zones: started, made to fail, and put right again.

use super::instance::control::{Line, READY};
use crate::Outcome;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use tokio::net::TcpSocket;

/// The zones; the gateway lives in the first.
pub const ZONES: [&str; 3] = ["A", "B", "C"];
/// Instances in each.
pub const EACH: usize = 2;

/// All instances, in the order of their zones. They end with this handle.
pub struct Fleet {
    instances: Vec<Instance>,
}

struct Instance {
    zone: &'static str,
    http: Port,
    grpc: Port,
    process: Process,
    /// Calls that came to processes of this instance that are gone.
    calls_before: u64,
}

/// A port of ours: bound without listening, so that nobody else is given it and a connection is refused while the
/// instance is down.
struct Port {
    number: u16,
    _held: TcpSocket,
}

impl Port {
    fn reserve() -> std::io::Result<Port> {
        let held = TcpSocket::new_v4()?;
        // The instance binds the same port: Linux allows that where both ask for it and the other does not listen.
        held.set_reuseaddr(true)?;
        held.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        Ok(Port { number: held.local_addr()?.port(), _held: held })
    }
}

struct Process {
    child: Child,
    lines: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Fleet {
    /// Starts them on the load core, where the caller must be.
    pub fn start() -> Outcome<Fleet> {
        let mut instances = Vec::new();
        for zone in ZONES.iter().flat_map(|zone| [*zone; EACH]) {
            let reserve = || Port::reserve().map_err(|error| format!("a port for an instance: {error}"));
            let (http, grpc) = (reserve()?, reserve()?);
            let process = Process::start(&http, &grpc)?;
            instances.push(Instance { zone, http, grpc, process, calls_before: 0 });
        }
        Ok(Fleet { instances })
    }

    /// What configurations call the ports: `@A_ONE@`, and `@GRPC_A_ONE@` for gRPC.
    pub fn names(&self) -> Vec<(String, String)> {
        let number = |index: usize| if index.is_multiple_of(EACH) { "ONE" } else { "TWO" };
        self.instances
            .iter()
            .enumerate()
            .flat_map(|(index, instance)| {
                let name = format!("{}_{}", instance.zone, number(index));
                let grpc = (format!("GRPC_{name}"), instance.grpc.number.to_string());
                [(name, instance.http.number.to_string()), grpc]
            })
            .collect()
    }

    /// Says a line to the first instance of a zone.
    pub fn tell_one(&mut self, zone: &str, line: Line) -> Outcome {
        let found = self.instances.iter_mut().find(|instance| instance.zone == zone);
        found.ok_or_else(|| format!("no zone {zone}"))?.process.tell(line)
    }

    /// Sends a signal to every instance of a zone; SIGKILL is waited for.
    pub fn signal(&mut self, zone: &str, signal: Signal) -> Outcome {
        for instance in self.instances.iter_mut().filter(|instance| instance.zone == zone) {
            if signal == Signal::SIGKILL {
                instance.calls_before += instance.process.calls()?;
            }
            instance.process.signal(signal)?;
        }
        Ok(())
    }

    /// Starts every instance of a zone anew, on the ports it had.
    pub fn restart(&mut self, zone: &str) -> Outcome {
        for instance in self.instances.iter_mut().filter(|instance| instance.zone == zone) {
            instance.process = Process::start(&instance.http, &instance.grpc)?;
        }
        Ok(())
    }

    /// Calls that came to all of them since they were started; what came to a killed one since it was last asked is lost.
    pub fn calls(&mut self) -> Outcome<u64> {
        self.instances.iter_mut().map(|instance| Ok(instance.calls_before + instance.process.calls()?)).sum()
    }
}

impl Process {
    fn start(http: &Port, grpc: &Port) -> Outcome<Process> {
        let failed = |error: std::io::Error| format!("instance: {error}");
        let program = std::env::current_exe().map_err(failed)?;
        let mut command = Command::new(program);
        command.args(["instance", "--http", &http.number.to_string(), "--grpc", &grpc.number.to_string()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(failed)?;
        let (Some(lines), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("instance: no pipes".into());
        };
        let mut process = Process { child, lines, answers: BufReader::new(answers) };
        match process.read()?.as_str() {
            READY => Ok(process),
            other => Err(format!("instance: {other:?} instead of {READY:?}")),
        }
    }

    fn tell(&mut self, line: Line) -> Outcome {
        writeln!(self.lines, "{}", line.text()).map_err(|error| format!("instance: {error}"))
    }

    /// Its next line. An instance that is stopped says nothing: nobody asks one.
    fn read(&mut self) -> Outcome<String> {
        let mut line = String::new();
        match self.answers.read_line(&mut line) {
            Ok(0) => Err("instance: it has ended".into()),
            Ok(_) => Ok(line.trim_end().to_owned()),
            Err(error) => Err(format!("instance: {error}")),
        }
    }

    fn calls(&mut self) -> Outcome<u64> {
        self.tell(Line::Count)?;
        let line = self.read()?;
        line.parse().map_err(|error| format!("instance: {line:?}: {error}"))
    }

    fn signal(&mut self, signal: Signal) -> Outcome {
        let pid = i32::try_from(self.child.id()).map_err(|error| error.to_string())?;
        kill(Pid::from_raw(pid), signal).map_err(|error| format!("instance: {signal}: {error}"))?;
        if signal == Signal::SIGKILL {
            self.child.wait().map_err(|error| format!("instance: {error}"))?;
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Kills a stopped one, too; one that has been waited for is left alone by std.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::Port;
    use std::net::{SocketAddr, TcpListener, TcpStream};

    #[test]
    fn a_reserved_port_refuses_until_somebody_listens_and_again_after() {
        let port = Port::reserve().unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], port.number));
        for _ in 0..2 {
            assert!(TcpStream::connect(address).is_err());
            let listener = TcpListener::bind(address).unwrap();
            TcpStream::connect(address).unwrap();
            drop(listener);
        }
    }
}
