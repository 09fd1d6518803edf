//! Reads what strace saw a child do with its files.
//!
//! The child began in an empty folder and every call that changes a file is in the trace with its bytes, so the trace is all there is
//! to know. A call that another thread's came between is two lines: what is written counts from the first, what an fsync promises from the second.

use crate::Outcome;
use std::collections::HashMap;
use std::io::BufRead;

/// The system calls the trace must hold: every way in which the candidates change files, and those that would be news.
pub const CALLS: &str = "openat,open,close,creat,write,pwrite64,writev,pwritev,pwritev2,lseek,ftruncate,truncate,fallocate,fsync,fdatasync,sync_file_range,rename,renameat,renameat2,unlink,unlinkat,rmdir,mkdir,mkdirat,link,linkat,copy_file_range,sendfile,dup,dup2,fcntl,msync";

/// What happened, in order.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// A file was opened that may not have existed; its former content is gone where `truncated`.
    Opened { path: String, created: bool, truncated: bool },
    /// Bytes went to a place in a file.
    Written { path: String, offset: u64, bytes: Vec<u8> },
    /// A file got another length.
    Resized { path: String, length: u64 },
    /// An fsync of a file or folder began, and ended with what had happened to it before the beginning on disk.
    SyncBegan { path: String, call: usize },
    /// It ended.
    SyncEnded { path: String, call: usize },
    /// A name changed.
    Renamed { from: String, to: String },
    /// A name went away.
    Removed { path: String },
    /// A folder was made.
    MadeFolder { path: String },
    /// The child said that this batch is durable.
    Acknowledged(u64),
}

/// An open file: its name when it was opened, where the next `write` goes, and whether it always goes to the end.
struct OpenFile {
    path: String,
    position: u64,
    append: bool,
}

/// Turns lines into events.
#[derive(Default)]
struct Parser {
    open: HashMap<i64, OpenFile>,
    lengths: HashMap<String, u64>,
    unfinished: HashMap<String, (String, usize)>,
    events: Vec<Event>,
    calls: usize,
}

/// The events of a trace made with `strace -f -xx -s ∞ -e trace=CALLS`. An error names a call that is not understood.
pub fn parse(trace: impl BufRead) -> Outcome<Vec<Event>> {
    let mut parser = Parser::default();
    for line in trace.lines() {
        parser.line(&line.map_err(|error| error.to_string())?)?;
    }
    Ok(parser.events)
}

impl Parser {
    fn line(&mut self, line: &str) -> Outcome {
        let Some((thread, rest)) = line.split_once(' ') else { return Ok(()) };
        let rest = rest.trim_start();
        if let Some(begun) = rest.strip_suffix("<unfinished ...>") {
            self.calls += 1;
            let call = self.calls;
            self.begun(begun, call)?;
            self.unfinished.insert(thread.to_owned(), (begun.trim_end().to_owned(), call));
        } else if rest.starts_with("<...") {
            let Some((_, end)) = rest.split_once("resumed>") else { return Ok(()) };
            let Some((begun, call)) = self.unfinished.remove(thread) else { return Ok(()) };
            self.ended(&format!("{begun}{end}"), call)?;
        } else if rest.contains(" = ") && !rest.starts_with(['+', '-']) {
            self.calls += 1;
            let call = self.calls;
            self.begun(rest, call)?;
            self.ended(rest, call)?;
        }
        Ok(())
    }

