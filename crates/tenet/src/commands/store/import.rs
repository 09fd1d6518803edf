//! `tenet store import`: lines of JSON, each looked at before it is written. The versions of what is written are new ones.
//!
//! Done twice, it changes nothing the second time. How many lines are in is noted beside the other state of the project, so that an interrupted
//! import goes on there.

use super::args::ImportArgs;
use super::line::{Line, Said};
use super::progress::Progress;
use super::reach::{Purpose, Reached};
use super::schemas::Schemas;
use super::{failed, view};
use crate::cli::Failed;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use tenet_release::replace_file;
use tenet_store::backup::{Kind, encode_rows};
use tenet_store::engine::Row;
use tenet_store::item::{Item, MAX_VALUE, UnixMs, Value, Version};
use tenet_store::name::{CollectionId, ItemKey, RecordKey};
use tenet_store::operator::{Order, Wire, Written};

/// Lines that are written in one step.
const STEP_LINES: usize = 500;
/// Bytes of values after which a step is sent.
const STEP_BYTES: usize = 1 << 20;

/// How far an import is.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Noted {
    file: String,
    /// The file had so many bytes.
    length: u64,
    /// Lines that are in.
    lines: u64,
}

/// Does it.
pub async fn run(args: &ImportArgs) -> Result<(), Failed> {
    let purpose = if args.check { Purpose::Look } else { Purpose::Write };
    let reached = Reached::at(&args.at, purpose).await?;
    let schemas = Schemas::of(reached.release())?;
    let described = view::described(&reached).await?;
    let ids: HashMap<(String, String), CollectionId> = described
        .collections
        .into_iter()
        .map(|found| ((found.of.namespace, found.of.name), CollectionId(found.of.id)))
        .collect();
    let note = Note::of(&args.file, reached.state())?;
    let skip = if args.resume { note.read()? } else { 0 };
    let input: Box<dyn BufRead> = match &note.place {
        None => Box::new(std::io::stdin().lock()),
        Some(_) => Box::new(BufReader::new(open(&args.file)?)),
    };
    let wire = if args.check { None } else { Some(reached.ask(&Order::Write).await?) };
    let progress = Progress::new(if args.check { "checked" } else { "imported" }, None);
    let import = Import {
        schemas,
        ids,
        wire,
        note,
        step: Step::default(),
        done: Written::default(),
        bytes: 0,
        progress,
    };
    import.all(input, skip).await
}

fn open(path: &Path) -> Result<File, Failed> {
    File::open(path).map_err(|error| Failed::while_doing(&format!("cannot read {}", path.display()), &error))
}

struct Import {
    schemas: Schemas,
    ids: HashMap<(String, String), CollectionId>,
    /// None: nothing is written.
    wire: Option<Wire>,
    note: Note,
    step: Step,
    done: Written,
    bytes: u64,
    progress: Progress,
}

/// What is sent together.
#[derive(Default)]
struct Step {
    rows: Vec<Row>,
    lines: usize,
    bytes: usize,
}

impl Import {
    async fn all(mut self, mut input: Box<dyn BufRead>, skip: u64) -> Result<(), Failed> {
        let (mut number, mut text) = (0, String::new());
        loop {
            text.clear();
            let read = input.read_line(&mut text);
            number += 1;
            match read {
                Ok(0) => break,
                Ok(_) if number <= skip || text.trim().is_empty() => continue,
                Ok(_) => {}
                Err(error) => return Err(Failed(format!("error: line {number}: {error}"))),
            }
            if let Err(what) = self.line(&text).await? {
                // What came before it is in, so that the line that is wrong is the first that is not.
                self.send(number - 1).await?;
                let before = if self.wire.is_some() {
                    "\n  hint: all lines before it are in; mend it and say --resume"
                } else {
                    ""
                };
                return Err(Failed(format!("error: line {number}: {what}{before}")));
            }
            if self.step.lines >= STEP_LINES || self.step.bytes >= STEP_BYTES {
                self.send(number).await?;
            }
        }
        self.send(number).await?;
        if let Some(wire) = &mut self.wire {
            wire.send(Kind::End, b"").await.map_err(|error| failed(&error))?;
            wire.receive().await.map_err(|error| failed(&error))?;
        }
        self.note.forget();
        let Written { written, unchanged, over } = self.done;
        self.progress.end(written + unchanged + over, self.bytes);
        if self.wire.is_some() {
            println!("{written} items written, {unchanged} were there already, {over} are over by now");
        }
        Ok(())
    }

