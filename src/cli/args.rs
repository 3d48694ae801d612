//! The arguments, as clap reads them.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Takes a container stack from commit to CoreOS.
#[derive(Debug, Parser)]
#[command(name = "longshore", version, about, long_about = None, propagate_version = true, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 done, 1 the work failed, 2 wrong use or invalid definition, 3 refused, \
    4 something could not be reached and nothing was changed, 5 a bug in longshore, 130 interrupted."
)]
pub struct Cli {
    /// Options that stand before the command.
    #[command(flatten)]
    pub definition: DefinitionOptions,
    /// Options that stand anywhere.
    #[command(flatten)]
    pub global: GlobalOptions,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Which definition is meant.
#[derive(Debug, Clone, Args)]
pub struct DefinitionOptions {
    /// Work in DIR instead of the current folder
    #[arg(short = 'C', value_name = "DIR")]
    pub directory: Option<PathBuf>,
    /// Read this definition; several are merged in order
    #[arg(short, long, value_name = "FILE")]
    pub file: Vec<PathBuf>,
    /// Read interpolation variables from FILE instead of `.env`; several are merged in order
    #[arg(long, value_name = "FILE")]
    pub env_file: Vec<PathBuf>,
}

/// How longshore speaks, and where it keeps its record.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Options anywhere")]
pub struct GlobalOptions {
    /// How results and progress are written
    #[arg(long, global = true, value_enum, default_value_t = Format::Human, value_name = "FORMAT")]
    pub format: Format,
    /// Tell only warnings, what failed, and the result
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Tell every line that builds and containers print, too
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// When to use colour; `auto` honours NO_COLOR
    #[arg(long, global = true, value_enum, default_value_t = Colour::Auto, value_name = "WHEN")]
    pub color: Colour,
    /// Keep the record here: a path of an SQLite file
    #[arg(
        long,
        global = true,
        env = "LONGSHORE_LEDGER",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub ledger: Option<String>,
}

/// How results and progress are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Human,
    /// One object for a query; one event a line for long work.
    Json,
}

/// When colour is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Colour {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a `longshore.yaml` for the definition found here
    Init(super::init::Arguments),
    /// Validate everything; list every problem with file, line and column
    Check,
    /// Print the resolved cluster as YAML that is a definition itself, or as JSON
    Config,
    /// Print which service needs which, and why
    Graph(super::graph::Arguments),
    /// Build images in dependency order
    Build(super::build::Arguments),
    /// Run tests with their linked containers; builds first what is stale
    Test(super::test::Arguments),
    /// Remove what killed runs left, and images of earlier builds that no release has
    Gc(super::gc::Arguments),
    /// Render the unit files of every host, with the images that are built
    Units(super::units::Arguments),
    /// Throw-away CoreOS-like hosts as containers on the local engine, to try and to test on
    Lab(super::lab::Arguments),
    /// Make a release of this tree if it is green, and print its id
    Release(super::release::Arguments),
    /// Build, test, release and, with -e, deploy: what a server does on a push
    Run(super::run::Arguments),
    /// Show what a deploy would do, as a diff
    Plan(super::deploy::PlanArguments),
    /// Roll a green release out: this tree's, or the one named
    Deploy(super::deploy::DeployArguments),
    /// Return to an earlier deployment: the one before, unless said
    Rollback(super::rollback::Arguments),
    /// Show what runs where: healthy, drifted or unreachable
    Status(super::status::Arguments),
    /// Show builds, tests, releases and deployments: who, when, commit, verdict
    History(super::history::Arguments),
    /// Print a completion script for a shell
    Completions(super::completions::Arguments),
    /// Print the manual page
    Man,
}
