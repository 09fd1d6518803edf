//! `examples/feed` as a whole: `tenet up` over a copy of it, in the profile the tests are built in.

use crate::{Project, Up, binary};
use std::path::{Path, PathBuf};

/// The example's services.
const SERVICES: [&str; 3] = ["feed-accounts", "feed-timeline", "feed-payments"];

/// A copy of the example whose services are the binaries built with this test, one instance each so that nine
/// processes do not share two cores; `change` may edit its `tenet.toml` further.
///
/// # Panics
/// When it cannot be built or copied.
pub fn project(change: impl FnOnce(String) -> String) -> Project {
    let folder = built();
    let project = Project::copy_of("examples/feed");
    let path = project.path().join("tenet.toml");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let lines = text.lines().map(|line| {
        let named = SERVICES.iter().find(|name| line.starts_with("command = ") && line.contains(**name));
        match named {
            Some(name) => format!("command = \"{}\"", folder.join(name).display()),
            None if line.starts_with("zones = ") => "zones = [\"a\"]".to_owned(),
            None => line.to_owned(),
        }
    });
    let text = lines.collect::<Vec<_>>().join("\n");
    assert_eq!(text.matches(&folder.display().to_string()).count(), SERVICES.len(), "{text}");
    project.write("tenet.toml", &change(text));
    project
}

/// Where the services' binaries are: beside the `tenet` that `TENET_BIN` names where the whole workspace was built
/// there, else beside this test's own executable once cargo has built them.
fn built() -> PathBuf {
    let beside = std::env::var_os("TENET_BIN").map(PathBuf::from);
    let beside = beside.and_then(|path| path.parent().map(Path::to_owned));
    let whole = |folder: &PathBuf| SERVICES.iter().all(|name| folder.join(name).is_file());
    beside.filter(whole).unwrap_or_else(|| {
        let [path, ..] = SERVICES.map(|name| binary::build("tenet-example-feed", name));
        path.parent().unwrap_or(&path).to_owned()
    })
}

/// The example, up and answering.
pub fn up(change: impl FnOnce(String) -> String) -> (Project, Up) {
    let project = project(change);
    let up = Up::start(&project, &["--no-build"]);
    (project, up)
}
