//! Reflection (`grpc.reflection.v1` and `v1alpha`, which older tools still ask for) and what the descriptor sets say
//! about the methods there are.

use crate::Error;
use crate::methods::{self, Method};
use tonic_reflection::server::{Builder, v1, v1alpha};

/// The descriptor sets of one service.
pub(crate) struct Descriptors<'a> {
    /// Name of the service, for errors.
    pub(crate) service: &'a str,
    /// Encoded sets in the order they were added.
    pub(crate) sets: &'a [&'static [u8]],
    /// Full names of the protobuf services that are served; the sets may hold more, for instance those it calls.
    pub(crate) served: &'a [&'static str],
}

impl Descriptors<'_> {
    /// Both versions of the reflection service. They serve the bytes as they came, so that options a generic type would
    /// not know, such as `google.api.http`, reach whoever asks.
    pub(crate) fn reflection(
        &self,
    ) -> Result<
        (
            v1::ServerReflectionServer<impl v1::ServerReflection>,
            v1alpha::ServerReflectionServer<impl v1alpha::ServerReflection>,
        ),
        Error,
    > {
        let failed = |error: tonic_reflection::server::Error| self.error(self.sets.len(), error.to_string());
        let v1 = self.builder().with_service_name("grpc.reflection.v1.ServerReflection").build_v1();
        let v1alpha =
            self.builder().with_service_name("grpc.reflection.v1alpha.ServerReflection").build_v1alpha();
        Ok((v1.map_err(failed)?, v1alpha.map_err(failed)?))
    }

    fn builder(&self) -> Builder<'_> {
        let mut builder = Builder::configure()
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .with_service_name("grpc.health.v1.Health");
        for set in self.sets {
            builder = builder.register_encoded_file_descriptor_set(set);
        }
        for name in self.served {
            builder = builder.with_service_name(*name);
        }
        builder
    }

    /// Every method that is served and described, and gRPC's own.
    pub(crate) fn methods(&self) -> Result<Vec<Method>, Error> {
        let mut methods = methods::standard(self.served);
        for (index, set) in self.sets.iter().enumerate() {
            let described = methods::described(set, self.served);
            methods.extend(described.map_err(|error| self.error(index, error.to_string()))?);
        }
        Ok(methods)
    }

    fn error(&self, index: usize, reason: String) -> Error {
        Error::DescriptorSet { service: self.service.to_owned(), index, reason }
    }
}
