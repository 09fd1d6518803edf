//! The reflection exchange. Both versions of the protocol have the same shape and different types, so one macro writes both.
//!
//! Descriptors are kept as the bytes that came: read into generated types and written again they would lose every custom
//! option, HTTP bindings among them.

use prost::Message as _;
use prost_types::FileDescriptorProto;
use std::collections::{BTreeMap, VecDeque};

/// Most files taken from one server, so that a broken one cannot fill memory: all of googleapis is about 8,000.
const MAX_FILES: usize = 20_000;

/// Largest sum of descriptors taken from one server.
const MAX_BYTES: usize = 256 << 20;

/// Files by name, and the imports not seen yet.
#[derive(Default)]
pub struct Files {
    seen: BTreeMap<String, Vec<u8>>,
    bytes: usize,
    wanted: VecDeque<String>,
}

impl Files {
    /// Takes serialised descriptors over and remembers which imports they lack.
    fn add(&mut self, descriptors: Vec<Vec<u8>>) -> Result<(), tonic::Status> {
        for bytes in descriptors {
            let file = FileDescriptorProto::decode(&bytes[..]).map_err(|error| {
                tonic::Status::data_loss(format!("a file descriptor cannot be read: {error}"))
            })?;
            self.wanted.extend(file.dependency.iter().cloned());
            self.bytes = self.bytes.saturating_add(bytes.len());
            self.seen.insert(file.name().to_owned(), bytes);
            if self.seen.len() > MAX_FILES || self.bytes > MAX_BYTES {
                let message = format!("more than {MAX_FILES} files or {MAX_BYTES} bytes of descriptors");
                return Err(tonic::Status::resource_exhausted(message));
            }
        }
        Ok(())
    }

    /// How many files there are.
    pub fn len(&self) -> usize {
        self.seen.len()
    }

    /// A serialised `google.protobuf.FileDescriptorSet` (`file = 1`), in the order of names.
    pub fn descriptor_set(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.bytes + 8 * self.seen.len());
        for bytes in self.seen.values() {
            prost::encoding::bytes::encode(1, bytes, &mut out);
        }
        out
    }

    /// The next import that no answer has brought.
    fn missing(&mut self) -> Option<String> {
        while let Some(name) = self.wanted.pop_front() {
            if !self.seen.contains_key(&name) {
                return Some(name);
            }
        }
        None
    }
}

macro_rules! reflection {
    ($version:ident) => {
        /// The exchange in this version's types.
        pub mod $version {
            use super::Files;
            use tonic::transport::Channel;
            use tonic::{Status, Streaming};
            use tonic_reflection::pb::$version as pb;

            use pb::server_reflection_client::ServerReflectionClient;
            use pb::server_reflection_request::MessageRequest;
            use pb::server_reflection_response::MessageResponse;

            struct Exchange {
                ask: tokio::sync::mpsc::Sender<pb::ServerReflectionRequest>,
                answers: Streaming<pb::ServerReflectionResponse>,
            }

            /// Every file that the server's services need.
            pub async fn pull(channel: Channel) -> Result<Files, Status> {
                let (ask, asked) = tokio::sync::mpsc::channel(1);
                // The server may answer only once it is asked, so the first question is sent before waiting for the stream.
                let question = |question| pb::ServerReflectionRequest {
                    host: String::new(),
                    message_request: Some(question),
                };
                let closed = || Status::unavailable("the reflection stream ended early");
                ask.send(question(MessageRequest::ListServices(String::new())))
                    .await
                    .map_err(|_| closed())?;
                let stream = tokio_stream::wrappers::ReceiverStream::new(asked);
                let answers = ServerReflectionClient::new(channel)
                    .max_decoding_message_size(64 << 20)
                    .server_reflection_info(stream)
                    .await?
                    .into_inner();
                let mut exchange = Exchange { ask, answers };
                let services = match exchange.next().await? {
                    MessageResponse::ListServicesResponse(list) => list.service,
                    _ => {
                        return Err(Status::internal("the list of services was answered with something else"))
                    }
                };
                let mut files = Files::default();
                // The reflection service itself is no contract of anybody's.
                for service in services.iter().filter(|one| !one.name.starts_with("grpc.reflection.")) {
                    let wanted = MessageRequest::FileContainingSymbol(service.name.clone());
                    files.add(exchange.files(question(wanted)).await?)?;
                }
                while let Some(name) = files.missing() {
                    match exchange.files(question(MessageRequest::FileByFilename(name.clone()))).await {
                        Ok(descriptors) => files.add(descriptors)?,
                        // Well-known imports come with Tenet; loading says which others are missing.
                        Err(status) if status.code() == tonic::Code::NotFound => {}
                        Err(status) => return Err(status),
                    }
                }
                Ok(files)
            }

            impl Exchange {
                async fn next(&mut self) -> Result<MessageResponse, Status> {
                    let answer = self.answers.message().await?;
                    match answer.and_then(|answer| answer.message_response) {
                        Some(MessageResponse::ErrorResponse(error)) => {
                            Err(Status::new(error.error_code.into(), error.error_message))
                        }
                        Some(answer) => Ok(answer),
                        None => Err(Status::unavailable("the reflection stream ended early")),
                    }
                }

                async fn files(
                    &mut self,
                    question: pb::ServerReflectionRequest,
                ) -> Result<Vec<Vec<u8>>, Status> {
                    let closed = |_| Status::unavailable("the reflection stream ended early");
                    self.ask.send(question).await.map_err(closed)?;
                    match self.next().await? {
                        MessageResponse::FileDescriptorResponse(files) => Ok(files.file_descriptor_proto),
                        _ => Err(Status::internal("a question for a file was answered with something else")),
                    }
                }
            }
        }
    };
}

reflection!(v1);
reflection!(v1alpha);
