//! Where in the document the parser is: a list through the stack, turned into text only for errors and unknown names.

/// A step of the path and the steps before it. Costs a pointer to pass down, and nothing else until it is needed.
#[derive(Clone, Copy)]
pub(crate) struct Place<'p> {
    before: Option<&'p Place<'p>>,
    step: Step<'p>,
}

#[derive(Clone, Copy)]
enum Step<'p> {
    Root,
    Member(&'p [u8]),
    Index(usize),
}

impl<'p> Place<'p> {
    pub const ROOT: Place<'static> = Place { before: None, step: Step::Root };

    pub fn member(&'p self, name: &'p [u8]) -> Place<'p> {
        Place { before: Some(self), step: Step::Member(name) }
    }

    pub fn index(&'p self, index: usize) -> Place<'p> {
        Place { before: Some(self), step: Step::Index(index) }
    }

    /// `a.b[3].c`. Member names are cut: one may be as long as the sender likes.
    pub fn path(&self) -> String {
        let mut path = self.before.map(Place::path).unwrap_or_default();
        match self.step {
            Step::Root => {}
            Step::Index(index) => path.push_str(&format!("[{index}]")),
            Step::Member(name) => {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(&crate::error::excerpt(name));
            }
        }
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reads_from_the_root() {
        let a = Place::ROOT.member(b"a");
        let b = a.member(b"b");
        let third = b.index(3);
        assert_eq!(third.member(b"c").path(), "a.b[3].c");
        assert_eq!(Place::ROOT.path(), "");
        assert_eq!(Place::ROOT.index(0).path(), "[0]");
    }
}
