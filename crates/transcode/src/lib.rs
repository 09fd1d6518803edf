//! JSON to protobuf wire bytes and back, by tables compiled once per message type.