    /// What counts from the moment the call began.
    fn begun(&mut self, text: &str, call: usize) -> Outcome {
        let Some((name, arguments)) = text.split_once('(') else { return Ok(()) };
        let path = |parser: &Self, fd: &str| parser.open.get(&integer(fd)?).map(|file| file.path.clone());
        match name {
            "pwrite64" => {
                let (fd, rest) = arguments.split_once(", ").ok_or("pwrite64 without arguments")?;
                if let Some(path) = path(self, fd) {
                    let (bytes, rest) = string(rest)?;
                    let offset = rest.rsplit(", ").next().map(|text| text.split(')').next().unwrap_or(text));
                    let offset = offset.and_then(integer).ok_or("pwrite64 without an offset")?.unsigned_abs();
                    self.wrote(path, offset, bytes);
                }
            }
            "write" => self.write(arguments)?,
            "fsync" | "fdatasync" => {
                if let Some(path) = path(self, arguments) {
                    self.events.push(Event::SyncBegan { path, call });
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn write(&mut self, arguments: &str) -> Outcome {
        let (fd, rest) = arguments.split_once(", ").ok_or("write without arguments")?;
        let (bytes, _) = string(rest)?;
        let fd = integer(fd).ok_or("write to no file")?;
        if fd == 1 {
            if let Ok(number) = bytes.try_into() {
                self.events.push(Event::Acknowledged(u64::from_be_bytes(number)));
            }
        } else if let Some(file) = self.open.get_mut(&fd) {
            let end = self.lengths.get(&file.path).copied().unwrap_or(0);
            let offset = if file.append { end } else { file.position };
            file.position = offset + bytes.len() as u64;
            let path = file.path.clone();
            self.wrote(path, offset, bytes);
        }
        Ok(())
    }

    fn wrote(&mut self, path: String, offset: u64, bytes: Vec<u8>) {
        let length = self.lengths.entry(path.clone()).or_default();
        *length = (*length).max(offset + bytes.len() as u64);
        self.events.push(Event::Written { path, offset, bytes });
    }

    /// What counts once the call has ended.
    fn ended(&mut self, text: &str, call: usize) -> Outcome {
        let (Some((name, arguments)), Some((_, result))) = (text.split_once('('), text.rsplit_once(" = "))
        else {
            return Ok(());
        };
        let Some(result) = integer(result).filter(|result| *result >= 0) else { return Ok(()) };
        match name {
            "openat" => self.opened(arguments, result)?,
            "lseek" => {
                if let Some(file) = integer(arguments).and_then(|fd| self.open.get_mut(&fd)) {
                    file.position = result.unsigned_abs();
                }
            }
            "ftruncate" => {
                let mut parts = arguments.split([',', ')']).map(integer);
                let (fd, length) = (parts.next().flatten(), parts.next().flatten());
                if let (Some(file), Some(length)) = (fd.and_then(|fd| self.open.get(&fd)), length) {
                    let (path, length) = (file.path.clone(), length.unsigned_abs());
                    self.lengths.insert(path.clone(), length);
                    self.events.push(Event::Resized { path, length });
                }
            }
            "fsync" | "fdatasync" => {
                if let Some(file) = integer(arguments).and_then(|fd| self.open.get(&fd)) {
                    self.events.push(Event::SyncEnded { path: file.path.clone(), call });
                }
            }
            "rename" | "renameat" | "renameat2" => {
                let (from, rest) = string(arguments)?;
                let (to, _) = string(rest)?;
                let (from, to) = (name_of(&from), name_of(&to));
                if let Some(length) = self.lengths.remove(&from) {
                    self.lengths.insert(to.clone(), length);
                }
                for file in self.open.values_mut().filter(|file| file.path == from) {
                    file.path.clone_from(&to);
                }
                self.events.push(Event::Renamed { from, to });
            }
            "unlink" | "unlinkat" | "rmdir" => {
                let path = name_of(&string(arguments)?.0);
                self.lengths.remove(&path);
                self.events.push(Event::Removed { path });
            }
            "mkdir" | "mkdirat" => {
                self.events.push(Event::MadeFolder { path: name_of(&string(arguments)?.0) });
            }
            "fcntl" if arguments.contains("F_DUPFD") => {
                let copied = integer(arguments).and_then(|fd| self.open.get(&fd));
                if let Some(file) = copied {
                    let copy =
                        OpenFile { path: file.path.clone(), position: file.position, append: file.append };
                    self.open.insert(result, copy);
                }
            }
            "close" => drop(integer(arguments).and_then(|fd| self.open.remove(&fd))),
            "write" | "pwrite64" | "fcntl" => {}
            other => return Err(format!("the trace has a call that is not understood: {other}")),
        }
        Ok(())
    }

    fn opened(&mut self, arguments: &str, fd: i64) -> Outcome {
        let (path, flags) = string(arguments)?;
        let path = name_of(&path);
        let append = flags.contains("O_APPEND");
        let truncated = flags.contains("O_TRUNC");
        if truncated {
            self.lengths.insert(path.clone(), 0);
        }
        let created = flags.contains("O_CREAT");
        self.open.insert(fd, OpenFile { path: path.clone(), position: 0, append });
        if created || truncated {
            self.events.push(Event::Opened { path, created, truncated });
        }
        Ok(())
    }
}

fn name_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end_matches('\0').to_owned()
}

/// The integer `text` begins with.
fn integer(text: &str) -> Option<i64> {
    let text = text.trim_start();
    let end = text
        .char_indices()
        .find(|(at, c)| !(c.is_ascii_digit() || *at == 0 && *c == '-'))
        .map_or(text.len(), |(at, _)| at);
    text.get(..end)?.parse().ok()
}

/// The bytes of the first string (`"\x01\x02"`) in `text`, and what follows it.
fn string(text: &str) -> Outcome<(Vec<u8>, &str)> {
    let (_, rest) = text.split_once('"').ok_or("a string is expected in the trace")?;
    let (hex, rest) = rest.split_once('"').ok_or("a string does not end in the trace")?;
    if rest.starts_with("...") {
        return Err("a string is cut in the trace".to_owned());
    }
    let bytes = hex.split("\\x").skip(1).map(|digits| u8::from_str_radix(digits, 16));
    Ok((bytes.collect::<Result<_, _>>().map_err(|error| format!("{error} in the trace"))?, rest))
}

#[cfg(test)]
mod tests {
    use super::{Event, parse};

    #[test]
    fn calls_become_events() {
        let trace = r#"7 openat(AT_FDCWD, "\x61", O_RDWR|O_CREAT|O_CLOEXEC, 0644) = 3
7 write(3, "\x01\x02", 2) = 2
8 fdatasync(3 <unfinished ...>
7 pwrite64(3, "\x03", 1, 8) = 1
8 <... fdatasync resumed>) = 0
7 write(1, "\x00\x00\x00\x00\x00\x00\x00\x05", 8) = 8
7 rename("\x61", "\x62") = 0
7 ftruncate(3, 4) = 0
7 +++ exited with 0 +++
"#;
        let a = || "a".to_owned();
        let expected = [
            Event::Opened { path: a(), created: true, truncated: false },
            Event::Written { path: a(), offset: 0, bytes: vec![1, 2] },
            Event::SyncBegan { path: a(), call: 3 },
            Event::Written { path: a(), offset: 8, bytes: vec![3] },
            Event::SyncEnded { path: a(), call: 3 },
            Event::Acknowledged(5),
            Event::Renamed { from: a(), to: "b".to_owned() },
            Event::Resized { path: "b".to_owned(), length: 4 },
        ];
        assert_eq!(parse(trace.as_bytes()).unwrap(), expected);
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        assert!(parse(&b"7 sendfile(3, 4, NULL, 10) = 10\n"[..]).is_err());
        assert!(parse(&b"7 pwrite64(3, \"\\x03\"..., 1, 8) = 1\n"[..]).is_ok(), "a file that is not ours");
    }
}
