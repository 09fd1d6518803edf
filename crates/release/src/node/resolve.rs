//! Three sources become facts: the file, the environment, the flags. The later wins; each is strict.

use super::facts::Kind;
use super::{FACTS, NodeFacts, SERVICE_VARIABLES, TlsFiles};
use crate::problems::{Place, Problem, Problems, did_you_mean, nearest};
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use toml::de::{DeTable, DeValue};

/// More threads than this is a typing error: no machine has as many cores.
const MAX_THREADS: usize = 1024;

/// Where a fact came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Nobody said anything.
    Default,
    /// The file, with line and column.
    File(Place),
    /// The variable of this name.
    Environment(String),
    /// The flag of this name.
    Flag(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Default => f.write_str("default"),
            Source::File(place) => place.fmt(f),
            Source::Environment(name) => write!(f, "environment {name}"),
            Source::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// What the three sources hold, before it is understood.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// `node.toml`: its name and text.
    pub file: Option<(String, String)>,
    /// The environment; only variables that begin with `TENET_` are looked at.
    pub environment: Vec<(String, String)>,
    /// Flags by the key of their fact.
    pub flags: BTreeMap<String, String>,
}

/// Facts and where each came from.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The facts.
    pub facts: NodeFacts,
    /// Source by key, for every fact.
    pub sources: BTreeMap<&'static str, Source>,
    /// The text of each fact that somebody gave.
    pub given: BTreeMap<&'static str, String>,
}

/// Reads the three sources. `cpus` is how many threads the machine can run at once.
///
/// Unknown keys and variables are refused with the nearest known one; flags are checked by whoever parsed them.
pub fn resolve(given: &Given, cpus: usize) -> Result<Resolved, Problems> {
    let mut problems = Problems::new();
    let mut values: BTreeMap<&'static str, (String, Source)> = BTreeMap::new();
    if let Some((file, text)) = &given.file {
        from_file(file, text, &mut values, &mut problems);
    }
    for (name, value) in &given.environment {
        from_environment(name, value, &mut values, &mut problems);
    }
    for fact in &FACTS {
        if let Some(value) = given.flags.get(fact.key) {
            values.insert(fact.key, (value.clone(), Source::Flag(fact.flag())));
        }
    }
    let mut reader = Reader { values: &values, problems };
    let facts = reader.facts(cpus);
    let mut problems = reader.problems;
    check_tls(&values, &mut problems);
    let sources = FACTS
        .iter()
        .map(|fact| (fact.key, values.get(fact.key).map_or(Source::Default, |(_, source)| source.clone())));
    let sources = sources.collect();
    let given = values.iter().map(|(key, (text, _))| (*key, text.clone())).collect();
    problems.or(Resolved { facts, sources, given })
}

fn from_file(
    file: &str,
    text: &str,
    values: &mut BTreeMap<&'static str, (String, Source)>,
    problems: &mut Problems,
) {
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let place = Place::in_text(file, text, error.span().unwrap_or(0..0));
        problems.push(Problem::new(place, error.message().to_owned()));
    }
    if !errors.is_empty() {
        return;
    }
    for (key, value) in table.get_ref() {
        let name = key.get_ref().as_ref();
        let Some(fact) = FACTS.iter().find(|fact| fact.key == name) else {
            let place = Place::in_text(file, text, key.span());
            let hint = did_you_mean(name, FACTS.iter().map(|fact| fact.key));
            problems.push(Problem::new(place, format!("unknown key `{name}`")).with_hint(hint));
            continue;
        };
        let place = Place::in_text(file, text, value.span());
        match as_text(value.get_ref(), fact.kind) {
            Some(written) => {
                values.insert(fact.key, (written, Source::File(place)));
            }
            None => {
                let found = value.get_ref().type_str();
                let message = format!("{name}: found a {found}, expected {}", fact.kind.expected());
                problems.push(Problem::new(place, message));
            }
        }
    }
}

