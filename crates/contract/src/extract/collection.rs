//! Reads the messages that are schemas of collections.

use super::Work;
use super::place::Place;
use crate::{Collection, Diagnostic, Location};
use prost_reflect::{DescriptorPool, MessageDescriptor};
use tenet_collection::{OPTION, Schema};

impl Work<'_> {
    /// Every message with the option, ordered by full name; what is wrong with one is reported, and it is left out.
    pub(super) fn collections(&mut self, pool: &DescriptorPool) -> Vec<Collection> {
        let mut messages: Vec<MessageDescriptor> = pool.all_messages().collect();
        messages.sort_by(|a, b| a.full_name().cmp(b.full_name()));
        messages.iter().filter_map(|message| self.collection(message)).collect()
    }

    fn collection(&mut self, message: &MessageDescriptor) -> Option<Collection> {
        let read = Schema::of(message)?;
        let file = message.parent_file();
        let place = Place::new(&file, message.path());
        match read {
            Ok(schema) => Some(Collection {
                schema,
                comment: self.comments.of(&file, message.path()),
                file: file.name().to_owned(),
                line: place.line(),
                written: self.written(&place),
            }),
            Err(problems) => {
                for problem in problems {
                    // What is about the option as a whole stands at the option.
                    let token = if problem.token.is_empty() { OPTION } else { &problem.token };
                    let finding = Diagnostic::error(problem.message).hint(&problem.hint);
                    self.found.push(place.finding_within(self.texts, finding, problem.within, token));
                }
                None
            }
        }
    }

    fn written(&self, place: &Place) -> Location {
        let Diagnostic { file, line, column, line_text, .. } =
            place.finding(self.texts, Diagnostic::error(""), OPTION);
        Location { file, line, column, line_text }
    }
}
