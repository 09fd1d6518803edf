//! The query of a request: parameters to fields, as `google/api/http.proto` binds what neither path nor body does.

use super::path::{self, FieldPath, Found};
use super::{Binding, Body, parameter, percent};
use crate::error::excerpt;
use crate::table::Repeat;
use crate::{Codec, DEFAULT_DEPTH, ParseOptions, RequestError, Unknowns};
use smallvec::SmallVec;

/// Parameters of one query: far more than anyone writes, few enough that looking for repeats stays cheap.
const MAX_PARAMETERS: usize = 1000;

/// What the query has set so far.
#[derive(Default)]
struct Seen {
    fields: SmallVec<[u64; 16]>,
    /// A oneof, as the mark of the message that holds it and its index, and the member that is set.
    oneofs: SmallVec<[(u64, u16, u64); 4]>,
}

impl Binding {
    pub(super) fn query(
        &self,
        codec: &Codec,
        query: &str,
        options: &ParseOptions,
        out: &mut Vec<u8>,
        unknown: &mut Unknowns,
    ) -> Result<(), RequestError> {
        let before = out.len();
        let mut seen = Seen::default();
        let (mut name, mut value) = (Vec::new(), Vec::new());
        for (count, pair) in query.split('&').filter(|pair| !pair.is_empty()).enumerate() {
            let (raw_name, raw_value) = pair.split_once('=').unwrap_or((pair, ""));
            let refused = |message: &str| RequestError::Parameter {
                name: excerpt(raw_name.as_bytes()),
                message: message.to_owned(),
            };
            if count == MAX_PARAMETERS {
                return Err(refused("the query has more than 1000 parameters"));
            }
            name.clear();
            value.clear();
            let decoded = percent::decode(raw_name.as_bytes(), percent::Place::Query, &mut name)
                && percent::decode(raw_value.as_bytes(), percent::Place::Query, &mut value);
            if !decoded {
                return Err(refused("'%' is not followed by two hexadecimal digits"));
            }
            let Some(path) = self.target(codec, &name).map_err(refused)? else {
                ignore(&name, options, unknown)?;
                continue;
            };
            seen.add(codec, &path).map_err(refused)?;
            parameter::write(codec, &path, &value, options, out).map_err(|message| refused(&message))?;
            if out.len() - before > options.max_output {
                return Err(super::too_large());
            }
        }
        Ok(())
    }

    /// The field a parameter sets; nothing for a name the message does not have, and for fields that path or body bind:
    /// those are theirs alone, as in grpc-gateway.
    fn target(&self, codec: &Codec, name: &[u8]) -> Result<Option<FieldPath>, &'static str> {
        if matches!(self.body, Body::Whole | Body::WholeHttp) {
            return Ok(None);
        }
        let Ok(name) = std::str::from_utf8(name) else { return Ok(None) };
        let path = match path::resolve(codec, self.input, name, DEFAULT_DEPTH) {
            Found::Path(path) => path,
            Found::Nothing => return Ok(None),
            Found::Refused(why) => return Err(why),
        };
        let in_body = matches!(self.body, Body::Field(index) | Body::FieldHttp(index) if index == path.top());
        let in_path = self.variables.iter().any(|variable| variable.path.leads_to(&path));
        let is_map = path.leaf(codec).repeat == Repeat::Map;
        Ok((!in_body && !in_path && !is_map).then_some(path))
    }
}

impl Seen {
    /// Notes what a parameter sets; an error when another has set it before.
    fn add(&mut self, codec: &Codec, path: &FieldPath) -> Result<(), &'static str> {
        let mut holder = 0;
        for (field, mark) in path.fields(codec).zip(path.marks()) {
            if let Some(oneof) = field.oneof {
                let set = self.oneofs.iter().find(|set| (set.0, set.1) == (holder, oneof));
                match set {
                    Some(set) if set.2 != mark => {
                        return Err("another field of the same oneof is given already");
                    }
                    Some(_) => {}
                    None => self.oneofs.push((holder, oneof, mark)),
                }
            }
            holder = mark;
        }
        if path.leaf(codec).repeat == Repeat::List {
            return Ok(());
        }
        if self.fields.contains(&holder) {
            return Err("the parameter is given twice, and its field holds one value");
        }
        self.fields.push(holder);
        Ok(())
    }
}

fn ignore(name: &[u8], options: &ParseOptions, unknown: &mut Unknowns) -> Result<(), RequestError> {
    let name = || excerpt(name);
    if options.strict {
        return Err(RequestError::UnknownParameter { name: name() });
    }
    unknown.add_parameter(name);
    Ok(())
}
