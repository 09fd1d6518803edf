//! Killed in the middle, and gone on with.

use super::site::{begin, fill, token};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tenet_store::backup::{Begun, Reader, Restore, Walk, Writer};
use tenet_store::engine::embedded::{Embedded, EmbeddedOptions};
use tenet_store::engine::{Cursor, Engine};
use tenet_store::item::Version;

/// What the victim does: `backup` or `restore`, then the folder of its test.
const ROLE: &str = "TENET_TEST_BACKUP_VICTIM";
/// Between two steps of the victim, so that there is a middle to be killed in.
const STEP: Duration = Duration::from_millis(5);
/// Kills of each kind.
const KILLS: usize = 6;

fn open(folder: &Path) -> Embedded {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        // A killed process lets go of its lock a moment later.
        match Embedded::open(folder, EmbeddedOptions::default()) {
            Ok(engine) => return engine,
            Err(error) => assert!(Instant::now() < until, "{error}"),
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// One life of a backup or restore; the process of a test is killed in it.
#[tokio::test]
async fn victim() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let (role, folder) = role.split_once(' ').unwrap();
    let folder = Path::new(folder);
    match role {
        "backup" => back_up(&folder.join("store"), &folder.join("backup")).await,
        _ => restore(&folder.join("restored"), &folder.join("backup")).await,
    }
}

async fn back_up(store: &Path, path: &Path) {
    let engine = open(store);
    let (mut writer, mut walk) = match Writer::find(path).unwrap() {
        Begun::Partial(writer) => {
            let snapshot = engine.snapshot().await.unwrap();
            // Nobody wrote meanwhile: it is the same moment, also in another process.
            assert_eq!(writer.head().state, snapshot.moment().state);
            let walk = Walk::all(snapshot, writer.after()).unwrap();
            (*writer, walk)
        }
        _ => begin(&engine, path).await,
    };
    loop {
        let rows = walk.next().await.unwrap();
        if rows.is_empty() {
            writer.finish().unwrap();
            return;
        }
        writer.part(&rows).unwrap();
        tokio::time::sleep(STEP).await;
    }
}

async fn restore(store: &Path, path: &Path) {
    let engine = open(store);
    let reader = Reader::open(path).unwrap();
    let mut restore = Restore::begin(&engine, reader, false, (Version(0), Cursor(0))).await.unwrap();
    while restore.step().await.unwrap() {
        tokio::time::sleep(STEP).await;
    }
    restore.verify().await.unwrap();
}

fn live(role: &str, folder: &Path) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "killed::victim", "--nocapture"])
        .env(ROLE, format!("{role} {}", folder.display()));
    command.stdout(Stdio::null()).spawn().unwrap()
}

/// Lives that are killed once something of them is there, then one that ends.
fn kill_then_finish(role: &str, folder: &Path, progress: impl Fn() -> u64) {
    for kill in 0..KILLS {
        let mut child = live(role, folder);
        let (before, until) = (progress(), Instant::now() + Duration::from_secs(30));
        while progress() == before && child.try_wait().unwrap().is_none() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(kill as u64 * 2));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(live(role, folder).wait().unwrap().success(), "{role} did not go on");
}

#[test]
fn what_is_killed_goes_on() {
    let site = tempfile::tempdir().unwrap();
    let folder = site.path();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let expected = runtime.block_on(async {
        let engine = open(&folder.join("store"));
        let token = token(&engine).await;
        fill(&engine, token).await;
        super::site::back_up(&engine, &folder.join("expected")).await
    });
    let size = |path: &Path| std::fs::metadata(path).map_or(0, |meta| meta.len());
    let partial = Writer::partial(&folder.join("backup"));
    kill_then_finish("backup", folder, || size(&partial));
    let mut reader = Reader::open(&folder.join("backup")).unwrap();
    assert_eq!(reader.read_all().unwrap().tally, expected.tally);
    assert!(!partial.exists());

    // The file grows in steps, so this looks at when it was changed last.
    let changed = || {
        let meta = std::fs::metadata(folder.join("restored/store.redb")).and_then(|meta| meta.modified());
        let since = meta.ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
        since.map_or(0, |since| since.as_nanos() as u64)
    };
    kill_then_finish("restore", folder, changed);
    let found = runtime.block_on(async {
        let engine = open(&folder.join("restored"));
        assert_eq!(engine.unfinished_load().await.unwrap(), None);
        super::site::back_up(&engine, &folder.join("again")).await
    });
    assert_eq!(found.tally.content, expected.tally.content);
}

#[tokio::test]
async fn a_file_that_was_cut_anywhere_goes_on() {
    let site = tempfile::tempdir().unwrap();
    let engine = open(&site.path().join("store"));
    let marked = token(&engine).await;
    fill(&engine, marked).await;
    let expected = super::site::back_up(&engine, &site.path().join("expected")).await;
    let whole = std::fs::read(site.path().join("expected")).unwrap();
    let path = site.path().join("backup");
    for cut in (0..whole.len()).step_by(whole.len() / 9).chain([whole.len() - 1, whole.len()]) {
        std::fs::write(Writer::partial(&path), &whole[..cut]).unwrap();
        let (writer, walk) = match Writer::find(&path).unwrap() {
            Begun::Partial(writer) => {
                let walk = Walk::all(engine.snapshot().await.unwrap(), writer.after()).unwrap();
                (*writer, walk)
            }
            _ => begin(&engine, &path).await,
        };
        let foot = super::site::go_on(writer, walk).await;
        assert_eq!(foot.tally, expected.tally, "cut at {cut}");
        Reader::open(&path).unwrap().read_all().unwrap();
    }
}
