//! Tables and properties of picking.
