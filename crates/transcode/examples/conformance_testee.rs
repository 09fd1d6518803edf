//! The program the protobuf conformance runner drives: every answer comes out of the codec's tables.
//!
//! Requests and responses pass over standard input and output, each behind its length in four little-endian bytes.

use prost::Message;
use std::io::{Read, Write};
use tenet_transcode::{Codec, MessageId, ParseOptions, PrintOptions, Unknowns};

/// The messages of the conformance suite, compiled once by protoc since it speaks of editions; see
/// `conformance/README.md`.
const TEST_MESSAGES: &[u8] = include_bytes!("../conformance/test_messages.binpb");

/// A request larger than this is not one of the runner's.
const MAX_REQUEST: u32 = 64 << 20;

/// `conformance.ConformanceRequest`, as far as it is used here.
#[derive(Clone, PartialEq, Message)]
struct Request {
    #[prost(oneof = "Payload", tags = "1, 2, 7, 8")]
    payload: Option<Payload>,
    #[prost(int32, tag = "3")]
    requested_output_format: i32,
    #[prost(string, tag = "4")]
    message_type: String,
    #[prost(int32, tag = "5")]
    test_category: i32,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Payload {
    #[prost(bytes, tag = "1")]
    Protobuf(Vec<u8>),
    // Bytes: some cases send JSON that is no UTF-8, which must be our parser's finding.
    #[prost(bytes, tag = "2")]
    Json(Vec<u8>),
    #[prost(bytes, tag = "7")]
    Jspb(Vec<u8>),
    #[prost(bytes, tag = "8")]
    Text(Vec<u8>),
}

/// `conformance.ConformanceResponse`.
#[derive(Clone, PartialEq, Message)]
struct Response {
    #[prost(oneof = "Answer", tags = "1, 2, 3, 4, 5, 6")]
    answer: Option<Answer>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Answer {
    #[prost(string, tag = "1")]
    ParseError(String),
    #[prost(string, tag = "2")]
    RuntimeError(String),
    #[prost(bytes, tag = "3")]
    Protobuf(Vec<u8>),
    #[prost(bytes, tag = "4")]
    Json(Vec<u8>),
    #[prost(string, tag = "5")]
    Skipped(String),
    #[prost(string, tag = "6")]
    SerializeError(String),
}

const PROTOBUF: i32 = 1;
const JSON: i32 = 2;
const JSON_IGNORE_UNKNOWN: i32 = 3;

/// Whatever the input format, the message passes through its canonical wire form.
fn answer(codec: &Codec, request: &Request) -> Answer {
    let Some(message) = codec.message(&request.message_type) else {
        return Answer::RuntimeError(format!("no message {}", request.message_type));
    };
    let wire = match &request.payload {
        Some(Payload::Protobuf(wire)) => {
            let mut out = Vec::new();
            match codec.canonical(message, wire, &mut out) {
                Ok(()) => out,
                Err(error) => return Answer::ParseError(error.to_string()),
            }
        }
        Some(Payload::Json(json)) => match from_json(codec, message, json, request.test_category) {
            Ok(wire) => wire,
            Err(answer) => return answer,
        },
        _ => return Answer::Skipped("neither binary nor JSON".to_owned()),
    };
    match request.requested_output_format {
        PROTOBUF => Answer::Protobuf(wire),
        JSON => {
            let mut json = Vec::new();
            match codec.wire_to_json(message, &wire, &PrintOptions::default(), &mut json) {
                Ok(()) => Answer::Json(json),
                Err(error) => Answer::SerializeError(error.to_string()),
            }
        }
        _ => Answer::Skipped("neither binary nor JSON".to_owned()),
    }
}

fn from_json(codec: &Codec, message: MessageId, json: &[u8], category: i32) -> Result<Vec<u8>, Answer> {
    let options = ParseOptions { strict: category != JSON_IGNORE_UNKNOWN, ..ParseOptions::default() };
    let (mut wire, mut unknown) = (Vec::new(), Unknowns::new());
    match codec.json_to_wire(message, json, &options, &mut wire, &mut unknown) {
        Ok(()) => Ok(wire),
        Err(error) => Err(Answer::ParseError(error.to_string())),
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let codec = Codec::from_descriptor_set(TEST_MESSAGES)?;
    let (mut input, mut output) = (std::io::stdin().lock(), std::io::stdout().lock());
    let mut length = [0; 4];
    // Ends with the runner's end of input.
    while input.read_exact(&mut length).is_ok() {
        let length = u32::from_le_bytes(length);
        if length > MAX_REQUEST {
            return Err("the request is too long to be the runner's".into());
        }
        let mut request = vec![0; length as usize];
        input.read_exact(&mut request)?;
        let answer = match Request::decode(&*request) {
            Ok(request) => answer(&codec, &request),
            Err(error) => Answer::RuntimeError(error.to_string()),
        };
        let response = Response { answer: Some(answer) }.encode_to_vec();
        output.write_all(&(response.len() as u32).to_le_bytes())?;
        output.write_all(&response)?;
        output.flush()?;
    }
    Ok(())
}
