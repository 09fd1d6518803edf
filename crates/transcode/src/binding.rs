//! One REST binding compiled: how captures, query and body become the request message, and the response a body.

mod http_body;
mod parameter;
mod path;
mod percent;
mod query;

use crate::table::{Kind, Repeat, Shape};
use crate::{
    Codec, CompileError, DEFAULT_DEPTH, JsonError, MessageId, ParseOptions, PrintOptions, RequestError,
    Unknowns, WireError,
};
use path::{FieldPath, Found};
use std::ops::Range;

/// A variable of the path template (`{user.id}`, `{name=shelves/*}`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// The field path as written in the template.
    pub field_path: String,
    /// True when its pattern spans several segments: then `%2F` in a capture stays as it is (`google/api/http.proto`).
    pub multi_segment: bool,
}

/// What the HTTP request body is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodyRule {
    /// Nothing: the request has no body (`GET`).
    None,
    /// The whole message (`body: "*"`); there are no query parameters.
    Whole,
    /// One top-level field; other fields come from path and query.
    Field(String),
}

/// The body of one request.
#[derive(Clone, Copy, Debug)]
pub enum RequestBody<'a> {
    /// ProtoJSON of what [`BodyRule`] names.
    Json(&'a [u8]),
    /// Raw bytes for a `google.api.HttpBody`, see [`Binding::takes_http_body`].
    Http {
        /// The request's `Content-Type`, empty when it has none.
        content_type: &'a str,
        /// The bytes as they came.
        data: &'a [u8],
    },
    /// No body was sent.
    Empty,
}

/// What [`Binding::response`] made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResponseKind {
    /// JSON was appended to `out`.
    Json,
    /// The response is a `google.api.HttpBody`: nothing was appended, the bytes stay where they are.
    HttpBody {
        /// Its `content_type`, possibly empty. Not checked to be a legal header value.
        content_type: String,
        /// Where its `data` lies in the wire bytes given.
        data: Range<usize>,
    },
}

/// One REST binding of a method, compiled against the tables of its messages.
#[derive(Clone, Debug)]
pub struct Binding {
    input: MessageId,
    output: MessageId,
    variables: Vec<Bound>,
    body: Body,
    answer: Answer,
}

