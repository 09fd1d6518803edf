//! Histories good and bad, by hand, by chance and by exhaustion.

mod account;
mod aged;
mod brute;
mod concrete;
mod feed;
mod generate;
mod lease;
mod lines;
mod properties;
mod record;
mod register;
mod rows;
mod size;
