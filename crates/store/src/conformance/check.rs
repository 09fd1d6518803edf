//! A check: one thing an engine must do, tried on a place of its own.

use super::guarantee::Guarantee;
use super::problem::Checked;
use super::site::Site;
use std::future::Future;
use std::pin::Pin;

/// What a check answers, later.
pub(super) type Checking<'a> = Pin<Box<dyn Future<Output = Checked> + Send + 'a>>;

/// One thing an engine must do.
#[derive(Clone, Copy)]
pub(super) struct Check {
    /// Its table.
    pub area: &'static str,
    /// What must be so, as a sentence with underscores.
    pub name: &'static str,
    /// What it is evidence of. None: every engine must do it.
    pub evidence: Option<Guarantee>,
    /// Tries it.
    pub run: for<'a> fn(&'a mut Site) -> Checking<'a>,
}

impl Check {
    /// How it is named in reports and chosen by [`super::Options::only`].
    pub fn title(&self) -> String {
        format!("{}: {}", self.area, self.name.replace('_', " "))
    }
}

/// The function `checks` of a table: its checks by the names of their functions, each with what it is evidence of.
macro_rules! checks {
    ($area:literal; $($name:ident $(=> $guarantee:ident)?),+ $(,)?) => {
        pub(in crate::conformance) fn checks() -> Vec<$crate::conformance::check::Check> {
            vec![$($crate::conformance::check::Check {
                area: $area,
                name: stringify!($name),
                evidence: $crate::conformance::check::evidence![$($guarantee)?],
                run: |site| Box::pin($name(site)),
            }),+]
        }
    };
}

/// What stands behind the arrow, if anything does.
macro_rules! evidence {
    () => {
        None
    };
    ($guarantee:ident) => {
        Some($crate::conformance::guarantee::Guarantee::$guarantee)
    };
}

pub(super) use {checks, evidence};
