//! The command line: one file per subcommand, a reporter that shows events, and failures as exit codes and hints.
//!
//! Standard output is the result, standard error is the telling. Nothing below this layer prints.

mod args;
mod build;
mod check;
mod completions;
mod config;
mod context;
mod deploy;
mod failure;
mod gc;
mod graph;
mod history;
mod init;
mod lab;
mod man;
mod output;
mod release;
mod reporter;
mod rollback;
mod rollout;
mod run;
mod runner;
mod skip;
mod start;
mod status;
mod table;
mod test;
mod units;
mod workshop;

pub use args::Cli;
pub use context::Context;
pub use failure::Failure;
pub use start::main;
