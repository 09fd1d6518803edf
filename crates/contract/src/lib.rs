//! Contracts: .proto files with policy options become endpoints, policy and OpenAPI.
