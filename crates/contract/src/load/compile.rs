//! Orders files by their imports and links them into one pool.

use super::Texts;
use super::parse::{self, add_all};
use super::resolve::{Content, Files, well_known};
use crate::{Diagnostic, bundle, edition};
use prost::Message;
use prost_reflect::{DescriptorError, DescriptorPool};
use prost_types::FileDescriptorProto;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// `FileDescriptorProto.dependency`, for source positions.
const DEPENDENCY: i32 = 3;

/// Imports that import: the deepest chains of public corpora are below 30, and the visit is recursive.
const MAX_IMPORT_DEPTH: usize = 200;

/// Links every file that can be linked, those of `platform` besides the user's; everything that cannot becomes a finding, once.
pub(super) fn compile(
    files: Files,
    platform: &BTreeSet<String>,
    found: &mut Vec<Diagnostic>,
) -> (DescriptorPool, Texts) {
    let mut work = Work { files, texts: Texts::default(), state: HashMap::new(), linked: Vec::new(), found };
    let mut names: Vec<String> = bundle::ALWAYS.iter().map(|name| (*name).to_owned()).collect();
    names.extend(platform.iter().cloned());
    names.extend(work.files.names());
    for name in &names {
        work.visit(name, &mut Vec::new());
    }
    let Work { files, texts, linked, found, .. } = work;
    let pool = link(&linked, &files, &texts, found);
    (pool, texts)
}

struct Work<'a> {
    files: Files,
    texts: Texts,
    /// Whether each file looked at can be linked as far as parsing and imports say.
    state: HashMap<String, bool>,
    /// In order of dependency.
    linked: Vec<Parsed>,
    found: &'a mut Vec<Diagnostic>,
}

struct Parsed {
    proto: FileDescriptorProto,
    /// The same with extension options, where it came compiled.
    encoded: Option<Vec<u8>>,
}

impl Work<'_> {
    /// Visits a file after its imports. False: it is broken, and so is what imports it.
    fn visit(&mut self, name: &str, stack: &mut Vec<String>) -> Option<bool> {
        if let Some(&good) = self.state.get(name) {
            return Some(good);
        }
        let parsed = match self.files.content(name) {
            Ok(None) => return None,
            Err(finding) => {
                self.found.push(*finding);
                None
            }
            Ok(Some(Content::Source { shown, text })) => self.parse(name, &shown, &text),
            Ok(Some(Content::Descriptor(bytes))) => self.decode(name, bytes),
        };
        let Some(parsed) = parsed else {
            self.state.insert(name.to_owned(), false);
            return Some(false);
        };
        if stack.len() == MAX_IMPORT_DEPTH {
            let message = format!("imports nest more than {MAX_IMPORT_DEPTH} deep");
            self.found.push(Diagnostic::error(message).in_file(name));
            return Some(false);
        }
        stack.push(name.to_owned());
        let mut good = true;
        for (index, import) in parsed.proto.dependency.iter().enumerate() {
            good &= self.import(&parsed.proto, index, import, stack);
        }
        stack.pop();
        self.state.insert(name.to_owned(), good);
        if good {
            self.linked.push(parsed);
        }
        Some(good)
    }

    fn parse(&mut self, name: &str, shown: &str, text: &str) -> Option<Parsed> {
        self.texts.insert(name, shown, text);
        let before = self.found.len();
        if let Some(proto) = parse::parse(name, text, &self.texts, self.found) {
            return Some(Parsed { proto, encoded: None });
        }
        // Folders that carry protobuf's own definitions often carry ones newer than the compiler can read.
        let own = well_known(name)?;
        self.found.truncate(before);
        self.decode(name, own)
    }

    fn import(
        &mut self,
        file: &FileDescriptorProto,
        index: usize,
        import: &str,
        stack: &mut Vec<String>,
    ) -> bool {
        if let Some(start) = stack.iter().position(|name| name == import) {
            let cycle = format!("{} -> {import}", stack[start..].join(" -> "));
            let finding = Diagnostic::error(format!("imports go in a circle: {cycle}"));
            self.at_import(finding, file, index);
            return false;
        }
        if let Some(good) = self.visit(import, stack) {
            return good;
        }
        let finding = Diagnostic::error(format!(
            "import `{import}` is not found in any root, nor does it come with Tenet"
        ));
        let finding = match nearest_import(import, self.files.known()) {
            Some(near) => finding.hint(&format!("did you mean `{near}`?")),
            None => finding.hint("imports are written from a root on, with `/`"),
        };
        self.at_import(finding, file, index);
        false
    }

    fn at_import(&mut self, finding: Diagnostic, file: &FileDescriptorProto, index: usize) {
        let path = [DEPENDENCY, i32::try_from(index).unwrap_or(i32::MAX)];
        let span = file.source_code_info.iter().flat_map(|info| &info.location).find(|l| l.path == path);
        self.found.push(match span.map(|location| location.span.as_slice()) {
            Some([line, column, ..]) => {
                self.texts.at_line(finding, file.name(), to_usize(*line), to_usize(*column))
            }
            _ => finding.in_file(file.name()),
        });
    }

    fn decode(&mut self, name: &str, bytes: Vec<u8>) -> Option<Parsed> {
        let lowered = edition::lower(bytes).and_then(|bytes| {
            let proto = FileDescriptorProto::decode(bytes.as_slice()).map_err(|error| error.to_string())?;
            Ok(Parsed { proto, encoded: Some(bytes) })
        });
        match lowered {
            Ok(parsed) => Some(parsed),
            Err(message) => {
                self.found.push(Diagnostic::error(message).in_file(name));
                None
            }
        }
    }
}

