//! The command line: what can be said, and which function does it.

use crate::{commands, drill, roles, traffic, up};
use clap::{Args, Parser, Subcommand};
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Contracts in, an operable fleet of services out.
#[derive(Debug, Parser)]
#[command(name = "tenet", version, about, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// Why a command failed, as a person reads it.
#[derive(Debug)]
pub struct Failed(pub String);

impl Failed {
    /// From anything that explains itself.
    pub fn new(reason: impl fmt::Display) -> Failed {
        Failed(reason.to_string())
    }

    /// `doing: reason`, with the reasons below it.
    pub fn while_doing(doing: &str, error: &dyn std::error::Error) -> Failed {
        let mut text = format!("error: {doing}: {error}");
        let mut source = error.source();
        while let Some(error) = source {
            text.push_str(&format!(": {error}"));
            source = error.source();
        }
        Failed(text)
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a whole project on this machine: services, gateways, console.
    Up(UpArgs),
    /// Check contracts and tenet.toml; print everything that is wrong.
    Check {
        /// The project folder, or a folder of .proto files.
        #[arg(default_value = ".")]
        path: PathBuf,
    },
    /// Write the OpenAPI 3.1 document of the public API.
    Docs {
        /// The project folder.
        #[arg(default_value = ".")]
        path: PathBuf,
        /// The file to write; standard output without it.
        #[arg(short, long)]
        output: Option<PathBuf>,
    },
    /// Print each effective value of a method, or of a message that is kept, and where it came from.
    Explain {
        /// The method (`pkg.Service/Method`) or message (`pkg.Message`), or the end of its name if only one has it; after the project folder if that is not the current one.
        #[arg(num_args = 1..=2, required = true, value_names = ["PROJECT", "METHOD"])]
        words: Vec<String>,
        /// The project folder.
        #[arg(long)]
        project: Option<PathBuf>,
    },
    /// Work with contracts.
    Contract {
        #[command(subcommand)]
        command: ContractCommand,
    },
    /// Apply the project's current tenet.toml and contracts to a running `tenet up`, everywhere at once.
    Reload {
        /// The project folder.
        #[arg(default_value = ".")]
        project: PathBuf,
    },
    /// Replace the gateways and the store of a running `tenet up` one after another, without losing a request.
    Restart {
        /// The project folder.
        #[arg(default_value = ".")]
        project: PathBuf,
        /// Replace the services' instances as well.
        #[arg(long)]
        services: bool,
    },
    /// Rehearse a failure on a running `tenet up`, under load, and measure what callers notice.
    Drill(drill::DrillArgs),
    /// Print the error catalogue as Markdown.
    Errors,
    /// The data plane, one process.
    Gateway(Box<roles::GatewayArgs>),
    /// The data owner.
    Store {
        #[command(subcommand)]
        command: roles::StoreCommand,
    },
    /// The console, one process.
    Console(roles::ConsoleArgs),
    /// Send an open-loop load to a gateway.
    #[command(hide = true)]
    Traffic(traffic::TrafficArgs),
    /// Become another program that dies with the supervisor.
    #[command(hide = true)]
    Child(roles::ChildArgs),
}

#[derive(Debug, Subcommand)]
enum ContractCommand {
    /// Fetch the contracts of a running gRPC server by reflection, as a descriptor set.
    Pull {
        /// HOST:PORT of a server with grpc.reflection.v1 (or v1alpha), in the clear.
        server: String,
        /// The file to write.
        #[arg(short, long, default_value = "contract.binpb")]
        output: PathBuf,
    },
}

/// Flags of `tenet up`.
#[derive(Clone, Debug, Args)]
pub struct UpArgs {
    /// The project folder.
    #[arg(default_value = ".")]
    pub project: PathBuf,
    /// Address of the public gateway.
    #[arg(long, default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Address of the console.
    #[arg(long, default_value = "127.0.0.1:8081")]
    pub console: SocketAddr,
    /// How many gateways share the public address.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub gateways: u32,
    /// Also send an open-loop load of this many requests a second.
    #[arg(long, value_name = "RPS", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub traffic: Option<u32>,
    /// Do not run the `build` commands of tenet.toml.
    #[arg(long)]
    pub no_build: bool,
    /// Let drills slow, break and silence instances and the network: starts every child with its fault points on.
    #[arg(long)]
    pub fault_points: bool,
}

/// Node facts as flags; each beats its variable and its key in node.toml.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Node facts")]
pub struct FactArgs {
    /// Unique name of the process in the fleet.
    #[arg(long)]
    name: Option<String>,
    /// The failure domain the process lives in.
    #[arg(long)]
    zone: Option<String>,
    /// Public addresses, separated by commas.
    #[arg(long)]
    listen: Option<String>,
    /// Private addresses, where services call each other.
    #[arg(long)]
    private_listen: Option<String>,
    /// Address of readiness, status, metrics and releases.
    #[arg(long)]
    admin_listen: Option<String>,
    /// Folder of releases and the current epoch.
    #[arg(long)]
    state_dir: Option<String>,
    /// Threads of the data plane.
    #[arg(long)]
    threads: Option<String>,
    /// Certificate chain (PEM) of the public addresses.
    #[arg(long)]
    tls_cert: Option<String>,
    /// Private key (PEM) of the certificate.
    #[arg(long)]
    tls_key: Option<String>,
    /// Expect a PROXY protocol v2 header on every public connection (true or false).
    #[arg(long, num_args = 0..=1, default_missing_value = "true")]
    proxy_protocol: Option<String>,
    /// The file that says which instances there are.
    #[arg(long)]
    roster: Option<String>,
    /// Let requests ask for failures by the header `tenet-fault` (true or false).
    #[arg(long, num_args = 0..=1, default_missing_value = "true")]
    fault_points: Option<String>,
}

impl FactArgs {
    /// By the key of the fact.
    pub fn by_key(self) -> BTreeMap<String, String> {
        let rows = [
            ("name", self.name),
            ("zone", self.zone),
            ("listen", self.listen),
            ("private_listen", self.private_listen),
            ("admin_listen", self.admin_listen),
            ("state_dir", self.state_dir),
            ("threads", self.threads),
            ("tls_cert", self.tls_cert),
            ("tls_key", self.tls_key),
            ("proxy_protocol", self.proxy_protocol),
            ("roster", self.roster),
            ("fault_points", self.fault_points),
        ];
        rows.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
    }
}

impl Cli {
    /// Does what was asked. An error is printed by the caller and ends the process with status 1.
    pub fn run(self) -> Result<(), Failed> {
        match self.command {
            Command::Up(args) => up::run(args),
            Command::Check { path } => commands::check::run(&path),
            Command::Docs { path, output } => commands::docs::run(&path, output.as_deref()),
            Command::Explain { words, project } => commands::explain::run(&words, project),
            Command::Contract { command: ContractCommand::Pull { server, output } } => {
                commands::pull::run(&server, &output)
            }
            Command::Reload { project } => up::control::ask(&project, "reload"),
            Command::Restart { project, services } => {
                up::control::ask(&project, if services { "restart services" } else { "restart" })
            }
            Command::Drill(args) => drill::run(args),
            Command::Errors => {
                print!("{}", commands::errors::markdown());
                Ok(())
            }
            Command::Gateway(args) => roles::gateway(&args),
            Command::Store { command } => roles::store(&command),
            Command::Console(args) => roles::console(args),
            Command::Traffic(args) => traffic::run(&args),
            Command::Child(args) => roles::child(&args),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_node_fact_has_its_flag() {
        let command = Cli::command();
        let gateway = command.find_subcommand("gateway").unwrap();
        for fact in &tenet_release::node::FACTS {
            let flag = fact.flag();
            assert!(
                gateway.get_arguments().any(|arg| arg.get_long() == flag.strip_prefix("--")),
                "{flag} is missing"
            );
        }
    }
}