/// The value as the environment would spell it, if its TOML type fits the kind.
fn as_text(value: &DeValue<'_>, kind: Kind) -> Option<String> {
    match (value, kind) {
        (DeValue::Boolean(on), Kind::Switch) => Some(on.to_string()),
        (DeValue::Integer(number), Kind::Count) => Some(number.to_string()),
        (DeValue::String(_), Kind::Switch | Kind::Count) => None,
        (DeValue::String(text), _) => Some(text.to_string()),
        (DeValue::Array(items), Kind::Addresses) => {
            let items: Option<Vec<&str>> = items.iter().map(|item| item.get_ref().as_str()).collect();
            items.map(|items| items.join(","))
        }
        _ => None,
    }
}

fn from_environment(
    name: &str,
    value: &str,
    values: &mut BTreeMap<&'static str, (String, Source)>,
    problems: &mut Problems,
) {
    let Some(key) = name.strip_prefix("TENET_") else { return };
    if let Some(fact) = FACTS.iter().find(|fact| fact.key.to_uppercase() == key) {
        values.insert(fact.key, (value.to_owned(), Source::Environment(name.to_owned())));
        return;
    }
    if SERVICE_VARIABLES.contains(&name) {
        return;
    }
    // The prefix is not closed as a file is: services and tools have variables of their own. What is nearly a fact is not one.
    let known: Vec<String> = FACTS.iter().map(|fact| fact.key.to_uppercase()).collect();
    if let Some(near) = nearest(key, known.iter().map(String::as_str)) {
        let place = Place::Named(format!("environment {name}"));
        let hint = Some(format!("did you mean `TENET_{near}`?"));
        problems.push(Problem::new(place, format!("unknown variable `{name}`")).with_hint(hint));
    }
}

/// One half of TLS is a listener in the clear where somebody thinks it is not.
fn check_tls(values: &BTreeMap<&'static str, (String, Source)>, problems: &mut Problems) {
    for (one, other) in [("tls_cert", "tls_key"), ("tls_key", "tls_cert")] {
        if let (Some((_, source)), None) = (values.get(one), values.get(other)) {
            let message = format!("found `{one}` without `{other}`, expected both or neither");
            problems.push(Problem::new(place_of(source), message));
        }
    }
}

fn place_of(source: &Source) -> Place {
    match source {
        Source::File(place) => place.clone(),
        other => Place::Named(other.to_string()),
    }
}

struct Reader<'a> {
    values: &'a BTreeMap<&'static str, (String, Source)>,
    problems: Problems,
}