    /// Takes a line. The inner error is what is wrong with it.
    async fn line(&mut self, text: &str) -> Result<Result<(), String>, Failed> {
        let said = || {
            let line: Line = serde_json::from_str(text).map_err(|error| error.to_string())?;
            let name = (line.namespace.clone(), line.collection.clone());
            let id = self.ids.get(&name).copied().ok_or_else(|| {
                format!(
                    "there is no collection {}/{}; `tenet store describe` prints those that are",
                    name.0, name.1
                )
            })?;
            Ok::<_, String>((id, line.said(&self.schemas)?))
        };
        let (id, said) = match said() {
            Ok(found) => found,
            Err(what) => return Ok(Err(what)),
        };
        self.bytes += said.value.len() as u64;
        self.step.lines += 1;
        self.step.bytes += said.record.len() + said.key.len() + said.value.len();
        self.add(id, said).await?;
        Ok(Ok(()))
    }

    async fn add(&mut self, collection: CollectionId, said: Said) -> Result<(), Failed> {
        let record = RecordKey { collection, id: said.record.into() };
        let key = ItemKey { record, key: said.key.into() };
        let item = |value| Item { value, version: Version(0), updated: UnixMs(0), expires: said.expires };
        if said.value.len() <= MAX_VALUE {
            self.step.rows.push(Row::Item(key, item(Value::Inline(said.value.into()))));
            return Ok(());
        }
        let (blob, size) = (rand::random(), said.value.len() as u64);
        self.step.rows.push(Row::Item(key, item(Value::Chunked { blob, size })));
        for (number, chunk) in (0u32..).zip(said.value.chunks(MAX_VALUE)) {
            self.step.rows.push(Row::Chunk { blob, number, data: chunk.to_vec().into() });
            // A frame holds no two of them.
            self.rows().await?;
        }
        Ok(())
    }

    /// Sends the rows there are, and waits until they are written.
    async fn rows(&mut self) -> Result<(), Failed> {
        let rows = std::mem::take(&mut self.step.rows);
        let Some(wire) = self.wire.as_mut().filter(|_| !rows.is_empty()) else { return Ok(()) };
        wire.send(Kind::Part, &encode_rows(&rows)).await.map_err(|error| failed(&error))?;
        let frame = wire.receive().await.map_err(|error| failed(&error))?;
        let done: Written = serde_json::from_slice(&frame.payload)
            .map_err(|error| Failed::while_doing("the answer", &error))?;
        self.done.add(done);
        Ok(())
    }

    /// Ends a step: all lines up to `number` are in.
    async fn send(&mut self, number: u64) -> Result<(), Failed> {
        self.rows().await?;
        self.step = Step::default();
        if self.wire.is_some() {
            self.note.write(number)?;
        }
        self.progress.at(number, number, self.bytes);
        Ok(())
    }
}

/// Where it is noted how far an import is.
struct Note {
    /// None: standard input, which nobody can go on with.
    place: Option<PathBuf>,
    noted: Noted,
}

impl Note {
    fn of(file: &Path, state: &Path) -> Result<Note, Failed> {
        if file == Path::new("-") {
            return Ok(Note { place: None, noted: Noted::default() });
        }
        let failed =
            |error: std::io::Error| Failed::while_doing(&format!("cannot read {}", file.display()), &error);
        let path = file.canonicalize().map_err(failed)?;
        let length = path.metadata().map_err(failed)?.len();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let place = state.join("run").join(format!("import-{name}.json"));
        let noted = Noted { file: path.display().to_string(), length, lines: 0 };
        Ok(Note { place: Some(place), noted })
    }

    /// Lines that are in.
    fn read(&self) -> Result<u64, Failed> {
        let place = self
            .place
            .as_ref()
            .ok_or_else(|| Failed("error: standard input has no place to go on from".into()))?;
        let found = std::fs::read(place).ok().and_then(|text| serde_json::from_slice::<Noted>(&text).ok());
        let found = found.filter(|found| found.file == self.noted.file);
        let Some(found) = found else {
            eprintln!("nothing of this file was imported before, so it begins at its first line");
            return Ok(0);
        };
        if found.length != self.noted.length {
            eprintln!("the file was changed since; the first {} lines are taken to be the same", found.lines);
        }
        eprintln!("going on after line {}", found.lines);
        Ok(found.lines)
    }

    fn write(&mut self, lines: u64) -> Result<(), Failed> {
        let Some(place) = &self.place else { return Ok(()) };
        self.noted.lines = lines;
        let text = serde_json::to_vec(&self.noted).map_err(Failed::new)?;
        replace_file(place, &text)
            .map_err(|error| Failed::while_doing(&format!("cannot write {}", place.display()), &error))
    }

    fn forget(&self) {
        if let Some(place) = &self.place {
            // Left, it would only say that all lines are in.
            let _ = std::fs::remove_file(place);
        }
    }
}
