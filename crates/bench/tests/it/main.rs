//! The registry as a whole, and the program as it is called.

mod program;
mod registry;
