//! Building a router: insertion and the conflicts it finds.

use super::{Leaf, Node, ROOT, Rest, Route, Router};
use crate::template::{Segment, Template};
use crate::{Verb, template};

/// A router being filled.
#[derive(Debug)]
pub struct Builder<T> {
    router: Router<T>,
}

/// Two routes that match exactly the same requests.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{second}` matches the same requests as `{first}`")]
pub struct Conflict {
    /// The route that was there.
    pub first: String,
    /// The route that was to be inserted.
    pub second: String,
}

impl<T> Builder<T> {
    pub(super) fn new() -> Builder<T> {
        let router = Router { nodes: vec![Node::default()], routes: Vec::new(), has_custom_verbs: false };
        Builder { router }
    }

    /// Adds a route; `name` is what a conflict calls it.
    ///
    /// # Errors
    /// A route of the same verb and the same shape is there: the templates are equal when variables are replaced by
    /// what they match. The router is unchanged.
    pub fn insert(&mut self, verb: &Verb, template: &Template, value: T, name: &str) -> Result<(), Conflict> {
        let node = self.node_for(template.segments());
        let router = &mut self.router;
        let leaves = &mut router.nodes[node].leaves;
        let leaf = match leaves.iter().position(|leaf| leaf.custom.as_deref() == template.verb()) {
            Some(found) => &mut leaves[found],
            None => {
                leaves.push(Leaf { custom: template.verb().map(Into::into), bound: Vec::new() });
                let last = leaves.len() - 1;
                &mut leaves[last]
            }
        };
        if let Some((_, taken)) = leaf.bound.iter().find(|(bound, _)| bound == verb) {
            return Err(Conflict { first: router.routes[*taken].name.clone(), second: name.to_owned() });
        }
        leaf.bound.push((verb.clone(), router.routes.len()));
        router.has_custom_verbs |= template.verb().is_some();
        router.routes.push(route(template, value, name));
        Ok(())
    }

    /// The finished router.
    pub fn build(self) -> Router<T> {
        self.router
    }

    fn node_for(&mut self, segments: &[Segment]) -> usize {
        let nodes = &mut self.router.nodes;
        let mut node = ROOT;
        for (at, segment) in segments.iter().enumerate() {
            let next = nodes.len();
            let parent = &mut nodes[node];
            let child = match segment {
                Segment::Literal(text) => {
                    match parent.literals.binary_search_by(|(known, _)| (**known).cmp(text.as_str())) {
                        Ok(found) => parent.literals[found].1,
                        Err(place) => {
                            parent.literals.insert(place, (text.as_str().into(), next));
                            next
                        }
                    }
                }
                Segment::One => *parent.one.get_or_insert(next),
                Segment::Rest => {
                    let rest = parent.rest.get_or_insert_with(|| Rest { node: next, tails: Vec::new() });
                    let tail = segments.len() - at - 1;
                    if let Err(place) = rest.tails.binary_search_by(|known| tail.cmp(known)) {
                        rest.tails.insert(place, tail);
                    }
                    rest.node
                }
            };
            if child == next {
                nodes.push(Node::default());
            }
            node = child;
        }
        node
    }
}

fn route<T>(template: &Template, value: T, name: &str) -> Route<T> {
    let spans = template.variables().iter().map(|v: &template::Variable| (v.start, v.end)).collect();
    let segments = template.segments();
    Route {
        value,
        name: name.to_owned(),
        spans,
        segments: segments.len(),
        rest_at: segments.iter().position(|segment| *segment == Segment::Rest),
    }
}