/// A path variable and the field it sets.
#[derive(Clone, Debug)]
struct Bound {
    name: String,
    path: FieldPath,
    multi_segment: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Body {
    None,
    Whole,
    /// An index into the input's fields.
    Field(usize),
    WholeHttp,
    FieldHttp(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Whole,
    /// An index into the output's fields.
    Field(usize),
    WholeHttp,
    FieldHttp(usize),
}

impl Binding {
    /// Compiles a binding. `response_body` names a top-level field of `output`, or nothing for all of it.
    pub fn compile(
        codec: &Codec,
        input: MessageId,
        output: MessageId,
        variables: &[Variable],
        body: BodyRule,
        response_body: Option<&str>,
    ) -> Result<Binding, CompileError> {
        let variables =
            variables.iter().map(|variable| bound(codec, input, variable)).collect::<Result<_, _>>()?;
        let body = match body {
            BodyRule::None => Body::None,
            BodyRule::Whole if http_body::is(codec.table(input.0)) => Body::WholeHttp,
            BodyRule::Whole => Body::Whole,
            BodyRule::Field(name) => match top_field(codec, input, &name, "body")? {
                (index, true) => Body::FieldHttp(index),
                (index, false) => Body::Field(index),
            },
        };
        let answer = match response_body.filter(|name| !name.is_empty()) {
            None if http_body::is(codec.table(output.0)) => Answer::WholeHttp,
            None => Answer::Whole,
            Some(name) => match top_field(codec, output, name, "response_body")? {
                (index, true) => Answer::FieldHttp(index),
                (index, false) => Answer::Field(index),
            },
        };
        Ok(Binding { input, output, variables, body, answer })
    }

    /// Appends the request message to `out`. `captures` are raw (still percent-encoded), one for each variable in
    /// order; `query` is what follows `?`, raw. After an error `out` is as long as it was before.
    ///
    /// The wire format merges what is appended, so body, query and path are written one after the other and the path
    /// has the last word.
    #[allow(clippy::too_many_arguments)] // each is a separate part of one HTTP request
    pub fn request(
        &self,
        codec: &Codec,
        captures: &[&str],
        query: Option<&str>,
        body: RequestBody<'_>,
        options: &ParseOptions,
        out: &mut Vec<u8>,
        unknown: &mut Unknowns,
    ) -> Result<(), RequestError> {
        let before = out.len();
        let written = self
            .body(codec, body, options, out, unknown)
            .and_then(|()| match query {
                Some(query) => self.query(codec, query, options, out, unknown),
                None => Ok(()),
            })
            .and_then(|()| self.captures(codec, captures, options, out))
            .and_then(|()| match out.len() - before > options.max_output {
                true => Err(too_large()),
                false => Ok(()),
            });
        if written.is_err() {
            out.truncate(before);
        }
        written
    }

    fn body(
        &self,
        codec: &Codec,
        body: RequestBody<'_>,
        options: &ParseOptions,
        out: &mut Vec<u8>,
        unknown: &mut Unknowns,
    ) -> Result<(), RequestError> {
        let (content_type, data) = match body {
            RequestBody::Empty => return Ok(()),
            RequestBody::Json(data) => ("application/json", data),
            RequestBody::Http { content_type, data } => (content_type, data),
        };
        let table = codec.table(self.input.0);
        match self.body {
            // A body where the binding has none is not looked at, as HTTP wants it for GET (RFC 9110 §9.3.1).
            Body::None => {}
            Body::Whole if self.variables.is_empty() => {
                codec.json_to_wire(self.input, data, options, out, unknown)?;
            }
            Body::Whole => codec.partial_json_to_wire(self.input, data, options, out, unknown)?,
            Body::Field(index) => {
                codec.json_field_to_wire(&table.fields[index], data, options, out, unknown)?;
            }
            Body::WholeHttp | Body::FieldHttp(_) if data.len() > options.max_output => {
                return Err(too_large());
            }
            Body::WholeHttp => http_body::write(content_type, data, out),
            Body::FieldHttp(index) => {
                let field = &table.fields[index];
                parameter::nested(field, out, |out| {
                    http_body::write(content_type, data, out);
                    Ok::<(), RequestError>(())
                })?;
            }
        }
        Ok(())
    }

    fn captures(
        &self,
        codec: &Codec,
        captures: &[&str],
        options: &ParseOptions,
        out: &mut Vec<u8>,
    ) -> Result<(), RequestError> {
        let mut value = Vec::new();
        for (index, variable) in self.variables.iter().enumerate() {
            let refused = |message: String| RequestError::Parameter { name: variable.name.clone(), message };
            let Some(raw) = captures.get(index) else {
                return Err(refused("the path has no such part".to_owned()));
            };
            value.clear();
            let decoded =
                percent::decode(raw.as_bytes(), percent::Place::path(variable.multi_segment), &mut value);
            if !decoded {
                return Err(refused("'%' is not followed by two hexadecimal digits".to_owned()));
            }
            parameter::write(codec, &variable.path, &value, options, out).map_err(refused)?;
        }
        Ok(())
    }

    /// Turns the response message into the HTTP body.
    pub fn response(
        &self,
        codec: &Codec,
        wire: &[u8],
        options: &PrintOptions,
        out: &mut Vec<u8>,
    ) -> Result<ResponseKind, WireError> {
        let table = codec.table(self.output.0);
        match self.answer {
            Answer::Whole => codec.wire_to_json(self.output, wire, options, out)?,
            Answer::Field(index) => {
                codec.wire_field_to_json(self.output, &table.fields[index], wire, options, out)?;
            }
            Answer::WholeHttp => return http_body::read(table, wire, None),
            Answer::FieldHttp(index) => return http_body::read(table, wire, Some(&table.fields[index])),
        }
        Ok(ResponseKind::Json)
    }

    /// True when the request body is a `google.api.HttpBody`: any media type is taken, as raw bytes.
    pub fn takes_http_body(&self) -> bool {
        matches!(self.body, Body::WholeHttp | Body::FieldHttp(_))
    }

    /// True when the response body is a `google.api.HttpBody`.
    pub fn gives_http_body(&self) -> bool {
        matches!(self.answer, Answer::WholeHttp | Answer::FieldHttp(_))
    }
}

#[cold]
fn too_large() -> RequestError {
    let message = "the message exceeds the limit of its size".to_owned();
    RequestError::Json(JsonError { offset: 0, path: String::new(), message, unknown_field: false })
}

fn bound(codec: &Codec, input: MessageId, variable: &Variable) -> Result<Bound, CompileError> {
    let table = codec.table(input.0);
    let wrong = |message: String| CompileError::new(&*table.full_name, message);
    let name = &variable.field_path;
    let path = match path::resolve(codec, input, name, DEFAULT_DEPTH) {
        Found::Path(path) => path,
        Found::Nothing => return Err(wrong(format!("no field \"{name}\", which the path binds"))),
        Found::Refused(why) => return Err(wrong(format!("the path binds \"{name}\", but {why}"))),
    };
    let leaf = path.leaf(codec);
    let scalar = match leaf.kind {
        Kind::Message(id) => {
            matches!(codec.table(id).shape, Shape::Timestamp | Shape::Duration | Shape::Wrapper)
        }
        _ => true,
    };
    if leaf.repeat != Repeat::Single || !scalar {
        return Err(wrong(format!("the path binds \"{name}\", which is not a single scalar value")));
    }
    Ok(Bound { name: name.clone(), path, multi_segment: variable.multi_segment })
}

/// The top-level field a binding names, and whether it is a `google.api.HttpBody`.
fn top_field(
    codec: &Codec,
    message: MessageId,
    name: &str,
    what: &str,
) -> Result<(usize, bool), CompileError> {
    let table = codec.table(message.0);
    let Some(index) = table.by_name(name.as_bytes()) else {
        return Err(CompileError::new(&*table.full_name, format!("no field \"{name}\", which {what} names")));
    };
    let field = &table.fields[index];
    let http = match field.kind {
        Kind::Message(id) => field.repeat == Repeat::Single && http_body::is(codec.table(id)),
        _ => false,
    };
    Ok((index, http))
}
