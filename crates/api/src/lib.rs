//! Generated types of the platform's own contracts under proto/.