/// Adds files to a pool one by one, so that each broken one is reported and the rest still checked.
fn link(files: &[Parsed], all: &Files, texts: &Texts, found: &mut Vec<Diagnostic>) -> DescriptorPool {
    let mut pool = DescriptorPool::new();
    let mut good: Vec<&Parsed> = Vec::new();
    let mut broken: BTreeSet<&str> = BTreeSet::new();
    for file in files {
        if file.proto.dependency.iter().any(|import| broken.contains(import.as_str())) {
            broken.insert(file.proto.name());
            continue;
        }
        match add(&mut pool, file) {
            Ok(()) => good.push(file),
            Err(error) => {
                broken.insert(file.proto.name());
                report(error, file, files, all, &pool, texts, found);
                // A refused file can leave its extensions behind in the pool, so the pool is made anew.
                pool = DescriptorPool::new();
                good.retain(|file| add(&mut pool, file).is_ok());
            }
        }
    }
    pool
}

fn add(pool: &mut DescriptorPool, file: &Parsed) -> Result<(), DescriptorError> {
    match &file.encoded {
        Some(bytes) => pool.decode_file_descriptor_proto(bytes.as_slice()),
        None => pool.add_file_descriptor_proto(file.proto.clone()),
    }
}

fn report(
    error: DescriptorError,
    file: &Parsed,
    files: &[Parsed],
    all: &Files,
    pool: &DescriptorPool,
    texts: &Texts,
    found: &mut Vec<Diagnostic>,
) {
    let name = file.proto.name();
    let from = found.len();
    match texts.text(name) {
        Some(text) => add_all(&error.with_source_code(text), name, 0, texts, found),
        None => {
            let finding = Diagnostic::error(error.to_string());
            found.push(match (error.line(), error.column()) {
                (Some(line), Some(column)) => texts.at_line(finding, name, line, column),
                _ => finding.in_file(name),
            });
        }
    }
    let types = types(files, all);
    for finding in &mut found[from..] {
        if let Some(hint) = type_hint(&finding.message, &types).or_else(|| field_hint(&finding.message, pool))
        {
            finding.hint = hint;
        }
    }
}

/// For "name 'X' is not defined": the import that defines it, or the nearest name there is.
fn type_hint(message: &str, types: &BTreeMap<String, String>) -> Option<String> {
    let wanted = message.strip_prefix("name '")?.strip_suffix("' is not defined")?.trim_start_matches('.');
    let last = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
    if let Some((full, file)) =
        types.iter().find(|(full, _)| *full == wanted || full.ends_with(&format!(".{wanted}")))
    {
        return Some(format!("`{full}` is defined in \"{file}\", which is not imported here"));
    }
    let (near, _) = types
        .keys()
        .map(|full| (full, strsim::jaro_winkler(&last(full), &last(wanted))))
        .filter(|(_, likeness)| *likeness > 0.85)
        .max_by(|a, b| a.1.total_cmp(&b.1))?;
    Some(format!("did you mean `{near}`?"))
}

/// For "field 'X' not found for message 'Y'" inside an option: the nearest field.
fn field_hint(message: &str, pool: &DescriptorPool) -> Option<String> {
    let (wanted, owner) = message.split_once("field '")?.1.split_once("' not found for message '")?;
    let owner = pool.get_message_by_name(owner.split('\'').next()?)?;
    let names: Vec<String> = owner.fields().map(|field| field.name().to_owned()).collect();
    let near = names
        .iter()
        .max_by(|a, b| strsim::jaro_winkler(a, wanted).total_cmp(&strsim::jaro_winkler(b, wanted)))?;
    Some(format!("did you mean `{near}`? {} has {}", owner.full_name(), names.join(", ")))
}

/// Full names of all message and enum types at hand, with their files.
fn types(files: &[Parsed], all: &Files) -> BTreeMap<String, String> {
    let mut types = BTreeMap::new();
    let mut add_file = |proto: &FileDescriptorProto| {
        let prefix = if proto.package().is_empty() { String::new() } else { format!("{}.", proto.package()) };
        for message in &proto.message_type {
            types.insert(format!("{prefix}{}", message.name()), proto.name().to_owned());
            for nested in &message.nested_type {
                types
                    .insert(format!("{prefix}{}.{}", message.name(), nested.name()), proto.name().to_owned());
            }
        }
        for enumeration in &proto.enum_type {
            types.insert(format!("{prefix}{}", enumeration.name()), proto.name().to_owned());
        }
    };
    files.iter().for_each(|file| add_file(&file.proto));
    let linked: BTreeSet<&str> = files.iter().map(|file| file.proto.name()).collect();
    for name in all.known().filter(|name| !linked.contains(name)) {
        if let Ok(Some(Content::Source { text, .. })) = all.content(name)
            && let Ok(file) = protox::file::File::from_source(name, &text)
        {
            add_file(file.file_descriptor_proto());
        }
    }
    types
}

/// The import meant: the same file name in another folder, or the most alike path.
fn nearest_import<'a>(wanted: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let file = wanted.rsplit('/').next().unwrap_or(wanted);
    known
        .map(|name| {
            let same_file = name.rsplit('/').next() == Some(file);
            (name, strsim::normalized_levenshtein(name, wanted) + if same_file { 0.5 } else { 0.0 })
        })
        .filter(|(_, likeness)| *likeness > 0.6)
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(name, _)| name)
}

fn to_usize(number: i32) -> usize {
    usize::try_from(number).unwrap_or(0)
}
