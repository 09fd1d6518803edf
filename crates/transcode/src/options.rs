//! What a caller may choose when parsing and printing, and the bounds both keep.

/// Messages may nest this deep: protobuf's own runtimes refuse more, and a stack of 100 frames is far from any limit.
pub const DEFAULT_DEPTH: u32 = 100;

/// Bytes one conversion may produce, unless configured: gRPC's own default limit of a message.
pub const DEFAULT_MAX_OUTPUT: usize = 4 << 20;

/// How JSON and parameters are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseOptions {
    /// Refuse fields and parameters the contract does not have, instead of ignoring and naming them.
    pub strict: bool,
    /// Deepest nesting of messages, lists and objects. Never more than [`DEFAULT_DEPTH`] is used.
    pub depth: u32,
    /// Most wire bytes a request may become.
    pub max_output: usize,
}

impl Default for ParseOptions {
    fn default() -> ParseOptions {
        ParseOptions { strict: false, depth: DEFAULT_DEPTH, max_output: DEFAULT_MAX_OUTPUT }
    }
}

/// How messages are printed as JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrintOptions {
    /// Print field names as the `.proto` file spells them, instead of lowerCamelCase.
    pub preserve_names: bool,
    /// Print fields without presence also when they hold their default (zeros, empty lists and maps).
    pub print_defaults: bool,
    /// Print enums as numbers instead of names.
    pub enums_as_numbers: bool,
    /// Deepest nesting of messages. Never more than [`DEFAULT_DEPTH`] is used.
    pub depth: u32,
    /// Most JSON bytes a response may become.
    pub max_output: usize,
}

impl Default for PrintOptions {
    fn default() -> PrintOptions {
        PrintOptions {
            preserve_names: false,
            print_defaults: false,
            enums_as_numbers: false,
            depth: DEFAULT_DEPTH,
            max_output: DEFAULT_MAX_OUTPUT * 4,
        }
    }
}