impl Reader<'_> {
    fn facts(&mut self, cpus: usize) -> NodeFacts {
        let state_dir = PathBuf::from(self.text("state_dir").unwrap_or(".tenet"));
        NodeFacts {
            name: self.text("name").unwrap_or("gateway").to_owned(),
            zone: self.text("zone").unwrap_or_default().to_owned(),
            listen: self
                .addresses("listen")
                .unwrap_or_else(|| vec![SocketAddr::from(([127, 0, 0, 1], 8080))]),
            private_listen: self.addresses("private_listen").unwrap_or_default(),
            admin_listen: self
                .parsed("admin_listen", |text| text.parse().ok())
                .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0))),
            threads: self
                .parsed("threads", |text| text.parse().ok().filter(|n| (1..=MAX_THREADS).contains(n)))
                .unwrap_or(cpus.clamp(1, MAX_THREADS)),
            tls: self.path("tls_cert").zip(self.path("tls_key")).map(|(cert, key)| TlsFiles { cert, key }),
            proxy_protocol: self.parsed("proxy_protocol", |text| text.parse().ok()).unwrap_or(false),
            roster: self.path("roster").unwrap_or_else(|| state_dir.join("run").join("roster.json")),
            fault_points: self.parsed("fault_points", |text| text.parse().ok()).unwrap_or(false),
            state_dir,
        }
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(|(text, _)| text.as_str())
    }

    fn path(&self, key: &str) -> Option<PathBuf> {
        self.text(key).filter(|text| !text.is_empty()).map(|text| Path::new(text).to_owned())
    }

    fn parsed<T>(&mut self, key: &str, read: impl Fn(&str) -> Option<T>) -> Option<T> {
        let (text, source) = self.values.get(key)?;
        let value = read(text.trim());
        if value.is_none() {
            let expected = FACTS.iter().find(|fact| fact.key == key).map_or("", |fact| fact.kind.expected());
            let message = format!("{key}: found {text:?}, expected {expected}");
            self.problems.push(Problem::new(place_of(source), message));
        }
        value
    }

    fn addresses(&mut self, key: &str) -> Option<Vec<SocketAddr>> {
        self.parsed(key, |text| {
            text.split(',')
                .filter(|item| !item.trim().is_empty())
                .map(|item| item.trim().parse().ok())
                .collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(file: &str, environment: &[(&str, &str)], flags: &[(&str, &str)]) -> Given {
        let own = |(a, b): &(&str, &str)| ((*a).to_owned(), (*b).to_owned());
        Given {
            file: Some(("node.toml".into(), file.into())),
            environment: environment.iter().map(own).collect(),
            flags: flags.iter().map(own).collect(),
        }
    }

    #[test]
    fn the_later_source_wins_and_each_fact_says_where_it_came_from() {
        let resolved = resolve(
            &given(
                "name = \"g\"\nzone = \"a\"\nlisten = [\"0.0.0.0:80\", \"[::]:80\"]\nthreads = 3\n",
                &[
                    ("TENET_ZONE", "b"),
                    ("TENET_NAME", "h"),
                    ("TENET_LOG", "debug"),
                    ("TENET_CACHE", "/x"),
                    ("PATH", "/bin"),
                ],
                &[("name", "i")],
            ),
            8,
        )
        .unwrap();
        let facts = &resolved.facts;
        assert_eq!((facts.name.as_str(), facts.zone.as_str(), facts.threads), ("i", "b", 3));
        assert_eq!(facts.listen.len(), 2);
        assert_eq!(facts.roster, Path::new(".tenet/run/roster.json"));
        for (key, source) in [
            ("name", "flag --name"),
            ("zone", "environment TENET_ZONE"),
            ("threads", "node.toml:4:11"),
            ("roster", "default"),
        ] {
            assert_eq!(resolved.sources[key].to_string(), source);
        }
    }

    #[test]
    fn nothing_given_is_a_gateway_on_loopback() {
        let resolved = resolve(&Given::default(), 2).unwrap();
        let facts = resolved.facts;
        assert_eq!(facts.listen, ["127.0.0.1:8080".parse().unwrap()]);
        assert!(facts.private_listen.is_empty() && facts.tls.is_none() && !facts.proxy_protocol);
        assert_eq!((facts.threads, facts.admin_listen.port()), (2, 0));
        assert!(resolved.sources.values().all(|source| *source == Source::Default));
    }

    #[test]
    fn what_is_wrong_is_named_where_it_stands() {
        let rows = [
            ("lisen = 1", vec![], "node.toml:1:1\n"),
            ("lisen = 1", vec![], "did you mean `listen`?"),
            ("listen = 80", vec![], "listen: found a integer, expected addresses"),
            ("threads = 0", vec![], "threads: found \"0\", expected a whole number"),
            ("threads = \"2\"", vec![], "threads: found a string"),
            ("", vec![("TENET_LISTN", "x")], "did you mean `TENET_LISTEN`?"),
            ("", vec![("TENET_ZONES", "x")], "did you mean `TENET_ZONE`?"),
            ("", vec![("TENET_LISTEN", "localhost")], "listen: found \"localhost\""),
            ("tls_cert = \"c.pem\"", vec![], "found `tls_cert` without `tls_key`"),
            ("", vec![("TENET_PROXY_PROTOCOL", "yes")], "expected true or false"),
            ("fault_points = 1", vec![], "fault_points: found a integer"),
        ];
        for (file, environment, expected) in rows {
            let text = resolve(&given(file, &environment, &[]), 1).unwrap_err().to_string();
            assert!(text.contains(expected), "{file} {environment:?}: {text}");
        }
    }
}
