//! From method and path to an endpoint and its raw captures: a tree over path segments.
//!
//! Matching is on the raw path, before percent-decoding. At each segment, from left to right, the more specific wins:
//! literal, then `*`, then `**`; a template with a custom verb comes before one whose capture would swallow the verb.
//! The HTTP method is part of the match: where the most specific path has no binding for it, the next one is tried,
//! and only when no path has one the answer is [`Found::MethodNotAllowed`].
//!
//! A look-up visits each node of the tree at most once per tail length of a `**` and custom-verb reading, because
//! different ways through a path lead to different nodes; so its time is bounded by the routes, not exponential in
//! the path. It allocates only for paths of more than 24 segments or templates of more than four variables.

mod build;
#[cfg(test)]
mod tests;

use crate::Verb;
use smallvec::SmallVec;

pub use build::{Builder, Conflict};

/// Positions of segments held without allocation; deeper paths are legal and spill.
const INLINE_SEGMENTS: usize = 24;

/// Routes compiled for look-up; immutable.
#[derive(Debug)]
pub struct Router<T> {
    nodes: Vec<Node>,
    routes: Vec<Route<T>>,
    has_custom_verbs: bool,
}

/// What a look-up found.
#[derive(Debug, PartialEq, Eq)]
pub enum Found<'r, 'p, T> {
    /// A route.
    Match {
        /// What was inserted with it.
        value: &'r T,
        /// One raw, undecoded span of the path per variable, in the template's order.
        captures: SmallVec<[&'p str; 4]>,
    },
    /// The path has routes, none for this method.
    MethodNotAllowed {
        /// The value of the `Allow` field (RFC 9110 §10.2.1): `GET, HEAD, POST`.
        allow: String,
    },
    /// No route has this path.
    NotFound,
}

#[derive(Debug, Default)]
struct Node {
    /// Sorted by text.
    literals: Vec<(Box<str>, usize)>,
    one: Option<usize>,
    rest: Option<Rest>,
    leaves: Vec<Leaf>,
}

#[derive(Debug)]
struct Rest {
    node: usize,
    /// How many segments may follow the `**`, longest first: the longer tail says more.
    tails: Vec<usize>,
}

/// The routes that end at a node with one custom verb, or with none.
#[derive(Debug)]
struct Leaf {
    custom: Option<Box<str>>,
    bound: Vec<(Verb, usize)>,
}

#[derive(Debug)]
struct Route<T> {
    value: T,
    name: String,
    spans: Box<[(usize, usize)]>,
    segments: usize,
    rest_at: Option<usize>,
}

impl<T> Router<T> {
    /// Starts an empty router.
    pub fn builder() -> Builder<T> {
        Builder::new()
    }

    /// Finds the route for a request's method and raw path (no query). HEAD falls to GET where it has no route.
    pub fn find<'p>(&self, method: &http::Method, path: &'p str) -> Found<'_, 'p, T> {
        let Some(starts) = split(path) else { return Found::NotFound };
        let plain = Reading { path, starts: &starts, end: path.len(), custom: None };
        let custom = if self.has_custom_verbs { plain.with_custom_verb() } else { None };
        let readings = [custom, Some(plain)];
        let mut found = self.find_verb(method.as_str(), &readings);
        if found.is_none() && *method == http::Method::HEAD {
            found = self.find_verb("GET", &readings);
        }
        match found {
            Some((route, reading)) => {
                let route = &self.routes[route];
                Found::Match { value: &route.value, captures: reading.captures(route) }
            }
            None => self.allowed(&readings),
        }
    }

    /// Every route's name and value, in order of insertion.
    pub fn routes(&self) -> impl Iterator<Item = (&str, &T)> {
        self.routes.iter().map(|route| (route.name.as_str(), &route.value))
    }

    fn find_verb<'s, 'p>(
        &self,
        name: &str,
        readings: &[Option<Reading<'s, 'p>>],
    ) -> Option<(usize, Reading<'s, 'p>)> {
        readings.iter().flatten().find_map(|&reading| {
            let route = self.walk(ROOT, 0, reading, &mut |leaf| leaf.route(name))?;
            Some((route, reading))
        })
    }

