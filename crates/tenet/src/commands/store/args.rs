//! Flags.

use clap::Args;
use std::path::PathBuf;

/// Whose store.
#[derive(Clone, Debug, Args)]
pub struct Where {
    /// The project folder.
    #[arg(long, default_value = ".")]
    pub project: PathBuf,
    /// The state folder, if it is not .tenet in the project folder.
    #[arg(long)]
    pub state_dir: Option<PathBuf>,
}

/// Flags of `tenet store backup`.
#[derive(Clone, Debug, Args)]
pub struct BackupArgs {
    #[command(flatten)]
    pub at: Where,
    /// The file to write, or a folder, where it gets a name with the time. One that was interrupted goes on.
    #[arg(long, value_name = "FILE_OR_FOLDER")]
    pub to: PathBuf,
    /// Begin anew also where one was interrupted.
    #[arg(long)]
    pub anew: bool,
}

/// Flags of `tenet store restore`.
#[derive(Clone, Debug, Args)]
pub struct RestoreArgs {
    #[command(flatten)]
    pub at: Where,
    /// The backup.
    #[arg(long, value_name = "FILE")]
    pub from: PathBuf,
    /// A folder for the embedded engine, instead of the project's own engine.
    #[arg(long, value_name = "FOLDER")]
    pub into: Option<PathBuf>,
    /// Replace what is there.
    #[arg(long)]
    pub replace: bool,
}

/// Flags of `tenet store verify`.
#[derive(Clone, Debug, Args)]
pub struct VerifyArgs {
    #[command(flatten)]
    pub at: Where,
    /// A backup, or a folder of the embedded engine that nobody has open. Without it: what the project keeps.
    pub path: Option<PathBuf>,
}

/// Which items.
#[derive(Clone, Debug, Args)]
pub struct Range {
    /// Only records whose key begins with these values.
    #[arg(long, conflicts_with_all = ["from", "to"])]
    pub prefix: Option<String>,
    /// From this key on.
    #[arg(long)]
    pub from: Option<String>,
    /// Up to this key, without it.
    #[arg(long)]
    pub to: Option<String>,
}

/// Flags of `tenet store export`.
#[derive(Clone, Debug, Args)]
pub struct ExportArgs {
    #[command(flatten)]
    pub at: Where,
    /// NAMESPACE or NAMESPACE/COLLECTION; everything without one.
    pub of: Vec<String>,
    #[command(flatten)]
    pub range: Range,
    /// The file to write; standard output without it.
    #[arg(long, short)]
    pub output: Option<PathBuf>,
}

/// Flags of `tenet store import`.
#[derive(Clone, Debug, Args)]
pub struct ImportArgs {
    #[command(flatten)]
    pub at: Where,
    /// The file with the lines; `-` for standard input.
    pub file: PathBuf,
    /// Go on where the import of this file was interrupted.
    #[arg(long)]
    pub resume: bool,
    /// Look at every line and write nothing.
    #[arg(long, conflicts_with = "resume")]
    pub check: bool,
}

/// Flags of `tenet store get`.
#[derive(Clone, Debug, Args)]
pub struct GetArgs {
    #[command(flatten)]
    pub at: Where,
    /// NAMESPACE/COLLECTION.
    pub of: String,
    /// Keys of records: `u7`, `("u7", 42)`; `0x…` where the collection has no schema.
    #[arg(required = true)]
    pub keys: Vec<String>,
}

/// Flags of `tenet store scan`.
#[derive(Clone, Debug, Args)]
pub struct ScanArgs {
    #[command(flatten)]
    pub at: Where,
    /// NAMESPACE/COLLECTION.
    pub of: String,
    #[command(flatten)]
    pub range: Range,
    /// Most items.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: u64,
}

/// Flags of `tenet store describe`.
#[derive(Clone, Debug, Args)]
pub struct DescribeArgs {
    #[command(flatten)]
    pub at: Where,
}
