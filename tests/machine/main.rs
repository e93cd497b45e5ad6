//! The machine step by step: what it makes of an answer, and of what an attempt before it left behind.

mod answers;
mod ending;
mod groups;
mod odd;
mod order;
mod parting;
mod reader;
mod recovery;