    /// Visits the leaves that match, the most specific first, until `visit` returns a route.
    fn walk(
        &self,
        node: usize,
        at: usize,
        reading: Reading<'_, '_>,
        visit: &mut dyn FnMut(&Leaf) -> Option<usize>,
    ) -> Option<usize> {
        let node = &self.nodes[node];
        let count = reading.starts.len();
        if at == count {
            let leaf = node.leaves.iter().find(|leaf| leaf.custom.as_deref() == reading.custom);
            if let Some(route) = leaf.and_then(&mut *visit) {
                return Some(route);
            }
        } else {
            let segment = reading.segment(at);
            if let Ok(found) = node.literals.binary_search_by(|(text, _)| (**text).cmp(segment))
                && let Some(route) = self.walk(node.literals[found].1, at + 1, reading, visit)
            {
                return Some(route);
            }
            if let Some(one) = node.one
                && !segment.is_empty()
                && let Some(route) = self.walk(one, at + 1, reading, visit)
            {
                return Some(route);
            }
        }
        let rest = node.rest.as_ref()?;
        rest.tails
            .iter()
            .filter(|&&tail| at + tail <= count)
            .find_map(|&tail| self.walk(rest.node, count - tail, reading, visit))
    }

    #[cold]
    fn allowed<'p>(&self, readings: &[Option<Reading<'_, '_>>]) -> Found<'_, 'p, T> {
        let mut names = std::collections::BTreeSet::new();
        for &reading in readings.iter().flatten() {
            self.walk(ROOT, 0, reading, &mut |leaf| {
                names.extend(leaf.bound.iter().map(|(verb, _)| verb.as_str().to_owned()));
                None
            });
        }
        if names.contains("GET") {
            names.insert("HEAD".to_owned());
        }
        if names.is_empty() {
            return Found::NotFound;
        }
        Found::MethodNotAllowed { allow: names.into_iter().collect::<Vec<_>>().join(", ") }
    }
}

const ROOT: usize = 0;

impl Leaf {
    /// A binding of the method itself comes before one of any method.
    fn route(&self, name: &str) -> Option<usize> {
        let of = |wanted: &str| {
            self.bound.iter().find(|(verb, _)| verb.as_str() == wanted).map(|&(_, route)| route)
        };
        of(name).or_else(|| of("*"))
    }
}

/// Where each segment starts; `None` when this is not an absolute path (`*` of `OPTIONS *`).
fn split(path: &str) -> Option<SmallVec<[usize; INLINE_SEGMENTS]>> {
    let mut starts = SmallVec::new();
    let rest = path.strip_prefix('/')?;
    if !rest.is_empty() {
        starts.push(1);
        starts.extend(memchr::memchr_iter(b'/', rest.as_bytes()).map(|at| at + 2));
    }
    Some(starts)
}

/// One way to read a path: with its custom verb split off, or whole.
#[derive(Clone, Copy)]
struct Reading<'s, 'p> {
    path: &'p str,
    starts: &'s [usize],
    /// Where the last segment ends.
    end: usize,
    custom: Option<&'p str>,
}

impl<'p> Reading<'_, 'p> {
    fn segment(&self, at: usize) -> &'p str {
        self.span(at, at + 1)
    }

    fn span(&self, from: usize, to: usize) -> &'p str {
        if from >= to {
            return "";
        }
        let end = self.starts.get(to).map_or(self.end, |next| next - 1);
        &self.path[self.starts[from]..end]
    }

    fn with_custom_verb(self) -> Option<Self> {
        let last = *self.starts.last()?;
        let colon = last + memchr::memrchr(b':', &self.path.as_bytes()[last..])?;
        Some(Reading { end: colon, custom: Some(&self.path[colon + 1..]), ..self })
    }

    fn captures<T>(&self, route: &Route<T>) -> SmallVec<[&'p str; 4]> {
        // Segments after the `**` stand further right by as many as it took, less its own place; or one further left.
        let shift = |at: usize| match route.rest_at {
            Some(rest) if at > rest => at + self.starts.len() - route.segments,
            _ => at,
        };
        route.spans.iter().map(|&(start, end)| self.span(shift(start), shift(end))).collect()
    }
}
